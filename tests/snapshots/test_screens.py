"""Each screen at 80x24 and 140x40, dark and light, against its file.

``python -m pytest tests/snapshots --snapshot-update`` renews the files; their difference is to be read.
"""

import pytest
from syrupy.assertion import SnapshotAssertion

from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, Region
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.tui.screens.ask_name import AskName
from dbtcollate_tui.tui.screens.ask_token import AskToken
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.setup import SetupScreen
from dbtcollate_tui.tui.screens.stop_in_collate import StopInCollate
from dbtcollate_tui.tui.widgets.chain import ChainBar
from tests.screenshots.take_screenshots import pane_stands, walked
from tests.snapshots.album import Album, at_home
from tests.tui.driving import offer_of, page_of
from tests.tui.whole import whole


@pytest.mark.usefixtures("still")
async def test_the_setup(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with Sandbox() as sandbox:
        address = page_of(sandbox).rpartition("/jobs/")[0]
        async with whole(offer=offer_of(sandbox, address), size=size) as app:
            await album.take(app, "welcome")
            await app.press("question_mark")
            await album.take(app, "help-of-welcome")
            await app.press("escape", "s")
            await app.until(pane_stands(app, "address"), "the address")
            await album.take(app, "setup-address")
            await app.press("enter")
            await app.until(pane_stands(app, "dbt_token"), "the token")
            await album.take(app, "setup-token")
            await app.press("s")
            await app.until(pane_stands(app, "job"), "the jobs")
            await app.until(lambda: "latest successful run" in app.drawn(), "the run's preview")
            await album.take(app, "setup-job")
            await app.press("enter")
            await app.until(pane_stands(app, "collate"), "Collate")
            await album.take(app, "setup-collate")
            await app.press("s")
            await app.until(lambda: "OpenMetadata" in app.drawn(), "Collate's facts")
            await app.press("enter")
            await app.until(pane_stands(app, "service"), "the services")
            await app.until(lambda: "of 26" in app.drawn(), "the services' tables")
            await album.take(app, "setup-service")
            chain = app.top.query_one(ChainBar)
            chain.focus()
            await app.pilot.pause()
            await app.press("enter")
            await app.on("StageChecks")
            await album.take(app, "setup-checks")
            await app.press("escape")
            await app.on("SetupScreen")
            await app.press("tab")
            await app.press("enter")
            await app.until(pane_stands(app, "options"), "the options")
            await album.take(app, "setup-options")
            await app.press("enter")
            await app.until(pane_stands(app, "review"), "the review")
            await album.take(app, "setup-review")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_a_token_that_no_host_knows(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with Sandbox("expired-token") as sandbox, whole(offer=offer_of(sandbox), size=size) as app:
        regions = [Region(region.name, sandbox.dbt_cloud_url) for region in SHARED_REGIONS]
        app.app.push_screen(SetupScreen(GuidedSetup(app.app.services, regions=regions)))
        await app.until(pane_stands(app, "address"), "the address")
        await app.press("enter")
        await app.until(pane_stands(app, "dbt_token"), "the token")
        await app.paste(sandbox.dbt_cloud_token.get_secret_value())
        await app.press("enter")
        await app.until(lambda: "accepts this token" in app.drawn(), "the card")
        await album.take(app, "error-token")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_the_places_of_a_profile(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size) as (app, _):
        await album.take(app, "home")
        app.app.show_checklist()
        await app.on("ChecklistScreen")
        await album.take(app, "checklist")
        await app.press("escape", "h")
        await app.on("HistoryScreen")
        await app.pilot.pause()
        await album.take(app, "history-empty")
        await app.press("escape", "d")
        await app.on("PipelineScreen")
        await app.until(lambda: app.top.has_class("-planned"), "the pipeline")
        await album.take(app, "pipeline")
        await app.press("escape", "p")
        await app.on("ProfilesScreen")
        await app.until(lambda: "from" in app.drawn(), "the list")
        await album.take(app, "profiles")
        app.app.push_screen(Confirm("A sync is running. Leave now?", "Cancel it and leave", "Stay"))
        await app.on("Confirm")
        await album.take(app, "confirm")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_a_sync(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size) as (app, _):
        await app.press("s")
        await app.planned()
        await album.take(app, "plan")
        await app.press("down", "down")
        await album.take(app, "plan-a-change")
        await app.press("w")
        await app.synced()
        await album.take(app, "sync-end")
        await app.press("escape", "h")
        await app.on("HistoryScreen")
        await app.until(lambda: "written" in app.drawn(), "the record")
        await album.take(app, "history")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_troubleshooting(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size, "missing-catalog") as (app, _):
        await app.press("t")
        await app.on("TroubleshootScreen")
        await app.pilot.pause()
        await album.take(app, "symptoms")
        await app.press("down", "down", "down", "enter")
        await app.until(lambda: walked(app), "the walk's end")
        await album.take(app, "troubleshoot")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_screens_behind_keys(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size) as (app, _):
        await app.press("s")
        await app.planned()
        await app.press("a")
        await app.on("RunsScreen")
        await app.until(lambda: "latest successful run" in app.drawn(), "the runs")
        await album.take(app, "runs")
        await app.press("escape", "w")
        await app.synced()
        await app.press("escape", "h")
        await app.on("HistoryScreen")
        await app.until(lambda: "written" in app.drawn(), "the record")
        await app.press("enter")
        await app.on("RecordScreen")
        await app.until(lambda: "descriptions" in app.drawn(), "the record's plan")
        await album.take(app, "record-plan")
        await app.press("b")
        await app.until(lambda: "Lineage appears" in app.drawn(), "what was read back")
        await album.take(app, "record-read-back")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_the_small_questions(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size) as (app, _):
        for name, question in (
            ("ask-name", AskName("A name for the copy of shop", ("shop",), "shop-2")),
            ("ask-token", AskToken("collate", "shop", app.app.services.secrets)),
            ("stop-in-collate", StopInCollate()),
        ):
            app.app.push_screen(question)
            await app.on(type(question).__name__)
            await album.take(app, name)
            await app.press("escape")
            await app.on("HomeScreen")
    album.compare()
