"""Tests and their results in both dialects."""

from typing import Any

from tests.collate.server import FakeCollate, connected, refuse, say

CASE: dict[str, Any] = {
    "id": "c1",
    "name": "not_null_orders_id",
    "fullyQualifiedName": "shop.d.a.orders.id.not_null_orders_id",
    "entityLink": "<#E::table::shop.d.a.orders::columns::id>",
    "testDefinition": {"id": "d1", "type": "testDefinition", "name": "not_null"},
    "testSuite": {"id": "s1", "type": "testSuite"},
    "testCaseResult": {"timestamp": 5, "testCaseStatus": "Success"},
}
RESULT = {"timestamp": 7, "testCaseStatus": "Failed", "testResultValue": [{"name": "x", "value": "0"}]}
FQN = "shop.d.a.orders.id.not_null_orders_id"


async def test_a_new_server_makes_the_suite_itself() -> None:
    fake = FakeCollate(
        answers={
            "PUT /dataQuality/testDefinitions": say({"id": "d1", "name": "not_null"}),
            "PUT /dataQuality/testCases": say(CASE, 201),
            f"POST /dataQuality/testCases/testCaseResults/{FQN}": [say(None, 201), refuse(409, "exists")],
            f"GET /dataQuality/testCases/testCaseResults/{FQN}": say(
                {"data": [{"timestamp": 5, "testCaseStatus": "Success"}, RESULT]}
            ),
        }
    )
    async with connected(fake) as client:
        assert not client.dialect.needs_test_suite
        await client.put_test_definition("not_null", entity_type="COLUMN", parameters=["not_null"])
        case = await client.put_test_case(
            "not_null_orders_id",
            definition="not_null",
            table_fqn="shop.d.a.orders",
            column="id",
            parameters={"not_null": ""},
            suite_fqn="ignored here",
        )
        assert case.testCaseResult is not None
        assert await client.add_test_case_result(FQN, RESULT) is True
        assert await client.add_test_case_result(FQN, RESULT) is False
        results = await client.test_case_results(FQN, 0, 10)
        assert [(result.timestamp, result.testCaseStatus) for result in results] == [
            (7, "Failed"),
            (5, "Success"),
        ]
        assert await client.test_case_results("none", 0, 10) == []
    assert fake.bodies("PUT /dataQuality/testDefinitions")[0] == {
        "name": "not_null",
        "entityType": "COLUMN",
        "testPlatforms": ["dbt"],
        "parameterDefinition": [{"name": "not_null", "displayName": "not_null", "required": False}],
    }
    assert fake.bodies("PUT /dataQuality/testCases")[0] == {
        "name": "not_null_orders_id",
        "testDefinition": "not_null",
        "entityLink": "<#E::table::shop.d.a.orders::columns::id>",
        "parameterValues": [{"name": "not_null", "value": ""}],
    }


async def test_an_old_server_wants_suite_description_and_capitals() -> None:
    suite_name = '"shop.d.a.odd.testSuite"'
    fake = FakeCollate(
        "1.1.0",
        answers={
            "PUT /dataQuality/testDefinitions": say({"id": "d1", "name": "not_null"}),
            "PUT /dataQuality/testSuites/executable": say(
                {"id": "s1", "name": "shop.d.a.odd.testSuite", "fullyQualifiedName": suite_name}
            ),
            "PUT /dataQuality/testCases": say(CASE),
            f"PUT /dataQuality/testCases/{FQN}/testCaseResult": say(None, 201),
            f"GET /dataQuality/testCases/{FQN}/testCaseResult": say({"data": [RESULT]}),
        },
    )
    async with connected(fake) as client:
        await client.put_test_definition("not_null", entity_type="COLUMN")
        suite = await client.put_test_suite("shop.d.a.odd")
        await client.put_test_case(
            "n", definition="not_null", table_fqn="shop.d.a.odd", suite_fqn=suite.fullyQualifiedName
        )
        assert await client.add_test_case_result(FQN, RESULT)
        assert (await client.test_case_results(FQN, 0, 10))[0].timestamp == 7
    definition = fake.bodies("PUT /dataQuality/testDefinitions")[0]
    assert definition["testPlatforms"] == ["DBT"]
    assert definition["description"]
    assert fake.bodies("PUT /dataQuality/testSuites/executable")[0] == {
        "name": "shop.d.a.odd.testSuite",
        "executableEntityReference": "shop.d.a.odd",
    }
    assert fake.bodies("PUT /dataQuality/testCases")[0]["testSuite"] == suite_name


async def test_reading_cases() -> None:
    fake = FakeCollate(
        answers={
            "GET /dataQuality/testCases": say({"data": [CASE], "paging": {"total": 1}}),
            "PATCH /dataQuality/testCases/c1": say({**CASE, "description": "x"}),
            "GET /dataQuality/testDefinitions/name/not_null": say({"id": "d1", "name": "not_null"}),
        }
    )
    async with connected(fake) as client:
        (case,) = await client.test_cases("shop.d.a.orders")
        assert case.testDefinition is not None
        assert case.testDefinition.name == "not_null"
        assert [item.id async for item in client.all_test_cases()] == ["c1"]
        assert await client.test_definition("not_null") is not None
        patched = await client.patch_test_case("c1", [{"op": "add", "path": "/description", "value": "x"}])
        assert patched.description == "x"
    assert fake.asked[0].query["entityLink"] == "<#E::table::shop.d.a.orders>"
    assert fake.asked[0].query["includeAllTests"] == "true"
