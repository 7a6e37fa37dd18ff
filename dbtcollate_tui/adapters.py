"""The one table of dbt's adapters: their warehouses' types in OpenMetadata, and how they name things.

Service types are OpenMetadata's (``entity/services/databaseService.json``), dialects are sqlglot's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NO_DATABASE = "default"
"""OpenMetadata's name for the database of a warehouse that has none between service and schema.

Its connectors for Athena, ClickHouse, Doris, Hive, Impala, MariaDB, MySQL, Oracle and StarRocks use it unless
the connection sets ``databaseName``, whatever the warehouse calls its catalog.
"""


CUSTOM_SERVICE = "CustomDatabase"
"""OpenMetadata's type for a database that it has no connector for."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One dbt adapter.

    ``service_types`` may hold its warehouse, likeliest first. ``dialect`` is sqlglot's; empty where it has
    none, the SQL is then read as standard SQL. ``has_database`` is false where dbt's nodes name no database,
    or one that is none in OpenMetadata; then schema and table tell tables apart. ``lists_partitions`` is
    false where OpenMetadata's connector leaves the partitions of a table out.
    """

    service_types: tuple[str, ...] = ()
    dialect: str = ""
    has_database: bool = True
    lists_partitions: bool = True


ADAPTERS: Mapping[str, Adapter] = {
    "athena": Adapter(("Athena", "Glue"), "athena", has_database=False),
    "bigquery": Adapter(("BigQuery",), "bigquery"),
    "clickhouse": Adapter(("Clickhouse",), "clickhouse", has_database=False),
    "databricks": Adapter(("Databricks", "UnityCatalog", "DeltaLake"), "databricks"),
    "db2": Adapter(("Db2",)),
    "doris": Adapter(("Doris",), "doris", has_database=False),
    "dremio": Adapter(("Dremio",), "dremio"),
    "duckdb": Adapter(("CustomDatabase",), "duckdb"),
    "exasol": Adapter(("Exasol",), "exasol"),
    "fabric": Adapter(("MicrosoftFabric", "Mssql", "Synapse", "AzureSQL"), "fabric"),
    "fabricspark": Adapter(("MicrosoftFabric", "DeltaLake"), "spark", has_database=False),
    "glue": Adapter(("Glue", "Athena"), "spark", has_database=False),
    "greenplum": Adapter(("Greenplum", "Postgres"), "postgres", lists_partitions=False),
    "hive": Adapter(("Hive",), "hive", has_database=False),
    "impala": Adapter(("Impala",), "hive", has_database=False),
    "mariadb": Adapter(("MariaDB", "Mysql"), "mysql", has_database=False),
    "materialize": Adapter(("Postgres",), "materialize"),
    "mysql": Adapter(("Mysql", "MariaDB"), "mysql", has_database=False),
    "mysql5": Adapter(("Mysql", "MariaDB"), "mysql", has_database=False),
    "oracle": Adapter(("Oracle",), "oracle", has_database=False),
    "postgres": Adapter(
        ("Postgres", "Timescale", "Greenplum", "Cockroach"), "postgres", lists_partitions=False
    ),
    "presto": Adapter(("Presto",), "presto"),
    "redshift": Adapter(("Redshift",), "redshift"),
    "risingwave": Adapter(("Postgres",), "risingwave"),
    "saphana": Adapter(("SapHana",)),
    "singlestore": Adapter(("SingleStore",), "singlestore", has_database=False),
    "snowflake": Adapter(("Snowflake",), "snowflake"),
    "spark": Adapter(
        ("Databricks", "DeltaLake", "Hive", "UnityCatalog", "Glue"), "spark", has_database=False
    ),
    "sqlite": Adapter(("SQLite",), "sqlite", has_database=False),
    "sqlserver": Adapter(("Mssql", "AzureSQL", "Synapse"), "tsql"),
    "starrocks": Adapter(("StarRocks",), "starrocks", has_database=False),
    "synapse": Adapter(("Synapse", "Mssql", "AzureSQL"), "tsql"),
    "teradata": Adapter(("Teradata",), "teradata", has_database=False),
    "trino": Adapter(("Trino", "Presto"), "trino"),
    "vertica": Adapter(("Vertica",), "postgres"),
}

UNKNOWN = Adapter()
"""Stands for an adapter that is not listed: any service may hold it, its SQL is read as standard SQL."""


def adapter_of(adapter_type: str) -> Adapter:
    """The facts about an adapter by dbt's ``adapter_type``."""
    return ADAPTERS.get(adapter_type.strip().lower(), UNKNOWN)


def is_type_for(adapter_type: str, service_type: str) -> bool:
    """Whether a service of this type may hold the adapter's warehouse; true where the adapter is unknown."""
    known = adapter_of(adapter_type).service_types
    return not known or not service_type or service_type in known or service_type == CUSTOM_SERVICE
