"""What was read from Collate, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtcollate_tui.collate.models import (
    CustomProperty,
    DataContract,
    DataProduct,
    EntityReference,
    LineageEdge,
    Metric,
    Table,
    TestCase,
)
from dbtcollate_tui.plan.matching.custom_properties import NamedEntity
from dbtcollate_tui.plan.matching.matches import AssetRef
from dbtcollate_tui.plan.matching.nodes import Inventory
from dbtcollate_tui.plan.model import OwnerRef


def case_key(link: str, name: str) -> tuple[str, str]:
    """What a test case is found by: its entity link, the column in any case, and its name.

    The reference ingestion writes the column as dbt's file spells it, which on Snowflake is rarely Collate's.
    """
    table, separator, column = link.partition("::columns::")
    return table + separator + column.casefold(), name


@dataclass(frozen=True, slots=True)
class Tables:
    """The services' inventories, and the tables that dbt's nodes may mean, whole, by FQN."""

    inventories: tuple[Inventory, ...]
    tables: Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class MetaState:
    """What dbt's ``meta`` names beside owners and tags, as far as it was looked up.

    ``domains`` and ``data_products`` by dbt's name and ``references`` by type and FQN, ``None`` where the
    server has none; ``properties`` and ``column_properties`` are the custom properties that tables and
    columns may have.
    """

    domains: Mapping[str, EntityReference | None] = field(default_factory=dict)
    data_products: Mapping[str, DataProduct | None] = field(default_factory=dict)
    properties: Mapping[str, CustomProperty] = field(default_factory=dict)
    column_properties: Mapping[str, CustomProperty] = field(default_factory=dict)
    references: Mapping[NamedEntity, EntityReference | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricState:
    """The server's metrics by name, the edges that end at those that dbt has, and their custom properties.

    ``upstream`` are the ids of what dbt's lineage leads from, of any dbt project, by the id of the metric.
    """

    by_name: Mapping[str, Metric] = field(default_factory=dict)
    edges: Mapping[tuple[str, str], LineageEdge] = field(default_factory=dict)
    upstream: Mapping[str, frozenset[str]] = field(default_factory=dict)
    properties: Mapping[str, CustomProperty] = field(default_factory=dict)
    references: Mapping[NamedEntity, EntityReference | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerState:
    """What Collate holds of what the plan touches.

    ``edges`` by the ids of their two ends; ``cases`` by `case_key`; ``older_results`` are (case FQN,
    ms) of results that are there though a newer one is; ``unread_results`` are FQNs of cases whose latest
    result the server cannot read; ``tags`` and ``terms`` are the FQNs that exist;
    ``owners`` maps dbt's owner to a user or team, ``None`` where there is none; ``assets`` are what exposures
    have, by unique id, and ``asset_edges`` the edges that end at them, by the ids of their ends.
    ``exclusive`` are classifications and tags of whose children an entity has one at most.
    ``text_authors`` are those who wrote a description by the table's version history, by table FQN and
    column, where it was read.
    """

    tables: Mapping[str, Table]
    edges: Mapping[tuple[str, str], LineageEdge] = field(default_factory=dict)
    cases: Mapping[tuple[str, str], TestCase] = field(default_factory=dict)
    older_results: frozenset[tuple[str, int]] = frozenset()
    unread_results: frozenset[str] = frozenset()
    definitions: frozenset[str] = frozenset()
    has_classification: bool = False
    tags: frozenset[str] = frozenset()
    terms: frozenset[str] = frozenset()
    owners: Mapping[str, OwnerRef | None] = field(default_factory=dict)
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own_names: frozenset[str] = frozenset()
    person: str = ""
    """The person whose token is used; empty for a bot's. Their texts may be edits in Collate."""
    exclusive: frozenset[str] = frozenset({"Tier"})
    assets: Mapping[str, AssetRef] = field(default_factory=dict)
    asset_edges: frozenset[tuple[str, str]] = frozenset()
    meta: MetaState = field(default_factory=MetaState)
    metrics: MetricState = field(default_factory=MetricState)
    contracts: Mapping[str, DataContract] = field(default_factory=dict)
    """The data contracts that tables have, by the table's id."""
    text_authors: Mapping[tuple[str, str], str] = field(default_factory=dict)
