"""The sandbox's Collate in its newest dialect: what it holds, takes and refuses, over HTTP."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.sandbox.collate.app import collate_app
from dbtcollate_tui.sandbox.scenarios import HEALTHY, scenario_named
from dbtcollate_tui.sandbox.shop_data import NOT_INGESTED_SCHEMAS, load_warehouse
from tests.sandbox.collate_support import DIM_CUSTOMERS, FCT_ORDERS, STG_ORDERS, Caller, Json, collate


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Caller]:
    with collate(tmp_path) as caller:
        yield caller


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A server for tests that change nothing."""
    with collate(tmp_path_factory.mktemp("collate")) as caller:
        caller.send("PUT", "dataQuality/testDefinitions", definition(), 201)
        yield caller


def label(fqn: str) -> Json:
    return {"tagFQN": fqn, "source": "Classification", "labelType": "Automated", "state": "Suggested"}


# what it holds


def test_the_warehouse_is_there_as_an_ingestion_leaves_it(reader: Caller) -> None:
    tables = reader.get("tables", database="shop_warehouse.shop", limit=1000, fields="columns,tags,dataModel")
    expected = {
        f"shop_warehouse.shop.{table.schema}.{table.name}"
        for table in load_warehouse()
        if table.schema not in NOT_INGESTED_SCHEMAS
    }
    assert {table["fullyQualifiedName"] for table in tables["data"]} == expected
    assert tables["paging"] == {"total": len(expected)}
    assert all("dataModel" not in table and table["tags"] == [] for table in tables["data"])
    assert [table["name"] for table in tables["data"] if table.get("description")] == ["dim_products"]
    column = reader.table(FCT_ORDERS)["columns"][4]
    assert (column["name"], column["dataType"], column["precision"], column["scale"]) == (
        "order_amount",
        "DECIMAL",
        38,
        2,
    )


def test_two_services_people_a_team_and_the_delivered_tags(reader: Caller) -> None:
    services = reader.get("services/databaseServices")["data"]
    assert [(one["name"], one["serviceType"]) for one in services] == [
        ("legacy_crm", "Mysql"),
        ("shop_warehouse", "CustomDatabase"),
    ]
    users = {user["name"]: user["email"] for user in reader.get("users", limit=100)["data"]}
    assert users["chen"] == "chen@shop.example"
    assert set(users) == {"ana", "bruno", "chen", "admin", "ingestion-bot"}
    assert reader.get("teams/name/data-platform")["teamType"] == "Group"
    tiers = reader.get("tags", parent="Tier", limit=100)["data"]
    assert [tag["fullyQualifiedName"] for tag in tiers] == [f"Tier.Tier{n}" for n in range(1, 6)]
    assert reader.get("users/loggedInUser")["name"] == "ingestion-bot"


def test_a_persons_description_tells_who_wrote_it(reader: Caller) -> None:
    table = reader.table("shop_warehouse.shop.marts.dim_products")
    assert table["updatedBy"] == "ana"
    assert table["changeDescription"]["changeSummary"]["description"]["changedBy"] == "ana"
    summary = reader.table(DIM_CUSTOMERS)["changeDescription"]["changeSummary"]
    assert list(summary) == ["columns.email.description"]


def test_pages_by_cursor_in_both_directions(reader: Caller) -> None:
    first = reader.get("tables", limit=10)
    second = reader.get("tables", limit=10, after=first["paging"]["after"])
    third = reader.get("tables", limit=10, after=second["paging"]["after"])
    names = [table["id"] for page in (first, second, third) for table in page["data"]]
    assert len(set(names)) == len(names) == first["paging"]["total"]
    assert "before" not in first["paging"]
    assert "after" not in third["paging"]
    back = reader.get("tables", limit=10, before=second["paging"]["before"])
    assert [table["id"] for table in back["data"]] == [table["id"] for table in first["data"]]
    assert reader.refused("GET", "tables", after="nonsense")[0] == 400


def test_only_named_fields_are_given(reader: Caller) -> None:
    bare = reader.get(f"tables/name/{DIM_CUSTOMERS}")
    assert not {"owners", "tags", "dataModel"} & set(bare)
    assert all("tags" not in column for column in bare["columns"])
    assert {"owners", "tags"} <= set(reader.get(f"tables/name/{DIM_CUSTOMERS}", fields="*"))


# what it refuses


