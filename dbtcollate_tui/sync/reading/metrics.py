"""Reads from Collate the metrics that the plan needs: all in pages, then the edges that end at dbt's."""

from collections import defaultdict
from collections.abc import Collection

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.assets import PATHS
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import EntityReference
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.plan.matching.custom_properties import entities_named
from dbtcollate_tui.plan.matching.matches import AssetRef, MatchReport, TableRef
from dbtcollate_tui.plan.rules.metrics import DBT_EDGE, chosen_metrics, metric_sources
from dbtcollate_tui.plan.server_state import MetricState
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.reading.edges import READERS, read_edges


async def read_metrics(
    collate: CollateClient,
    project: Project,
    report: MatchReport,
    options: SyncOptions,
    only: Collection[str] | None,
) -> MetricState:
    """The server's metrics and the edges to those that dbt has; no request where dbt has none.

    A metric whose edges are not all there is asked for its own, so that it is known who else draws some.
    """
    if not (options.include_metrics and collate.dialect.has_metrics and project.metrics):
        return MetricState()
    wanted = chosen_metrics(project, only)
    by_name = {metric.name: metric for metric in await collate.metrics() if not metric.deleted}
    pairs: list[tuple[TableRef | AssetRef, TableRef | AssetRef]] = []
    alone: list[EntityReference] = []
    for metric in wanted:
        there = by_name.get(metric.name)
        if there is None:
            continue
        here = AssetRef(there.id, "metric", there.fullyQualifiedName or there.name)
        tables, made_of, _ = metric_sources(project, report, metric)
        above: list[TableRef | AssetRef] = [*tables]
        for item in made_of:
            held = by_name.get(item.name)
            if held is not None:
                above.append(AssetRef(held.id, "metric", held.fullyQualifiedName or held.name))
        pairs += [(ref, here) for ref in above]
        if not above:
            alone.append(EntityReference(id=here.id, type="metric", fullyQualifiedName=here.fqn))
    edges = await read_edges(collate, pairs, sure={below.id for _, below in pairs})
    for listed in await bounded(alone, collate.lineage_upstream, at_once=READERS):
        edges |= {(edge.fromEntity.id, edge.toEntity.id): edge for edge in listed}
    ids = {metric.id for metric in by_name.values()}
    upstream: dict[str, set[str]] = defaultdict(set)
    for (above_id, below_id), edge in edges.items():
        if below_id in ids and edge.source == DBT_EDGE:
            upstream[below_id].add(above_id)
    properties = {}
    if any(metric.custom_properties for metric in wanted):
        properties = await collate.table_properties("metric")
    asked = sorted(
        {item for metric in wanted for item in entities_named(metric, properties) if item[0] in PATHS}
    )
    entities = await bounded(asked, lambda item: collate.asset(*item), at_once=READERS)
    return MetricState(
        by_name=by_name,
        edges={pair: edge for pair, edge in edges.items() if pair[1] in ids},
        upstream={metric_id: frozenset(found) for metric_id, found in upstream.items()},
        properties=properties,
        references=dict(zip(asked, entities, strict=True)),
    )
