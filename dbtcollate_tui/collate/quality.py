"""Test definitions, suites, cases and results."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from dbtcollate_tui.collate.errors import ConflictError, NotFoundError
from dbtcollate_tui.collate.fqn import entity_link, join_fqn, path_segment, split_fqn
from dbtcollate_tui.collate.models import TestCase, TestCaseResult, TestDefinition, TestSuite
from dbtcollate_tui.collate.reader import read_data, read_list, read_total
from dbtcollate_tui.collate.server import ServerCalls

CASE_FIELDS = ("testDefinition", "testCaseResult")
CASES_START = 50
MOST_CASES = 100
"""This many test cases one request may make; the server answers 413 to more."""


class QualityCalls(ServerCalls):
    """Calls about data quality; bodies in the latest form, sent in the server's."""

    async def test_definition(self, name: str) -> TestDefinition | None:
        """A test definition by its name."""
        return await self.find(
            TestDefinition,
            f"/dataQuality/testDefinitions/name/{path_segment(name)}",
            doing="show the test definition",
        )

    async def test_definitions(self) -> list[TestDefinition]:
        """Every test definition of the server."""
        return [
            item
            async for page in self.pages(
                TestDefinition, "/dataQuality/testDefinitions", doing="list test definitions"
            )
            for item in page
        ]

    async def put_test_definition(
        self,
        name: str,
        *,
        entity_type: Literal["TABLE", "COLUMN"],
        description: str = "",
        parameters: Sequence[str] = (),
    ) -> TestDefinition:
        """Make a dbt test's definition, or update the one that is there."""
        body: dict[str, Any] = {
            "name": name,
            "entityType": entity_type,
            "testPlatforms": [self.dialect.dbt_platform],
            "parameterDefinition": [
                {"name": item, "displayName": item, "required": False} for item in parameters
            ],
        }
        if description or self.dialect.definition_needs_description:
            body["description"] = description or f"The dbt test {name}."
        return await self.put(
            TestDefinition, "/dataQuality/testDefinitions", body, doing="create the test definition"
        )

    async def put_test_suite(self, table_fqn: str) -> TestSuite:
        """Make a table's own suite, or give the one that is there."""
        body = {"name": join_fqn(*split_fqn(table_fqn), "testSuite"), self.dialect.suite_key: table_fqn}
        return await self.put(
            TestSuite, "/dataQuality/testSuites/executable", body, doing="create the test suite"
        )

    async def test_cases(self, table_fqn: str, fields: Sequence[str] = CASE_FIELDS) -> list[TestCase]:
        """The test cases of a table and its columns."""
        params: dict[str, str | int | bool] = {
            "entityLink": entity_link(table_fqn),
            "includeAllTests": True,
            "fields": self.dialect.fields(fields),
        }
        try:
            return [
                case
                async for page in self.pages(
                    TestCase, "/dataQuality/testCases", params=params, doing="list test cases"
                )
                for case in page
            ]
        except NotFoundError:
            return []

    async def test_case(self, fqn: str, fields: Sequence[str] = CASE_FIELDS) -> TestCase | None:
        """One test case by its FQN."""
        return await self.find(
            TestCase,
            f"/dataQuality/testCases/name/{path_segment(fqn)}",
            params={"fields": self.dialect.fields(fields)},
            doing="show the test case",
        )

    async def test_case_count(self) -> int:
        """How many test cases the server holds, by one request."""
        answer = await self.call(
            "GET", "/dataQuality/testCases", params={"limit": 1}, doing="count test cases"
        )
        return read_total(answer, "count test cases")

    async def all_test_cases(self, fields: Sequence[str] = CASE_FIELDS) -> AsyncIterator[TestCase]:
        """Every test case of the server, one page in memory at a time."""
        params: dict[str, str | int | bool] = {"fields": self.dialect.fields(fields)}
        async for page in self.pages(
            TestCase,
            "/dataQuality/testCases",
            params=params,
            doing="list test cases",
            start=CASES_START,
            rows_are="test cases",
        ):
            for case in page:
                yield case

    async def put_test_case(
        self,
        name: str,
        *,
        definition: str,
        table_fqn: str,
        column: str | None = None,
        description: str = "",
        parameters: Mapping[str, str] | None = None,
        suite_fqn: str | None = None,
    ) -> TestCase:
        """Make a test case, or update the one that is there.

        ``suite_fqn`` is sent to old servers only, which need it (see `Dialect.needs_test_suite`).
        """
        body = case_body(
            name,
            definition=definition,
            table_fqn=table_fqn,
            column=column,
            description=description,
            parameters=parameters,
        )
        if self.dialect.needs_test_suite and suite_fqn is not None:
            body["testSuite"] = suite_fqn
        return await self.put(TestCase, "/dataQuality/testCases", body, doing="create the test case")

    async def create_test_cases(self, bodies: Sequence[Mapping[str, Any]]) -> list[TestCase]:
        """Make up to `MOST_CASES` test cases (see `case_body`) by one request; where one is refused, none is.

        OpenMetadata's source answers a bare list. Raises `ConflictError` where one is there already,
        `NotSpokenError` where the server has no such call.
        """
        doing = "create test cases"
        answer = await self.call(
            "POST",
            "/dataQuality/testCases/createMany",
            body=[dict(body) for body in bodies],
            doing=doing,
            repeatable=True,
        )
        return read_list(TestCase, answer, doing)

    async def patch_test_case(self, case_id: str, ops: Sequence[Mapping[str, Any]]) -> TestCase:
        """Apply an RFC 6902 patch to a test case."""
        return await self.patch_entity(
            TestCase, f"/dataQuality/testCases/{path_segment(case_id)}", ops, doing="change the test case"
        )

    async def delete_test_case(self, case_id: str) -> None:
        """Delete a test case with its results; one that is not there is no error."""
        path = f"/dataQuality/testCases/{path_segment(case_id)}"
        params = {"hardDelete": True, "recursive": True}
        try:
            await self.call("DELETE", path, params=params, doing="delete the test case")
        except NotFoundError:
            return

    async def test_case_results(self, fqn: str, since_ms: int, until_ms: int) -> list[TestCaseResult]:
        """The results of a test case between two times (ms since 1970), latest first."""
        name = path_segment(fqn)
        path = f"testCaseResults/{name}" if self.dialect.posts_results else f"{name}/testCaseResult"
        try:
            answer = await self.call(
                "GET",
                f"/dataQuality/testCases/{path}",
                params={"startTs": since_ms, "endTs": until_ms},
                doing="list test results",
            )
        except NotFoundError:
            return []
        results = read_data(TestCaseResult, answer, "list test results")
        return sorted(results, key=lambda result: result.timestamp, reverse=True)

    async def add_test_case_result(self, fqn: str, body: Mapping[str, Any]) -> bool:
        """Write one result (``timestamp`` ms, ``testCaseStatus``, ``testResultValue``, …).

        ``False`` where a result of that time is there already, which newer servers keep.
        """
        name = path_segment(fqn)
        doing = "write the test result"
        if not self.dialect.posts_results:
            await self.call(
                "PUT", f"/dataQuality/testCases/{name}/testCaseResult", body=dict(body), doing=doing
            )
            return True
        try:
            await self.call(
                "POST",
                f"/dataQuality/testCases/testCaseResults/{name}",
                body=dict(body),
                doing=doing,
                repeatable=True,
            )
        except ConflictError:
            return False
        return True


def case_body(
    name: str,
    *,
    definition: str,
    table_fqn: str,
    column: str | None = None,
    description: str = "",
    parameters: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """OpenMetadata's ``createTestCase`` for a test on a table or one of its columns."""
    body: dict[str, Any] = {
        "name": name,
        "testDefinition": definition,
        "entityLink": entity_link(table_fqn, column),
        "parameterValues": [{"name": k, "value": v} for k, v in (parameters or {}).items()],
    }
    if description:
        body["description"] = description
    return body
