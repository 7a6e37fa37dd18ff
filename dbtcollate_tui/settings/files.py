"""Private files: folders of mode 0700, files of mode 0600, written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from dbtcollate_tui.platforms import close_to_others


def private_folder(folder: Path) -> Path:
    """The folder, made if needed, closed to other users of the machine.

    Raises ``OSError`` where it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    close_to_others(folder)
    return folder


def write_private(path: Path, text: str | Iterable[str]) -> None:
    """Replace the file's text, given whole or in pieces, in one step.

    A link is followed, so that a linked profile stays linked.

    Raises ``OSError``; the former file is then untouched.
    """
    target = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines((text,) if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
