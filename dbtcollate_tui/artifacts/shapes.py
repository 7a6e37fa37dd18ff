"""The fields of dbt's artifacts that are used, over all their versions; every other key is skipped.

The names are those of dbt's published JSON schemas. A field that only some versions have is optional.
"""

from __future__ import annotations

from msgspec import Raw, Struct

Scalar = str | int | float | bool | None
Tags = str | list[Scalar] | None


class Metadata(Struct):
    """The ``metadata`` of every artifact."""

    dbt_schema_version: str | None = None
    dbt_version: str | None = None
    generated_at: str | None = None
    invocation_id: str | None = None
    project_name: str | None = None
    project_id: str | None = None
    adapter_type: str | None = None


class Meta(Struct):
    """A ``meta`` block; its values are the person's own, so of any shape."""

    openmetadata: object = None
    open_metadata: object = None
    open_metadata_fqn: object = None
    owner: object = None
    description: object = None
    unit: object = None


class ColumnConfig(Struct):
    """A column's ``config`` (dbt 1.10 and later)."""

    meta: Meta | None = None
    tags: Tags = None


class ManifestConstraint(Struct):
    """A constraint of a model or a column; ``to`` is a relation once compiled, before that ``ref('x')``."""

    type: str | None = None
    name: str | None = None
    expression: str | None = None
    columns: list[str] | None = None
    to: str | None = None
    to_columns: list[str] | None = None


class ManifestColumn(Struct):
    """A column as documented in the project."""

    name: str | None = None
    description: str | None = None
    data_type: str | None = None
    meta: Meta | None = None
    tags: Tags = None
    config: ColumnConfig | None = None
    constraints: list[ManifestConstraint] | None = None


class Contract(Struct):
    """Whether dbt enforces a model's columns."""

    enforced: object = None


class NodeConfig(Struct):
    """A node's ``config``."""

    enabled: bool | None = None
    materialized: str | None = None
    severity: str | None = None
    meta: Meta | None = None
    tags: Tags = None
    target_database: str | None = None
    target_schema: str | None = None
    freshness: FreshnessLimits | None = None
    latest_version_pointer: object = None
    group: str | None = None
    contract: Contract | None = None


class FreshnessLimits(Struct):
    """A source's freshness limits as the project sets them; of any shape inside."""

    warn_after: object = None
    error_after: object = None


class DependsOn(Struct):
    """The unique_ids a node reads."""

    nodes: list[str] | None = None


class TestMetadata(Struct):
    """What makes a data test a generic one."""

    name: str
    namespace: str | None = None
    kwargs: dict[str, object] | None = None


class Owner(Struct):
    """The owner of an exposure or a group; dbt takes one e-mail address or several."""

    name: Tags = None
    email: Tags = None


class ManifestNode(Struct):
    """Any entry of ``nodes``, ``sources``, ``disabled``, ``exposures``, ``unit_tests``, ``metrics``, …

    ``config`` stays undecoded: many entries share the same one.
    """

    resource_type: str | None = None
    name: str | None = None
    alias: str | None = None
    identifier: str | None = None
    source_name: str | None = None
    database: str | None = None
    schema: str | None = None
    relation_name: str | None = None
    package_name: str | None = None
    original_file_path: str | None = None
    description: str | None = None
    tags: Tags = None
    meta: Meta | None = None
    config: Raw = Raw()
    columns: dict[str, ManifestColumn] | None = None
    depends_on: DependsOn | None = None
    refs: Raw = Raw()
    sources: Raw = Raw()
    constraints: list[ManifestConstraint] | None = None
    fqn: list[str] | None = None
    version: Scalar = None
    latest_version: Scalar = None
    access: str | None = None
    patch_path: str | None = None
    freshness: FreshnessLimits | None = None
    raw_code: str | None = None
    raw_sql: str | None = None
    compiled_code: str | None = None
    compiled_sql: str | None = None
    test_metadata: TestMetadata | None = None
    column_name: str | None = None
    attached_node: str | None = None
    tested_node_unique_id: str | None = None
    model: str | None = None
    type: str | None = None
    label: str | None = None
    url: str | None = None
    maturity: str | None = None
    owner: Owner | None = None
    group: str | None = None
    contract: Contract | None = None
    deprecation_date: str | None = None
    metrics: Raw = Raw()


