"""Artifact files on disk: written beside their place, named when whole, compared before reuse."""

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY, ChooseRun
from dbtcollate_tui.platforms import renames_open_files
from dbtcollate_tui.private_files import open_beside, private_folder, write_private

KEPT_RUNS = 20


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One artifact on disk: the step it is of (``None``: the run's last), that step's command, its size."""

    name: str
    step: int | None
    path: Path
    size: int
    command: str = ""
    from_cache: bool = False
    invocation_id: str = ""
    run_id: int | None = None
    """Another run than the chosen one that it is from."""


class PartialFile:
    """A file on its way: written beside its final place, hashed as it comes, named when whole."""

    def __init__(self, final: Path) -> None:
        self._final = final
        self.path, self._file = open_beside(final, ".part")
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._file.write(piece)
        self._hash.update(piece)
        self._size += len(piece)

    def restart(self) -> None:
        """Forget what came so far."""
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self._size = 0

    def looks_whole(self) -> bool:
        """Whether it begins and ends as a JSON object does."""
        self._file.flush()
        with self.path.open("rb") as file:
            begin = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
            file.seek(max(0, self._size - 64))
            end = file.read().rstrip()
        return begin.startswith(b"{") and end.endswith(b"}")

    def keep(self) -> int:
        """Give it its final name, with a note beside it; the size in bytes."""
        self._file.flush()
        if not renames_open_files():
            self._file.close()
        note = {"size": self._size, "sha256": self._hash.hexdigest()}
        write_private(_note_of(self._final), json.dumps(note))
        if self._final.is_dir() and not self._final.is_symlink():
            shutil.rmtree(self._final)
        self.path.replace(self._final)
        self._file.close()
        return self._size

    def discard(self) -> None:
        """Remove it, unless it was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.note")


def kept_size(path: Path) -> int | None:
    """The size of a file that is whole and unchanged; ``None`` where it must be fetched."""
    try:
        note = json.loads(_note_of(path).read_text())
        if path.stat().st_size != note["size"]:
            return None
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != note["sha256"]:
                return None
        return int(note["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def noted_digest(path: Path) -> str:
    """The SHA-256 of a file as its note says, which was compared when it was fetched; empty without one."""
    try:
        return str(json.loads(_note_of(path).read_text())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def prepare(folder: Path) -> None:
    """Make the folder of a run, and mark it as used now; raises ``OSError``."""
    if not folder.is_dir():
        private_folder(folder)
    with contextlib.suppress(OSError):  # a read-only disk still has what was fetched before
        os.utime(folder)


def prune(account_folder: Path) -> None:
    """Remove all but the runs used last."""
    try:
        runs = sorted(account_folder.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    except OSError:
        return
    for folder in runs[KEPT_RUNS:]:
        shutil.rmtree(folder, ignore_errors=True)


def _where(step: int | None) -> str:
    return "the run's last step" if step is None else f"step {step}"


def not_json(name: str, step: int | None, path: Path) -> ActionableError:
    """The card for a file that is broken."""
    with path.open("rb") as file:
        begin = file.read(60).decode("utf-8", "replace")
        size = path.stat().st_size
    return ActionableError(
        f"{name} of {_where(step)} is not whole JSON",
        causes=["dbt Cloud stored or sent it broken, or a proxy changed it."],
        evidence=[f"{size} bytes, beginning with {begin!r}"],
        fixes=[RETRY, ChooseRun("Choose another run")],
    )
