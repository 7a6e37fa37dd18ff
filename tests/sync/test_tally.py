"""The tally of a sync's writes: what is written in part, and what is not known."""

import asyncio

import pytest

from dbtcollate_tui.collate.errors import ExclusiveTagsError, InvalidRequestError, ServerFailedError
from dbtcollate_tui.errors import ActionableError, NoAnswerKind, UnreachableError
from dbtcollate_tui.events.types import Applied, Event, Failed
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.model import Change, DataModelChange, NewTag, Plan, TagsChange
from dbtcollate_tui.sync.writing.tally import Account, is_unknown

REF = TableRef("1", "pg.wh.marts.t", "pg", "wh", "marts", "t")
FINANCE, DAILY = "dbtTags.finance", "dbtTags.daily"
NEW_TAG = NewTag(fqn=FINANCE, classification="dbtTags", name="finance", description="")
TAGS = TagsChange(table=REF, before=(), added=(FINANCE, DAILY), requires=(NEW_TAG.key,))
MODEL = DataModelChange(
    table=REF,
    exists=False,
    differs=(),
    body={"sql": "select 1", "tags": ({"tagFQN": FINANCE}, {"tagFQN": DAILY}), "columns": ()},
)
REFUSED = InvalidRequestError("It was refused", status=400, message="x")


def account(events: list[Event], *chosen: Change) -> Account:
    plan = Plan(changes=(NEW_TAG, TAGS, MODEL), match=MatchReport(matched={}))
    return Account(plan, chosen or plan.changes, events.append, asyncio.Event(), ())


def test_change_without_a_refused_tag_is_partly_written() -> None:
    events: list[Event] = []
    made = account(events)
    made.failed(NEW_TAG, REFUSED)
    ready = made.ready(TAGS)
    assert isinstance(ready, TagsChange)
    assert ready.added == (DAILY,)
    assert made.model_body(MODEL)["tags"] == [{"tagFQN": DAILY}]
    made.applied(ready)
    made.applied(MODEL)
    assert [event.lacks for event in events if isinstance(event, Applied)] == [(FINANCE,), (FINANCE,)]
    assert (made.tally.written.total(), len(made.tally.partly), made.tally.failed) == (2, 2, 1)


def test_change_without_a_deselected_tag_is_whole() -> None:
    events: list[Event] = []
    made = account(events, TAGS, MODEL)
    ready = made.ready(TAGS)
    assert isinstance(ready, TagsChange)
    assert made.model_body(MODEL)["tags"] == [{"tagFQN": DAILY}]
    made.applied(ready)
    made.applied(MODEL)
    assert made.tally.partly == set()


def test_table_tags_refused_make_its_model_partly_written() -> None:
    events: list[Event] = []
    made = account(events)
    made.applied(NEW_TAG)
    made.failed(TAGS, ExclusiveTagsError("They exclude each other", status=400, message="x"))
    assert made.model_body(MODEL)["tags"] == []
    made.applied(MODEL)
    assert [event.lacks for event in events if isinstance(event, Applied)] == [(), (DAILY, FINANCE)]


NOT_KNOWN: tuple[NoAnswerKind, ...] = ("timeout", "closed", "unreadable", "too large")
NOT_SENT: tuple[NoAnswerKind, ...] = ("name", "refused", "tls", "proxy")


@pytest.mark.parametrize(
    ("error", "unsure"),
    [
        *((UnreachableError("x", kind=kind), True) for kind in NOT_KNOWN),
        *((UnreachableError("x", kind=kind), False) for kind in NOT_SENT),
        *((ServerFailedError("x", status=status, message="x"), True) for status in (200, 204, 502, 504)),
        *((ServerFailedError("x", status=status, message="x"), False) for status in (500, 503)),
        (REFUSED, False),
    ],
)
def test_failure_counts_as_failed_or_not_known(error: ActionableError, unsure: bool) -> None:
    events: list[Event] = []
    made = account(events)
    made.failed(MODEL, error)
    assert is_unknown(error) is unsure
    assert [event.unsure for event in events if isinstance(event, Failed)] == [unsure]
    assert (made.tally.failed, made.tally.unsure) == ((0, [MODEL]) if unsure else (1, []))
    assert made.tally.settled == 1
