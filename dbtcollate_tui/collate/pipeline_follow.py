"""Following a run of an ingestion pipeline: state, log lines, counts, as typed updates."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dbtcollate_tui.collate.errors import CollateError, ForbiddenError, explain
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import IngestionPipeline, PipelineStatus, ProgressUpdate, StepSummary
from dbtcollate_tui.collate.pipeline_logs import LogPages, StreamEnd, read_stream
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.collate.server_words import CollateSays, collate_says
from dbtcollate_tui.collate.sse import server_events
from dbtcollate_tui.errors import ActionableError, AuthError, UnreachableError
from dbtcollate_tui.fixes import RETRY, Advice
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport.errors import HttpError, TransportError

LogWay = Literal["stream", "poll"]
UNREACHABLE_SECONDS = 120.0
START_SECONDS = 600.0
LOOKS_AT_LOG = 5
"""A run that has not reported itself: its log is read at every this many polls of its status."""
LAST_LINES = 5
STREAM_TRIES = 4
SETTLED_LOOKS = 2
"""A completed run is read this many times more: servers before 2.0 report a success, and then a failure
(OpenMetadata issue 20256)."""


@dataclass(frozen=True, slots=True)
class StateUpdate:
    """The run's state, given when it changes."""

    run: PipelineStatus


@dataclass(frozen=True, slots=True)
class StepsUpdate:
    """The counts of the run's steps, given when they change."""

    steps: tuple[StepSummary, ...]


@dataclass(frozen=True, slots=True)
class LogUpdate:
    """New lines of the run's log, secrets removed, and which way they came."""

    lines: tuple[str, ...]
    way: LogWay


@dataclass(frozen=True, slots=True)
class ProgressTold:
    """How far the run is, where the server streams it."""

    progress: ProgressUpdate


@dataclass(frozen=True, slots=True)
class NoteUpdate:
    """Something about the following itself: no log to be had, a stream given up, a server out of reach."""

    text: str


@dataclass(frozen=True, slots=True)
class WaitingUpdate:
    """Nothing new: what is waited for, and for how many seconds by now."""

    what: str
    seconds: float


@dataclass(frozen=True, slots=True)
class EndedUpdate:
    """The run has ended; always the last update."""

    run: PipelineStatus


PipelineUpdate = (
    StateUpdate | StepsUpdate | LogUpdate | ProgressTold | NoteUpdate | WaitingUpdate | EndedUpdate
)


def follow(
    pipelines: IngestionPipelines,
    pipeline: IngestionPipeline,
    run_id: str | None = None,
    *,
    known_runs: Sequence[str] = (),
    poll_seconds: float = 2.0,
    quiet_seconds: float = 3.0,
) -> AsyncGenerator[PipelineUpdate, None]:
    """Follow a run until it ends: its state, log lines and counts; closing the iterator stops it.

    Without ``run_id`` the latest run is followed that is not among ``known_runs``. Something comes at
    least every ``quiet_seconds``. Logs by server-sent events where the server streams them, else polled.
    """
    return _Follower(
        pipelines,
        pipeline,
        run_id,
        known_runs=known_runs,
        poll_seconds=poll_seconds,
        quiet_seconds=quiet_seconds,
    ).updates()


async def trigger_and_follow(
    pipelines: IngestionPipelines,
    pipeline: IngestionPipeline,
    *,
    poll_seconds: float = 2.0,
    quiet_seconds: float = 3.0,
    patience_seconds: float = 60.0,
    pause_seconds: float = 5.0,
) -> AsyncGenerator[PipelineUpdate, None]:
    """Trigger a run and follow it until it ends; the last update is an `EndedUpdate`."""
    known = [run.runId for run in await pipelines.statuses(pipeline.fullyQualifiedName)]
    started = time.monotonic()
    trigger = asyncio.create_task(
        pipelines.trigger(pipeline, patience_seconds=patience_seconds, pause_seconds=pause_seconds)
    )
    try:
        while not trigger.done():
            done, _ = await asyncio.wait({trigger}, timeout=quiet_seconds)
            if not done:
                yield WaitingUpdate("Collate to take the run", time.monotonic() - started)
        run_id = trigger.result()
    finally:
        trigger.cancel()
    updates = follow(
        pipelines,
        pipeline,
        run_id,
        known_runs=known,
        poll_seconds=poll_seconds,
        quiet_seconds=quiet_seconds,
    )
    async with contextlib.aclosing(updates):
        async for update in updates:
            yield update


