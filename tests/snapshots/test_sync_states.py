"""A direct sync that runs, that ended with failures, that was cancelled; what stands still is told to it."""

import pytest
from syrupy.assertion import SnapshotAssertion

from dbtcollate_tui.errors import ActionableError, Cure
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.setup.services import Services
from dbtcollate_tui.sync.events import (
    Applied,
    Cancelled,
    Failed,
    LogLine,
    PhaseFinished,
    PhaseStarted,
    Progress,
    Retrying,
    RunFinished,
    RunStarted,
    Skipped,
)
from dbtcollate_tui.sync.outcome import Counts, Proof, ProofRow
from dbtcollate_tui.sync.writing.retry import Leftover
from dbtcollate_tui.tui.screens.sync import SyncScreen
from dbtcollate_tui.tui.widgets.event_log import EventLog
from tests.snapshots.test_screens import Album, size, still
from tests.tui.test_plan import many
from tests.tui.test_sync_screen import Told
from tests.tui.whole import Whole, whole

__all__ = ("size", "still")
PLAN = many(60)
REFUSED = ActionableError(
    "Collate refused the change (403)",
    causes=["The token's role has no rule that lets it edit tags.", "The table is in a domain of its own."],
    evidence=["PATCH /api/v1/tables/2f1c: principal ingestion-bot is denied EditTags"],
    cures=[Cure("open_url", "Open the bot's roles", "https://collate.example/bots/ingestion-bot")],
)


async def begun(app: Whole, told: Told) -> None:
    """The sync's screen after its first 31 of 60 changes."""
    keys = [change.key for change in PLAN.changes]
    run = app.app.running.start("shop", told.run, PLAN, Leftover(PLAN, keys))
    app.app.push_screen(SyncScreen(run))
    await app.on("SyncScreen")
    told.say(
        RunStarted(engine="direct", profile="shop", title="Sync of shop"),
        PhaseStarted(phase="write", text="writing 60 changes"),
        *(Applied(change=change) for change in PLAN.changes[:30]),
        Failed(change=PLAN.changes[30], error=REFUSED),
        Skipped(change=PLAN.changes[31], reason="it needs dbtTags.mart: Collate refused the change (403)"),
        LogLine(
            source="Collate", level="warn", text="the server is slow (0.9 s an answer): 4 writes at once"
        ),
        Retrying(
            what="PUT collate.example/api/v1/lineage", attempt=2, wait_seconds=1.5, reason="answered 503"
        ),
        Progress(
            phase="write",
            done=32,
            total=60,
            unit="changes",
            text="tables 32 of 60",
            rate=14.2,
            seconds_left=1.97,
        ),
    )
    await app.until(lambda: len(app.top.query_one(EventLog).rows) >= 34, "the lines")
    await app.until(lambda: "32" in app.drawn(), "the progress")


@pytest.mark.usefixtures("still")
async def test_a_sync_that_runs_and_one_that_is_cancelled(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    album = Album(size, snapshot)
    async with whole(Services(), size=size) as app:
        told = Told()
        await begun(app, told)
        await album.take(app, "sync-running")
        await app.press("l")
        await album.take(app, "sync-running-failures")
        told.say(
            PhaseFinished(phase="write", text="30 written, 1 failed, 1 skipped", level="warn"),
            Cancelled(text="cancelled: 30 of 60 written, 28 not tried"),
            RunFinished(
                outcome="cancelled",
                counts=Counts(planned=60, written=30, failed=1, skipped=1, cancelled=28),
                exit_code=ExitCode.INTERRUPTED,
                text="30 of 60 written, 28 not tried",
                seconds=4.2,
            ),
        )
        await app.synced()
        await app.shows("r", "Write the other 30")
        await album.take(app, "sync-cancelled")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_a_sync_that_could_not_write_all(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with whole(Services(), size=size) as app:
        told = Told()
        await begun(app, told)
        told.say(
            *(Applied(change=change) for change in PLAN.changes[32:]),
            PhaseFinished(phase="write", text="58 written, 1 failed, 1 skipped", level="warn"),
            PhaseStarted(phase="proof", text="reading back what was written"),
            PhaseFinished(phase="proof", text="58 of 60 descriptions found", level="failed"),
            RunFinished(
                outcome="partial",
                counts=Counts(planned=60, written=58, failed=1, skipped=1),
                exit_code=ExitCode.PARTIAL,
                text="58 written, 1 failed, 1 skipped. Read back: 58 of 60 descriptions found.",
                proof=Proof(
                    rows=(
                        ProofRow(
                            id="descriptions",
                            title="Descriptions",
                            state="failed",
                            summary="58 of 60",
                            found=58,
                            expected=60,
                        ),
                    )
                ),
                seconds=9.4,
            ),
        )
        await app.synced()
        await app.shows("r", "Retry 2 not written")
        await album.take(app, "sync-partial")
    album.compare()
