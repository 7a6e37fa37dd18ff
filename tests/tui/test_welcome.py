"""The first screen: what it says, keys sent while the next one opens, fixes of a failed trial, leaving."""

import pytest
from textual.events import Key, Paste
from textual.widgets import Input

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from tests.tui.driving import offer_of
from tests.tui.whole import whole

BROKEN = ("expired-token", "no-runs", "collate-expired-token", "down")


@pytest.mark.parametrize("scenario", BROKEN)
async def test_every_key_of_the_welcome_card_leads_on(scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(scenario) as sandbox, whole(offer=offer_of(sandbox)) as app:
        await app.press("l")
        await app.until(lambda: any(card.error for card in app.top.query(ErrorCard)), "a card")
        card = app.top.query_one(ErrorCard)
        error, keys = card.error, dict(card._keys)
        assert error is not None
        assert keys
        for key, fix in keys.items():
            opened: list[str] = []
            monkeypatch.setattr(app.app, "open_url", opened.append)
            await app.press(key)
            if fix.kind == "open_url":
                await app.until(lambda: opened, f"{key}: a page")  # noqa: B023
            elif fix.kind in ("retry", "rerun_check"):
                await app.until(lambda: card.error not in (None, error), "a second trial")  # noqa: B023
                error = card.error
            elif fix.kind != "copy":
                await app.until(lambda: app.name != "WelcomeScreen", f"{key}: another screen")
                while app.name != "WelcomeScreen":
                    await app.press("escape")
                    await app.pilot.pause()


async def test_keys_and_pastes_wait_while_a_screen_opens() -> None:
    async with whole() as app:
        app.app.new_setup()
        app.app.post_message(Paste("https://ab123.us1.dbt.com/deploy/"))
        app.app.post_message(Key("7", "7"))
        await app.on("SetupScreen")
        fields = app.top.query(Input)
        await app.until(
            lambda: fields and fields.first().value.endswith("dbt.com/deploy/7"), "the pasted address"
        )


async def test_ctrl_c_leaves_the_app() -> None:
    async with whole() as app:
        await app.press("ctrl+c")
        assert app.app._exit


async def test_the_welcome_names_the_scenario() -> None:
    from dbtcollate_tui.demonstration import sample_answers

    async with Sandbox("expired-token") as sandbox:
        words = sample_answers(sandbox).scenario
        assert words == "Scenario expired-token: dbt Cloud refuses its token with 401."
        offer = offer_of(sandbox)
        offer = type(offer)(sample_answers(sandbox), offer.dbt_cloud_token, offer.collate_token)
        async with whole(Services(), offer=offer) as app:
            assert words in " ".join(app.drawn().split())
