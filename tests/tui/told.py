"""An engine that says what it is told to say, and a sync that it has told half of."""

import asyncio
from collections.abc import AsyncGenerator

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import (
    Applied,
    Failed,
    LogLine,
    PhaseStarted,
    Progress,
    Retrying,
    RunFinished,
    RunStarted,
    Sequencer,
    Skipped,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import OpenUrl
from dbtcollate_tui.sync.retry import Leftover
from dbtcollate_tui.tui.screens.sync import SyncScreen
from dbtcollate_tui.tui.widgets.event_log import EventLog
from tests.tui.plans import many
from tests.tui.whole import Whole

PLAN = many(60)
REFUSED = ActionableError(
    "Collate refused the change (403)",
    causes=["The token's role has no rule that lets it edit tags.", "The table is in a domain of its own."],
    evidence=["PATCH /api/v1/tables/2f1c: principal ingestion-bot is denied EditTags"],
    fixes=[OpenUrl("Open the bot's roles", "https://collate.example/bots/ingestion-bot")],
)


class Told:
    """An engine that says what it is told to say."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[SyncEvent] = asyncio.Queue()
        self._stamp = Sequencer().stamp

    def say(self, *events: SyncEvent) -> None:
        for event in events:
            self.queue.put_nowait(self._stamp(event))

    def end(self) -> None:
        self.say(
            RunFinished(
                outcome="ok", counts=Counts(planned=2, written=2), exit_code=ExitCode.OK, text="Done."
            )
        )

    async def run(self, cancel: asyncio.Event) -> AsyncGenerator[SyncEvent, None]:
        while True:
            event = await self.queue.get()
            yield event
            if isinstance(event, RunFinished):
                return


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
