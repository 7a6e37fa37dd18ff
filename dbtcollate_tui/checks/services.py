"""The database services of a server, scored against dbt's tables as these are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import DatabaseService
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.settings.model import SyncOptions

if TYPE_CHECKING:
    from dbtcollate_tui.artifacts.project import Project
    from dbtcollate_tui.plan.matching.nodes import Inventory
    from dbtcollate_tui.plan.matching.services import ServiceScore, Target

SERVICES_READ = 12
"""The tables of at most this many services are listed, those of a fitting type."""
READ_AT_ONCE = 3


async def iter_scores(
    collate: CollateClient,
    services: Sequence[DatabaseService],
    wanted: Project | Target,
    options: SyncOptions,
    notes: list[str],
) -> AsyncGenerator[tuple[ServiceScore, ...]]:
    """The services, best first: judged by type at once, then again with each service's tables.

    A service whose tables cannot be listed keeps its score by type; ``notes`` then gets a sentence.
    """
    from dbtcollate_tui.plan.matching.services import score_services
    from dbtcollate_tui.sync.reading.server import read_inventory

    inventories: dict[str, Inventory] = {}
    counts: dict[str, int] = {}
    scores = score_services(wanted, services, inventories, options)
    yield scores
    likely = [score.service for score in scores if score.type_fits][:SERVICES_READ]
    others = [score.service for score in scores if not score.type_fits][:SERVICES_READ]
    gate = asyncio.Semaphore(READ_AT_ONCE)

    async def read(service: DatabaseService) -> None:
        name = service.fullyQualifiedName or service.name
        async with gate:
            try:
                if service in likely:
                    inventories[name] = await read_inventory(collate, service)
                else:
                    counts[name] = await _count_tables(collate, name)
            except ActionableError as error:
                notes.append(f"The tables of {name} could not be listed: {error.title}.")

    tasks = [asyncio.create_task(read(service)) for service in (*likely, *others)]
    try:
        for done in asyncio.as_completed(tasks):
            await done
            judged = await asyncio.to_thread(score_services, wanted, services, dict(inventories), options)
            yield tuple(
                replace(score, tables=counts.get(score.service.fullyQualifiedName or "", score.tables))
                for score in judged
            )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _count_tables(collate: CollateClient, service: str) -> int:
    databases = await collate.databases(service)
    return sum([await collate.table_count(item.fullyQualifiedName or item.name) for item in databases])
