"""Addresses of Collate's pages for a person: tables and their tabs, services, a pipeline's log, bots."""

from typing import Literal

from dbtcollate_tui.collate.fqn import path_segment

TableTab = Literal["schema", "lineage", "profiler", "dbt"]


def table_page(base_url: str, fqn: str, tab: TableTab = "schema") -> str:
    """A table's page; its tests are on the tab "profiler" (Data Observability)."""
    return asset_page(base_url, "table", fqn, tab)


def asset_page(base_url: str, kind: str, fqn: str, tab: TableTab = "schema") -> str:
    """An entity's page by OpenMetadata's name of its type."""
    return f"{base_url.rstrip('/')}/{kind}/{path_segment(fqn)}/{tab}"


def service_page(base_url: str, service_fqn: str) -> str:
    """A database service's page, with its databases."""
    return f"{base_url.rstrip('/')}/service/databaseServices/{path_segment(service_fqn)}"


def service_ingestion_page(base_url: str, service_fqn: str) -> str:
    """The Ingestion (Agents) tab of a database service."""
    return f"{service_page(base_url, service_fqn)}/ingestions"


def pipeline_service_page(base_url: str, service_fqn: str) -> str:
    """A pipeline service's page, with its pipelines."""
    return f"{base_url.rstrip('/')}/service/pipelineServices/{path_segment(service_fqn)}"


def pipeline_log_page(base_url: str, pipeline_fqn: str) -> str:
    """The log of a database service's ingestion pipeline."""
    return f"{base_url.rstrip('/')}/databaseServices/{path_segment(pipeline_fqn)}/logs"


def bots_page(base_url: str) -> str:
    """Settings → Bots, where a bot's token is shown and made again."""
    return f"{base_url.rstrip('/')}/settings/bots"