def test_only_the_version_needs_no_token(reader: Caller) -> None:
    for headers, message in (
        ({}, "Not Authorized! Token not present"),
        ({"Authorization": "Bearer nonsense"}, "Unable to decode the token."),
        ({"Authorization": "Token a.bots.token"}, "Not Authorized! Token not present"),
    ):
        answer = httpx.get(f"{reader.url}/api/v1/tables", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": message})
    assert httpx.get(f"{reader.url}/api/v1/system/version").json()["version"].startswith("2.0.")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "tables/name/shop_warehouse.nope", None, 404, "table instance for shop_warehouse.nope not"),
        ("GET", "users/name/dora", None, 404, "user instance for dora not found"),
        ("GET", "glossaryTerms/name/Business.Customer", None, 404, "glossaryTerm instance for"),
        ("GET", "tables?fields=owners,nonsense", None, 400, "Invalid field name nonsense"),
        ("GET", "tables?limit=1000001", None, 400, "limit must be less than or equal to 1000000"),
        ("GET", "tables?limit=-1", None, 400, "limit must be greater than or equal to 0"),
        ("GET", "nonsense", None, 404, "HTTP 404 Not Found"),
        ("POST", "system/version", {}, 405, "HTTP 405 Method Not Allowed"),
        ("PUT", "tables", {"name": "t", "columns": []}, 400, "[databaseSchema must not be null]"),
        ("PUT", "tables", {"name": "t", "color": "red"}, 400, 'Unrecognized field "color"'),
        ("PUT", "classifications", {"name": "c"}, 400, "[description must not be null]"),
        ("PUT", "tags", {"name": "t", "description": "", "classification": "C"}, 404, "classification inst"),
        ("PUT", "databases", {"name": "d", "service": "nope"}, 404, "databaseService instance for nope"),
        (
            "PUT",
            "tables",
            {
                "name": "t",
                "databaseSchema": "legacy_crm.default.crm",
                "columns": [{"name": "c", "dataType": "HUGEINT"}],
            },
            400,
            "problem: HUGEINT",
        ),
        ("PUT", "services/databaseServices", {"name": "d", "serviceType": "DuckDB"}, 400, "problem: DuckDB"),
        ("GET", "lineage/table/name/nope", None, 404, "table instance for nope not found"),
        (
            "GET",
            f"lineage/table/name/{DIM_CUSTOMERS}?upstreamDepth=4",
            None,
            400,
            "less than or equal to 3",
        ),
    ],
)
def test_refusals(reader: Caller, method: str, path: str, body: Any, status: int, message: str) -> None:
    found = reader.refused(method, path, body)
    assert found[0] == status
    assert message in found[1]


