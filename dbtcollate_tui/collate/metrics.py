"""Metrics, and the lineage around entities of any type."""

from collections.abc import Mapping, Sequence
from typing import Any

from dbtcollate_tui.collate.errors import NotFoundError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import Metric
from dbtcollate_tui.collate.reader import read_one
from dbtcollate_tui.collate.server import ServerCalls

METRIC_FIELDS = ("owners", "tags", "domains", "extension", "relatedMetrics")


class MetricCalls(ServerCalls):
    """Calls about metrics."""

    async def metrics(self) -> list[Metric]:
        """Every metric of the server, read in pages; none where the server knows no metrics."""
        if not self.dialect.has_metrics:
            return []
        try:
            return [
                metric
                async for page in self.pages(
                    Metric,
                    "/metrics",
                    params={"fields": self.dialect.fields(METRIC_FIELDS), "include": "non-deleted"},
                    doing="list metrics",
                )
                for metric in page
            ]
        except NotFoundError:
            return []

    async def metric(self, fqn: str) -> Metric | None:
        """One metric by its FQN, ``None`` where the server has none."""
        return await self.find(
            Metric,
            f"/metrics/name/{path_segment(fqn)}",
            params={"fields": self.dialect.fields(METRIC_FIELDS)},
            doing="show the metric",
        )

    async def create_metric(self, body: Mapping[str, Any]) -> Metric:
        """Make a metric; raises `ConflictError` where one of that name is there."""
        sent = self.dialect.metric_body(body)
        return read_one(
            Metric, await self.call("POST", "/metrics", body=sent, doing="create the metric"), "make"
        )

    async def delete_metric(self, metric_id: str) -> None:
        """Delete a metric with its edges; one that is not there is no error."""
        try:
            await self.call(
                "DELETE",
                f"/metrics/{path_segment(metric_id)}",
                params={"hardDelete": True, "recursive": True},
                doing="delete the metric",
            )
        except NotFoundError:
            return

    async def patch_metric(self, metric_id: str, ops: Sequence[Mapping[str, Any]]) -> None:
        """Apply an RFC 6902 patch to a metric."""
        await self.patch(f"/metrics/{path_segment(metric_id)}", ops, doing="change the metric")
