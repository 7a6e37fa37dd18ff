"""Read what coverage counts: the run's artifacts and what Collate holds of them. Writes nothing."""

import asyncio
from pathlib import Path

from dbtcollate_tui.plan.explanation.coverage import Coverage, Grouping, measure
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.sql_lineage.reading import SqlReading
from dbtcollate_tui.sync.compare import project_of_run, sql_cache
from dbtcollate_tui.sync.decoding import read_folder
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.reading.server import Part, read_details, read_tables, with_sql_edges


async def read_coverage(engine: Engine, by: Grouping = "schema") -> Coverage:
    """Count the project of the profile's run against what Collate holds now."""
    profile, collate, options = engine.profile, engine.collate, engine.profile.options
    project = await project_of_run(engine)
    if options.group_owners:
        project = project.with_group_owners()
    found = await read_tables(collate, profile.collate.service, project, options)
    report = await asyncio.to_thread(match, project, found.inventories, options)
    sql = SqlReading(
        project,
        report,
        found.inventories,
        found.tables,
        options,
        lambda ref: collate.table(ref.fqn, ("columns",)),
        cache=sql_cache(profile, engine.store),
    )
    async with sql:
        state = await read_details(collate, Part(project, report, options), found.tables)
        report = await sql.report()
    state = await with_sql_edges(collate, project, report, state)
    return await asyncio.to_thread(lambda: measure(project, by, report=report, state=state))


async def folder_coverage(folder: Path, by: Grouping = "schema") -> Coverage:
    """Count dbt's side alone, from the artifacts in a ``target`` folder; raises `UsageError` without one."""
    project = await read_folder(folder)
    return await asyncio.to_thread(measure, project, by)
