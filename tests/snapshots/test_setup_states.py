"""Questions of the setup that not everybody is asked, and the choice of another account for a mending."""

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.widgets import OptionList

from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.keyrings import KeyringHealth
from dbtcollate_tui.setup.draft import SetupDraft
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.setup.help_links import DBT_TOKEN_DIFFERENCES
from dbtcollate_tui.tui.screens.setup import SetupScreen
from dbtcollate_tui.tui.screens.setup_steps.instructions import GuideScreen
from dbtcollate_tui.tui.screens.setup_steps.resume import ResumeScreen
from dbtcollate_tui.tui.screens.setup_steps.token_storage import KeepingScreen
from tests.screenshots.take_screenshots import pane_stands, walked
from tests.snapshots.album import Album, at_home
from tests.tui.driving import offer_of
from tests.tui.whole import whole


@pytest.mark.usefixtures("still")
async def test_the_account_and_the_project(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with Sandbox() as one:
        two = Sandbox("wrong-account")
        two.dbt_cloud_tokens = one.dbt_cloud_tokens
        async with two, whole(offer=offer_of(one), size=size) as app:
            regions = (Region("North America", one.dbt_cloud_url), Region("EMEA", two.dbt_cloud_url))
            app.app.push_screen(SetupScreen(GuidedSetup(app.app.services, regions=regions)))
            await app.until(pane_stands(app, "address"), "the address")
            await app.press("enter")
            await app.until(pane_stands(app, "dbt_token"), "the token")
            await app.paste(one.dbt_cloud_token.get_secret_value())
            await app.press("enter")
            await app.until(pane_stands(app, "account"), "the accounts")
            await app.until(lambda: "2 accounts" in app.drawn(), "both accounts")
            await album.take(app, "setup-account")
            await app.press(*"nobody's")
            await app.until(lambda: "0 of 2 accounts" in app.drawn(), "none left")
            await album.take(app, "setup-account-none")
            await app.press(*["backspace"] * len("nobody's"), *"north")
            await app.until(lambda: "1 of 2 accounts" in app.drawn(), "the one")
            await app.press("enter")
            await app.until(pane_stands(app, "project"), "the projects")
            await app.pilot.pause()
            await album.take(app, "setup-project")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_choosing_another_account_as_a_fix(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size, "wrong-account") as (app, _):
        await app.press("t")
        await app.on("TroubleshootScreen")
        listing = app.top.query_one("#symptoms", OptionList)
        listing.highlighted = listing.get_option_index("wrong-account")
        await app.press("enter")
        await app.until(lambda: walked(app), "the walk's end")
        await app.until(lambda: "Choose among the accounts" in app.drawn(), "the fix")
        line = next(line for line in app.drawn().splitlines() if "Choose among the accounts" in line)
        await app.press(line.partition("Choose among")[0].split()[-1])
        await app.on("ChooseOne")
        await app.until(lambda: "1 account" in app.drawn(), "the account")
        await album.take(app, "choose-one")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_dialogs_over_a_question(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    locked = KeyringHealth("locked", "the GNOME keyring", "the collection is locked")
    draft = SetupDraft(
        reached=Step.COLLATE,
        address_text="https://ab123.us1.dbt.com",
        dbt_base_url="https://ab123.us1.dbt.com",
        account_id=70_403,
        account_name="Shop",
        project_name="shop",
        job_name="nightly",
    )
    async with whole(size=size) as app:
        for name, question in (
            ("setup-guide", GuideScreen(DBT_TOKEN_DIFFERENCES)),
            ("setup-keeping", KeepingScreen(locked, "dbt_cloud", "session")),
            ("setup-resume", ResumeScreen(draft)),
        ):
            app.app.push_screen(question)
            await app.on(type(question).__name__)
            await album.take(app, name)
            await app.press("escape")
            await app.on("WelcomeScreen")
        await app.press("ctrl+p")
        await app.on("CommandPalette")
        await app.until(lambda: "Set up" in app.drawn(), "its commands")
        await album.take(app, "palette")
    album.compare()
