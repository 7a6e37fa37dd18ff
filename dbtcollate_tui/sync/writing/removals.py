"""What dbt no longer has and a sync from here wrote: shown with the plan, removed only where asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.project import Column, Node, Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.models import LineageEdge, Metric, Table, TestCase
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.history.ledger import Written, digest_of
from dbtcollate_tui.plan.matching.matches import TableRef
from dbtcollate_tui.plan.matching.placing import ColumnNames, claims, place_tests
from dbtcollate_tui.plan.model import (
    Change,
    Conflict,
    Plan,
    RemoveDescription,
    RemoveEdge,
    RemoveMetric,
    RemoveOwners,
    RemoveTags,
    RemoveTestCase,
)
from dbtcollate_tui.plan.rules.ownership import Role, claim_of, packages_of
from dbtcollate_tui.plan.rules.tags import AUTOMATED
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.reading.edges import READERS
from dbtcollate_tui.sync.reading.server import TABLE_FIELDS, table_ref

DBT_EDGE = "DbtLineage"


@dataclass(frozen=True, slots=True)
class Stale:
    """What was read for the removals: tables without a node any more, edges and tests that dbt does not have.

    ``cases`` are the test cases with their tables, ``metrics`` those that nobody has changed since.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    edges: tuple[tuple[TableRef, TableRef, LineageEdge], ...] = ()
    cases: tuple[tuple[TableRef, TestCase], ...] = ()
    metrics: tuple[Metric, ...] = ()


async def read_stale(
    collate: CollateClient,
    project: Project,
    plan: Plan,
    written: Written,
    options: SyncOptions,
    only: frozenset[str] | None,
) -> Stale:
    """Read what the plan did not: a request for each table, edge and test that dbt does not have any more.

    A table counts as lost where dbt no longer builds the node that it was written for, because it is deleted,
    disabled or ephemeral: a node that a run builds elsewhere, as a pull request's does, loses nothing, nor
    does one that could not be read. Where a part was chosen (``only``), lost tables are
    left alone, and so are the edges of a node whose SQL this run does not say or nobody could read: it may
    read more than ``depends_on`` says. A table whose data model names another dbt project is left.
    """
    known = {"", *project.nodes, *project.unreadable}
    away = sorted(written.tables.difference(plan.tables)) if only is None else []
    lost = [fqn for fqn in away if written.nodes.get(fqn, "") not in known]
    found = await bounded(lost, lambda fqn: collate.table(fqn, TABLE_FIELDS), at_once=READERS)
    packages = packages_of(project)
    tables = {
        table.fullyQualifiedName: table
        for table in found
        if table is not None and not _is_anothers(table, project, packages)
    }
    cases: tuple[tuple[TableRef, TestCase], ...] = ()
    if options.include_tests:
        cases = await _left_cases(collate, project, plan, written, tables, only)
    metrics = await _left_metrics(collate, project, written, options) if only is None else ()
    refs = {fqn: table_ref(table) for fqn, table in (*plan.tables.items(), *tables.items())}
    if not options.include_lineage:
        return Stale(tables, cases=cases, metrics=metrics)
    here = {
        fqn
        for fqn, nodes in claims(project, plan.match, only).items()
        if not any(_may_read_more(node, plan) or node.unique_id in project.unreadable for node in nodes)
    }
    planned = {(above.fqn, below.fqn) for above, below in plan.expected.edges}
    pairs = [
        (refs[above], refs[below])
        for above, below in sorted(written.edges - planned)
        if above in refs and below in refs and (below in here or below in tables)
    ]
    edges = await bounded(pairs, lambda pair: collate.edge(pair[0].id, pair[1].id), at_once=READERS)
    return Stale(
        tables,
        tuple(
            (*pair, edge)
            for pair, edge in zip(pairs, edges, strict=True)
            if edge is not None and edge.source == DBT_EDGE
        ),
        cases,
        metrics,
    )


