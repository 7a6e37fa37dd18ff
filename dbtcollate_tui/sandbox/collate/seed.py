"""What the server holds at the start: the ingested warehouse, a second service, people, teams, tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dbtcollate_tui.sandbox.collate.api import BOT
from dbtcollate_tui.sandbox.collate.patching import note_change
from dbtcollate_tui.sandbox.collate.store import Entity, Store
from dbtcollate_tui.sandbox.collate.wire import new_id, now_ms, quote_name, reference
from dbtcollate_tui.sandbox.scenarios import Scenario
from dbtcollate_tui.sandbox.shop_data import (
    NOT_INGESTED_SCHEMAS,
    WarehouseColumn,
    WarehouseTable,
    load_warehouse,
)

SERVICE = "shop_warehouse"
OTHER_SERVICE = "legacy_crm"
ELSEWHERE = "analytics_duckdb"
"""The service that holds the shop's tables where `SERVICE` is the wrong one."""

_DAY_MS = 86_400_000
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


EDITS = (
    Edit(
        "marts",
        "dim_products",
        None,
        "Our product list. Prices are gross since 2025; ask Ana before you use them in a report.",
    ),
    Edit("marts", "dim_customers", "email", "Contact address. Personal data: never export it."),
)
MORE_EDITS = (
    Edit("marts", "fct_orders", None, "Orders as the board sees them. Kept by Ana's team."),
    Edit("marts", "fct_orders", "status", "open, shipped or cancelled."),
    Edit("staging", "stg_customers", None, "Cleaned customers, used by the newsletter as well."),
)
_LEGACY = (
    ("accounts", ("account_id:INT", "name:VARCHAR", "created_at:DATETIME")),
    ("contacts", ("contact_id:INT", "account_id:INT", "email:VARCHAR")),
    ("orders", ("order_no:VARCHAR", "account_id:INT", "total:DECIMAL")),
)
_UNRELATED = (
    ("erp_export", ("export_id:BIGINT", "file_name:VARCHAR", "exported_at:TIMESTAMP")),
    ("shop_orders_2019", ("order_no:VARCHAR", "amount:DECIMAL")),
    ("tmp_customers", ("id:INT", "payload:VARCHAR")),
)


