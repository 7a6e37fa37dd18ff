"""Compares what a run's artifacts say with what Collate holds. Writes nothing.

Apart from `prepare`, since an unchanged sync needs nothing of it.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore, FetchedArtifacts
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import Phase, PhaseFinished, PhaseStarted
from dbtcollate_tui.fixes import RETRY, Advice, GoToStep, Step
from dbtcollate_tui.history.ledger import load_written
from dbtcollate_tui.plan.build import Planning
from dbtcollate_tui.plan.explanation.coverage import measure
from dbtcollate_tui.plan.matching.matches import CauseGroup, MatchReport
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.selection.graph import Graph
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.session.runs import run_of_profile
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.sql_lineage.cache import SqlCache
from dbtcollate_tui.sql_lineage.reading import SqlReading
from dbtcollate_tui.sync.decoding import read_project
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.prepare import artifacts_read, fetch_artifacts, run_facts
from dbtcollate_tui.sync.reading.server import Part, read_details, read_tables, with_sql_edges
from dbtcollate_tui.sync.reading.text_authors import read_text_authors
from dbtcollate_tui.sync.writing.removals import leftover_note, read_stale, removable

NO_RECORD = "Nothing can be removed: no sync from this machine has written anything."


async def decode_artifacts(
    emitter: EventEmitter, engine: Engine, choice: RunChoice, fetched: FetchedArtifacts
) -> Project:
    """What the fetched artifacts say; those that say too little are downloaded again the next time."""
    emitter.doing = "reading the artifacts"
    project = await read_project(fetched)
    if project.unreadable or project.catalog_is_bare:
        account_id = engine.profile.dbt_cloud.account_id
        await asyncio.to_thread(engine.store.forget, engine.dbt_cloud, account_id, choice.run.id)
    return project


async def read_artifacts(emitter: EventEmitter, engine: Engine, choice: RunChoice) -> Project:
    """The phase "artifacts": the run's artifacts, downloaded where they are not cached, and read."""
    fetched = await fetch_artifacts(emitter, engine, choice)
    project = await decode_artifacts(emitter, engine, choice, fetched)
    emitter(artifacts_read(fetched, has_catalog=project.has_catalog))
    return project


async def project_of_run(engine: Engine, run_id: int | None = None) -> Project:
    """What the profile's run, or the named one, says, without a word on the way there."""
    side = engine.profile.dbt_cloud
    choice = await run_of_profile(engine.dbt_cloud, side, run_id)
    return await read_project(await engine.store.fetch(engine.dbt_cloud, side.account_id, choice))