class EntryNames(Struct):
    """What of an entry names it and what it reads, where no more is asked for."""

    resource_type: str | None = None
    name: str | None = None
    alias: str | None = None
    identifier: str | None = None
    source_name: str | None = None
    database: str | None = None
    schema: str | None = None
    relation_name: str | None = None
    package_name: str | None = None
    config: Raw = Raw()
    depends_on: DependsOn | None = None
    version: Scalar = None
    latest_version: Scalar = None
    test_metadata: Raw = Raw()
    attached_node: str | None = None
    tested_node_unique_id: str | None = None


class WhereFilter(Struct):
    """A condition as dbt keeps it: SQL with a template."""

    where_sql_template: str | None = None


class Filters(Struct):
    """A filter of a metric or of one of its inputs."""

    where_filters: list[WhereFilter | str | None] | None = None


class Window(Struct):
    """A span of time: ``count`` of ``granularity``."""

    count: Scalar = None
    granularity: str | None = None


class AggParams(Struct):
    """What a percentile needs."""

    percentile: float | None = None
    use_discrete_percentile: bool | None = None


class NotAdditive(Struct):
    """The dimension over which a measure is not added up."""

    name: str | None = None
    window_choice: str | None = None


class MetricAggregation(Struct):
    """The aggregation of a simple metric in the inline spelling (dbt 1.12 and later)."""

    semantic_model: str | None = None
    agg: str | None = None
    agg_params: AggParams | None = None
    non_additive_dimension: NotAdditive | None = None


class MetricReference(Struct):
    """An input of a metric: a metric, or a measure in the older spelling."""

    name: str | None = None
    alias: str | None = None
    filter: Filters | None = None
    offset_window: Window | None = None
    offset_to_grain: str | None = None
    fill_nulls_with: Scalar = None


class CumulativeParams(Struct):
    """What makes a metric cumulative."""

    window: Window | None = None
    grain_to_date: str | None = None
    period_agg: str | None = None
    metric: MetricReference | None = None


class ConversionParams(Struct):
    """What makes a metric a conversion; measures in the older spelling, metrics in the inline one."""

    entity: str | None = None
    calculation: str | None = None
    window: Window | None = None
    base_measure: MetricReference | None = None
    conversion_measure: MetricReference | None = None
    base_metric: MetricReference | None = None
    conversion_metric: MetricReference | None = None


class MetricParams(Struct):
    """``type_params`` of a metric."""

    measure: MetricReference | None = None
    numerator: MetricReference | None = None
    denominator: MetricReference | None = None
    expr: Scalar = None
    window: Window | None = None
    grain_to_date: str | None = None
    metrics: list[MetricReference] | None = None
    conversion_type_params: ConversionParams | None = None
    cumulative_type_params: CumulativeParams | None = None
    metric_aggregation_params: MetricAggregation | None = None
    fill_nulls_with: Scalar = None


class ManifestMetric(Struct):
    """An entry of ``metrics``; what it shares with nodes is read as a node's."""

    type_params: MetricParams | None = None
    filter: Filters | None = None
    time_granularity: str | None = None


class ManifestMeasure(Struct):
    """A measure of a semantic model."""

    name: str | None = None
    agg: str | None = None
    description: str | None = None
    expr: Scalar = None
    agg_params: AggParams | None = None
    non_additive_dimension: NotAdditive | None = None


class ManifestDimension(Struct):
    """A dimension of a semantic model."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    expr: Scalar = None


class NodeRelation(Struct):
    """The table of a semantic model."""

    relation_name: str | None = None


class ManifestSemanticModel(Struct):
    """An entry of ``semantic_models``; what it shares with nodes is read as a node's."""

    node_relation: NodeRelation | None = None
    measures: list[ManifestMeasure] | None = None
    dimensions: list[ManifestDimension] | None = None


