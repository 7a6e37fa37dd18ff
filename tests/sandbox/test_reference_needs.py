"""What the reference's dbt workflow needs in the answers of a Collate, row by row as its traffic showed.

The reference is PyPI's ``openmetadata-ingestion``: its models refuse a key that they do not know, and what it
cannot read it takes for missing, so that a run stays green with nothing written.
"""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.scenarios import scenario_named
from tests.sandbox.collate_support import DIM_CUSTOMERS, FCT_ORDERS, STG_ORDERS, TOKEN, Caller, Json, collate

SERVICE = "shop_warehouse"
BOARD = "shop_bi.weekly_sales_board"
CASE = f"{DIM_CUSTOMERS}.customer_id.unique_dim_customers_customer_id"
CASES, RESULTS = "dataQuality/testCases", "dataQuality/testCases/testCaseResults"
DEFINITIONS = "dataQuality/testDefinitions"
UNKNOWN = "0b6f0c39-7a4f-4b6e-8f3b-2f7d6f0c9a11"
STAMP = 1795510972002
RESULT = {
    "timestamp": STAMP,
    "testCaseStatus": "Success",
    "testResultValue": [{"name": "test.shop.unique", "value": "1"}],
}
MODEL = {
    "modelType": "DBT",
    "resourceType": "model",
    "dbtSourceProject": "shop",
    "path": "models/marts/dim_customers.sql",
    "rawSql": "select 1",
    "upstream": [STG_ORDERS],
    "columns": [{"name": "customer_id", "dataType": "INT", "dataLength": 1, "ordinalPosition": 1}],
}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A server to which the reference's writes went, in its order; its tests do not depend on each other."""
    with collate(tmp_path_factory.mktemp("collate")) as caller:
        for _ in range(2):
            caller.client.put(
                "classifications", json={"name": "dbtTags", "description": "dbt classification"}
            )
        caller.client.put(
            "tags", json={"classification": "dbtTags", "name": "mart", "description": "dbt Tags"}
        )
        caller.send(
            "PUT", "domains", {"name": "Sales", "description": "d", "domainType": "Aggregate"}, status=201
        )
        caller.send("PUT", f"tables/{id_of(caller, DIM_CUSTOMERS)}/dataModel", MODEL)
        caller.send("PUT", "lineage", edge(caller, STG_ORDERS, DIM_CUSTOMERS))
        caller.send("PUT", DEFINITIONS, definition("unique"), status=201)
        caller.send("PUT", CASES, case("unique_dim_customers_customer_id"), status=201)
        caller.send("POST", f"{RESULTS}/{quote(CASE)}", RESULT, status=201)
        yield caller


def id_of(caller: Caller, fqn: str, kind: str = "table") -> str:
    return str(caller.get(f"{KINDS[kind].path}/name/{quote(fqn, safe='')}")["id"])


def edge(caller: Caller, source: str, target: str, **details: Any) -> Json:
    ends = [{"id": id_of(caller, fqn), "type": "table"} for fqn in (source, target)]
    details = {"sqlQuery": "select 1", "source": "DbtLineage"} | details
    return {"edge": {"fromEntity": ends[0], "toEntity": ends[1], "lineageDetails": details}}


def definition(name: str) -> Json:
    parameter = {"name": name, "displayName": name, "required": False}
    return {
        "name": name,
        "entityType": "COLUMN",
        "testPlatforms": ["dbt"],
        "parameterDefinition": [parameter],
    }


def case(name: str) -> Json:
    return {
        "name": name,
        "testDefinition": "unique",
        "entityLink": f"<#E::table::{DIM_CUSTOMERS}::columns::customer_id>",
        "parameterValues": [{"name": "unique", "value": ""}],
    }


# an unknown key in an entity


