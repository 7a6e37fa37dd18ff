"""Changes of lineage: edges between tables, and from tables to the assets of exposures."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from dbtcollate_tui.collate.fqn import plain_name, split_fqn
from dbtcollate_tui.collate.models import ColumnLineage, LineageEdge
from dbtcollate_tui.plan.changes.base import Change, Group, Removal
from dbtcollate_tui.plan.matching.matches import AssetRef, TableRef


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeChange(Change):
    """A change of an edge between two tables."""

    upstream: TableRef
    downstream: TableRef

    @property
    def target(self) -> str:
        """``upstream FQN -> downstream FQN``."""
        return f"{self.upstream.fqn} -> {self.downstream.fqn}"

    @property
    def label(self) -> str:
        """``downstream from upstream``, both as ``schema.table``."""
        return f"{self.downstream.short} from {self.upstream.short}"

    @property
    def table_fqn(self) -> str:
        """The downstream table's FQN."""
        return self.downstream.fqn


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEdge(Removal, EdgeChange):
    """An edge that a sync from here drew and dbt no longer has."""

    kind: ClassVar[str] = "remove_edge"
    group: ClassVar[Group] = "lineage"
    done: ClassVar[str] = "drawn"

    edge: LineageEdge

    @property
    def old(self) -> str:
        """What is taken away."""
        return "edge of dbt's lineage"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageChange(EdgeChange):
    """One edge between two tables, with the compiled SQL and what each column is made of."""

    kind: ClassVar[str] = "lineage"
    group: ClassVar[Group] = "lineage"

    sql: str
    columns: tuple[ColumnLineage, ...] = ()
    existing: LineageEdge | None = None

    @property
    def old(self) -> str:
        """The old edge: its columns, then its SQL or ``edge without SQL``."""
        there = self.existing
        return _edge_words(there.sqlQuery, there.columnsLineage) if there is not None else ""

    @property
    def new(self) -> str:
        """The edge as it will be: its columns, then the compiled SQL or ``edge without SQL``."""
        return _edge_words(self.sql, self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureChange(Change):
    """The edge from a table to the dashboard, ML model or API endpoint of an exposure."""

    kind: ClassVar[str] = "exposure"
    group: ClassVar[Group] = "lineage"

    upstream: TableRef
    asset: AssetRef

    @property
    def target(self) -> str:
        """``upstream FQN -> asset FQN``."""
        return f"{self.upstream.fqn} -> {self.asset.fqn}"

    @property
    def label(self) -> str:
        """``asset from upstream``."""
        return f"{self.asset.fqn} from {self.upstream.short}"

    @property
    def new(self) -> str:
        """What is made."""
        return f"edge to the {self.asset.type}"

    @property
    def table_fqn(self) -> str:
        """The upstream table's FQN."""
        return self.upstream.fqn


def _edge_words(sql: str, columns: Iterable[ColumnLineage]) -> str:
    lines = [
        f"{_column_name(item.toColumn)} from {', '.join(map(_column_name, item.fromColumns))}"
        for item in columns
    ]
    return "\n".join([*lines, sql or "edge without SQL"])


def _column_name(fqn: str) -> str:
    try:
        return plain_name(split_fqn(fqn)[-1])
    except ValueError:
        return fqn
