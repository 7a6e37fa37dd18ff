"""Work that emits events, as one asynchronous stream: never silent, cancellable, always ended."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import cast

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts, Outcome
from dbtcollate_tui.events.speed import Speed
from dbtcollate_tui.events.types import (
    Cancelled,
    Event,
    Failed,
    Phase,
    PhaseFinished,
    PhaseStarted,
    Progress,
    Retrying,
    RunFinished,
    Sequencer,
    SyncEvent,
    Waiting,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import RETRY, Copy
from dbtcollate_tui.gc_tuning import seldom_collected
from dbtcollate_tui.log import LOGGER, log_path
from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.pacing import Retrying as TransportRetrying

SILENCE_SECONDS = 2.0
"""After so long without an event the stream says what is waited for."""
SETTLE_SECONDS = 0.9
"""How long after a cancel work that writes may take to settle its account; then it is cut off."""
PROGRESS_SECONDS = 0.1


class EventEmitter:
    """Takes a run's events, numbers them, and knows what is being done."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[SyncEvent | None] = asyncio.Queue()
        self.started = time.monotonic()
        self.doing = "starting"
        self.phase: Phase = "run"
        self.open_phase: Phase | None = None
        self.counts: Callable[[], Counts] = Counts
        self.account: Callable[[], str] = str
        self.waits: Callable[[], tuple[str, float] | None] = lambda: None
        self.listeners: list[Callable[[Event], object]] = []
        self._sequencer = Sequencer()
        self.cancel_told = False
        self._last_progress = 0.0
        self._speed = Speed()

    def __call__(self, event: Event) -> None:
        """Put one event into the stream; progress gets its rate."""
        if isinstance(event, PhaseStarted):
            self.phase = self.open_phase = event.phase
            self.doing = event.text
        elif isinstance(event, PhaseFinished):
            self.open_phase = None
        elif isinstance(event, Progress):
            event = self._speed.measured(event, time.monotonic())
            self.doing = event.text or self.doing
        elif isinstance(event, Cancelled):
            self.cancel_told = True
        stamped = self._sequencer.stamp(event)
        for listener in self.listeners:
            listener(stamped)
        self.queue.put_nowait(cast("SyncEvent", stamped))

    def progress(self, phase: Phase, done: int, total: int | None, unit: str, text: str = "") -> None:
        """Tell progress, at most ten times a second; the last of a phase's kind is never left out."""
        now = time.monotonic()
        if done == total or now - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = now
            self(Progress(phase=phase, done=done, total=total, unit=unit, text=text))

    def retrying(self, what: TransportRetrying) -> None:
        """Tell that a request is sent again."""
        record = what.record
        self(
            Retrying(
                what=f"{record.method} {record.host}{record.path}",
                attempt=what.attempt,
                wait_seconds=what.wait_seconds,
                reason=what.reason,
            )
        )

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def waiting(self, seconds: float) -> SyncEvent:
        """The event for a silence of this many seconds: the longest read, else what is done."""
        what, waited = self.waits() or (self.doing, seconds)
        return self._sequencer.stamp(Waiting(what=what, seconds=waited))


Work = Callable[[EventEmitter], Awaitable[RunFinished]]
OnRetry = Callable[[TransportRetrying], None]


@contextlib.contextmanager
def retries_told(emitter: EventEmitter, *transports: Transport) -> Iterator[None]:
    """While it lasts, retries of these connections are reported as events too."""
    before = [transport.on_retry for transport in transports]
    for transport, former in zip(transports, before, strict=True):

        def both(what: TransportRetrying, former: OnRetry | None = former) -> None:
            if former is not None:
                former(what)
            emitter.retrying(what)

        transport.on_retry = both
    try:
        yield
    finally:
        for transport, former in zip(transports, before, strict=True):
            transport.on_retry = former


async def stream(
    work: Work, cancel: asyncio.Event, title: str, *, settle_seconds: float = SETTLE_SECONDS
) -> AsyncGenerator[SyncEvent, None]:
    """Run ``work`` and give its events; the last one is `RunFinished`, whatever happens.

    ``cancel`` ends the work: at once, or where it writes, after ``settle_seconds`` for its account.
    Closing the stream ends the work without a word.
    """
    emitter = EventEmitter()
    task = asyncio.create_task(_guarded(work, emitter, cancel, title))
    stopper = asyncio.create_task(_stop_on(cancel, emitter, task, settle_seconds))
    silent_since = time.monotonic()
    try:
        while True:
            try:
                event = emitter.queue.get_nowait()
            except asyncio.QueueEmpty:
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        event = await emitter.queue.get()
                except TimeoutError:
                    yield emitter.waiting(time.monotonic() - silent_since)
                    continue
            if event is None:
                return
            silent_since = time.monotonic()
            yield event
    finally:
        stopper.cancel()
        task.cancel()
        await asyncio.gather(task, stopper, return_exceptions=True)


async def _stop_on(
    cancel: asyncio.Event, emitter: EventEmitter, task: "asyncio.Task[None]", settle_seconds: float
) -> None:
    await cancel.wait()
    if emitter.phase == "write" and emitter.open_phase is not None:
        await asyncio.sleep(settle_seconds)
    task.cancel()


async def _guarded(work: Work, emitter: EventEmitter, cancel: asyncio.Event, title: str) -> None:
    try:
        with seldom_collected():
            finished = await work(emitter)
    except asyncio.CancelledError:
        if not cancel.is_set():
            raise
        if emitter.open_phase is not None:
            emitter(PhaseFinished(phase=emitter.open_phase, text="cancelled", level="warn"))
        account = emitter.account()
        said = f"cancelled: {account}" if account else f"{title} cancelled while {emitter.doing}"
        if not emitter.cancel_told:
            emitter(Cancelled(text=said))
        finished = _ended(emitter, "cancelled", ExitCode.INTERRUPTED, account or "cancelled")
    except ActionableError as error:
        finished = _failure(emitter, error)
    except Exception as error:  # noqa: BLE001 - logged whole, reported, and ends the run
        LOGGER.exception("%s failed with an internal error", title)
        card = ActionableError(
            f"{title} failed with an internal error: {type(error).__name__}",
            causes=["This is a bug in dbtcollate, not in dbt Cloud or Collate."],
            evidence=[f"Details are in the log: {log_path()}"],
            fixes=[RETRY, Copy("Copy the path of the log", str(log_path()))],
            exit_code=ExitCode.INTERNAL,
        )
        finished = _failure(emitter, card)
    emitter(finished)
    emitter.queue.put_nowait(None)


def _failure(emitter: EventEmitter, error: ActionableError) -> RunFinished:
    if emitter.open_phase is not None:
        emitter(PhaseFinished(phase=emitter.open_phase, text=error.title, level="failed"))
    emitter(Failed(error=error))
    return _ended(emitter, "failed", error.exit_code, error.title)


def _ended(emitter: EventEmitter, outcome: Outcome, exit_code: ExitCode, text: str) -> RunFinished:
    """The last event of a run that did not come to its end."""
    return RunFinished(
        outcome=outcome,
        counts=emitter.counts(),
        exit_code=exit_code,
        text=text,
        seconds=emitter.seconds,
    )
