"""Writes entities into an empty store the way an ingestion and its people would have left them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dbtcollate_tui.sandbox.collate.api import BOT
from dbtcollate_tui.sandbox.collate.identity import new_id, now_ms, quote_name, reference
from dbtcollate_tui.sandbox.collate.patching import note_change
from dbtcollate_tui.sandbox.collate.store import Entity, Store
from dbtcollate_tui.sandbox.shop_data import WarehouseColumn, WarehouseTable

DAY_MS = 86_400_000
_TYPES = {
    "INTEGER": "INT",
    "HUGEINT": "BIGINT",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPZ",
}
_WITH_LENGTH = frozenset({"VARCHAR", "CHAR", "BINARY", "VARBINARY"})
_NUMBERS = re.compile(r"^(?P<name>[A-Z ]+?)\((?P<precision>\d+),(?P<scale>\d+)\)$")


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person wrote on a table or on one of its columns."""

    schema: str
    table: str
    column: str | None
    text: str


class Seeder:
    """Writes entities the way an ingestion would have left them, two days ago."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._at = now_ms() - 2 * DAY_MS

    def save(
        self, kind: str, entity: Entity, *, parent: str = "", root: str = "", user: str = "admin"
    ) -> Entity:
        """Store an entity with id, version 0.1 and its author."""
        entity = {"id": new_id(), **entity, "version": 0.1, "updatedAt": self._at, "updatedBy": user}
        self.store.save(kind, entity, parent=parent, root=root)
        return entity

    def service(self, name: str, service_type: str, connection: dict[str, Any], description: str) -> Entity:
        """A database service."""
        return self.save(
            "databaseService",
            {
                "name": name,
                "fullyQualifiedName": quote_name(name),
                "serviceType": service_type,
                "description": description,
                "connection": {"config": connection},
                "owners": [],
                "tags": [],
            },
        )

    def tables(self, service: Entity, tables: Iterable[WarehouseTable]) -> None:
        """Databases, schemas and tables of a service."""
        databases: dict[str, Entity] = {}
        schemas: dict[tuple[str, str], Entity] = {}
        common = {"serviceType": service["serviceType"], "owners": [], "tags": []}
        for table in tables:
            database_fqn = f"{service['fullyQualifiedName']}.{quote_name(table.database)}"
            database = databases.get(table.database) or self.store.by_fqn("database", database_fqn)
            if database is None:
                database = databases[table.database] = self.save(
                    "database",
                    {
                        "name": table.database,
                        "fullyQualifiedName": database_fqn,
                        "service": reference("databaseService", service),
                        **common,
                    },
                    parent=service["fullyQualifiedName"],
                    user=BOT,
                )
            databases[table.database] = database
            schema_fqn = f"{database['fullyQualifiedName']}.{quote_name(table.schema)}"
            known = schemas.get((table.database, table.schema))
            schema = known or self.store.by_fqn("databaseSchema", schema_fqn)
            if schema is None:
                schema = schemas[table.database, table.schema] = self.save(
                    "databaseSchema",
                    {
                        "name": table.schema,
                        "fullyQualifiedName": schema_fqn,
                        "database": reference("database", database),
                        "service": database["service"],
                        **common,
                    },
                    parent=database["fullyQualifiedName"],
                    root=service["fullyQualifiedName"],
                    user=BOT,
                )
            schemas[table.database, table.schema] = schema
            fqn = f"{schema['fullyQualifiedName']}.{quote_name(table.name)}"
            if self.store.by_fqn("table", fqn) is not None:
                continue
            self.save(
                "table",
                {
                    "name": table.name,
                    "fullyQualifiedName": fqn,
                    "tableType": "View" if table.type == "VIEW" else "Regular",
                    "columns": [column(item, fqn) for item in table.columns],
                    "databaseSchema": reference("databaseSchema", schema),
                    "database": schema["database"],
                    "service": schema["service"],
                    **common,
                },
                parent=schema["fullyQualifiedName"],
                root=database["fullyQualifiedName"],
                user=BOT,
            )

    def edit(self, service: Entity, edit: Edit, *, upper: bool, owner: Entity | None = None) -> None:
        """Let ana write a description, and give an owner."""
        names = [item.upper() if upper else item for item in ("shop", edit.schema, edit.table)]
        fqn = ".".join((service["fullyQualifiedName"], *(quote_name(name) for name in names)))
        stored = self.store.by_fqn("table", fqn)
        if stored is None:
            return
        table = dict(stored)
        if edit.column is None:
            table["description"] = edit.text
        else:
            table["columns"] = [
                item | {"description": edit.text} if item["name"].lower() == edit.column else item
                for item in table["columns"]
            ]
        if owner is not None:
            table["owners"] = [reference("user", owner)]
        note_change(table, stored, "ana", "Manual")
        table |= {"version": 0.2, "updatedBy": "ana", "updatedAt": self._at + DAY_MS}
        self.store.save("table", table)


def column(item: WarehouseColumn, table_fqn: str) -> Entity:
    """A column in OpenMetadata's types, from duckdb's."""
    match = _NUMBERS.match(item.data_type)
    name = match["name"] if match else item.data_type
    found: Entity = {
        "name": item.name,
        "dataType": _TYPES.get(name, name),
        "dataTypeDisplay": item.data_type.lower(),
        "fullyQualifiedName": f"{table_fqn}.{quote_name(item.name)}",
        "tags": [],
        "constraint": "NULL" if item.nullable else "NOT_NULL",
        "ordinalPosition": item.ordinal_position,
    }
    if match:
        found |= {"precision": int(match["precision"]), "scale": int(match["scale"])}
    if found["dataType"] in _WITH_LENGTH:
        found["dataLength"] = 1
    return found


def plain_tables(
    database: str, schema: str, tables: Sequence[tuple[str, tuple[str, ...]]]
) -> list[WarehouseTable]:
    """Tables from short descriptions, ``name:TYPE`` a column."""
    return [
        WarehouseTable(
            database,
            schema,
            name,
            "BASE TABLE",
            tuple(
                WarehouseColumn(text.partition(":")[0], text.partition(":")[2], index, True)
                for index, text in enumerate(columns, start=1)
            ),
        )
        for name, columns in tables
    ]
