"""Data quality: test definitions, test suites, test cases and their results."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer, checked_entity, not_found
from dbtcollate_tui.sandbox.collate.bodies import CREATE, TEST_RESULT, TEST_RESULT_OLD
from dbtcollate_tui.sandbox.collate.entities import (
    Placed,
    add_change_routes,
    add_create_routes,
    add_read_routes,
    checked_body,
    create,
    create_body,
    needs_search,
    read_answer,
    since,
    until,
    written_answer,
)
from dbtcollate_tui.sandbox.collate.identity import join_fqn, new_id, quote_name, reference
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.store import Entity, Page
from dbtcollate_tui.sandbox.collate.wire import page_answer, page_request, requested_fields

CASE = KINDS["testCase"]
SUITE = KINDS["testSuite"]
DEFINITION = KINDS["testDefinition"]
MAX_MANY = 100
_LINK = re.compile(r"^<#E::table::(?P<table>.+?)(?:::columns::(?P<column>.+?))?>$")


def build_definition(call: Call, body: Entity) -> Placed:
    """A test definition; its name is its FQN."""
    del call
    entity = {
        "description": "",
        "provider": "user",
        "supportedDataTypes": [],
        "parameterDefinition": [],
        "enabled": True,
    } | body
    if not entity["description"]:
        del entity["description"]
    return entity | {"fullyQualifiedName": quote_name(body["name"])}, "", ""


def read_link(link: str) -> tuple[str, str | None]:
    """Table FQN and column of an entity link; 400 for a text that is none."""
    match = _LINK.match(link)
    if match is None:
        raise ApiError(400, f"Failed to parse the entity link {link}")
    return match["table"], match["column"]


def suite_fqn(call: Call, table_fqn: str) -> str:
    """The FQN of a table's own test suite; server 1.1 takes the whole as one name."""
    return f"{table_fqn}.testSuite" if call.release.since(1, 2) else join_fqn(f"{table_fqn}.testSuite")


def table_suite(call: Call, table: Entity) -> Entity:
    """The table's basic test suite, made where it is not there."""
    fqn = suite_fqn(call, table["fullyQualifiedName"])
    found = call.store.by_fqn("testSuite", fqn)
    if found is not None:
        return found
    suite = create(
        call,
        SUITE,
        {
            "name": f"{table['fullyQualifiedName']}.testSuite",
            "fullyQualifiedName": fqn,
            "basic": True,
            "basicEntityReference": reference("table", table),
        },
        table["fullyQualifiedName"],
    )
    table["testSuite"] = reference("testSuite", suite)
    call.store.save("table", table)
    return suite


def build_case(call: Call, body: Entity) -> Placed:
    """A test case of a table or of one of its columns."""
    needs_search(call)
    table_fqn, column = read_link(body["entityLink"])
    table = checked_entity(call, "table", fqn=table_fqn)
    parent = table_fqn
    if column is not None:
        names = {item["name"].lower() for item in table["columns"]}
        if column.lower() not in names and call.release.since(1, 2):
            raise ApiError(400, f"Invalid column name {column} found in table {table_fqn}")
        parent = f"{table_fqn}.{quote_name(column)}"
    definition = checked_entity(call, "testDefinition", fqn=body["testDefinition"])
    if definition["entityType"] == "COLUMN" and column is None:
        raise ApiError(
            400,
            "Column test case must have a field name and an array field name in the entity link. "
            "e.g. <#E::table::{entityFqn}::columns::{columnName}>",
        )
    if "testSuite" in body:
        suite = checked_entity(call, "testSuite", fqn=body["testSuite"])
    else:
        suite = table_suite(call, table)
    _check_parameters(definition, body.get("parameterValues", []))
    entity = {"parameterValues": [], "computePassedFailedRowCount": False} | body
    entity |= {
        "fullyQualifiedName": f"{parent}.{quote_name(body['name'])}",
        "entityFQN": parent,
        "testDefinition": reference("testDefinition", definition),
        "testSuite": reference("testSuite", suite),
    }
    return entity, table_fqn, suite["fullyQualifiedName"]


def _check_parameters(definition: Entity, values: list[Entity]) -> None:
    if values and not definition.get("parameterDefinition"):
        raise ApiError(400, "Parameter Values doesn't match Test Definition Parameters")
    given = {value.get("name") for value in values}
    defined = [parameter.get("name") for parameter in definition.get("parameterDefinition", ())]
    for name in given:
        if name not in defined and "GreatExpectations" not in definition["testPlatforms"]:
            raise ApiError(
                400,
                f"Parameter '{name}' is not defined in the test definition. "
                f"Defined parameters are: [{', '.join(map(str, defined))}]",
            )
    for parameter in definition.get("parameterDefinition", ()):
        if parameter.get("required") and parameter.get("name") not in given:
            raise ApiError(
                400, f"Required parameter {parameter.get('name')} is not passed in parameterValues"
            )