def test_a_body_that_is_no_json(reader: Caller) -> None:
    answer = reader.client.put("tables", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


# patches


def test_a_patch_raises_the_version_only_where_it_changes_something(server: Caller) -> None:
    table = server.table(FCT_ORDERS)
    path = f"tables/{table['id']}"
    change = {"op": "add", "path": "/columns/0/description", "value": "The order's number."}
    changed = server.patch(path, change)
    assert changed["version"] == pytest.approx(table["version"] + 0.1)
    assert changed["updatedBy"] == "ingestion-bot"
    assert changed["columns"][0]["description"] == "The order's number."
    assert server.patch(path, change)["version"] == changed["version"]
    by_name = f"tables/name/{FCT_ORDERS}"
    assert server.patch(by_name, {"op": "add", "path": "/description", "value": "x"})["description"] == "x"


def test_a_failed_test_operation_guards_the_whole_patch(server: Caller) -> None:
    path = f"tables/{server.table(FCT_ORDERS)['id']}"
    refusal = server.patch(
        path,
        {"op": "add", "path": "/description", "value": "new"},
        {"op": "test", "path": "/columns/0/name", "value": "other"},
        status=500,
    )
    assert "JsonPatch.Operation.TEST fails" in refusal["responseMessage"]
    assert "description" not in server.table(FCT_ORDERS)


def test_patches_that_cannot_be_applied(reader: Caller) -> None:
    path = f"tables/{reader.table(FCT_ORDERS)['id']}"
    refusal = reader.patch(path, {"op": "add", "path": "/columns/99/x", "value": 1}, status=500)
    assert "contains no element for index 99" in refusal["responseMessage"]
    reader.patch(path, {"op": "replace", "path": "/displayName", "value": "x"}, status=500)
    reader.patch(path, {"op": "nonsense", "path": "/displayName"}, status=400)
    assert (
        "Unrecognized field"
        in reader.patch(path, {"op": "add", "path": "/x", "value": 1}, status=400)["message"]
    )
    answer = reader.client.patch(path, content="{}", headers={"Content-Type": "application/json-patch+json"})
    assert (answer.status_code, answer.json()["message"]) == (400, "JSON patch has to be an array of objects")
    assert reader.client.patch(path, json=[]).status_code == 415


def test_owners_must_exist_and_are_users_or_one_team(server: Caller) -> None:
    path = f"tables/{server.table(FCT_ORDERS)['id']}"
    ana, chen = ({"id": server.get(f"users/name/{n}")["id"], "type": "user"} for n in ("ana", "chen"))
    team = {"id": server.get("teams/name/data-platform")["id"], "type": "team"}
    owners = server.patch(path, {"op": "add", "path": "/owners", "value": [ana, chen]})["owners"]
    assert [owner["name"] for owner in owners] == ["ana", "chen"]
    both = server.patch(path, {"op": "add", "path": "/owners", "value": [ana, team]}, status=400)
    assert "Single Team Ownership" in both["message"]
    ghost = {"id": "00000000-0000-0000-0000-000000000000", "type": "user"}
    assert (
        "not found"
        in server.patch(path, {"op": "add", "path": "/owners/0", "value": ghost}, status=404)["message"]
    )


def test_tags_must_exist_and_may_exclude_each_other(server: Caller) -> None:
    path = f"tables/{server.table(FCT_ORDERS)['id']}"
    missing = server.patch(path, {"op": "add", "path": "/tags/-", "value": label("dbtTags.x")}, status=404)
    assert missing["message"] == "tag instance for dbtTags.x not found"
    tagged = server.patch(path, {"op": "add", "path": "/tags/-", "value": label("Tier.Tier1")})
    assert tagged["tags"][0]["description"] == "Tier 1 data."
    second = server.patch(path, {"op": "add", "path": "/tags/-", "value": label("Tier.Tier2")}, status=400)
    assert "mutually exclusive" in second["message"]


def test_a_conditional_patch_takes_the_weak_tag_of_the_version(server: Caller) -> None:
    table = server.table(FCT_ORDERS)
    path, change = f"tables/{table['id']}", {"op": "add", "path": "/description", "value": "x"}
    assert "has been modified" in server.patch(path, change, status=412, If_Match='W/"9.9"')["message"]
    assert server.patch(path, change, If_Match=f'W/"{table["version"]}"')["description"] == "x"


def test_identity_and_place_are_not_patched(server: Caller) -> None:
    table = server.table(FCT_ORDERS)
    changed = server.patch(
        f"tables/{table['id']}",
        {"op": "replace", "path": "/fullyQualifiedName", "value": "a.b.c.d"},
        {"op": "replace", "path": "/version", "value": 7.0},
    )
    assert changed["fullyQualifiedName"] == FCT_ORDERS
    assert changed["version"] == table["version"]


# puts


def test_a_bots_put_keeps_what_a_person_wrote_and_adds_tags(server: Caller) -> None:
    server.make_tag("dbtTags", "mart")
    before = server.table("shop_warehouse.shop.marts.dim_products")
    body = {
        "name": "dim_products",
        "databaseSchema": "shop_warehouse.shop.marts",
        "description": "by the bot",
        "tags": [label("dbtTags.mart")],
        "columns": [{"name": column["name"], "dataType": column["dataType"]} for column in before["columns"]],
    }
    after = server.send("PUT", "tables", body)
    assert after["description"] == before["description"]
    assert [tag["tagFQN"] for tag in after["tags"]] == ["dbtTags.mart"]
    assert server.refused("POST", "tables", body) == (409, "Entity already exists")


def test_names_with_dots_and_slashes_are_found_by_their_quoted_fqn(server: Caller) -> None:
    column = {"name": "a", "dataType": "INT"}
    for name, fqn in (
        ("odd.name", 'legacy_crm.default.crm."odd.name"'),
        ("odd/name", "legacy_crm.default.crm.odd/name"),
    ):
        body = {"name": name, "databaseSchema": "legacy_crm.default.crm", "columns": [column]}
        assert server.send("PUT", "tables", body, 201)["fullyQualifiedName"] == fqn
        assert server.table(fqn)["name"] == name


def test_a_bulk_upsert_tells_which_bodies_failed(server: Caller) -> None:
    good = {"name": "b1", "databaseSchema": "legacy_crm.default.crm", "columns": []}
    result = server.send("PUT", "tables/bulk", [good, good | {"databaseSchema": "nope"}])
    assert (result["status"], result["numberOfRowsPassed"], result["numberOfRowsFailed"]) == (
        "partialSuccess",
        1,
        1,
    )
    assert result["failedRequest"][0]["status"] == 404


# dbt's data model


def test_a_data_model_gives_tags_and_first_owners_but_no_descriptions(server: Caller) -> None:
    server.make_tag("dbtTags", "mart")
    table = server.table(DIM_CUSTOMERS)
    ana = {"id": server.get("users/name/ana")["id"], "type": "user"}
    model = {
        "modelType": "DBT",
        "resourceType": "model",
        "description": "from dbt",
        "sql": "select 1",
        "owners": [ana],
        "tags": [label("dbtTags.mart"), label("Tier.Tier2")],
        "columns": [
            {"name": "EMAIL", "dataType": "VARCHAR", "dataLength": 1, "tags": [label("PII.Sensitive")]}
        ],
    }
    path = f"tables/{table['id']}/dataModel"
    after = server.send("PUT", path, model)
    assert [tag["tagFQN"] for tag in after["tags"]] == ["dbtTags.mart", "Tier.Tier2"]
    email = next(column for column in after["columns"] if column["name"] == "email")
    assert [tag["tagFQN"] for tag in email["tags"]] == ["PII.Sensitive"]
    assert email["description"].startswith("Contact address.")
    assert "description" not in after
    assert [owner["name"] for owner in after["owners"]] == ["ana"]
    assert after["version"] == table["version"]

    chen = {"id": server.get("users/name/chen")["id"], "type": "user"}
    later = server.send("PUT", path, {"modelType": "DBT", "sql": "", "owners": [chen], "tags": []})
    assert later["dataModel"]["sql"] == "select 1"
    assert [owner["name"] for owner in later["owners"]] == ["ana"]
    assert len(later["tags"]) == 2


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        ({}, 400, "[modelType must not be null]"),
        ({"modelType": "dbt"}, 400, "problem: dbt"),
        ({"modelType": "DBT", "meta": {}}, 400, 'Unrecognized field "meta"'),
        ({"modelType": "DBT", "tags": [label("dbtTags.no")]}, 404, "tag instance for dbtTags.no not found"),
        ({"modelType": "DBT", "columns": [{"name": "a"}]}, 400, "dataType must not be null"),
    ],
)
def test_data_models_that_are_refused(reader: Caller, model: Json, status: int, message: str) -> None:
    table = reader.table(DIM_CUSTOMERS)
    found = reader.refused("PUT", f"tables/{table['id']}/dataModel", model)
    assert found[0] == status
    assert message in found[1]


