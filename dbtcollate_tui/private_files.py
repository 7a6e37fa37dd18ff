"""Private files: folders of mode 0700, files of mode 0600 whatever the umask, written whole or not at all."""

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from dbtcollate_tui.platforms import close_to_others, lock_now, renames_open_files

ABANDONED_SECONDS = 1.0
"""Younger ones are left: a process may have made its file and not locked it yet."""
MOST_FILES_LOOKED_AT = 20_000


def make_folder(folder: Path) -> bool:
    """Make the folder and its parents, private whatever the umask; whether it was missing."""
    missing = []
    place = folder
    while not place.exists() and place != place.parent:
        missing.append(place)
        place = place.parent
    for new in reversed(missing):
        with contextlib.suppress(FileExistsError):
            new.mkdir(mode=0o700)
            new.chmod(0o700)
    return bool(missing)


def make_file(path: Path) -> None:
    """Make an empty file, private whatever the umask; one that is there stays unchanged."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    path.chmod(0o600)


def private_folder(folder: Path) -> Path:
    """The folder, made if needed with its parents, closed to other users of the machine.

    A folder that others share on purpose (another owner's, or one with the sticky bit) keeps its mode.
    Raises ``OSError`` where it cannot be made.
    """
    is_new = make_folder(folder)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not is_new:
        close_to_others(folder)
    return folder


def open_beside(final: Path, suffix: str) -> tuple[Path, IO[bytes]]:
    """A new private file next to ``final``, under a name that nobody can predict.

    It is locked while this process writes it, which separates it from what a killed process left.
    """
    handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=suffix, dir=final.parent)
    Path(name).chmod(0o600)
    file = os.fdopen(handle, "wb")
    lock_now(file.fileno())
    return Path(name), file


def write_private(path: Path, text: str | bytes | Iterable[str], *, sync: bool = True) -> None:
    """Replace the file's content, given whole or in pieces, in one step.

    A link is followed, so that a linked profile stays linked. With ``sync`` the content is on the disk when
    this returns. Raises ``OSError``; the former file is then untouched.
    """
    target = path.resolve()
    temporary, file = open_beside(target, ".tmp")
    pieces: Iterable[str | bytes] = (text,) if isinstance(text, str | bytes) else text
    try:
        with file:
            for piece in pieces:
                file.write(piece.encode("utf-8") if isinstance(piece, str) else piece)
            file.flush()
            if sync:
                os.fsync(file.fileno())
            if renames_open_files():  # under the lock, so that no other process takes it for abandoned
                temporary.replace(target)
                return
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def remove_abandoned(folders: Iterable[Path]) -> int:
    """Remove the half-written files that killed processes left; gives their number."""
    removed = 0
    for path in _half_written(folders):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime < ABANDONED_SECONDS:
                continue
            with path.open("rb") as file:
                abandoned = lock_now(file.fileno())
            if abandoned:
                path.unlink()
                removed += 1
    return removed


def _half_written(folders: Iterable[Path]) -> Iterator[Path]:
    looked_at = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            looked_at += len(names)
            if looked_at > MOST_FILES_LOOKED_AT:
                return
            for name in names:
                if name.startswith(".") and name.endswith((".tmp", ".part")):
                    yield Path(place) / name
