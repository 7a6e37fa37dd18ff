"""Count how much of what dbt declares is in Collate: for each part of the project, both sides. No IO."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from dbtcollate_tui.artifacts.project import Metric, Node, Project
from dbtcollate_tui.collate.models import LineageEdge, Table, TestCase
from dbtcollate_tui.plan.matching.matches import MatchReport
from dbtcollate_tui.plan.matching.placing import ColumnNames, place_tests
from dbtcollate_tui.plan.model import (
    Change,
    DescriptionChange,
    LineageChange,
    MetricChange,
    OwnersChange,
    Plan,
    TagsChange,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.plan.rules.metrics import chosen_metrics, is_ours
from dbtcollate_tui.plan.server_state import ServerState, case_key

Grouping = Literal["schema", "folder", "group", "owner", "tag"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
FactName = Literal[
    "matched",
    "described",
    "columns",
    "owned",
    "tagged",
    "tested",
    "passing",
    "lineage",
    "column_lineage",
    "metrics",
]
FACTS: tuple[FactName, ...] = get_args(FactName)
TITLES: Mapping[FactName, str] = {
    "matched": "tables matched",
    "described": "tables described",
    "columns": "columns described",
    "owned": "tables owned",
    "tagged": "tables tagged",
    "tested": "tables tested",
    "passing": "tests passing",
    "lineage": "tables with lineage",
    "column_lineage": "tables with column lineage",
    "metrics": "metrics",
}
NEEDS_COLLATE: frozenset[FactName] = frozenset({"matched", "column_lineage"})
"""What dbt's artifacts alone do not tell."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fact of one row: how many dbt has, how many of these are in Collate, of how many in all.

    ``collate`` is ``None`` where no server was read. ``missing`` are the unique ids of the nodes for
    which dbt has more than Collate.
    """

    dbt: int = 0
    collate: int | None = 0
    total: int = 0
    missing: tuple[str, ...] = ()

    @property
    def gap(self) -> int:
        """How many of dbt's are not in Collate."""
        return 0 if self.collate is None else self.dbt - self.collate

    @property
    def percent(self) -> float:
        """Collate's share of dbt's, 100 where dbt has none."""
        return 100.0 if not self.dbt or self.collate is None else 100.0 * self.collate / self.dbt

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "dbt": self.dbt,
            "collate": self.collate,
            "total": self.total,
            "gap": self.gap,
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """The facts of one part of the project, such as a schema."""

    name: str
    tables: int
    cells: Mapping[FactName, Cell]

    @property
    def gap(self) -> int:
        """The sum of all gaps, by which rows are sorted."""
        return sum(cell.gap for cell in self.cells.values())

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "name": self.name,
            "tables": self.tables,
            **{name: cell.as_dict() for name, cell in self.cells.items()},
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole project's numbers and those of its parts, the largest gap first.

    ``not_passing`` are the unique ids of the tests that passed in dbt and not in Collate. ``shared_columns``
    says how many nodes describe a column that Collate has without a text, where that is more than one.
    """

    grouping: Grouping
    whole: CoverageRow
    rows: tuple[CoverageRow, ...] = ()
    with_collate: bool = True
    not_passing: frozenset[str] = frozenset()
    shared_columns: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "by": self.grouping,
            "with_collate": self.with_collate,
            "project": self.whole.as_dict(),
            "rows": [row.as_dict() for row in self.rows],
        }


@dataclass(slots=True)
class _Counter:
    """One fact of one row in the making."""

    dbt: int = 0
    collate: int = 0
    total: int = 0
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, *, dbt: int, collate: int, total: int) -> None:
        self.dbt += dbt
        self.collate += min(dbt, collate)
        self.total += total
        if collate < dbt and name not in self.missing[-1:]:
            self.missing.append(name)

    def cell(self, with_collate: bool) -> Cell:
        collate = self.collate if with_collate else None
        return Cell(self.dbt, collate, self.total, tuple(self.missing) if with_collate else ())


def measure(
    project: Project,
    by: Grouping = "schema",
    *,
    report: MatchReport | None = None,
    state: ServerState | None = None,
) -> Coverage:
    """Count the project's tables; without ``report`` and ``state`` only dbt's side.

    A node counts once; what dbt does not declare is no gap. A test counts with the node that it tests, a
    metric with the tables that it reads (by schema and folder) or with its own group, owners and tags.
    """
    facts = _Facts(project, report, state)
    whole: dict[FactName, _Counter] = defaultdict(_Counter)
    groups: dict[str, dict[FactName, _Counter]] = defaultdict(lambda: defaultdict(_Counter))
    tables: dict[str, int] = defaultdict(int)
    for node in project.nodes.values():
        names = _groups_of(node, project, by)
        for name in names:
            tables[name] += 1
        for fact, dbt, collate, total, missing in facts.of(node):
            for counters in (whole, *(groups[name] for name in names)):
                counters[fact].add(missing, dbt=dbt, collate=collate, total=total)
    for metric, held in facts.metrics():
        for counters in (whole, *(groups[name] for name in _groups_of_metric(metric, project, by))):
            counters["metrics"].add(metric.unique_id, dbt=1, collate=int(held), total=1)
    with_collate = report is not None

    def row(name: str, count: int, counters: Mapping[FactName, _Counter]) -> CoverageRow:
        cells = {fact: counters[fact].cell(with_collate) for fact in FACTS if fact in counters}
        return CoverageRow(name, count, cells)

    rows = [row(name, tables[name], counters) for name, counters in groups.items()]
    rows.sort(key=lambda item: (-item.gap, item.name))
    whole_row = row("", len(project.nodes), whole)
    shared = {target: count for target, count in facts.bare_columns.items() if count > 1}
    return Coverage(by, whole_row, tuple(rows), with_collate, frozenset(facts.not_passing), shared)


class _Facts:
    """What both sides have of each node."""

    def __init__(self, project: Project, report: MatchReport | None, state: ServerState | None) -> None:
        self._project = project
        self._report = report
        self._tables: Mapping[str, Table] = state.tables if state is not None else {}
        self._state = state
        self._tests: dict[str, list[str]] = defaultdict(list)
        self._links: dict[str, tuple[str, str]] = {}
        self.not_passing: set[str] = set()
        self.bare_columns: Counter[str] = Counter()
        self._edges: dict[str, list[LineageEdge]] = defaultdict(list)
        for (_, end), edge in (state.edges if state is not None else {}).items():
            self._edges[end].append(edge)
        for test in project.tests.values():
            if test.kind not in ("unit", "freshness") and test.attached_node in project.nodes:
                self._tests[test.attached_node or ""].append(test.unique_id)
        if report is not None and state is not None:
            for item in place_tests(project, report, state.tables)[0]:
                self._links[item.test.unique_id] = case_key(item.link, item.test.name)

    def of(self, node: Node) -> Iterable[tuple[FactName, int, int, int, str]]:
        """(fact, dbt, Collate, total, name of what is missing) of one node."""
        ref = self._report.matched.get(node.unique_id) if self._report is not None else None
        table = self._tables.get(ref.fqn) if ref is not None else None
        one = node.unique_id
        yield "matched", 1, int(table is not None), 1, one
        text, held = node.description.strip(), table.description.strip() if table is not None else ""
        yield "described", int(bool(text)), int(bool(held)), 1, one
        described = [column.name for column in node.columns if column.description.strip()]
        there = self._texts_of(table, described) if table is not None else 0
        yield "columns", len(described), there, max(len(node.columns), len(described)), one
        yield "owned", int(bool(node.owners)), int(table is not None and bool(table.owners)), 1, one
        tagged = bool(node.tags or node.meta_tags or node.glossary or node.tier)
        yield "tagged", int(tagged), int(table is not None and bool(table.tags)), 1, one
        tests = self._tests.get(one, [])
        found = [test for test in tests if self._case(test) is not None]
        yield "tested", int(bool(tests)), int(bool(found)), 1, one
        for test in tests:
            passed = (result := self._project.results.get(test)) is not None and result.status == "pass"
            passes = self._passes(test)
            if passed and not passes:
                self.not_passing.add(test)
            yield "passing", int(passed), int(passes), 1, one
        parents = self._project.upstreams(one)
        drawn = bool(self._edges_of(node))
        yield "lineage", int(bool(parents)), int(drawn), 1, one
        columns = any(edge.columnsLineage for edge in self._edges_of(node))
        reads = self._report is not None and any(read.columns for read in self._report.reads.get(one, ()))
        yield "column_lineage", int(reads), int(columns), 1, one

    def _texts_of(self, table: Table, described: Sequence[str]) -> int:
        """How many of these columns have a text in Collate; those that have none there are counted."""
        names = ColumnNames(table)
        texts = {name: item.description for _, name, item in table.walk_columns()}
        there = 0
        for name in described:
            held = names.find(name)
            if held and texts.get(held, "").strip():
                there += 1
            elif held:
                self.bare_columns[f"{table.fullyQualifiedName}.{held}"] += 1
        return there

    def metrics(self) -> Iterable[tuple[Metric, bool]]:
        """Each metric that dbt has, with whether Collate holds it as this project's."""
        for metric in chosen_metrics(self._project, None):
            state, report = self._state, self._report
            if state is None or report is None:
                yield metric, False
                continue
            there = state.metrics.by_name.get(metric.name)
            yield metric, there is not None and is_ours(self._project, report, metric, there, state)

    def _case(self, test: str) -> TestCase | None:
        key = self._links.get(test)
        return self._state.cases.get(key) if self._state is not None and key is not None else None

    def _passes(self, test: str) -> bool:
        case = self._case(test)
        return (
            case is not None
            and case.testCaseResult is not None
            and case.testCaseResult.testCaseStatus == "Success"
        )

    def _edges_of(self, node: Node) -> Sequence[LineageEdge]:
        """The edges in Collate that end at the node's table, of those that dbt has."""
        ref = self._report.matched.get(node.unique_id) if self._report is not None else None
        return self._edges.get(ref.id, ()) if ref is not None else ()


