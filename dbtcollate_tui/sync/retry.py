"""What a sync could not write, or did not come to, tried again on demand."""

from collections.abc import AsyncGenerator, Collection

from dbtcollate_tui.events.types import Applied, Event, Failed, PlanReady, RunFinished, Skipped, SyncEvent
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine


class Leftover:
    """Gathers from a sync's events what it wrote and what it could not write; give it every event.

    ``chosen`` are the keys of the changes that it is to write, ``None`` for all of its plan; ``written`` are
    those that runs before it wrote.
    """

    def __init__(
        self,
        plan: Plan | None = None,
        chosen: Collection[str] | None = None,
        written: Collection[str] = (),
    ) -> None:
        self.plan = plan
        self.written = set(written)
        self.failed: set[str] = set()
        self._chosen = chosen
        self._cancelled = False

    @property
    def unwritten(self) -> frozenset[str]:
        """The keys of what failed or was skipped; after a cancel of all that is not known to be written."""
        if self.plan is None or not self._cancelled:
            return frozenset(self.failed)
        chosen = self._chosen
        keys = (change.key for change in self.plan.changes) if chosen is None else chosen
        return frozenset(keys) - self.written

    def take(self, event: Event) -> None:
        """Take one event of the sync into account."""
        if isinstance(event, PlanReady):
            self.plan = event.plan
        elif isinstance(event, Applied):
            self.written.add(event.change.key)
            self.failed.discard(event.change.key)
        elif isinstance(event, Failed | Skipped) and event.change is not None:
            self.failed.add(event.change.key)
            self.written.discard(event.change.key)
        elif isinstance(event, RunFinished):
            self._cancelled = event.outcome == "cancelled"


def retry_direct(
    engine: Engine, left: Leftover, *, plan_again: bool = True, scope: Scope = WHOLE
) -> AsyncGenerator[SyncEvent, None]:
    """Write what ``left`` says is not written, or not whole, and nothing else; events as of `run_direct`.

    With ``plan_again`` the same run, in the same ``scope``, is compared with what Collate holds now, so that
    what was changed meanwhile is seen and what arrived after all is left; without it the old plan's changes
    are sent, each guarded by the tables as they are now. Raises ``ValueError`` where ``left`` saw no plan.
    """
    plan = left.plan
    if plan is None:
        raise ValueError("there is no plan to retry")
    return run_direct(
        engine,
        plan=None if plan_again else plan,
        selection=left.unwritten | left.written if plan_again else left.unwritten,
        run_id=plan.run.id if plan.run is not None else None,
        scope=scope,
        present=() if plan_again else frozenset(left.written),
    )
