"""The database services of a server, scored against dbt's tables as these are read."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import DatabaseService
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.matching import Inventory
from dbtcollate_tui.sync.scoring import ServiceScore, Target, score_services
from dbtcollate_tui.sync.server_state import read_inventory

SERVICES_READ = 12
"""The tables of at most so many services are listed, those of a fitting type."""
READ_AT_ONCE = 3


async def iter_scores(
    collate: CollateClient,
    services: Sequence[DatabaseService],
    wanted: Project | Target,
    options: SyncOptions,
    notes: list[str],
) -> AsyncGenerator[tuple[ServiceScore, ...]]:
    """The services, best first: judged by type at once, then anew with each service's tables.

    A service whose tables cannot be listed keeps its score by type; ``notes`` then gets a sentence.
    """
    inventories: dict[str, Inventory] = {}
    scores = score_services(wanted, services, inventories, options)
    yield scores
    likely = [score.service for score in scores if score.type_fits][:SERVICES_READ]
    gate = asyncio.Semaphore(READ_AT_ONCE)

    async def read(service: DatabaseService) -> tuple[str, Inventory | None]:
        name = service.fullyQualifiedName or service.name
        async with gate:
            try:
                return name, await read_inventory(collate, service)
            except ActionableError as error:
                notes.append(f"The tables of {name} could not be listed: {error.title}.")
                return name, None

    tasks = [asyncio.create_task(read(service)) for service in likely]
    try:
        for done in asyncio.as_completed(tasks):
            name, inventory = await done
            if inventory is None:
                continue
            inventories[name] = inventory
            yield await asyncio.to_thread(score_services, wanted, services, dict(inventories), options)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