class Manifest(Struct):
    """``manifest.json``; the entries stay undecoded until they are needed, one at a time."""

    nodes: dict[str, Raw] | None
    metadata: Raw = Raw()
    sources: dict[str, Raw] | None = None
    exposures: dict[str, Raw] | None = None
    unit_tests: dict[str, Raw] | None = None
    metrics: dict[str, Raw] | None = None
    semantic_models: dict[str, Raw] | None = None
    saved_queries: dict[str, Raw] | None = None
    functions: dict[str, Raw] | None = None
    groups: dict[str, Raw] | None = None
    selectors: object = None
    disabled: dict[str, list[Raw] | None] | list[Raw] | None = None


class LooseManifest(Struct):
    """``manifest.json`` with every part undecoded, for one whose parts are not all of the usual shape."""

    nodes: Raw
    metadata: Raw = Raw()
    sources: Raw = Raw()
    exposures: Raw = Raw()
    unit_tests: Raw = Raw()
    metrics: Raw = Raw()
    semantic_models: Raw = Raw()
    saved_queries: Raw = Raw()
    functions: Raw = Raw()
    groups: Raw = Raw()
    selectors: Raw = Raw()
    disabled: Raw = Raw()


class CompiledNode(Struct):
    """A node's compiled SQL, in a manifest or in ``run_results.json``."""

    compiled_code: object = None
    compiled_sql: object = None


class CompiledManifest(Struct):
    """The nodes of a manifest that is read for its compiled SQL alone."""

    nodes: dict[str, Raw] | None = None


class CatalogColumn(Struct):
    """A column as the warehouse has it."""

    name: str | None = None
    type: str | None = None
    index: int | None = None
    comment: str | None = None


class CatalogMetadata(Struct):
    """A relation as the warehouse has it."""

    owner: str | None = None
    comment: Scalar = None


class CatalogTable(Struct):
    """One relation of the catalog."""

    metadata: CatalogMetadata | None = None
    columns: dict[str, CatalogColumn] | None = None


class Catalog(Struct):
    """``catalog.json``; the tables stay undecoded until they are needed."""

    nodes: dict[str, Raw] | None = None
    metadata: Raw = Raw()
    sources: dict[str, Raw] | None = None
    errors: object = None


class Timing(Struct):
    """One phase of a node's run: ``compile`` or ``execute``."""

    name: str | None = None
    completed_at: str | None = None


class RunResult(Struct):
    """One node's entry in ``run_results.json``."""

    unique_id: str
    status: str
    compiled_code: str | None = None
    message: Scalar = None
    failures: int | float | None = None
    timing: list[Timing] | None = None
    adapter_response: dict[str, object] | None = None


class RunArgs(Struct):
    """The command that wrote the file; ``empty`` and ``sample`` say that it worked on no or few rows."""

    which: str | None = None
    empty: object = None
    sample: object = None


class RunResults(Struct):
    """``run_results.json``."""

    results: list[Raw]
    metadata: Raw = Raw()
    args: Raw = Raw()


class Threshold(Struct):
    """A freshness limit: ``count`` of ``period`` (minute, hour, day)."""

    count: int | None = None
    period: str | None = None


class Criteria(Struct):
    """A source's freshness limits."""

    warn_after: Threshold | None = None
    error_after: Threshold | None = None


class SourceResult(Struct):
    """One source's entry in ``sources.json``; of a runtime error only ``error`` is there."""

    unique_id: str
    status: str
    error: Scalar = None
    max_loaded_at: str | None = None
    snapshotted_at: str | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    criteria: Criteria | None = None
    timing: list[Timing] | None = None


class Sources(Struct):
    """``sources.json``."""

    results: list[Raw]
    metadata: Raw = Raw()
