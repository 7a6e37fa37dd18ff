"""Reports a direct sync to Collate as a run of the profile's pipeline, so that its page shows it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import PipelineState, StackTraceError, StepSummary
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.collate.run_report import RunReport
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Outcome
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import (
    Applied,
    Event,
    Failed,
    LogLine,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    Skipped,
)
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.plan.pipeline import own_pipeline
from dbtcollate_tui.settings.model import Profile

STEP = "OpenMetadata"
LINES_AT_ONCE = 1_000
PAUSE_SECONDS = 1.0
"""Between two reports, while the sync goes on."""
LAST_WORD_SECONDS = 5.0
"""How long the end of a sync waits for the server to take the last report."""
FAILURES_AT_MOST = 20


class SelfReport:
    """Takes a sync's events and reports them from a task of its own: the sync never waits, never fails by it.

    What the server refuses is a line of level debug in the log, and no more is sent of that kind.
    """

    def __init__(self, collate: CollateClient, profile: Profile) -> None:
        self._collate = collate
        self._profile = profile
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._step = StepSummary(name=STEP)
        self._state: PipelineState = "failed"
        self._closed = asyncio.Event()
        self._heard = True

    def take(self, event: Event) -> None:
        """Note one event of the sync."""
        if not self._heard:
            return
        match event:
            case PhaseStarted() | PhaseFinished():
                self._queue.put_nowait(f"INFO     {event.phase}: {event.text}")
            case LogLine() if event.level != "debug":
                self._queue.put_nowait(f"{event.level.upper():8} {event.text}")
            case Applied():
                self._count(records=self._step.records + 1)
                self._queue.put_nowait(f"INFO     {event.change.group} of {event.change.label} written")
            case Skipped():
                self._count(warnings=self._step.warnings + 1)
                self._queue.put_nowait(f"WARNING  {event.change.label}: {event.reason}")
            case Failed():
                what = event.change.label if event.change is not None else "sync"
                failures = self._step.failures
                if len(failures) < FAILURES_AT_MOST:
                    failures = (*failures, StackTraceError(name=what, error=event.error.title))
                self._count(errors=self._step.errors + 1, failures=failures)
                self._queue.put_nowait(f"ERROR    {what}: {event.error.title}")

    def ended(self, finished: RunFinished) -> None:
        """Note how the sync ended."""
        stopped: PipelineState = self._collate.dialect.stopped_state
        states: dict[Outcome, PipelineState] = {
            "ok": "success",
            "partial": "partialSuccess",
            "cancelled": stopped,
        }
        self._state = states.get(finished.outcome, "failed")
        self._queue.put_nowait(f"INFO     {finished.text}")

    def close(self) -> None:
        """Nothing more comes."""
        self._closed.set()
        self._queue.put_nowait(None)

    async def work(self) -> None:
        """Report until `close`; finds the pipeline first, and is done where the profile has none."""
        try:
            found = await IngestionPipelines(self._collate).of_service(self._profile.collate.service)
            pipeline = own_pipeline(found, self._profile)
            if pipeline is None:
                return
            report = RunReport(self._collate, pipeline.fullyQualifiedName)
            await report.start()
            await self._send(report)
            for refusal in report.refusals:
                LOGGER.debug("Collate did not take the report of a sync from here: %s", refusal)
        except ActionableError as error:
            LOGGER.debug("No report of this sync to Collate: %s", error.title)
        finally:
            self._heard = False

    async def _send(self, report: RunReport) -> None:
        open_end = True
        while open_end:
            lines = [await self._queue.get()]
            while len(lines) < LINES_AT_ONCE and not self._queue.empty():
                lines.append(self._queue.get_nowait())
            open_end = None not in lines
            texts = [line for line in lines if line is not None]
            await report.log(texts)
            if open_end:
                await report.steps((self._step,))
                await report.progress("PROCESSING", STEP, texts[-1][9:])
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), PAUSE_SECONDS)
        await report.finish(self._state, (self._step,))

    def _count(self, **values: object) -> None:
        self._step = self._step.model_copy(update=values)


@contextlib.asynccontextmanager
async def self_reported(
    emitter: EventEmitter, collate: CollateClient, profile: Profile
) -> AsyncIterator[SelfReport]:
    """While it lasts, the emitter's events are reported too; at its end the last report has five seconds."""
    report = SelfReport(collate, profile)
    task = asyncio.create_task(report.work())
    emitter.listeners.append(report.take)
    try:
        yield report
    finally:
        emitter.listeners.remove(report.take)
        report.close()
        await asyncio.wait({task}, timeout=LAST_WORD_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
