"""Explain one table: a verdict, then fact by fact what dbt says, what Collate has and what a sync does.

Everything that a sync would do comes from the plan of this table, made by `plan.build`, so an explanation
cannot disagree with the plan of the whole project. No IO.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.project import DbtTest, Node, Project
from dbtcollate_tui.collate.fqn import join_fqn, plain_name, split_fqn
from dbtcollate_tui.collate.models import LineageEdge, Table
from dbtcollate_tui.plan.changes.tables import key_words
from dbtcollate_tui.plan.matching.matches import CAUSE_WORDS, MatchReport, TableRef, Unmatched
from dbtcollate_tui.plan.matching.placing import ColumnNames, place_tests
from dbtcollate_tui.plan.model import (
    Change,
    Conflict,
    Group,
    KeysChange,
    LineageChange,
    MetricChange,
    Plan,
    TestResultChange,
)
from dbtcollate_tui.plan.rules.keys import TYPES as KEY_TYPES
from dbtcollate_tui.plan.rules.keys import held_keys
from dbtcollate_tui.plan.rules.metrics import chosen_metrics, is_ours
from dbtcollate_tui.plan.server_state import ServerState, case_key
from dbtcollate_tui.settings.model import SyncOptions

FactState = Literal["same", "pending", "conflict", "left_out", "collate_only"]
"""``same``: Collate has what dbt says. ``pending``: the next sync writes it. ``conflict``: Collate's value
stays. ``left_out``: dbt says it and no sync writes it. ``collate_only``: dbt says nothing of it."""

GLOSSARY = "Glossary"
"""OpenMetadata's source of a label that is a glossary term."""

MatchKind = Literal["exact", "case", "mapping", "none"]
EdgeOrigin = Literal["both", "dbt_only", "collate_only"]
EdgeGap = Literal["none", "no_table", "pending"]
"""Why an edge of dbt is not in Collate: its upstream table is not, or no sync has written it yet."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who set a value in Collate, and when (``None`` where the server does not say)."""

    name: str = ""
    at: datetime | None = None

    def __str__(self) -> str:
        when = f" on {self.at.day} {self.at:%B %Y}" if self.at is not None else ""
        return f"{self.name or 'unknown'}{when}"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that dbt or Collate says of the table or of one of its columns (``column``, else empty).

    ``file`` is the dbt file that says it; ``reason`` why a sync does what ``state`` says; ``option`` what
    would change that, as a command option.
    """

    name: str
    state: FactState
    dbt: str = ""
    collate: str = ""
    column: str = ""
    file: str = ""
    author: Author | None = None
    reason: str = ""
    option: str = ""

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "fact": self.name,
            "column": self.column,
            "state": self.state,
            "dbt": self.dbt,
            "collate": self.collate,
            "file": self.file,
            "set_by": self.author.name if self.author is not None else "",
            "set_at": self.author.at.isoformat() if self.author is not None and self.author.at else None,
            "reason": self.reason,
            "option": self.option,
        }


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the table's lineage: where it is known, and why it is missing on one side."""

    upstream: str
    downstream: str
    origin: EdgeOrigin
    gap: EdgeGap = "none"
    reason: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    level: int = 1

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "upstream": self.upstream,
            "downstream": self.downstream,
            "origin": self.origin,
            "gap": self.gap,
            "reason": self.reason,
            "columns": [list(pair) for pair in self.columns],
            "level": self.level,
        }


OLD_DAYS = 7
"""A run that finished longer ago is named in the verdict."""


@dataclass(frozen=True, slots=True)
class RunAge:
    """The run that dbt's side is from: ``words`` name it with its age."""

    words: str
    is_old: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known of one table. ``changes`` and ``conflicts`` are the plan's own."""

    name: str
    unique_ids: tuple[str, ...]
    verdict: str
    is_good: bool
    fqn: str = ""
    match: MatchKind = "none"
    match_text: str = ""
    run_text: str = ""
    """The run that dbt's side is from, with its age."""
    unmatched: Unmatched | None = None
    facts: tuple[Fact, ...] = ()
    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    edges: tuple[Edge, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    reading: tuple[str, ...] = ()
    """What is still being read, where this is shown before all is known."""

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "name": self.name,
            "unique_ids": list(self.unique_ids),
            "verdict": self.verdict,
            "good": self.is_good,
            "table": self.fqn or None,
            "match": self.match,
            "match_text": self.match_text,
            "run": self.run_text,
            "unmatched": self.unmatched.as_dict() if self.unmatched is not None else None,
            "facts": [fact.as_dict() for fact in self.facts],
            "next_sync": [change.as_dict() for change in self.changes],
            "conflicts": [conflict.as_dict() for conflict in self.conflicts],
            "lineage": [edge.as_dict() for edge in self.edges],
            "links": dict(self.links),
        }