def _groups_of(node: Node, project: Project, by: Grouping) -> tuple[str, ...]:
    match by:
        case "schema":
            return (node.schema or "no schema",)
        case "folder":
            folder = node.original_file_path.rpartition("/")[0]
            return (folder or "no folder",)
        case "owner":
            return node.owners or ("no owner",)
        case "tag":
            return node.tags or ("no tag",)
        case "group":
            resource = project.resources.get(node.unique_id)
            group = str(resource.config.get("group") or "") if resource is not None else ""
            return (group or "no group",)


def _groups_of_metric(metric: Metric, project: Project, by: Grouping) -> tuple[str, ...]:
    match by:
        case "owner":
            return metric.owners or ("no owner",)
        case "tag":
            return metric.tags or ("no tag",)
        case "group":
            return (metric.group or "no group",)
        case _:
            nodes = [project.nodes[one] for one in project.metric_nodes(metric.unique_id)]
            names = [name for node in nodes for name in _groups_of(node, project, by)]
            return tuple(dict.fromkeys(names)) or (f"no {by}",)


def after(plan: Plan, written: Collection[str]) -> dict[str, tuple[int, int]]:
    """The project's numbers, dbt's and Collate's, after the changes with these keys were written.

    Empty where the plan was made without counting.
    """
    if plan.coverage is None:
        return {}
    filled: dict[FactName, set[str]] = defaultdict(set)
    for change in plan.changes:
        if change.key in written:
            for fact, name in _filled_by(change):
                filled[fact].add(name)
    found: dict[str, tuple[int, int]] = {}
    for fact, cell in plan.coverage.whole.cells.items():
        if fact == "columns":
            more = sum(plan.coverage.shared_columns.get(target, 1) for target in filled[fact])
        elif fact == "passing":
            more = len(filled[fact] & plan.coverage.not_passing)
        else:
            names = (ref.fqn if (ref := plan.match.matched.get(one)) else one for one in cell.missing)
            more = sum(name in filled[fact] for name in names)
        found[fact] = cell.dbt, min(cell.dbt, (cell.collate or 0) + more)
    return found


def _filled_by(change: Change) -> Iterable[tuple[FactName, str]]:
    """The facts that a written change brings to Collate, with the table, metric or single thing it is for."""
    match change:
        case DescriptionChange() if change.column:
            if not change.before.strip():
                yield "columns", change.target
        case DescriptionChange():
            yield "described", change.table.fqn
        case OwnersChange():
            yield "owned", change.table.fqn
        case TagsChange() if not change.column:
            yield "tagged", change.table.fqn
        case LineageChange():
            yield "lineage", change.downstream.fqn
            if change.columns:
                yield "column_lineage", change.downstream.fqn
        case TestCaseChange():
            yield "tested", change.table.fqn
        case TestResultChange() if change.status == "Success":
            yield "passing", change.unique_id
        case MetricChange():
            yield "metrics", change.unique_id
        case _:
            pass
