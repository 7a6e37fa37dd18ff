"""A metric of dbt's as OpenMetadata has it: type, expression, description, dimensions, unit. No IO.

Collate's own ingestion writes metrics too; types and names here are the same, so that the two agree.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from dbtcollate_tui.artifacts.project import Aggregation, Metric, MetricInput, Project
from dbtcollate_tui.collate.dialect import Dialect

GRANULARITIES = frozenset({"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
UNITS = frozenset(
    {"COUNT", "DOLLARS", "EVENTS", "PERCENTAGE", "REQUESTS", "SIZE", "TIMESTAMP", "TRANSACTIONS"}
)
"""OpenMetadata's units of measurement; any other is a custom one, on servers from 1.10."""
OTHER = "OTHER"
_KINDS = frozenset({"simple", "ratio", "derived", "cumulative", "conversion"})
_TYPES_BEFORE: Mapping[str, str] = {
    "sum": "SUM",
    "sum_boolean": "SUM",
    "count": "COUNT",
    "count_distinct": "COUNT",
    "average": "AVERAGE",
    "min": "MIN",
    "max": "MAX",
    "median": "MEDIAN",
}
"""dbt's aggregation -> the type that a metric has on servers before 2.0."""
_SIMPLE_SQL: Mapping[str, str] = {
    "sum": "SUM({0})",
    "sum_boolean": "SUM(CASE WHEN {0} THEN 1 ELSE 0 END)",
    "count": "COUNT({0})",
    "count_distinct": "COUNT(DISTINCT {0})",
    "average": "AVG({0})",
    "min": "MIN({0})",
    "max": "MAX({0})",
    "median": "MEDIAN({0})",
}
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_IDENTIFIER = re.compile(r"""(?<![\w$.])(?:"([^"]+)"|`([^`]+)`|([A-Za-z_][\w$]*))(?!\s*\()(?![\w$])""")


def metric_type(metric: Metric, dialect: Dialect) -> str:
    """The metric's type: the kind of metric since 2.0, the aggregation before."""
    if dialect.has_semantic_metrics:
        return metric.type.upper() if metric.type in _KINDS else OTHER
    if metric.type == "ratio":
        return "RATIO"
    return _TYPES_BEFORE.get(metric.aggregation.function, OTHER) if metric.aggregation else OTHER


def expression(metric: Metric) -> str:
    """The metric's formula: SQL, or words where a window or a conversion is more than SQL can say."""
    match metric.type:
        case "simple":
            return aggregation_sql(metric.aggregation) if metric.aggregation else ""
        case "ratio":
            return " / ".join(_input_words(item) for item in metric.inputs[:2])
        case "cumulative":
            return _cumulative(metric)
        case "conversion":
            return _conversion(metric)
    return ", ".join([metric.expression, *_aliases(metric.inputs)]) if metric.expression else ""


def aggregation_sql(found: Aggregation) -> str:
    """An aggregation as SQL."""
    if found.function == "percentile":
        kind = "DISC" if found.discrete else "CONT"
        share = 0.5 if found.percentile is None else found.percentile
        return f"PERCENTILE_{kind}({share:g}) WITHIN GROUP (ORDER BY {found.expression})"
    pattern = _SIMPLE_SQL.get(found.function)
    if pattern is not None:
        return pattern.replace("{0}", found.expression)
    return f"{found.function.upper()}({found.expression})" if found.function else found.expression


def description(metric: Metric, dialect: Dialect) -> str:
    """dbt's description, then what no field of the server holds."""
    lines = [metric.description.strip()] if metric.description.strip() else []
    details = list(_details(metric, dialect))
    if details:
        lines.append("\n".join(details))
    return "\n\n".join(lines)


def _details(metric: Metric, dialect: Dialect) -> Iterator[str]:
    if metric.filters and not dialect.has_semantic_metrics:
        yield f"Only where {' and '.join(metric.filters)}."
    for item in metric.inputs:
        if item.filters:
            yield f"{item.alias or item.name} only where {' and '.join(item.filters)}."
    if metric.fill_nulls_with:
        yield f"Missing values are {metric.fill_nulls_with}."
    if metric.aggregation is not None and metric.aggregation.not_additive_over:
        yield f"Not added up over {metric.aggregation.not_additive_over}."


