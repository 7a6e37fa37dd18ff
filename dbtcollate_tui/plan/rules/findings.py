"""What planning collects on its way, and a table with the nodes that claim it. No IO."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dbtcollate_tui.artifacts.project import Column, Node
from dbtcollate_tui.collate.models import Column as ServerColumn
from dbtcollate_tui.collate.models import DataModel, Table
from dbtcollate_tui.plan.matching.matches import TableRef
from dbtcollate_tui.plan.matching.placing import ColumnNames
from dbtcollate_tui.plan.model import Change, Conflict, Group, NewTag


@dataclass(slots=True)
class Findings:
    """What planning collects on its way."""

    changes: list[Change] = field(default_factory=list)
    unchanged: dict[Group, int] = field(default_factory=dict)
    kept: list[Conflict] = field(default_factory=list)
    descriptions: dict[tuple[str, str], str] = field(default_factory=dict)
    new_tags: dict[str, NewTag] = field(default_factory=dict)
    unknown_tags: dict[str, set[str]] = field(default_factory=dict)
    unknown_owners: dict[str, list[str]] = field(default_factory=dict)
    unknown_columns: list[str] = field(default_factory=list)
    unknown_domains: dict[str, set[str]] = field(default_factory=dict)
    unknown_properties: dict[str, set[str]] = field(default_factory=dict)
    unknown_data_products: dict[str, set[str]] = field(default_factory=dict)
    foreign_data_products: dict[str, set[str]] = field(default_factory=dict)
    unknown_column_properties: dict[str, set[str]] = field(default_factory=dict)
    unplaced_column_properties: list[str] = field(default_factory=list)
    unknown_metric_properties: dict[str, set[str]] = field(default_factory=dict)
    unfit_properties: list[str] = field(default_factory=list)
    refused_tags: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    guests: dict[str, set[str]] = field(default_factory=dict)
    stubs: set[str] = field(default_factory=set)
    unclear_texts: set[tuple[str, str]] = field(default_factory=set)
    """Descriptions, by table FQN and column, that may be a person's: their table's history would tell."""

    def same(self, group: Group) -> None:
        """Count one thing that is equal already."""
        self.unchanged[group] = self.unchanged.get(group, 0) + 1


@dataclass(frozen=True, slots=True)
class Claimed:
    """A table with the nodes that claim it: the first describes it, the others fill its gaps.

    ``is_guest``: another dbt project builds the table, so that this one only fills what is empty.
    """

    ref: TableRef
    table: Table
    nodes: Sequence[Node]
    is_guest: bool = False

    @property
    def first(self) -> Node:
        """The node that describes the table."""
        return self.nodes[0]

    @property
    def last_sent(self) -> DataModel:
        """What dbt sent before, as the server's data model keeps it."""
        return self.table.dataModel or DataModel()

    def last_sent_column(self, name: str) -> ServerColumn | None:
        """What dbt sent before of a column; its case is ignored where that is unique."""
        columns = self.last_sent.columns
        exact = next((column for column in columns if column.name == name), None)
        folded = [column for column in columns if column.name.casefold() == name.casefold()]
        return exact or (folded[0] if len(folded) == 1 else None)

    def columns(self) -> list[tuple[Column, str | None]]:
        """The claimants' columns with the server's spelling, ``None`` for one that Collate does not have.

        Each column of the table is there once: the first node that names it wins, and a later one fills what
        it lacks. Columns that differ in case only are two where the table has both.
        """
        names = ColumnNames(self.table)
        found: dict[str, tuple[Column, str | None]] = {}
        for node in self.nodes:
            for column in node.columns:
                name = names.find(column.name)
                key = column.name.casefold() if name is None else f"={name}"
                known = found.get(key)
                found[key] = (column if known is None else _filled(known[0], column), name)
        return list(found.values())


def _filled(first: Column, other: Column) -> Column:
    """The first node's column with what only the other one says."""
    return replace(
        first,
        description=first.description or other.description,
        comment=first.comment or other.comment,
        tags=tuple(dict.fromkeys((*first.tags, *other.tags))),
        meta_tags=tuple(dict.fromkeys((*first.meta_tags, *other.meta_tags))),
        glossary=tuple(dict.fromkeys((*first.glossary, *other.glossary))),
        tier=first.tier or other.tier,
        custom_properties={**other.custom_properties, **first.custom_properties},
        index=other.index if first.index is None else first.index,
        data_type=first.data_type or other.data_type,
    )
