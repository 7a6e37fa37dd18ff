"""What matching dbt's nodes with Collate's tables gives, as plain values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dbtcollate_tui.collate.fqn import plain_name
from dbtcollate_tui.collate.models import ColumnLineage

Cause = Literal[
    "wrong_service",
    "database_not_ingested",
    "schema_not_ingested",
    "case_differs",
    "ambiguous",
    "name_differs",
    "wildcard",
    "table_not_ingested",
    "ephemeral",
    "disabled",
]

CAUSE_WORDS: Mapping[Cause, str] = {
    "wrong_service": "service of another type",
    "database_not_ingested": "database not ingested",
    "schema_not_ingested": "schema not ingested or filtered out",
    "case_differs": "name differs in case",
    "ambiguous": "several tables differ in case only",
    "name_differs": "name differs",
    "wildcard": "wildcard over several tables",
    "table_not_ingested": "table not ingested",
    "ephemeral": "ephemeral, has no table",
    "disabled": "disabled in dbt",
}

NOT_INGESTED_CAUSES: frozenset[Cause] = frozenset(
    {"database_not_ingested", "schema_not_ingested", "table_not_ingested", "name_differs"}
)
"""Causes that a run of the service's metadata agent can end; a like name may be that of another table."""
HARMLESS_CAUSES: frozenset[Cause] = frozenset({"ephemeral", "disabled"})


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table of the server: its id, its FQN with OpenMetadata's quoting, and the FQN's parts."""

    id: str
    fqn: str
    service: str
    database: str
    schema: str
    name: str

    @property
    def short(self) -> str:
        """``schema.table`` in the warehouse's spelling, for lists."""
        return f"{plain_name(self.schema)}.{plain_name(self.name)}"


AssetType = Literal["dashboard", "mlmodel", "apiEndpoint", "metric"]


@dataclass(frozen=True, slots=True)
class AssetRef:
    """The server's entity of a dbt exposure."""

    id: str
    type: AssetType
    fqn: str

    @property
    def short(self) -> str:
        """Its FQN, for lists."""
        return self.fqn


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A dbt node without a table: what was looked for, why it was not found, the nearest names, the fix."""

    unique_id: str
    fqn: str
    cause: Cause
    detail: str
    candidates: tuple[str, ...] = ()
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "unique_id": self.unique_id,
            "fqn": self.fqn,
            "cause": self.cause,
            "detail": self.detail,
            "candidates": list(self.candidates),
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """All unmatched nodes of one cause, with the words for it."""

    cause: Cause
    words: str
    nodes: tuple[Unmatched, ...]

    @property
    def harmless(self) -> bool:
        """Whether a node of this cause is not expected to have a table."""
        return self.cause in HARMLESS_CAUSES


@dataclass(frozen=True, slots=True)
class SqlRead:
    """A table that a node's compiled SQL reads, and what of the node's columns comes from it."""

    upstream: TableRef
    columns: tuple[ColumnLineage, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchReport:
    """Each node with its table, or with the reason for having none.

    ``by_case`` are the unique ids that were found only by ignoring case; ``shared`` holds tables that two
    nodes claim, by table FQN: the first unique id is the one that describes the table. ``reads`` are the
    tables that a node's compiled SQL reads, by unique id; ``unread`` says why SQL could not be read, and
    ``unresolved`` are names in SQL that no column of a known table is certain to be.
    """

    matched: Mapping[str, TableRef]
    unmatched: tuple[Unmatched, ...] = ()
    by_case: frozenset[str] = frozenset()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reads: Mapping[str, tuple[SqlRead, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    unresolved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def expected(self) -> int:
        """How many nodes should have a table: ephemeral and disabled ones are not counted."""
        return len(self.matched) + len(self.missing)

    @property
    def missing(self) -> tuple[Unmatched, ...]:
        """The nodes that should have a table and have none."""
        return tuple(item for item in self.unmatched if item.cause not in HARMLESS_CAUSES)

    def groups(self) -> tuple[CauseGroup, ...]:
        """The unmatched nodes by cause, most frequent first, harmless ones last."""
        counts = Counter(item.cause for item in self.unmatched)
        order = sorted(counts, key=lambda cause: (cause in HARMLESS_CAUSES, -counts[cause], cause))
        return tuple(
            CauseGroup(
                cause, CAUSE_WORDS[cause], tuple(item for item in self.unmatched if item.cause == cause)
            )
            for cause in order
        )

    def summary(self) -> str:
        """``412 of 430 tables``, with the causes where some are missing."""
        text = f"{len(self.matched)} of {self.expected} tables"
        bad = [group for group in self.groups() if not group.harmless]
        if bad:
            text += ": " + ", ".join(f"{len(group.nodes)} {group.words}" for group in bad)
        return text
