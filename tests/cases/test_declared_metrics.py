"""Metrics of both spellings reach Collate, on servers that have them and as they have them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.plan.selection.scope import Scope
from tests.cases.runner import Cases, Place, cases, load_case

pytestmark = pytest.mark.asyncio(loop_scope="module")
SPELLINGS = ("declared-metrics-measures", "declared-metrics-inline")
EXPRESSIONS = {
    "revenue": "SUM(amount)",
    "paid_revenue": "SUM(amount)",
    "average_order": "revenue / order_count",
    "revenue_growth": "now - before, before = revenue 7 days earlier",
    "revenue_mtd": "revenue, month to date, last value of a period",
    "revenue_7d": "revenue over 7 days",
    "visit_to_order": "visit_count to order_count by customer within 7 days, conversion rate",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["1.6.2", "1.9.8", "1.13.0", "2.0.7"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Cases]:
    async with cases(request.param) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def place(world: Cases, tmp_path: Path) -> AsyncIterator[Place]:
    """An empty service, and a server without metrics."""
    found = world.place(tmp_path)
    await add_words(found)
    yield found
    for metric in (await metrics(found)).values():
        await world.http.delete(f"/api/v1/metrics/{metric['id']}")


async def add_words(place: Place) -> None:
    """The domain and the term that the metrics name."""
    await place.send("PUT", "domains", {"name": "Sales", "domainType": "Aggregate", "description": "Sales"})
    await place.send("PUT", "glossaries", {"name": "Business", "displayName": "B", "description": "B"})
    await place.send("PUT", "glossaryTerms", {"name": "Revenue", "glossary": "Business", "description": "R"})


async def metrics(place: Place) -> dict[str, dict[str, Any]]:
    fields = "owners,tags,relatedMetrics,extension"
    fields += ",domains" if place.cases.collate.dialect.many_domains else ",domain"
    answer = await place.cases.http.get("/api/v1/metrics", params={"fields": fields, "limit": 1000})
    return {item["name"]: item for item in answer.json()["data"]}


async def edges(place: Place, metric: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What the metric has an edge from, below the service, with the column lineage of the edge."""
    answer = await place.cases.http.get(
        f"/api/v1/lineage/metric/{metric['id']}", params={"upstreamDepth": 1, "downstreamDepth": 0}
    )
    body = answer.json()
    names = {node["id"]: node["fullyQualifiedName"] for node in body["nodes"]}
    prefix = f"{place.service}."
    return {
        names[edge["fromEntity"]].removeprefix(prefix): edge["lineageDetails"].get("columnsLineage", [])
        for edge in body["upstreamEdges"]
    }


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_metrics_are_written_once(place: Place, spelling: str) -> None:
    first = await place.twice(load_case(spelling))
    assert first.failures == []
    assert first.finished.outcome == "ok"
    there = await metrics(place)
    code = {name: item["metricExpression"]["code"] for name, item in there.items()}
    assert {name: code[name] for name in EXPRESSIONS} == EXPRESSIONS
    assert {item["metricExpression"]["language"] for item in there.values()} == {"SQL"}
    assert "metrics" not in {item.kind for item in first.plan.not_written}


async def test_metric_fields_are_those_of_the_server(place: Place) -> None:
    await place.twice(load_case("declared-metrics-inline"))
    dialect = place.cases.collate.dialect
    there = await metrics(place)
    revenue = there["revenue"]
    assert {tag["tagFQN"] for tag in revenue["tags"]} == {"dbtTags.money", "Tier.Tier2", "Business.Revenue"}
    assert [owner["name"] for owner in revenue["owners"]] == ["ana"]
    domain = revenue["domains"][0] if dialect.many_domains else revenue["domain"]
    assert domain["fullyQualifiedName"] == "Sales"
    assert (revenue["displayName"], "displayName" in there["amount"]) == ("Revenue", False)
    assert there["paid_revenue"]["granularity"] == "MONTH"
    assert revenue.get("customUnitOfMeasurement", "") == ("EUR" if dialect.has_custom_units else "")
    types = {name: there[name]["metricType"] for name in ("revenue", "customers", "p90_amount", "revenue_7d")}
    if not dialect.has_semantic_metrics:
        assert types == {"revenue": "SUM", "customers": "COUNT", "p90_amount": "OTHER", "revenue_7d": "OTHER"}
        assert "Only where" in there["paid_revenue"]["description"]
        return
    assert types == {
        "revenue": "SIMPLE",
        "customers": "SIMPLE",
        "p90_amount": "SIMPLE",
        "revenue_7d": "CUMULATIVE",
    }
    assert [(item["name"], item["type"], item.get("expression")) for item in revenue["dimensions"]] == [
        ("ordered_at", "TIME", None),
        ("order_status", "CATEGORICAL", "status"),
        ("is_big", "CATEGORICAL", "amount > 10"),
    ]
    (measure,) = revenue["measures"]
    assert (measure["name"], measure["aggregation"], measure["expression"]) == ("revenue", "sum", "amount")
    assert there["revenue_7d"].get("measures", []) == []
    assert [item["where"] for item in there["paid_revenue"]["filters"]] == [
        "{{ Dimension('order__order_status') }} = 'paid'"
    ]