class Seeder:
    """Writes entities the way an ingestion would have left them, two days ago."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at = now_ms() - 2 * _DAY_MS

    def save(
        self, kind: str, entity: Entity, *, parent: str = "", root: str = "", user: str = "admin"
    ) -> Entity:
        """Store an entity with id, version 0.1 and its author."""
        entity = {"id": new_id(), **entity, "version": 0.1, "updatedAt": self._at, "updatedBy": user}
        self._store.save(kind, entity, parent=parent, root=root)
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
            database = databases.get(table.database)
            if database is None:
                database = databases[table.database] = self.save(
                    "database",
                    {
                        "name": table.database,
                        "fullyQualifiedName": f"{service['fullyQualifiedName']}.{quote_name(table.database)}",
                        "service": reference("databaseService", service),
                        **common,
                    },
                    parent=service["fullyQualifiedName"],
                    user=BOT,
                )
            schema = schemas.get((table.database, table.schema))
            if schema is None:
                schema = schemas[table.database, table.schema] = self.save(
                    "databaseSchema",
                    {
                        "name": table.schema,
                        "fullyQualifiedName": f"{database['fullyQualifiedName']}.{quote_name(table.schema)}",
                        "database": reference("database", database),
                        "service": database["service"],
                        **common,
                    },
                    parent=database["fullyQualifiedName"],
                    root=service["fullyQualifiedName"],
                    user=BOT,
                )
            fqn = f"{schema['fullyQualifiedName']}.{quote_name(table.name)}"
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
        stored = self._store.by_fqn("table", fqn)
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
        table |= {"version": 0.2, "updatedBy": "ana", "updatedAt": self._at + _DAY_MS}
        self._store.save("table", table)


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


def shop_tables(scenario: Scenario) -> list[WarehouseTable]:
    """The recorded warehouse as far as it was ingested."""
    tables = [table for table in load_warehouse() if table.schema not in NOT_INGESTED_SCHEMAS]
    if scenario.tables_missing:
        tables = [table for table in tables if table.schema != "raw" and table.name != "fct_order_items"]
    if scenario.upper_case_tables:
        tables = [
            replace(
                table,
                database=table.database.upper(),
                schema=table.schema.upper(),
                name=table.name.upper(),
                columns=tuple(replace(item, name=item.name.upper()) for item in table.columns),
            )
            for table in tables
        ]
    return tables


def seed(store: Store, scenario: Scenario) -> None:
    """Fill an empty store."""
    with store.transaction():
        seeder = Seeder(store)
        people = _people(seeder)
        _tags(seeder)
        duckdb = {"type": "CustomDatabase", "sourcePythonClass": "duckdb_ingestion.source.DuckDBSource"}
        warehouse = seeder.service(SERVICE, "CustomDatabase", duckdb, "The shop's warehouse.")
        holder = warehouse
        if scenario.wrong_service:
            seeder.tables(warehouse, plain_tables("shop", "archive", _UNRELATED))
            holder = seeder.service(ELSEWHERE, "CustomDatabase", duckdb, "What dbt builds, in DuckDB.")
        seeder.tables(holder, shop_tables(scenario))
        crm = seeder.service(
            OTHER_SERVICE,
            "Mysql",
            {
                "type": "Mysql",
                "scheme": "mysql+pymysql",
                "username": "crm",
                "hostPort": "crm.shop.example:3306",
            },
            "The customer system of before 2020.",
        )
        seeder.tables(crm, plain_tables("default", "crm", _LEGACY))
        upper = scenario.upper_case_tables
        for edit in EDITS:
            seeder.edit(holder, edit, upper=upper)
        if scenario.edited_in_collate:
            for edit in MORE_EDITS:
                seeder.edit(holder, edit, upper=upper, owner=people["chen"] if edit.column is None else None)
        _dashboard(seeder)
        _test_definitions(seeder)


def _people(seeder: Seeder) -> dict[str, Entity]:
    team = seeder.save(
        "team",
        {
            "name": "data-platform",
            "fullyQualifiedName": "data-platform",
            "displayName": "Data platform",
            "teamType": "Group",
            "email": "data-platform@shop.example",
            "isJoinable": True,
            "owners": [],
        },
    )
    found = {}
    for name, shown, bot, admin in (
        ("ana", "Ana Novak", False, False),
        ("bruno", "Bruno Costa", False, False),
        ("chen", "Chen Li", False, False),
        ("admin", "Administrator", False, True),
        (BOT, "Ingestion bot", True, False),
    ):
        found[name] = seeder.save(
            "user",
            {
                "name": name,
                "fullyQualifiedName": name,
                "displayName": shown,
                "email": f"{name}@{'open-metadata.org' if bot else 'shop.example'}",
                "isBot": bot,
                "isAdmin": admin,
                "teams": [] if bot or admin else [reference("team", team)],
                "roles": [],
            },
        )
    return found


def _tags(seeder: Seeder) -> None:
    tags = {
        "Tier": (
            "Tags related to tiering of the data.",
            True,
            [(f"Tier{number}", f"Tier {number} data.") for number in range(1, 6)],
        ),
        "PII": (
            "Personally identifiable information.",
            True,
            [
                ("Sensitive", "PII which if lost could result in harm to an individual."),
                ("NonSensitive", "PII which is easily accessible from public sources."),
                ("None", "Non PII."),
            ],
        ),
    }
    for name, (description, exclusive, members) in tags.items():
        classification = seeder.save(
            "classification",
            {
                "name": name,
                "fullyQualifiedName": name,
                "description": description,
                "provider": "system",
                "mutuallyExclusive": exclusive,
                "disabled": False,
            },
        )
        for tag, text in members:
            seeder.save(
                "tag",
                {
                    "name": tag,
                    "fullyQualifiedName": f"{name}.{tag}",
                    "description": text,
                    "classification": reference("classification", classification),
                    "provider": "system",
                    "mutuallyExclusive": False,
                    "deprecated": False,
                    "disabled": False,
                },
                parent=name,
            )


def _dashboard(seeder: Seeder) -> None:
    seeder.save(
        "dashboard",
        {
            "name": "weekly_sales_board",
            "fullyQualifiedName": "shop_bi.weekly_sales_board",
            "displayName": "Weekly sales board",
            "service": {
                "id": new_id(),
                "type": "dashboardService",
                "name": "shop_bi",
                "fullyQualifiedName": "shop_bi",
                "deleted": False,
            },
            "serviceType": "Metabase",
            "owners": [],
            "tags": [],
        },
        user=BOT,
    )


def _test_definitions(seeder: Seeder) -> None:
    for name, text in (
        ("columnValuesToBeUnique", "Every value of the column is there once."),
        ("columnValuesToBeNotNull", "The column has no empty value."),
    ):
        seeder.save(
            "testDefinition",
            {
                "name": name,
                "fullyQualifiedName": name,
                "description": text,
                "entityType": "COLUMN",
                "testPlatforms": ["OpenMetadata"],
                "supportedDataTypes": [],
                "parameterDefinition": [],
                "provider": "system",
            },
        )
