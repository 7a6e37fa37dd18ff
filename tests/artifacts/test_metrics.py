"""Metrics and semantic models, in dbt's two spellings."""

import json
from typing import Any

from dbtcollate_tui.artifacts.load import load_project
from dbtcollate_tui.artifacts.project import Metric, Project
from tests.artifacts.making import manifest, model
from tests.cases.runner import load_case

ORDERS = "model.tea.fct_orders"
VISITS = "model.tea.fct_visits"


def declared(name: str) -> Project:
    return load_project(json.dumps(load_case(name)["contents"]["manifest.json"]).encode())


def metrics(name: str) -> dict[str, Metric]:
    return {item.name: item for item in declared(name).metrics.values()}


def inputs(metric: Metric) -> list[tuple[str, bool]]:
    return [(item.name, item.is_measure) for item in metric.inputs]


def test_metrics_of_both_spellings_aggregate_the_same() -> None:
    for name in ("declared-metrics-measures", "declared-metrics-inline"):
        revenue = metrics(name)["revenue"]
        assert revenue.aggregation is not None
        assert (revenue.aggregation.function, revenue.aggregation.expression) == ("sum", "amount")
        assert (revenue.tags, revenue.owners, revenue.unit) == (("money",), ("ana",), "EUR")
        assert (revenue.tier, revenue.glossary, revenue.domain) == (
            "Tier.Tier2",
            ("Business.Revenue",),
            "Sales",
        )


def test_inline_metric_without_expression_aggregates_its_own_name() -> None:
    found = metrics("declared-metrics-inline")
    aggregations = {name: item.aggregation for name, item in found.items() if item.aggregation}
    assert {name: (item.function, item.expression) for name, item in aggregations.items()} == {
        "revenue": ("sum", "amount"),
        "paid_revenue": ("sum", "amount"),
        "order_count": ("count", "1"),
        "customers": ("count_distinct", "customer_id"),
        "amount": ("sum", "amount"),
        "p90_amount": ("percentile", "amount"),
        "visit_count": ("count", "visit_id"),
    }
    assert aggregations["p90_amount"].percentile == 0.9


def test_metric_inputs_are_metrics_or_measures() -> None:
    measured, inline = metrics("declared-metrics-measures"), metrics("declared-metrics-inline")
    assert inputs(measured["revenue_mtd"]) == [("revenue", True)]
    assert inputs(inline["revenue_mtd"]) == [("revenue", False)]
    assert inputs(measured["visit_to_order"]) == [("visit_count", True), ("order_count", True)]
    assert inputs(inline["visit_to_order"]) == [("visit_count", False), ("order_count", False)]
    growth = inline["revenue_growth"]
    assert [(item.alias, item.offset_window) for item in growth.inputs] == [("now", ""), ("before", "7 days")]
    assert measured["revenue"].fill_nulls_with == "0"


def test_metric_tables_are_found_by_names() -> None:
    for name in ("declared-metrics-measures", "declared-metrics-inline"):
        project = declared(name)
        tables = {item.name: project.metric_nodes(item.unique_id) for item in project.metrics.values()}
        assert tables.pop("visit_to_order") == (VISITS, ORDERS)
        tables.pop("visit_count", None)
        assert set(tables.values()) == {(ORDERS,)}


def test_exposure_reads_the_tables_of_its_metrics() -> None:
    project = declared("declared-exposure-on-metrics")
    assert project.upstreams("exposure.tea.metrics_only") == (ORDERS,)


def odd(**metric: Any) -> Project:
    entry = {"resource_type": "metric", "name": "m", "package_name": "shop", "type": "simple", **metric}
    return load_project(manifest(nodes=model(), metrics={"metric.shop.m": entry}))


def test_exposure_of_fusion_names_metrics_beside_its_nodes() -> None:
    entry = {"resource_type": "metric", "name": "m", "package_name": "shop", "type": "derived"}
    exposure = {"name": "board", "type": "dashboard", "depends_on": {"nodes": []}, "metrics": [["m"]]}
    found = load_project(
        manifest(nodes={}, metrics={"metric.shop.m": entry}, exposures={"exposure.shop.board": exposure})
    )
    assert found.exposures["exposure.shop.board"].depends_on == ("metric.shop.m",)


def test_odd_values_of_a_metric_cost_themselves_alone() -> None:
    odd_params: list[Any] = [None, [], "x", {"measure": "revenue"}, {"expr": ["a"]}]
    odd_params.append({"metrics": [{"name": 3}, "y"]})
    for params in odd_params:
        found = odd(type_params=params, filter="x", time_granularity=["day"], label="M")
        assert found.metrics["metric.shop.m"].label == "M"


def test_metrics_that_read_each_other_end() -> None:
    both = {
        f"metric.shop.{name}": {
            "resource_type": "metric",
            "name": name,
            "type": "derived",
            "type_params": {"expr": "x", "metrics": [{"name": other}]},
        }
        for name, other in (("a", "b"), ("b", "a"))
    }
    assert load_project(manifest(nodes=model(), metrics=both)).metric_nodes("metric.shop.a") == ()


def test_versions_contracts_and_groups_are_read() -> None:
    project = declared("declared-metrics-measures")
    node = project.nodes["model.tea.dim_customers.v1"]
    assert (node.version, node.latest_version, node.deprecation_date[:10]) == ("1", "2", "2027-01-31")
    orders = project.nodes[ORDERS]
    assert (orders.access, orders.group, orders.has_contract) == ("public", "finance", True)
    assert [group.owners for group in project.groups.values()] == [("finance@example.com",)]
