"""A sandbox with a profile for it, and the checks run on it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.runner import run_checks
from dbtcollate_tui.sandbox.scenarios import Scenario
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, PipelineSettings, Profile
from dbtcollate_tui.settings.secrets import Side
from dbtcollate_tui.sync.engine import Engine, connected

SERVICE = "shop_warehouse"


@dataclass(slots=True)
class World:
    """A running sandbox, a profile for it, open connections."""

    sandbox: Sandbox
    services: Services
    profile: Profile
    connections: Connections
    rows: list[CheckResult] = field(default_factory=list)

    def context(self, profile: Profile | None = None) -> CheckContext:
        return CheckContext(profile or self.profile, self.connections, self.services)

    async def check(self, ids: Collection[str] | None = None) -> dict[str, CheckResult]:
        self.rows = [row async for row in run_checks(self.context(), ids)]
        return {row.check_id: row for row in self.rows}


def profile_for(sandbox: Sandbox, *, schedule: str | None = None) -> Profile:
    """The main job's profile."""
    return Profile(
        name="shop",
        dbt_cloud=DbtCloudSettings(
            base_url=sandbox.dbt_cloud_url,
            account_id=sandbox.account_id,
            project_id=sandbox.project_id,
            project_name="shop",
            job_id=sandbox.job_id,
            job_name="nightly",
        ),
        collate=CollateSettings(base_url=sandbox.collate_url, service=SERVICE),
        pipeline=PipelineSettings(schedule=schedule),
    )


@asynccontextmanager
async def world(scenario: str | Scenario = "", server_version: str = "latest") -> AsyncIterator[World]:
    """The sandbox in a scenario, with its sample tokens given."""
    async with Sandbox(scenario, server_version) as sandbox:
        services, profile = Services(), profile_for(sandbox)
        given: dict[Side, SecretStr] = {
            "dbt_cloud": sandbox.dbt_cloud_token,
            "collate": sandbox.collate_token,
        }
        async with Connections(profile, services, given=given) as connections:
            yield World(sandbox, services, profile, connections)


async def engine_of(here: World) -> Engine:
    """What a sync of the world's profile works with."""
    return replace(await connected(here.connections, here.services), profile=here.profile)
