"""Reads from Collate what a plan is made against: few calls, bounded concurrency, only what dbt touches."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbtcollate_tui.artifacts.project import Column, Metric, Node, Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError
from dbtcollate_tui.collate.fqn import plain_name, split_fqn
from dbtcollate_tui.collate.models import (
    DatabaseService,
    DataContract,
    EntityReference,
    LineageEdge,
    Table,
    TestCase,
    User,
)
from dbtcollate_tui.collate.read_log import Stamps, open_read_log
from dbtcollate_tui.concurrency import bounded, together
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import GoToStep, Step
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.plan.matching.freshness import result_of
from dbtcollate_tui.plan.matching.matches import AssetRef, MatchReport, TableRef
from dbtcollate_tui.plan.matching.nodes import Inventory, is_wanted, wanted_databases, wanted_tables
from dbtcollate_tui.plan.matching.placing import place_edges, place_tests
from dbtcollate_tui.plan.model import OwnerRef
from dbtcollate_tui.plan.rules.metrics import chosen_metrics
from dbtcollate_tui.plan.server_state import ServerState, Tables, case_key
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.reading.assets import read_assets, read_meta_state
from dbtcollate_tui.sync.reading.edges import READERS, read_edges
from dbtcollate_tui.sync.reading.metrics import read_metrics
from dbtcollate_tui.sync.reading.test_cases import Unread, read_cases, read_definitions, read_older_results

TABLE_FIELDS = (
    "columns",
    "tags",
    "owners",
    "domains",
    "dataProducts",
    "extension",
    "dataModel",
    "testSuite",
    "certification",
    "tableConstraints",
)
TIER = "Tier"
"""A classification of every server, whose tags exclude one another."""
PEOPLE_LISTED = 5_000
"""At most this many users and teams are listed to suggest an owner."""

OnProgress = Callable[[int, int | None, str, str], object]
"""Gets done, total (``None``: not known), unit, and a word on what is read."""


def _silent(done: int, total: int | None, unit: str, text: str) -> None:
    del done, total, unit, text


async def read_tables(
    collate: CollateClient,
    service: str,
    project: Project,
    options: SyncOptions,
    on_progress: OnProgress = _silent,
) -> Tables:
    """The tables of the databases that dbt names, of the service and, where asked for, of all others.

    Raises `UsageError` where the service is not there.
    """
    chosen = await collate.database_service(service)
    if chosen is None:
        raise UsageError(
            f"Collate has no database service {service}",
            causes=["It was renamed or deleted, or the profile belongs to another server."],
            fixes=[GoToStep("Choose the database service again", Step.SERVICE)],
        )
    services = [chosen]
    if options.search_across_services:
        services += [item for item in await collate.database_services() if item.id != chosen.id]
    nodes = list(project.nodes.values())
    keep = wanted_tables(nodes)
    tables: dict[str, Table] = {}
    inventories: list[Inventory] = []
    counted = 0

    async def one_database(item: DatabaseService, database: str, fqn: str) -> list[TableRef]:
        nonlocal counted
        refs = []
        stamps = Stamps()
        async for table in collate.tables(fqn, TABLE_FIELDS):
            stamps.take(table)
            counted += 1
            if counted % 50 == 0:
                on_progress(counted, None, "tables", f"{item.name}.{database}")
            ref = table_ref(table)
            refs.append(ref)
            if is_wanted(ref, keep):
                tables[table.fullyQualifiedName] = table
        if (log := open_read_log()) is not None:
            log.stamps[fqn] = stamps.digest()
        return refs

    for item in services:
        databases = await collate.databases(item.fullyQualifiedName or item.name)
        wanted = wanted_databases(project, options, [database.name for database in databases])
        listed = [
            (item, database.name, database.fullyQualifiedName)
            for database in databases
            if plain_name(database.name).casefold() in wanted
        ]
        found = await bounded(listed, lambda entry: one_database(*entry), at_once=READERS)
        inventories.append(
            Inventory(
                item.fullyQualifiedName or item.name,
                item.serviceType,
                tuple(database.name for database in databases),
                tuple(ref for refs in found for ref in refs),
            )
        )
    on_progress(counted, counted, "tables", service)
    return Tables(tuple(inventories), tables)


def table_ref(table: Table) -> TableRef:
    """The table's id and the parts of its FQN."""
    parts = split_fqn(table.fullyQualifiedName)
    service, database, schema = (*parts[:3], "", "", "")[:3]
    return TableRef(table.id, table.fullyQualifiedName, service, database, schema, table.name)


@dataclass(frozen=True, slots=True)
class Part:
    """What of a project a plan is about: its matched nodes, or those of ``only``."""

    project: Project
    report: MatchReport
    options: SyncOptions
    only: Collection[str] | None = None


