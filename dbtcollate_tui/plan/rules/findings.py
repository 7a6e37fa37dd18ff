"""What planning collects on its way, and a table with the nodes that claim it. No IO."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Column, Node
from dbtcollate_tui.collate.models import DataModel, Table
from dbtcollate_tui.plan.matching.matches import TableRef
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
    unfit_properties: list[str] = field(default_factory=list)

    def same(self, group: Group) -> None:
        """Count one thing that is equal already."""
        self.unchanged[group] = self.unchanged.get(group, 0) + 1


@dataclass(frozen=True, slots=True)
class Claimed:
    """A table with the nodes that claim it: the first describes it, the others fill its gaps."""

    ref: TableRef
    table: Table
    nodes: Sequence[Node]

    @property
    def first(self) -> Node:
        """The node that describes the table."""
        return self.nodes[0]

    @property
    def last_sent(self) -> DataModel:
        """What dbt sent before, as the server's data model keeps it."""
        return self.table.dataModel or DataModel()

    def columns(self) -> list[Column]:
        """The claimants' columns, each once; the first that names one wins, a later one fills its text."""
        found: dict[str, Column] = {}
        for node in self.nodes:
            for column in node.columns:
                key = column.name.casefold()
                known = found.get(key)
                if known is None or (not known.description and column.description):
                    found[key] = column
        return list(found.values())
