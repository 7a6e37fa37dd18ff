"""What dbt declares beside tables and tests reaches Collate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cases.runner import Cases, cases, load_case

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[Cases]:
    async with cases() as found:
        yield found


async def test_foreign_key_draws_no_edge(world: Cases, tmp_path: Path) -> None:
    """Both models have a key to ``customers``; one of them reads it."""
    place = world.place(tmp_path)
    first = await place.twice(load_case("declared-foreign-key"))
    assert set(await place.edges()) == {("m.main.customers", "m.main.orders_fk_read")}
    assert first.plan.expected.missing_edges == ()
    upstream = {name: table["dataModel"]["upstream"] for name, table in (await place.tables()).items()}
    assert upstream["m.main.orders_fk"] == []
    assert upstream["m.main.orders_fk_read"] == [f"{place.service}.m.main.customers"]


async def test_what_is_not_written_is_counted(world: Cases, tmp_path: Path) -> None:
    place = world.place(tmp_path)
    first = await place.twice(load_case("declared-metrics-measures"))
    counts = {item.kind: item.count for item in first.plan.not_written}
    counts.pop("metrics", None)
    assert counts == {
        "access": 2,
        "constraints": 4,
        "contracts": 3,
        "deprecations": 1,
        "groups": 1,
        "saved_queries": 1,
        "semantic_models": 2,
        "unit_tests": 2,
        "versions": 2,
    }
    assert "2 unit tests: 1 failed, 1 skipped; OpenMetadata has no place for them." in first.notes
    assert "(dim_customers v1 on 2027-01-31, successor v2)" in first.notes
    tests = first.finished.verification
    assert tests is not None
    assert tests.failed_tests == ("goes_wrong",)
    assert first.finished.exit_code == 0
    row = tests.row("tests")
    assert row is not None
    assert row.summary.endswith("2 unit tests: 1 failed, 1 skipped")
