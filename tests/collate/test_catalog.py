"""Services, tables, data models and lineage in both dialects."""

from dataclasses import replace
from typing import Any

import pytest

from dbtcollate_tui.collate.errors import GuardFailedError, ServerFailedError
from dbtcollate_tui.collate.models import ColumnLineage, EntityReference, LineageEdge, Table
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.sync.writing.tally import is_unknown
from tests.collate.server import FakeCollate, connected, refuse, say

TABLE: dict[str, Any] = {
    "id": "t1",
    "name": "odd.name",
    "fullyQualifiedName": 'shop.d.a."odd.name"',
    "version": 0.2,
}
LINEAGE: dict[str, Any] = {
    "entity": {"id": "t1", "type": "table", "fullyQualifiedName": "shop.d.a.orders"},
    "nodes": [{"id": "t0", "type": "table", "name": "stg", "fullyQualifiedName": "shop.d.a.stg"}],
    "upstreamEdges": [
        {
            "fromEntity": "t0",
            "toEntity": "t1",
            "lineageDetails": {
                "source": "DbtLineage",
                "sqlQuery": "select 1",
                "columnsLineage": [{"fromColumns": ["shop.d.a.stg.id"], "toColumn": "shop.d.a.orders.id"}],
            },
        },
        {"fromEntity": "t9", "toEntity": "t0", "lineageDetails": None},
    ],
    "downstreamEdges": [],
}


async def test_services_with_host_and_table_count() -> None:
    service = {"id": "s", "name": "shop", "fullyQualifiedName": "shop", "serviceType": "Postgres"}
    fake = FakeCollate(
        answers={
            "GET /services/databaseServices": say({"data": [service], "paging": {"total": 1}}),
            "GET /databases": say({"data": [{"id": "d", "name": "d", "fullyQualifiedName": "shop.d"}]}),
            "GET /databaseSchemas": say(
                {"data": [{"id": "a", "name": "a", "fullyQualifiedName": "shop.d.a"}]}
            ),
            "GET /tables": say({"data": [], "paging": {"total": 430}}),
        }
    )
    async with connected(fake) as client:
        found = await client.database_services()
        assert found[0].as_reference().type == "databaseService"
        assert [database.name for database in await client.databases("shop")] == ["d"]
        assert [schema.name for schema in await client.schemas("shop.d")] == ["a"]
        assert await client.table_count("shop.d") == 430
        assert await client.database_service("none") is None


async def test_a_table_by_its_quoted_name() -> None:
    fake = FakeCollate("1.1.0", answers={"GET /tables/name/shop.d.a.%22odd.name%22": say(TABLE)})
    async with connected(fake) as client:
        table = await client.table('shop.d.a."odd.name"')
        assert table is not None
        assert table.name == "odd.name"
        assert await client.table("shop.d.a.none") is None
    assert fake.asked[0].query["fields"] == "columns,tags,owner,dataModel"


async def test_tables_come_in_order_and_few_on_the_first_page() -> None:
    page = {"data": [{**TABLE, "id": f"t{number}"} for number in range(3)], "paging": {"total": 3}}
    fake = FakeCollate(answers={"GET /tables": say(page)})
    async with connected(fake) as client:
        assert [table.id async for table in client.tables("shop.d")] == ["t0", "t1", "t2"]
    assert fake.asked[0].query["limit"] == "100"


async def test_a_patch_is_sent_as_json_patch() -> None:
    fake = FakeCollate(answers={"PATCH /tables/t1": say(TABLE)})
    ops = [{"op": "add", "path": "/description", "value": "x"}]
    async with connected(fake) as client:
        await client.patch_table("t1", ops)
    assert fake.asked[0].headers["content-type"] == "application/json-patch+json"
    assert fake.asked[0].body == ops


@pytest.mark.parametrize(("ops", "tries"), [([{"op": "add", "path": "/tags/-", "value": {}}], 1), ([], 2)])
async def test_only_patches_that_cannot_apply_twice_are_sent_again(ops: list[Any], tries: int) -> None:
    fake = FakeCollate(answers={"PATCH /tables/t1": [refuse(503, "busy"), say(TABLE)]})
    async with connected(fake) as client:
        if tries == 1:
            with pytest.raises(Exception, match="Could not change"):
                await client.patch_table("t1", ops)
        else:
            await client.patch_table("t1", ops)
    assert len(fake.asked) == tries


async def test_failed_guard_is_an_error_of_its_own() -> None:
    words = "[JsonPatch.Operation.TEST fails! Values are not equal]"
    fake = FakeCollate(answers={"PATCH /tables/t1": refuse(500, words)})
    async with connected(fake) as client:
        with pytest.raises(GuardFailedError, match="changed in Collate since"):
            await client.patch_table("t1", [{"op": "test", "path": "/name", "value": "y"}])


