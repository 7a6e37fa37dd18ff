"""Keeps what queries were found to read, so that an unchanged project is not parsed again."""

import contextlib
import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import DecodeError, ValidationError, msgpack

import dbtcollate_tui
from dbtcollate_tui.private_files import private_folder, write_private
from dbtcollate_tui.sql_lineage.column_lineage import Failure, SqlJob, SqlLineage

_DECODER = msgpack.Decoder(dict[bytes, SqlLineage])
_ENCODER = msgpack.Encoder()
_PASSING: frozenset[Failure] = frozenset({"start", "budget"})
"""Failures that say nothing of the query."""


class SqlCache:
    """Answers by query, dialect and columns of the tables that it may read; one file for a profile.

    `read` and `write` block: call them in a thread. A file that is missing, damaged or of another version of
    the program or the parser is as good as empty; one that cannot be written is left out.
    """

    def __init__(self, folder: Path, *names: object) -> None:
        digest = hashlib.sha256("\0".join(map(str, names)).encode()).hexdigest()
        self._file = folder / f"{digest[:20]}.bin"
        self._salt = f"{dbtcollate_tui.__version__} {_parser_version()}".encode()
        self._held: dict[bytes, SqlLineage] = {}

    def read(self, jobs: Mapping[str, SqlJob]) -> dict[str, SqlLineage]:
        """The answers that are known, by the jobs' names."""
        with contextlib.suppress(OSError, DecodeError, ValidationError):
            self._held = _DECODER.decode(self._file.read_bytes())
        keys = {name: self._key(job) for name, job in jobs.items()}
        return {name: self._held[key] for name, key in keys.items() if key in self._held}

    def write(self, jobs: Mapping[str, SqlJob], answers: Mapping[str, SqlLineage]) -> None:
        """Keep these answers in place of what the file holds, failures of the query itself too."""
        kept = {
            self._key(jobs[name]): answer
            for name, answer in answers.items()
            if answer.failure not in _PASSING
        }
        if kept == self._held:
            return
        with contextlib.suppress(OSError):
            private_folder(self._file.parent)
            write_private(self._file, _ENCODER.encode(kept))

    def _key(self, job: SqlJob) -> bytes:
        return hashlib.sha256(self._salt + _ENCODER.encode(job)).digest()


def _parser_version() -> str:
    try:
        return version("sqlglot")
    except PackageNotFoundError:
        return ""