@pytest.mark.parametrize(
    ("kind", "fqn"),
    [
        ("table", DIM_CUSTOMERS),
        ("databaseService", SERVICE),
        ("domain", "Sales"),
        ("team", "data-platform"),
        ("user", "ana"),
        ("dashboard", BOARD),
        ("testCase", CASE),
        ("testDefinition", "unique"),
    ],
)
def test_no_answer_about_an_entity_holds_a_key_that_its_schema_lacks(
    synced: Caller, kind: str, fqn: str
) -> None:
    found = KINDS[kind]
    every = ",".join(sorted(found.on_request))
    plain = synced.get(f"{found.path}/name/{quote(fqn, safe='')}")
    whole = synced.get(f"{found.path}/name/{quote(fqn, safe='')}", fields=every)
    by_id = synced.get(f"{found.path}/{plain['id']}", fields=every)
    listed = synced.get(found.path, fields=every, limit=1000)["data"]
    for entity in (plain, whole, by_id, *listed):
        assert entity.keys() <= found.keys
        assert {"id", "name"} <= entity.keys()
    assert whole == by_id


def test_domain_comes_without_the_usual_deleted(synced: Caller) -> None:
    found = synced.get("domains/name/Sales")
    assert "deleted" not in found
    assert {"id", "name", "fullyQualifiedName", "description", "domainType"} <= found.keys()


def test_the_service_names_a_connection_of_its_type(synced: Caller) -> None:
    found = synced.get(f"services/databaseServices/name/{SERVICE}")
    assert found["connection"]["config"]["type"] == found["serviceType"]


# a table


def test_every_answer_about_a_table_has_its_columns_and_its_fqn(synced: Caller) -> None:
    table_id = id_of(synced, DIM_CUSTOMERS)
    path = f"tables/name/{DIM_CUSTOMERS}"
    answers = [
        synced.get(path),
        synced.get(path, fields="sourceHash"),
        synced.get(f"tables/{table_id}"),
        synced.get(f"tables/{table_id}", fields="domains"),
        synced.patch(f"tables/{table_id}", {"op": "add", "path": "/description", "value": "Who buys."}),
        synced.send("PUT", f"tables/{table_id}/dataModel", MODEL),
        *synced.get("tables", database=f"{SERVICE}.shop", limit=1000)["data"],
    ]
    for table in answers:
        assert table["fullyQualifiedName"].startswith(SERVICE)
        assert table["columns"]
        assert table.keys() <= KINDS["table"].keys
        for column in table["columns"]:
            assert {"name", "dataType"} <= column.keys()
            assert column["dataType"] != "VARCHAR" or column["dataLength"] >= 1
    assert answers[4]["description"] == "Who buys."
    assert answers[5]["dataModel"]["path"] == MODEL["path"]


def test_a_table_that_is_not_there_is_a_404(synced: Caller) -> None:
    synced.get("tables/name/shop_warehouse.shop.marts.nothing", status=404)


# the search index


def test_a_hit_has_the_fqn_in_its_source(synced: Caller) -> None:
    def hits(**asked: Any) -> list[Json]:
        fixed: Json = {"fieldName": "fullyQualifiedName", "from": 0, "size": 10, "deleted": "false"}
        found: list[Json] = synced.get("search/fieldQuery", **fixed, **asked)["hits"]["hits"]
        return found

    (hit,) = hits(fieldValue=DIM_CUSTOMERS, index="table_search_index")
    assert hit["_source"]["fullyQualifiedName"] == DIM_CUSTOMERS
    (hit,) = hits(fieldValue=SERVICE, index="database_service_search_index")
    assert hit["_source"]["fullyQualifiedName"] == SERVICE
    assert len(hits(fieldValue="*.shop.marts.dim_customers", index="table_search_index")) == 1
    assert hits(fieldValue="shop_warehouse.shop.marts.nothing", index="table_search_index") == []


@pytest.mark.parametrize(
    ("index", "name", "found"),
    [
        ("user_search_index", "ana", ["ana"]),
        ("team_search_index", "data-platform", ["data-platform"]),
        ("user_search_index", "nobody-known", []),
    ],
)
def test_an_owner_is_found_by_the_filter_that_it_sends(
    synced: Caller, index: str, name: str, found: list[str]
) -> None:
    text = f'{{"query":{{"query_string":{{"query":"{name} AND isBot:false"}}}}}}'
    if index == "team_search_index":
        text = text.replace(" AND isBot:false", "")
    asked: Json = {"query_filter": text, "from": 0, "size": 1, "index": index}
    answer = synced.get("search/query", **asked)
    assert [hit["_source"]["fullyQualifiedName"] for hit in answer["hits"]["hits"]] == found


