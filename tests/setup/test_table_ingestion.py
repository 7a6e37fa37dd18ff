"""Missing tables and the agent that brings them: what is asked of whom where it cannot be run from here."""

from dataclasses import replace

import pytest

from dbtcollate_tui.collate.errors import ForbiddenError
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.sandbox.scenarios import Scenario, scenario_named
from dbtcollate_tui.setup.table_ingestion import TableIngestion
from tests.support.world import engine_of, world

NOT_INGESTED = scenario_named("not-ingested")


@pytest.mark.parametrize(
    ("scenario", "kind", "title"),
    [
        (
            replace(NOT_INGESTED, collate_read_only=True),
            ForbiddenError,
            "The Collate token may not run shop_warehouse_metadata",
        ),
        (
            replace(NOT_INGESTED, pipeline_service="none"),
            ActionableError,
            "Nothing on this server can run shop_warehouse_metadata now",
        ),
    ],
)
async def test_what_cannot_be_run_says_what_to_ask(
    scenario: Scenario, kind: type[ActionableError], title: str
) -> None:
    async with world(scenario) as here:
        with pytest.raises(kind) as caught:
            await TableIngestion(await engine_of(here)).prepare()
        writes = [seen for seen in here.sandbox.requests if seen.side == "collate" and seen.method != "GET"]
    assert caught.value.title == title
    assert caught.value.fixes[0].label == (
        "Ask a Collate admin to add ^finance$, ^raw$ to the schemas that the metadata agent "
        "shop_warehouse_metadata takes, deploy it and run it."
    )
    assert writes == []


async def test_the_agent_brings_the_missing_tables() -> None:
    async with world("not-ingested") as here:
        ingestion = TableIngestion(await engine_of(here))
        plan = await ingestion.prepare()
        assert plan is not None
        assert len(plan.missing) == 9
        assert plan.deploys
        await ingestion.start(plan)
        ends = [update async for update in ingestion.follow(plan)]
        assert ends
        assert len(await ingestion.missing()) == 1
