"""dbt Cloud as the server's own workers see it: asked where a pipeline needs it, and left without a trace."""

import pytest
from pydantic import SecretStr

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.network import network
from dbtcollate_tui.collate.automations import discovery_api
from dbtcollate_tui.events.types import RunFinished
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.settings.secrets import Side
from dbtcollate_tui.sync.engine import Engine, Tempo
from dbtcollate_tui.sync.in_collate import run_collate
from tests.support.world import World, world

ROW = "collate.network"
QUICK = Tempo(poll=0.05, quiet=0.2, trigger_pause=0.05)


async def pipeline(here: World, *, trigger: bool) -> None:
    events = run_collate(
        Engine(
            here.profile, await here.connections.dbt_cloud(), await here.connections.collate(), tempo=QUICK
        ),
        here.sandbox.dbt_cloud_token,
        trigger=trigger,
    )
    (end,) = [event async for event in events if isinstance(event, RunFinished)]
    assert end.outcome == "ok", end.text


def asked(here: World) -> list[str]:
    return [seen.method for seen in here.sandbox.requests if "/automations/" in seen.path]


async def test_nothing_is_asked_where_nothing_needs_it() -> None:
    async with world() as here:
        row = (await here.check([ROW]))[ROW]
        assert row.state is CheckState.SKIPPED
        assert "No pipeline yet" in row.summary
        assert asked(here) == []


async def test_the_servers_workers_try_it_and_the_test_is_removed() -> None:
    async with world() as here:
        await pipeline(here, trigger=False)
        row = (await here.check([ROW]))[ROW]
        assert (row.state, row.summary) == (CheckState.PASS, "3 of 3 steps passed from Collate's network")
        assert asked(here)[-1] == "DELETE"
        collate = await here.connections.collate()
        listed = (await collate.call("GET", "/automations/workflows", doing="list")).json()["data"]
        assert listed == []


async def test_a_run_that_succeeded_has_shown_it() -> None:
    async with world() as here:
        await pipeline(here, trigger=True)
        row = (await here.check([ROW]))[ROW]
        assert row.state is CheckState.PASS
        assert asked(here) == []


async def test_refused_runner_is_reported_without_the_token() -> None:
    async with world() as here:
        await pipeline(here, trigger=False)
        wrong = SecretStr("dbtc_" + "0" * 35)
        given: dict[Side, SecretStr] = {"dbt_cloud": wrong, "collate": here.sandbox.collate_token}
        async with Connections(here.profile, here.services, given=given) as connections:
            row = await network(CheckContext(here.profile, connections, here.services))
        assert row.state is CheckState.WARN
        assert "CheckAccess" in row.summary
        assert any("401" in line for line in row.evidence)
        assert wrong.get_secret_value() not in str(row)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://cloud.getdbt.com", "https://metadata.cloud.getdbt.com/graphql"),
        ("https://emea.dbt.com", "https://metadata.emea.dbt.com/graphql"),
        ("https://ab123.us1.dbt.com", "https://ab123.metadata.us1.dbt.com/graphql"),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001/graphql"),
    ],
)
def test_the_discovery_api_of_an_address(address: str, expected: str) -> None:
    assert discovery_api(address) == expected
