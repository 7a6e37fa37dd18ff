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
from typing import TYPE_CHECKING

from dbtcollate_tui.platforms import has_process_groups

if TYPE_CHECKING:
    from dbtcollate_tui.settings.keyrings import KeyringHealth

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def ask(verb: str, service: str, value: str = "") -> str | KeyringHealth:
    """Carry out one call in a child; gives the secret read (or nothing), or why it failed.

    The request goes through standard input, which is then at its end, so that a backend that asks there for
    a password gets no answer. Nothing is in the arguments or the environment.
    """
    from dbtcollate_tui.settings.keyrings import KeyringHealth

    environment = {**os.environ, "GPG_TTY": os.devnull}
    child = subprocess.Popen(
        [sys.executable, "-m", __name__],
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
        return KeyringHealth("failed", "", f"its process ended with exit code {child.returncode}")
    if state == "ok":
        return str(first)
    return KeyringHealth(state, str(first), str(detail))


@atexit.register
def _end_children() -> None:
    with _lock:
        for child in _running:
            child.kill()


def main() -> None:
    """Read one call from standard input, write its result to standard output as a JSON list."""
    from pydantic import SecretStr

    from dbtcollate_tui.settings.keyrings import KeyringFailure, SystemKeyring

    verb, service, value = json.loads(sys.stdin.buffer.read())
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a backend prints is no answer
    held = ""
    keyring = SystemKeyring(here=True)
    try:
        if verb == "read":
            found = keyring.read(service)
            held = found.get_secret_value() if found is not None else ""
        elif verb == "write":
            keyring.write(service, SecretStr(value))
        elif verb == "delete":
            keyring.delete(service)
        else:
            raise ValueError(verb)
    except KeyringFailure as failure:
        health = failure.health
        answer = [health.state, health.backend, health.detail]
    else:
        answer = ["ok", held, ""]
    with answers:
        answers.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
