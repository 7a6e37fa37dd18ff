"""Read what one table's explanation needs: a few requests, whatever the size of the project."""

import asyncio
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from dbtcollate_tui import wording
from dbtcollate_tui.adapters import adapter_of
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError
from dbtcollate_tui.collate.fqn import join_fqn, stored_name
from dbtcollate_tui.collate.links import table_page
from dbtcollate_tui.collate.models import LineageEdge, Table
from dbtcollate_tui.concurrency import bounded, together
from dbtcollate_tui.dbt_cloud.pages import node_page
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.plan.build import build_plan
from dbtcollate_tui.plan.explanation.explain import (
    OLD_DAYS,
    Explanation,
    RunAge,
    explain,
    first_known,
    tree_of,
)
from dbtcollate_tui.plan.explanation.lookup import Lookup, find_nodes
from dbtcollate_tui.plan.matching.nodes import Inventory, match
from dbtcollate_tui.plan.server_state import Tables
from dbtcollate_tui.session.runs import run_of_profile
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sql_lineage.reading import SqlReading
from dbtcollate_tui.sync.compare import sql_cache
from dbtcollate_tui.sync.decoding import read_part
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.reading.edges import READERS
from dbtcollate_tui.sync.reading.server import (
    TABLE_FIELDS,
    Part,
    read_details,
    read_tables,
    table_ref,
    with_sql_edges,
)

