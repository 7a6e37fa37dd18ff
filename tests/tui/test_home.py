"""Home and the welcome: what stands at once, what is looked at anew, what needs a person."""

from datetime import UTC, datetime, timedelta

from textual.widgets import OptionList

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.setup.draft import SetupDraft, Step
from dbtcollate_tui.setup.services import Services
from dbtcollate_tui.tui.session import SEEN
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from tests.support.world import profile_for
from tests.tui.whole import keep, play, whole


async def test_without_a_profile_the_welcome_offers_no_sample_data() -> None:
    async with whole() as app:
        assert app.name == "WelcomeScreen"
        assert app.footer() == {"s": "Set up", "p": "Profiles", "q": "Quit", "question_mark": "Help"}
        assert app.drawn().count("○") == 6
        assert "dbtcollate demo" in app.drawn()
        await app.press("enter")
        await app.on("SetupScreen")


async def test_an_unfinished_setup_is_offered() -> None:
    services = Services()
    draft = SetupDraft(address_text="https://ab123.us1.dbt.com", reached=Step.DBT_TOKEN)
    services.state.save("setup", "draft", draft.model_dump(mode="json"))
    async with whole(services) as app:
        await app.until(lambda: "Go on with the setup" in app.drawn(), "the offer")
        await app.press("s")
        await app.on("ResumeScreen")


async def test_home_shows_what_the_last_visit_knew_before_any_server_answers() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            await app.until(lambda: services.state.load("shop", SEEN), "what was seen")
        held = services.state.load("shop", SEEN)
        assert isinstance(held, dict)
        held["at"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        services.state.save("shop", SEEN, held)
        await play(sandbox, "slow", dbt_delay=0.2, collate_delay=0.2)
        async with whole(services) as app:
            await app.until(lambda: "2 h ago; looking anew" in app.drawn(), "the age of what was known")
            assert "38 min" in app.drawn()
            assert app.top.query_one(ChainBar).view.stale
    async with whole(services) as app:
        await app.checked()
        assert not app.top.query_one(ChainBar).view.stale
        assert "looking anew" not in app.drawn()


async def test_what_needs_a_person_opens_the_checklist_at_its_row() -> None:
    services = Services()
    async with Sandbox("missing-catalog") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            needs = app.top.query_one("#needs", OptionList)
            ids = [needs.get_option_at_index(at).id for at in range(needs.option_count)]
            assert "artifacts.catalog" in ids
            needs.highlighted = ids.index("artifacts.catalog")
            await app.press("enter")
            await app.on("ChecklistScreen")
            await app.until(lambda: "Catalog" in app.drawn() or "catalog.json" in app.drawn(), "the row")
            rows = app.top.query_one("#rows", OptionList)
            assert rows.highlighted is not None
            assert rows.get_option_at_index(rows.highlighted).id == "artifacts.catalog"
            assert "dbt docs generate" in app.drawn()


async def test_a_profile_that_cannot_be_read_is_a_card_on_home() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
    path = services.profiles.path("shop")
    path.write_text(path.read_text(encoding="utf-8").replace("account_id", "acount_id"), encoding="utf-8")
    async with whole(services) as app:
        await app.until(lambda: "acount_id" in app.drawn(), "the card")
        assert "s" not in app.footer()


async def test_a_token_that_is_kept_nowhere_is_asked_for_and_kept_nowhere() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
        async with whole(services) as app:
            for token in (sandbox.dbt_cloud_token, sandbox.collate_token):
                await app.on("AskToken")
                await app.until(lambda: isinstance(app.app.focused, SecretInput), "the field")
                await app.paste(f"Bearer {token.get_secret_value()}\n")
                assert token.get_secret_value() not in app.app.export_screenshot()
                await app.press("enter")
                await app.until(lambda: app.name != "AskToken" or "•" not in app.drawn(), "the next")
            await app.checked()
            session = app.app.session
            assert session is not None
            assert session.rows["dbt.token"].state == "pass"
            assert session.rows["collate.token"].state == "pass"
        assert await services.secrets.get("shop", "dbt_cloud") is None
        assert await services.secrets.get("shop", "collate") is None


async def test_going_on_without_a_token_fails_the_check_with_the_way_to_give_one() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
        async with whole(services) as app:
            await app.on("AskToken")
            while not app.is_checked():
                await app.until(lambda: app.name == "AskToken" or app.is_checked(), "a question, or the end")
                if app.name == "AskToken":
                    await app.press("escape")
            assert "No dbt Cloud token" in app.drawn()


async def test_the_theme_is_remembered() -> None:
    services = Services()
    async with whole(services) as app:
        app.app.theme = "dbtcollate-light"
        await app.until(lambda: services.state.load("app", "theme") == "dbtcollate-light", "the choice")
    async with whole(services) as app:
        assert app.app.theme == "dbtcollate-light"


async def test_a_look_back_after_the_servers_changed() -> None:
    services = Services()
    async with Sandbox("expired-token") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            session = app.app.session
            assert session is not None
            assert session.rows["dbt.token"].state == "fail"
            await play(sandbox, "healthy")
            await app.press("r")
            await app.until(lambda: session.rows["dbt.token"].state == "pass", "the token's check")
