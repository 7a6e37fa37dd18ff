"""Read what coverage counts: the run's artifacts and what Collate holds of them. Writes nothing."""

import asyncio
import mmap
from contextlib import ExitStack
from pathlib import Path

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import choose_run
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.plan.explanation.coverage import Coverage, Grouping, measure
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.sql_lineage.reading import SqlReading
from dbtcollate_tui.sync.decoding import read_project
from dbtcollate_tui.sync.prepare import sql_cache
from dbtcollate_tui.sync.reading.server import read_details, read_tables, with_sql_edges


async def read_coverage(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    store: ArtifactStore,
    by: Grouping = "schema",
) -> Coverage:
    """Count the project of the profile's run against what Collate holds now."""
    side, options = profile.dbt_cloud, profile.options
    choice = await choose_run(dbt_cloud, side.account_id, side.project_id, side.job_id, side.run_rule)
    project = await read_project(await store.fetch(dbt_cloud, side.account_id, choice))
    found = await read_tables(collate, profile.collate.service, project, options)
    report = await asyncio.to_thread(match, project, found.inventories, options)
    sql = SqlReading(
        project,
        report,
        found.inventories,
        found.tables,
        options,
        lambda ref: collate.table(ref.fqn, ("columns",)),
        cache=sql_cache(profile, store),
    )
    async with sql:
        state = await read_details(collate, project, report, found.tables, options)
        report = await sql.report()
    state = await with_sql_edges(collate, project, report, state)
    return await asyncio.to_thread(lambda: measure(project, by, report=report, state=state))


async def folder_coverage(folder: Path, by: Grouping = "schema") -> Coverage:
    """Count dbt's side alone, from the artifacts in a ``target`` folder; raises `UsageError` without one."""
    return await asyncio.to_thread(lambda: measure(_read_folder(folder), by))


def _read_folder(folder: Path) -> Project:
    with ExitStack() as stack:

        def content(name: str) -> mmap.mmap | None:
            path = folder / name
            if not path.is_file() or path.stat().st_size == 0:
                return None
            handle = stack.enter_context(path.open("rb"))
            return stack.enter_context(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))

        manifest = content("manifest.json")
        if manifest is None:
            raise UsageError(
                f"{folder} has no manifest.json",
                causes=["It is not the target folder of a dbt project, or dbt has not run there yet."],
            )
        results = content("run_results.json")
        return load_project(
            manifest,
            content("catalog.json"),
            [StepResults(None, results)] if results is not None else [],
            content("sources.json"),
        )
