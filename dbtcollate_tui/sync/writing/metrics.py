"""Writes metrics and the edges that end at them."""

from collections.abc import Mapping

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.errors import ConflictError
from dbtcollate_tui.collate.models import EntityReference, LineageEdge
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY
from dbtcollate_tui.plan.matching.matches import AssetRef
from dbtcollate_tui.plan.model import MetricChange, MetricEdgeChange, MetricField

_GUARDED = frozenset(
    {
        "description",
        "displayName",
        "metricType",
        "granularity",
        "unitOfMeasurement",
        "customUnitOfMeasurement",
    }
)
"""Fields whose former value guards a patch."""


class MetricWriter:
    """Writes metrics of one plan; knows the ids of those that are there and of those that it made."""

    def __init__(self, collate: CollateClient) -> None:
        self._collate = collate
        self._ids: dict[str, str] = {}

    async def write(self, change: MetricChange) -> None:
        """Make the metric, or change the fields that differ; a metric that is there is never replaced."""
        if change.id:
            ops = [op for item in change.fields for op in await self._ops(item)]
            await self._collate.patch_metric(change.id, sorted(ops, key=lambda op: op["op"] != "test"))
            return
        try:
            made = await self._collate.create_metric(create_body(change.body))
        except ConflictError:
            there = await self._collate.metric(change.fqn)
            if there is None or there.updatedBy != self._collate.me.name:
                raise
            made = there
        self._ids[change.fqn] = made.id

    async def draw(self, change: MetricEdgeChange) -> None:
        """Write the edge from a table or a metric to a metric."""
        above, here = change.upstream, change.metric
        start, end = above.id or await self._id(above.fqn), here.id or await self._id(here.fqn)
        kind = above.type if isinstance(above, AssetRef) else "table"
        await self._collate.put_lineage(
            LineageEdge(
                fromEntity=EntityReference(id=start, type=kind),
                toEntity=EntityReference(id=end, type="metric"),
                source="DbtLineage",
                columnsLineage=change.columns,
            )
        )

    async def _id(self, fqn: str) -> str:
        if fqn not in self._ids:
            found = await self._collate.metric(fqn)
            if found is None:
                raise ActionableError(f"Collate has no metric {fqn}", fixes=[RETRY])
            self._ids[fqn] = found.id
        return self._ids[fqn]

    async def _ops(self, item: MetricField) -> list[dict[str, object]]:
        name, value = item.name, item.after
        if name == "owners" and isinstance(value, list):
            name, value = self._collate.dialect.owners_value(_ends(value))
        elif name == "domains" and isinstance(value, list):
            name, value = _domains(_ends(value), self._collate.dialect)
        elif name == "relatedMetrics" and isinstance(value, list | tuple):
            value = [{"id": await self._id(str(fqn)), "type": "metric"} for fqn in value]
        ops: list[dict[str, object]] = []
        if item.name in _GUARDED and item.before:
            ops.append({"op": "test", "path": f"/{name}", "value": item.before})
        return [*ops, {"op": "add", "path": f"/{name}", "value": value}]


def create_body(body: Mapping[str, object]) -> dict[str, object]:
    """The body of a new metric: domains and related metrics by FQN, owners by id."""
    found = dict(body)
    owners, domains = found.get("owners"), found.get("domains")
    if isinstance(owners, list):
        found["owners"] = _ends(owners)
    if isinstance(domains, list):
        found["domains"] = [item["fullyQualifiedName"] for item in domains]
    return found


def _ends(references: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{"id": item["id"], "type": item["type"]} for item in references]


def _domains(references: list[dict[str, object]], dialect: Dialect) -> tuple[str, object]:
    return ("domains", references) if dialect.many_domains else ("domain", references[0])