def changes_of(plan: Plan, fqn: str) -> tuple[Change, ...]:
    """What a plan changes of one table, in the plan's order."""
    return tuple(change for change in plan.changes if change.table_fqn == fqn)


def explain(
    project: Project,
    report: MatchReport,
    state: ServerState,
    plan: Plan,
    unique_ids: Sequence[str],
    options: SyncOptions,
    *,
    versions: Sequence[Table] = (),
    around: Iterable[LineageEdge] = (),
    links: Mapping[str, str] | None = None,
    run: RunAge | None = None,
) -> Explanation:
    """Explain the table of these nodes.

    ``plan`` holds at least this table's changes; ``versions`` are the table's versions, latest first;
    ``around`` are the edges that Collate shows for the table.
    """
    nodes = [_node(project, unique_id) for unique_id in unique_ids]
    first = nodes[0]
    ref = next((report.matched[one] for one in unique_ids if one in report.matched), None)
    if ref is None or ref.fqn not in state.tables:
        missing = next((item for item in report.unmatched if item.unique_id in unique_ids), None)
        return Explanation(
            name=first.name,
            unique_ids=tuple(unique_ids),
            verdict=_unmatched_verdict(first, missing),
            is_good=missing is not None and missing.cause == "ephemeral",
            match_text=missing.detail if missing is not None else "",
            run_text=run.words if run is not None else "",
            unmatched=missing,
            links=links or {},
        )
    table = state.tables[ref.fqn]
    changes = changes_of(plan, ref.fqn)
    conflicts = tuple(item for item in plan.conflicts if _is_of(item, ref))
    facts = [
        *_table_facts(project, nodes, table, changes, conflicts, options, versions),
        *_test_facts(project, report, state, ref, unique_ids, changes),
        *_metric_facts(project, report, state, plan, unique_ids),
        *(Fact(item.kind.replace("_", " "), "left_out", reason=item.sentence) for item in plan.not_written),
    ]
    edges = _edges(project, report, state, ref, unique_ids, changes, around)
    match, match_text = _match(first, ref, report, options)
    of_run = [f"What dbt says is old: it is of {run.words}."] if run is not None and run.is_old else []
    if not project.has_catalog:
        of_run.append(
            "The run has no catalog.json, so the warehouse's own column types and comments are not known."
        )
    tests = [one for one in project.tests.values() if one.attached_node in unique_ids and one.kind != "unit"]
    if silent := [one for one in tests if one.unique_id not in project.results and one.kind != "freshness"]:
        have = "has" if len(tests) == 1 else "have"
        of_run.append(f"{len(silent)} of {wording.count(len(tests), 'test')} {have} no result in the run.")
    verdict, is_good = _verdict(facts, edges, changes, of_run)
    return Explanation(
        name=first.name,
        unique_ids=tuple(unique_ids),
        verdict=verdict,
        is_good=is_good,
        fqn=ref.fqn,
        match=match,
        match_text=match_text,
        run_text=run.words if run is not None else "",
        facts=tuple(facts),
        changes=changes,
        conflicts=conflicts,
        edges=tuple(edges),
        links=links or {},
    )


def first_known(
    project: Project, report: MatchReport, unique_ids: Sequence[str], options: SyncOptions
) -> Explanation:
    """What is known once the tables are read: whether and how the nodes' table was matched."""
    first = _node(project, unique_ids[0])
    ref = next((report.matched[one] for one in unique_ids if one in report.matched), None)
    missing = next((item for item in report.unmatched if item.unique_id in unique_ids), None)
    match, match_text = _match(first, ref, report, options) if ref is not None else ("none", "")
    return Explanation(
        name=first.name,
        unique_ids=tuple(unique_ids),
        verdict=f"{first.name} has a table in Collate." if ref else _unmatched_verdict(first, missing),
        is_good=False,
        fqn=ref.fqn if ref is not None else "",
        match=match,
        match_text=match_text or (missing.detail if missing is not None else ""),
        unmatched=missing if ref is None else None,
        reading=("facts", "lineage", "history"),
    )