# lineage


def test_edges_are_put_read_patched_and_deleted_by_id_and_by_name(server: Caller) -> None:
    source, target = server.table(STG_ORDERS), server.table(FCT_ORDERS)
    ends = {
        "fromEntity": {"id": source["id"], "type": "table"},
        "toEntity": {"id": target["id"], "type": "table"},
    }
    details = {"source": "DbtLineage", "sqlQuery": "select 1"}
    for _ in range(2):
        assert server.send("PUT", "lineage", {"edge": ends | {"lineageDetails": details}}) is None
    by_id = f"lineage/getLineageEdge/{source['id']}/{target['id']}"
    assert server.get(by_id)["edge"]["sqlQuery"] == "select 1"
    columns = {"fromColumns": [f"{STG_ORDERS}.order_id"], "toColumn": f"{FCT_ORDERS}.order_id"}
    names = f"table/name/{quote(STG_ORDERS, safe='')}/table/name/{quote(FCT_ORDERS, safe='')}"
    server.patch(f"lineage/{names}", {"op": "add", "path": "/columnsLineage/0", "value": columns})
    assert server.get(f"lineage/getLineageEdge/{names}")["edge"]["columnsLineage"] == [columns]

    graph = server.get(f"lineage/table/name/{FCT_ORDERS}", upstreamDepth=1, downstreamDepth=0)
    assert [node["fullyQualifiedName"] for node in graph["nodes"]] == [STG_ORDERS]
    assert graph["upstreamEdges"][0]["fromEntity"] == source["id"]
    assert graph["downstreamEdges"] == []

    server.send("PUT", f"lineage/{names}", {"source": "Manual"})
    assert server.get(by_id)["edge"]["source"] == "Manual"
    server.send("DELETE", f"lineage/table/{target['id']}/type/DbtLineage")
    assert server.get(by_id)["edge"]["source"] == "Manual"
    server.send("DELETE", f"lineage/source/name/table/{quote(FCT_ORDERS, safe='')}/type/Manual")
    assert server.refused("GET", by_id)[0] == 404
    assert server.refused("DELETE", f"lineage/{names}")[0] == 404


