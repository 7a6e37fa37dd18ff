"""The token questions: pastes, shapes, the environment, the keyring, refusals and their fixes."""

import asyncio
from collections.abc import AsyncIterator

import keyring.core
import pytest
from keyring.core import load_keyring
from pydantic import SecretStr
from textual import events
from textual.widgets import Input, OptionList

from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.tui.screens.setup_steps.token_storage import KeepingScreen
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from tests.conftest import Places
from tests.tui.driving import LARGE, SMALL, Driver, driving, offer_of, walk_to

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
WRONG = "dbtc_0123456789abcdefghijklmnopqrstuvwxy"


async def to_token(driver: Driver, address: str) -> None:
    await driver.at("address")
    driver.pane.query_one("#address", Input).value = address
    await driver.press("enter")
    await driver.at("dbt_token")


def paste(driver: Driver, text: str) -> None:
    """A bracketed paste, as the terminal sends it: to whatever has the focus."""
    driver.app.post_message(events.Paste(text))


@pytest.mark.parametrize(
    ("dressed", "removed"),
    [
        ("\n{}\n", "2 line breaks"),
        ('"{}"', "quotes"),
        ("Authorization: Bearer {}", '"Bearer "'),
        ("Token {}\r\n", '"Token "'),
        ("export DBT_CLOUD_TOKEN='{}'", "quotes"),
    ],
)
async def test_a_paste_is_taken_whole_and_says_what_was_removed(dressed: str, removed: str) -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        token = sandbox.dbt_cloud_token.get_secret_value()
        paste(driver, dressed.format(token))
        await driver.until(lambda: "Removed" in driver.drawn(), "what was removed")
        assert removed in " ".join(driver.drawn().split())
        assert "service token (dbtc_), 40 characters" in driver.drawn()
        assert token not in driver.drawn()
        await driver.press("enter")
        await driver.at("project")
        assert driver.screen.setup.answers.has_token("dbt_cloud")


async def test_letters_are_keys_while_the_field_is_empty_and_typing_afterwards() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.until(lambda: "k" in driver.footer(), "the keyring's health")
        await driver.press("o")
        assert driver.app.opened == [f"{sandbox.dbt_cloud_url}/settings"]
        await driver.press("y")
        assert driver.app.clipboard == f"{sandbox.dbt_cloud_url}/settings"
        await driver.press(*"dbtc_ok")
        field = driver.pane.query_one(SecretInput)
        assert field.value == "dbtc_ok"
        assert "It has 7 characters: part of it is missing." in driver.drawn()
        assert "o" not in driver.footer()
        await driver.press("ctrl+o")
        assert len(driver.app.opened) == 2


async def test_a_masked_token_never_reaches_the_clipboard() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        paste(driver, WRONG)
        field = driver.pane.query_one(SecretInput)
        await driver.until(lambda: field.value, "the paste")
        field.select_all()
        await driver.press("ctrl+c")
        assert driver.app.clipboard == ""
        field.select_all()
        await driver.press("ctrl+x")
        assert (driver.app.clipboard, field.value) == ("", "")


@SIZES
async def test_a_refused_token_has_a_card_whose_keys_work_at_once(size: tuple[int, int]) -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), size=size) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        paste(driver, WRONG)
        await driver.press("enter")
        await driver.failed()
        drawn = driver.drawn()
        assert "does not accept this token" in drawn
        assert "Enter another token" in drawn
        assert WRONG not in drawn
        asked = len(sandbox.requests)
        await driver.press("r")
        await driver.until(lambda: len(sandbox.requests) > asked and not driver.pane.busy, "another trial")
        await driver.failed()
        await driver.press("t")
        assert not driver.pane.failed
        assert isinstance(driver.top.focused, SecretInput)
        paste(driver, sandbox.dbt_cloud_token.get_secret_value())
        await driver.press("enter")
        await driver.at("project")


async def test_more_of_a_token_ends_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that types pasted lines, slowly: the first line's end is Enter, and the rest comes later."""
    tried: list[str] = []

    async def try_token(secret: SecretStr, **_: object) -> AsyncIterator[object]:
        tried.append(secret.get_secret_value())
        yield await asyncio.Future[object]()

    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        monkeypatch.setattr(driver.screen.setup.dbt_cloud, "try_token", try_token)
        token = sandbox.dbt_cloud_token.get_secret_value()
        await driver.press(*token[:20], "enter")
        await driver.until(lambda: tried, "the trial")
        await driver.press(*token[20:])
        await driver.until(lambda: not driver.pane.busy, "the end of the trial")
        assert driver.pane.query_one(SecretInput).secret.get_secret_value() == token
        await driver.press("enter")
        await driver.until(lambda: len(tried) == 2, "the second trial")
        assert tried == [token[:20], token]
        driver.pane.leave()


async def test_a_paste_on_the_card_goes_into_the_field() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        paste(driver, WRONG)
        await driver.press("enter")
        await driver.failed()
        assert not isinstance(driver.top.focused, Input)
        paste(driver, f"Bearer {sandbox.dbt_cloud_token.get_secret_value()}")
        await driver.until(lambda: not driver.pane.failed, "the card gone")
        await driver.press("enter")
        await driver.at("project")


