"""The reference's own dbt workflow against the sandbox, and what it leaves beside what ours leaves."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.sandbox.server import Sandbox
from tests.contract.reference import compare
from tests.contract.reference.compare import Reason, differences, equalities
from tests.contract.reference.ends import (
    direct_plan,
    direct_sync,
    new_run,
    reference_sync,
    spec_of,
)
from tests.contract.reference.held import Held, held
from tests.contract.reference.meta import EditedSandbox, more_meta, people_were_here
from tests.contract.reference.recording import RecordingSandbox

NO_TABLE = "Unable to find the table 'shop_warehouse.shop.{}' in OpenMetadata."
WARNINGS = {
    NO_TABLE.format("raw.customers"),
    NO_TABLE.format("finance.payroll_costs"),
    "Unable to ingest owner from DBT since no user or team was found with name dora",
    "Exposure type [notebook] not supported.",
}
NO_CATALOG_ENTRY = (
    "Unable to find the node or columns in the catalog file for dbt node: model.shop.int_order_payments"
)
QUOTED_CASE = "not_null_weekly_revenue__weekStart_"
FAILURES = {f"DBT Test Result {QUOTED_CASE}", f"CreateTestCaseRequest [{QUOTED_CASE}]"}
"""What fails against a real server too: the link of a column keeps the quotes of dbt's file."""

NEW_CASES = {
    "shop_warehouse.shop.marts.WeeklyRevenue.weekStart.not_null_weekly_revenue__weekStart_",
    "shop_warehouse.shop.raw.orders.orders_freshness",
    "shop_warehouse.shop.raw.payments.payments_freshness",
    "shop_warehouse.shop.raw.raw_customers.customers_freshness",
    "shop_warehouse.shop.raw.raw_customers.customer_id.source_not_null_erp_customers_customer_id",
    "shop_warehouse.shop.raw.raw_customers.customer_id.source_unique_erp_customers_customer_id",
}
"""The tests that the direct sync adds to what the reference wrote."""


ALWAYS = {
    compare.SEED_PATH: 7,
    compare.LOST_SOURCE: 40,
    compare.QUOTED: 9,
    compare.NO_COLUMN: 5,
    compare.PARAMETERS: 5,
    compare.UNUSED_TAG: 1,
    compare.PERSONS_TEXT: 2,
}
GREEN = {
    **ALWAYS,
    compare.FRESHNESS: 30,
    compare.SEED_WINS: 14,
    compare.CASE: 29,
    compare.SILENT_COLUMN: 30,
    compare.SELF_EDGE: 2,
    compare.MORE_COLUMNS: 4,
    compare.CREATE_TABLE: 21,
}
"""How many facts differ after a run that ends in ``dbt docs generate``."""
WITH_META = {
    **GREEN,
    compare.CREATE_TABLE: 22,
    compare.ERASED: 1,
    compare.PERSONS_PROPERTY: 1,
}
"""How many facts differ where ``meta`` and people say more."""
WITHOUT_DOCS = {
    **ALWAYS,
    compare.SEED_WINS: 13,
    compare.CASE: 28,
    compare.SILENT_COLUMN: 25,
    compare.SEVERITY: 1,
    compare.MORE_SQL: 105,
    compare.TYPES: 32,
}
"""How many facts differ after a run that failed at its tests."""
ALWAYS_ALIKE = {
    "description": 18,
    "column description": 33,
    "owner": 14,
    "tag": 26,
    "column tag": 12,
    "classifications": 1,
    "tags": 11,
    "dataQuality/testDefinitions": 7,
    "test definition": 32,
    "test entityLink": 32,
    "test suite": 32,
    "test description": 32,
    "test parameters": 27,
    "test result timestamp": 32,
    "test result testCaseStatus": 32,
    "test result testResultValue": 32,
}
GREEN_ALIKE = {
    **ALWAYS_ALIKE,
    "data model": 351,
    "edge": 24,
    "edge sqlQuery": 3,
    "edge column": 66,
    "test result result": 32,
}
"""How many facts both write alike after the green run."""
WITH_META_ALIKE = {
    **GREEN_ALIKE,
    "tag": 29,
    "column tag": 26,
    "edge": 25,
    "custom property": 8,
    "domain": 2,
}
"""How many facts both write alike where ``meta`` and people say more."""
WITHOUT_DOCS_ALIKE = {
    **ALWAYS_ALIKE,
    "data model": 274,
    "edge": 22,
    "edge sqlQuery": 2,
    "test result result": 31,
}
"""How many facts both write alike after the failed run."""


def meta_warnings() -> Iterator[str]:
    """What the reference says of the values in `more_meta` that do not fit."""
    yield "Skipped invalid values: ['lead']. Allowed values: ['gold', 'silver']"
    for name in ("fct_orders", "dim_products"):
        table = f"shop_warehouse.shop.marts.{name}"
        yield (
            f"Table {table}: Validation failed for custom property 'rank' (type: integer): "
            "Expected integer, got str. Provided value: first"
        )
        yield (
            f"Table {table}: Custom property 'nobody' not found in OpenMetadata. "
            "Please create it in the OpenMetadata UI before ingesting."
        )
        yield (
            f"Custom property validation errors for table {table}:\n"
            "  • rank: Expected integer, got str\n  • nobody: Property not defined"
        )


