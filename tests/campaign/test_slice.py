"""A seeded part of the fault campaign; the whole is ``python -m tests.campaign.campaign``."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.campaign.campaign import Servers, one_fault, random_run

SEEDS = (1, 2, 3, 4)
PLACES = (
    ("dbt", r"GET .*/runs/($|\?)", "status"),
    ("collate", r"GET /api/v1/permissions", "verify"),
    ("collate", r"GET /api/v1/tables($|\?)", "plan"),
)
FAULTS = (
    "redos-500",
    "429-ra-minus0000",
    "302-js",
    "500-surrogate",
    "json-nan",
    "200-data-true",
    "json-nesting",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Servers, Path]]:
    folder = tmp_path_factory.mktemp("campaign")
    base = folder / "base"
    base.mkdir()
    async with Servers(folder, 1) as started:
        await started.make_profile(base)
        yield started, base


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_sync_among_faults_loses_nothing(servers: tuple[Servers, Path], seed: int) -> None:
    assert (await random_run(*servers, seed))["bad"] == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_odd_answer_becomes_a_card(servers: tuple[Servers, Path], fault: str) -> None:
    place = PLACES[FAULTS.index(fault) % len(PLACES)]
    found = await one_fault(*servers, *place, fault)
    assert found["hits"] > 0
    assert found["bad"] == []
