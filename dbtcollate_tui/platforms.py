"""Everything that depends on the operating system."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

STOP_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
"""Signals that ask a command to stop."""


def leave_signals() -> tuple[signal.Signals, ...]:
    """The signals that ask the app to leave: an ended process and, where there is one, a closed terminal."""
    hang_up: signal.Signals | None = getattr(signal, "SIGHUP", None)
    return (signal.SIGTERM,) if hang_up is None else (signal.SIGTERM, hang_up)


def on_signals(signals: Iterable[signal.Signals], callback: Callable[[], object]) -> None:
    """Call back when one of the signals arrives.

    Does nothing where the event loop takes no signals, as on Windows and outside the main thread.
    """
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in signals:
            asyncio.get_running_loop().add_signal_handler(number, callback)


def has_process_groups() -> bool:
    """Whether a child can run in a process group of its own, out of reach of ctrl+c in the terminal."""
    return os.name == "posix"


def has_desktop() -> bool:
    """Whether a desktop, and so a browser, can be taken for granted."""
    return sys.platform in ("darwin", "win32")


def close_to_others(folder: Path) -> None:
    """Take other users' rights to the folder away, where the file system knows such rights.

    Raises ``OSError`` where that is refused.
    """
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
