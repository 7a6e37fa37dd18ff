"""Where the program keeps its files: one folder each for settings, state, cache and log.

``DBTCOLLATE_CONFIG_DIR``, ``DBTCOLLATE_STATE_DIR``, ``DBTCOLLATE_CACHE_DIR`` and ``DBTCOLLATE_LOG_DIR`` come
before the platform's own folders.
"""

import os
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["config", "state", "cache", "log"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def variable(kind: Kind) -> str:
    """The environment variable that names this folder."""
    return f"DBTCOLLATE_{kind.upper()}_DIR"


def folder(kind: Kind) -> Path:
    """The folder, whether or not it exists."""
    if given := os.environ.get(variable(kind)):
        return Path(given)
    import platformdirs

    paths = {
        "config": platformdirs.user_config_path,
        "state": platformdirs.user_state_path,
        "cache": platformdirs.user_cache_path,
        "log": platformdirs.user_log_path,
    }
    return paths[kind]("dbtcollate", appauthor=False)


def named() -> dict[str, Path]:
    """Each folder by what a person calls it."""
    return {
        "profiles": folder("config") / "profiles",
        "state": folder("state"),
        "cache": folder("cache"),
        "log": folder("log"),
    }


def own() -> list[Path]:
    """Where half-written files may have been left."""
    return [path for name, path in named().items() if name != "log"]
