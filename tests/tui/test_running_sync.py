"""The app owns the sync: events come in batches, it outlives its screen, leaving asks."""

import asyncio
from collections.abc import AsyncGenerator

from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import (
    Applied,
    Cancelled,
    LogLine,
    PhaseStarted,
    RunFinished,
    RunStarted,
    Sequencer,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.sync import SyncScreen
from dbtcollate_tui.tui.sync_run import KEPT_AT_MOST, SyncRun
from tests.support.world import profile_for
from tests.tui.whole import Whole, keep, whole


async def lines(count: int) -> AsyncGenerator[SyncEvent, None]:
    stamp = Sequencer().stamp
    yield stamp(RunStarted(engine="direct", profile="shop", title="Sync of shop"))
    for number in range(count):
        yield stamp(LogLine(source="sync", level="info", text=f"line {number}"))
    yield stamp(RunFinished(outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text="Nothing to write."))


async def test_many_events_come_in_few_batches_whole_and_in_order() -> None:
    batches: list[list[SyncEvent]] = []
    run = SyncRun("shop", lambda cancel: lines(5_000), lambda run, events: batches.append(events))
    await run.drain()
    seen = [event.seq for batch in batches for event in batch]
    assert seen == list(range(1, 5_003))
    assert len(batches) < 100
    assert run.finished is not None
    assert run.ended.is_set()


async def test_a_long_run_keeps_its_turning_points_and_its_newest_lines() -> None:
    run = SyncRun("shop", lambda cancel: lines(20_000), lambda run, events: None)
    await run.drain()
    assert len(run.history) <= KEPT_AT_MOST + 1
    assert isinstance(run.history[0], RunStarted)
    newest = run.history[-2]
    assert isinstance(newest, LogLine)
    assert newest.text == "line 19999"


class Held:
    """An engine that goes on until it is let go, or cancelled."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.was_cancelled = False

    async def run(self, cancel: asyncio.Event) -> AsyncGenerator[SyncEvent, None]:
        stamp = Sequencer().stamp
        yield stamp(RunStarted(engine="direct", profile="shop", title="Sync of shop"))
        yield stamp(PhaseStarted(phase="write", text="writing 2 changes"))
        waits = {asyncio.ensure_future(self.go_on.wait()), asyncio.ensure_future(cancel.wait())}
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        self.was_cancelled = cancel.is_set()
        if self.was_cancelled:
            yield stamp(Cancelled(text="cancelled: 0 of 2 written"))
        yield stamp(
            RunFinished(
                outcome="cancelled" if self.was_cancelled else "ok",
                counts=Counts(planned=2, cancelled=2 if self.was_cancelled else 0),
                exit_code=ExitCode.INTERRUPTED if self.was_cancelled else ExitCode.OK,
                text="0 of 2 written, 2 not tried",
                seconds=1.0,
            )
        )


async def begin(app: Whole, held: Held) -> SyncRun:
    run = app.app.running.start("shop", held.run)
    app.app.push_screen(SyncScreen(run))
    await app.on("SyncScreen")
    await app.until(lambda: "writing 2 changes" in app.drawn(), "the phase")
    return run


async def test_the_sync_goes_on_when_its_screen_is_left_and_is_found_again() -> None:
    services, held = Services(), Held()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            run = await begin(app, held)
            await app.press("escape")
            await app.on("HomeScreen")
            assert run.finished is None
            await app.until(lambda: "Syncing now" in app.drawn(), "home says so")
            await app.press("s")
            await app.on("SyncScreen")
            assert "writing 2 changes" in app.drawn()
            held.go_on.set()
            await app.synced()
            assert not held.was_cancelled


async def test_cancel_asks_and_says_what_was_not_tried() -> None:
    services, held = Services(), Held()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await begin(app, held)
            await app.press("c")
            await app.on("Confirm")
            await app.press("escape")
            await app.on("SyncScreen")
            assert not held.was_cancelled
            await app.press("c")
            await app.on("Confirm")
            await app.press("left", "enter")
            await app.synced()
            assert held.was_cancelled
            assert "2 not tried" in app.drawn()


async def test_quitting_asks_while_a_sync_runs_and_lets_it_end_in_order() -> None:
    services, held = Services(), Held()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await begin(app, held)
            await app.press("q")
            await app.on("Confirm")
            await app.press("escape")
            await app.on("SyncScreen")
            await app.press("ctrl+q")
            await app.on("Confirm")
            await app.press("left", "enter")
            await app.until(lambda: not app.app.is_running or app.app.return_code is not None, "the end")
        assert held.was_cancelled
        assert app.app.return_code == ExitCode.INTERRUPTED


async def test_a_running_sync_s_events_reach_its_screen_below_a_question() -> None:
    services, held = Services(), Held()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            run = await begin(app, held)
            await app.press("c")
            await app.on("Confirm")
            held.go_on.set()
            await app.until(lambda: run.finished, "the end")
            await app.press("escape")
            await app.synced()


async def test_each_write_is_a_line_of_the_log() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            await app.press("s")
            await app.planned()
            await app.press("w")
            await app.synced()
            run = app.app.sync_run
            assert run is not None
            assert any(isinstance(event, Applied) for event in run.history)
            await app.press("tab")
            await app.until(lambda: "test results" in app.drawn(), "the log")
            await app.press("y")
            assert "marts.fct_orders" in app.app.clipboard
            await app.press("tab", "y")
            assert "http" in app.app.clipboard
