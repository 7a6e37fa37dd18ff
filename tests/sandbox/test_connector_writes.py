"""The metadata connectors of OpenMetadata write into the sandbox as they do into a real server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.collate_support import Caller, Json, collate

BULK: dict[str, Any] = {"async": "false", "overrideMetadata": "false"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with collate(tmp_path_factory.mktemp("collate")) as caller:
        connection: Json = {"config": {"type": "Trino"}}
        body = {"name": "lake", "serviceType": "Trino", "connection": connection}
        caller.send("PUT", "services/databaseServices", body, 201)
        yield caller


def bulk(server: Caller, path: str, *bodies: Json) -> Any:
    return server.send("PUT", f"{path}/bulk", list(bodies), **BULK)


def test_bulk_writes_report_each_entity(server: Caller) -> None:
    bulk(server, "databases", {"name": "raw", "service": "lake"})
    bulk(server, "databaseSchemas", {"name": "shop", "database": "lake.raw"})
    table = {"name": "t", "databaseSchema": "lake.raw.shop", "columns": [{"name": "id", "dataType": "INT"}]}
    answer = bulk(server, "tables", table, {**table, "name": "u", "databaseSchema": "lake.raw.nope"})
    assert answer["status"] == "partialSuccess"
    assert (answer["numberOfRowsProcessed"], answer["numberOfRowsFailed"]) == (2, 1)
    assert [item["request"] for item in answer["successRequest"]] == ["lake.raw.shop.t"]
    assert answer["failedRequest"][0]["status"] == 404
    assert bulk(server, "tables", table)["status"] == "success"


def test_nested_texts_survive_the_connectors_next_write(server: Caller) -> None:
    bulk(server, "databases", {"name": "raw", "service": "lake"})
    bulk(server, "databaseSchemas", {"name": "shop", "database": "lake.raw"})
    street = {"name": "street", "dataType": "VARCHAR", "dataLength": 1}
    address = {"name": "addr", "dataType": "STRUCT", "children": [street]}
    table = {"name": "orders", "databaseSchema": "lake.raw.shop", "columns": [address]}
    bulk(server, "tables", table)
    made = server.table("lake.raw.shop.orders")
    operation = {"op": "add", "path": "/columns/0/children/0/description", "value": "Street"}
    server.patch(f"tables/{made['id']}", operation)
    bulk(server, "tables", table)
    (column,) = server.table("lake.raw.shop.orders")["columns"]
    assert column["children"][0]["description"] == "Street"


def test_history_tells_each_version_with_its_author(server: Caller) -> None:
    bulk(server, "databases", {"name": "raw", "service": "lake"})
    bulk(server, "databaseSchemas", {"name": "shop", "database": "lake.raw"})
    table = {
        "name": "customers",
        "databaseSchema": "lake.raw.shop",
        "description": "of the warehouse",
        "columns": [{"name": "id", "dataType": "INT"}],
    }
    bulk(server, "tables", table)
    more = [{"name": "id", "dataType": "INT"}, {"name": "code", "dataType": "INT"}]
    bulk(server, "tables", {**table, "columns": more})
    made = server.table("lake.raw.shop.customers")
    history = server.get(f"tables/{made['id']}/versions")
    assert history["entityType"] == "table"
    assert len(history["versions"]) == 2
    assert '"version":0.2' in history["versions"][0]
    assert all('"updatedBy":"ingestion-bot"' in version for version in history["versions"])


def test_connection_test_has_a_definition(server: Caller) -> None:
    found = server.get("services/testConnectionDefinitions/name/Trino.testConnectionDefinition")
    assert found["steps"][0]["name"] == "CheckAccess"
    assert server.get("storedProcedures", databaseSchema="lake.raw.shop")["data"] == []
