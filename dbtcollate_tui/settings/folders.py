"""The folders that this program writes to."""

import os
from pathlib import Path

from dbtcollate_tui.log import log_path


def named_folders() -> dict[str, Path]:
    """Each folder by what it holds; whether or not it exists."""
    import platformdirs

    from dbtcollate_tui.settings.state import StateStore
    from dbtcollate_tui.settings.store import ProfileStore

    given = os.environ.get("DBTCOLLATE_CACHE_DIR")
    return {
        "profiles": ProfileStore().folder,
        "state": StateStore().folder,
        "cache": Path(given) if given else platformdirs.user_cache_path("dbtcollate", appauthor=False),
        "log": log_path().parent,
    }


def own_folders() -> list[Path]:
    """Where half-written files may have been left."""
    return [folder for name, folder in named_folders().items() if name != "log"]
