"""One dbt project as plain values: what the artifacts of a run say, freed of their versions.

Absent is ``None`` for a value that names something (a database, a tier, a data type) and ``""`` for a text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

ResourceType = Literal["model", "seed", "snapshot", "source"]
TestKind = Literal["generic", "singular", "unit", "freshness"]
TestStatus = Literal["pass", "fail", "warn", "error", "skipped"]
FreshnessStatus = Literal["pass", "warn", "error", "runtime error"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a node; the catalog's order, type and comment where the catalog has it.

    ``name`` is spelt as in the catalog, else as in the manifest. ``index`` counts from 1 as in the catalog,
    and is ``None`` without one. ``description`` is the manifest's, ``comment`` the warehouse's.
    """

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()
    data_type: str | None = None
    index: int | None = None
    comment: str | None = None
    meta_tags: tuple[str, ...] = ()
    glossary: tuple[str, ...] = ()
    tier: str | None = None
    custom_properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of a model; ``columns`` holds the one column where it is a column's own.

    ``type`` is dbt's: ``primary_key``, ``unique``, ``foreign_key``, ``not_null``, ``check``, ``custom``.
    ``to_node`` is the unique_id that a foreign key refers to, ``None`` where it names no parent of the model.
    """

    type: str
    columns: tuple[str, ...] = ()
    name: str = ""
    expression: str = ""
    to: str = ""
    to_node: str | None = None
    to_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A dbt node that is, or would be, a table: model, seed, snapshot or source.

    ``name`` is dbt's name, ``identifier`` the relation's name in the warehouse (a model's alias, a source's
    ``identifier``). ``meta_tags``, ``glossary``, ``tier``, ``domain`` and
    ``data_products`` are OpenMetadata FQNs from ``meta.openmetadata``;
    ``tags`` are dbt's own. ``owners`` are names or e-mail addresses, from the first place that names any.
    ``fqn`` is dbt's: the package, the folders, the name, and of a versioned model its version.
    ``is_pointer``: the view of the model's own name that dbt builds on its latest version, which is in no
    artifact: it is the latest version again, without code, with that version as its parent. ``is_stub``:
    another project builds the model; a plugin such as dbt-loom put it into this manifest without a file.
    ``checks_freshness``: a source with freshness limits. ``owned_in_catalog``: the warehouse names the
    owners, the project does not. ``comment`` is the warehouse's on the table. ``key_parents`` are the members
    of ``depends_on`` that a foreign key names and the SQL does not read. ``deprecation_date`` is a date, with
    a time where dbt writes one. ``has_contract``: dbt enforces the model's columns.
    """

    unique_id: str
    resource_type: ResourceType
    name: str
    identifier: str
    database: str | None = None
    schema: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    tier: str | None = None
    meta_tags: tuple[str, ...] = ()
    glossary: tuple[str, ...] = ()
    domain: str | None = None
    data_products: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    depends_on: tuple[str, ...] = ()
    raw_code: str | None = None
    compiled_code: str | None = None
    original_file_path: str = ""
    materialized: str | None = None
    enabled: bool = True
    package_name: str = ""
    source_name: str | None = None
    relation_name: str | None = None
    in_catalog: bool = False
    comment: str | None = None
    custom_properties: Mapping[str, object] = field(default_factory=dict)
    fqn: tuple[str, ...] = ()
    versioned: bool = False
    is_latest: bool = False
    is_pointer: bool = False
    is_stub: bool = False
    checks_freshness: bool = False
    owned_in_catalog: bool = False
    version: str = ""
    latest_version: str = ""
    access: str = ""
    group: str = ""
    deprecation_date: str = ""
    has_contract: bool = False
    constraints: tuple[Constraint, ...] = ()
    key_parents: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The members of ``depends_on`` that the node's SQL reads."""
        if not self.key_parents:
            return self.depends_on
        return tuple(parent for parent in self.depends_on if parent not in self.key_parents)


@dataclass(frozen=True, slots=True)
class DbtTest:
    """A data or unit test, or a source's freshness where a sync makes a test of it.

    ``test_name`` is the generic test's (``not_null``), ``namespace`` the package it comes from where that is
    not the project's own (``dbt_utils``); for singular and unit tests ``test_name`` is ``name``.
    ``attached_node`` is the unique_id of the node under test: of a ``relationships`` test the referring one,
    of a singular test the first node that it reads; ``None`` where it is not known. ``kwargs`` leaves out
    ``model`` and ``column_name``.
    """

    unique_id: str
    name: str
    kind: TestKind
    test_name: str
    namespace: str | None = None
    kwargs: Mapping[str, object] = field(default_factory=dict)
    column_name: str | None = None
    attached_node: str | None = None
    depends_on: tuple[str, ...] = ()
    severity: Literal["error", "warn"] = "error"
    description: str = ""
    tags: tuple[str, ...] = ()
    package_name: str = ""
    original_file_path: str = ""