def test_edges_that_are_refused(reader: Caller) -> None:
    table = {"id": reader.table(FCT_ORDERS)["id"], "type": "table"}
    ghost = {"id": "00000000-0000-0000-0000-000000000000", "type": "table"}
    edge: Json = {"fromEntity": ghost, "toEntity": table}
    assert reader.refused("PUT", "lineage", {"edge": edge}) == (
        404,
        f"table instance for {ghost['id']} not found",
    )
    edge = {"fromEntity": table, "toEntity": table, "lineageDetails": {"source": "Dbt"}}
    assert reader.refused("PUT", "lineage", {"edge": edge})[0] == 400
    edge["lineageDetails"] = {"columnsLineage": [{"fromColumns": ["a.b.c.d.e"], "toColumn": "x"}]}
    assert reader.refused("PUT", "lineage", {"edge": edge}) == (
        400,
        "Invalid fully qualified column name a.b.c.d.e",
    )
    assert reader.refused("PUT", "lineage", {}) == (400, "[edge must not be null]")


def test_the_graph_goes_as_deep_as_asked(server: Caller) -> None:
    chain = [server.table(f"shop_warehouse.shop.{name}")["id"] for name in ("raw.orders",)]
    chain += [server.table(fqn)["id"] for fqn in (STG_ORDERS, FCT_ORDERS, DIM_CUSTOMERS)]
    for source, target in pairwise(chain):
        ends = {"fromEntity": {"id": source, "type": "table"}, "toEntity": {"id": target, "type": "table"}}
        server.send("PUT", "lineage", {"edge": ends})
    for depth in (0, 1, 2, 3):
        graph = server.get(f"lineage/table/{chain[-1]}", upstreamDepth=depth)
        assert len(graph["upstreamEdges"]) == len(graph["nodes"]) == depth


# data quality


def definition(name: str = "unique", **keys: Any) -> Json:
    parameter = {"name": name, "displayName": name, "required": False}
    return {
        "name": name,
        "entityType": "COLUMN",
        "testPlatforms": ["dbt"],
        "parameterDefinition": [parameter],
    } | keys


def case(column: str | None = "customer_id", **keys: Any) -> Json:
    link = f"<#E::table::{DIM_CUSTOMERS}" + (f"::columns::{column}>" if column else ">")
    return {"name": "unique_dim_customers_customer_id", "testDefinition": "unique", "entityLink": link} | keys


