"""The guide's verification rows before and after a real sync, in both of Collate's dialects."""

import pytest

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.direct import run_direct
from tests.support.world import World, engine_of, world


async def _sync(here: World) -> None:
    events = run_direct(await engine_of(here))
    async for _ in events:
        pass


@pytest.mark.parametrize("version", ["latest", "1.1"])
async def test_after_a_sync_the_rows_are_read_back(version: str) -> None:
    async with world(server_version=version) as here:
        await _sync(here)
        rows = await here.check()
    assert rows["verification.ingestion"].state is CheckState.PASS
    assert rows["verification.descriptions"].state is CheckState.PASS
    assert rows["verification.descriptions"].summary == "53 of 53 descriptions equal"
    assert rows["verification.lineage"].state is CheckState.WARN
    assert rows["verification.lineage"].summary == "24 of 25 edges"
    assert rows["verification.lineage"].causes == ("1 node of dbt's has no table in Collate.",)
    assert any("payroll" in line for line in rows["verification.lineage"].exceptions)
    assert rows["verification.tests"].summary.startswith("39 of 40 test results")


async def test_freshness_is_expected_only_of_a_direct_sync() -> None:
    async with world() as here:
        before = await here.check(["verification.tests"])
        await _sync(here)
        after = await here.check(["verification.tests"])
    assert before["verification.tests"].summary.startswith("0 of 37 test results")
    assert after["verification.tests"].summary.startswith("39 of 40 test results")


async def test_what_was_changed_in_collate_since_is_a_failed_row_with_the_exception() -> None:
    async with world() as here:
        await _sync(here)
        collate = await here.connections.collate()
        table = await collate.table("shop_warehouse.shop.marts.dim_customers")
        assert table is not None
        await collate.patch_table(
            table.id, [{"op": "replace", "path": "/description", "value": "Edited by hand."}]
        )
        rows = await here.check(["verification.descriptions"])
    row = rows["verification.descriptions"]
    assert row.state is CheckState.FAIL
    assert row.summary == "52 of 53 descriptions equal"
    assert row.causes == ("It was changed in Collate since, or the last ingestion was incomplete.",)
    assert [line for line in row.exceptions if "dim_customers" in line and "Edited by hand." in line]
    assert row.fixes[0].kind == "sync_now"


async def test_what_the_options_leave_out_is_skipped() -> None:
    async with world() as here:
        here.profile = here.profile.model_copy(
            update={"options": SyncOptions(include_lineage=False, include_tests=False)}
        )
        rows = await here.check(["verification.lineage", "verification.tests"])
    assert {row.state for row in rows.values()} == {CheckState.SKIPPED}
    assert rows["verification.lineage"].summary == "Lineage is switched off in the options"
