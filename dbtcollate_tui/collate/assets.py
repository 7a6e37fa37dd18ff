"""What dbt names by an OpenMetadata FQN and is no table: dashboards, models, endpoints, custom properties."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dbtcollate_tui.collate.catalog import read_edges
from dbtcollate_tui.collate.errors import NotFoundError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import CustomProperty, EntityReference
from dbtcollate_tui.collate.reader import read_as
from dbtcollate_tui.collate.server import ServerCalls

PATHS = {
    "apiEndpoint": "apiEndpoints",
    "container": "containers",
    "dashboard": "dashboards",
    "dashboardDataModel": "dashboard/datamodels",
    "database": "databases",
    "databaseSchema": "databaseSchemas",
    "glossaryTerm": "glossaryTerms",
    "metric": "metrics",
    "mlmodel": "mlmodels",
    "pipeline": "pipelines",
    "searchIndex": "searchIndexes",
    "storedProcedure": "storedProcedures",
    "table": "tables",
    "tag": "tags",
    "team": "teams",
    "topic": "topics",
    "user": "users",
}
"""OpenMetadata's name of an entity type -> its place in the API."""


class AssetCalls(ServerCalls):
    """Calls about entities of any type, and about what may be reported about tables."""

    async def asset(self, kind: str, fqn: str) -> EntityReference | None:
        """An entity by its type (a key of `PATHS`) and FQN, ``None`` where the server has none."""
        found = await self.find(
            EntityReference, f"/{PATHS[kind]}/name/{path_segment(fqn)}", doing=f"show the {kind}"
        )
        return None if found is None or found.deleted else replace(found, type=kind)

    async def asset_upstream(self, asset: EntityReference) -> frozenset[str]:
        """The ids of what has an edge to this entity."""
        try:
            answer = await self.call(
                "GET",
                f"/lineage/{asset.type}/name/{path_segment(asset.fullyQualifiedName)}",
                params={"upstreamDepth": 1, "downstreamDepth": 0},
                doing="show the lineage",
            )
        except NotFoundError:
            return frozenset()
        edges = read_as(answer, "show the lineage", lambda body: read_edges(body, asset))
        return frozenset(edge.fromEntity.id for edge in edges if edge.toEntity.id == asset.id)

    async def table_properties(self, kind: str = "table") -> dict[str, CustomProperty]:
        """The custom properties that tables, or entities of another type, have on this server, by name."""
        try:
            answer = await self.call(
                "GET",
                f"/metadata/types/name/{path_segment(kind)}",
                params={"fields": "customProperties"},
                doing="list the custom properties",
            )
        except NotFoundError:
            return {}
        listed = read_as(answer, "list the custom properties", _properties)
        return {item.name: item for item in listed}


def _properties(body: Any) -> list[CustomProperty]:
    listed = body.get("customProperties") if isinstance(body, Mapping) else None
    return [CustomProperty.model_validate(item) for item in listed or ()]
