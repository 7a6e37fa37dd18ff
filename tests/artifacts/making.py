"""Small artifacts made by hand, as bytes."""

import json
from typing import Any

ADDRESS = "https://schemas.getdbt.com/dbt/{}/v{}.json"


def manifest(version: int = 12, **parts: Any) -> bytes:
    """A manifest with the given top-level parts."""
    metadata = {
        "dbt_schema_version": ADDRESS.format("manifest", version),
        "dbt_version": "1.10.0",
        "generated_at": "2026-01-01T00:00:00Z",
        "project_name": "shop",
        "adapter_type": "snowflake",
        **parts.pop("metadata", {}),
    }
    return encoded({"metadata": metadata, "nodes": {}, "sources": {}, **parts})


def model(name: str = "orders", **fields: Any) -> dict[str, Any]:
    """One model's manifest entry under its unique_id."""
    entry = {
        "resource_type": "model",
        "name": name,
        "database": "ANALYTICS",
        "schema": "marts",
        "package_name": "shop",
        "config": {"materialized": "table"},
        "depends_on": {"nodes": []},
    }
    return {f"model.shop.{name}": {**entry, **fields}}


def generic_test(name: str = "not_null_orders_id", **fields: Any) -> dict[str, Any]:
    """One generic test's manifest entry under its unique_id."""
    entry = {
        "resource_type": "test",
        "name": name,
        "column_name": "id",
        "test_metadata": {"name": "not_null", "kwargs": {"model": "{{ get_where_subquery(ref('orders')) }}"}},
        "depends_on": {"nodes": ["model.shop.orders"]},
    }
    return {f"test.shop.{name}.abc": {**entry, **fields}}


def run_results(*results: dict[str, Any], invocation: str = "i1", which: str | None = "test") -> bytes:
    """A run_results.json of schema v6."""
    return encoded(
        {
            "metadata": {
                "dbt_schema_version": ADDRESS.format("run-results", 6),
                "generated_at": "2026-01-01T12:00:00.000000Z",
                "invocation_id": invocation,
            },
            "args": {"which": which},
            "results": list(results),
        }
    )


def result(
    status: str,
    ended: str | None = "2026-01-01T10:00:00.000000Z",
    unique_id: str = "test.shop.not_null_orders_id.abc",
    **fields: Any,
) -> dict[str, Any]:
    """One entry of run_results.json."""
    timing = [{"name": "compile", "completed_at": "2025-01-01T00:00:00Z"}]
    if ended:
        timing.append({"name": "execute", "completed_at": ended})
    return {"unique_id": unique_id, "status": status, "timing": timing, "adapter_response": {}, **fields}


def encoded(value: object) -> bytes:
    """JSON as dbt writes it."""
    return json.dumps(value).encode()
