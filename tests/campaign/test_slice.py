"""A seeded part of the fault campaign; the whole is ``python -m tests.campaign``."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.campaign.requests import lost_answer, one_fault
from tests.campaign.seeds import one_round, one_seed
from tests.campaign.world import World, world_in

SEEDS = (1, 5, 11, 19, 52, 130)
"""Among them one of each engine, kills by SIGKILL and SIGINT, and a manifest that a proxy emptied."""
FAULTS = (
    ("dbt", r"GET /api/v2/accounts/\d+/runs/($|\?)", "verify", "302-js"),
    ("dbt", r"GET .*run_results\.json", "plan", "json-half"),
    ("dbt", r"GET /api/v3/accounts/\d+/projects", "setup", "json-nesting"),
    ("collate", r"GET /api/v1/permissions", "verify", "500-surrogate"),
    ("collate", r"GET /api/v1/tables($|\?)", "plan", "json-nan"),
    ("collate", r"PUT /api/v1/lineage", "sync", "200-data-true"),
)
LOST = ((3, "lost-reset"), (60, "lost-html"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_in(tmp_path_factory.mktemp("campaign")) as started:
        await started.find_ends()
        yield started


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_sync_among_faults_and_kills_recovers(world: World, seed: int) -> None:
    assert (await one_seed(world, seed)).bad == []


@pytest.mark.asyncio(loop_scope="module")
async def test_syncs_at_once_end_in_the_same_state(world: World) -> None:
    assert (await one_round(world, 1)).bad == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("write", "fault"), LOST)
async def test_a_lost_answer_loses_no_write(world: World, write: int, fault: str) -> None:
    case = await lost_answer(world, write, fault)
    assert (case.faults, case.bad) == (1, [])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("side", "pattern", "command", "fault"), FAULTS)
async def test_an_odd_answer_becomes_a_card(
    world: World, side: str, pattern: str, command: str, fault: str
) -> None:
    case = await one_fault(world, side, pattern, command, fault)
    assert case.faults > 0
    assert case.bad == []
