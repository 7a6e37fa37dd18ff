"""Which backend keyring chooses, and whether another process of this program would choose the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dbtcollate_tui.settings.secret_service import use_bus_of_runtime_folder

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

VARIABLE = "PYTHON_KEYRING_BACKEND"


def current_backend() -> KeyringBackend:
    """The backend in use, chosen again where none was found before: a session bus may have come up.

    Raises whatever importing a configured backend raises.
    """
    use_bus_of_runtime_folder()
    import keyring
    from keyring.backend import by_priority

    backend = keyring.get_keyring()
    if _is_fail(backend) and not turned_off_by():
        found = [one for one in _shipped() if one.priority > 0]
        if found:
            backend = max(found, key=by_priority)
            keyring.set_keyring(backend)
    return backend


def turned_off_by() -> str:
    """The setting that names keyring's own backend for "no keyring"; empty where none does."""
    if os.environ.get(VARIABLE, "").startswith("keyring.backends.fail."):
        return VARIABLE
    from keyring import core

    try:
        configured = core.load_config()
    except Exception:  # noqa: BLE001 - a broken file is reported where the backend is chosen
        return ""
    return "keyringrc.cfg" if configured is not None and _is_fail(configured) else ""


def is_chosen_again(backend: KeyringBackend) -> bool:
    """Whether a new process chooses this backend: a variable, a file or an installed package names it.

    One that code of this process has set would not be found there.
    """
    from importlib.metadata import entry_points

    from keyring import core

    named = os.environ.get(VARIABLE)
    if named:
        return named.rpartition(".")[2] == type(backend).__name__
    try:
        configured = core.load_config()
    except Exception:  # noqa: BLE001 - it did not choose this backend
        configured = None
    if configured is not None:
        return type(configured) is type(backend)
    modules = {point.module for point in entry_points(group="keyring.backends")}
    return type(backend).__module__ in modules or type(backend).__module__ == "keyring.backends.chainer"


def _is_fail(backend: KeyringBackend) -> bool:
    return type(backend).__module__ == "keyring.backends.fail"


def _shipped() -> list[KeyringBackend]:
    from keyring.backend import KeyringBackend

    kinds = [
        kind
        for kind in KeyringBackend.get_viable_backends()
        if kind.__module__.startswith("keyring.backends.")
        and kind.__module__ not in ("keyring.backends.chainer", "keyring.backends.fail")
    ]
    return [kind() for kind in kinds]
