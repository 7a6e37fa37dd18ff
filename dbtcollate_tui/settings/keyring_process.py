"""A keyring backend in a process of its own, in a session without a terminal.

Some backends ask for a password on the terminal (keyrings.alt, keyrings.cryptfile, pass with pinentry).
In the app's process they would take its keys and write on its screen.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading

from dbtcollate_tui.platforms import has_process_groups

CHILD = "dbtcollate_tui.settings.keyring_child"
_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def ask(verb: str, service: str, value: str = "") -> tuple[str, str, str]:
    """Carry out one call in a child; gives "ok" and the secret read, or a state of the keyring, its name
    and what failed.

    The request goes through standard input, which is then at its end, so that a backend that asks there for
    a password gets no answer. Nothing is in the arguments or the environment.
    """
    environment = {**os.environ, "GPG_TTY": os.devnull}
    child = subprocess.Popen(
        [sys.executable, "-m", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=has_process_groups(),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    with _lock:
        _running.add(child)
    try:
        answered, _ = child.communicate(json.dumps([verb, service, value]).encode())
    finally:
        with _lock:
            _running.discard(child)
    try:
        state, first, detail = json.loads(answered)
    except ValueError:
        return "failed", "", f"its process ended with exit code {child.returncode}"
    return str(state), str(first), str(detail)


@atexit.register
def _end_children() -> None:
    with _lock:
        for child in _running:
            child.kill()