async def read_details(
    collate: CollateClient, part: Part, tables: Mapping[str, Table], on_progress: OnProgress = _silent
) -> ServerState:
    """Edges, test cases with their latest results, definitions, tags and owners of what the plan touches."""
    project, report, options, only = part.project, part.report, part.options, part.only
    used = {ref.fqn for ref in report.matched.values()}
    kept = {fqn: table for fqn, table in tables.items() if fqn in used}
    nodes = [project.nodes[uid] for uid in report.matched if only is None or uid in only]
    async with together() as group:
        edges = group.create_task(_edges(collate, part, kept, on_progress))
        assets = group.create_task(_assets(collate, project, options))
        quality = group.create_task(_quality(collate, part, kept, on_progress))
        metrics = group.create_task(read_metrics(collate, project, report, options, only))
        has_metrics = options.include_metrics and collate.dialect.has_metrics
        measured = chosen_metrics(project, only) if has_metrics else []
        words = group.create_task(_words(collate, [*nodes, *measured], options))
        people = group.create_task(_people(collate, [*nodes, *measured], options))
        contracts = group.create_task(_contracts(collate, nodes, options))
        meta = group.create_task(read_meta_state(collate, nodes, measured))
    found, (has_classification, tags, terms, exclusive), (owners, suggestions) = (
        quality.result(),
        words.result(),
        people.result(),
    )
    asset_refs, asset_edges = assets.result()
    return ServerState(
        tables=kept,
        edges=edges.result(),
        cases=found.cases,
        unread_results=found.unread,
        older_results=found.older,
        definitions=found.definitions,
        has_classification=has_classification,
        tags=tags,
        terms=terms,
        owners=owners,
        suggestions=suggestions,
        exclusive=exclusive | {TIER},
        own_names=frozenset({collate.me.name, "ingestion-bot"}),
        person="" if collate.me.isBot else collate.me.name,
        assets=asset_refs,
        asset_edges=asset_edges,
        meta=meta.result(),
        metrics=metrics.result(),
        contracts=contracts.result(),
    )


async def _contracts(
    collate: CollateClient, nodes: Iterable[Node], options: SyncOptions
) -> Mapping[str, DataContract]:
    """The data contracts of tables; no request where dbt enforces none or the option is off."""
    if not options.include_contracts or not any(node.has_contract for node in nodes):
        return {}
    return {item.entity.id: item for item in await collate.contracts() if not item.deleted}


async def with_sql_edges(
    collate: CollateClient,
    project: Project,
    report: MatchReport,
    state: ServerState,
    only: Collection[str] | None = None,
) -> ServerState:
    """The state with those edges, too, that the report knows from the compiled SQL alone."""
    ends, _ = await asyncio.to_thread(place_edges, project, report, only)
    known, _ = await asyncio.to_thread(place_edges, project, replace(report, reads={}), only)
    asked = {(end.upstream.id, end.downstream.id) for end in known}
    pairs = [
        (end.upstream, end.downstream)
        for end in ends
        if (pair := (end.upstream.id, end.downstream.id)) not in asked and pair not in state.edges
    ]
    more = await read_edges(collate, pairs, sure=_with_data_model(state.tables))
    return replace(state, edges={**state.edges, **more})


def _with_data_model(tables: Mapping[str, Table]) -> set[str]:
    """The ids of the tables that a sync has reached before."""
    return {table.id for table in tables.values() if table.dataModel is not None}


@dataclass(frozen=True, slots=True)
class _Quality:
    cases: Mapping[tuple[str, str], TestCase] = field(default_factory=dict)
    definitions: frozenset[str] = frozenset()
    older: frozenset[tuple[str, int]] = frozenset()
    unread: frozenset[str] = frozenset()


async def _edges(
    collate: CollateClient, part: Part, kept: Mapping[str, Table], on_progress: OnProgress
) -> Mapping[tuple[str, str], LineageEdge]:
    if not part.options.include_lineage:
        return {}
    ends, _ = await asyncio.to_thread(place_edges, part.project, part.report, part.only)
    return await read_edges(
        collate,
        [(end.upstream, end.downstream) for end in ends],
        sure=_with_data_model(kept),
        on_done=lambda done, total: on_progress(done, total, "requests", "lineage"),
    )


async def _assets(
    collate: CollateClient, project: Project, options: SyncOptions
) -> tuple[Mapping[str, AssetRef], frozenset[tuple[str, str]]]:
    if not options.include_lineage:
        return {}, frozenset()
    return await read_assets(collate, project)


async def _quality(
    collate: CollateClient, part: Part, kept: Mapping[str, Table], on_progress: OnProgress
) -> _Quality:
    if not part.options.include_tests:
        return _Quality()
    placed, _ = await asyncio.to_thread(place_tests, part.project, part.report, kept, part.only)
    tested = {item.table.fqn for item in placed if kept[item.table.fqn].testSuite is not None}
    unread = Unread()
    cases = await read_cases(
        collate,
        tested,
        lambda done, total: on_progress(done, total, "test cases", "test cases"),
        unread,
        {
            case_key(item.link, item.test.name)
            for item in placed
            if item.table.fqn in tested and result_of(part.project, item.test) is not None
        },
    )
    definitions = await read_definitions(
        collate, {item.definition for item in placed if case_key(item.link, item.test.name) not in cases}
    )
    older = await read_older_results(
        collate,
        [
            (cases[key].fullyQualifiedName, result.completed_at_ms)
            for item in placed
            if (key := case_key(item.link, item.test.name)) in cases
            and (result := result_of(part.project, item.test)) is not None
            and (newest := cases[key].testCaseResult) is not None
            and newest.timestamp > result.completed_at_ms
        ],
    )
    return _Quality(cases, definitions, older, frozenset(unread.cases))


