"""The table of dbt adapters: where OpenMetadata keeps the warehouse, and which SQL it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adapter:
    """One dbt adapter.

    Args:
        service_types: OpenMetadata's ``serviceType`` names that can hold its warehouse, likeliest first.
            Empty for an adapter that is not in the table.
        dialect: sqlglot's dialect; empty where sqlglot has none, the SQL is then read as standard SQL.
    """

    service_types: tuple[str, ...] = ()
    dialect: str = ""


ADAPTERS: Mapping[str, Adapter] = {
    "athena": Adapter(("Athena", "Glue"), "athena"),
    "bigquery": Adapter(("BigQuery",), "bigquery"),
    "clickhouse": Adapter(("Clickhouse",), "clickhouse"),
    "databricks": Adapter(("Databricks", "UnityCatalog", "DeltaLake"), "databricks"),
    "db2": Adapter(("Db2",)),
    "doris": Adapter(("Doris",), "doris"),
    "dremio": Adapter(("Dremio",), "dremio"),
    "duckdb": Adapter(("CustomDatabase",), "duckdb"),
    "exasol": Adapter(("Exasol",), "exasol"),
    "fabric": Adapter(("MicrosoftFabric", "Mssql", "Synapse", "AzureSQL"), "fabric"),
    "fabricspark": Adapter(("MicrosoftFabric", "DeltaLake"), "spark"),
    "glue": Adapter(("Glue", "Athena"), "spark"),
    "greenplum": Adapter(("Greenplum", "Postgres"), "postgres"),
    "hive": Adapter(("Hive",), "hive"),
    "impala": Adapter(("Impala",), "hive"),
    "mariadb": Adapter(("MariaDB", "Mysql"), "mysql"),
    "materialize": Adapter(("Postgres",), "materialize"),
    "mysql": Adapter(("Mysql", "MariaDB"), "mysql"),
    "oracle": Adapter(("Oracle",), "oracle"),
    "postgres": Adapter(("Postgres", "Timescale", "Greenplum", "Cockroach"), "postgres"),
    "presto": Adapter(("Presto",), "presto"),
    "redshift": Adapter(("Redshift",), "redshift"),
    "risingwave": Adapter(("Postgres",), "risingwave"),
    "saphana": Adapter(("SapHana",)),
    "singlestore": Adapter(("SingleStore",), "singlestore"),
    "snowflake": Adapter(("Snowflake",), "snowflake"),
    "spark": Adapter(("Databricks", "DeltaLake", "Hive", "UnityCatalog", "Glue"), "spark"),
    "sqlite": Adapter(("SQLite",), "sqlite"),
    "sqlserver": Adapter(("Mssql", "AzureSQL", "Synapse"), "tsql"),
    "starrocks": Adapter(("StarRocks",), "starrocks"),
    "synapse": Adapter(("Synapse", "Mssql", "AzureSQL"), "tsql"),
    "teradata": Adapter(("Teradata",), "teradata"),
    "trino": Adapter(("Trino", "Presto"), "trino"),
    "vertica": Adapter(("Vertica",), "postgres"),
}
"""By dbt's adapter type. Sources: dbt's "Supported data platforms", OpenMetadata's database connectors."""

CUSTOM_SERVICE = "CustomDatabase"
"""OpenMetadata's type for a database that it has no connector for."""


def adapter_of(adapter_type: str) -> Adapter:
    """The adapter by dbt's name, in any case; one without facts where it is not in the table."""
    return ADAPTERS.get(adapter_type.lower(), Adapter())


def is_type_for(adapter_type: str, service_type: str) -> bool:
    """Whether a service of this type can hold the adapter's warehouse; true where the adapter is unknown."""
    known = adapter_of(adapter_type).service_types
    return not known or not service_type or service_type in known or service_type == CUSTOM_SERVICE
