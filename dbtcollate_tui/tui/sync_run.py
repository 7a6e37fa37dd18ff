"""The one place where a sync's events become messages: one worker, owned by the app, events in batches."""

import asyncio
from collections.abc import AsyncIterator, Callable

from dbtcollate_tui.events.types import (
    Applied,
    LogLine,
    PhaseStarted,
    PlanReady,
    Progress,
    RunFinished,
    SyncEvent,
    Waiting,
)
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.sync.retry import Leftover

BATCH_SECONDS = 0.05
BATCH_AT_MOST = 150
"""Events that a screen takes in at once, so that a key pressed meanwhile does not wait for thousands."""
WAITING_AT_MOST = 1_000
KEPT_AT_MOST = 5_000
BULK = (Applied, Progress, Waiting, LogLine)
"""Events of which only the latest are kept."""


class SyncRun:
    """Drains one engine's events; keeps the latest of them for a screen that comes later.

    ``plan`` is what it writes; ``in_collate`` says that Collate's workers do the writing; ``ended`` is set
    once its last event was handed over. ``left`` is what it did not write; ``amount`` says in words how far
    it is.

    ``deliver`` gets a batch at most twenty times a second. `cancel` asks the engine to stop between two
    writes; its last events still arrive.
    """

    def __init__(
        self,
        title: str,
        start: Callable[[asyncio.Event], AsyncIterator[SyncEvent]],
        deliver: "Callable[[SyncRun, list[SyncEvent]], object]",
        plan: Plan | None = None,
        left: Leftover | None = None,
        *,
        in_collate: bool = False,
    ) -> None:
        self.title = title
        self.plan = plan
        self.history: list[SyncEvent] = []
        self.finished: RunFinished | None = None
        self.left = left if left is not None else Leftover(plan)
        self.amount = ""
        self.ended = asyncio.Event()
        self._start = start
        self._deliver = deliver
        self._cancel = asyncio.Event()
        self.in_collate = in_collate
        self.stop_in_collate = False

    @property
    def can_retry(self) -> bool:
        """Whether it has ended and left something unwritten that can be written from here."""
        return self.finished is not None and self.left.plan is not None and bool(self.left.unwritten)

    @property
    def cancelling(self) -> bool:
        """Whether a cancel was asked for."""
        return self._cancel.is_set()

    def cancel(self, *, in_collate: bool = False) -> None:
        """Ask the engine to stop, and with ``in_collate`` the run on the server too."""
        self.stop_in_collate = in_collate
        self._cancel.set()

    async def drain(self) -> None:
        """Run the engine to its end, handing its events over in batches."""
        queue: asyncio.Queue[SyncEvent | None] = asyncio.Queue(WAITING_AT_MOST)

        async def fill() -> None:
            async for event in self._start(self._cancel):
                await queue.put(event)
            await queue.put(None)

        async with asyncio.TaskGroup() as group:
            group.create_task(fill())
            ended = False
            while not ended:
                batch = [await queue.get()]
                await asyncio.sleep(BATCH_SECONDS)
                while not queue.empty() and len(batch) < BATCH_AT_MOST:
                    batch.append(queue.get_nowait())
                ended = None in batch
                self._hand_over([event for event in batch if event is not None])

    def _hand_over(self, batch: list[SyncEvent]) -> None:
        if not batch:
            return
        self.history.extend(batch)
        for event in batch:
            self.left.take(event)
            if isinstance(event, PlanReady):
                self.plan = event.plan
            elif isinstance(event, Progress) and event.total:
                self.amount = f"{event.phase} {event.done:,} of {event.total:,}"
            elif isinstance(event, PhaseStarted):
                self.amount = event.phase
        if len(self.history) > KEPT_AT_MOST:
            recent = len(self.history) - KEPT_AT_MOST // 2
            old = [event for event in self.history[:recent] if not isinstance(event, BULK)]
            self.history = [*old, *self.history[recent:]]
        if isinstance(batch[-1], RunFinished):
            self.finished = batch[-1]
            self.ended.set()
        self._deliver(self, batch)
