"""Changes of metrics, and of the edges that end at them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dbtcollate_tui.collate.models import ColumnLineage
from dbtcollate_tui.plan.changes.base import Action, Change, Group, Removal
from dbtcollate_tui.plan.matching.matches import AssetRef, TableRef


@dataclass(frozen=True, slots=True)
class MetricField:
    """A field of a metric that differs, in OpenMetadata's words; ``before`` is ``None`` where it was empty.

    The values are those of a request; of ``relatedMetrics`` ``after`` are the FQNs of all.
    """

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange(Change):
    """A metric that is new, with ``body``, or that differs in ``fields`` (``id`` is then the server's).

    ``part`` names the one field of a change that a person has to decide. ``level`` orders the writes: what a
    """

    kind: ClassVar[str] = "metric"
    group: ClassVar[Group] = "metrics"

    name: str
    fqn: str
    body: Mapping[str, object]
    fields: tuple[MetricField, ...] = ()
    id: str = ""
    part: str = ""
    level: int = 0

    @property
    def key(self) -> str:
        """The metric, and the field where a person decides on one."""
        return f"{self.kind}:{self.fqn}:{self.part}" if self.part else f"{self.kind}:{self.fqn}"

    @property
    def target(self) -> str:
        """The metric's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """The metric's name."""
        return self.name

    @property
    def action(self) -> Action:
        """``replace`` where the metric is there."""
        return "replace" if self.id else "add"

    @property
    def old(self) -> str:
        """The fields that differ, as the server has them."""
        return "\n".join(f"{item.name}: {_words(item.before)}" for item in self.fields if item.before)

    @property
    def new(self) -> str:
        """The fields as they will be; of a new metric all of them."""
        if self.id:
            return "\n".join(f"{item.name}: {_words(item.after)}" for item in self.fields)
        shown = [f"{name}: {_words(value)}" for name, value in self.body.items() if name != "name"]
        return "\n".join(shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMetric(Removal, Change):
    """A metric that a sync from here created and dbt no longer has; its edges go with it."""

    kind: ClassVar[str] = "remove_metric"
    group: ClassVar[Group] = "metrics"
    done: ClassVar[str] = "created"

    name: str
    fqn: str
    id: str

    @property
    def target(self) -> str:
        """The metric's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """The metric's name."""
        return self.name

    @property
    def old(self) -> str:
        """What is taken away."""
        return "metric with its edges"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEdgeChange(Change):
    """The edge from a table or a metric to a metric; the id of a metric that is not made yet is empty."""

    kind: ClassVar[str] = "metric_edge"
    group: ClassVar[Group] = "metrics"

    upstream: TableRef | AssetRef
    metric: AssetRef
    columns: tuple[ColumnLineage, ...] = ()

    @property
    def target(self) -> str:
        """``upstream FQN -> metric FQN``."""
        return f"{self.upstream.fqn} -> {self.metric.fqn}"

    @property
    def label(self) -> str:
        """``metric from upstream``."""
        return f"{self.metric.short} from {self.upstream.short}"

    @property
    def new(self) -> str:
        """What is made, with the columns that the metric reads."""
        names = [fqn.rpartition(".")[2] for item in self.columns for fqn in item.fromColumns]
        return f"edge to the metric, from {', '.join(names)}" if names else "edge to the metric"


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        plain = value.get("code") or value.get("where") or value.get("tagFQN")
        if isinstance(plain, str):
            return plain
        shown = value.get("fullyQualifiedName") or value.get("displayName") or value.get("name")
        if isinstance(shown, str):
            extra = value.get("expression")
            return f"{shown} ({extra})" if isinstance(extra, str) and extra else shown
    if isinstance(value, list | tuple):
        return ", ".join(_words(item) for item in value) or "none"
    return json.dumps(value, ensure_ascii=False, default=str)
