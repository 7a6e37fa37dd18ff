"""The sandbox's Collate in the dialect of server 1.1, as it was measured on a real one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from dbtcollate_tui.sandbox.scenarios import HEALTHY
from tests.sandbox.collate_support import DIM_CUSTOMERS, FCT_ORDERS, STG_ORDERS, Caller, Json, collate

WRAPPED = "An exception with message [HTTP {}] was thrown while processing request."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Caller]:
    with collate(tmp_path, version="1.1") as caller:
        yield caller


def test_version_and_refused_tokens(server: Caller) -> None:
    assert server.get("system/version")["version"] == "1.1.0-SNAPSHOT"
    answer = httpx.get(f"{server.url}/api/v1/tables", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": "Invalid token"})


@pytest.mark.parametrize(
    ("method", "path", "problem"),
    [
        ("GET", "nonsense", "404 Not Found"),
        ("POST", "system/version", "405 Method Not Allowed"),
        ("PATCH", f"tables/name/{FCT_ORDERS}", "405 Method Not Allowed"),
        ("GET", "lineage/getLineageEdge/a/b", "405 Method Not Allowed"),
        ("POST", "dataQuality/testCases/testCaseResults/x", "405 Method Not Allowed"),
        ("PATCH", "tables/x", "415 Unsupported Media Type"),
    ],
)
def test_what_it_does_not_have_is_a_500(server: Caller, method: str, path: str, problem: str) -> None:
    if problem.startswith("415"):
        path = f"tables/{server.table(FCT_ORDERS, 'columns')['id']}"
    assert server.refused(method, path, {}) == (500, WRAPPED.format(problem))


def test_one_owner_and_the_field_is_called_so(server: Caller) -> None:
    assert server.refused("GET", "tables?fields=owners") == (400, "Invalid field name owners")
    table = server.table(FCT_ORDERS, "columns,tags,owner")
    assert "owner" not in table
    ana = {"id": server.get("users/name/ana")["id"], "type": "user"}
    owned = server.patch(f"tables/{table['id']}", {"op": "add", "path": "/owner", "value": ana})
    assert owned["owner"]["name"] == "ana"
    assert "owners" not in owned
    assert server.table(FCT_ORDERS, "owner")["owner"]["name"] == "ana"
    refused = server.patch(
        f"tables/{table['id']}", {"op": "add", "path": "/owners", "value": [ana]}, status=400
    )
    assert 'Unrecognized field "owners"' in refused["message"]


def test_the_data_model_has_an_owner_and_no_resource_type(server: Caller) -> None:
    path = f"tables/{server.table(DIM_CUSTOMERS, 'columns')['id']}/dataModel"
    ana = {"id": server.get("users/name/ana")["id"], "type": "user"}
    after = server.send("PUT", path, {"modelType": "DBT", "sql": "", "owner": ana})
    assert after["owner"]["name"] == after["dataModel"]["owner"]["name"] == "ana"
    for key in ("resourceType", "dbtSourceProject", "owners"):
        assert "Unrecognized field" in server.refused("PUT", path, {"modelType": "DBT", key: []})[1]


def test_lineage_is_read_through_the_graph(server: Caller) -> None:
    source, target = (server.table(fqn, "columns") for fqn in (STG_ORDERS, FCT_ORDERS))
    edge = {
        "fromEntity": {"id": source["id"], "type": "table"},
        "toEntity": {"id": target["id"], "type": "table"},
        "lineageDetails": {"source": "DbtLineage", "sqlQuery": "select 1"},
    }
    assert server.send("PUT", "lineage", {"edge": edge}) is None
    graph = server.get(f"lineage/table/name/{FCT_ORDERS}", upstreamDepth=1)
    assert graph["upstreamEdges"][0]["lineageDetails"]["sqlQuery"] == "select 1"
    assert "createdBy" not in graph["upstreamEdges"][0]["lineageDetails"]
    server.send("DELETE", f"lineage/table/{source['id']}/table/{target['id']}")
    assert server.get(f"lineage/table/name/{FCT_ORDERS}")["upstreamEdges"] == []


def test_a_suite_is_made_first_and_a_result_may_be_replaced(server: Caller) -> None:
    definition: Json = {"name": "unique", "entityType": "COLUMN", "testPlatforms": ["dbt"]}
    assert (
        "description must not be null"
        in server.refused("PUT", "dataQuality/testDefinitions", definition | {"testPlatforms": ["DBT"]})[1]
    )
    definition["description"] = "as dbt has it"
    assert "problem: dbt" in server.refused("PUT", "dataQuality/testDefinitions", definition)[1]
    made = server.send("PUT", "dataQuality/testDefinitions", definition | {"testPlatforms": ["DBT"]}, 201)
    assert made["testPlatforms"] == ["DBT"]

    case = {
        "name": "unique_x",
        "testDefinition": "unique",
        "entityLink": f"<#E::table::{DIM_CUSTOMERS}::columns::not_there>",
    }
    assert "testSuite must not be null" in server.refused("PUT", "dataQuality/testCases", case)[1]
    suite = {"name": f"{DIM_CUSTOMERS}.testSuite", "executableEntityReference": DIM_CUSTOMERS}
    quoted = server.send("PUT", "dataQuality/testSuites/executable", suite, 201)["fullyQualifiedName"]
    assert quoted == f'"{DIM_CUSTOMERS}.testSuite"'
    server.send("PUT", "dataQuality/testSuites/executable", suite, 200)
    missing = server.refused("PUT", "dataQuality/testCases", case | {"testSuite": suite["name"]})
    assert missing[0] == 404
    fqn = server.send("PUT", "dataQuality/testCases", case | {"testSuite": quoted}, 201)["fullyQualifiedName"]

    results = f"dataQuality/testCases/{quote(fqn, safe='')}/testCaseResult"
    for status in ("Failed", "Success"):
        server.send("PUT", results, {"timestamp": 5, "testCaseStatus": status}, 201)
    found = server.get(results, startTs=0, endTs=9)["data"]
    assert [result["testCaseStatus"] for result in found] == ["Success"]


def test_neither_search_nor_pipeline_service_answers(tmp_path: Path) -> None:
    alone = replace(HEALTHY, search="down", pipeline_service="down")
    with collate(tmp_path, alone, version="1.1") as server:
        _neither_answers(server)


def _neither_answers(server: Caller) -> None:
    status, message = server.refused("GET", "search/query?q=*&index=user_search_index")
    assert status == 500
    assert "Connection refused" in message
    service = server.get("services/databaseServices/name/shop_warehouse")
    body: Json = {
        "name": "dbt",
        "pipelineType": "dbt",
        "service": {"id": service["id"], "type": "databaseService"},
        "sourceConfig": {"config": {"type": "DBT", "dbtConfigSource": {"dbtCloudAuthToken": "dbtc_1"}}},
        "airflowConfig": {"scheduleInterval": "nonsense"},
    }
    pipeline = server.send("POST", "services/ingestionPipelines", body, 201)
    assert server.refused("POST", "services/ingestionPipelines", body) == (409, "Entity already exists")
    shown = pipeline["sourceConfig"]["config"]["dbtConfigSource"]["dbtCloudAuthToken"]
    assert shown == "dbtc_1"
    base = "services/ingestionPipelines"
    assert server.get(f"{base}/status")["status"] == "unhealthy"
    for method, path in (
        ("POST", f"deploy/{pipeline['id']}"),
        ("POST", f"trigger/{pipeline['id']}"),
        ("GET", f"logs/{pipeline['id']}/last"),
        ("GET", f"{quote(pipeline['fullyQualifiedName'], safe='')}/pipelineStatus"),
    ):
        status, message = server.refused(method, f"{base}/{path}")
        assert status == 400
        assert "due to [null]" in message
