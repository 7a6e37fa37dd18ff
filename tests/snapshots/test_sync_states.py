"""A direct sync that runs, that ended with failures, that was cancelled; what stands still is told to it."""

import pytest
from syrupy.assertion import SnapshotAssertion

from dbtcollate_tui.events.outcome import Counts, Verification, VerificationRow
from dbtcollate_tui.events.types import (
    Applied,
    Cancelled,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.session.services import Services
from tests.snapshots.album import Album
from tests.tui.told import PLAN, Told, begun
from tests.tui.whole import whole


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
            PhaseStarted(phase="verification", text="verifying what was written"),
            PhaseFinished(phase="verification", text="58 of 60 descriptions found", level="failed"),
            RunFinished(
                outcome="partial",
                counts=Counts(planned=60, written=58, failed=1, skipped=1),
                exit_code=ExitCode.PARTIAL,
                text="58 written, 1 failed, 1 skipped. Read back: 58 of 60 descriptions found.",
                verification=Verification(
                    rows=(
                        VerificationRow(
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