DEEPEST = 3
"""Levels of a lineage tree that one request may ask for."""
READ_SINGLY = 2
"""More tables beside the one that is explained are looked up by one search."""
_READS = re.compile(r"\b(?:from|join)\s+([\w.\"`\[\]$-]+)", re.IGNORECASE)
_CTE = re.compile(
    r"[\"`\[]?(\w{1,300})[\"`\]]?\s{1,99}as\s{1,99}(?:not\s{1,99})?(?:materialized\s{1,99})?\(", re.IGNORECASE
)
_QUOTES = str.maketrans("", "", '"`[]')


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, or what a name that fits no table is near to."""

    lookup: Lookup
    explanation: Explanation | None = None


async def explain_table(
    engine: Engine, name: str, *, run_id: int | None = None, levels: int = 0
) -> Explained:
    """Explain the table that ``name`` means; ``levels`` of lineage beyond its direct parents, 0 for none.

    Writes nothing. Raises ``ActionableError`` where a server does not answer.
    """
    side, options = engine.profile.dbt_cloud, engine.profile.options
    choice = await run_of_profile(engine.dbt_cloud, side, run_id)
    fetched = await engine.store.fetch(engine.dbt_cloud, side.account_id, choice)
    project = await read_part(
        fetched, lambda known: needed(known, find_nodes(known, name, options).unique_ids, levels)
    )
    lookup = find_nodes(project, name, options)
    if not lookup.unique_ids:
        return Explained(lookup)
    found = await explain_nodes(engine, project, lookup.unique_ids, levels=levels, choice=choice)
    return Explained(lookup, found)


async def explain_nodes(
    engine: Engine,
    project: Project,
    unique_ids: Collection[str],
    *,
    levels: int = 0,
    choice: RunChoice | None = None,
    on_stage: Callable[[Explanation], object] | None = None,
) -> Explanation:
    """Explain the table of these nodes of a decoded project, which ``choice`` tells the run of.

    ``on_stage`` gets what is known so far, twice: once the table is found or not, and once everything is
    read but who set what and the lineage beyond the direct parents.
    """
    profile, collate, options = engine.profile, engine.collate, engine.profile.options
    if options.group_owners:
        project = project.with_group_owners()
    same, wanted = _related(project, unique_ids)
    found = await _read_few(collate, profile.collate.service, project, options, wanted, unique_ids)
    part = replace(
        project,
        nodes={one: node for one, node in project.nodes.items() if one in wanted},
        exposures={
            one: exposure for one, exposure in project.exposures.items() if set(project.upstreams(one)) & same
        },
    )
    report = await asyncio.to_thread(match, part, found.inventories, options)
    shared = {one for ids in report.shared.values() for one in ids if set(ids) & set(unique_ids)}
    ids = tuple(dict.fromkeys([*sorted(shared), *unique_ids]))
    ref = next((report.matched[one] for one in ids if one in report.matched), None)
    only = {one for one in ids if one in project.nodes}
    if on_stage is not None:
        on_stage(first_known(part, report, ids, options))
    side = profile.dbt_cloud
    links = {"Collate": table_page(profile.collate.base_url, ref.fqn)} if ref is not None else {}
    if side.project_id is not None:
        links["dbt Cloud"] = node_page(side.base_url, side.account_id, side.project_id, ids[0])
    sql = SqlReading(
        part,
        report,
        found.inventories,
        found.tables,
        options,
        lambda other: collate.table(other.fqn, ("columns",)),
        only=only,
        cache=sql_cache(profile, engine.artifacts) if engine.artifacts is not None else None,
    )
    async with sql, together() as group:
        details = group.create_task(read_details(collate, Part(part, report, options, only), found.tables))
        history = group.create_task(_versions(collate, ref.id if ref is not None else ""))
        around = group.create_task(
            _around(collate, found.tables[ref.fqn], levels) if ref is not None and levels else _no_edges()
        )
        if options.include_lineage:
            report = await sql.report()
        state = await with_sql_edges(collate, part, report, await details, only)
        plan = await asyncio.to_thread(
            lambda: build_plan(part, state, report, options, collate.dialect, only=only)
        )
        age = _age(choice) if choice is not None else None
        explained = partial(explain, part, report, state, plan, ids, options, links=links, run=age)
        if on_stage is not None:
            on_stage(replace(explained(), reading=("who set what", "further lineage")))
    explanation = explained(versions=history.result(), around=around.result())
    if levels and ref is not None:
        explanation = replace(
            explanation,
            edges=(*explanation.edges, *tree_of(project, report, ref, ids, around.result(), levels)),
        )
    return explanation


def _age(choice: RunChoice) -> RunAge:
    run, now = choice.run, datetime.now(UTC)
    words = f"run #{run.id}, {run.outcome_words}"
    if run.finished_at is None:
        return RunAge(words)
    return RunAge(
        f"{words}, finished {wording.ago(run.finished_at, now)}",
        is_old=now - run.finished_at > timedelta(days=OLD_DAYS),
    )


def needed(project: Project, unique_ids: Collection[str], levels: int) -> set[str]:
    """The nodes and tests that must be read in full to explain the table of these nodes.

    Where ``project`` holds a node's names alone, more may follow once its SQL and keys are read.
    """
    if not unique_ids:
        return set()
    wanted = _related(project, unique_ids)[1] | set(unique_ids)
    tests = {
        test.unique_id
        for test in project.tests.values()
        if test.attached_node in wanted or not wanted.isdisjoint(test.depends_on)
    }
    around = _within(project, unique_ids, levels) if levels else set()
    return {*wanted, *tests, *around, *project.ephemeral}


def _within(project: Project, unique_ids: Collection[str], levels: int) -> set[str]:
    """The nodes so many levels up and down; what only a foreign key connects is among them."""
    children: dict[str, list[str]] = {}
    for one in project.nodes:
        for parent in project.upstreams(one):
            children.setdefault(parent, []).append(one)
    found: set[str] = set()
    for upwards in (True, False):
        here = {one for one in unique_ids if one in project.nodes}
        for _ in range(levels):
            here = {
                other
                for one in here
                for other in (project.upstreams(one) if upwards else children.get(one, ()))
            }
            found |= here
    return found


def _related(project: Project, unique_ids: Collection[str]) -> tuple[set[str], set[str]]:
    """The nodes asked for with those that share their table, and these with the parents of all of them."""
    places = {_place(project.nodes[one]) for one in unique_ids if one in project.nodes}
    same = {node.unique_id for node in project.nodes.values() if _place(node) in places} | set(unique_ids)
    parents = {parent for one in same for parent in project.upstreams(one)}
    tested = {
        parent
        for test in project.tests.values()
        if test.kind != "generic" and set(test.depends_on) & same
        for parent in test.depends_on
        if parent in project.nodes
    }
    read = _read_by_name(project, same)
    keys = {
        key.to_node
        for one in same
        if one in project.nodes
        for key in project.nodes[one].constraints
        if key.to_node is not None
    }
    return same, {one for one in (*same, *parents, *tested, *read, *keys) if one in project.nodes}


def _read_by_name(project: Project, unique_ids: Collection[str]) -> set[str]:
    """The nodes whose tables the compiled SQL of these names, with or without dbt's ``ref`` or ``source``."""
    names = {name for one in unique_ids if one in project.nodes for name in _names_read(project.nodes[one])}
    return {node.unique_id for node in project.nodes.values() if node.identifier.casefold() in names}