class _Follower:
    """One run being followed; `updates` may be used once."""

    def __init__(
        self,
        pipelines: IngestionPipelines,
        pipeline: IngestionPipeline,
        run_id: str | None,
        *,
        known_runs: Sequence[str],
        poll_seconds: float,
        quiet_seconds: float,
        log_grace_seconds: float = 15.0,
    ) -> None:
        self._pipelines = pipelines
        self._client = pipelines.client
        self._pipeline = pipeline
        self._run_id = run_id
        self._known = frozenset(known_runs)
        self._poll = poll_seconds
        self._quiet = quiet_seconds
        self._grace = log_grace_seconds
        self._queue: asyncio.Queue[PipelineUpdate | Exception | None] = asyncio.Queue(maxsize=1000)
        self._found = asyncio.Event()
        self._over = asyncio.Event()
        self._run: PipelineStatus | None = None
        self._notes: set[str] = set()
        self._lines = 0
        self._last_line_at = time.monotonic()

    async def updates(self) -> AsyncGenerator[PipelineUpdate, None]:
        """The updates until the run has ended and its log is read."""
        started = time.monotonic()
        if self._run_id is not None:
            self._found.set()
        tasks = [
            asyncio.create_task(self._guarded(work))
            for work in (
                self._watch_status(),
                self._watch_logs(),
                self._watch_progress(),
                self._watch_start(),
            )
        ]
        ended: PipelineStatus | None = None
        open_ends = 2
        try:
            while ended is None or open_ends:
                try:
                    async with asyncio.timeout(self._quiet):
                        item = await self._queue.get()
                except TimeoutError:
                    waited = time.monotonic() - started
                    if self._run is None and waited > START_SECONDS:
                        raise self._never_started(waited) from None
                    yield WaitingUpdate(self._waited_for(), waited)
                    continue
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    open_ends -= 1
                elif isinstance(item, EndedUpdate):
                    ended = item.run
                else:
                    yield item
            yield EndedUpdate(ended)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001
            await self._queue.put(error)

    def _never_started(self, waited: float) -> ActionableError:
        return ActionableError(
            "Collate accepted the run, but has not started it",
            causes=[
                "The pipeline service is busy or down.",
                "The pipeline is paused there, or its last deploy failed.",
            ],
            evidence=[f"no new run of {self._pipeline.fullyQualifiedName} after {waited:.0f} s"],
            fixes=[RETRY, Advice("Deploy the pipeline again, then run it.")],
        )

    async def _watch_start(self) -> None:
        """Read the log of a run that reports nothing, and raise where it shows that the run has died.

        A log that was there before belongs to an earlier run, and one that still grows to a run at work.
        """
        former = await self._last_log() if self._known else ""
        before = ""
        while self._run is None and not self._over.is_set():
            await asyncio.sleep(LOOKS_AT_LOG * self._poll)
            if self._run is not None:
                return
            text = await self._last_log()
            if self._run is not None or not text or text == former:
                continue
            if text == before and CollateSays.RUN_DIED in collate_says(text):
                raise self._died(text)
            before = text

    async def _last_log(self) -> str:
        try:
            return "\n".join(await LogPages(self._client, self._pipeline).read(flush=True))
        except (CollateError, ForbiddenError, UnreachableError):
            return ""

    def _died(self, log: str) -> ActionableError:
        lines = [line.strip() for line in redact(log).splitlines() if line.strip()]
        return ActionableError(
            "The run ended in Collate before it reported anything",
            causes=["The ingestion runner failed at its start; its log says why."],
            evidence=lines[-LAST_LINES:],
            fixes=[RETRY, Advice("Show these lines to the people who run Collate's ingestion runner.")],
        )

    def _waited_for(self) -> str:
        if self._run is None:
            return "Collate to start the run"
        if self._run.is_final:
            return "the rest of the log"
        return f"the run, {self._run.pipelineState}"

    async def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.add(text)
            await self._queue.put(NoteUpdate(text))

    async def _watch_status(self) -> None:
        silent_since: float | None = None
        looks_left = SETTLED_LOOKS
        try:
            while True:
                try:
                    run = await self._read_status()
                    silent_since = None
                except ActionableError as error:
                    if self._run is not None and self._run.is_final:
                        await self._end(self._run)
                        return
                    if isinstance(error, AuthError) or not isinstance(error, UnreachableError | CollateError):
                        raise
                    now = time.monotonic()
                    silent_since = silent_since if silent_since is not None else now
                    if now - silent_since > UNREACHABLE_SECONDS:
                        raise
                    await self._note(error.title)
                    run = None
                if run is not None:
                    looks_left = await self._tell(run, looks_left)
                    if not looks_left:
                        await self._end(run)
                        return
                await asyncio.sleep(self._poll)
        finally:
            self._over.set()

    async def _end(self, run: PipelineStatus) -> None:
        await self._queue.put(EndedUpdate(run))
        await self._queue.put(None)

    async def _read_status(self) -> PipelineStatus | None:
        fqn = self._pipeline.fullyQualifiedName
        runs = await self._pipelines.statuses(fqn)
        if self._run_id is not None:
            return next((run for run in runs if run.runId == self._run_id), None) or (
                await self._pipelines.status(fqn, self._run_id)
            )
        found = next((run for run in runs if run.runId not in self._known), None)
        if found is not None:
            self._run_id = found.runId
            self._found.set()
        return found

    async def _tell(self, run: PipelineStatus, looks_left: int) -> int:
        """Queue what is new in ``run``; how many more times a completed run is read, 0 for the last."""
        before = self._run
        self._run = run
        if before is None or before.pipelineState != run.pipelineState:
            await self._queue.put(StateUpdate(run))
        if run.status and (before is None or before.status != run.status):
            await self._queue.put(StepsUpdate(run.status))
        if not run.is_final:
            return SETTLED_LOOKS
        self._over.set()
        unchanged = before is not None and before.pipelineState == run.pipelineState
        return looks_left - 1 if unchanged else SETTLED_LOOKS

    async def _watch_logs(self) -> None:
        try:
            await self._found.wait()
            if not (self._client.dialect.streams_logs and await self._stream_while_running()):
                await self._poll_logs()
        except ForbiddenError as error:
            await self._note(f"No log available: {error.title}")
        await self._queue.put(None)

    async def _stream_while_running(self) -> bool:
        """`_stream_logs`, ended from here where the run is over and the stream stays open in silence."""
        stream = asyncio.create_task(self._stream_logs())
        try:
            while not stream.done():
                await asyncio.wait({stream}, timeout=min(self._poll, 1.0))
                quiet = time.monotonic() - self._last_line_at
                if self._over.is_set() and quiet > self._grace and not stream.done():
                    return self._lines > 0
            return stream.result()
        finally:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)

    async def _stream_logs(self) -> bool:
        """Take the log from the stream; false where it has to be polled."""
        cursor: str | None = None
        failures = 0
        path = (
            f"/services/ingestionPipelines/logs/{path_segment(self._pipeline.fullyQualifiedName)}"
            f"/stream/{path_segment(self._run_id or '')}"
        )
        while failures < STREAM_TRIES:
            end = StreamEnd()
            before = cursor
            try:
                params = {} if cursor is None else {"after": cursor}
                async with self._client.transport.lines(path, params=params) as lines:
                    async for text in read_stream(lines, end):
                        if end.reset:
                            await self._note("The server could not resume the log; some lines appear twice.")
                        await self._tell_lines(text.splitlines(), "stream")
                        cursor = end.cursor if end.cursor is not None else cursor
            except HttpError:
                return False
            except TransportError as error:
                end.message = explain(error, doing="stream the log").title
            cursor = end.cursor if end.cursor is not None else cursor
            if end.finished:
                return True
            if end.refused:
                if end.message:
                    await self._note(f"No live log: {redact(end.message)}")
                return False
            failures = failures + 1 if cursor == before else 0
            await asyncio.sleep(min(self._poll * 2**failures, 30.0))
        await self._note("The log's stream was interrupted repeatedly; it is polled from now on.")
        return False

    async def _poll_logs(self) -> None:
        pages = LogPages(self._client, self._pipeline, skip_lines=self._lines)
        reads_after_end = 0
        while reads_after_end < 2:
            if self._over.is_set():
                reads_after_end += 1
                await asyncio.sleep(min(self._poll, 1.0) if reads_after_end == 2 else 0)
            try:
                lines = await pages.read(flush=self._over.is_set())
            except AuthError:
                raise
            except ActionableError as error:
                await self._note(f"No log available: {error.title}")
                lines = []
            await self._tell_lines(lines, "poll")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._over.wait()

    async def _tell_lines(self, lines: Sequence[str], way: LogWay) -> None:
        if lines:
            self._lines += len(lines)
            self._last_line_at = time.monotonic()
            await self._queue.put(LogUpdate(tuple(redact(line) for line in lines), way))

    async def _watch_progress(self) -> None:
        await self._found.wait()
        if not self._client.dialect.tracks_progress:
            return
        path = (
            f"/services/ingestionPipelines/progress/{path_segment(self._pipeline.fullyQualifiedName)}"
            f"/stream/{path_segment(self._run_id or '')}"
        )
        with contextlib.suppress(TransportError):
            async with self._client.transport.lines(path) as lines:
                async for event in server_events(lines):
                    body = event.values()
                    if body is not None and "updateType" in body:
                        await self._queue.put(ProgressTold(ProgressUpdate.model_validate(body)))