async def _left_metrics(
    collate: CollateClient, project: Project, written: Written, options: SyncOptions
) -> tuple[Metric, ...]:
    """The metrics that we created, that dbt does not have any more and that nobody has changed since."""
    if not (options.include_metrics and collate.dialect.has_metrics):
        return ()
    if any(name.startswith("metric.") for name in project.unreadable):
        return ()
    known = {join_fqn(metric.name) for metric in project.metrics.values()}
    found = await bounded(sorted(written.metrics - known), collate.metric, at_once=READERS)
    return tuple(item for item in found if item is not None and item.updatedBy == collate.me.name)


async def _left_cases(
    collate: CollateClient,
    project: Project,
    plan: Plan,
    written: Written,
    lost: Mapping[str, Table],
    only: frozenset[str] | None,
) -> tuple[tuple[TableRef, TestCase], ...]:
    """The test cases that we created for tests that dbt does not have any more, on tables that are ours.

    A case that another test now stands for is no such case, and neither is that of a source's freshness.
    """
    known = {*project.tests, *project.unreadable, *(f"{node}_freshness" for node in project.nodes)}
    gone = {fqn: case for fqn, case in written.cases.items() if case.test not in known}
    if not gone:
        return ()
    refs = {fqn: table_ref(plan.tables[fqn]) for fqn in _owned(project, plan, only)}
    refs |= {fqn: table_ref(table) for fqn, table in lost.items()}
    placed, _ = place_tests(project, plan.match, plan.tables, only)
    expected = {item.case_fqn for item in placed}
    asked = [fqn for fqn, case in sorted(gone.items()) if case.table in refs and fqn not in expected]
    found = await bounded(asked, lambda fqn: collate.test_case(fqn, ()), at_once=READERS)
    return tuple(
        (refs[gone[fqn].table], case) for fqn, case in zip(asked, found, strict=True) if case is not None
    )


def _owned(project: Project, plan: Plan, only: frozenset[str] | None) -> dict[str, Sequence[Node]]:
    """By table FQN, the nodes of the tables whose texts and tests are this project's, all readable."""
    packages = packages_of(project)
    found: dict[str, Sequence[Node]] = {}
    for fqn, nodes in claims(project, plan.match, only).items():
        claim = claim_of(project.project_name, packages, nodes, plan.tables[fqn].dataModel)
        is_read = project.unreadable.isdisjoint(node.unique_id for node in nodes)
        if claim is not None and claim.role is Role.OWNER and is_read:
            found[fqn] = nodes
    return found


def _is_anothers(table: Table, project: Project, packages: Collection[str]) -> bool:
    other = table.dataModel.dbtSourceProject if table.dataModel is not None else ""
    return bool(other and project.project_name) and other not in (project.project_name, *packages)


def leftover_note(stale: Stale) -> str:
    """What stays on the tables that dbt no longer builds, in words; empty where nothing does."""
    names = sorted(table_ref(table).short for table in stale.tables.values() if table.dataModel is not None)
    if not names:
        return ""
    return (
        f"dbt no longer builds {wording.count(len(names), 'table')} of Collate's ({wording.some(names)}). The"
        " dbt data model stays until the table is deleted in Collate; the rest that a sync from here wrote is"
        " removed where you ask for it (--remove)."
    )


def _may_read_more(node: Node, plan: Plan) -> bool:
    has_sql = node.resource_type in ("model", "snapshot")
    return has_sql and (not node.compiled_code or node.unique_id in plan.match.unread)