async def test_metrics_have_edges_from_tables_and_metrics(place: Place) -> None:
    await place.twice(load_case("declared-metrics-inline"))
    there = await metrics(place)
    orders, visits = "tea.main.fct_orders", "tea.main.fct_visits"
    assert set(await edges(place, there["revenue"])) == {orders}
    assert set(await edges(place, there["average_order"])) == {orders, "revenue", "order_count"}
    assert set(await edges(place, there["visit_to_order"])) == {orders, visits, "visit_count", "order_count"}
    columns = (await edges(place, there["revenue"]))[orders]
    kept = [(item["fromColumns"], item["toColumn"]) for item in columns]
    wanted = [([f"{place.service}.{orders}.amount"], "revenue")]
    assert kept == (wanted if place.cases.collate.dialect.at_least(2, 0, 7) else [])
    assert [item["name"] for item in there["revenue_growth"]["relatedMetrics"]] == ["revenue"]


async def test_metric_of_another_is_left(place: Place) -> None:
    """A metric of that name that a person made, and one that another dbt project's tables feed."""
    case = load_case("declared-metrics-measures")
    await place.prepare(case)
    other = await place.send("PUT", "metrics", {"name": "order_count", "description": "Ours"})
    tables = await place.tables()
    foreign = {"id": tables["tea.main.raw_visits"]["id"], "type": "table"}
    edge = {"fromEntity": foreign, "toEntity": {"id": other["id"], "type": "metric"}}
    await place.send("PUT", "lineage", {"edge": edge | {"lineageDetails": {"source": "DbtLineage"}}})
    first = await place.sync(case)
    assert "1 metric not written (order_count): Collate has one of that name" in first.notes
    there = await metrics(place)
    assert there["order_count"]["description"] == "Ours"
    assert "metricExpression" not in there["order_count"]
    assert (await place.sync(case)).changes == []


async def test_edits_of_a_metric_survive(place: Place) -> None:
    """A person's texts, owner and related metric stay; a changed definition is one write."""
    case = load_case("declared-metrics-measures")
    await place.twice(case)
    there = await metrics(place)
    revenue, count = there["revenue"], there["order_count"]
    bruno = (await place.cases.http.get("/api/v1/users/name/bruno")).json()
    ops: list[dict[str, Any]] = [
        {"op": "add", "path": "/owners", "value": [{"id": bruno["id"], "type": "user"}]},
        {
            "op": "add",
            "path": "/relatedMetrics",
            "value": [*revenue["relatedMetrics"], {"id": count["id"], "type": "metric"}],
        },
    ]
    if place.cases.collate.dialect.has_semantic_metrics:
        ops.append({"op": "add", "path": "/dimensions/1/description", "value": "Said by a person"})
    headers = {"Content-Type": "application/json-patch+json"}
    answer = await place.cases.http.patch(f"/api/v1/metrics/{revenue['id']}", json=ops, headers=headers)
    assert answer.is_success, answer.text
    outcome = await place.sync(case)
    assert outcome.changes == []
    assert "revenue: owners: other owners in Collate" in outcome.conflicts
    after = (await metrics(place))["revenue"]
    assert [owner["name"] for owner in after["owners"]] == ["bruno"]
    assert "order_count" in {item["name"] for item in after["relatedMetrics"]}
    if place.cases.collate.dialect.has_semantic_metrics:
        assert "revenue: order_status: another text in Collate" in outcome.conflicts
        assert after["dimensions"][1]["description"] == "Said by a person"


async def test_changed_metric_is_one_write(place: Place) -> None:
    case = load_case("declared-metrics-measures")
    await place.twice(case)
    metric = case["contents"]["manifest.json"]["semantic_models"]["semantic_model.tea.visits"]["measures"][0]
    metric["agg"] = "max"
    metrics_changed = case["contents"]["manifest.json"]["metrics"]["metric.tea.revenue_mtd"]
    metrics_changed["type_params"]["cumulative_type_params"]["grain_to_date"] = "year"
    outcome = await place.sync(case)
    assert outcome.changes == ["metric revenue_mtd"]
    there = await metrics(place)
    assert there["revenue_mtd"]["metricExpression"]["code"].startswith("revenue, year to date")


def without_growth(project: Project) -> Project:
    metrics = {name: item for name, item in project.metrics.items() if item.name != "revenue_growth"}
    return replace(project, metrics=metrics)


async def test_a_metric_gone_from_dbt_is_removed_if_asked(place: Place) -> None:
    case = load_case("declared-metrics-inline")
    await place.twice(case)
    kept = await place.sync(case, edit=without_growth)
    assert [item.target for item in kept.plan.removable] == ["revenue_growth"]
    assert "revenue_growth" in await metrics(place)
    asked = Scope(remove=True)
    removed = await place.sync(case, asked, edit=without_growth)
    assert (removed.failures, removed.plan.counts) == ([], {"metrics": 1})
    assert "revenue_growth" not in await metrics(place)
    assert (await place.sync(case, asked, edit=without_growth)).changes == []


async def test_a_metric_that_a_person_changed_is_not_removed(place: Place) -> None:
    case = load_case("declared-metrics-inline")
    await place.twice(case)
    calls = place.cases.collate
    me = calls.me
    calls._user = me.model_copy(update={"name": "another-bot"})
    try:
        kept = await place.sync(case, Scope(remove=True), edit=without_growth)
    finally:
        calls._user = me
    assert kept.plan.removable == ()
    assert "revenue_growth" in await metrics(place)
