"""Cases about names: which table and column the SQL, the tests and the texts of a run mean in Collate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cases.runner import Cases, Place, cases, load_case

pytestmark = pytest.mark.asyncio(loop_scope="module")

Lineage = dict[str, dict[str, list[str]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[Cases]:
    async with cases() as found:
        yield found


async def lineage_of(place: Place) -> Lineage:
    """By ``table from table``, the sources of each column; names below the schema."""
    found: Lineage = {}
    for (above, below), details in (await place.edges()).items():
        columns = {
            item["toColumn"].removeprefix(f"{place.service}.{below}."): sorted(
                column.removeprefix(f"{place.service}.{above}.") for column in item["fromColumns"]
            )
            for item in details.get("columnsLineage") or ()
        }
        found[f"{_short(below)} from {_short(above)}"] = columns
    return found


def _short(fqn: str) -> str:
    return fqn.split(".", 2)[-1]


EDGES: dict[str, Lineage] = {
    "stale-column-false-edges": {"stg from customers": {"customer_id": ["id"]}},
    "unknown-column-loses-all": {"m from customers": {"id": ["id"], "name": ["name"]}},
    "lateral-false-edge": {
        "m from customers": {"id": ["id"]},
        "m from orders": {"total": ["amount"]},
    },
    "one-table-missing-qualify": {"m from customers": {"id": ["id"], "name": ["name"], "rn": ["id"]}},
    "union-by-name": {
        "m from a": {"id": ["id"], "x": ["x"], "y": ["y"]},
        "m from b": {"id": ["id"], "x": ["x"], "y": ["y"]},
    },
    "clickhouse-nested": {
        "stg_orders from Orders Raw": {
            "order_id": ["id"],
            '"Unit.Price"': ['"Unit.Price"'],
            "select": ["select"],
            "status": ["status"],
            "tags": ["tags"],
            "addr": ["addr"],
            "skus": ['"items.sku"'],
            "ts": ["ts"],
            "n": ["n"],
            "m": ["m"],
            '"a.b"': ['"a.b"'],
        }
    },
    "twin-columns-star": {
        "stg_customers from customers": {
            "customer_id": ["id"],
            "email": ["email"],
            "Email": ["Email"],
            "First Name": ["First Name"],
            "FIRST_NAME": ["first_name"],
        }
    },
    "view-edge-fewer-columns": {"order_tags from stg_orders": {"order_id": ["order_id"], "tag": ["tags"]}},
    "warehouses-twin-tables": {
        "stg_orders from Orders Raw": {
            "order_id": ["id"],
            "customer_id": ["Customer ID"],
            "status": ["status"],
            '"Unit.Price"': ['"Unit.Price"'],
            "select": ["select"],
            "ordered_at": ["ordered_at"],
            "payload": ["payload"],
        },
        "uses_eph from customers": {"lower_twin": ["lower_twin"]},
        "uses_eph from stg_orders": {"order_id": ["order_id"], "price": ['"Unit.Price"']},
    },
}


@pytest.mark.parametrize("name", EDGES)
async def test_case_has_its_column_lineage(world: Cases, tmp_path: Path, name: str) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case(name))
    found = await lineage_of(place)
    assert found == EDGES[name]


async def test_laterals_and_unions_by_name_are_never_false(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("two-run-steps"))
    found = await lineage_of(place)
    assert {name: columns for name, columns in found.items() if name.startswith(("lat ", "byname "))} == {
        "lat from stg_orders": {"order_id": ["order_id"]},
        "lat from stg_customers": {"mx": ["code"]},
        "byname from stg_orders": {"id": ["order_id"], "label": ["status"]},
        "byname from stg_customers": {"id": ["customer_id"], "label": ["name"]},
    }


async def test_connectors_edge_keeps_its_sql_and_source(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("view-edge-fewer-columns"))
    (details,) = (await place.edges()).values()
    assert details["source"] == "ViewLineage"
    assert "order_tags" in details["sqlQuery"]


async def test_escaped_names_are_found_everywhere(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("reserved-marks"))
    assert len(first.plan.match.matched) == 3
    assert first.plan.match.missing == ()
    assert len(await place.edges()) == 2
    assert list((await place.results()).values()) == ["Success"] * 8
    assert all("__reserved__" not in change.label for change in first.plan.changes)


async def test_warehouses_comment_is_replaced_by_dbts_text(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    case = load_case("warehouse-comment")
    first = await place.twice(case)
    assert first.conflicts == []
    (table,) = (await place.tables()).values()
    columns = {column["name"]: column.get("description") for column in table["columns"]}
    source = next(iter(case["contents"]["manifest.json"]["sources"].values()))
    assert table["description"] == source["description"].strip()
    assert columns["email"] == source["columns"]["email"]["description"].strip()


async def test_partition_is_named_as_one(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("partition"))
    (lost,) = first.plan.match.missing
    assert "partitions are not ingested" in lost.fix


async def test_table_is_found_without_a_database(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("no-database-several-databases"))
    assert first.plan.match.missing == ()


async def test_test_of_a_structs_field_is_on_the_struct(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("test-on-nested-column"))
    assert first.failures == []
    assert first.conflicts == []
    assert await place.results() == {"d.s.m.address.not_null_m_address_city": "Success"}


async def test_columns_that_differ_in_case_keep_both_texts(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    await place.twice(load_case("case-twins"))
    (table,) = (await place.tables()).values()
    texts = [column.get("description") for column in table["columns"]]
    assert len(texts) == len(set(texts)) == 2


async def test_package_node_names_the_root_project(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    case = load_case("package-project")
    await place.twice(case)
    root = case["contents"]["manifest.json"]["metadata"]["project_name"]
    assert {table["dataModel"]["dbtSourceProject"] for table in (await place.tables()).values()} == {root}