def _names_read(node: Node) -> set[str]:
    """The last parts of the names that a node's SQL reads from, CTEs left out."""
    sql = node.compiled_code or ""
    own = {match.casefold() for match in _CTE.findall(sql)}
    return {name.translate(_QUOTES).rpartition(".")[2].casefold() for name in _READS.findall(sql)} - own


def _place(node: Node) -> tuple[str, str, str]:
    return (
        (node.database or "").casefold(),
        (node.schema or "").casefold(),
        node.identifier.casefold(),
    )


async def _read_few(
    collate: CollateClient,
    service: str,
    project: Project,
    options: SyncOptions,
    wanted: Collection[str],
    unique_ids: Collection[str],
) -> Tables:
    """The tables of a few nodes by their names, or all of the databases where names alone do not tell.

    A name that is found exactly is certain. One that is not may differ in case, be elsewhere or be
    missing, and only the list of tables says which.
    """
    nodes = [project.nodes[one] for one in wanted]
    adapter = adapter_of(project.adapter_type)
    certain = adapter.has_database and not options.search_across_services
    if (
        not certain
        or any(not node.database or not node.schema for node in nodes)
        or _reads_others(project, wanted)
    ):
        return await _read_all(collate, service, project, options, nodes)

    def fqn_of(node: Node) -> str:
        database = options.database_map.get(node.database or "", node.database or "")
        parts = (stored_name(part) for part in (database, node.schema or "", node.identifier))
        return join_fqn(service, *parts)

    parents = list({fqn_of(node): None for node in nodes if node.unique_id not in unique_ids})
    searched = await collate.tables_searched(parents) if len(parents) > READ_SINGLY else []
    known = {table.fullyQualifiedName: table for table in searched}

    async def by_name(node: Node) -> Table | None:
        fqn = fqn_of(node)
        fields = TABLE_FIELDS if node.unique_id in unique_ids else ("columns",)
        return known.get(fqn) or await collate.table(fqn, fields)

    found = await bounded(nodes, by_name, at_once=READERS)
    tables = [table for table in found if table is not None]
    if len(tables) < len(nodes):
        return await _read_all(collate, service, project, options, nodes)
    refs = tuple({table.id: table_ref(table) for table in tables}.values())
    databases = tuple({ref.database for ref in refs})
    inventory = Inventory(service, "", databases, refs)
    return Tables((inventory,), {table.fullyQualifiedName: table for table in tables})


async def _read_all(
    collate: CollateClient, service: str, project: Project, options: SyncOptions, nodes: Collection[Node]
) -> Tables:
    part = replace(project, nodes={node.unique_id: node for node in nodes})
    return await read_tables(collate, service, part, options)


def _reads_others(project: Project, unique_ids: Collection[str]) -> bool:
    """Whether compiled SQL reads a table by its own name, without dbt's ``ref`` or ``source``."""
    known = {node.identifier.casefold() for node in project.nodes.values()}
    return any(_names_read(project.nodes[one]) - known for one in unique_ids)


async def _versions(collate: CollateClient, table_id: str) -> list[Table]:
    """The table's history; none where the server does not give it."""
    if not table_id:
        return []
    try:
        return await collate.table_versions(table_id)
    except CollateError:
        return []


async def _around(collate: CollateClient, table: Table, levels: int) -> tuple[LineageEdge, ...]:
    deep = min(levels, DEEPEST)
    try:
        return await collate.lineage(table, up=deep, down=deep)
    except CollateError:
        return ()


async def _no_edges() -> tuple[LineageEdge, ...]:
    return ()