def _node(project: Project, unique_id: str) -> Node:
    for group in (project.nodes, project.ephemeral, project.disabled):
        if unique_id in group:
            return group[unique_id]
    raise KeyError(unique_id)


def _is_of(conflict: Conflict, ref: TableRef) -> bool:
    return conflict.target == ref.fqn or conflict.target.startswith(f"{ref.fqn}.")


def _unmatched_verdict(node: Node, missing: Unmatched | None) -> str:
    if missing is None:
        return f"{node.name} is not in this run's manifest as a table."
    if missing.cause == "ephemeral":
        return (
            f"{node.name} is ephemeral: dbt builds no table for it. Its lineage leads through to its parents."
        )
    if missing.cause == "disabled":
        return f"{node.name} is disabled in dbt, so a sync leaves it out."
    fix = f" {_sentence(missing.fix)}" if missing.fix else ""
    return (
        f"{node.name} has no table in Collate: {CAUSE_WORDS[missing.cause]}. {_sentence(missing.detail)}{fix}"
    )


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _match(node: Node, ref: TableRef, report: MatchReport, options: SyncOptions) -> tuple[MatchKind, str]:
    named = ".".join(part for part in (node.database, node.schema, node.identifier) if part)
    if node.unique_id in report.by_case:
        return "case", f"{named} in dbt is {ref.fqn} in Collate; the names differ in case only"
    if node.database and node.database in options.database_map:
        return "mapping", f"database {node.database} is mapped to {options.database_map[node.database]}"
    return "exact", f"{named} in dbt is {ref.fqn} in Collate"


def _file_of(project: Project, node: Node) -> str:
    """The file that documents the node, else the one that defines it."""
    resource = project.resources.get(node.unique_id)
    return (resource.patch_path if resource is not None else "") or node.original_file_path


