"""Whatever Collate answers becomes values or an error that names the request."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from dbtcollate_tui.collate import reader
from dbtcollate_tui.collate.catalog import read_edges
from dbtcollate_tui.collate.models import EntityReference, Table
from dbtcollate_tui.collate.server import _SeenPages
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.transport.client import Answer
from dbtcollate_tui.transport.request_log import RequestRecord

TABLE = b'{"id": "1", "name": "orders", "fullyQualifiedName": "shop.db.s.orders"}'
HERE = EntityReference(id="1", type="table")
READERS: dict[str, Callable[[Answer], object]] = {
    "one": lambda answer: reader.read_one(Table, answer, "show the table"),
    "object": lambda answer: reader.read_object(answer, "show the table"),
    "list": lambda answer: reader.read_list(Table, answer, "list tables"),
    "data": lambda answer: reader.read_data(Table, answer, "list tables"),
    "page": lambda answer: reader.read_page(Table, answer, "list tables"),
    "total": lambda answer: reader.read_total(answer, "count tables"),
    "optional": lambda answer: reader.read_optional(Table, answer, "show the table"),
    "edges": lambda answer: reader.read_as(answer, "show", lambda body: read_edges(body, HERE)),
}
BODIES = (
    *(
        b"",
        b"null",
        b"5",
        b"true",
        b'"x"',
        b"[]",
        b"[null]",
        b"{}",
        b"NaN",
        b"\xff",
        b"<html>",
        b"[" * 90_000,
    ),
    *(b'{"data": %s}' % value for value in (b"5", b"true", b'"x"', b"null", b"[null]", b'{"a": 1}', b"NaN")),
    *(
        b'{"paging": %s, "data": []}' % value
        for value in (b"5", b"[]", b'"x"', b'{"after": {}}', b'{"total": "x"}')
    ),
    *(
        b'{"nodes": %s, "upstreamEdges": %s}' % (value, value)
        for value in (b"5", b"[5]", b'{"a": 1}', b"[[]]")
    ),
    *(
        b'{"upstreamEdges": [{"fromEntity": %s, "lineageDetails": %s}]}' % (v, v)
        for v in (b"5", b"[]", b'"x"')
    ),
    b'{"id": {"a": "\\ud800"}, "name": 5, "columns": {"x": 1}, "tags": null}',
    b'{"data": ' + b"9" * 6000 + b"}",
    TABLE[:40],
)


def answer(body: bytes) -> Answer:
    record = RequestRecord(
        "GET", "https://h/api/v1/tables", "h", "/api/v1/tables", datetime.now(UTC), status=200
    )
    return Answer(200, {"content-type": "application/json"}, body, record)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_an_answer_is_read_or_becomes_a_card(read: Callable[[Answer], object], body: bytes) -> None:
    card = None
    try:
        read(answer(body))
    except ActionableError as error:
        card = error
    if card is not None:
        assert any("/api/v1/tables answered 200" in line for line in card.evidence)
        card.as_text().encode("utf-8")


def test_an_odd_element_of_a_list_is_left_out() -> None:
    page, after = reader.read_page(
        Table, answer(b'{"data": [%s, {"id": 7}, null], "paging": {"after": "x"}}' % TABLE), "list tables"
    )
    assert [table.name for table in page] == ["orders"]
    assert after == "x"


def test_a_list_without_a_readable_element_is_an_error() -> None:
    with pytest.raises(ActionableError, match="Could not list tables"):
        reader.read_page(Table, answer(b'{"data": [{"id": 7}, null]}'), "list tables")


def test_an_odd_edge_is_left_out() -> None:
    body = {
        "upstreamEdges": [5, {"fromEntity": "2", "toEntity": "1", "lineageDetails": []}],
        "downstreamEdges": [{"fromEntity": "1", "toEntity": "3", "lineageDetails": {"columnsLineage": 5}}],
    }
    assert [(edge.fromEntity.id, edge.toEntity.id) for edge in read_edges(body, HERE)] == [("2", "1")]


@pytest.mark.parametrize(
    "pages",
    [
        [(["a"], "1"), (["b"], "1")],
        [(["a"], "1"), (["a"], "2")],
        [(["a"], "1"), ([], "2")],
        [(["a"], "1"), (["b"], "2"), (["a"], "3")],
    ],
    ids=["the same cursor", "the same rows", "no rows", "rows in turn"],
)
def test_a_list_that_brings_nothing_new_ends(pages: list[tuple[list[str], str]]) -> None:
    seen = _SeenPages()
    for page in pages[:-1]:
        seen.check(page, answer(b""), "list tables")
    with pytest.raises(ActionableError, match="Could not list tables"):
        seen.check(pages[-1], answer(b""), "list tables")


def test_elements_left_out_are_counted_by_path() -> None:
    page = answer(b'{"data": [%s, {"id": []}, null]}' % TABLE)
    with reader.counting_left_out() as counts:
        assert len(reader.read_data(Table, page, "list tables")) == 1
    assert counts == {"/api/v1/tables": 2}
    reader.read_data(Table, page, "list tables")
    assert counts.total() == 2
