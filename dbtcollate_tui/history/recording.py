"""Keeps the record of a sync while it runs: the plan before the writes, a line an event, the outcome."""

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from dbtcollate_tui import __version__
from dbtcollate_tui.events import types as events
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import EngineName, SyncEvent
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history.entries import entry_of, log_text, plan_text, stored_change, stored_settings
from dbtcollate_tui.history.ledger import lines_of, note_written
from dbtcollate_tui.history.records import (
    Failure,
    HistoryRecord,
    LogEntry,
    RecordAction,
    StoredChange,
    StoredPlan,
    VerificationLine,
    log_path,
    new_id,
    plan_path,
    prune,
    record_path,
)
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.plan.explanation.coverage import after
from dbtcollate_tui.plan.model import Plan, RunFacts
from dbtcollate_tui.plan.pipeline import PipelinePlan
from dbtcollate_tui.printable import json_safe
from dbtcollate_tui.private_files import make_file
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.files import private_folder, write_private
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore

PLAN_BYTES = 16_000_000
LOG_LINES = 50_000
FAILURES = 100
FLUSH_LINES = 500
FLUSH_SECONDS = 0.25


class Recorder:
    """One run's record, and what of it may be removed one day (`written`).

    Nothing that it cannot write stops the run: it is stated in the log file and in ``not_kept``.

    ``compared`` and ``run`` are set by an engine that knows more than its events tell.
    """

    def __init__(
        self, state: StateStore, profile: Profile, engine: EngineName, action: RecordAction = "sync"
    ) -> None:
        started = datetime.now(UTC)
        self.compared: Plan | None = None
        self.run: RunFacts | None = None
        self._state = state
        self._profile = profile
        self._record = HistoryRecord(
            id=new_id(action, started),
            profile=profile.name,
            action=action,
            at=started.isoformat(timespec="seconds"),
            outcome="running",
            engine=engine,
            server=profile.collate.base_url,
            service=profile.collate.service,
            version=__version__,
        )
        self._started = started
        self._failures: list[Failure] = []
        self._written: Counter[str] = Counter()
        self._applied: set[str] = set()
        self._lines: list[LogEntry] = []
        self._notes: list[Mapping[str, object]] = []
        self._lines_kept = 0
        self._writing: asyncio.Task[None] | None = None
        self._writing_record = threading.Lock()
        self._flushed = time.monotonic()
        self._ended = False
        self.not_kept = ""

    @property
    def record(self) -> HistoryRecord:
        """The record so far."""
        return self._record

    async def begin(self, plan: Plan | PipelinePlan | None = None) -> None:
        """Make the record, so that a run which is killed leaves one too, and remove what is too old."""
        if plan is not None:
            self._know(plan)
        await asyncio.to_thread(self._begin)
        if plan is not None:
            await self._keep_plan(plan)

    async def take(self, event: SyncEvent) -> None:
        """Record one event; the last one ends the record."""
        match event:
            case events.PlanReady() | events.PipelinePlanReady():
                self._know(event.plan)
                await self._keep_plan(event.plan)
            case events.Applied():
                self._written[event.change.kind] += 1
                self._applied.add(event.change.key)
                if self.compared is not None:
                    self._notes += lines_of(event.change, self.compared.project_name)
            case events.Failed():
                self._fail(event)
            case _:
                pass
        entry = entry_of(event)
        if entry is not None:
            self._line(
                entry, always=entry.level in ("warn", "error") or isinstance(event, events.RunFinished)
            )
        if isinstance(event, events.RunFinished):
            self._end(event)
            await self.plan_written()
            await asyncio.to_thread(self._flush)
            return
        now = time.monotonic()
        if len(self._lines) >= FLUSH_LINES or now - self._flushed >= FLUSH_SECONDS:
            self._flushed = now
            await asyncio.to_thread(self._append, self._taken_lines(), self._taken_notes())

    async def plan_written(self) -> None:
        """Wait for the plan's file, which is written while the sync goes on."""
        if self._writing is not None:
            await self._writing
            self._writing = None

    def abandon(self) -> None:
        """End the record of a run that was closed before its last event, such as by a signal."""
        if not self._ended:
            seconds = (datetime.now(UTC) - self._started).total_seconds()
            self._ended = True
            self._record = replace(
                self._record,
                outcome="cancelled",
                seconds=round(seconds, 1),
                text="It was interrupted.",
                written=self._written.total(),
                written_by_kind=dict(self._written),
                failed=sum(not failure.unsure for failure in self._failures),
                unsure=sum(failure.unsure for failure in self._failures),
                failures=tuple(self._failures[:FAILURES]),
            )
            self._flush()

    def _fail(self, event: events.Failed) -> None:
        change, error = event.change, event.error
        if event.retracts and change is not None:
            self._written[change.kind] -= 1
            self._applied.discard(change.key)
        self._failures.append(
            Failure(
                key=change.key if change is not None else "",
                kind=change.kind if change is not None else "run",
                label=change.label if change is not None else "the run",
                title=error.title,
                causes=error.causes if event.repeats == 0 else (),
                unsure=event.unsure,
                table=change.table_fqn if change is not None else "",
            )
        )

    def _end(self, event: events.RunFinished) -> None:
        counts: Counts = event.counts
        match = self.compared.match if self.compared is not None else None
        self._know_run()
        verification = event.verification.rows if event.verification is not None else ()
        self._ended = True
        self._record = replace(
            self._record,
            outcome=event.outcome,
            seconds=round(event.seconds, 1),
            text=event.text,
            planned=counts.planned,
            written=counts.written,
            partly=counts.partly,
            unsure=counts.unsure,
            failed=counts.failed,
            skipped=counts.skipped,
            cancelled=counts.cancelled,
            unchanged=counts.unchanged,
            matched=len(match.matched) if match is not None else 0,
            expected=match.expected if match is not None else 0,
            written_by_kind=dict(+self._written),
            coverage=after(self.compared, self._applied) if self.compared is not None else {},
            failures=tuple(self._failures[:FAILURES]),
            verification=tuple(
                VerificationLine(row.id, row.title, row.state, row.summary) for row in verification
            ),
        )

    def _know(self, plan: Plan | PipelinePlan) -> None:
        if isinstance(plan, Plan):
            self.compared = plan
            kinds = Counter(change.kind for change in plan.changes)
        else:
            kinds = Counter(setting=len(plan.changes))
        self.run = plan.run or self.run
        self._record = replace(self._record, planned_by_kind=dict(+kinds), planned=kinds.total())
        self._know_run()

    def _know_run(self) -> None:
        if self.run is not None:
            self._record = replace(
                self._record,
                run_id=self.run.id,
                run_url=self.run.url,
                job_name=self.run.job_name,
                run_finished_at=self.run.finished_at,
            )

    async def _keep_plan(self, plan: Plan | PipelinePlan) -> None:
        await self.plan_written()
        self._writing = asyncio.create_task(asyncio.to_thread(self._write_plan, plan))

    def _line(self, entry: LogEntry, *, always: bool) -> None:
        if self._lines_kept >= LOG_LINES and not (always and self._lines_kept < 2 * LOG_LINES):
            return
        self._lines_kept += 1
        if self._lines_kept == LOG_LINES and not always:
            entry = replace(
                entry, level="warn", text=f"{LOG_LINES} lines; from here only warnings and errors."
            )
        self._lines.append(entry)

    def _taken_lines(self) -> list[LogEntry]:
        taken, self._lines = self._lines, []
        return taken

    def _begin(self) -> None:
        with self._noting():
            private_folder(self._state.folder)
            private_folder(self._state.folder_of(self._record.profile))
            private_folder(self._state.history_folder(self._record.profile))
            prune(self._state, self._record.profile)
        self._write_record()

    def _flush(self) -> None:
        self._append(self._taken_lines(), self._taken_notes())
        self._write_record()

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """What cannot be written stops nothing: it is noted, and said in the log file."""
        try:
            yield
        except OSError as error:
            self.not_kept = self.not_kept or (error.strerror or type(error).__name__)
            LOGGER.warning("a record of the history could not be written: %s", error)

    def _taken_notes(self) -> list[Mapping[str, object]]:
        taken, self._notes = self._notes, []
        return taken

    def _append(self, lines: Sequence[LogEntry], notes: Sequence[Mapping[str, object]]) -> None:
        with self._noting():
            note_written(self._state, self._profile, notes)
        with self._noting():
            path = log_path(self._state, self._record)
            make_file(path)
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(log_text(lines))

    def _write_record(self) -> None:
        with self._noting(), self._writing_record:
            text = json.dumps(self._record.as_dict(), ensure_ascii=False, indent=1)
            write_private(record_path(self._state, self._record), json_safe(redact(text)) + "\n")

    def _write_plan(self, plan: Plan | PipelinePlan) -> None:
        with self._noting():
            if isinstance(plan, Plan):
                stored: Iterable[StoredChange] = (stored_change(change) for change in plan.changes)
                count = len(plan.changes)
            else:
                stored, count = stored_settings(plan), len(plan.changes)

            head = StoredPlan(plan.summary(), notes=tuple(plan.notes), left_out=count)
            write_private(plan_path(self._state, self._record), plan_text(stored, head, PLAN_BYTES))
        self._write_record()