def check_green(told: dict[str, Any], *more_warnings: str) -> None:
    """The reference ended well: no more warnings and failures than the shop is made to cause."""
    assert told["raised"] == ""
    steps = told["steps"]
    assert set(steps) == {"dbt", "OpenMetadata"}
    warnings = {text.split(" Please check")[0] for step in steps.values() for text in step["warnings"]}
    assert warnings == {*WARNINGS, *more_warnings}
    assert {name for step in steps.values() for name, _ in step["failures"]} == FAILURES


def check_comparison(
    before: Held, theirs: Held, ours: Held, reasons: Mapping[Reason, int], alike: Mapping[str, int]
) -> None:
    """Every difference has one of the reasons, as often as it is known to; the rest was written alike."""
    explained, unexplained = differences(theirs, ours, reasons)
    assert unexplained == []
    assert {reason.text: count for reason, count in explained.items()} == {
        reason.text: count for reason, count in reasons.items()
    }
    assert equalities(before, theirs, ours) == alike


def check_answers(sandbox: RecordingSandbox) -> None:
    """Nothing but absence was refused, save the one case that a real server refuses too."""
    refused = [
        (exchange.method, exchange.path.rpartition("/")[2].rpartition(".")[2], exchange.status)
        for exchange in sandbox.exchanges
        if exchange.status >= httpx.codes.BAD_REQUEST
        and not (exchange.method == "GET" and exchange.status == httpx.codes.NOT_FOUND)
    ]
    assert refused == [("PUT", "testCases", 400), ("POST", QUOTED_CASE, 404)]


async def test_a_green_run_as_a_pipeline_of_collate(tmp_path: Path) -> None:
    async with RecordingSandbox(run_seconds=0.3) as theirs, Sandbox() as ours:
        await new_run(theirs)
        async with CollateClient(theirs.collate_url, theirs.collate_token) as client:
            await client.connect()
            pipelines = IngestionPipelines(client)
            made = await pipelines.create_or_update(await spec_of(client, theirs))
            before = await asyncio.to_thread(held, theirs)
            assert await asyncio.to_thread(held, ours) == before
            check_green(await reference_sync(theirs, tmp_path, report=True), NO_CATALOG_ENTRY)
            check_answers(theirs)
            (run,) = await pipelines.statuses(made.fullyQualifiedName)
            assert run.pipelineState == "partialSuccess"
            assert {step.name for step in run.status} >= {"dbt", "OpenMetadata"}
        assert (await direct_sync(theirs, ours, tmp_path)).outcome == "ok"
        left, right = await asyncio.gather(asyncio.to_thread(held, theirs), asyncio.to_thread(held, ours))
    check_comparison(before, left, right, GREEN, GREEN_ALIKE)


async def test_a_failed_run_without_docs(tmp_path: Path) -> None:
    async with RecordingSandbox() as theirs, Sandbox() as ours:
        before = await asyncio.to_thread(held, theirs)
        check_green(await reference_sync(theirs, tmp_path))
        check_answers(theirs)
        assert (await direct_sync(theirs, ours, tmp_path)).outcome == "ok"
        left, right = await asyncio.gather(asyncio.to_thread(held, theirs), asyncio.to_thread(held, ours))
    check_comparison(before, left, right, WITHOUT_DOCS, WITHOUT_DOCS_ALIKE)


async def test_what_meta_and_persons_say(tmp_path: Path) -> None:
    """Domain, custom properties, a table read by its name; a person's text and property stay with ours."""
    async with EditedSandbox(more_meta, run_seconds=0.3) as theirs, Sandbox() as ours:
        await asyncio.gather(people_were_here(theirs), people_were_here(ours))
        await new_run(theirs)
        before = await asyncio.to_thread(held, theirs)
        assert await asyncio.to_thread(held, ours) == before
        check_green(await reference_sync(theirs, tmp_path), NO_CATALOG_ENTRY, *meta_warnings())
        check_answers(theirs)
        assert (await direct_sync(theirs, ours, tmp_path)).outcome == "ok"
        assert (await direct_plan(theirs, ours, tmp_path)).changes == ()
        left, right = await asyncio.gather(asyncio.to_thread(held, theirs), asyncio.to_thread(held, ours))
    check_comparison(before, left, right, WITH_META, WITH_META_ALIKE)


async def test_taking_turns_doubles_and_loses_nothing(tmp_path: Path) -> None:
    async with RecordingSandbox(run_seconds=0.3) as sandbox:
        await new_run(sandbox)
        check_green(await reference_sync(sandbox, tmp_path), NO_CATALOG_ENTRY)
        first = await asyncio.to_thread(held, sandbox)
        assert (await direct_sync(sandbox, sandbox, tmp_path)).outcome == "ok"
        assert (await direct_plan(sandbox, sandbox, tmp_path)).changes == ()
        second = await asyncio.to_thread(held, sandbox)
        assert [fact for fact in first if fact not in second and "dataModel" not in fact] == []
        new_cases = {fact[0] for fact in second.keys() - first.keys() if fact[1] == "test"}
        assert new_cases == NEW_CASES
        check_green(await reference_sync(sandbox, tmp_path), NO_CATALOG_ENTRY)
        third = await asyncio.to_thread(held, sandbox)
        changed = {fact for fact in second.keys() | third.keys() if second.get(fact) != third.get(fact)}
        assert {fact[1] for fact in changed} == {"dataModel", "lineage"}
        plan = await direct_plan(sandbox, sandbox, tmp_path)
    assert {change.kind for change in plan.changes} == {"data_model"}
