"""What a sync works with: one profile, both of its systems, and the places that remember."""

import asyncio
from dataclasses import dataclass, field

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds between two polls of a run in Collate, before a silence is reported, and for a trigger after a
    deploy.
    """

    poll: float = 2.0
    quiet: float = 2.0
    trigger_patience: float = 60.0
    trigger_pause: float = 5.0


@dataclass(frozen=True, slots=True)
class Engine:
    """One profile with both clients, as both engines and everything that reads for them takes it.

    ``artifacts`` caches runs' artifacts, and beside them what compiled SQL was found to read; without it
    the default folder is used and the SQL is read each time. ``state`` keeps the record for the history and
    knows what earlier syncs wrote and so may remove. Setting ``cancel`` ends the work. With ``report_runs``
    a direct sync that has something to write appears in Collate as a run of the profile's pipeline, where
    there is one.
    """

    profile: Profile
    dbt_cloud: DbtCloudClient
    collate: CollateClient
    artifacts: ArtifactStore | None = None
    state: StateStore | None = None
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    report_runs: bool = True
    tempo: Tempo = field(default_factory=Tempo)

    @property
    def store(self) -> ArtifactStore:
        """Where runs' artifacts are cached."""
        return self.artifacts or ArtifactStore()


async def connected(
    connections: Connections, services: Services, cancel: asyncio.Event | None = None
) -> Engine:
    """What a sync of the connections' profile works with; raises what the two systems answer."""
    return Engine(
        connections.profile,
        await connections.dbt_cloud(),
        await connections.collate(),
        artifacts=services.artifacts,
        state=services.state,
        cancel=cancel or asyncio.Event(),
    )
