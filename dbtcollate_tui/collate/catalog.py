"""Services, databases, schemas, tables, data models and lineage."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from dbtcollate_tui.collate.entity import read_entity
from dbtcollate_tui.collate.errors import CollateError, NotFoundError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import (
    Database,
    DatabaseSchema,
    DatabaseService,
    EntityHistory,
    EntityReference,
    LineageEdge,
    Table,
)
from dbtcollate_tui.collate.read_log import STAMP_FIELDS, TableStamp, read_stamp_page
from dbtcollate_tui.collate.reader import read_as, read_total, read_written
from dbtcollate_tui.collate.searching import quoted, sources
from dbtcollate_tui.collate.server import ServerCalls
from dbtcollate_tui.log import LOGGER

TABLE_FIELDS = ("columns", "tags", "owners", "dataModel")
SEARCHED_AT_ONCE = 50
"""FQNs in one search; an address may have some thousand characters."""
TABLES_START, TABLES_MOST = 100, 500
"""A loaded server takes 0.2 s a table; with columns and data model 500 are some megabytes."""


class CatalogCalls(ServerCalls):
    """Calls about the data itself."""

    async def database_services(self) -> list[DatabaseService]:
        """Every database service, with type and host."""
        return [
            service
            async for page in self.pages(
                DatabaseService, "/services/databaseServices", doing="list database services"
            )
            for service in page
        ]

    async def database_service(self, fqn: str) -> DatabaseService | None:
        """One database service by its FQN."""
        return await self.find(
            DatabaseService,
            f"/services/databaseServices/name/{path_segment(fqn)}",
            doing="show the database service",
        )

    async def databases(self, service_fqn: str) -> list[Database]:
        """The databases of a service."""
        return [
            item
            async for page in self.pages(
                Database, "/databases", params={"service": service_fqn}, doing="list databases"
            )
            for item in page
        ]

    async def schemas(self, database_fqn: str) -> list[DatabaseSchema]:
        """The schemas of a database."""
        return [
            item
            async for page in self.pages(
                DatabaseSchema, "/databaseSchemas", params={"database": database_fqn}, doing="list schemas"
            )
            for item in page
        ]

    async def table_count(self, database_fqn: str) -> int:
        """How many tables a database holds, by one request."""
        answer = await self.call(
            "GET", "/tables", params={"database": database_fqn, "limit": 1}, doing="count tables"
        )
        return read_total(answer, "count tables")

    async def tables(self, database_fqn: str, fields: Sequence[str] = TABLE_FIELDS) -> AsyncIterator[Table]:
        """The tables of a database, one page in memory at a time; ``fields`` by their latest names."""
        params: dict[str, str | int | bool] = {
            "database": database_fqn,
            "fields": self.dialect.fields(fields),
            "include": "non-deleted",
        }
        async for page in self.pages(
            Table,
            "/tables",
            params=params,
            doing="list tables",
            start=TABLES_START,
            most=TABLES_MOST,
            rows_are="tables",
        ):
            for table in page:
                yield table

    async def table_stamps(self, database_fqn: str) -> AsyncIterator[TableStamp]:
        """The tables of a database by what says whether they have changed, a page in memory at a time."""
        params: dict[str, str | int | bool] = {
            "database": database_fqn,
            "fields": self.dialect.fields(STAMP_FIELDS),
            "include": "non-deleted",
        }
        async for page in self.pages(
            TableStamp,
            "/tables",
            params=params,
            doing="list tables",
            start=TABLES_START,
            most=TABLES_MOST,
            rows_are="tables",
            read=read_stamp_page,
        ):
            for stamp in page:
                yield stamp

    async def table(self, fqn: str, fields: Sequence[str] = TABLE_FIELDS) -> Table | None:
        """One table by its FQN."""
        return await self.find(
            Table,
            f"/tables/name/{path_segment(fqn)}",
            params={"fields": self.dialect.fields(fields)},
            doing="show the table",
        )

    async def tables_searched(self, fqns: Sequence[str]) -> list[Table]:
        """Those of the tables that the search index has, with their columns: one request for fifty of them.

        The index may be seconds behind the server. None where search does not answer.
        """
        found: dict[str, Table] = {}
        for start in range(0, len(fqns), SEARCHED_AT_ONCE):
            asked = fqns[start : start + SEARCHED_AT_ONCE]
            query: dict[str, str | int | bool] = {
                "q": f"fullyQualifiedName:({' OR '.join(quoted(fqn) for fqn in asked)})",
                "index": "table_search_index",
                "from": 0,
                "size": 2 * SEARCHED_AT_ONCE,
            }
            try:
                answer = await self.call("GET", "/search/query", params=query, doing="search tables")
                documents = read_as(answer, "search tables", sources)
            except CollateError:
                return []
            for document in documents:
                with contextlib.suppress(ValidationError):
                    table = Table.model_validate(document)
                    found[table.fullyQualifiedName] = table
        return [found[fqn] for fqn in fqns if fqn in found]

    async def table_versions(self, table_id: str) -> list[Table]:
        """All versions of a table, latest first; one that cannot be read is left out."""
        path = f"/tables/{path_segment(table_id)}/versions"
        history = await self.find(EntityHistory, path, doing="show the table's history")
        found = []
        for version in history.versions if history is not None else ():
            with contextlib.suppress(ValidationError):
                if isinstance(version, str):
                    found.append(Table.model_validate_json(version))
                else:
                    found.append(Table.model_validate(version))
        return found

    async def patch_table(self, table_id: str, ops: Sequence[Mapping[str, Any]]) -> None:
        """Apply an RFC 6902 patch (see `collate.patch`); raises `GuardFailedError` where a ``test`` fails.

        An answer without that table is a `ServerFailedError` with a status below 300.
        """
        doing = "change the table"
        read_written(await self.patch(f"/tables/{path_segment(table_id)}", ops, doing=doing), table_id, doing)

    async def put_data_model(self, table_id: str, body: Mapping[str, Any]) -> None:
        """Set a table's dbt data model; ``body`` in the latest form, sent in the server's.

        An answer without that table is a `ServerFailedError` with a status below 300.
        """
        doing = "write the data model"
        answer = await self.call(
            "PUT",
            f"/tables/{path_segment(table_id)}/dataModel",
            body=self.dialect.data_model(body),
            doing=doing,
        )
        read_written(answer, table_id, doing)

    async def lineage(
        self, table: Table | EntityReference, *, up: int = 1, down: int = 0
    ) -> tuple[LineageEdge, ...]:
        """The edges around an entity with their details, this many levels each way (at most 3).

        Raises `NotFoundError` where the entity is not there.
        """
        here = table.as_reference() if isinstance(table, Table) else table
        answer = await self.call(
            "GET",
            f"/lineage/{here.type}/name/{path_segment(here.fullyQualifiedName)}",
            params={"upstreamDepth": up, "downstreamDepth": down},
            doing="show the lineage",
        )
        return tuple(
            await asyncio.to_thread(read_as, answer, "show the lineage", lambda body: read_edges(body, here))
        )

    async def lineage_upstream(self, table: Table | EntityReference) -> tuple[LineageEdge, ...]:
        """The edges that end at a table, with their details; none where the table is not there."""
        here = table.as_reference() if isinstance(table, Table) else table
        try:
            edges = await self.lineage(here)
        except NotFoundError:
            return ()
        return tuple(edge for edge in edges if edge.toEntity.id == here.id)

    async def edge(self, from_id: str, to_id: str) -> LineageEdge | None:
        """The edge between two tables, or ``None``."""
        ends = EntityReference(id=from_id, type="table"), EntityReference(id=to_id, type="table")
        if self.dialect.reads_edges:
            try:
                answer = await self.call(
                    "GET",
                    f"/lineage/getLineageEdge/{path_segment(from_id)}/{path_segment(to_id)}",
                    doing="show the lineage edge",
                )
            except NotFoundError:
                return None
            return read_as(answer, "show the lineage edge", lambda body: _edge_between(ends, body))
        try:
            answer = await self.call(
                "GET",
                f"/lineage/table/{path_segment(to_id)}",
                params={"upstreamDepth": 1, "downstreamDepth": 0},
                doing="show the lineage",
            )
        except NotFoundError:
            return None
        edges = read_as(answer, "show the lineage", lambda body: read_edges(body, ends[1]))
        return next((e for e in edges if e.fromEntity.id == from_id and e.toEntity.id == to_id), None)

    async def put_lineage(self, edge: LineageEdge) -> None:
        """Write an edge; an edge that is there is replaced."""
        await self.call("PUT", "/lineage", body=edge.as_request(), doing="write the lineage")

    async def delete_lineage(self, edge: LineageEdge) -> None:
        """Remove an edge; one that is not there is no error."""
        start, end = edge.fromEntity, edge.toEntity
        path = f"/lineage/{start.type}/{path_segment(start.id)}/{end.type}/{path_segment(end.id)}"
        try:
            await self.call("DELETE", path, doing="remove the lineage")
        except NotFoundError:
            return


def _edge_between(ends: tuple[EntityReference, EntityReference], body: Any) -> LineageEdge | None:
    details = (body or {}).get("edge")
    if not isinstance(details, Mapping):
        return None
    return read_entity(LineageEdge, {"fromEntity": ends[0], "toEntity": ends[1], **details})


def read_edges(body: Any, here: EntityReference) -> list[LineageEdge]:
    """The edges of an OpenMetadata ``entityLineage`` answer, each once, their ends resolved by its nodes."""
    if not isinstance(body, Mapping):
        return []
    nodes = {here.id: here}
    for node in (body.get("entity"), *(body.get("nodes") or ())):
        if isinstance(node, Mapping) and node.get("id"):
            with contextlib.suppress(ValidationError):
                nodes.setdefault(str(node["id"]), read_entity(EntityReference, node))
    edges: dict[tuple[str, str], LineageEdge] = {}
    for raw in (*(body.get("upstreamEdges") or ()), *(body.get("downstreamEdges") or ())):
        try:
            ends = _end(raw.get("fromEntity"), nodes), _end(raw.get("toEntity"), nodes)
            pair = ends[0].id, ends[1].id
            if pair not in edges:
                details = raw.get("lineageDetails") or {}
                ended = {**details, "fromEntity": ends[0], "toEntity": ends[1]}
                edges[pair] = read_entity(LineageEdge, ended)
        except (ValidationError, TypeError, AttributeError):
            LOGGER.warning("an edge of the lineage of %s cannot be read and was left out", here.id)
    return list(edges.values())


def _end(value: Any, nodes: Mapping[str, EntityReference]) -> EntityReference:
    identifier = str(value.get("id", "")) if isinstance(value, Mapping) else str(value)
    return nodes.get(identifier) or EntityReference(id=identifier, type="table")