def test_an_owner_is_found_by_mail(synced: Caller) -> None:
    asked: Json = {
        "q": "email.keyword:bruno@shop.example",
        "from": 0,
        "size": 1,
        "index": "user_search_index",
    }
    (hit,) = synced.get("search/query", **asked)["hits"]["hits"]
    assert hit["_source"]["fullyQualifiedName"] == "bruno"


def test_a_search_index_that_is_down_says_so_to_every_search(tmp_path: Path) -> None:
    with collate(tmp_path, scenario_named("search-down")) as caller:
        for path in ("search/query", "search/fieldQuery"):
            error = caller.get(path, status=500, fieldName="name", fieldValue="x")
            assert "Connection refused" in error["responseMessage"]
        assert caller.get(f"tables/name/{DIM_CUSTOMERS}")["columns"]


# people


def test_a_user_has_a_mail_and_a_team_is_a_group(synced: Caller) -> None:
    assert all(user["email"] for user in synced.get("users", limit=100)["data"])
    assert {team["teamType"] for team in synced.get("teams", limit=100)["data"]} == {"Group"}


# tags


def test_a_classification_and_a_tag_are_whole_however_often_they_are_put(synced: Caller) -> None:
    bodies = {
        "classifications": {"name": "dbtTags", "description": "dbt classification"},
        "tags": {"classification": "dbtTags", "name": "mart", "description": "dbt Tags"},
    }
    for path, body in bodies.items():
        for _ in range(2):
            assert {"id", "name", "description", "fullyQualifiedName"} <= synced.send(
                "PUT", path, body
            ).keys()
    assert synced.get("tags/name/dbtTags.mart")["name"] == "mart"
    for path in ("tags/name/dbtTags.nothing", "glossaryTerms/name/Business.Customer"):
        synced.get(path, status=404)


# lineage


def test_an_edge_is_a_404_until_it_is_there_by_id_and_by_name(synced: Caller) -> None:
    source, target = id_of(synced, STG_ORDERS), id_of(synced, FCT_ORDERS)
    names = f"table/name/{STG_ORDERS}/table/name/{FCT_ORDERS}"
    for path in (f"{source}/{target}", names):
        error = synced.get(f"lineage/getLineageEdge/{path}", status=404)
        assert error["code"] == 404
    assert synced.send("PUT", "lineage", edge(synced, STG_ORDERS, FCT_ORDERS)) is None
    for path in (f"{source}/{target}", names):
        found = synced.get(f"lineage/getLineageEdge/{path}")["edge"]
        assert (found["source"], found["sqlQuery"]) == ("DbtLineage", "select 1")


def test_every_edge_has_a_list_of_columns_that_a_patch_can_add_to(synced: Caller) -> None:
    names = f"table/name/{STG_ORDERS}/table/name/{DIM_CUSTOMERS}"
    assert synced.get(f"lineage/getLineageEdge/{names}")["edge"]["columnsLineage"] == []
    pair = {"fromColumns": [f"{STG_ORDERS}.customer_id"], "toColumn": f"{DIM_CUSTOMERS}.customer_id"}
    synced.patch(
        f"lineage/{names}",
        {"op": "add", "path": "/sqlQuery", "value": "create table x as select ?"},
        {"op": "add", "path": "/columnsLineage/0", "value": pair},
    )
    found = synced.get(f"lineage/getLineageEdge/{names}")["edge"]
    assert found["columnsLineage"] == [pair]
    assert found["sqlQuery"] == "create table x as select ?"


def test_an_edge_takes_bare_details_by_name(synced: Caller) -> None:
    names = f"table/name/{DIM_CUSTOMERS}/table/name/{FCT_ORDERS}"
    body = {"sqlQuery": "select 1", "columnsLineage": [], "source": "DbtLineage"}
    assert synced.send("PUT", f"lineage/{names}", body) is None
    assert synced.get(f"lineage/getLineageEdge/{names}")["edge"]["columnsLineage"] == []
    wrong = body | {"columnsLineage": [{"fromColumns": ["no.such.column"], "toColumn": "x"}]}
    assert synced.refused("PUT", f"lineage/{names}", wrong)[0] == 400


# tests