def list_cases(call: Call) -> Response:
    """Test cases of a table (``entityLink``, ``entityFQN``) or of a suite (``testSuiteId``)."""
    fields = requested_fields(call, CASE)
    paging = page_request(call)
    where: dict[str, Any] = {}
    link, suite_id = call.query("entityLink"), call.query("testSuiteId")
    keep = None
    if link:
        where["parent"], column = read_link(link)
        checked_entity(call, "table", fqn=where["parent"])
        if call.query("includeAllTests", "false") != "true" or column is not None:
            keep = link
    elif call.query("entityFQN"):
        where["parent"] = call.query("entityFQN")
    if suite_id:
        suite = checked_entity(call, "testSuite", entity_id=suite_id)
        if "parent" in where:
            where.pop("parent")
        where["root"] = suite["fullyQualifiedName"]
    if keep is None:
        page = call.store.page("testCase", **where, **paging)
        with_results(call, page.entities, fields)
        return answer(page_answer(call, CASE, page, fields))
    cases = [case for case in call.store.every("testCase", **where) if case["entityLink"] == keep]
    shown = cases[: paging["limit"]]
    with_results(call, shown, fields)
    return answer(page_answer(call, CASE, Page(shown, len(cases), None, None), fields))


def with_results(call: Call, cases: list[Entity], fields: frozenset[str]) -> None:
    """Put each case's latest result and status into it, where they were asked for."""
    if not fields & {"testCaseResult", "testCaseStatus"}:
        return
    needs_search(call)
    for case in cases:
        if "\\" in case["fullyQualifiedName"] and call.release.searches_results:
            raise ApiError(500, "Failed to parse query filter")
        index = call.collate.index
        if index is not None and call.release.searches_results:
            latest = index.results.get(case["fullyQualifiedName"])
        else:
            latest = call.store.latest_result(case["fullyQualifiedName"])
        if latest is not None:
            case["testCaseResult"] = latest
            case["testCaseStatus"] = latest["testCaseStatus"]


def get_case(call: Call) -> Response:
    """One test case, with its latest result where asked for."""
    key = {"fqn": call.params["fqn"]} if "fqn" in call.params else {"entity_id": call.params["id"]}
    case = checked_entity(call, "testCase", **key)
    with_results(call, [case], requested_fields(call, CASE))
    return read_answer(call, CASE, case)


def create_many(call: Call) -> Response:
    """Make up to 100 test cases, all or none; 413 over that, 409 where one is there."""
    bodies = call.json()
    if not isinstance(bodies, list):
        raise ApiError(400, "Cannot deserialize value of type `java.util.ArrayList<CreateTestCase>`")
    if len(bodies) > MAX_MANY:
        raise ApiError(413, f"Request contains {len(bodies)} test cases, the limit is {MAX_MANY}")
    made = []
    for body in bodies:
        entity, parent, root = build_case(call, checked_body(call, body, CREATE["testCase"]))
        if call.store.by_fqn("testCase", entity["fullyQualifiedName"]) is not None:
            raise ApiError(409, f"Entity already exists: {entity['fullyQualifiedName']}")
        made.append(create(call, CASE, entity, parent, root))
    return answer(made)


def put_suite(call: Call) -> Response:
    """Make the basic (executable) suite of a table, or answer the one that is there."""
    body = create_body(call, SUITE)
    table_fqn = body.get("basicEntityReference") or body.get("executableEntityReference")
    if table_fqn is None:
        fields = call.release.fields(CREATE["testSuite"])
        key = "basicEntityReference" if "basicEntityReference" in fields else "executableEntityReference"
        raise ApiError(400, f"Cannot create a basic test suite without the {key}")
    table = checked_entity(call, "table", fqn=table_fqn)
    known = call.store.by_fqn("testSuite", suite_fqn(call, table_fqn))
    if known is not None and call.request.method == "POST":
        raise ApiError(409, "Entity already exists")
    suite = table_suite(call, table)
    return written_answer(call, SUITE, suite, 200 if known is not None else 201)


def build_suite(call: Call, body: Entity) -> Placed:
    """A logical test suite."""
    del call
    entity = {
        key: value for key, value in body.items() if key not in ("dataContract", "domains", "reviewers")
    }
    return entity | {"fullyQualifiedName": quote_name(body["name"]), "basic": False}, "", ""


# results


def post_result(call: Call) -> Response:
    """Add one result; 409 where there is one of that time."""
    case = checked_entity(call, "testCase", fqn=call.params["fqn"])
    body = checked_body(call, call.json(), TEST_RESULT)
    fqn = case["fullyQualifiedName"]
    body.pop("fqn", None)
    result = {"id": new_id(), "testCaseFQN": fqn} | body
    if not isinstance(result["timestamp"], int):
        raise ApiError(400, 'Cannot deserialize value of type `java.lang.Long` from "timestamp"')
    if not call.store.add_result(fqn, result, replace=False):
        raise ApiError(409, "Entity already exists")
    return answer(result, 201)


