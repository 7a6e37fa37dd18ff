"""What is typed into a masked field leaves it only as a secret."""

import pytest
from pydantic import SecretStr

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.ask_token import AskToken
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from tests.support.world import profile_for
from tests.tui.whole import whole

TOKEN = "dbtc_PlantedTokenThatNobodyMaySee0123456789"


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+x", "super+c"])
async def test_copying_from_a_masked_field_puts_nothing_on_the_clipboard(key: str) -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
        async with whole(services) as app:
            await app.on("AskToken")
            await app.until(lambda: isinstance(app.app.focused, SecretInput), "the field")
            await app.paste(f"\n'{TOKEN}'\n")
            field = app.top.query_one(SecretInput)
            assert field.secret.get_secret_value() == TOKEN
            field.select_all()
            await app.press(key)
            assert TOKEN not in app.app.clipboard
            assert TOKEN not in app.drawn()
            await app.press("escape")


async def test_a_pasted_token_with_what_surrounds_it_is_given_clean() -> None:
    given: list[SecretStr | None] = []
    async with whole() as app:
        app.app.push_screen(AskToken("dbt_cloud", "shop", app.app.services.secrets), given.append)
        await app.on("AskToken")
        await app.until(lambda: isinstance(app.app.focused, SecretInput), "the field")
        await app.press("enter")
        assert app.name == "AskToken"
        await app.paste(f"Authorization: Token {TOKEN}\r\n")
        await app.press("enter")
        await app.on("WelcomeScreen")
    assert given == [SecretStr(TOKEN)]
