"""The one running sync: owned by the app, so that it outlives the screen that began it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from dbtcollate_tui.tui.messages import EventsArrived

if TYPE_CHECKING:
    from dbtcollate_tui.events.types import SyncEvent
    from dbtcollate_tui.plan.model import Plan
    from dbtcollate_tui.plan.pipeline import PipelinePlan
    from dbtcollate_tui.sync.retry import Leftover
    from dbtcollate_tui.tui.protocols import OwningApp
    from dbtcollate_tui.tui.session import ProfileSession
    from dbtcollate_tui.tui.sync_run import SyncRun

LAST_WRITES_SECONDS = 12.0
"""How long leaving waits for a cancelled sync's writes that are under way."""


class Running:
    """Starts an engine in a worker of the app, sends its events to every screen, and lets it end in order.

    ``run`` is the running sync, or the last one.
    """

    def __init__(self, app: "OwningApp") -> None:
        self._app = app
        self.run: SyncRun | None = None

    @property
    def is_running(self) -> bool:
        """Whether a sync is running."""
        return self.run is not None and self.run.finished is None

    def start(
        self,
        title: str,
        start: "Callable[[asyncio.Event], AsyncIterator[SyncEvent]]",
        plan: "Plan | None" = None,
        left: "Leftover | None" = None,
    ) -> "SyncRun":
        """Run the direct engine; ``plan`` is what it writes, ``left`` gathers what of it stays to be done."""
        from dbtcollate_tui.tui.sync_run import SyncRun

        return self._own(SyncRun(title, start, self._deliver, plan, left))

    def start_pipeline(self, session: "ProfileSession", plan: "PipelinePlan", *, trigger: bool) -> "SyncRun":
        """Deploy the pipeline in Collate, and with ``trigger`` run and follow it there."""
        from dbtcollate_tui.tui.sync_run import SyncRun

        run = SyncRun(
            session.profile.name,
            lambda cancel: session.run_pipeline(
                plan, cancel, trigger=trigger, kill_on_cancel=lambda: run.stop_in_collate
            ),
            self._deliver,
            in_collate=True,
        )
        return self._own(run)

    def retry(self, run: "SyncRun") -> "SyncRun | None":
        """Write what an ended direct run did not write; ``None`` where there is nothing."""
        session = self._app.session
        if session is None or not run.can_retry or self.is_running:
            return None
        from dbtcollate_tui.sync.retry import Leftover

        left = run.left
        rest = Leftover(left.plan, left.unwritten, left.written)
        return self.start(run.title, lambda cancel: session.retry(left, cancel), run.plan, rest)

    def _own(self, run: "SyncRun") -> "SyncRun":
        self.run = run
        self._app.run_worker(run.drain(), group="sync", exclusive=True, exit_on_error=False)
        return run

    def _deliver(self, run: "SyncRun", events: "list[SyncEvent]") -> None:
        for screen in self._app.screen_stack:
            screen.post_message(EventsArrived(run, events))
        if run.finished is not None:
            self._app.call_later(self._after)

    async def _after(self) -> None:
        if self._app.session is not None:
            await self._app.session.recall_syncs()
            self._app.start_checks()

    async def end(self) -> None:
        """Cancel the sync where one is running, and wait for the writes that are under way."""
        run = self.run
        if run is None or not self.is_running:
            return
        run.cancel()
        self._app.notify("Cancelling the sync; writes in progress finish first.", timeout=LAST_WRITES_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WRITES_SECONDS):
                await run.ended.wait()
