"""What a part of the program drags in when it is imported: seen from outside, in a fresh interpreter."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import dbtcollate_tui

PACKAGE = Path(dbtcollate_tui.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "dbtcollate_tui.")
    if not module.name.startswith("dbtcollate_tui.tui") and module.name != "dbtcollate_tui.__main__"
)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_only_the_tui_room_reaches_textual() -> None:
    loaded = loaded_by("\n".join(f"import {name}" for name in MODULES))
    assert "dbtcollate_tui.sync.direct" in loaded
    assert not {name for name in loaded if name == "textual" or name.startswith("textual.")}


def test_the_command_line_starts_light() -> None:
    loaded = loaded_by("import dbtcollate_tui.cli")
    heavy = {"textual", "httpx", "keyring", "starlette", "uvicorn", "msgspec"}
    assert not heavy & loaded


@pytest.mark.parametrize("room", ["artifacts", "plan", "plan.build"])
def test_pure_packages_reach_no_io(room: str) -> None:
    loaded = loaded_by(f"import dbtcollate_tui.{room}")
    assert not {"httpx", "keyring", "dbtcollate_tui.transport"} & loaded


def test_the_app_asks_no_keyring_to_start() -> None:
    loaded = loaded_by("import dbtcollate_tui.tui.app")
    assert "textual" in loaded
    assert "keyring" not in loaded