@pytest.mark.parametrize("answer", [None, {}, {"id": "t2"}, [], {"data": []}])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_answer_without_the_table_is_no_success(method: str, answer: Any) -> None:
    place = "PATCH /tables/t1" if method == "PATCH" else "PUT /tables/t1/dataModel"
    fake = FakeCollate(answers={place: say(answer)})
    async with connected(fake) as client:
        write = (
            client.patch_table("t1", [])
            if method == "PATCH"
            else client.put_data_model("t1", {"modelType": "DBT"})
        )
        with pytest.raises(ServerFailedError) as caught:
            await write
    assert caught.value.status == 200
    assert is_unknown(caught.value)


async def test_a_data_model_goes_out_in_the_servers_form() -> None:
    fake = FakeCollate("1.1.0", answers={"PUT /tables/t1/dataModel": say(TABLE)})
    async with connected(fake) as client:
        await client.put_data_model("t1", {"modelType": "DBT", "dbtSourceProject": "shop", "owners": []})
    assert fake.asked[0].body == {"modelType": "DBT", "sql": ""}


async def test_upstream_edges_with_their_ends_resolved() -> None:
    fake = FakeCollate(answers={"GET /lineage/table/name/shop.d.a.orders": say(LINEAGE)})
    table = Table(id="t1", name="orders", fullyQualifiedName="shop.d.a.orders")
    async with connected(fake) as client:
        (edge,) = await client.lineage_upstream(table)
        assert await client.lineage_upstream(EntityReference(id="z", fullyQualifiedName="none")) == ()
    assert edge.fromEntity.fullyQualifiedName == "shop.d.a.stg"
    assert edge.source == "DbtLineage"
    assert edge.columnsLineage[0].toColumn == "shop.d.a.orders.id"


@pytest.mark.parametrize("version", ["1.1.0", "2.0.7"])
async def test_one_edge_in_either_dialect(version: str) -> None:
    details = LINEAGE["upstreamEdges"][0]["lineageDetails"]
    fake = FakeCollate(
        version,
        answers={
            "GET /lineage/getLineageEdge/t0/t1": say({"edge": details}),
            "GET /lineage/table/t1": say(LINEAGE),
        },
    )
    async with connected(fake) as client:
        edge = await client.edge("t0", "t1")
        assert edge is not None
        assert (edge.source, edge.sqlQuery, edge.fromEntity.id) == ("DbtLineage", "select 1", "t0")
        assert await client.edge("t7", "t1") is None
        assert await client.edge("t0", "t8") is None


async def test_writing_and_removing_an_edge() -> None:
    fake = FakeCollate(answers={"PUT /lineage": say(None), "DELETE /lineage/table/t0/table/t1": say({})})
    edge = LineageEdge(
        fromEntity=EntityReference(id="t0", type="table", name="x"),
        toEntity=EntityReference(id="t1", type="table"),
        source="DbtLineage",
        sqlQuery="select 1",
        columnsLineage=(ColumnLineage(fromColumns=("a.b",), toColumn="c.d"),),
    )
    async with connected(fake) as client:
        await client.put_lineage(edge)
        await client.delete_lineage(edge)
        await client.delete_lineage(replace(edge, toEntity=EntityReference(id="t5", type="table")))
    assert fake.asked[0].body == {
        "edge": {
            "fromEntity": {"id": "t0", "type": "table"},
            "toEntity": {"id": "t1", "type": "table"},
            "lineageDetails": {
                "source": "DbtLineage",
                "columnsLineage": [{"fromColumns": ["a.b"], "toColumn": "c.d"}],
                "sqlQuery": "select 1",
            },
        }
    }


@pytest.mark.parametrize("nothing", [None, {}, {"paging": {"total": 1}}])
async def test_a_page_without_data_is_asked_for_again(nothing: object) -> None:
    page = {"data": [TABLE], "paging": {"total": 1}}
    fake = FakeCollate(answers={"GET /tables": [say(nothing), say(page)]})
    async with connected(fake) as client:
        assert [table.id async for table in client.tables("shop.d", ("columns",))] == ["t1"]
    fake = FakeCollate(answers={"GET /tables": say(nothing)})
    async with connected(fake) as client:
        with pytest.raises(ActionableError):
            _ = [table async for table in client.tables("shop.d", ("columns",))]
    assert fake.paths().count("/tables") == 2


async def test_an_entity_that_came_empty_is_asked_for_again() -> None:
    path = "/tables/name/shop.d.a.orders"
    fake = FakeCollate(answers={f"GET {path}": [say(None), say(TABLE)]})
    async with connected(fake) as client:
        found = await client.table("shop.d.a.orders", ("columns",))
    assert found is not None
    assert found.id == "t1"