async def compare(
    emitter: EventEmitter,
    phase: Phase,
    engine: Engine,
    choice: RunChoice,
    project: Project,
    scope: Scope = WHOLE,
) -> Plan:
    """The phase "tables", then ``phase`` begun: what dbt says against what Collate holds. Writes nothing.

    Raises ``ActionableError`` where no node has a table, and `UsageError` where ``scope`` names what is not
    there.
    """
    profile, collate = engine.profile, engine.collate
    selected = scope.nodes(Graph.of(project))
    options = scope.options(profile.options)
    if options.group_owners:
        project = project.with_group_owners()
    if emitter.open_phase != "tables":
        emitter(PhaseStarted(phase="tables", text="reading Collate's tables"))
    found = await read_tables(
        collate,
        profile.collate.service,
        project,
        options,
        lambda done, total, unit, text: emitter.progress("tables", done, total, unit, text),
    )
    report = await asyncio.to_thread(match, project, found.inventories, options)
    if report.expected and not report.matched:
        account_id = profile.dbt_cloud.account_id
        await asyncio.to_thread(engine.store.forget, engine.dbt_cloud, account_id, choice.run.id)
    _check_match(profile, report)
    wanted = scope.among(report, selected)
    emitter(PhaseFinished(phase="tables", text=report.summary(), level="warn" if report.missing else "ok"))
    emitter(PhaseStarted(phase=phase, text="comparing with Collate"))

    def report_progress(done: int, total: int | None, unit: str, text: str) -> None:
        if emitter.open_phase == phase:
            emitter.progress(phase, done, total, unit, text)

    async with AsyncExitStack() as stack:
        sql = None
        if options.include_lineage:
            sql = SqlReading(
                project,
                report,
                found.inventories,
                found.tables,
                options,
                lambda ref: collate.table(ref.fqn, ("columns",)),
                only=wanted,
                cache=sql_cache(profile, engine.artifacts) if engine.artifacts is not None else None,
                on_done=lambda done: report_progress(done, None, "queries", "compiled SQL"),
            )
            await stack.enter_async_context(sql)
            if not sql.new:
                report = await sql.report()
        state = await read_details(
            collate, Part(project, report, options, wanted), found.tables, report_progress
        )
        make_planning = partial(
            Planning,
            project,
            report=report,
            options=options,
            dialect=collate.dialect,
            only=wanted,
            run=run_facts(choice, engine.dbt_cloud, profile),
        )
        planning = await asyncio.to_thread(make_planning, state=state)
        if planning.unclear_texts:
            authors = await read_text_authors(collate, state.tables, planning.unclear_texts)
            state = replace(state, text_authors=authors)
            planning = await asyncio.to_thread(make_planning, state=state)
        if sql is not None and sql.new:
            emitter.doing = "reading the compiled SQL"
            report = await sql.report()
            state = await with_sql_edges(collate, project, report, state, wanted)
    await asyncio.to_thread(planning.add_lineage, report, state)
    plan = await asyncio.to_thread(planning.plan)
    if wanted is None:
        coverage = await asyncio.to_thread(lambda: measure(project, report=report, state=state))
        plan = replace(plan, coverage=coverage)
    if engine.state is not None:
        written = await asyncio.to_thread(load_written, engine.state, profile, project.project_name)
        if scope.remove and not written:
            plan = replace(plan, notes=(*plan.notes, NO_RECORD))
        if written:
            emitter.doing = "finding what dbt no longer has"
            stale = await read_stale(collate, project, plan, written, options, wanted)
            gone = removable(project, plan, written, stale, options, wanted)
            tables = {**plan.tables, **stale.tables}
            left = leftover_note(stale)
            notes = (*plan.notes, left) if left else plan.notes
            plan = replace(plan, conflicts=(*plan.conflicts, *gone), tables=tables, notes=notes)
    return scope.of_plan(plan)


def sql_cache(profile: Profile, artifacts: ArtifactStore) -> SqlCache:
    """Where the answers to a profile's compiled SQL are remembered, beside its artifacts."""
    side, collate = profile.dbt_cloud, profile.collate
    names = (side.base_url, side.account_id, side.project_id, side.job_id, collate.base_url, collate.service)
    return SqlCache(artifacts.folder.parent / "sql", *names)


def _check_match(profile: Profile, report: MatchReport) -> None:
    """Raise where no node has a table: the service is the wrong one, or nothing is ingested."""
    if report.matched or not report.expected:
        return
    groups = [group for group in report.groups() if not group.harmless]
    firsts = [group.nodes[0] for group in groups]
    raise ActionableError(
        f"None of dbt's {report.expected} nodes has a table in {profile.collate.service}",
        causes=[f"{len(group.nodes)} nodes: {group.words}. {_details(group)}." for group in groups],
        evidence=[f"looked for {first.fqn}" for first in firsts[:3]],
        fixes=[
            GoToStep("Choose another database service", Step.SERVICE),
            *(Advice(first.fix) for first in firsts[:3] if first.fix),
            RETRY,
        ],
    )


def _details(group: CauseGroup) -> str:
    details = list(dict.fromkeys(node.detail for node in group.nodes))
    more = f"; and {len(details) - 3} more" if len(details) > 3 else ""
    return "; ".join(details[:3]) + more
