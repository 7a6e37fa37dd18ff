"""Contracts that dbt enforces become data contracts, with the result of the last build."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.settings.model import SyncOptions
from tests.cases.runner import Cases, Place, cases, load_case

pytestmark = pytest.mark.asyncio(loop_scope="module")
CASE = "declared-metrics-measures"
FCT_ORDERS = """\
dbt enforces the names and types of the columns of fct_orders.
- Primary key: order_id
- Unique: order_id, ordered_at
- Check amount_positive: amount >= 0
- Foreign key: customer_id refers to tea.main.dim_customers_v2 (customer_id)
- Not null: order_id
- Not null: customer_id
- Check: status in ('open','paid')"""


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["1.6.2", "1.8.0", "1.9.8", "1.13.0", "2.0.7"]
)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Cases]:
    async with cases(request.param) as found:
        yield found


@pytest.fixture
def place(world: Cases, tmp_path: Path) -> Place:
    found = world.place(tmp_path)
    found.options = SyncOptions(include_contracts=True)
    return found


async def contracts(place: Place) -> dict[str, dict[str, Any]]:
    answer = await place.cases.http.get("/api/v1/dataContracts", params={"limit": 1000, "fields": "owners"})
    found = [item for item in answer.json()["data"] if item["fullyQualifiedName"].startswith(place.service)]
    return {item["name"]: item for item in found}


def skip_without_contracts(world: Cases) -> None:
    if not world.collate.dialect.has_contracts:
        pytest.skip("the server has no contracts")


async def test_contracts_are_written_once(place: Place) -> None:
    first = await place.twice(load_case(CASE))
    assert first.failures == []
    dialect = place.cases.collate.dialect
    lines = {item.kind: item.sentence for item in first.plan.not_written}
    if not dialect.has_contracts:
        assert "this server has no data contracts" in lines["contracts"]
        return
    assert "contracts" not in lines
    there = await contracts(place)
    assert set(there) == {"dbt_fct_orders", "dbt_dim_customers_v1", "dbt_dim_customers_v2"}
    orders = there["dbt_fct_orders"]
    assert orders["fullyQualifiedName"].endswith("tea.main.fct_orders.dataContract_dbt_fct_orders")
    assert orders.get(dialect.contract_status[0]) == dialect.contract_status[1]
    assert "qualityExpectations" not in orders
    assert [owner["name"] for owner in orders["owners"]] == ["ana"]
    if not dialect.has_contract_columns:
        assert "- Columns: order_id BIGINT, " in orders["description"]
        return
    assert orders["description"] == FCT_ORDERS
    assert [(item["name"], item["dataType"], item.get("constraint")) for item in orders["schema"]] == [
        ("order_id", "BIGINT", "PRIMARY_KEY"),
        ("customer_id", "BIGINT", "NOT_NULL"),
        ("ordered_at", "DATE", None),
        ("status", "VARCHAR", None),
        ("amount", "BIGINT", None),
    ]
    assert {item["latestResult"]["status"] for item in there.values()} == {"Success"}


async def test_contracts_are_off_by_default(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case(CASE))
    assert first.plan.counts.get("contracts", 0) == 0
    line = next(item for item in first.plan.not_written if item.kind == "contracts")
    assert (line.count, "switched off in the options" in line.sentence) == (3, True)


async def test_a_persons_contract_stays(world: Cases, place: Place) -> None:
    skip_without_contracts(world)
    case = load_case(CASE)
    await place.prepare(case)
    orders = (await place.tables())["tea.main.fct_orders"]
    mine = {"name": "mine", "entity": {"id": orders["id"], "type": "table"}, "description": "Ours."}
    await place.send("POST", "dataContracts", mine)
    first = await place.sync(case)
    assert first.failures == []
    assert set(await contracts(place)) == {"mine", "dbt_dim_customers_v1", "dbt_dim_customers_v2"}
    line = next(item for item in first.plan.not_written if item.kind == "contracts")
    assert (line.count, "fct_orders" in line.sentence) == (1, True)


def broken(project: Project) -> Project:
    name = "model.tea.fct_orders"
    build = project.builds[name]
    error = replace(
        build,
        status="error",
        message="This model has an enforced contract that failed.",
        completed_at_ms=build.completed_at_ms + 1,
    )
    nodes = {**project.nodes, name: replace(project.nodes[name], description="Orders.")}
    return replace(project, builds={**project.builds, name: error}, nodes=nodes)


async def test_a_broken_contract_fails_with_dbts_message(world: Cases, place: Place) -> None:
    skip_without_contracts(world)
    case = load_case(CASE)
    await place.twice(case)
    second = await place.sync(case, edit=broken)
    assert second.failures == []
    if not world.collate.dialect.has_contract_results:
        assert second.plan.counts.get("contracts", 0) == 0
        return
    assert second.plan.counts["contracts"] == 1
    result = (await contracts(place))["dbt_fct_orders"]["latestResult"]
    assert (result["status"], result["message"]) == (
        "Failed",
        "This model has an enforced contract that failed.",
    )


def with_another_check(project: Project) -> Project:
    name = "model.tea.fct_orders"
    node = project.nodes[name]
    kept = tuple(item for item in node.constraints if item.type != "check")
    return replace(project, nodes={**project.nodes, name: replace(node, constraints=kept)})


async def test_a_changed_contract_is_patched_once(world: Cases, place: Place) -> None:
    skip_without_contracts(world)
    case = load_case(CASE)
    await place.twice(case)
    second = await place.sync(case, edit=with_another_check)
    assert (second.failures, second.plan.counts["contracts"]) == ([], 1)
    assert "Check" not in (await contracts(place))["dbt_fct_orders"]["description"]
    assert (await place.sync(case, edit=with_another_check)).changes == []
