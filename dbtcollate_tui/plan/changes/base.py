"""What every change of a plan is: a frozen value that names its target, its old value and the new one."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from dbtcollate_tui.collate.fqn import plain_name
from dbtcollate_tui.plan.matching.matches import TableRef

Group = Literal[
    "descriptions",
    "owners",
    "tags",
    "properties",
    "keys",
    "contracts",
    "data model",
    "lineage",
    "metrics",
    "tests",
    "test results",
]


GROUPS: tuple[Group, ...] = (
    "descriptions",
    "owners",
    "tags",
    "properties",
    "keys",
    "contracts",
    "data model",
    "lineage",
    "metrics",
    "tests",
    "test results",
)


Action = Literal["add", "replace", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``key`` is stable between two plans of the same run, and what a selection names.

    ``requires`` are keys of changes that must be written first; where one of them is left out or fails, this
    one is skipped.
    """

    kind: ClassVar[str] = "change"
    group: ClassVar[Group] = "descriptions"

    unique_id: str = ""
    requires: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The change's stable name: kind and target."""
        return f"{self.kind}:{self.target}"

    @property
    def target(self) -> str:
        """What is changed, as an FQN, or ``FQN -> FQN`` for an edge."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The target for a list: schema, table and column."""
        return self.target

    @property
    def old(self) -> str:
        """The old value as text; empty where there is nothing."""
        return ""

    @property
    def new(self) -> str:
        """The new value as text."""
        raise NotImplementedError

    @property
    def action(self) -> Action:
        """Whether something is added or an old value replaced."""
        return "replace" if self.old else "add"

    @property
    def note(self) -> str:
        """A word on the old value, such as who wrote it; empty where there is none."""
        return ""

    @property
    def table_fqn(self) -> str:
        """The FQN of the table that it is about, of an edge the downstream one; empty where there is none."""
        return ""

    def as_dict(self) -> dict[str, object]:
        """The change as JSON values, for ``--json`` and exports."""
        return {
            "key": self.key,
            "kind": self.kind,
            "group": self.group,
            "action": self.action,
            "target": self.target,
            "label": self.label,
            "table": self.table_fqn,
            "unique_id": self.unique_id,
            "old": self.old,
            "new": self.new,
            "note": self.note,
            "requires": list(self.requires),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange(Change):
    """A change of a table or of one of its columns; ``column`` is the server's name, or empty."""

    table: TableRef
    column: str = ""

    @property
    def target(self) -> str:
        """The table's FQN, with the column where there is one."""
        return f"{self.table.fqn}.{self.column}" if self.column else self.table.fqn

    @property
    def label(self) -> str:
        """``schema.table`` or ``schema.table.column``, in the warehouse's spelling."""
        return f"{self.table.short}.{plain_name(self.column)}" if self.column else self.table.short

    @property
    def table_fqn(self) -> str:
        """The table's FQN."""
        return self.table.fqn


class Removal:
    """Mixed in before a change's base: what a sync from here wrote and dbt no longer has is taken away."""

    __slots__ = ()
    done: ClassVar[str] = "written"

    @property
    def note(self) -> str:
        """How it is known that it is ours."""
        return f"{self.done} by a sync from here, no longer in dbt"

    @property
    def new(self) -> str:
        """Nothing takes its place."""
        return ""

    @property
    def action(self) -> Action:
        """Always ``remove``."""
        return "remove"
