"""Everything that depends on the operating system."""

import asyncio
import contextlib
import mmap
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

_HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)
STOP_SIGNALS: tuple[signal.Signals, ...] = (
    signal.SIGTERM,
    signal.SIGINT,
    *((_HANG_UP,) if _HANG_UP is not None else ()),
)
"""Signals that ask a command to stop: also a closed terminal, where there is such a signal."""


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


@contextlib.contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Unwind with exit code 130 where a signal asks to leave while no event loop takes it.

    So that temporary folders are removed. Does nothing outside the main thread.
    """

    def leave(number: int, frame: object) -> None:
        raise SystemExit(130)

    kept = {}
    with contextlib.suppress(ValueError):
        for number in leave_signals():
            kept[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def has_process_groups() -> bool:
    """Whether a child can run in a process group of its own, out of reach of ctrl+c in the terminal."""
    return os.name == "posix"


def is_running(pid: int) -> bool:
    """Whether this process runs, as far as the system says so without harm to it."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def renames_open_files() -> bool:
    """Whether a file can get another name while a process has it open."""
    return os.name == "posix"


def has_desktop() -> bool:
    """Whether a desktop, and so a browser, can be taken for granted."""
    return sys.platform in ("darwin", "win32")


def close_to_others(folder: Path) -> None:
    """Take other users' rights to the folder away, where the file system knows such rights.

    A folder with the sticky bit or of another owner is shared on purpose and stays unchanged.
    Raises ``OSError`` where that is refused.
    """
    if sys.platform == "win32":
        return
    facts = folder.stat()
    if facts.st_mode & 0o077 and not facts.st_mode & stat.S_ISVTX and facts.st_uid == os.getuid():
        folder.chmod(0o700)


def lock_now(descriptor: int) -> bool:
    """Lock an open file until it is closed; false where another process holds the lock.

    True without a lock where the system has none of this kind: an open file cannot be removed there.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def release_pages(mapped: mmap.mmap) -> None:
    """Give back a mapped file's memory; what is read of it again comes from the system's cache.

    Does nothing on Windows.
    """
    if sys.platform != "win32":
        mapped.madvise(mmap.MADV_DONTNEED)
