"""The profiles' screen: each one's state, switching, renaming, duplicating."""

from textual.widgets import Input, OptionList

from dbtcollate_tui.checks.chain import Stage
from dbtcollate_tui.checks.last_seen import load_last_seen
from dbtcollate_tui.history.records import list_records, load_plan
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.widgets.chain import small_chain
from tests.support.world import profile_for
from tests.tui.records import leave
from tests.tui.whole import SIDES, Whole, keep, whole


async def listed(app: Whole, name: str) -> None:
    await app.on("ProfilesScreen")
    await app.until(lambda: name in app.drawn(), name)


def opened(app: Whole) -> str:
    session = app.app.session
    return session.profile.name if session is not None else ""


async def test_each_profile_shows_its_chain_and_its_age_and_a_digit_opens_it() -> None:
    services = Services()
    async with Sandbox("stale") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        await keep(services, sandbox, profile_for(sandbox).model_copy(update={"name": "staging"}))
        async with whole(services, profile="shop") as app:
            await app.checked()
            await app.until(lambda: load_last_seen(services.state, "shop"), "what was seen")
            await app.press("p")
            await listed(app, "staging")
            assert "shop   open" in app.drawn()
            seen = load_last_seen(services.state, "shop")
            assert seen is not None
            signs = small_chain(app.app, (seen.stages[stage].state for stage in Stage)).plain
            assert "✗" in signs
            assert signs in app.drawn()
            assert "s ago, paused" in app.drawn()
            assert "○╌○╌○╌○╌○╌○  not checked yet" in app.drawn()
            assert app.top.query_one(OptionList).highlighted == 0
            await app.press("2")
            await app.on("HomeScreen")
            await app.until(lambda: opened(app) == "staging", "the other")


async def test_the_title_s_sign_opens_the_profiles() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.until(lambda: opened(app) == "shop", "the profile")
            await app.pilot.click("TitleBar", offset=(16, 0))
            await listed(app, "from")


async def test_renaming_takes_tokens_history_and_state_along() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        leave(services, profile, [("ok", 4.0)])
        async with whole(services) as app:
            await app.checked()
            await app.press("p")
            await listed(app, "shop")
            await app.press("m")
            await app.on("AskName")
            app.top.query_one(Input).value = "Not A Name"
            await app.press("enter")
            await app.until(lambda: "cannot be a profile's name" in app.drawn(), "what is wrong")
            app.top.query_one(Input).value = "shop-eu"
            await app.press("enter")
            await app.on("HomeScreen")
            await app.until(lambda: opened(app) == "shop-eu", "the new name")
            assert services.profiles.names() == ("shop-eu",)
            assert services.profiles.default_name() == "shop-eu"
            await app.checked()
        for side in SIDES:
            assert await services.secrets.get("shop", side) is None
            assert await services.secrets.get("shop-eu", side) is not None
        assert list_records(services.state, "shop") == ()
        (record,) = list_records(services.state, "shop-eu")
        assert record.profile == "shop-eu"
        assert load_plan(services.state, record) is not None


async def test_a_copy_has_the_answers_and_tokens_and_nothing_else() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        leave(services, profile, [("ok", 4.0)])
        async with whole(services) as app:
            await app.until(lambda: opened(app) == "shop", "the profile")
            await app.press("p")
            await listed(app, "shop")
            await app.press("c")
            await app.on("AskName")
            assert app.top.query_one(Input).value == "shop-2"
            await app.press("enter")
            await listed(app, "shop-2")
            assert services.profiles.names() == ("shop", "shop-2")
            assert services.profiles.default_name() == "shop"
            copy = services.profiles.load("shop-2")
            assert copy.model_copy(update={"name": "shop"}) == services.profiles.load("shop")
        for side in SIDES:
            assert await services.secrets.get("shop-2", side) is not None
        assert list_records(services.state, "shop-2") == ()
