"""A newcomer's way through the whole app by keyboard: from the welcome to the verification."""

from pathlib import Path

import pytest
from textual.widgets import Input

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from tests.conftest import Places
from tests.tui.driving import LARGE, SMALL, offer_of, page_of
from tests.tui.whole import Whole, whole

KEYS_AT_MOST = 25 - 2
"""Key presses from the pasted token to the end of the sync; each of the two pastes is one too."""


def files_with(folder: Path, tokens: list[str]) -> list[Path]:
    """The files that hold one of the tokens; raises where there is no file at all."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(token.encode() in path.read_bytes() for token in tokens)]


async def question(app: Whole, words: str) -> None:
    """Wait until this question stands."""
    await app.until(lambda: words in app.drawn(), words)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_each_question_answered_to_a_finished_sync(size: tuple[int, int], places: Places) -> None:
    services = Services()
    async with (
        Sandbox() as sandbox,
        whole(services, offer=offer_of(sandbox, page_of(sandbox)), size=size) as app,
    ):
        seen = [app.app.export_screenshot()]
        await app.press("s")
        await question(app, "The URL of any dbt Cloud page")
        await app.press("enter")
        await question(app, "dbt Cloud token")
        app.pressed = 0
        await app.paste(f'\n"Bearer {sandbox.dbt_cloud_token.get_secret_value()}"\n')
        seen.append(app.app.export_screenshot())
        await app.press("enter")
        await question(app, "Which job describes production?")
        await question(app, "nightly")
        await app.press("enter")
        await question(app, "Collate's URL and its bot's token")
        await app.paste(f"Bearer {sandbox.collate_token.get_secret_value()}")
        seen.append(app.app.export_screenshot())
        await app.press("enter")
        await question(app, "reads and writes")
        await app.press("enter")
        await question(app, "Which database service")
        await question(app, "25 of 26")
        await app.press("enter")
        await question(app, "What a sync may change in Collate")
        await app.press("enter")
        await question(app, "Save and verify")
        seen.append(app.app.export_screenshot())
        await app.press("enter")
        await app.on("ChecklistScreen")
        await app.checked()
        await app.press("s")
        await app.planned()
        seen.append(app.app.export_screenshot())
        await app.press("w")
        await app.synced()
        assert app.pressed <= KEYS_AT_MOST
        seen.append(app.app.export_screenshot())
        assert "53 of 53 descriptions equal" in app.drawn()
        tokens = [token.get_secret_value() for token in (sandbox.dbt_cloud_token, sandbox.collate_token)]
    assert not [token for token in tokens if any(token in picture for picture in seen)]
    assert not files_with(places.root, tokens)


async def test_the_demo_without_an_address_asks_the_sandbox_alone() -> None:
    async with Sandbox() as sandbox, whole(offer=offer_of(sandbox, page_of(sandbox))) as app:
        await app.press("s")
        await question(app, "The URL of any dbt Cloud page")
        focused = app.app.focused
        assert isinstance(focused, Input)
        focused.value = ""
        await app.press("enter")
        await question(app, "dbt Cloud token")
        await app.press("s")
        await question(app, "Which project")
        hosts = {record.host for record in app.app.services.request_log.newest(500)}
        assert hosts == {sandbox.dbt_cloud_url.removeprefix("http://")}
