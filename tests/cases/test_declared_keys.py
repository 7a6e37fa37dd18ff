"""Keys that dbt declares become constraints of the tables, on servers of several releases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.cases.runner import Cases, Place, cases, load_case

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["1.6.2", "1.9.8", "1.13.0", "2.0.7"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Cases]:
    async with cases(request.param) as found:
        yield found


async def keys(place: Place, name: str) -> list[tuple[str, list[str], list[str]]]:
    table = (await place.tables())[name]
    return [
        (item["constraintType"], item["columns"], item.get("referredColumns", []))
        for item in table.get("tableConstraints", [])
    ]


async def test_keys_are_written_once(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("declared-foreign-key"))
    assert first.failures == []
    referred = [f"{place.service}.m.main.customers.cid"]
    assert await keys(place, "m.main.orders_fk") == [("FOREIGN_KEY", ["cid"], referred)]
    assert await keys(place, "m.main.customers") == [("PRIMARY_KEY", ["cid"], [])]
    assert first.plan.counts["keys"] == 3
    assert "keys" not in {item.kind for item in first.plan.not_written}


async def test_keys_of_a_model_with_all_kinds_are_written(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("declared-metrics-measures"))
    assert await keys(place, "tea.main.fct_orders") == [
        ("FOREIGN_KEY", ["customer_id"], [f"{place.service}.tea.main.dim_customers_v2.customer_id"]),
        ("PRIMARY_KEY", ["order_id"], []),
        ("UNIQUE", ["order_id", "ordered_at"], []),
    ]


async def test_a_persons_key_stays(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    case = load_case("declared-foreign-key")
    await place.prepare(case)
    mine: dict[str, Any] = {"constraintType": "PRIMARY_KEY", "columns": ["name"]}
    customers = (await place.tables())["m.main.customers"]
    answer = await world.http.patch(
        f"/api/v1/tables/{customers['id']}",
        json=[{"op": "add", "path": "/tableConstraints", "value": [mine]}],
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert answer.status_code == 200
    first = await place.sync(case)
    assert await keys(place, "m.main.customers") == [("PRIMARY_KEY", ["name"], [])]
    assert [(item.group, item.server, item.dbt) for item in first.plan.conflicts] == [("keys", "name", "cid")]


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ({"constraintType": "UNIQUE", "columns": ["no"]}, "Invalid fully qualified column name no"),
        (
            {"constraintType": "FOREIGN_KEY", "columns": ["cid"], "referredColumns": ["a.b.c.d.e"]},
            "Table not found: a.b.c.d",
        ),
    ],
)
async def test_the_sandbox_refuses_keys_of_no_column(
    world: Cases, tmp_path: Path, constraint: dict[str, Any], message: str
) -> None:
    place = world.place(tmp_path)
    await place.prepare(load_case("declared-foreign-key"))
    customers = (await place.tables())["m.main.customers"]
    answer = await world.http.patch(
        f"/api/v1/tables/{customers['id']}",
        json=[{"op": "add", "path": "/tableConstraints", "value": [constraint]}],
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert (answer.status_code, answer.json()["message"]) == (400, message)