def test_every_answer_about_a_test_case_names_its_suite_definition_and_link(synced: Caller) -> None:
    path = f"{CASES}/name/{quote(CASE)}"
    asked = "testDefinition,testSuite"
    case_id = synced.get(path)["id"]
    answers = [
        synced.get(path),
        synced.get(path, fields=asked),
        synced.get(f"{CASES}/{case_id}"),
        synced.send("PUT", CASES, case("unique_dim_customers_customer_id")),
        synced.patch(f"{CASES}/{case_id}", {"op": "add", "path": "/description", "value": "Once."}),
        *synced.get(CASES, limit=100)["data"],
        *synced.get(CASES, limit=100, fields=asked)["data"],
        *synced.client.post(f"{CASES}/createMany", json=[case("unique_again")]).json(),
    ]
    for found in answers:
        assert found["testSuite"]["fullyQualifiedName"] == f"{DIM_CUSTOMERS}.testSuite"
        assert found["testDefinition"]["name"] == "unique"
        assert found["entityLink"].startswith("<#E::table::")
        assert found.keys() <= KINDS["testCase"].keys


def test_a_definition_is_a_404_before_it_is_put(synced: Caller) -> None:
    synced.get(f"{DEFINITIONS}/name/a_singular_test", status=404)
    singular = {"name": "a_singular_test", "entityType": "TABLE", "testPlatforms": ["dbt"]}
    assert synced.send("PUT", DEFINITIONS, singular, status=201).keys() <= KINDS["testDefinition"].keys
    assert synced.get(f"{DEFINITIONS}/name/a_singular_test")["parameterDefinition"] == []


def test_a_result_of_a_known_time_is_a_409_and_one_of_no_case_a_404(synced: Caller) -> None:
    assert synced.refused("POST", f"{RESULTS}/{quote(CASE)}", RESULT)[0] == 409
    assert synced.refused("POST", f"{RESULTS}/{quote(CASE)}x", RESULT)[0] == 404
    later = RESULT | {"timestamp": STAMP + 1, "testCaseStatus": "Aborted", "result": "Got 1"}
    synced.send("POST", f"{RESULTS}/{quote(CASE)}", later, status=201)


# errors


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"tables/{UNKNOWN}", None, 404),
        ("GET", "nothing/of/that/name", None, 404),
        ("DELETE", "system/version", None, 405),
        ("PUT", "lineage", {"edge": {}}, 400),
        ("PUT", "lineage", {"edge": {"zzz": 1}}, 400),
        ("PUT", f"tables/{UNKNOWN}/dataModel", MODEL, 404),
        ("PUT", CASES, {"name": "t"}, 400),
        ("PUT", DEFINITIONS, definition("x") | {"zzz": 1}, 400),
        ("POST", "tags", {"classification": "dbtTags", "name": "mart", "description": "d"}, 409),
        ("PATCH", f"tables/{UNKNOWN}", [], 404),
        ("GET", "tables", None, 401),
    ],
)
def test_an_error_is_json_with_code_and_message(
    synced: Caller, method: str, path: str, body: Any, status: int
) -> None:
    headers = {"Authorization": ""} if status == 401 else {}
    answer = synced.client.request(method, path, json=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["code"] == status
    assert answer.json()["message"]


def test_a_refused_token_is_a_401_on_everything_but_the_version(tmp_path: Path) -> None:
    with collate(tmp_path, scenario_named("collate-expired-token")) as caller:
        assert caller.get("system/version")["version"].startswith("2.0.")
        for path in (f"services/databaseServices/name/{SERVICE}", f"tables/name/{DIM_CUSTOMERS}", "users"):
            assert caller.get(path, status=401)["code"] == 401


def test_only_the_types_custom_properties_may_be_left_out(synced: Caller) -> None:
    assert synced.get("metadata/types/name/table", fields="customProperties")["customProperties"] == []


# the connection


def test_one_connection_serves_one_request_after_another(synced: Caller) -> None:
    connection = http.client.HTTPConnection(urlsplit(synced.url).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {TOKEN.get_secret_value()}", "Content-type": "application/json"}
    sockets = set()
    for path, status in (("system/version", 200), (f"tables/{UNKNOWN}", 404), ("tables?limit=1", 200)):
        connection.request("GET", f"/api/v1/{path}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is not None
        sockets.add(connection.sock.getsockname())
    connection.close()
    assert len(sockets) == 1
