"""Profiles, requests, help, the palette; every screen at both sizes; no token anywhere."""

import pytest
from textual.widgets import DataTable

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.palette import PLACES
from tests.support.world import profile_for
from tests.tui.driving import offer_of
from tests.tui.whole import SIDES, SIZES, Whole, keep, whole


def tokens(sandbox: Sandbox) -> tuple[str, str]:
    return sandbox.dbt_cloud_token.get_secret_value(), sandbox.collate_token.get_secret_value()


async def test_profiles_are_opened_and_deleted_with_their_tokens() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        await keep(services, sandbox, profile_for(sandbox).model_copy(update={"name": "staging"}))
        async with whole(services, profile="shop") as app:
            await app.checked()
            await app.press("p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "staging" in app.drawn(), "the list")
            assert "shop   open" in app.drawn()
            await app.press("down", "enter")
            await app.on("HomeScreen")
            await app.until(
                lambda: app.app.session is not None and app.app.session.profile.name == "staging", "the other"
            )
            await app.press("p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "staging" in app.drawn(), "the list")
            await app.press("d")
            await app.on("Confirm")
            await app.press("left", "enter")
            await app.until(lambda: services.profiles.names() == ("shop",), "the deletion")
            for side in SIDES:
                assert await services.secrets.get("staging", side) is None
                assert await services.secrets.get("shop", side) is not None
            await app.on("HomeScreen")
            await app.until(
                lambda: app.app.session is not None and app.app.session.profile.name == "shop", "the one left"
            )


async def test_keeping_a_profile_deletes_nothing() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "from" in app.drawn(), "the list")
            await app.press("d")
            await app.on("Confirm")
            await app.press("enter")
            await app.on("ProfilesScreen")
            assert services.profiles.names() == ("shop",)


async def test_requests_are_shown_and_copied_as_curl_that_names_the_token_s_variable() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            app.app.action_requests()
            await app.on("RequestsScreen")
            assert "/api/v1/" in app.drawn()
            table = app.top.query_one(DataTable)
            copied = []
            for row in range(table.row_count):
                table.move_cursor(row=row)
                await app.pilot.pause()
                await app.press("y")
                copied.append(app.app.clipboard)
            assert any("${COLLATE_TOKEN}" in text and sandbox.collate_url in text for text in copied)
            assert any("${DBT_CLOUD_TOKEN}" in text and sandbox.dbt_cloud_url in text for text in copied)
            assert not any(token in text for text in copied for token in tokens(sandbox))


async def test_help_explains_the_screen_below_with_its_keys() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            await app.press("question_mark")
            await app.on("HelpScreen")
            drawn = app.drawn()
            assert "The chain and its state" in drawn
            assert "Edit setup" in drawn
            await app.press("end")
            await app.until(lambda: "waiting" in app.drawn(), "the signs, at the end of a long help")
            await app.press("escape")
            await app.on("HomeScreen")
            await app.press("f1")
            await app.on("HelpScreen")
            await app.press("question_mark")
            await app.on("HomeScreen")


async def test_the_palette_leads_everywhere_and_reveals_nothing() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", offer=offer_of(sandbox)) as app:
            await app.checked()
            commands = {command.title: command for command in app.app.get_system_commands(app.top)}
            assert {
                "Home",
                "Sync",
                "Verify",
                "Edit setup",
                "New setup",
                "Profiles",
                "Requests",
                "Theme",
            } <= set(commands)
            assert not any(
                "reveal" in f"{title} {command.help}".lower() for title, command in commands.items()
            )
            await app.press("ctrl+p")
            await app.press(*"requests", "enter")
            await app.on("RequestsScreen")
            for token in tokens(sandbox):
                assert token not in app.app.export_screenshot()


@pytest.mark.parametrize("action", [*(action for action, _, _ in PLACES), "quit_asking"])
def test_what_the_palette_names_is_an_action_of_the_app(action: str) -> None:
    assert callable(getattr(DbtCollateApp, f"action_{action}"))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
async def test_no_screen_is_clipped_or_scrolls_sideways(size: tuple[int, int]) -> None:
    services = Services()

    def fits(app: Whole) -> None:
        width, height = size
        assert app.top.max_scroll_x == 0, app.name
        assert app.top.max_scroll_y == 0, app.name
        for key in app.footer_keys():
            assert key.region.right <= width, (app.name, key.description)
            assert key.region.bottom <= height, (app.name, key.description)
        assert len(app.footer()) <= 7, app.name
        for widget in app.top.query("OptionList, DataTable, Tree, RichLog"):
            assert not widget.show_horizontal_scrollbar, (app.name, widget)

    async with Sandbox() as sandbox:
        async with whole(services, offer=offer_of(sandbox), size=size) as app:
            fits(app)
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=size) as app:
            await app.checked()
            fits(app)
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            fits(app)
            await app.press("escape", "s")
            await app.planned()
            fits(app)
            await app.press("w")
            await app.on("SyncScreen")
            fits(app)
            await app.synced()
            fits(app)
            await app.press("escape", "p")
            await app.on("ProfilesScreen")
            fits(app)
            app.app.action_requests()
            await app.on("RequestsScreen")
            fits(app)


async def test_q_types_where_one_types_and_quits_elsewhere() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("s")
            await app.planned()
            await app.press("slash", "q")
            assert app.name == "PlanScreen"
            assert app.app.return_code is None
            await app.press("escape", "q")
            await app.until(lambda: app.app.return_code is not None, "the end")
        assert app.app.return_code == 0