def test_a_test_case_makes_its_suite_and_takes_results(server: Caller) -> None:
    server.send("PUT", "dataQuality/testDefinitions", definition(), 201)
    server.send("PUT", "dataQuality/testDefinitions", definition(), 200)
    made = server.send("PUT", "dataQuality/testCases", case(), 201)
    fqn = f"{DIM_CUSTOMERS}.customer_id.unique_dim_customers_customer_id"
    assert made["fullyQualifiedName"] == fqn
    assert made["testSuite"]["fullyQualifiedName"] == f"{DIM_CUSTOMERS}.testSuite"
    read = server.get(f"dataQuality/testCases/name/{quote(fqn, safe='')}")
    assert read["testDefinition"]["name"] == "unique"
    assert read["testSuite"] == made["testSuite"]
    assert server.table(DIM_CUSTOMERS)["testSuite"]["id"] == made["testSuite"]["id"]

    results = f"dataQuality/testCases/testCaseResults/{quote(fqn, safe='')}"
    for stamp, status in ((1_000, "Failed"), (2_000, "Success")):
        body = {
            "timestamp": stamp,
            "testCaseStatus": status,
            "testResultValue": [{"name": "n", "value": "0"}],
        }
        assert server.send("POST", results, body, 201)["testCaseStatus"] == status
        assert server.refused("POST", results, body) == (409, "Entity already exists")
    found = server.get(results, startTs=0, endTs=1_500)
    assert [result["timestamp"] for result in found["data"]] == [1_000]
    assert server.refused("GET", results)[0] == 400
    latest = server.get("dataQuality/testCases/testCaseResults/search/latest", testCaseFQN=fqn)
    assert latest["timestamp"] == 2_000
    listed = server.get(
        "dataQuality/testCases",
        entityLink=f"<#E::table::{DIM_CUSTOMERS}>",
        includeAllTests="true",
        fields="testCaseResult",
    )
    assert [item["testCaseResult"]["testCaseStatus"] for item in listed["data"]] == ["Success"]
    by_suite = server.get("dataQuality/testCases", testSuiteId=made["testSuite"]["id"])
    assert [item["id"] for item in by_suite["data"]] == [made["id"]]
    exact = server.get("dataQuality/testCases", entityLink=f"<#E::table::{DIM_CUSTOMERS}>")
    assert exact["data"] == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (case("loyalty_level"), 400, "Invalid column name loyalty_level"),
        (case(entityLink="<#E::table::a.b.c.d>"), 404, "table instance for a.b.c.d not found"),
        (case(entityLink="dim_customers"), 400, "entityLink must match"),
        (case(None), 400, "Column test case must have a field name"),
        (case(testDefinition="nope"), 404, "testDefinition instance for nope not found"),
        (case(parameterValues=[{"name": "other", "value": "1"}]), 400, "Parameter 'other' is not defined"),
        (case(testSuite="x"), 400, 'Unrecognized field "testSuite"'),
        ({"name": "x"}, 400, "[entityLink must not be null, testDefinition must not be null]"),
    ],
)
def test_test_cases_that_are_refused(reader: Caller, body: Json, status: int, message: str) -> None:
    found = reader.refused("PUT", "dataQuality/testCases", body)
    assert found[0] == status
    assert message in found[1]


def test_a_column_is_found_whatever_its_case(server: Caller) -> None:
    server.send("PUT", "dataQuality/testDefinitions", definition(), 201)
    server.send("PUT", "dataQuality/testCases", case("EMAIL"), 201)


def test_required_parameters_and_statuses(server: Caller) -> None:
    needed = definition(parameterDefinition=[{"name": "p", "required": True}])
    server.send("PUT", "dataQuality/testDefinitions", needed, 201)
    assert "Required parameter p" in server.refused("PUT", "dataQuality/testCases", case())[1]
    made = server.send(
        "PUT", "dataQuality/testCases", case(parameterValues=[{"name": "p", "value": "1"}]), 201
    )
    results = f"dataQuality/testCases/testCaseResults/{quote(made['fullyQualifiedName'], safe='')}"
    warned = {"timestamp": 1, "testCaseStatus": "Warning", "testResultValue": []}
    assert "problem: Warning" in server.refused("POST", results, warned)[1]
    assert (
        "testResultValue must not be null"
        in server.refused("POST", results, {"timestamp": 1, "testCaseStatus": "Success"})[1]
    )
    assert server.refused("POST", f"{results}x", warned)[0] == 404


def test_many_cases_at_once_up_to_a_hundred(server: Caller) -> None:
    server.send("PUT", "dataQuality/testDefinitions", definition(), 201)
    bodies = [case(name=f"t{number}") for number in range(100)]
    path = "dataQuality/testCases/createMany"
    assert server.refused("POST", path, [*bodies, case(name="more")])[0] == 413
    assert len(server.send("POST", path, bodies)) == 100
    assert server.refused("POST", path, bodies[:1])[0] == 409


# search, permissions, the rest


