"""A sync that can be broken off at any write, and the states that it leaves."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import (
    SyncEvent,
)
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sync.compare import compare, read_artifacts
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.prepare import choose
from dbtcollate_tui.transport.pacing import RetryPolicy
from tests.support.faulty import FaultyCollate, faulty
from tests.support.tls_front import Protocol

QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.02, statuses=frozenset({502, 503, 504}))


@dataclass
class Ends:
    server: FaultyCollate
    dbt_cloud: DbtCloudClient
    collate: CollateClient
    choice: RunChoice
    project: Project
    artifacts: ArtifactStore

    async def plan(self, scope: Scope = WHOLE) -> Plan:
        """What a sync would write now; the artifacts are read once for all plans."""
        return await compare(
            EventEmitter(),
            "plan",
            Engine(self.server.profile, self.dbt_cloud, self.collate),
            self.choice,
            self.project,
            scope,
        )

    async def write(self, plan: Plan, selection: Collection[str] | None = None) -> list[SyncEvent]:
        return [event async for event in self.writing(plan, selection=selection)]

    def writing(
        self,
        plan: Plan,
        cancel: asyncio.Event | None = None,
        selection: Collection[str] | None = None,
    ) -> AsyncIterator[SyncEvent]:
        return run_direct(
            Engine(
                self.server.profile,
                self.dbt_cloud,
                self.collate,
                cancel=cancel or asyncio.Event(),
                report_runs=False,
            ),
            plan=plan,
            selection=selection,
        )


@asynccontextmanager
async def ends(
    folder: Path, protocol: Protocol = "1.1", version: str = "latest", scenario: str = ""
) -> AsyncIterator[Ends]:
    async with (
        faulty(folder, version, protocol, scenario) as server,
        DbtCloudClient(server.sandbox.dbt_cloud_url, server.sandbox.dbt_cloud_token) as dbt_cloud,
        CollateClient(server.url, server.sandbox.collate_token, retries=QUICK) as collate,
    ):
        await collate.connect()
        artifacts = ArtifactStore(folder / "cache")
        engine = Engine(server.profile, dbt_cloud, collate, artifacts=artifacts)
        choice = await choose(EventEmitter(), engine, None)
        project = await read_artifacts(EventEmitter(), engine, choice)
        yield Ends(server, dbt_cloud, collate, choice, project, artifacts)


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Where two states differ, as lines."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            line
            for key in sorted({*found, *wanted}, key=str)
            for line in differences(found.get(key), wanted.get(key), f"{place}/{key}")
        ]
    return [] if found == wanted else [f"{place}: {found!r} in place of {wanted!r}"]
