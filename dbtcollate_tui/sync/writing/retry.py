"""What a sync could not write, tried again on demand."""

import asyncio
from collections.abc import AsyncGenerator

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.changes import Plan
from dbtcollate_tui.sync.engine_direct import run_direct
from dbtcollate_tui.sync.events import Applied, Event, Failed, PlanReady, Skipped, SyncEvent
from dbtcollate_tui.sync.selection.scope import WHOLE, Scope


class Leftover:
    """Gathers from a sync's events what it wrote and what it could not write; give it every event."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.written: set[str] = set()
        self.failed: set[str] = set()

    def take(self, event: Event) -> None:
        """Take one event of the sync into account."""
        if isinstance(event, PlanReady):
            self.plan = event.plan
        elif isinstance(event, Applied):
            self.written.add(event.change.key)
            self.failed.discard(event.change.key)
        elif isinstance(event, Failed | Skipped) and event.change is not None:
            self.failed.add(event.change.key)


def retry_direct(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    left: Leftover,
    *,
    plan_again: bool = True,
    scope: Scope = WHOLE,
    artifacts: ArtifactStore | None = None,
    state: StateStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncGenerator[SyncEvent, None]:
    """Write what ``left`` says is not written, or not whole, and nothing else; events as of `run_direct`.

    With ``plan_again`` the same run, in the same ``scope``, is compared with what Collate holds now, so that
    what was changed meanwhile is seen and what arrived after all is left; without it the old plan's changes
    are sent, each guarded by the tables as they are now. Raises ``ValueError`` where ``left`` saw no plan.
    """
    plan = left.plan
    if plan is None:
        raise ValueError("there is no plan to try again")
    return run_direct(
        profile,
        dbt_cloud,
        collate,
        plan=None if plan_again else plan,
        selection=frozenset(left.failed | left.written if plan_again else left.failed),
        run_id=plan.run.id if plan.run is not None else None,
        scope=scope,
        artifacts=artifacts,
        state=state,
        cancel=cancel,
        present=() if plan_again else frozenset(left.written),
    )
