"""The sandbox's metadata agent: its run brings the recorded warehouse into Collate, as its filters say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from dbtcollate_tui.sandbox.collate.runner import PipelineRunContext
from dbtcollate_tui.sandbox.collate.seeder import Seeder
from dbtcollate_tui.sandbox.collate.store import Store
from dbtcollate_tui.sandbox.shop_data import NOT_INGESTED_SCHEMAS, load_warehouse


def ingest(store: Store, context: PipelineRunContext) -> None:
    """Add the tables that the filters take and the service does not hold yet."""
    config = context.pipeline["sourceConfig"]["config"]
    service = store.by_id("databaseService", context.pipeline["service"]["id"])
    assert service is not None
    taken = [
        table
        for table in load_warehouse()
        if table.schema not in NOT_INGESTED_SCHEMAS
        and _takes(config.get("schemaFilterPattern"), table.schema)
        and _takes(config.get("tableFilterPattern"), table.name)
    ]
    with store.transaction():
        before = sum(1 for _ in store.every("table"))
        Seeder(store).tables(service, taken)
        added = sum(1 for _ in store.every("table")) - before
    context.log(f"{len(taken)} tables read from the database, {added} of them new")
    context.step("Source", records=len(taken))
    context.step("Sink", records=len(taken), updated_records=added)


def _takes(pattern: Any, name: str) -> bool:
    found = pattern if isinstance(pattern, dict) else {}
    includes, excludes = found.get("includes") or (), found.get("excludes") or ()
    return not _any(excludes, name) and (not includes or _any(includes, name))


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(re.match(pattern, name, re.IGNORECASE) for pattern in patterns)
