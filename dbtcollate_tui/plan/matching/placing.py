"""Where things of dbt belong in Collate: the table of each test, the two tables of each edge. No IO."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from dbtcollate_tui.artifacts.project import DbtTest, Node, Project
from dbtcollate_tui.collate.fqn import entity_link, plain_name, quote_part
from dbtcollate_tui.collate.models import Column, ColumnLineage, Table
from dbtcollate_tui.plan.matching.freshness import freshness_tests
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef


class ColumnNames:
    """A table's columns by name, nested ones by dotted name; case is ignored where that is unique.

    A name that OpenMetadata's connectors had to change is found by the warehouse's own spelling.
    """

    def __init__(self, table: Table) -> None:
        self.exact: dict[str, Column] = {}
        folded: dict[str, list[str]] = {}
        self._plain: dict[str, str] = {}
        for _, name, column in table.walk_columns():
            self.exact[name] = column
            plain = plain_name(name)
            self._plain.setdefault(plain, name)
            folded.setdefault(plain.casefold(), []).append(name)
        self._folded = {key: names[0] for key, names in folded.items() if len(names) == 1}
        self._top = {column.name for column in table.columns}

    def find(self, name: str) -> str | None:
        """The server's spelling of a column that dbt names, or ``None``."""
        if name in self.exact:
            return name
        return self._plain.get(name) or self._folded.get(name.casefold())

    def find_top(self, name: str) -> str | None:
        """The column of the table itself that holds what dbt names: a field's struct, however deep it is.

        Servers refuse tests of fields. A column whose own name has a dot is found unchanged.
        """
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            found = self.find(".".join(parts[:count]))
            if found is not None and found in self._top:
                return found
        return None


@dataclass(frozen=True, slots=True)
class PlacedTest:
    """A dbt test with its table, its column by the server's spelling, its definition and its case."""

    test: DbtTest
    table: TableRef
    column: str
    definition: str
    entity_type: Literal["TABLE", "COLUMN"]

    @property
    def link(self) -> str:
        """OpenMetadata's entity link."""
        return entity_link(self.table.fqn, self.column or None)

    @property
    def case_fqn(self) -> str:
        """The test case's FQN: table, column if any, the dbt test's name."""
        middle = f".{quote_part(self.column)}" if self.column else ""
        return f"{self.table.fqn}{middle}.{quote_part(self.test.name)}"


class UnplacedCause(Enum):
    """Why a test has no place in Collate."""

    UNKNOWN_NODE = auto()
    EPHEMERAL = auto()
    NO_TABLE = auto()
    NO_COLUMN = auto()
    NO_LINK = auto()


@dataclass(frozen=True, slots=True)
class UnplacedTest:
    """A dbt test that has no place in Collate, and why."""

    test: DbtTest
    cause: UnplacedCause
    reason: str


def place_tests(
    project: Project, report: MatchReport, tables: Mapping[str, Table], only: Collection[str] | None = None
) -> tuple[list[PlacedTest], list[UnplacedTest]]:
    """The data tests and the freshness of sources with their tables, and those without.

    A test belongs to the node it is attached to (so a ``relationships`` test to the child), a singular one
    to the first node it reads that has a table. A test of an expression, and of a column whose name an
    entity link cannot hold, is a test of the table; one of a struct's field is a test of the struct's
    column. Definitions are named as the reference ingestion names them. ``only`` are the unique ids of the
    nodes asked for.
    """
    placed: list[PlacedTest] = []
    unplaced: list[UnplacedTest] = []
    columns: dict[str, ColumnNames] = {}
    for test in (*project.tests.values(), *freshness_tests(project)):
        if test.kind == "unit":
            continue
        owner = _node_of(test, project, report)
        if only is not None and owner not in only:
            continue
        ref = report.matched.get(owner or "")
        if ref is None or ref.fqn not in tables:
            unplaced.append(_without_table(test, owner, project))
            continue
        if "::" in test.name:
            reason = 'Collate refuses a test with "::" in its name; give it another name in dbt'
            unplaced.append(UnplacedTest(test, UnplacedCause.NO_LINK, reason))
            continue
        if not is_linkable(ref.fqn):
            reason = f"no test can name {ref.fqn}: it holds one of {', '.join(_UNLINKABLE)}"
            unplaced.append(UnplacedTest(test, UnplacedCause.NO_LINK, reason))
            continue
        short = test.test_name.rsplit(".", 1)[-1] if test.kind == "generic" else test.name
        if not test.column_name:
            placed.append(PlacedTest(test, ref, "", f"{short}_table", "TABLE"))
            continue
        names = columns.get(ref.fqn)
        if names is None:
            names = columns[ref.fqn] = ColumnNames(tables[ref.fqn])
        column = names.find_top(test.column_name)
        if column is None and is_expression(test.column_name, project.nodes.get(owner or "")):
            column = ""
        if column is not None and not (column and is_linkable(column)):
            placed.append(PlacedTest(test, ref, "", f"{short}_table", "TABLE"))
            continue
        if column is None:
            unplaced.append(
                UnplacedTest(test, UnplacedCause.NO_COLUMN, f"{ref.fqn} has no column {test.column_name}")
            )
            continue
        placed.append(PlacedTest(test, ref, column, short, "COLUMN"))
    return placed, unplaced


