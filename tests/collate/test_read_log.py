"""Which answers count as the same: those of which this program would read the same."""

import json
from typing import Any

import msgspec
import pytest

from dbtcollate_tui.collate.entity import EntityReference, TagLabel
from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.collate.read_log import ReadLog, Stamps, TableStamp, digest_of, open_read_log, reads_noted

EDGE = {"fromEntity": "1", "toEntity": "2", "lineageDetails": {"source": "DbtLineage"}}
OTHER = {"fromEntity": "3", "toEntity": "2", "lineageDetails": {"source": "Manual"}}
LINEAGE: dict[str, Any] = {
    "entity": {"id": "2", "type": "table", "fullyQualifiedName": "s.d.c.t", "updatedAt": 1},
    "nodes": [{"id": "1", "type": "table"}, {"id": "3", "type": "table"}],
    "upstreamEdges": [EDGE, OTHER],
    "downstreamEdges": [],
}
USER = {"id": "1", "name": "ana", "email": "ana@shop.test", "lastLoginTime": 1, "updatedAt": 1}


async def digest(path: str, body: object) -> bytes:
    return await digest_of(path, json.dumps(body).encode())


async def test_lineage_counts_edges_in_any_order() -> None:
    path = "/lineage/table/name/s.d.c.t"
    moved = {
        **LINEAGE,
        "entity": {**LINEAGE["entity"], "updatedAt": 2},
        "nodes": LINEAGE["nodes"][::-1],
        "upstreamEdges": [OTHER, EDGE],
    }
    assert await digest(path, LINEAGE) == await digest(path, moved)


@pytest.mark.parametrize(
    "change",
    [
        {"upstreamEdges": [EDGE]},
        {"upstreamEdges": [OTHER], "downstreamEdges": [EDGE]},
        {"upstreamEdges": [EDGE, {**OTHER, "lineageDetails": {"source": "DbtLineage"}}]},
        {"nodes": LINEAGE["nodes"][:1]},
        {"entity": {"id": "2", "type": "table", "fullyQualifiedName": "s.d.c.renamed"}},
    ],
)
async def test_lineage_differs_by_what_is_read(change: dict[str, Any]) -> None:
    path = "/lineage/table/name/s.d.c.t"
    assert await digest(path, LINEAGE) != await digest(path, {**LINEAGE, **change})


async def test_a_login_changes_no_person() -> None:
    later = {**USER, "lastLoginTime": 2, "updatedAt": 2}
    assert await digest("/users/name/ana", USER) == await digest("/users/name/ana", later)
    assert await digest("/users", {"data": [USER]}) == await digest("/users", {"data": [later]})
    found = {"took": 1, "hits": {"hits": [{"_source": USER}]}}
    again = {"took": 9, "hits": {"hits": [{"_source": later}]}}
    assert await digest("/search/query", found) == await digest("/search/query", again)


@pytest.mark.parametrize(
    "change", [{"name": "ben"}, {"email": "x@shop.test"}, {"deleted": True}, {"id": "2"}]
)
async def test_a_renamed_person_differs(change: dict[str, Any]) -> None:
    other = {**USER, **change}
    assert await digest("/users/name/ana", USER) != await digest("/users/name/ana", other)
    assert await digest("/users", {"data": [USER]}) != await digest("/users", {"data": [other]})


async def test_other_answers_count_byte_for_byte() -> None:
    path = "/dataQuality/testCases"
    assert await digest(path, {"data": [1]}) != await digest(path, {"data": [2]})


async def test_answers_that_are_no_json_still_count() -> None:
    for path in ("/lineage/table/name/t", "/users"):
        assert await digest_of(path, b"<html>") != await digest_of(path, b"<body>")


async def test_two_answers_to_one_request_are_a_failure() -> None:
    log = ReadLog()
    await log.note("/tags", {"parent": "a"}, b"[]")
    await log.note("/tags", {"parent": "a"}, b"[]")
    await log.note("/tags", {"parent": "b"}, b"[1]")
    assert log.failures == 0
    await log.note("/tags", {"parent": "a"}, None)
    assert log.failures == 1


async def test_reads_are_noted_within_the_block_alone() -> None:
    assert open_read_log() is None
    with reads_noted() as log:
        assert open_read_log() is log
    assert open_read_log() is None


BASE = Table(id="1", name="t", fullyQualifiedName="s.d.c.t", version=0.2, updatedAt=5)


def stamps(*tables: Table) -> bytes:
    found = Stamps()
    for table in tables:
        found.take(table)
    return found.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0.3},
        {"updatedAt": 6},
        {"fullyQualifiedName": "s.d.c.u"},
        {"tags": (TagLabel(tagFQN="PII.Sensitive"),)},
        {"owners": (EntityReference(id="9", type="user"),)},
        {"domains": (EntityReference(id="8", type="domain"),)},
    ],
)
def test_a_stamp_moves_with_each_of_its_parts(change: dict[str, Any]) -> None:
    assert stamps(BASE) != stamps(BASE.model_copy(update=change))


def test_stamps_count_in_any_order() -> None:
    other = BASE.model_copy(update={"id": "2"})
    assert stamps(BASE, other) == stamps(other, BASE)
    assert stamps(BASE, other) != stamps(BASE)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"version": 1.2, "updatedAt": 7, "deleted": False},
        {"tags": [{"tagFQN": "a.b", "source": "Glossary", "labelType": "Automated", "state": "Suggested"}]},
        {"tags": [{"tagFQN": "a.b"}, {"tagFQN": "a.a", "state": None}], "version": 1},
        {"owners": [{"id": "9", "type": "team"}, {"id": "8", "type": "user", "name": "ana"}]},
        {"owner": {"id": "9", "type": "user"}, "domain": {"id": "7", "type": "domain"}},
        {"owners": None, "domains": [{"id": "7", "type": "domain"}], "tags": None},
    ],
)
def test_a_light_row_has_the_stamp_of_the_whole_one(row: dict[str, Any]) -> None:
    values = {"id": "1", "name": "t", "fullyQualifiedName": "s.d.c.t", **row}
    light = Stamps()
    light.take_stamp(msgspec.convert(values, TableStamp, strict=False))
    assert light.digest() == stamps(Table.model_validate(values))
