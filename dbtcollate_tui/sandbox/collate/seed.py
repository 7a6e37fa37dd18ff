"""What the server holds at the start: the ingested warehouse, a second service, people, teams, tags."""

from __future__ import annotations

from dataclasses import replace

from dbtcollate_tui.sandbox.collate.seed_extras import (
    add_dashboard,
    add_dbt_cloud_connector,
    add_ingestion_runner,
    add_metadata_agent,
    add_people,
    add_stale_pipeline,
    add_tags,
    add_test_definitions,
    add_unreadable_test_case,
)
from dbtcollate_tui.sandbox.collate.seeder import Edit, Seeder, plain_tables
from dbtcollate_tui.sandbox.collate.store import Store
from dbtcollate_tui.sandbox.scenarios import Scenario
from dbtcollate_tui.sandbox.shop_data import NOT_INGESTED_SCHEMAS, WarehouseTable, load_warehouse

SERVICE = "shop_warehouse"
OTHER_SERVICE = "legacy_crm"
ELSEWHERE = "analytics_duckdb"
"""The service that holds the shop's tables where `SERVICE` is the wrong one."""

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
        people = add_people(seeder)
        add_tags(seeder)
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
        if scenario.ingestion_runner:
            add_ingestion_runner(seeder, holder)
        if scenario.own_connector:
            add_dbt_cloud_connector(seeder)
        if scenario.tables_missing:
            add_metadata_agent(seeder, holder, ["^staging$", "^marts$", "^snapshots$"])
        if scenario.pipeline_stale:
            add_stale_pipeline(seeder, holder)
        add_dashboard(seeder)
        add_test_definitions(seeder)
        if scenario.unreadable_test_case:
            add_unreadable_test_case(seeder, f"{OTHER_SERVICE}.default.crm.orders")
