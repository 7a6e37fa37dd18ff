"""Remembers a plan that found nothing to change, and everything that it followed from.

The run's artifacts, the profile, the record of what earlier syncs wrote, this program, the server's
version and the token's user make a key. The rest of what a plan follows from is what the server answered.
Each of its requests is sent again and the answer compared by its digest; only the tables, whose whole list is
the dearest read, are listed lightly, by id, version and time of change (see `read_log`). Where anything
differs, or cannot be read, everything is read again. What is noticed, and by which requests:

- a table that was edited, made or deleted moves its stamps: the light list;
- an edge that was drawn or removed moves no stamp: the plan's readings of the lineage, 20 for 1,900 edges;
- a test case or result that was added or deleted moves no stamp: the plan's lists of cases with results;
- a tag, term, owner, domain, metric or property that is gone: the plan's own questions for them.
"""

import contextlib
import hashlib
import io
import pickle
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

import dbtcollate_tui
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import CollateError
from dbtcollate_tui.collate.read_log import ReadKey, ReadLog, Stamps
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.dbt_cloud.artifact_files import ArtifactFile, noted_digest
from dbtcollate_tui.dbt_cloud.artifact_store import FetchedArtifacts
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.history.ledger import digest_of_written
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.private_files import private_folder, write_private
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.reading.edges import READERS

_PACKAGE = Path(dbtcollate_tui.__file__).parent
_PLAIN = {("builtins", "frozenset"), ("builtins", "set")}

OnProgress = Callable[[int, int], object]
"""Gets the answers that were compared, and how many there are."""


class Remembered(msgspec.Struct):
    """What a plan followed from, and the plan, pickled, without what no later step needs."""

    key: bytes
    has_catalog: bool
    stamps: dict[str, bytes]
    reads: list[tuple[ReadKey, bytes]]
    plan: bytes


class PlanMemory:
    """The last plan of a profile that found nothing to change, in a file beside the artifacts.

    `find` and `keep` block: call them in a thread. A file that is missing or damaged is as good as none.
    """

    def __init__(self, folder: Path, engine: Engine, fetched: FetchedArtifacts, choice: RunChoice) -> None:
        side, collate = engine.profile.dbt_cloud, engine.profile.collate
        names = (side.base_url, side.account_id, side.project_id, side.job_id, collate.base_url)
        digest = hashlib.sha256("\0".join(map(str, (*names, collate.service))).encode()).hexdigest()
        self._file = folder / f"{digest[:20]}.bin"
        self._made_of = (engine, fetched, choice)
        self._key = b""

    def find(self) -> Remembered | None:
        """The plan that follows from the same, but for what the server answers."""
        self._key = hashlib.sha256(repr(_parts(*self._made_of)).encode()).digest()
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found = msgspec.msgpack.decode(self._file.read_bytes(), type=Remembered)
            if found.key == self._key:
                return found
        return None

    def keep(self, plan: Plan, log: ReadLog, *, has_catalog: bool) -> None:
        """Remember a plan; not one that would change something, nor one of a read that failed."""
        if plan.changes or log.failures or not self._key:
            return
        kept = Remembered(
            self._key, has_catalog, log.stamps, list(log.digests.items()), pickle.dumps(_kept(plan), 5)
        )
        with contextlib.suppress(OSError):
            private_folder(self._file.parent)
            write_private(self._file, msgspec.msgpack.encode(kept))


def plan_of(remembered: Remembered) -> Plan | None:
    """The plan; ``None`` where it cannot be read. Blocks."""
    try:
        plan = _Reader(io.BytesIO(remembered.plan)).load()
    except (pickle.UnpicklingError, AttributeError, ImportError, IndexError, TypeError, ValueError, EOFError):
        return None
    return plan if isinstance(plan, Plan) else None


async def still_holds(
    collate: CollateClient, remembered: Remembered, on_progress: OnProgress | None = None
) -> bool:
    """Whether the server answers everything as it did; ``False`` at the first difference or failure."""
    lists: dict[object, list[tuple[ReadKey, bytes]]] = defaultdict(list)
    for key, digest in remembered.reads:
        lists[_list_of(key)].append((key, digest))
    total = len(remembered.stamps) + len(remembered.reads)
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, total)

    async def database(fqn: str) -> None:
        stamps = Stamps()
        async for stamp in collate.table_stamps(fqn):
            stamps.take_stamp(stamp)
        if stamps.digest() != remembered.stamps[fqn]:
            raise _DiffersError
        count()

    async def pages(reads: list[tuple[ReadKey, bytes]]) -> None:
        for (path, params), digest in reads:
            if await collate.read_digest(path, dict(params)) != digest:
                raise _DiffersError
            count()

    parts = [partial(database, fqn) for fqn in remembered.stamps]
    parts += [partial(pages, reads) for reads in lists.values()]
    try:
        await bounded(parts, lambda part: part(), at_once=READERS)
    except (_DiffersError, CollateError, ActionableError):
        return False
    return True


class _DiffersError(Exception):
    pass


def _list_of(key: ReadKey) -> object:
    """What the pages of one list have in common: they are read one after the other."""
    path, params = key
    return path, tuple(item for item in params if item[0] not in ("after", "limit"))


def _kept(plan: Plan) -> Plan:
    """The plan without what only planning needs; of the tables those that a conflict may still change."""
    named = {item.change.table_fqn for item in plan.conflicts if item.change is not None}
    return replace(
        plan,
        match=replace(plan.match, reads={}),
        tables={fqn: table for fqn, table in plan.tables.items() if fqn in named},
        run=None,
    )


def _parts(engine: Engine, fetched: FetchedArtifacts, choice: RunChoice) -> tuple[object, ...]:
    collate, state = engine.collate, engine.state
    files: dict[str, Sequence[ArtifactFile | None]] = {
        "manifest": [fetched.manifest],
        "catalog": [fetched.catalog],
        "results": fetched.run_results,
        "sources": [fetched.sources],
        "others": fetched.other_manifests,
    }
    return (
        sys.version_info[:3],
        _program(),
        engine.profile.model_dump_json(),
        collate.base_url,
        (collate.dialect.text, collate.dialect.version, sorted(collate.dialect.refused)),
        sorted(map(repr, collate.unknown.dropped)),
        (collate.me.id, collate.me.name, collate.me.isBot),
        choice.run.id,
        [
            (role, file.name, file.step, file.run_id, noted_digest(file.path) or _unknown(file.path))
            for role, listed in files.items()
            for file in listed
            if file is not None
        ],
        digest_of_written(state, engine.profile) if state is not None else "no record",
    )


def _unknown(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _program() -> str:
    """The version and, for a checkout that is being changed, the times of its files."""
    seen = hashlib.sha256(dbtcollate_tui.__version__.encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        status = path.stat()
        seen.update(f"{path}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return seen.hexdigest()


class _Reader(pickle.Unpickler):
    """Reads values of this program's own data classes alone, so that no file can make it run anything."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if module.startswith("dbtcollate_tui."):
            found = super().find_class(module, name)
            if isinstance(found, type) and (is_dataclass(found) or issubclass(found, BaseModel)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a plan")
