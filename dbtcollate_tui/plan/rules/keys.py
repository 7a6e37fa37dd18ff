"""The plan's part on keys: dbt's primary, unique and foreign keys as constraints of the tables. No IO."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Constraint, Project
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import quote_part
from dbtcollate_tui.collate.models import Table, TableConstraint
from dbtcollate_tui.plan.changes.tables import key_words
from dbtcollate_tui.plan.matching.matches import MatchReport
from dbtcollate_tui.plan.matching.placing import ColumnNames
from dbtcollate_tui.plan.model import Conflict, KeysChange
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.server_state import ServerState

TYPES: Mapping[str, str] = {
    "primary_key": "PRIMARY_KEY",
    "unique": "UNIQUE",
    "foreign_key": "FOREIGN_KEY",
}
"""dbt's types of keys and OpenMetadata's."""


@dataclass(frozen=True, slots=True)
class LostKey:
    """A key of dbt's that cannot be a constraint in Collate, and why."""

    node: str
    type: str
    columns: tuple[str, ...]
    reason: str

    @property
    def words(self) -> str:
        """``foreign key of orders (cid): customers has no table in Collate``."""
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"{self.type.replace('_', ' ')} of {self.node}{columns}: {self.reason}"


@dataclass(slots=True)
class KeyFacts:
    """The keys that were left out."""

    lost: list[LostKey] = field(default_factory=list)


def plan_keys(
    claimed: Claimed,
    project: Project,
    report: MatchReport,
    state: ServerState,
    dialect: Dialect,
    findings: Findings,
    facts: KeyFacts,
) -> None:
    """Add the keys of a table that has none of their type; others stay and are shown as conflicts.

    A key that the connector put on a column counts as one of the table.
    """
    node = next((item for item in claimed.nodes if item.constraints and not item.is_pointer), None)
    if node is None or claimed.is_guest:
        return
    reading = _Reading(project, report, state, dialect, claimed.table)
    for name, kind in TYPES.items():
        listed = [item for item in node.constraints if item.type == name]
        if name == "primary_key":
            listed = listed[:1]
        wanted: dict[TableConstraint, None] = {}
        for item in listed:
            found = reading.constraint(kind, item)
            if isinstance(found, TableConstraint):
                wanted[found] = None
            else:
                facts.lost.append(LostKey(node.name, name, item.columns, found))
        if wanted:
            _compare(claimed, kind, tuple(wanted), findings)


@dataclass(frozen=True, slots=True)
class _Reading:
    project: Project
    report: MatchReport
    state: ServerState
    dialect: Dialect
    table: Table

    def constraint(self, kind: str, item: Constraint) -> TableConstraint | str:
        """The constraint as Collate has it, or why there is none."""
        columns = _names(self.table, item.columns)
        if isinstance(columns, str):
            return columns
        if kind != "FOREIGN_KEY":
            return TableConstraint(constraintType=kind, columns=columns)
        referred = self._referred(item)
        if isinstance(referred, str):
            return referred
        if len(referred) != len(columns):
            return "it refers to another number of columns"
        return TableConstraint(
            constraintType=kind,
            columns=columns,
            referredColumns=referred,
            relationshipType="MANY_TO_ONE" if self.dialect.has_key_relations else "",
        )

    def _referred(self, item: Constraint) -> tuple[str, ...] | str:
        if item.to_node is None:
            return "what it refers to is no model or source that dbt names"
        ref = self.report.matched.get(item.to_node)
        table = self.state.tables.get(ref.fqn) if ref is not None else None
        if table is None:
            return f"{item.to_node.split('.', 2)[-1]} has no table in Collate"
        names = item.to_columns
        target = self.project.nodes.get(item.to_node)
        if not names and target is not None:
            names = next((key.columns for key in target.constraints if key.type == "primary_key"), ())
        found = _names(table, names)
        if isinstance(found, str):
            return found
        return tuple(f"{table.fullyQualifiedName}.{quote_part(name)}" for name in found)


def _names(table: Table, columns: Collection[str]) -> tuple[str, ...] | str:
    """The columns of the table itself by the server's spelling, or why they are none."""
    if not columns:
        return "it names no columns"
    known = ColumnNames(table)
    top = {column.name for column in table.columns}
    found = [known.find(name) for name in columns]
    for name, there in zip(columns, found, strict=True):
        if there is None or there not in top:
            return f"Collate has no column {name} of {table.name}"
    return tuple(name for name in found if name is not None)


def held_keys(table: Table, kind: str) -> tuple[TableConstraint, ...]:
    """The keys of one type that the table has, those that the connector put on a column among them."""
    of_columns = (
        TableConstraint(constraintType=kind, columns=(column.name,))
        for column in table.columns
        if column.constraint == kind
    )
    return (*(item for item in table.tableConstraints if item.constraintType == kind), *of_columns)


def _compare(claimed: Claimed, kind: str, wanted: tuple[TableConstraint, ...], findings: Findings) -> None:
    table = claimed.table
    held = held_keys(table, kind)
    own = tuple(item for item in table.tableConstraints if item.constraintType == kind)
    if {_comparable(item) for item in wanted} <= {_comparable(item) for item in held}:
        findings.same("keys")
        return
    change = KeysChange(
        unique_id=claimed.first.unique_id, table=claimed.ref, type=kind, before=own, after=wanted
    )
    if not held:
        findings.changes.append(change)
        return
    reason = f"the table has {'a ' if len(held) == 1 else 'other '}{_words(kind, len(held))} already"
    findings.kept.append(
        Conflict(
            "keys",
            claimed.ref.fqn,
            change.label,
            key_words(held),
            change.new,
            reason,
            table.updatedBy,
            change if len(own) == len(held) else None,
            kind,
        )
    )


def _words(kind: str, number: int) -> str:
    words = "unique key" if kind == "UNIQUE" else kind.lower().replace("_", " ")
    return words if number == 1 else f"{words}s"


def _comparable(item: TableConstraint) -> tuple[frozenset[object], bool]:
    """The columns, of a foreign key with what each refers to; their order and the relation do not count."""
    if item.referredColumns:
        return frozenset(zip(item.columns, item.referredColumns, strict=False)), True
    return frozenset(item.columns), False
