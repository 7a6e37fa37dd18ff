"""The sync's screen: its lines filtered and followed, its speed, its sign on other screens, its retry."""

import pytest

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.types import (
    Applied,
    Failed,
    LogLine,
    PhaseStarted,
    Progress,
    RunStarted,
    Waiting,
)
from dbtcollate_tui.fixes import Retry
from dbtcollate_tui.plan.model import Change
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.sync import SyncScreen
from dbtcollate_tui.tui.sync_run import SyncRun
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.event_log import EventLog, log_row
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.plans import many
from tests.tui.told import Told
from tests.tui.whole import Whole, keep, play, whole

PLAN = many(60)
REFUSED = ActionableError("Collate refused the change")


def change(number: int) -> Change:
    return PLAN.changes[number]


async def begin(app: Whole, told: Told) -> SyncRun:
    told.say(
        RunStarted(engine="direct", profile="shop", title="Sync of shop"),
        PhaseStarted(phase="write", text="writing 60 changes"),
    )
    run = app.app.running.start("shop", told.run, PLAN)
    app.app.push_screen(SyncScreen(run))
    await app.on("SyncScreen")
    return run


def shown(app: Whole) -> list[str]:
    return [row.text for row in app.top.query_one(EventLog).rows]


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_the_lines_say_time_table_what_and_outcome_and_are_filtered(size: tuple[int, int]) -> None:
    async with whole(Services(), size=size) as app:
        told = Told()
        await begin(app, told)
        told.say(
            Applied(change=change(1)),
            Failed(change=change(2), error=REFUSED),
            LogLine(source="worker", level="info", text="reading manifest"),
            LogLine(source="Collate", level="warn", text="server is slow"),
        )
        await app.until(lambda: len(shown(app)) == 4, "the lines")
        drawn = app.drawn()
        line = next(line for line in drawn.splitlines() if "marts.model_0001" in line)
        assert "descriptions" in line
        assert line.rstrip().endswith("written")
        assert "worker: reading manifest" in drawn
        await app.shows("l", "Failures")
        await app.press("l")
        assert [line.partition("  ")[2] for line in shown(app)] == [
            "marts.model_0002  descriptions  Collate refused the change",
            "Collate: server is slow",
        ]
        await app.shows("l", "All lines")
        await app.press("l", "slash", *"MODEL_0001")
        assert len(shown(app)) == 1
        assert "1 of 4 lines" in app.drawn()
        await app.press("escape")
        assert len(shown(app)) == 4
        assert app.name == "SyncScreen"


async def test_the_newest_line_is_followed_until_one_moves_up() -> None:
    async with whole(Services()) as app:
        told = Told()
        await begin(app, told)
        told.say(*(Applied(change=change(number)) for number in range(30)))
        await app.until(lambda: "marts.model_0029" in app.drawn(), "the newest")
        await app.shows("f", "Still")
        await app.press("k")
        await app.shows("f", "Follow")
        told.say(*(Applied(change=change(number)) for number in range(30, 60)))
        await app.until(lambda: len(shown(app)) == 60, "the others")
        assert "marts.model_0059" not in app.drawn()
        await app.press("f")
        assert "marts.model_0059" in app.drawn()


async def test_rate_time_left_and_what_is_waited_for_are_said() -> None:
    async with whole(Services()) as app:
        told = Told()
        await begin(app, told)
        told.say(
            Progress(
                phase="write",
                done=31,
                total=60,
                unit="changes",
                text="lineage 6 of 10",
                rate=9.2,
                seconds_left=3.2,
            )
        )
        await app.until(lambda: "31 of 60 changes, 9 a second, 3 s left" in app.drawn(), "the speed")
        assert "lineage 6 of 10" in app.drawn()
        told.say(Waiting(what="writing lineage", seconds=4.0))
        await app.until(lambda: "writing lineage, 4 s" in app.drawn(), "what is waited for")
        assert "waiting since " in app.drawn()