def _table_facts(
    project: Project,
    nodes: Sequence[Node],
    table: Table,
    changes: Sequence[Change],
    conflicts: Sequence[Conflict],
    options: SyncOptions,
    versions: Sequence[Table],
) -> list[Fact]:
    by_key = {(change.kind, getattr(change, "column", "")): change for change in changes}
    stays = {(item.group, _column_of(item, table)): item for item in conflicts}
    first = nodes[0]
    file = ""
    server = {name: column for _, name, column in table.walk_columns()}

    def fact(
        name: str,
        kind: str,
        group: Group,
        dbt: str,
        collate: str,
        column: str = "",
        *,
        on: bool = True,
        off: str = "",
    ) -> Fact:
        author = author_of(versions, name, column) if collate else None
        change, conflict = by_key.get((kind, column)), stays.get((group, column))
        if change is not None:
            return Fact(name, "pending", dbt, collate, column, file, author, change.note)
        if conflict is not None and dbt:
            option = "--overwrite" if group == "descriptions" else ""
            return Fact(name, "conflict", dbt, collate, column, file, author, conflict.reason, option)
        if not dbt:
            return Fact(name, "collate_only", dbt, collate, column, "", author)
        if not on:
            reason = f"the profile's option {off} is off"
            return Fact(name, "left_out", dbt, collate, column, file, author, reason, f"{off} = true")
        return Fact(name, "same", dbt, collate, column, file, author)

    teller = next((node for node in nodes if node.description.strip()), first)
    file = _file_of(project, teller) or _file_of(project, first)
    facts = [fact("description", "description", "descriptions", teller.description, table.description)]
    file = _file_of(project, first)
    names = ColumnNames(table)
    seen: set[str] = set()
    for node in nodes:
        for column in node.columns:
            wanted = column.description or column.comment or ""
            found = names.find(column.name)
            if found is None:
                if wanted or column.tags:
                    reason = "Collate's table has no column of this name"
                    facts.append(Fact("description", "left_out", wanted, "", column.name, file, None, reason))
                continue
            if found in seen:
                continue
            seen.add(found)
            held = server[found].description
            if wanted or held:
                facts.append(fact("description", "description", "descriptions", wanted, held, found))
            tags = [*column.tags, *column.meta_tags, *column.glossary]
            labels = [label.tagFQN for label in server[found].tags]
            if tags:
                facts.append(
                    fact(
                        "tags",
                        "tags",
                        "tags",
                        ", ".join(tags),
                        ", ".join(labels),
                        found,
                        on=options.include_tags,
                        off="include_tags",
                    )
                )
    owners = next((node.owners for node in nodes if node.owners), ())
    held_owners = ", ".join(owner.displayName or owner.name for owner in table.owners)
    facts.append(
        fact(
            "owners",
            "owners",
            "owners",
            ", ".join(owners),
            held_owners,
            on=options.update_owners,
            off="update_owners",
        )
    )
    labels = [label.tagFQN for label in table.tags if label.source != GLOSSARY]
    held_terms = ", ".join(label.tagFQN for label in table.tags if label.source == GLOSSARY)
    tiers = [label for label in labels if label.startswith("Tier.")]
    tags = list(dict.fromkeys(tag for node in nodes for tag in (*node.tags, *node.meta_tags)))
    terms = list(dict.fromkeys(term for node in nodes for term in node.glossary))
    tier = next((node.tier for node in nodes if node.tier), "") or ""
    for name, said, has in (
        ("tags", ", ".join(tags), ", ".join(label for label in labels if label not in tiers)),
        ("glossary terms", ", ".join(terms), held_terms),
        ("tier", tier, ", ".join(tiers)),
    ):
        if said or has:
            facts.append(fact(name, "tags", "tags", said, has, on=options.include_tags, off="include_tags"))
    domain = next((node.domain for node in nodes if node.domain), "") or ""
    if domain or table.domains:
        held_domains = ", ".join(item.name or item.fullyQualifiedName for item in table.domains)
        facts.append(fact("domain", "domain", "properties", domain, held_domains))
    products = ", ".join(dict.fromkeys(name for node in nodes for name in node.data_products))
    if products or table.dataProducts:
        held_products = ", ".join(item.name or item.fullyQualifiedName for item in table.dataProducts)
        facts.append(fact("data products", "data_products", "properties", products, held_products))
    properties: dict[str, object] = {}
    for node in reversed(nodes):
        properties |= node.custom_properties
    if properties:
        shown = ", ".join(f"{name}={value}" for name, value in properties.items())
        held_properties = ", ".join(
            f"{name}={table.extension[name]}" for name in properties if name in table.extension
        )
        facts.append(fact("custom properties", "custom_property", "properties", shown, held_properties))
    facts += _key_facts(nodes, table, changes, conflicts)
    model = table.dataModel
    held_model = f"{model.resourceType} {model.path}".strip() if model is not None else ""
    file = first.original_file_path
    facts.append(
        fact("data model", "data_model", "data model", f"{first.resource_type} {file}".strip(), held_model)
    )
    return facts


def _key_facts(
    nodes: Sequence[Node], table: Table, changes: Sequence[Change], conflicts: Sequence[Conflict]
) -> Iterator[Fact]:
    """One fact for each type of key that dbt or Collate has."""
    keyed = next((node for node in nodes if node.constraints and not node.is_pointer), nodes[0])
    for dbt_type, kind in KEY_TYPES.items():
        wanted = [item for item in keyed.constraints if item.type == dbt_type]
        there = held_keys(table, kind)
        if not (wanted or there):
            continue
        dbt = "; ".join(", ".join(item.columns) or item.to for item in wanted)
        name, held, file = dbt_type.replace("_", " "), key_words(there), keyed.original_file_path
        change = next((item for item in changes if isinstance(item, KeysChange) and item.type == kind), None)
        conflict = next((item for item in conflicts if item.group == "keys" and item.part == kind), None)
        if change is not None:
            yield Fact(name, "pending", change.new, held, "", file, None, change.note)
        elif conflict is not None:
            yield Fact(name, "conflict", conflict.dbt, conflict.server, "", file, None, conflict.reason)
        elif dbt and not held:
            reason = "a column or the table that it refers to is not in Collate"
            yield Fact(name, "left_out", dbt, held, "", file, None, reason)
        else:
            yield Fact(name, "same" if dbt else "collate_only", dbt, held, "", file if dbt else "", None)


def _column_of(conflict: Conflict, table: Table) -> str:
    """The column that a conflict is about; empty where it is the table itself."""
    change = conflict.change
    if change is not None:
        return str(getattr(change, "column", ""))
    prefix = f"{table.fullyQualifiedName}."
    return conflict.target.removeprefix(prefix) if conflict.target.startswith(prefix) else ""


