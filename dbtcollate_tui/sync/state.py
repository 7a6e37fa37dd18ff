"""What was read from Collate, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtcollate_tui.collate.models import LineageEdge, Table, TestCase
from dbtcollate_tui.sync.changes import OwnerRef
from dbtcollate_tui.sync.matching import Inventory


def case_key(link: str, name: str) -> tuple[str, str]:
    """What a test case is found by: its entity link, the column in any case, and its name.

    The reference ingestion writes the column as dbt's file spells it, which on Snowflake is seldom Collate's.
    """
    table, separator, column = link.partition("::columns::")
    return table + separator + column.casefold(), name


@dataclass(frozen=True, slots=True)
class Tables:
    """The services' inventories, and the tables that dbt's nodes may mean, whole, by FQN."""

    inventories: tuple[Inventory, ...]
    tables: Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What Collate holds of what the plan touches.

    ``edges`` by the ids of their two ends; ``cases`` by `case_key`; ``older_results`` are (case FQN,
    ms) of results that are there though a newer one is; ``tags`` and ``terms`` are the FQNs that exist;
    ``owners`` maps dbt's owner to a user or team, ``None`` where there is none.
    """

    tables: Mapping[str, Table]
    edges: Mapping[tuple[str, str], LineageEdge] = field(default_factory=dict)
    cases: Mapping[tuple[str, str], TestCase] = field(default_factory=dict)
    older_results: frozenset[tuple[str, int]] = frozenset()
    definitions: frozenset[str] = frozenset()
    has_classification: bool = False
    tags: frozenset[str] = frozenset()
    terms: frozenset[str] = frozenset()
    owners: Mapping[str, OwnerRef | None] = field(default_factory=dict)
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_names: frozenset[str] = frozenset()