async def recorded(
    stream: AsyncGenerator[SyncEvent, None],
    recorder: Recorder,
    plan: Plan | PipelinePlan | None = None,
    *,
    before_the_end: Callable[[Recorder], object] | None = None,
) -> AsyncGenerator[SyncEvent, None]:
    """The same events, each kept first. ``plan`` is one that was made before the stream began."""
    await recorder.begin(plan)
    try:
        async with contextlib.aclosing(stream):
            async for event in stream:
                if isinstance(event, events.RunFinished) and before_the_end is not None:
                    before_the_end(recorder)
                await recorder.take(event)
                yield _with_loss(event, recorder.not_kept)
    finally:
        recorder.abandon()


def _with_loss(event: SyncEvent, not_kept: str) -> SyncEvent:
    """The last event says that the record is not whole, and is then no success; others are unchanged."""
    if not isinstance(event, events.RunFinished) or not not_kept:
        return event
    ok = event.exit_code is ExitCode.OK
    return replace(
        event,
        outcome="partial" if event.outcome == "ok" else event.outcome,
        exit_code=ExitCode.PARTIAL if ok else event.exit_code,
        text=f"{event.text} The history has no whole record of it: {not_kept}.",
        not_kept=not_kept,
    )


@contextlib.contextmanager
def told_in_the_log() -> Iterator[None]:
    """What cannot be written stops nothing: it is stated in the log file."""
    try:
        yield
    except OSError as error:
        LOGGER.warning("a record of the history could not be written: %s", error)
