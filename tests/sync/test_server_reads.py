"""What is read from Collate before a plan: in pages, and again where an answer may be cut short."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import Waiting
from dbtcollate_tui.plan.matching.matches import TableRef
from dbtcollate_tui.plan.server_state import case_key
from dbtcollate_tui.sync.reading.edges import SAMPLE, read_edges
from dbtcollate_tui.sync.reading.slow_pages import slow_pages_reported
from dbtcollate_tui.sync.reading.test_cases import read_cases, read_definitions, read_older_results
from tests.collate.server import Asked, FakeCollate, connected, refuse, say


def ref(name: str) -> TableRef:
    return TableRef(name, f"s.d.m.{name}", "s", "d", "m", name)


def around(start: str, edges: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The answer about ``start``: all these edges, those out of it and below it as downstream ones."""
    names = {name for edge in edges for name in edge}

    def told(pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        return [
            {
                "fromEntity": a,
                "toEntity": b,
                "lineageDetails": {"source": "DbtLineage", "sqlQuery": f"{a}{b}"},
            }
            for a, b in pairs
        ]

    return {
        "entity": {"id": start, "type": "table"},
        "nodes": [{"id": name, "type": "table", "name": name} for name in names],
        "upstreamEdges": told([edge for edge in edges if edge[1] == start]),
        "downstreamEdges": told([edge for edge in edges if edge[1] != start] * 2),
    }


PAIRS = [("raw", "stg"), ("stg", "mart"), ("stg", "other")]
LINEAGE = "GET /lineage/table/name/s.d.m."


async def test_one_answer_tells_the_edges_of_several_tables() -> None:
    fake = FakeCollate(answers={f"{LINEAGE}raw": say(around("raw", PAIRS))})
    async with connected(fake) as client:
        edges = await read_edges(client, [(ref(a), ref(b)) for a, b in PAIRS])
    assert set(edges) == set(PAIRS)
    assert edges["stg", "mart"].sqlQuery == "stgmart"
    (asked,) = [item for item in fake.asked if "lineage" in item.path]
    assert asked.query == {"upstreamDepth": "0", "downstreamDepth": "2"}


async def test_a_refused_depth_is_asked_for_table_by_table() -> None:
    fake = FakeCollate(
        answers={
            f"{LINEAGE}raw": refuse(400, "query param downstreamDepth must be less than or equal to 1"),
            f"{LINEAGE}stg": say(around("stg", PAIRS[:1])),
            f"{LINEAGE}mart": say(around("mart", PAIRS[1:2])),
            f"{LINEAGE}other": refuse(404, "table instance for s.d.m.other not found"),
        }
    )
    async with connected(fake) as client:
        edges = await read_edges(client, [(ref(a), ref(b)) for a, b in PAIRS])
    assert set(edges) == set(PAIRS[:2])


async def test_what_a_sync_has_reached_before_is_asked_for_again_where_it_is_not_shown() -> None:
    fake = FakeCollate(
        answers={
            f"{LINEAGE}raw": say(around("raw", [])),
            f"{LINEAGE}mart": say(around("mart", PAIRS[1:2])),
        }
    )
    async with connected(fake) as client:
        edges = await read_edges(client, [(ref(a), ref(b)) for a, b in PAIRS], sure={"mart"})
    assert set(edges) == {("stg", "mart")}


@pytest.mark.parametrize(("stale", "asked"), [(False, SAMPLE), (True, 40)])
async def test_many_missing_edges_are_sampled(stale: bool, asked: int) -> None:
    """After an interrupted sync hundreds are missing: a few are asked; all only if one was not shown."""
    pairs = [("raw", f"t{number}") for number in range(40)]
    answers = {f"{LINEAGE}t{number}": say(around(f"t{number}", [])) for number in range(40)}
    if stale:
        answers[f"{LINEAGE}t3"] = say(around("t3", [("raw", "t3")]))
    fake = FakeCollate(answers={f"{LINEAGE}raw": say(around("raw", [])), **answers})
    async with connected(fake) as client:
        edges = await read_edges(
            client, [(ref(a), ref(b)) for a, b in pairs], sure={below for _, below in pairs}
        )
    assert set(edges) == ({("raw", "t3")} if stale else set())
    assert len({item.path for item in fake.asked if "/name/s.d.m.t" in item.path}) == asked


def case(table: str, number: int, timestamp: int = 5) -> dict[str, Any]:
    name = f"unique_{number}"
    return {
        "id": f"{table}-{number}",
        "name": name,
        "fullyQualifiedName": f"{table}.id.{name}",
        "entityLink": f"<#E::table::{table}::columns::id>",
        "testCaseResult": {"timestamp": timestamp, "testCaseStatus": "Success"},
    }


def shelf(cases: Sequence[dict[str, Any]], total: int = 0) -> FakeCollate:
    """A server with these cases, by pages of two and by table; it may claim a larger total."""

    def answer(asked: Asked) -> Response:
        link = asked.query.get("entityLink", "")
        held = [item for item in cases if link.rstrip(">") in item["entityLink"]]
        start = int(asked.query.get("after", "0"))
        page = held[start : start + min(2, int(asked.query["limit"]))]
        paging: dict[str, Any] = {"total": total or len(held)}
        if start + len(page) < len(held) and not total:
            paging["after"] = str(start + len(page))
        return JSONResponse({"data": page, "paging": paging})

    return FakeCollate(answers={"GET /dataQuality/testCases": answer})


TABLES = [f"s.d.m.t{number}" for number in range(4)]


async def test_cases_come_in_pages_and_those_of_others_are_left() -> None:
    fake = shelf([case(table, 1) for table in (*TABLES, "s.d.m.foreign")])
    async with connected(fake) as client:
        found = await read_cases(client, TABLES)
    assert {key[0] for key in found} == {f"<#E::table::{table}::columns::id>" for table in TABLES}
    asked = [item for item in fake.asked if item.path.endswith("testCases")]
    assert [item.query["limit"] for item in asked] == ["1", "50", "100", "150"]
    assert all("entityLink" not in item.query for item in asked)
    assert "testCaseResult" in asked[1].query["fields"]


async def test_a_server_with_far_more_cases_is_asked_by_table() -> None:
    fake = shelf([case(table, 1) for table in TABLES], total=90_000)
    async with connected(fake) as client:
        found = await read_cases(client, TABLES)
    assert len(found) == 4
    asked = Counter("entityLink" in item.query for item in fake.asked if item.path.endswith("testCases"))
    assert asked == {False: 1, True: 4}


def fields_of(fake: FakeCollate) -> list[tuple[str, str]]:
    """Of each list of test cases: the table, and the fields asked for."""
    asked = [item for item in fake.asked if item.path.endswith("testCases") and item.query["limit"] != "1"]
    return [(item.query.get("entityLink", ""), item.query.get("fields", "")) for item in asked]


async def test_a_run_without_test_results_asks_for_none() -> None:
    fake = shelf([case(table, 1) for table in TABLES])
    async with connected(fake) as client:
        assert len(await read_cases(client, TABLES, results=())) == 4
    assert {fields for _, fields in fields_of(fake)} == {""}


async def test_by_table_results_are_asked_where_the_run_has_one() -> None:
    fake = shelf([case(table, 1) for table in TABLES], total=90_000)
    tested = case(TABLES[0], 1)
    async with connected(fake) as client:
        found = await read_cases(client, TABLES, results={case_key(tested["entityLink"], tested["name"])})
    assert len(found) == 4
    with_results = [link for link, fields in fields_of(fake) if "testCaseResult" in fields]
    assert with_results == [f"<#E::table::{TABLES[0]}>"]


async def test_few_results_are_asked_one_by_one() -> None:
    """The list costs a real server a search for each row that shows its result."""
    cases = [case(table, number) for table in TABLES for number in (1, 2)]
    fake = shelf(cases)
    tested = cases[3]
    one = f"/dataQuality/testCases/name/{tested['fullyQualifiedName']}"
    fake.answers[f"GET {one}"] = say(tested)
    async with connected(fake) as client:
        found = await read_cases(client, TABLES, results={case_key(tested["entityLink"], tested["name"])})
    assert len(found) == 8
    assert {fields for _, fields in fields_of(fake)} == {""}
    assert [item.query["fields"] for item in fake.asked if item.path.endswith(one)] == ["testCaseResult"]


async def test_the_longest_read_is_named_with_its_page() -> None:
    words: list[str] = []

    def answer(asked: Asked) -> Response:
        waited = held[0].longest_wait()
        assert waited is not None
        words.append(waited[0])
        paging = {"after": "1"} if len(words) == 1 else {}
        return JSONResponse({"data": [case(TABLES[0], len(words))], "paging": {"total": 2, **paging}})

    fake = FakeCollate(answers={"GET /dataQuality/testCases": answer})
    async with connected(fake) as client:
        held = [client]
        assert len([item async for item in client.all_test_cases()]) == 2
        assert client.longest_wait() is None
    assert words == [
        "Collate to list test cases, page 1 (50 rows)",
        "Collate to list test cases, page 2 (100 rows)",
    ]


async def test_definitions_are_listed_once_and_a_few_asked_by_name() -> None:
    names = ["unique", "not_null", "accepted_values", "mine"]
    fake = FakeCollate(
        answers={
            "GET /dataQuality/testDefinitions": say(
                {"data": [{"id": name, "name": name} for name in (*names[:3], "tableDiff")], "paging": {}}
            ),
            "GET /dataQuality/testDefinitions/name/unique": say({"id": "u", "name": "unique"}),
            "GET /dataQuality/testDefinitions/name/mine": refuse(404, "not found"),
        }
    )
    async with connected(fake) as client:
        before = len(fake.asked)
        assert await read_definitions(client, names) == {"unique", "not_null", "accepted_values"}
        assert len(fake.asked) == before + 1
        assert await read_definitions(client, ["unique", "mine"]) == {"unique"}
        assert await read_definitions(client, []) == frozenset()
    assert len(fake.asked) == before + 3


async def test_an_older_result_is_looked_for_by_its_time() -> None:
    fake = FakeCollate(
        answers={
            "GET /dataQuality/testCases/testCaseResults/a": say({"data": [{"timestamp": 3}]}),
            "GET /dataQuality/testCases/testCaseResults/b": say({"data": []}),
        }
    )
    async with connected(fake) as client:
        assert await read_older_results(client, [("a", 3), ("b", 3)]) == {("a", 3)}


async def test_a_silence_names_the_read_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    emitter = EventEmitter()
    async with connected(FakeCollate()) as client:
        monkeypatch.setattr(
            client, "longest_wait", lambda: ("Collate to list tables, page 3 (100 rows)", 12.0)
        )
        with slow_pages_reported(emitter, client):
            during = emitter.waiting(2.0)
        after = emitter.waiting(2.0)
    assert isinstance(during, Waiting)
    assert isinstance(after, Waiting)
    assert (during.what, during.seconds) == ("Collate to list tables, page 3 (100 rows)", 12.0)
    assert (after.what, after.seconds) == ("starting", 2.0)