def granularity(metric: Metric) -> str:
    """The metric's granularity in OpenMetadata's words; empty where it has none for it."""
    found = metric.granularity.upper()
    return found if found in GRANULARITIES else ""


def unit(metric: Metric, dialect: Dialect) -> tuple[str, str]:
    """The unit of measurement and the custom unit; empty where there is none, or the server takes none."""
    found = metric.unit.strip()
    if found.upper() in UNITS:
        return found.upper(), ""
    return (OTHER, found) if found and dialect.has_custom_units else ("", "")


def dimensions(project: Project, metric: Metric) -> list[dict[str, object]]:
    """The dimensions of the semantic models that the metric reads, each name once."""
    found: dict[str, dict[str, object]] = {}
    for unique_id in project.metric_semantic_models(metric.unique_id):
        for item in project.semantic_models[unique_id].dimensions:
            value: dict[str, object] = {
                "name": item.name,
                "type": "TIME" if item.type == "time" else "CATEGORICAL",
            }
            if item.description.strip():
                value["description"] = item.description.strip()
            if item.expression and item.expression != item.name:
                value["expression"] = item.expression
            found.setdefault(item.name, value)
    return list(found.values())


def measures(metric: Metric) -> list[dict[str, object]]:
    """A simple metric's own measure; none for others."""
    own = metric.aggregation
    if own is None:
        return []
    value: dict[str, object] = {"name": own.name, "aggregation": own.function, "expression": own.expression}
    if own.description.strip():
        value["description"] = own.description.strip()
    return [value]


def related(project: Project, metric: Metric) -> tuple[str, ...]:
    """The unique ids of the metrics that this one is made of, each once, never itself."""
    found = dict.fromkeys(item.unique_id for item in metric.inputs if item.unique_id in project.metrics)
    return tuple(name for name in found if name and name != metric.unique_id)


def read_columns(metric: Metric, columns: Sequence[str]) -> tuple[str, ...]:
    """Of a table's columns those that a simple metric's expression names; case counts where it decides."""
    own = metric.aggregation
    if own is None:
        return ()
    text = _LITERAL.sub("", own.expression)
    names = dict.fromkeys(next(filter(None, match.groups())) for match in _IDENTIFIER.finditer(text))
    folded: dict[str, list[str]] = {}
    for column in columns:
        folded.setdefault(column.casefold(), []).append(column)
    found: dict[str, None] = {}
    for name in names:
        near = folded.get(name.casefold(), [])
        if name in near or len(near) == 1:
            found[name if name in near else near[0]] = None
    return tuple(found)


def _input_words(item: MetricInput) -> str:
    """An input with its offset: ``revenue 7 days earlier``."""
    if item.offset_window:
        return f"{item.name} {item.offset_window} earlier"
    return f"{item.name} at the start of the {item.offset_to_grain}" if item.offset_to_grain else item.name


def _aliases(inputs: Sequence[MetricInput]) -> Iterator[str]:
    """What the names in a derived metric's expression mean, where that is not plain."""
    several = len({item.name for item in inputs}) > 1
    for item in inputs:
        shifted = item.offset_window or item.offset_to_grain
        if shifted or (item.alias and several):
            yield f"{item.alias or item.name} = {_input_words(item)}"


def _cumulative(metric: Metric) -> str:
    name = metric.inputs[0].name if metric.inputs else metric.name
    if metric.window:
        words = f"{name} over {metric.window}"
    elif metric.grain_to_date:
        words = f"{name}, {metric.grain_to_date} to date"
    else:
        words = f"{name} over all time"
    if metric.period_agg and metric.period_agg != "first":
        words += f", {metric.period_agg} value of a period"
    return words


def _conversion(metric: Metric) -> str:
    names = [item.name for item in metric.inputs[:2]]
    words = " to ".join(names)
    if metric.entity:
        words += f" by {metric.entity}"
    if metric.window:
        words += f" within {metric.window}"
    return f"{words}, {metric.calculation.replace('_', ' ')}" if metric.calculation else words