@dataclass(frozen=True, slots=True)
class TestResult:
    """The latest executed result of one test; ``completed_at_ms`` is epoch milliseconds, UTC."""

    __test__ = False

    unique_id: str
    status: TestStatus
    failures: int | None = None
    message: str | None = None
    completed_at_ms: int = 0
    step: int | None = None


@dataclass(frozen=True, slots=True)
class FreshnessResult:
    """One source's freshness from ``sources.json``; times are epoch milliseconds, UTC, ages are seconds."""

    unique_id: str
    status: FreshnessStatus
    message: str | None = None
    max_loaded_at_ms: int | None = None
    snapshotted_at_ms: int | None = None
    age_seconds: float | None = None
    warn_after_seconds: int | None = None
    error_after_seconds: int | None = None
    completed_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Exposure:
    """A use of the project's nodes; ``open_metadata_fqn`` names it in OpenMetadata where meta says so."""

    unique_id: str
    name: str
    type: str
    label: str = ""
    description: str = ""
    url: str | None = None
    maturity: str | None = None
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    open_metadata_fqn: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A member of dbt's graph as its selectors see it: a node, a test, an exposure, a metric, a function, …

    ``config`` holds what is set: absent, null and empty values are left out. ``version`` and
    ``latest_version`` are texts. ``test_name`` is a generic test's, ``None`` for every other.
    """

    unique_id: str
    resource_type: str
    name: str
    fqn: tuple[str, ...] = ()
    package_name: str = ""
    path: str = ""
    patch_path: str = ""
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    access: str = ""
    version: str | None = None
    latest_version: str | None = None
    source_name: str = ""
    test_name: str | None = None


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of a semantic model; ``type`` is dbt's (``categorical``, ``time``)."""

    name: str
    type: str
    description: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What a simple metric aggregates: a measure of a semantic model, or the metric's own parameters.

    ``function`` is dbt's (``sum``, ``count_distinct``, ``percentile``, …), ``expression`` SQL over the
    semantic model's table. ``not_additive_over`` names the dimension that values are not added up over.
    """

    name: str
    function: str
    expression: str
    description: str = ""
    percentile: float | None = None
    discrete: bool = False
    not_additive_over: str = ""


@dataclass(frozen=True, slots=True)
class MetricInput:
    """A metric that another reads, or a measure (``is_measure``); ``offset`` is ``7 day`` or ``month``."""

    name: str
    unique_id: str | None = None
    alias: str = ""
    filters: tuple[str, ...] = ()
    offset_window: str = ""
    offset_to_grain: str = ""
    is_measure: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of dbt's semantic layer, whichever of dbt's two spellings the project uses.

    ``type`` is dbt's: ``simple``, ``ratio``, ``derived``, ``cumulative``, ``conversion``. ``aggregation`` is
    a simple metric's own. ``inputs`` are what it is made of, in order: numerator and denominator, base and
    conversion. ``semantic_models`` are those that it reads without another metric between.
    ``window``, ``grain_to_date`` and ``period_agg`` belong to cumulative metrics, ``window``, ``entity`` and
    ``calculation`` to conversions.
    """

    unique_id: str
    name: str
    type: str
    label: str = ""
    description: str = ""
    expression: str = ""
    aggregation: Aggregation | None = None
    inputs: tuple[MetricInput, ...] = ()
    semantic_models: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    granularity: str = ""
    window: str = ""
    grain_to_date: str = ""
    period_agg: str = ""
    entity: str = ""
    calculation: str = ""
    fill_nulls_with: str = ""
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    tier: str | None = None
    meta_tags: tuple[str, ...] = ()
    glossary: tuple[str, ...] = ()
    domain: str | None = None
    unit: str = ""
    custom_properties: Mapping[str, object] = field(default_factory=dict)
    group: str = ""
    package_name: str = ""


@dataclass(frozen=True, slots=True)
class SemanticModel:
    """A semantic model: the node whose table it describes, and its dimensions."""

    unique_id: str
    name: str
    node: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    package_name: str = ""


@dataclass(frozen=True, slots=True)
class DbtGroup:
    """A group of models; ``owners`` are its owner's e-mail address or name."""

    unique_id: str
    name: str
    owners: tuple[str, ...] = ()
    description: str = ""


_PASSED_THROUGH = frozenset({"metric", "semantic_model", "saved_query", "function"})
"""Members of the graph that have no table: what reads them reads what they read."""


