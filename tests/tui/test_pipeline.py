"""The pipeline inside Collate, from the app: compared, deployed, run, followed, stopped, on the sandbox."""

import pytest

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.whole import keep, play, whole


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_deploy_and_run_is_seen_first_then_followed_to_its_verification(size: tuple[int, int]) -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox, schedule="0 7 * * *"))
        async with whole(services, size=size) as app:
            await app.on("HomeScreen")
            await app.checked()
            writes = len([seen for seen in sandbox.requests if seen.method not in ("GET", "HEAD")])
            await app.press("d")
            await app.on("PipelineScreen")
            await app.until(lambda: app.top.has_class("-planned"), "the comparison")
            assert "will be created" in app.drawn()
            assert "0 7 * * *" in app.drawn()
            assert sandbox.dbt_cloud_token.get_secret_value() not in app.app.export_screenshot()
            assert len([seen for seen in sandbox.requests if seen.method not in ("GET", "HEAD")]) == writes
            await app.press("d")
            await app.synced()
            assert "Done" in app.drawn() or "Partial" in app.drawn()
            assert "descriptions equal" in app.drawn()
            chain = app.top.query_one(ChainBar).view
            assert CheckState.WAITING not in {chain.of(stage).state for stage in Stage}
            assert CheckState.FAIL not in {chain.of(stage).state for stage in Stage}
            await app.press("enter")
            await app.on("HomeScreen")
            await app.checked()
            await app.press("d")
            await app.on("PipelineScreen")
            await app.until(lambda: app.top.has_class("-planned"), "the comparison")
            assert "remains unchanged" in app.drawn()


async def test_a_server_without_pipeline_service_says_so_and_names_the_direct_sync() -> None:
    services = Services()
    async with Sandbox("no-pipeline-service") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.on("HomeScreen")
            await app.press("d")
            await app.on("PipelineScreen")
            await app.until(lambda: "could not be compared" in app.drawn(), "the card")
            assert "direct" in app.drawn()
            assert not app.top.query_one(SyncBoard).display
            assert app.top.max_scroll_y == 0
            await play(sandbox, "healthy")
            await app.press("r")
            await app.until(lambda: app.top.has_class("-planned"), "the comparison")
            assert not app.top.has_class("-undone")