def author_of(versions: Sequence[Table], name: str, column: str = "") -> Author | None:
    """Who set the value that a table has now: the oldest version in a row that already had it.

    ``versions`` are latest first. ``None`` where there is no history or no rule for the fact.
    """
    read = _READERS.get(name)
    if read is None or not versions:
        return None
    value = read(versions[0], column)
    setter = versions[0]
    for version in versions[1:]:
        if read(version, column) != value:
            break
        setter = version
    at = datetime.fromtimestamp(setter.updatedAt / 1000, UTC) if setter.updatedAt is not None else None
    return Author(setter.updatedBy, at)


def _description_in(table: Table, column: str) -> object:
    if not column:
        return table.description.strip()
    return next((item.description.strip() for _, name, item in table.walk_columns() if name == column), None)


def _tags_in(table: Table, column: str) -> object:
    if not column:
        return {label.tagFQN for label in table.tags}
    found = next((item for _, name, item in table.walk_columns() if name == column), None)
    return {label.tagFQN for label in found.tags} if found is not None else None


def _owners_in(table: Table, column: str) -> object:
    return None if column else {owner.id for owner in table.owners}


def _domains_in(table: Table, column: str) -> object:
    return None if column else {domain.id for domain in table.domains}


_READERS: Mapping[str, Callable[[Table, str], object]] = {
    "description": _description_in,
    "tags": _tags_in,
    "tier": _tags_in,
    "owners": _owners_in,
    "domain": _domains_in,
}


def _test_facts(
    project: Project,
    report: MatchReport,
    state: ServerState,
    ref: TableRef,
    unique_ids: Sequence[str],
    changes: Sequence[Change],
) -> list[Fact]:
    placed, unplaced = place_tests(project, report, state.tables, set(unique_ids))
    pending = {
        (change.name, change.column): change for change in changes if isinstance(change, TestResultChange)
    }
    cases = {change.target for change in changes if change.kind == "test_case"}
    facts = []
    for item in placed:
        if item.table.fqn != ref.fqn:
            continue
        case = state.cases.get(case_key(item.link, item.test.name))
        said = _result_words(project, item.test)
        newest = case.testCaseResult if case is not None else None
        has = "" if newest is None else str(newest.testCaseStatus)
        waits = (item.test.name, item.column) in pending or item.case_fqn in cases or case is None
        state_of: FactState = "pending" if waits else "same"
        facts.append(
            Fact(f"test {item.test.name}", state_of, said, has, item.column, item.test.original_file_path)
        )
    for lost in unplaced:
        facts.append(
            Fact(
                f"test {lost.test.name}",
                "left_out",
                _result_words(project, lost.test),
                "",
                lost.test.column_name or "",
                lost.test.original_file_path,
                None,
                lost.reason,
            )
        )
    return facts


def _metric_facts(
    project: Project, report: MatchReport, state: ServerState, plan: Plan, unique_ids: Sequence[str]
) -> Iterator[Fact]:
    """The metrics that read the table, as dbt and Collate have them."""
    pending = {change.name: change for change in plan.changes if isinstance(change, MetricChange)}
    kept = {item.label: item for item in plan.conflicts if item.group == "metrics"}
    for metric in chosen_metrics(project, set(unique_ids)):
        there = state.metrics.by_name.get(metric.name)
        ours = there is not None and is_ours(project, report, metric, there, state)
        said = f"{metric.type}: {metric.label or metric.description or metric.name}"
        held = f"{there.displayName or there.description or there.name}" if there is not None else ""
        name, change, conflict = f"metric {metric.name}", pending.get(metric.name), kept.get(metric.name)
        if change is not None:
            yield Fact(name, "pending", said, held, reason=change.note)
        elif conflict is not None:
            yield Fact(name, "conflict", said, held, reason=conflict.reason)
        elif not ours:
            reason = "the server has no metrics, they are not synced, or Collate's is not dbt's"
            yield Fact(name, "left_out", said, held, reason=reason, option="include_metrics = true")
        else:
            yield Fact(name, "same", said, held)


