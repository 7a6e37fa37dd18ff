"""Count how much of what dbt declares is in Collate: for each part of the project, both sides. No IO."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.models import LineageEdge, Table, TestCase
from dbtcollate_tui.plan.matching.matches import MatchReport
from dbtcollate_tui.plan.matching.placing import ColumnNames, place_tests
from dbtcollate_tui.plan.server_state import ServerState, case_key

Grouping = Literal["schema", "folder", "group", "owner", "tag"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
FactName = Literal[
    "matched", "described", "columns", "owned", "tagged", "tested", "passing", "lineage", "column_lineage"
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
    """The whole project's numbers and those of its parts, the largest gap first."""

    grouping: Grouping
    whole: CoverageRow
    rows: tuple[CoverageRow, ...] = ()
    with_collate: bool = True

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

    A node counts once; what dbt does not declare is no gap. A test counts with the node that it tests.
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
    with_collate = report is not None

    def row(name: str, count: int, counters: Mapping[FactName, _Counter]) -> CoverageRow:
        cells = {fact: counters[fact].cell(with_collate) for fact in FACTS if fact in counters}
        return CoverageRow(name, count, cells)

    rows = [row(name, tables[name], counters) for name, counters in groups.items()]
    rows.sort(key=lambda item: (-item.gap, item.name))
    return Coverage(by, row("", len(project.nodes), whole), tuple(rows), with_collate)


class _Facts:
    """What both sides have of each node."""

    def __init__(self, project: Project, report: MatchReport | None, state: ServerState | None) -> None:
        self._project = project
        self._report = report
        self._tables: Mapping[str, Table] = state.tables if state is not None else {}
        self._state = state
        self._tests: dict[str, list[str]] = defaultdict(list)
        self._links: dict[str, tuple[str, str]] = {}
        self._edges: dict[str, list[LineageEdge]] = defaultdict(list)
        for (_, end), edge in (state.edges if state is not None else {}).items():
            self._edges[end].append(edge)
        for test in project.tests.values():
            if test.kind != "unit" and test.attached_node in project.nodes:
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
        names = ColumnNames(table) if table is not None else None
        texts = (
            {name: item.description for _, name, item in table.walk_columns()} if table is not None else {}
        )
        there = [name for name in described if names and texts.get(names.find(name) or "", "").strip()]
        yield "columns", len(described), len(there), max(len(node.columns), len(described)), one
        yield "owned", int(bool(node.owners)), int(table is not None and bool(table.owners)), 1, one
        tagged = bool(node.tags or node.meta_tags or node.glossary or node.tier)
        yield "tagged", int(tagged), int(table is not None and bool(table.tags)), 1, one
        tests = self._tests.get(one, [])
        found = [test for test in tests if self._case(test) is not None]
        yield "tested", int(bool(tests)), int(bool(found)), 1, one
        for test in tests:
            passed = (result := self._project.results.get(test)) is not None and result.status == "pass"
            yield "passing", int(passed), int(self._passes(test)), 1, one
        parents = self._project.upstreams(one)
        drawn = bool(self._edges_of(node))
        yield "lineage", int(bool(parents)), int(drawn), 1, one
        columns = any(edge.columnsLineage for edge in self._edges_of(node))
        reads = self._report is not None and any(read.columns for read in self._report.reads.get(one, ()))
        yield "column_lineage", int(reads), int(columns), 1, one

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