def put_result(call: Call) -> Response:
    """Server 1.1: add one result, in place of one of the same time."""
    case = checked_entity(call, "testCase", fqn=call.params["fqn"])
    body = checked_body(call, call.json(), TEST_RESULT_OLD)
    if "timestamp" not in body:
        raise ApiError(400, "[timestamp must not be null]")
    call.store.add_result(case["fullyQualifiedName"], body, replace=True)
    return answer(body, 201)


def delete_result(call: Call) -> Response:
    """Remove the result of one time; 404 where there is none."""
    case = checked_entity(call, "testCase", fqn=call.params["fqn"])
    fqn, moment = case["fullyQualifiedName"], call.params["timestamp"]
    if not moment.isdecimal() or not call.store.delete_result(fqn, int(moment)):
        raise not_found("testCaseResult", moment)
    return answer({})


def list_results(call: Call) -> Response:
    """Results between ``startTs`` and ``endTs`` (ms, both obligatory), latest first."""
    since, until = call.number("startTs"), call.number("endTs")
    missing = [
        f"query param {name} must not be null"
        for name, value in (("startTs", since), ("endTs", until))
        if value is None
    ]
    if since is None or until is None:
        raise ApiError(400, f"[{', '.join(missing)}]")
    case = checked_entity(call, "testCase", fqn=call.params["fqn"])
    found = call.store.results(case["fullyQualifiedName"], since, until)
    return answer({"data": found, "paging": {"total": len(found)}})


def latest_result(call: Call) -> Response:
    """The latest result of ``testCaseFQN``; needs the search index, 404 where there is no result."""
    if call.collate.scenario.search == "down":
        raise ApiError(500, "Failed to search: Connection refused")
    fqn = call.query("testCaseFQN")
    case = checked_entity(call, "testCase", fqn=fqn)
    latest = call.store.latest_result(case["fullyQualifiedName"])
    if latest is None:
        raise not_found("testCaseResult", fqn)
    return answer(latest)


def search_results(call: Call) -> Response:
    """Results of ``testCaseFQN``, latest first; needs the search index."""
    if call.collate.scenario.search == "down":
        raise ApiError(500, "Failed to search: Connection refused")
    fqn = call.query("testCaseFQN")
    since, until = call.number("startTimestamp", 0), call.number("endTimestamp", 2**53)
    found = call.store.results(fqn, since or 0, until or 0)
    limit, offset = call.number("limit", 10) or 10, call.number("offset", 0) or 0
    return answer({"data": found[offset : offset + limit], "paging": {"total": len(found)}})


def add_routes(router: Router) -> None:
    """The routes of this module."""
    add_read_routes(router, DEFINITION)
    add_change_routes(router, DEFINITION)
    add_create_routes(router, DEFINITION, build_definition)

    router.add("GET", "dataQuality/testCases", list_cases)
    router.add("GET", "dataQuality/testCases/testCaseResults/{fqn}", since(1, 8)(list_results))
    router.add("POST", "dataQuality/testCases/testCaseResults/{fqn}", since(1, 8)(post_result))
    by_time = "dataQuality/testCases/testCaseResults/{fqn}/{timestamp}"
    router.add("DELETE", by_time, since(1, 8)(delete_result))
    router.add("GET", "dataQuality/testCases/testCaseResults/search/latest", since(1, 8)(latest_result))
    router.add("GET", "dataQuality/testCases/testCaseResults/search/list", since(1, 8)(search_results))
    router.add("GET", "dataQuality/testCases/{fqn}/testCaseResult", until(1, 8)(list_results))
    router.add("PUT", "dataQuality/testCases/{fqn}/testCaseResult", until(1, 8)(put_result))
    by_time = "dataQuality/testCases/{fqn}/testCaseResult/{timestamp}"
    router.add("DELETE", by_time, until(1, 8)(delete_result))
    router.add("POST", "dataQuality/testCases/createMany", since(1, 8)(create_many))
    router.add("GET", "dataQuality/testCases/name/{fqn}", get_case)
    router.add("GET", "dataQuality/testCases/{id}", get_case)
    add_change_routes(router, CASE)
    add_create_routes(router, CASE, build_case)

    add_read_routes(router, SUITE)
    router.add("PUT", "dataQuality/testSuites/executable", put_suite)
    router.add("POST", "dataQuality/testSuites/executable", put_suite)
    router.add("PUT", "dataQuality/testSuites/basic", since(1, 6, 2)(put_suite))
    router.add("POST", "dataQuality/testSuites/basic", since(1, 6, 2)(put_suite))
    add_change_routes(router, SUITE)
    add_create_routes(router, SUITE, build_suite)