_UNLINKABLE = ("<", ">", "|", "::")
"""What OpenMetadata's pattern of an entity link (``type/basic.json``) does not allow in a name."""
_NAME = re.compile(r"[\w$#@-]+(?:[. ][\w$#@-]+)*")
_WORDS_OF_SQL = frozenset({"case", "and", "or", "not", "is", "distinct", "cast", "between", "in", "like"})


def is_linkable(name: str) -> bool:
    """Whether an entity link of OpenMetadata can hold this name."""
    return not any(part in name for part in _UNLINKABLE)


def is_expression(column: str, node: Node | None) -> bool:
    """Whether a test's ``column_name``, which is no column of the table, is an SQL expression.

    dbt documents expressions there (``country || '-' || id``). A name that the project documents as a column
    is none, whatever is in it.
    """
    if node is not None and any(item.name.casefold() == column.casefold() for item in node.columns):
        return False
    words = {word.casefold() for word in column.split()}
    return _NAME.fullmatch(column) is None or (len(words) > 1 and not words.isdisjoint(_WORDS_OF_SQL))


def _node_of(test: DbtTest, project: Project, report: MatchReport) -> str | None:
    attached = test.attached_node
    if attached is not None and (test.kind != "singular" or attached in report.matched):
        return attached
    read = list(_with_relations(test.depends_on, project))
    return next((unique_id for unique_id in read if unique_id in report.matched), read[0] if read else None)


def _with_relations(unique_ids: Iterable[str], project: Project) -> Iterable[str]:
    for unique_id in unique_ids:
        if unique_id in project.ephemeral:
            yield from project.upstreams(unique_id)
        else:
            yield unique_id


def _without_table(test: DbtTest, owner: str | None, project: Project) -> UnplacedTest:
    if owner is None:
        return UnplacedTest(test, UnplacedCause.UNKNOWN_NODE, "the manifest does not say which node it tests")
    if owner in project.ephemeral:
        return UnplacedTest(test, UnplacedCause.EPHEMERAL, f"{owner} is ephemeral and has no table")
    return UnplacedTest(test, UnplacedCause.NO_TABLE, f"{owner} has no table in Collate")


@dataclass(frozen=True, slots=True)
class EdgeEnds:
    """An edge between two tables, with the downstream node it comes from.

    ``columns`` are what the node's compiled SQL reads, ``None`` where there is none or it cannot be read.
    """

    node: Node
    upstream: TableRef
    downstream: TableRef
    columns: tuple[ColumnLineage, ...] | None = None


def place_edges(
    project: Project, report: MatchReport, only: Collection[str] | None = None
) -> tuple[list[EdgeEnds], list[str]]:
    """Every edge whose two ends have a table, and a line for each that lacks one.

    Edges are those of ``depends_on`` and those of the compiled SQL. Ephemeral parents are bridged, an edge of
    a table to itself is none, and two nodes that claim one table give its edges once. ``only`` restricts the
    downstream ends.
    """
    edges: dict[tuple[str, str], EdgeEnds] = {}
    missing: list[str] = []
    for node in project.nodes.values():
        if only is not None and node.unique_id not in only:
            continue
        here = report.matched.get(node.unique_id)
        upstream: list[TableRef] = []
        for parent in project.upstreams(node.unique_id):
            above = report.matched.get(parent)
            if here is None or above is None:
                absent = node.unique_id if here is None else parent
                missing.append(f"{parent} -> {node.unique_id}: {absent} has no table in Collate")
            else:
                upstream.append(above)
        if here is None:
            continue
        reads = report.reads.get(node.unique_id)
        columns_read = {read.upstream.id: read.columns for read in reads or ()}
        is_read = reads is not None and node.unique_id not in report.unread
        for above in (*upstream, *(read.upstream for read in reads or ())):
            if above.id != here.id:
                columns = columns_read.get(above.id, ()) if is_read else None
                edges.setdefault((above.id, here.id), EdgeEnds(node, above, here, columns))
    return list(edges.values()), missing


def claims(project: Project, report: MatchReport, only: Collection[str] | None) -> dict[str, list[Node]]:
    """By table FQN, the nodes that claim the table; the first describes it, the others fill its gaps.

    ``only`` chooses tables: one that any of these nodes claims is there with all its claimants, so that a
    part of the project says of a table what the whole says.
    """
    found: dict[str, list[Node]] = {}
    chosen = {ref.fqn for unique_id, ref in report.matched.items() if only is None or unique_id in only}
    for unique_id, ref in report.matched.items():
        if ref.fqn in chosen:
            found.setdefault(ref.fqn, []).append(project.nodes[unique_id])
    for fqn, nodes in found.items():
        order = report.shared.get(fqn)
        if order is not None:
            nodes.sort(key=lambda node: order.index(node.unique_id))
    return found