async def test_every_region_answers_on_its_own_line_and_the_card_names_the_address() -> None:
    async with Sandbox() as one, Sandbox() as two:
        regions = (
            Region("North America", one.dbt_cloud_url),
            Region("EMEA", two.dbt_cloud_url),
            Region("APAC", "http://127.0.0.1:9"),
        )
        async with driving(GuidedSetup(Services(), regions=regions), size=LARGE) as driver:
            await to_token(driver, "")
            paste(driver, WRONG)
            await driver.press("enter")
            await driver.failed()
            drawn = driver.drawn()
            assert "No shared dbt Cloud host accepts this token" in drawn
            assert "EMEA, 127.0.0.1" in drawn
            key = next(key for key in "abcdefghijklmnopqrstuvwxyz" if f" {key}  Paste the address" in drawn)
            await driver.press(key)
            await driver.at("address")
            assert isinstance(driver.top.focused, Input)
            await driver.press("enter")
            await driver.at("dbt_token")
            paste(driver, two.dbt_cloud_token.get_secret_value())
            await driver.press("enter")
            await driver.at("project")
            assert driver.screen.setup.draft.dbt_base_url == two.dbt_cloud_url


async def test_the_environments_token_is_said_and_tried_by_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox() as sandbox:
        monkeypatch.setenv("DBT_CLOUD_TOKEN", sandbox.dbt_cloud_token.get_secret_value())
        async with driving(GuidedSetup(Services())) as driver:
            await to_token(driver, sandbox.dbt_cloud_url)
            assert "DBT_CLOUD_TOKEN is set: service token (dbtc_), 40 characters." in driver.drawn()
            await driver.press("enter")
            await driver.at("project")
            assert driver.screen.setup.answers.origins["dbt_cloud"] == "environment"


async def test_the_environments_token_can_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_CLOUD_TOKEN", WRONG)
    services = Services()
    async with Sandbox() as sandbox, driving(GuidedSetup(services)) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.press("i")
        assert "DBT_CLOUD_TOKEN" not in driver.drawn()
        paste(driver, sandbox.dbt_cloud_token.get_secret_value())
        await driver.press("enter")
        await driver.at("project")
        assert driver.screen.setup.answers.origins["dbt_cloud"] == "session"
        assert services.secrets.from_environment("dbt_cloud") is None


async def test_a_missing_keyring_is_shown_with_the_token_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", load_keyring("keyring.backends.fail.Keyring"))
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await driver.at("address")
        assert driver.screen.context.health is None
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.until(lambda: driver.screen.context.health is not None, "the keyring's health")
        assert "The keyring is turned off by PYTHON_KEYRING_BACKEND. This session" in driver.drawn()


async def test_another_way_of_keeping_is_chosen_with_k() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.until(lambda: "Will be stored in" in driver.drawn(), "the keyring's health")
        await driver.press("k")
        await driver.until(lambda: isinstance(driver.top, KeepingScreen), "the ways")
        listing = driver.top.query_one(OptionList)
        assert listing.highlighted == 0
        await driver.press("down", "enter")
        await driver.until(lambda: driver.top is driver.screen, "the setup")
        assert driver.screen.context.keeping == "session"
        assert "This session only" in driver.drawn()


async def test_a_token_of_collates_kind_is_not_sent_to_dbt_cloud() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        paste(driver, sandbox.collate_token.get_secret_value())
        await driver.until(lambda: "token of Collate's kind" in driver.drawn(), "the warning")
        await driver.press("enter")
        await driver.failed()
        assert not [request for request in sandbox.requests if request.side == "dbt_cloud"]


async def test_going_back_and_on_again_asks_for_no_second_token() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.press("s")
        await driver.at("project")
        await driver.press("escape")
        await driver.at("dbt_token")
        assert "was accepted" in driver.drawn()
        await driver.press("enter")
        await driver.at("project")


async def test_the_secret_field_gives_what_was_cleaned() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.press(*'"dbtc_x"')
        field = driver.pane.query_one(SecretInput)
        assert field.secret == SecretStr("dbtc_x")
        assert field.removed == ("quotes",)


async def test_where_the_guide_is_out_of_date_is_one_key_away() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await driver.at("address")
        await driver.press("ctrl+g")
        await driver.until(lambda: "Accounts have a host of their own" in driver.drawn(), "the difference")
        await driver.press("escape")
        await to_token(driver, sandbox.dbt_cloud_url)
        await driver.press("g")
        await driver.until(lambda: "Account settings → API tokens" in driver.drawn(), "the differences")
        await driver.press("escape")
        assert driver.top is driver.screen


async def test_no_token_is_in_any_file_or_picture_of_the_walk(places: Places) -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        tokens = [token.get_secret_value() for token in (sandbox.dbt_cloud_token, sandbox.collate_token)]
        pictures: list[str] = []
        await to_token(driver, sandbox.dbt_cloud_url)
        paste(driver, tokens[0])
        await driver.until(lambda: "40 characters" in driver.drawn(), "the shape")
        pictures.append(driver.app.export_screenshot())
        await driver.press("escape")
        await driver.at("address")
        await walk_to(driver, "review", lambda driver: pictures.append(driver.app.export_screenshot()))
        await driver.press("enter")
        await driver.until(lambda: driver.saved, "the saved profile")
    texts = [path.read_text(errors="replace") for path in places.root.rglob("*") if path.is_file()]
    assert len(texts) >= 2
    for token in tokens:
        assert not [text for text in (*texts, *pictures) if token in text]


async def test_what_some_terminals_show_is_said_before_the_paste() -> None:
    """They ask about a paste that ends in a line break, and their question has the token in it."""
    async with Sandbox() as sandbox, driving(GuidedSetup(Services())) as driver:
        await to_token(driver, sandbox.dbt_cloud_url)
        assert "urxvt show a token" in driver.drawn()
        paste(driver, WRONG)
        await driver.until(lambda: "urxvt" not in driver.drawn(), "the field is filled")
