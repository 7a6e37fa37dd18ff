"""A sync that nobody looks at before: all but the lineage is written while the compiled SQL is still read."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from dbtcollate_tui.events.types import (
    Applied,
    Cancelled,
    Failed,
    PhaseFinished,
    PhaseStarted,
    PlanReady,
    Progress,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history.records import list_records, load_plan
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync import prepare as preparing
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.writing.apply import OF_LINEAGE
from tests.sync.test_safety import Ends, differences, end_of, ends


@pytest.fixture(autouse=True)
def from_the_first_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop is small, so that without this its SQL is waited for."""
    monkeypatch.setattr(preparing, "EARLY_QUERIES", 1)


def syncing(
    both: Ends,
    *,
    scope: Scope = WHOLE,
    state: StateStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncGenerator[SyncEvent, None]:
    return run_direct(
        both.server.profile, both.dbt_cloud, both.collate, scope=scope, state=state, cancel=cancel
    )


async def test_it_ends_as_one_that_waits_for_its_whole_plan(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        await both.write(await both.plan())
        waited = both.server.state()
        both.server.fresh()
        events = [event async for event in syncing(both)]
        assert differences(both.server.state(), waited) == []
        end = end_of(events)
        assert (end.outcome, end.exit_code) == ("ok", ExitCode.OK)
        assert end.counts.written == end.counts.planned == sum(isinstance(e, Applied) for e in events)
        assert end.verification is not None
        assert end.verification.ok
        phases = ["run", "artifacts", "tables", "plan", "write", "plan", "write", "verification"]
        assert [event.phase for event in events if isinstance(event, PhaseStarted)] == phases
        assert [event.phase for event in events if isinstance(event, PhaseFinished)] == phases
        first, whole = (event for event in events if isinstance(event, PlanReady))
        assert (first.complete, whole.complete) == (False, True)
        told = [event.seq for event in events if isinstance(event, Applied)]
        assert first.seq < told[0] < whole.seq < told[-1]
        before = {
            event.change.key for event in events if isinstance(event, Applied) and event.seq < whole.seq
        }
        assert before == {change.key for change in first.plan.changes}
        assert not any(isinstance(change, OF_LINEAGE) for change in first.plan.changes)
        rest = [change for change in whole.plan.changes if change.key not in before]
        assert rest
        assert all(isinstance(change, OF_LINEAGE) for change in rest)
        done = [
            (event.done, event.total)
            for event in events
            if isinstance(event, Progress) and event.phase == "write"
        ]
        assert done == sorted(done)
        assert done[-1] == (end.counts.planned, end.counts.planned)


async def test_a_sync_that_has_nothing_to_write_tells_one_plan_and_sends_nothing(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        await both.write(await both.plan())
        before = both.server.writes
        events = [event async for event in syncing(both)]
        assert [event.complete for event in events if isinstance(event, PlanReady)] == [True]
        assert end_of(events).counts.planned == 0
        assert both.server.writes == before


async def test_what_is_to_be_looked_at_first_is_planned_whole(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        events = [event async for event in prepare_direct(both.server.profile, both.dbt_cloud, both.collate)]
        assert [event.complete for event in events if isinstance(event, PlanReady)] == [True]
        assert both.server.writes == 0


async def test_where_something_may_be_taken_away_the_whole_plan_comes_first(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        events = [event async for event in syncing(both, scope=Scope(remove=True))]
        assert [event.complete for event in events if isinstance(event, PlanReady)] == [True]
        assert end_of(events).outcome == "ok"


async def test_a_cancel_before_the_lineage_is_known_tells_what_was_written(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        cancel = asyncio.Event()
        events: list[SyncEvent] = []
        async for event in syncing(both, cancel=cancel):
            events.append(event)
            if isinstance(event, Applied):
                cancel.set()
        end = end_of(events)
        assert isinstance(events[-2], Cancelled)
        assert (end.outcome, end.exit_code) == ("cancelled", ExitCode.INTERRUPTED)
        assert [event.complete for event in events if isinstance(event, PlanReady)] == [False]
        counts = end.counts
        assert 0 < counts.written < counts.planned
        assert counts.written + counts.unsure + counts.cancelled == counts.planned
        assert end_of([event async for event in syncing(both)]).outcome == "ok"
        assert (await both.plan()).changes == ()


async def test_a_server_that_is_lost_meanwhile_leaves_a_true_account(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        both.server.on_write = lambda number: "dropped before" if number > 20 else None
        events = [event async for event in syncing(both)]
        end = end_of(events)
        assert (end.outcome, end.exit_code) == ("partial", ExitCode.PARTIAL)
        assert any(isinstance(event, Failed) and event.change is not None for event in events)
        counts = end.counts
        assert counts.written + counts.failed + counts.skipped == counts.planned
        both.server.on_write = lambda number: None
        assert end_of([event async for event in syncing(both)]).outcome == "ok"
        assert (await both.plan()).changes == ()


async def test_its_record_has_the_whole_plan(tmp_path: Path) -> None:
    async with ends(tmp_path) as both:
        state = StateStore(tmp_path / "state")
        events = [event async for event in syncing(both, state=state)]
        (record,) = list_records(state, "shop")
        assert record.planned == record.written == end_of(events).counts.planned
        kept = load_plan(state, record)
        assert kept is not None
        assert len(kept.changes) == record.planned