@dataclass(frozen=True, slots=True)
class Project:
    """What one run's artifacts say.

    ``nodes`` holds the enabled nodes that have a relation, ``ephemeral`` the ones without, ``disabled`` those
    dbt leaves out. ``notes`` are sentences for the person: unknown versions, results that may be lost.
    ``schema_version`` is the manifest's number (12 for v12), 0 where it does not say. ``resources`` are all
    members of dbt's graph, for its selectors; ``selectors`` are the definitions of ``selectors.yml`` by name.
    ``builds`` are the last builds of the models whose contract dbt enforces.
    ``unreadable`` are the unique ids of which something could not be read, so that nothing follows from what
    they lack. ``unchecked_sources`` have freshness limits, and no result in the run that checked freshness
    of them.
    """

    project_name: str
    dbt_version: str
    schema_version: int
    adapter_type: str
    invocation_id: str
    generated_at: str
    nodes: Mapping[str, Node] = field(default_factory=dict)
    ephemeral: Mapping[str, Node] = field(default_factory=dict)
    disabled: Mapping[str, Node] = field(default_factory=dict)
    tests: Mapping[str, DbtTest] = field(default_factory=dict)
    results: Mapping[str, TestResult] = field(default_factory=dict)
    builds: Mapping[str, TestResult] = field(default_factory=dict)
    freshness: Mapping[str, FreshnessResult] = field(default_factory=dict)
    exposures: Mapping[str, Exposure] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    semantic_models: Mapping[str, SemanticModel] = field(default_factory=dict)
    groups: Mapping[str, DbtGroup] = field(default_factory=dict)
    has_catalog: bool = False
    notes: tuple[str, ...] = ()
    resources: Mapping[str, Resource] = field(default_factory=dict)
    selectors: Mapping[str, object] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    unchecked_sources: tuple[str, ...] = ()

    def with_group_owners(self) -> "Project":
        """The project in which a group's owner owns those of its nodes and metrics that have none."""
        owners = {group.name: group.owners for group in self.groups.values() if group.owners}
        if not owners:
            return self
        nodes = {
            name: replace(node, owners=owners[node.group])
            if not node.owners and node.group in owners
            else node
            for name, node in self.nodes.items()
        }
        metrics = {
            name: replace(metric, owners=owners[metric.group])
            if not metric.owners and metric.group in owners
            else metric
            for name, metric in self.metrics.items()
        }
        return replace(self, nodes=nodes, metrics=metrics)

    def upstreams(self, unique_id: str) -> tuple[str, ...]:
        """The nodes with a relation that this one (a node or an exposure) reads, in the manifest's order.

        Parents without a relation (ephemeral models, metrics, semantic models, functions) are replaced by
        their own parents; a cycle ends, and nothing is its own upstream. Disabled parents are left out, and
        parents that only a foreign key names.
        """
        found: dict[str, None] = {}
        seen = {unique_id}
        stack = list(reversed(self._reads(unique_id)))
        while stack:
            parent = stack.pop()
            if parent in seen:
                continue
            seen.add(parent)
            if parent in self.nodes:
                found[parent] = None
            elif parent in self.ephemeral:
                stack.extend(reversed(self.ephemeral[parent].reads))
            elif nodes := self.metric_nodes(parent):
                stack.extend(reversed(nodes))
            elif parent in self.resources and self.resources[parent].resource_type in _PASSED_THROUGH:
                stack.extend(reversed(self.resources[parent].depends_on))
        return tuple(found)

    @property
    def catalog_is_bare(self) -> bool:
        """Whether there is a catalog without the position of a single column, which dbt writes for each.

        Something between dbt Cloud and here, such as a proxy, has emptied it.
        """
        columns = [column for node in self.nodes.values() for column in node.columns]
        return self.has_catalog and bool(columns) and all(column.index is None for column in columns)

    def metric_nodes(self, unique_id: str) -> tuple[str, ...]:
        """The nodes whose tables a metric reads, itself or through other metrics, in order.

        Resolved by the names in the metric's definition, since ``depends_on`` names semantic models in one
        dbt version and metrics in another.
        """
        found: dict[str, None] = {}
        for semantic_model in self.metric_semantic_models(unique_id):
            node = self.semantic_models[semantic_model].node
            if node is not None:
                for name in (node,) if node in self.nodes else self.upstreams(node):
                    found[name] = None
        return tuple(found)

    def metric_semantic_models(self, unique_id: str) -> tuple[str, ...]:
        """The semantic models that a metric reads, itself or through other metrics, in order."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        stack = [unique_id]
        while stack:
            here = stack.pop()
            metric = self.metrics.get(here)
            if here in seen or metric is None:
                continue
            seen.add(here)
            found.update(
                dict.fromkeys(name for name in metric.semantic_models if name in self.semantic_models)
            )
            stack.extend(item.unique_id for item in reversed(metric.inputs) if item.unique_id)
        return tuple(found)

    def inline_conversions(self) -> tuple[str, ...]:
        """The names of conversion metrics that read metrics and not measures (dbt 1.12 and later)."""
        return tuple(
            metric.name
            for metric in self.metrics.values()
            if metric.type == "conversion" and any(not item.is_measure for item in metric.inputs)
        )

    def tests_without_result(self) -> Iterator[DbtTest]:
        """The tests that no step of the run executed."""
        return (test for test in self.tests.values() if test.unique_id not in self.results)

    def _reads(self, unique_id: str) -> tuple[str, ...]:
        for group in (self.nodes, self.ephemeral, self.disabled):
            if unique_id in group:
                return group[unique_id].reads
        return self.exposures[unique_id].depends_on if unique_id in self.exposures else ()