def removable(
    project: Project,
    plan: Plan,
    written: Written,
    stale: Stale,
    options: SyncOptions,
    only: frozenset[str] | None,
) -> tuple[Conflict, ...]:
    """What may be removed: written by us, still as we wrote it, and no longer said by dbt. No IO.

    A text must be the very text that was written.
    A tag must carry the label type of a sync, an edge dbt's source. Owners go only where dbt names none at
    all any more: where it names others, they are replaced by the plan's own change.
    """
    nodes = {
        fqn: claimants
        for fqn, claimants in claims(project, plan.match, only).items()
        if project.unreadable.isdisjoint(node.unique_id for node in claimants)
    }
    tables = {**{fqn: plan.tables[fqn] for fqn in nodes}, **stale.tables}
    found: list[Change] = []
    if options.update_descriptions:
        owned = _owned(project, plan, only)
        for (fqn, column), digest in sorted(written.texts.items()):
            table = plan.tables[fqn] if fqn in owned else stale.tables.get(fqn)
            if table is not None:
                found += _text(table, column, digest, owned.get(fqn, ()))
    if options.include_tags:
        for (fqn, column), ours in sorted(written.tags.items()):
            if fqn in tables:
                found += _tags(tables[fqn], column, ours, nodes.get(fqn, ()), options)
    if options.update_owners:
        for fqn, ids in sorted(written.owners.items()):
            if fqn in tables and not any(node.owners for node in nodes.get(fqn, ())):
                found += _owners(tables[fqn], ids)
    if options.include_lineage:
        found += [RemoveEdge(upstream=up, downstream=down, edge=edge) for up, down, edge in stale.edges]
    found += [
        RemoveTestCase(table=ref, name=case.name, fqn=case.fullyQualifiedName, id=case.id)
        for ref, case in stale.cases
    ]
    found += [
        RemoveMetric(name=item.name, fqn=item.fullyQualifiedName or item.name, id=item.id)
        for item in stale.metrics
    ]
    return tuple(
        Conflict(
            change.group,
            change.table_fqn or change.target,
            change.label,
            server=change.old,
            dbt="",
            reason=change.note,
            change=change,
        )
        for change in found
    )


def _text(table: Table, column: str, digest: str, nodes: Sequence[Node]) -> list[Change]:
    columns = {name: found for _, name, found in table.walk_columns()}
    if column and column not in columns:
        return []
    text = columns[column].description if column else table.description
    names = ColumnNames(table)
    if column:
        of_column = [item for node in nodes for item in node.columns if names.find(item.name) == column]
        said = any(item.description or item.comment for item in of_column)
    else:
        said = any(node.description.strip() for node in nodes)
    if said or not text.strip() or digest_of(text) != digest:
        return []
    unique_id = nodes[0].unique_id if nodes else ""
    return [RemoveDescription(unique_id=unique_id, table=table_ref(table), column=column, before=text)]


def _tags(
    table: Table, column: str, ours: set[str], nodes: Sequence[Node], options: SyncOptions
) -> list[Change]:
    columns = {name: found for _, name, found in table.walk_columns()}
    if column and column not in columns:
        return []
    labels = columns[column].tags if column else table.tags
    said = _said(table, column, nodes, options)
    gone = tuple(
        label.tagFQN
        for label in labels
        if label.tagFQN in ours and label.labelType == AUTOMATED and label.tagFQN not in said
    )
    if not gone:
        return []
    before = tuple(label.tagFQN for label in labels)
    ref = table_ref(table)
    unique_id = nodes[0].unique_id if nodes else ""
    return [RemoveTags(unique_id=unique_id, table=ref, column=column, before=before, removed=gone)]


def _said(table: Table, column: str, nodes: Sequence[Node], options: SyncOptions) -> set[str]:
    """The FQNs of the tags and terms that dbt names for a table, or for one of its columns."""
    found: set[str] = set()
    names = ColumnNames(table)
    for node in nodes:
        if not column:
            found |= _fqns(node, options)
            continue
        for item in node.columns:
            if names.find(item.name) == column:
                found |= _fqns(item, options)
    return found


def _fqns(named: Node | Column, options: SyncOptions) -> set[str]:
    own = {join_fqn(options.classification, tag) for tag in named.tags if tag.strip()}
    tier = {named.tier} if named.tier else set()
    return own | tier | {*named.meta_tags, *named.glossary}


def _owners(table: Table, ids: frozenset[str]) -> list[Change]:
    gone = tuple(owner for owner in table.owners if owner.id in ids)
    if not gone:
        return []
    return [
        RemoveOwners(
            table=table_ref(table),
            before=tuple(owner.displayName or owner.name or owner.id for owner in table.owners),
            removed=frozenset(owner.id for owner in gone),
            names=tuple(owner.displayName or owner.name or owner.id for owner in gone),
        )
    ]