def test_search_by_mail_by_name_and_by_fqn_with_stars(reader: Caller) -> None:
    def hits(path: str, **params: Any) -> list[str]:
        found = reader.get(path, **params)["hits"]["hits"]
        return [hit["_source"]["fullyQualifiedName"] for hit in found]

    users = {"index": "user_search_index"}
    assert hits("search/query", q="email.keyword:chen@shop.example", **users) == ["chen"]
    assert hits("search/query", q="email.keyword:nobody@shop.example", **users) == []
    condition = '{"query":{"query_string":{"query":"ana AND isBot:false","fields":["name"]}}}'
    assert hits("search/query", query_filter=condition, **users) == ["ana"]
    condition = condition.replace("ana", "ingestion-bot")
    assert hits("search/query", query_filter=condition, **users) == []
    fields = {"fieldName": "fullyQualifiedName", "index": "table_search_index", "deleted": "false"}
    assert hits("search/fieldQuery", fieldValue=FCT_ORDERS, **fields) == [FCT_ORDERS]
    assert hits("search/fieldQuery", fieldValue="*.shop.marts.fct_orders", **fields) == [FCT_ORDERS]
    assert hits("search/fieldQuery", fieldValue="*.nope", **fields) == []


def test_permissions_say_what_a_read_only_token_may(tmp_path: Path) -> None:
    with collate(tmp_path, scenario_named("collate-read-only")) as server:
        permissions = server.get("permissions/table")["permissions"]
        access = {item["operation"]: item["access"] for item in permissions}
        assert (access["ViewAll"], access["EditDescription"]) == ("allow", "notAllow")
        path = f"tables/{server.table(FCT_ORDERS)['id']}"
        refusal = server.patch(path, {"op": "add", "path": "/description", "value": "x"}, status=403)
        assert "not allowed" in refusal["message"]


def test_a_type_without_custom_properties_and_deleting(server: Caller) -> None:
    found = server.get("metadata/types/name/table", fields="customProperties")
    assert found["customProperties"] == []
    assert server.get("tables/name/legacy_crm.default.crm.orders/columns", limit=2)["paging"]["total"] == 3
    service = server.get("services/databaseServices/name/legacy_crm")
    server.send("DELETE", f"services/databaseServices/{service['id']}")
    assert server.refused("GET", "tables/name/legacy_crm.default.crm.orders")[0] == 404


# scenarios


@pytest.mark.parametrize("name", ["collate-expired-token", "collate-html", "collate-down", "search-down"])
def test_a_server_that_is_no_use(tmp_path: Path, name: str) -> None:
    expected = {
        "collate-expired-token": (401, "application/json"),
        "collate-html": (200, "text/html; charset=utf-8"),
        "collate-down": (503, "text/html; charset=utf-8"),
        "search-down": (500, "application/json"),
    }
    with collate(tmp_path, scenario_named(name)) as server:
        answer = server.client.get("search/query", params={"q": "*"})
        assert (answer.status_code, answer.headers["content-type"]) == expected[name]


def test_the_wrong_service_holds_tables_of_other_names(tmp_path: Path) -> None:
    with collate(tmp_path, scenario_named("wrong-service")) as server:
        shop = {table.name for table in load_warehouse()}
        wrong = server.get("tables", database="shop_warehouse.shop", limit=100)["data"]
        assert wrong
        assert not {table["name"] for table in wrong} & shop
        right = server.get("tables", database="analytics_duckdb.shop", limit=100)["data"]
        assert {table["name"] for table in right} <= shop


def test_other_first_states(tmp_path: Path) -> None:
    for name in ("upper-case", "not-ingested", "edited"):
        folder = tmp_path / name
        folder.mkdir()
        with collate(folder, scenario_named(name)) as server:
            if name == "upper-case":
                assert (
                    server.table("shop_warehouse.SHOP.MARTS.FCT_ORDERS")["columns"][0]["name"] == "ORDER_ID"
                )
            elif name == "not-ingested":
                assert server.refused("GET", "tables/name/shop_warehouse.shop.raw.orders")[0] == 404
            else:
                table = server.table(FCT_ORDERS)
                assert [owner["name"] for owner in table["owners"]] == ["chen"]
                assert table["updatedBy"] == "ana"


def test_state_outlives_the_server(tmp_path: Path) -> None:
    with collate(tmp_path) as server:
        path = f"tables/{server.table(FCT_ORDERS)['id']}"
        server.patch(path, {"op": "add", "path": "/description", "value": "kept"})
    with collate(tmp_path) as server:
        assert server.table(FCT_ORDERS)["description"] == "kept"


def test_paths_outside_of_the_api_are_the_web_page(reader: Caller) -> None:
    assert "<!DOCTYPE html>" in httpx.get(f"{reader.url}/table/x").text


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        collate_app(tmp_path / "c.sqlite", HEALTHY, SecretStr("t"), "9.9.9")