async def _words(
    collate: CollateClient, nodes: Sequence[Node | Metric], options: SyncOptions
) -> tuple[bool, frozenset[str], frozenset[str], frozenset[str]]:
    """Whether dbt's classification is there, the tags and terms that are, and what is exclusive of them."""
    has_classification, tags, exclusive = await _tags(collate, nodes, options)
    terms = {term for node in nodes for term in node.glossary}
    terms |= {term for column in _columns(nodes) for term in column.glossary}
    return has_classification, tags, await _terms(collate, terms), exclusive


async def _people(
    collate: CollateClient, nodes: Sequence[Node | Metric], options: SyncOptions
) -> tuple[Mapping[str, OwnerRef | None], Mapping[str, tuple[str, ...]]]:
    if not options.update_owners:
        return {}, {}
    owners = await _owners(collate, {owner for node in nodes for owner in node.owners}, options)
    return owners, await _suggestions(collate, [name for name, ref in owners.items() if ref is None])


async def _tags(
    collate: CollateClient, nodes: Sequence[Node | Metric], options: SyncOptions
) -> tuple[bool, frozenset[str], frozenset[str]]:
    named: list[Node | Metric | Column] = [*nodes, *_columns(nodes)]
    fqns = {item.tier for item in named if item.tier}
    if options.include_tags:
        fqns |= {fqn for item in named for fqn in item.meta_tags}
    names = {classification for fqn in fqns if (classification := _first_part(fqn))}
    if options.include_tags and any(item.tags for item in named):
        names.add(options.classification)
    order = sorted(names - {TIER})
    found = await bounded(order, collate.classification, at_once=READERS)
    there = [item for item in found if item is not None]
    listed = await bounded([*(item.name for item in there), *names & {TIER}], collate.tags, at_once=READERS)
    tags = [tag for tags in listed for tag in tags]
    exclusive = {item.fullyQualifiedName or item.name for item in there if item.mutuallyExclusive}
    exclusive |= {tag.fullyQualifiedName for tag in tags if tag.mutuallyExclusive}
    return (
        any(item.name == options.classification for item in there),
        frozenset(tag.fullyQualifiedName for tag in tags),
        frozenset(exclusive),
    )


def _columns(nodes: Iterable[Node | Metric]) -> Iterator[Column]:
    for node in nodes:
        if isinstance(node, Node):
            yield from node.columns


def _first_part(fqn: str) -> str:
    try:
        return split_fqn(fqn)[0]
    except ValueError:
        return ""


async def _terms(collate: CollateClient, fqns: set[str]) -> frozenset[str]:
    order = sorted(fqns)
    found = await bounded(order, collate.glossary_term, at_once=READERS)
    return frozenset(fqn for fqn, term in zip(order, found, strict=True) if term is not None)


async def _owners(
    collate: CollateClient, names: set[str], options: SyncOptions
) -> dict[str, OwnerRef | None]:
    order = sorted(names)

    async def resolve(name: str) -> OwnerRef | None:
        found = await collate.owner(options.owner_map.get(name, name))
        return None if found is None else _owner_ref(found)

    return dict(zip(order, await bounded(order, resolve, at_once=READERS), strict=True))


def _owner_ref(reference: EntityReference) -> OwnerRef:
    return OwnerRef(reference.id, "team" if reference.type == "team" else "user", reference.name)


async def _suggestions(collate: CollateClient, unknown: list[str]) -> dict[str, tuple[str, ...]]:
    """For each unknown owner, the users and teams whose names are like it; never applied on its own."""
    if not unknown:
        return {}
    names: list[str] = []
    try:
        async for people in collate.pages(User, "/users", params={"isBot": False}, doing="list users"):
            names += [person.name for person in people if not person.isBot]
            if len(names) >= PEOPLE_LISTED:
                break
        async for teams in collate.pages(EntityReference, "/teams", doing="list teams"):
            names += [team.name for team in teams]
            if len(names) >= 2 * PEOPLE_LISTED:
                break
    except CollateError:
        return {}
    return {
        owner: tuple(nearest(owner.partition("@")[0], names, at_least=75, in_part=True)) for owner in unknown
    }


async def read_inventory(collate: CollateClient, service: DatabaseService, limit: int = 20) -> Inventory:
    """A service's databases, and the tables of the first ``limit`` of them, for choosing a service."""
    fqn = service.fullyQualifiedName or service.name
    databases = await collate.databases(fqn)
    refs: list[TableRef] = []
    for database in databases[:limit]:
        async for table in collate.tables(database.fullyQualifiedName, ("columns",)):
            refs.append(table_ref(table))
    return Inventory(fqn, service.serviceType, tuple(database.name for database in databases), tuple(refs))
