"""Metrics and semantic models of a manifest, in both of dbt's spellings.

Up to dbt 1.11 a metric names measures of a semantic model; since 1.12, and in dbt Fusion, it may hold its
aggregation itself. Both become the same `Metric`. What a metric reads is resolved by the names in its
definition: ``depends_on`` names semantic models in one version and metrics in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from dbtcollate_tui.artifacts.lenient import EntryReader
from dbtcollate_tui.artifacts.meta import Notes, read_meta, tags_of
from dbtcollate_tui.artifacts.project import Aggregation, Dimension, Metric, MetricInput, Node, SemanticModel
from dbtcollate_tui.artifacts.shapes import (
    AggParams,
    Filters,
    ManifestMeasure,
    ManifestMetric,
    ManifestNode,
    ManifestSemanticModel,
    MetricParams,
    MetricReference,
    NodeConfig,
    NotAdditive,
    Scalar,
    WhereFilter,
    Window,
)


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry of the manifest: undecoded, and what it shares with nodes."""

    unique_id: str
    place: str
    raw: msgspec.Raw
    entry: ManifestNode
    config: NodeConfig

    @property
    def name(self) -> str:
        """Its name, by its unique_id where it has none."""
        return self.entry.name or self.unique_id.rpartition(".")[2]

    @property
    def package(self) -> str:
        """The package that it belongs to."""
        parts = self.unique_id.split(".")
        return self.entry.package_name or (parts[1] if len(parts) > 2 else "")

    @property
    def parents(self) -> tuple[str, ...]:
        """What ``depends_on`` names."""
        return tuple((self.entry.depends_on.nodes if self.entry.depends_on else None) or ())


