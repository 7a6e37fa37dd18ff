"""The clipboard of this machine, beside the terminal's own; never waited for."""

import subprocess
import sys
import threading

from dbtcollate_tui.platforms import has_process_groups

SECONDS = 10.0
"""How long a clipboard program may take; one whose display is gone may hang."""


def put(text: str) -> None:
    """Put the text on the machine's clipboard where it has one (pyperclip), in a thread of its own.

    The terminal's escape sequence (OSC 52) does not reach the clipboard in every terminal; a clipboard
    program may hang. So both are tried, and neither is waited for.
    """
    threading.Thread(target=_put, args=(text,), name="clipboard", daemon=True).start()


def _put(text: str) -> None:
    """In a process without the terminal: xclip would draw its errors on the app's screen."""
    try:
        subprocess.run(
            [sys.executable, "-c", "import pyperclip, sys; pyperclip.copy(sys.stdin.buffer.read().decode())"],
            input=text.encode(errors="replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            start_new_session=has_process_groups(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return
