"""``keys.toml``: moved keys work and are shown; what cannot be followed is named with what would be right."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen

import dbtcollate_tui.tui as room
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.keys import id_of
from dbtcollate_tui.tui.screens.help import TEXTS
from tests.conftest import Places

SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.tui.keys import remap_keys

try:
    remap_keys(Path(sys.argv[1]))
except UsageError as error:
    print(json.dumps({"error": error.as_text()}))
    sys.exit()

from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.app import DbtCollateApp

async def main():
    app = DbtCollateApp(Services(), animation=False)
    seen, texts = {}, []
    async with app.run_test() as pilot:
        await pilot.pause()
        for key in sys.argv[2:]:
            await pilot.press(key)
            await pilot.pause()
            seen[key] = type(app.screen).__name__
            drawn = " ".join(str(each.render()) for each in app.screen.query("HelpScreen > * > Static"))
            texts.append(drawn)
        active = {key: each.binding.description for key, each in app.screen.active_bindings.items()}
    print(json.dumps({"seen": seen, "active": active, "texts": dict(zip(sys.argv[2:], texts))}))

asyncio.run(main())
"""


def run(path: Path, text: str, *keys: str) -> dict[str, dict[str, str]]:
    """What the screens were after each key, in a process of its own: keys are moved for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), *keys],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_a_moved_key_works_and_its_old_one_does_not(places: Places) -> None:
    text = 'profiles = "f6"\nhelp = ["f2", "H"]\nback = "backspace"\n'
    found = run(places.config / "keys.toml", text, "p", "f6", "H", "backspace", "f1", "escape", "backspace")
    assert found["seen"] == {
        "p": "WelcomeScreen",
        "f6": "ProfilesScreen",
        "H": "HelpScreen",
        "backspace": "WelcomeScreen",
        "f1": "ProfilesScreen",
        "escape": "ProfilesScreen",
    }
    assert found["active"]["f6"] == "Profiles"
    assert "p" not in found["active"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('profile = "f6"', ('"profile"', "profiles")),
        ("sync = 3", ('"sync" has no key', 'sync = "f5"')),
        ("sync = [", ("cannot be read as TOML",)),
        ('verify = "s"', ('"verify"', '"sync"')),
        ('sync = "f1"', ('"sync"', '"help"')),
    ],
)
def test_what_cannot_be_followed_is_named(places: Places, text: str, said: tuple[str, ...]) -> None:
    path = places.config / "keys.toml"
    error = str(run(path, text)["error"])
    assert str(path) in error
    for words in said:
        assert words in error


def import_all() -> None:
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)


def test_every_whole_screen_has_its_help() -> None:
    import_all()
    screens = {
        kind.__name__
        for kind in below(Screen)
        if kind.__module__.startswith(room.__name__)
        and not issubclass(kind, ModalScreen)
        and not kind.__subclasses__()
    }
    assert screens - set(TEXTS) == set()


def below(kind: type[object]) -> Iterator[type[object]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def test_the_help_names_the_moved_keys(places: Places) -> None:
    text = 'help = "f2"\ncopy = "f7"\n'
    found = run(places.config / "keys.toml", text, "ctrl+p", *"requests", "enter", "f2")
    assert found["seen"]["f2"] == "HelpScreen"
    assert "f7 copies a request as curl" in found["texts"]["f2"]


def test_every_action_that_the_help_names_has_a_key() -> None:
    import_all()
    kinds = {kind.__name__: kind for kind in below(Screen) if issubclass(kind, DOMNode)}
    for name, (_, text) in TEXTS.items():
        bound = {
            id_of(binding.action)
            for kind in (kinds[name], DbtCollateApp)
            for _, binding in kind._merged_bindings or BindingsMap()
        }
        assert set(re.findall(r"\{(\w+)\}", text)) - bound == set(), name