async def test_every_other_screen_says_that_a_sync_is_running_and_s_comes_back() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.on("HomeScreen")
            told = Told()
            run = await begin(app, told)
            told.say(Progress(phase="write", done=3, total=60, unit="changes"))
            await app.until(lambda: run.amount, "progress")
            assert "sync running" not in app.drawn()
            await app.press("escape")
            await app.on("HomeScreen")
            await app.press("p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "sync running write 3 of 60" in app.drawn(), "the sign")
            await app.press("s")
            await app.on("SyncScreen")
            told.end()
            await app.synced()
            await app.press("escape")
            await app.on("ProfilesScreen")
            await app.until(lambda: "sync running" not in app.drawn(), "no sign")


@pytest.mark.parametrize(
    ("keys", "stopped", "there"),
    [(("enter",), False, False), (("down", "enter"), True, False), (("down", "down", "enter"), True, True)],
)
async def test_a_run_inside_collate_is_asked_about_once(
    keys: tuple[str, ...], stopped: bool, there: bool
) -> None:
    async with whole(Services()) as app:
        told = Told()
        run = SyncRun("shop", told.run, lambda run, events: None, in_collate=True)
        app.app.push_screen(SyncScreen(run))
        await app.on("SyncScreen")
        await app.press("c")
        await app.on("StopInCollate")
        await app.press(*keys)
        await app.on("SyncScreen")
        assert run.cancelling is stopped
        assert run.stop_in_collate is there
        assert ("c" in app.footer()) is not stopped
        assert ("stopping the run in Collate" in app.drawn()) is there
        assert ("no longer following the run" in app.drawn()) is (stopped and not there)


async def test_what_failed_is_retried_and_nothing_else_is_written() -> None:
    services = Services()
    async with Sandbox("collate-read-only") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.on("HomeScreen")
            await app.press("s")
            await app.planned()
            count = app.changes
            await app.press("w")
            await app.synced()
            await app.shows("r", f"Retry {count} not written")
            await play(sandbox, "healthy")
            first = app.app.sync_run
            await app.press("r")
            await app.until(lambda: app.app.sync_run is not first, "another run")
            await app.synced()
            assert f"{count} of {count} changes written" in app.drawn()
            assert "r" not in app.footer()
            await app.press("escape")
            await app.on("HomeScreen")


async def test_a_failed_direct_sync_is_planned_again_as_one() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox, schedule="0 7 * * *"))
        async with whole(services) as app:
            await app.on("HomeScreen")
            await app.press("d")
            await app.on("PipelineScreen")
            await app.until(lambda: app.top.has_class("-planned"), "the comparison")
            await app.press("d")
            await app.synced()
            await app.press("enter")
            await app.checked()
            await app.press("s")
            await app.on("PipelineScreen")
            await app.press("i")
            await app.planned()
            await app.press("w")
            await app.synced()
            app.top.post_message(ErrorCard.FixChosen(Retry()))
            await app.planned()


async def test_after_a_cancel_the_rest_is_written_at_a_key() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.on("HomeScreen")
            await app.press("s")
            await app.planned()
            count = app.changes
            await play(sandbox, "slow")
            await app.press("w")
            await app.until(lambda: app.app.sync_run and app.app.sync_run.left.written, "the first writes")
            first = app.app.sync_run
            assert first is not None
            first.cancel()
            await app.synced()
            assert first.finished is not None
            assert first.finished.outcome == "cancelled"
            left = len(first.left.unwritten)
            assert 0 < left < count
            assert left + len(first.left.written) == count
            await app.shows("r", f"Write the other {left}")
            await play(sandbox, "healthy")
            await app.press("r")
            await app.until(lambda: app.app.sync_run is not first, "another run")
            await app.synced()
            last = app.app.sync_run
            assert last is not None
            assert last.finished is not None
            assert (last.finished.outcome, last.finished.counts.planned) == ("ok", left)
            assert last.left.unwritten == frozenset()


async def test_the_result_and_the_log_change_places_and_a_line_s_page_is_copied() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.on("HomeScreen")
            await app.press("s")
            await app.planned()
            await app.press("w")
            await app.synced()
            await app.shows("tab", "Log")
            await app.shows("y", "Copy link")
            await app.press("y")
            await app.shows("o", "Open in dbt Cloud")
            assert app.app.clipboard.startswith(sandbox.dbt_cloud_url)
            await app.press("down")
            await app.shows("o", "Open in Collate")
            await app.press("tab")
            await app.shows("tab", "Result")
            await app.press("slash", *"lineage", "enter", "y")
            assert "lineage" in app.app.clipboard
            await app.press("escape", "escape")
            assert not app.top.has_class("-log")
            assert app.name == "SyncScreen"


@pytest.mark.parametrize(
    "line",
    [
        "[2026-11-25 01:18:11.133] INFO tags written",
        "[2026-11-25T01:18:11.133+0000] {dbt_service.py:88} INFO - tags written",
        "[2026-11-25 01:18:11] WARNING  {metadata.Ingestion:dbt_utils:12} - tags written",
        "tags written",
    ],
)
def test_a_worker_s_own_time_and_level_are_not_said_twice(line: str) -> None:
    row = log_row(LogLine(source="worker", level="info", text=line))
    assert row is not None
    assert row.what == "worker: tags written"


def test_progress_and_starts_make_no_line() -> None:
    assert log_row(Progress(phase="write", done=1, total=2, unit="changes")) is None
    assert log_row(RunStarted(engine="direct", profile="shop", title="Sync")) is None