def _result_words(project: Project, test: DbtTest) -> str:
    result = project.results.get(test.unique_id)
    if result is None:
        freshness = project.freshness.get(test.attached_node or "")
        return (
            freshness.status
            if test.kind == "freshness" and freshness is not None
            else "no result in this run"
        )
    return result.status


def _edges(
    project: Project,
    report: MatchReport,
    state: ServerState,
    ref: TableRef,
    unique_ids: Sequence[str],
    changes: Sequence[Change],
    around: Iterable[LineageEdge],
) -> list[Edge]:
    held = {(edge.fromEntity.id, edge.toEntity.id): edge for edge in around}
    held |= {pair: edge for pair, edge in state.edges.items() if ref.id in pair}
    pending = {change.upstream.id: change for change in changes if isinstance(change, LineageChange)}
    unmatched = {item.unique_id: item for item in report.unmatched}
    edges: list[Edge] = []
    known: set[str] = set()
    parents = dict.fromkeys(parent for one in unique_ids for parent in project.upstreams(one))
    for parent in parents:
        above = report.matched.get(parent)
        if above is None:
            missing = unmatched.get(parent)
            reason = (
                f"{CAUSE_WORDS[missing.cause]}: {missing.detail}" if missing is not None else "not in Collate"
            )
            edges.append(Edge(parent, ref.fqn, "dbt_only", "no_table", reason))
            continue
        known.add(above.id)
        edge = held.get((above.id, ref.id))
        if edge is None:
            edges.append(Edge(above.fqn, ref.fqn, "dbt_only", "pending", "the next sync writes it"))
        else:
            reason = "the next sync completes it" if above.id in pending else ""
            edges.append(Edge(above.fqn, ref.fqn, "both", "none", reason, _columns(edge)))
    for (start, end), edge in held.items():
        if end == ref.id and start not in known:
            by_sql = start in pending
            name = edge.fromEntity.fullyQualifiedName or edge.fromEntity.name or start
            origin: EdgeOrigin = "both" if by_sql else "collate_only"
            edges.append(Edge(name, ref.fqn, origin, "none", _made_by(edge), _columns(edge)))
    known |= {edge_from for edge_from, end in held if end == ref.id}
    for upstream, change in pending.items():
        if upstream not in known:
            edges.append(
                Edge(
                    change.upstream.fqn,
                    ref.fqn,
                    "dbt_only",
                    "pending",
                    "read in the compiled SQL; the next sync writes it",
                )
            )
    return edges


def _columns(edge: LineageEdge) -> tuple[tuple[str, str], ...]:
    return tuple((source, item.toColumn) for item in edge.columnsLineage for source in item.fromColumns)


_SOURCES = {
    "DbtLineage": "drawn by dbt's lineage",
    "ViewLineage": "drawn by the connector from a view",
    "QueryLineage": "drawn by the connector from queries",
    "Manual": "drawn by a person",
}
"""OpenMetadata's ``lineageDetails.source``, in words."""


def _made_by(edge: LineageEdge) -> str:
    return _SOURCES.get(edge.source or "", f"source {edge.source}" if edge.source else "source not known")


def _verdict(
    facts: Sequence[Fact],
    edges: Sequence[Edge],
    changes: Sequence[Change],
    of_run: Sequence[str] = (),
) -> tuple[str, bool]:
    """One or two sentences, the most severe finding first; ``of_run`` is what is amiss with dbt's side."""
    sentences: list[str] = []
    absent = [edge for edge in edges if edge.gap == "no_table"]
    if absent:
        total = len([edge for edge in edges if edge.origin != "collate_only"])
        sentences.append(
            f"Lineage is incomplete: {len(absent)} of {wording.count(total, 'upstream table')} "
            f"{'is' if len(absent) == 1 else 'are'} not in Collate ({absent[0].reason})."
        )
    shown = [item for item in facts if item.state == "conflict"]
    if shown:
        item = shown[0]
        what = f"{item.name} of column {item.column}" if item.column else item.name
        if item.author is not None and item.author.name:
            when = f" on {item.author.at.day} {item.author.at:%B}" if item.author.at is not None else ""
            why = f"{item.author.name} edited it in Collate{when}"
        else:
            why = f"Collate has another value: {item.reason}"
        sentences.append(f"dbt's {what} is not shown because {why}.")
    sentences += of_run
    if changes and len(sentences) < 2:
        groups: dict[str, int] = {}
        for change in changes:
            groups[change.group] = groups.get(change.group, 0) + 1
        words = ", ".join(f"{group} {number}" for group, number in groups.items())
        sentences.append(f"The next sync writes {wording.count(len(changes), 'change')}: {words}.")
    left = [item for item in facts if item.state == "left_out"]
    if left and len(sentences) < 2:
        item = left[0]
        what = f"{item.name} of {item.column}" if item.column else item.name
        sentences.append(f"Left out: {wording.count(len(left), 'fact')} (first: {what}: {item.reason}).")
    if not sentences:
        return "Everything dbt says about this table is in Collate.", True
    return " ".join(sentences[:2]), False


