"""``config``: where everything is kept, and its files in the person's editor."""

import asyncio
import os
import shlex
import subprocess
import sys

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import renderer
from dbtcollate_tui.log import log_path
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.standard_streams import is_terminal

KEYS = "keys"
KEYS_EXAMPLE = """\
# Keys of dbtcollate: one action a line. `?` in the app lists the actions of a screen.
# sync = "f5"
# copy = ["f8", "ctrl+y"]
"""


async def show(common: Common) -> ExitCode:
    """Print the folders and files, the default profile, and the variables that move them."""
    services = Services()
    out = renderer(common.json, profile=common.profile)
    folder = services.profiles.folder
    default = await asyncio.to_thread(services.profiles.default_name)
    pinned = await asyncio.to_thread(services.profiles.pinned_name)
    out.facts(
        "config",
        {
            "profiles": str(folder),
            "keys": str(folder.parent / f"{KEYS}.toml"),
            "state": str(services.state.folder),
            "cache": str(services.artifacts.folder),
            "log": str(log_path()),
            "default profile": _default_words(default, pinned) if not common.json else default,
        },
    )
    out.say("Set DBTCOLLATE_CONFIG_DIR, DBTCOLLATE_STATE_DIR or DBTCOLLATE_CACHE_DIR to move them.")
    return ExitCode.OK


def _default_words(default: str | None, pinned: str | None) -> str:
    if default is None:
        return "none"
    return f"{default} (pinned)" if default == pinned else f"{default} (last opened in the app)"


async def edit(what: str) -> ExitCode:
    """Open ``keys.toml`` or a profile's file in the editor, then check it. Raises `UsageError`."""
    if not is_terminal():
        raise UsageError("An editor needs a terminal", fixes=[Advice("dbtcollate config prints the paths.")])
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("No editor is set", fixes=[Advice("Set EDITOR, for example EDITOR=nano")])
    services = Services()
    if what == KEYS:
        path = services.profiles.folder.parent / f"{KEYS}.toml"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(KEYS_EXAMPLE, encoding="utf-8")
    else:
        path = services.profiles.path(what)
        if not path.exists():
            await asyncio.to_thread(services.profiles.load, what)
    done = await asyncio.to_thread(subprocess.call, [*shlex.split(editor), str(path)])
    if done != 0:
        raise UsageError(f"{editor} ended with exit code {done}", evidence=[str(path)])
    if what == KEYS:
        # In a process of its own: only the app imports the screens whose keys the file names.
        script = "import sys; from pathlib import Path; from dbtcollate_tui.tui.keys import check_keys; "
        script += "sys.exit(check_keys(Path(sys.argv[1])))"
        checked = await asyncio.to_thread(subprocess.call, [sys.executable, "-c", script, str(path)])
        return ExitCode.OK if checked == 0 else ExitCode.USAGE
    await asyncio.to_thread(services.profiles.load, what)
    return ExitCode.OK
