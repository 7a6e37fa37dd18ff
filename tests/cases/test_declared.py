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