def tree_of(
    project: Project,
    report: MatchReport,
    ref: TableRef,
    unique_ids: Sequence[str],
    around: Iterable[LineageEdge],
    levels: int,
) -> list[Edge]:
    """The edges around the table beyond its direct parents: its children, and both sides up to ``levels``.

    ``around`` are the edges that Collate shows. A table of dbt and one of Collate are the same here where
    schema and name are, in any case.
    """
    names = {one: _place(node.schema or "", node.identifier) for one, node in project.nodes.items()}
    held = {_ends(edge): edge for edge in around}
    children: dict[str, list[str]] = {}
    for one in project.nodes:
        for parent in project.upstreams(one):
            children.setdefault(parent, []).append(one)
    for one, exposure in project.exposures.items():
        if exposure.open_metadata_fqn:
            names[one] = _place_of(exposure.open_metadata_fqn)
            for parent in project.upstreams(one):
                children.setdefault(parent, []).append(one)
    absent = {item.unique_id for item in report.unmatched}

    def shown_as(one: str) -> str:
        """The name that an edge of the first level has for the node too."""
        if one in report.matched:
            return report.matched[one].fqn
        node = project.nodes.get(one)
        if one in absent or node is None:
            return one
        return join_fqn(ref.service, node.database or "", node.schema or "", node.identifier)

    edges: list[Edge] = []
    seen: set[tuple[Place, Place]] = set()
    for upwards in (True, False):
        here = [one for one in unique_ids if one in project.nodes]
        places = {_place(ref.schema, ref.name)}
        for level in range(1, levels + 1):
            dbt = {
                (parent, one) if upwards else (one, parent)
                for one in here
                for parent in (project.upstreams(one) if upwards else children.get(one, ()))
            }
            pairs = {(names[start], names[end]): (start, end) for start, end in sorted(dbt)}
            shown = {pair for pair in held if pair[1 if upwards else 0] in places}
            for pair in sorted(pairs.keys() | shown):
                if pair in seen or (upwards and level == 1):
                    seen.add(pair)
                    continue
                seen.add(pair)
                ends = pairs.get(pair)
                called = (shown_as(ends[0]), shown_as(ends[1])) if ends is not None else None
                edges.append(_tree_edge(pair, called, held.get(pair), level))
            here = sorted({ends[0 if upwards else 1] for ends in dbt})
            places = {pair[0 if upwards else 1] for pair in pairs.keys() | shown}
    return edges


Place = tuple[str, str]
"""Schema and table, case-folded."""


def _place(schema: str, name: str) -> Place:
    return plain_name(schema).casefold(), plain_name(name).casefold()


def _ends(edge: LineageEdge) -> tuple[Place, Place]:
    return _place_of(edge.fromEntity.fullyQualifiedName), _place_of(edge.toEntity.fullyQualifiedName)


def _place_of(fqn: str) -> Place:
    try:
        parts = split_fqn(fqn)
    except ValueError:
        return "", fqn.casefold()
    return _place(parts[-2] if len(parts) > 1 else "", parts[-1])


def _tree_edge(
    pair: tuple[Place, Place], ends: tuple[str, str] | None, edge: LineageEdge | None, level: int
) -> Edge:
    if edge is not None:
        start, end = edge.fromEntity.fullyQualifiedName, edge.toEntity.fullyQualifiedName
        origin: EdgeOrigin = "both" if ends is not None else "collate_only"
        return Edge(start, end, origin, "none", "" if ends else _made_by(edge), _columns(edge), level)
    start, end = ends if ends is not None else (".".join(pair[0]), ".".join(pair[1]))
    return Edge(start, end, "dbt_only", "pending", "not in Collate's lineage", (), level)
