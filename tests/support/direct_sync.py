"""A sandbox, both clients and a profile, to sync directly."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.events.types import (
    PlanReady,
    RunFinished,
    SyncEvent,
)
from dbtcollate_tui.plan.model import (
    Plan,
)
from dbtcollate_tui.plan.selection.scope import Scope
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile, SyncOptions
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.engine import Engine

SERVICE = "shop_warehouse"
MARTS = f"{SERVICE}.shop.marts"
FIELDS = ("columns", "tags", "owners", "dataModel", "testSuite")


@dataclass
class Ends:
    sandbox: Sandbox
    dbt_cloud: DbtCloudClient
    collate: CollateClient
    profile: Profile
    artifacts: ArtifactStore

    async def sync(
        self,
        *,
        plan: Plan | None = None,
        selection: Collection[str] | None = None,
        select: Collection[str] = (),
        state: StateStore | None = None,
        cancel: asyncio.Event | None = None,
    ) -> list[SyncEvent]:
        return [
            event
            async for event in run_direct(
                Engine(
                    self.profile,
                    self.dbt_cloud,
                    self.collate,
                    artifacts=self.artifacts,
                    state=state,
                    cancel=cancel or asyncio.Event(),
                ),
                plan=plan,
                selection=selection,
                scope=Scope(select=tuple(select)),
            )
        ]

    async def plan(self, select: Collection[str] = (), *, overwrite: bool = False) -> Plan:
        events = [
            event
            async for event in prepare_direct(
                Engine(self.profile, self.dbt_cloud, self.collate, artifacts=self.artifacts),
                scope=Scope(select=tuple(select), overwrite=overwrite),
            )
        ]
        (ready,) = [event for event in events if isinstance(event, PlanReady)]
        assert finished(events).outcome == "ok"
        return ready.plan

    def writes(self, since: int) -> Counter[str]:
        seen = self.sandbox.requests[since:]
        return Counter(r.method for r in seen if r.side == "collate" and r.method != "GET")


@asynccontextmanager
async def ends(
    folder: Path, scenario: str = "", version: str = "latest", options: SyncOptions | None = None
) -> AsyncIterator[Ends]:
    async with (
        Sandbox(scenario, server_version=version) as sandbox,
        DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as dbt_cloud,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as collate,
    ):
        await collate.connect()
        profile = Profile(
            name="shop",
            dbt_cloud=DbtCloudSettings(
                base_url=sandbox.dbt_cloud_url,
                account_id=sandbox.account_id,
                project_id=sandbox.project_id,
                job_id=sandbox.job_id,
            ),
            collate=CollateSettings(base_url=sandbox.collate_url, service=SERVICE),
            options=options or SyncOptions(),
        )
        yield Ends(sandbox, dbt_cloud, collate, profile, ArtifactStore(folder / "cache"))


def finished(events: list[SyncEvent]) -> RunFinished:
    """The last event, which every stream ends with, and with it alone."""
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(isinstance(event, RunFinished) for event in events) == 1
    return last
