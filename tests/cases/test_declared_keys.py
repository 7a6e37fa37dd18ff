"""What dbt declares of models reaches tables: keys, a status, properties, owners of groups."""

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


async def add_property(world: Cases, name: str) -> None:
    table = (await world.http.get("/api/v1/metadata/types/name/table")).json()
    text = (await world.http.get("/api/v1/metadata/types/name/string")).json()
    body = {"name": name, "description": name, "propertyType": {"id": text["id"], "type": "type"}}
    answer = await world.http.put(f"/api/v1/metadata/types/{table['id']}", json=body)
    assert answer.status_code == 200


def out_of_date(project: Project) -> Project:
    nodes = {
        name: replace(node, deprecation_date="2020-01-31") if node.deprecation_date else node
        for name, node in project.nodes.items()
    }
    return replace(project, nodes=nodes)


async def test_a_deprecated_version_is_marked_once(world: Cases, tmp_path: Path) -> None:
    await add_property(world, "dbt_access")
    place = world.place(tmp_path)
    place.options = SyncOptions(deprecated_status=True)
    case = load_case("declared-metrics-measures")
    await place.prepare(case)
    first = await place.sync(case, edit=out_of_date)
    assert first.failures == []
    assert (await place.sync(case, edit=out_of_date)).changes == []
    tables = await place.tables()
    status = tables["tea.main.dim_customers_v1"].get("entityStatus")
    assert status == ("Deprecated" if world.collate.dialect.has_status else None)
    assert tables["tea.main.fct_orders"]["extension"] == {"dbt_access": "public"}
