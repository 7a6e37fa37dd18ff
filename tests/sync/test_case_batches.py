"""Test cases made in hundreds, and what happens where the server refuses some of them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from dbtcollate_tui.artifacts.project import DbtTest
from dbtcollate_tui.events.types import Event, Failed
from dbtcollate_tui.plan.model import Plan, TestCaseChange
from dbtcollate_tui.sync.writing.apply import Writer
from dbtcollate_tui.sync.writing.case_batches import in_batches
from tests.collate.server import Asked, FakeCollate, connected, refuse
from tests.support.builders import column, node, plan_of, project, table

MANY = "POST /dataQuality/testCases/createMany"
ONE = "PUT /dataQuality/testCases"


def plan(counts: dict[str, int]) -> Plan:
    """So many new test cases a table, and nothing else."""
    tests = [
        DbtTest(
            f"test.shop.{name}_{number}",
            f"{name}_{number}",
            "generic",
            "unique",
            column_name="id",
            attached_node=f"model.shop.{name}",
        )
        for name, count in counts.items()
        for number in range(count)
    ]
    tables = [table(name, column("id")) for name in counts]
    return plan_of(
        project(*(node(name) for name in counts), tests=tests),
        *tables,
        definitions=frozenset({"unique"}),
    )


def cases(of: Plan) -> list[TestCaseChange]:
    return [change for change in of.changes if isinstance(change, TestCaseChange)]


def made(body: dict[str, Any]) -> dict[str, Any]:
    fqn = body["entityLink"].removeprefix("<#E::table::").removesuffix(">").replace("::columns::", ".")
    return {
        "id": body["name"],
        "name": body["name"],
        "fullyQualifiedName": f"{fqn}.{body['name']}",
        "entityLink": body["entityLink"],
    }


def making(refused: Callable[[dict[str, Any]], bool] = lambda _: False, status: int = 400) -> FakeCollate:
    """A server that makes cases, in many or singly, all but those that are ``refused``."""

    def many(asked: Asked) -> Response:
        if any(refused(body) for body in asked.body):
            return JSONResponse({"code": status, "message": "Invalid column name id"}, status)
        return JSONResponse([made(body) for body in asked.body])

    def one(asked: Asked) -> Response:
        if refused(asked.body) and status == 400:
            return JSONResponse({"code": status, "message": "Invalid column name id"}, status)
        return JSONResponse(made(asked.body))

    return FakeCollate(answers={MANY: many, ONE: one})


async def written(fake: FakeCollate, of: Plan) -> tuple[int, list[Event], list[int]]:
    """How many cases were written, the events, and the sizes of the requests that made many."""
    events: list[Event] = []
    async with connected(fake) as client:
        changes = cases(of)
        tally = await Writer(client, of, changes, events.append, asyncio.Event()).run()
    return tally.written.total(), events, [len(body) for body in fake.bodies(MANY)]


def test_no_table_is_in_two_groups_and_no_batch_too_large() -> None:
    groups = in_batches(cases(plan({"a": 60, "b": 30, "c": 30, "d": 250, "e": 1})))
    assert [[len(batch) for batch in group] for group in groups] == [[90], [100, 100, 50], [31]]
    tables = [{case.table.name for batch in group for case in batch} for group in groups]
    assert tables == [{"a", "b"}, {"d"}, {"c", "e"}]
    assert in_batches([]) == []


async def test_cases_are_made_a_hundred_at_a_time() -> None:
    fake = making()
    count, _, sizes = await written(fake, plan({"a": 130, "b": 20}))
    assert (count, sorted(sizes), fake.bodies(ONE)) == (150, [20, 30, 100], [])
    assert fake.bodies(MANY)[0][0] == {
        "name": "a_0",
        "testDefinition": "unique",
        "entityLink": "<#E::table::pg.wh.marts.a::columns::id>",
        "parameterValues": [{"name": "unique", "value": ""}],
    }


async def test_one_refused_case_fails_alone_and_the_others_are_found_by_halves() -> None:
    count, events, sizes = await written(making(lambda body: body["name"] == "a_37"), plan({"a": 64}))
    assert count == 63
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.change is not None
    assert failed.change.target.endswith("a_37")
    assert "Invalid column name" in failed.error.title
    assert len(sizes) < 16


@pytest.mark.parametrize("status", [409, 500, 503])
async def test_a_batch_that_may_be_there_in_part_is_made_case_by_case(status: int) -> None:
    fake = making(lambda body: body["name"] == "a_1", status)
    count, _, sizes = await written(fake, plan({"a": 3}))
    assert (count, len(fake.bodies(ONE))) == (3, 3)
    assert set(sizes) == {3}


@pytest.mark.parametrize("status", [405, 403])
async def test_a_server_without_the_call_or_the_right_to_it_is_asked_once(status: int) -> None:
    fake = making()
    fake.answers[MANY] = refuse(status, "operations [Create] not allowed")
    count, _, sizes = await written(fake, plan({"a": 101, "b": 2}))
    assert (count, len(fake.bodies(ONE))) == (103, 103)
    assert len(sizes) <= 2


async def test_what_the_answer_does_not_speak_of_is_made_by_itself() -> None:
    fake = making()
    fake.answers[MANY] = lambda asked: JSONResponse([made(body) for body in asked.body[1:]])
    count, _, _ = await written(fake, plan({"a": 4}))
    assert count == 4
    assert [body["name"] for body in fake.bodies(ONE)] == ["a_0"]