class MetricReader:
    """Decodes metrics and semantic models once all nodes are known."""

    def __init__(self, file: str, notes: Notes) -> None:
        self._notes = notes
        self._metrics = EntryReader(ManifestMetric, file, notes)
        self._models = EntryReader(ManifestSemanticModel, file, notes)
        self._measures: dict[str, list[tuple[RawEntry, ManifestMeasure]]] = {}
        self._models_by_name: dict[str, list[RawEntry]] = {}
        self._metrics_by_name: dict[str, list[RawEntry]] = {}

    def read(
        self, models: Iterable[RawEntry], metrics: Iterable[RawEntry], nodes: Mapping[str, Node]
    ) -> tuple[dict[str, SemanticModel], dict[str, Metric]]:
        """The semantic models and metrics by unique_id."""
        relations = {node.relation_name: node.unique_id for node in nodes.values() if node.relation_name}
        found = {item.unique_id: self._model(item, nodes, relations) for item in models}
        listed = list(metrics)
        for item in listed:
            self._metrics_by_name.setdefault(item.name, []).append(item)
        return found, {item.unique_id: self._metric(item) for item in listed}

    def _model(
        self, item: RawEntry, nodes: Mapping[str, Node], relations: Mapping[str, str]
    ) -> SemanticModel:
        entry, _ = self._models.read(item.raw, item.place)
        entry = entry or ManifestSemanticModel()
        self._models_by_name.setdefault(item.name, []).append(item)
        for measure in entry.measures or ():
            if measure.name:
                self._measures.setdefault(measure.name, []).append((item, measure))
        relation = entry.node_relation.relation_name if entry.node_relation else None
        node = next((name for name in item.parents if name in nodes), relations.get(relation or ""))
        return SemanticModel(
            unique_id=item.unique_id,
            name=item.name,
            node=node,
            dimensions=tuple(
                Dimension(
                    name=found.name,
                    type=(found.type or "").casefold(),
                    description=found.description or "",
                    expression=_text(found.expr),
                )
                for found in entry.dimensions or ()
                if found.name
            ),
            package_name=item.package,
        )

    def _metric(self, item: RawEntry) -> Metric:
        found, _ = self._metrics.read(item.raw, item.place)
        metric = found or ManifestMetric()
        params = metric.type_params or MetricParams()
        entry, config = item.entry, item.config
        facts = read_meta((config.meta, entry.meta), self._notes, item.unique_id)
        if facts.data_products:
            self._notes.count("meta.openmetadata.dataProducts of a metric is not synced", item.unique_id)
        kind = (entry.type or "").casefold()
        cumulative, conversion = params.cumulative_type_params, params.conversion_type_params
        window = (cumulative.window if cumulative else None) or (conversion.window if conversion else None)
        aggregation, own_models = self._aggregation(item, kind, params)
        inputs, measured = self._inputs(item, kind, params)
        measure_filters = _filters(params.measure.filter) if params.measure and kind == "simple" else ()
        fill = params.fill_nulls_with
        if fill is None and params.measure is not None:
            fill = params.measure.fill_nulls_with
        return Metric(
            unique_id=item.unique_id,
            name=item.name,
            type=kind,
            label=entry.label or "",
            description=entry.description or "",
            expression="" if kind == "simple" else _text(params.expr),
            aggregation=aggregation,
            inputs=inputs,
            semantic_models=tuple(dict.fromkeys((*own_models, *measured))),
            filters=(*_filters(metric.filter), *measure_filters),
            granularity=metric.time_granularity or "",
            window=_span(window or params.window),
            grain_to_date=(cumulative.grain_to_date if cumulative else None) or params.grain_to_date or "",
            period_agg=(cumulative.period_agg if cumulative else None) or "",
            entity=(conversion.entity if conversion else None) or "",
            calculation=(conversion.calculation if conversion else None) or "",
            fill_nulls_with=_text(fill),
            tags=tags_of(config.tags) or tags_of(entry.tags),
            owners=facts.owners,
            tier=facts.tier,
            meta_tags=facts.tags,
            glossary=facts.glossary,
            domain=facts.domain,
            unit=facts.unit,
            custom_properties=facts.custom_properties,
            group=config.group or entry.group or "",
            package_name=item.package,
        )

    def _aggregation(
        self, item: RawEntry, kind: str, params: MetricParams
    ) -> tuple[Aggregation | None, tuple[str, ...]]:
        """A simple metric's own aggregation, and the semantic model that it works on."""
        if kind != "simple":
            return None, ()
        inline = params.metric_aggregation_params
        if inline is not None and inline.agg:
            model = self._nearest(item, self._models_by_name.get(inline.semantic_model or "", ()))
            made = _aggregation(
                item.name, inline.agg, params.expr, inline.agg_params, inline.non_additive_dimension
            )
            return made, (model.unique_id,) if model else ()
        measure = self._measure(item, params.measure)
        if measure is None:
            return None, ()
        model, found = measure
        made = _aggregation(
            found.name or item.name,
            found.agg or "",
            found.expr,
            found.agg_params,
            found.non_additive_dimension,
            found.description or "",
        )
        return made, (model.unique_id,)

    def _inputs(
        self, item: RawEntry, kind: str, params: MetricParams
    ) -> tuple[tuple[MetricInput, ...], tuple[str, ...]]:
        """What the metric is made of, and the semantic models of the measures among it."""
        metrics: list[MetricReference | None] = [params.numerator, params.denominator]
        metrics += params.metrics or ()
        measures: list[MetricReference | None] = []
        if kind != "simple":
            measures.append(params.measure)
        if params.cumulative_type_params is not None:
            metrics.append(params.cumulative_type_params.metric)
        conversion = params.conversion_type_params
        found: list[MetricInput] = []
        models: list[str] = []
        if conversion is not None:
            pairs = (
                (conversion.base_metric, conversion.base_measure),
                (conversion.conversion_metric, conversion.conversion_measure),
            )
            for metric, measure in pairs:
                if metric is not None and metric.name:
                    found.append(self._metric_input(item, metric))
                elif measure is not None and measure.name:
                    found += self._measure_input(item, measure, models)
        for reference in metrics:
            if reference is not None and reference.name:
                found.append(self._metric_input(item, reference))
        if not found:
            for reference in measures:
                if reference is not None and reference.name:
                    found += self._measure_input(item, reference, models)
        return tuple(found), tuple(models)

    def _metric_input(self, item: RawEntry, reference: MetricReference) -> MetricInput:
        there = self._nearest(item, self._metrics_by_name.get(reference.name or "", ()))
        return MetricInput(
            name=reference.name or "",
            unique_id=there.unique_id if there is not None else None,
            alias=reference.alias or "",
            filters=_filters(reference.filter),
            offset_window=_span(reference.offset_window),
            offset_to_grain=reference.offset_to_grain or "",
        )

    def _measure_input(
        self, item: RawEntry, reference: MetricReference, models: list[str]
    ) -> list[MetricInput]:
        measure = self._measure(item, reference)
        if measure is not None:
            models.append(measure[0].unique_id)
        filters = _filters(reference.filter)
        return [
            MetricInput(reference.name or "", alias=reference.alias or "", filters=filters, is_measure=True)
        ]

    def _measure(
        self, item: RawEntry, reference: MetricReference | None
    ) -> tuple[RawEntry, ManifestMeasure] | None:
        listed = self._measures.get((reference.name if reference else None) or "", [])
        model = self._nearest(item, [model for model, _ in listed])
        return next((pair for pair in listed if pair[0] is model), None)

    @staticmethod
    def _nearest(item: RawEntry, candidates: Iterable[RawEntry]) -> RawEntry | None:
        """Of entries of one name: one that ``depends_on`` names, else one of the same package."""
        parents = item.parents
        ordered = sorted(
            candidates, key=lambda found: (found.unique_id not in parents, found.package != item.package)
        )
        return ordered[0] if ordered else None


def _aggregation(
    name: str,
    function: str,
    expr: Scalar,
    params: AggParams | None,
    not_additive: NotAdditive | None,
    description: str = "",
) -> Aggregation:
    return Aggregation(
        name=name,
        function=function.casefold(),
        expression=_text(expr) or name,
        description=description,
        percentile=params.percentile if params else None,
        discrete=bool(params and params.use_discrete_percentile),
        not_additive_over=(not_additive.name if not_additive else None) or "",
    )


def _filters(found: Filters | None) -> tuple[str, ...]:
    listed = found.where_filters if found is not None else None
    texts = (item.where_sql_template if isinstance(item, WhereFilter) else item for item in listed or ())
    return tuple(text.strip() for text in texts if text and text.strip())


def _span(window: Window | None) -> str:
    if window is None or not window.granularity:
        return ""
    number = _text(window.count) or "1"
    return f"{number} {window.granularity.removesuffix('s')}{'' if number == '1' else 's'}"


def _text(value: Scalar) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
