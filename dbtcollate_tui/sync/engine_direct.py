"""The direct sync: artifacts from dbt Cloud, a plan against what Collate holds, only the differences written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING

from dbtcollate_tui.sync.changes import Plan
from dbtcollate_tui.sync.events import SyncEvent

if TYPE_CHECKING:
    from dbtcollate_tui.collate.client import CollateClient
    from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
    from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
    from dbtcollate_tui.settings.model import Profile
    from dbtcollate_tui.settings.state import StateStore


def prepare_direct(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    *,
    run_id: int | None = None,
    only: Collection[str] = (),
    artifacts: ArtifactStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncIterator[SyncEvent]:
    """Everything up to the plan, writing nothing: ends with `PlanReady`, then `RunFinished`.

    ``only`` names models, as unique ids or names; ``run_id`` takes that run in place of the profile's rule.
    Setting ``cancel`` ends it with `Cancelled`, then `RunFinished`. No error is raised: one that ends the run
    is a `Failed` event with ``change=None``, before `RunFinished`.
    """
    raise NotImplementedError


def run_direct(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    *,
    plan: Plan | None = None,
    selection: Collection[str] | None = None,
    run_id: int | None = None,
    only: Collection[str] = (),
    artifacts: ArtifactStore | None = None,
    state: StateStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncIterator[SyncEvent]:
    """The whole sync: the plan (unless one is given), the writes, the proof; ends with `RunFinished`.

    ``selection`` are the keys of the changes to write (``None``: all). ``state`` keeps the summary of the run
    for the home screen. Setting ``cancel`` stops between two writes; what was written stays.
    """
    raise NotImplementedError
