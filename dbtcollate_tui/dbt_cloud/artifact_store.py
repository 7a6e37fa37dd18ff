"""The artifacts of a run: which step gives what, downloaded once, kept on disk.

Without ``step`` dbt Cloud sends the last step's file (dbt's OpenAPI document), so every step is asked by
itself. The manifest comes from the last step that compiles, since ``test``, ``seed`` and ``source freshness``
write one without compiled code; run_results.json from every step that writes one; sources.json from
``source freshness``. catalog.json comes from ``docs generate`` or a step with ``--write-catalog``; without
one, from any step that compiles, since dbt 2 and the variable ``DBT_WRITE_CATALOG`` write it there and
dbt Cloud's ``has_docs_generated`` does not say so.

Files lie below the user's cache folder (``DBTCOLLATE_CACHE_DIR`` overrides it) by host, account, run and
step. Only whole files get their final name, beside a note of their size and hash, which is compared before
a file is used again. The twenty runs used last are kept.
"""

import asyncio
import atexit
import errno
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from dbtcollate_tui.dbt_cloud.artifact_files import (
    ArtifactFile,
    PartialFile,
    kept_size,
    not_json,
    prepare,
    prune,
)
from dbtcollate_tui.dbt_cloud.artifact_notes import judge_results, notes_of_missing
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient, Download
from dbtcollate_tui.dbt_cloud.commands import COMPILES, COMPILES_PART, RUNS_TESTS
from dbtcollate_tui.dbt_cloud.models import RunStep
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.dbt_cloud.run_notes import Note, NoteKind
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY, Advice, ChooseRun
from dbtcollate_tui.folders import folder

FETCHES_AT_ONCE = 4
_NO_RESULTS = frozenset(
    {"deps", "clean", "debug", "parse", "init", "ls", "list", "show", "source freshness", "lint"}
)
MAY_WRITE_CATALOG = frozenset({"build", "run", "compile", "test"})
ProgressState = Literal["asking", "downloading", "done", "cached", "missing"]


@dataclass(frozen=True, slots=True)
class ArtifactProgress:
    """How far one file is: bytes so far and in all (``None`` where the server does not say)."""

    name: str
    step: int | None
    state: ProgressState
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class FetchedArtifacts:
    """A run's artifacts, and which step gave what; notes say what is missing and what that means.

    ``other_manifests`` are those of further steps that compiled something, the last step's first.
    """

    manifest: ArtifactFile
    catalog: ArtifactFile | None
    run_results: tuple[ArtifactFile, ...]
    sources: ArtifactFile | None
    notes: tuple[Note, ...] = ()
    other_manifests: tuple[ArtifactFile, ...] = ()

    @property
    def files(self) -> tuple[ArtifactFile, ...]:
        """All of them."""
        single = (self.manifest, self.catalog, *self.run_results, self.sources, *self.other_manifests)
        return tuple(file for file in single if file is not None)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


OnProgress = Callable[[ArtifactProgress], None]


@cache
def _folder_of_this_process() -> Path:
    """A private folder for the artifacts of one process, where the cache cannot be written."""
    folder = Path(tempfile.mkdtemp(prefix="dbtcollate-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class _Head(msgspec.Struct):
    invocation_id: str | None = None


class _Headed(msgspec.Struct):
    metadata: _Head = msgspec.field(default_factory=_Head)


@dataclass(slots=True)
class _Fetch:
    client: DbtCloudClient
    account_id: int
    choice: RunChoice
    on_progress: OnProgress
    folder: Path
    hidden: set[str] = field(default_factory=set)
    broken: list[Note] = field(default_factory=list)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHES_AT_ONCE))


class ArtifactStore:
    """Artifacts by host, account, run and step, in a folder on disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        if self._folder is not None:
            return self._folder
        return folder("cache") / "artifacts"

    async def fetch(
        self,
        client: DbtCloudClient,
        account_id: int,
        choice: RunChoice,
        on_progress: OnProgress | None = None,
    ) -> FetchedArtifacts:
        """Every artifact of the run, from the cache or from dbt Cloud; a cut-off download is begun again.

        Raises an `ActionableError` where there is no manifest, a file is not JSON, or the disk is full,
        `HiddenOrMissing` where the token may not read the run's artifacts, and what the client raises.
        Every other file may be missing: a note then says what is lost.
        """
        folder = self._folder_of(client, account_id, choice.run.id)
        fetch = _Fetch(client, account_id, choice, on_progress or (lambda _: None), folder)
        try:
            await asyncio.to_thread(prepare, folder)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise _disk(error, folder) from None
            fetch.folder = await asyncio.to_thread(_folder_of_this_process)
        steps = [step for step in choice.steps if step.has_run]
        async with _together() as group:
            manifest = group.create_task(_first_of(fetch, "manifest.json", _manifest_steps(steps)))
            catalog = group.create_task(_first_of(fetch, "catalog.json", _catalog_steps(steps)))
            sources = group.create_task(_first_of(fetch, "sources.json", _sources_steps(choice, steps)))
            results = group.create_task(_each_of(fetch, "run_results.json", _results_steps(steps)))
        await asyncio.to_thread(prune, folder.parent)
        found = manifest.result()
        if found is None:
            if "manifest.json" in fetch.hidden:
                await client.artifact_names(account_id, choice.run.id)
            raise _no_manifest(choice)
        others = await _each_of(fetch, "manifest.json", _other_manifest_steps(steps, found.step))
        kept, notes = judge_results(choice, results.result())
        added = await self._added(fetch, catalog.result(), sources.result())
        kept += added.results
        notes += [*added.notes, *notes_of_missing(choice, added.catalog, added.sources, kept)]
        return FetchedArtifacts(
            found,
            added.catalog,
            tuple(kept),
            added.sources,
            (*fetch.broken, *notes),
            tuple(reversed(others)),
        )

    def forget(self, client: DbtCloudClient, account_id: int, run_id: int) -> None:
        """Remove a run's files, so that they are downloaded again: a proxy may have changed them."""
        shutil.rmtree(self._folder_of(client, account_id, run_id), ignore_errors=True)

    def _folder_of(self, client: DbtCloudClient, account_id: int, run_id: int) -> Path:
        return self.folder / re.sub(r"[^a-z0-9.-]", "_", client.host) / str(account_id) / str(run_id)

    async def _added(
        self, fetch: _Fetch, catalog: ArtifactFile | None, sources: ArtifactFile | None
    ) -> "_Added":
        """What runs of further jobs add: a missing catalog or freshness, and every test result."""
        added = _Added(catalog, sources)
        for run in fetch.choice.companions:
            choice = replace(
                fetch.choice,
                run=run,
                steps=tuple(sorted(run.run_steps, key=lambda step: step.index)),
                companions=(),
            )
            folder = fetch.folder.parent / str(run.id)
            of_run = replace(fetch, choice=choice, folder=folder)
            try:
                await asyncio.to_thread(prepare, folder)
            except OSError as error:
                raise _disk(error, folder) from None
            steps = [step for step in choice.steps if step.has_run]
            parts: list[str] = []
            if added.catalog is None:
                found = await _first_of(of_run, "catalog.json", _catalog_steps(steps))
                if found is not None:
                    added.catalog = replace(found, run_id=run.id)
                    parts.append("catalog.json")
            if added.sources is None:
                found = await _first_of(of_run, "sources.json", _sources_steps(choice, steps))
                if found is not None:
                    added.sources = replace(found, run_id=run.id)
                    parts.append("source freshness")
            testing: list[RunStep | None] = [step for step in steps if step.dbt.verb in RUNS_TESTS]
            results, _ = judge_results(choice, await _each_of(of_run, "run_results.json", testing))
            if results:
                added.results += [replace(file, run_id=run.id) for file in results]
                parts.append("test results")
            name = run.job.name if run.job is not None else f"job {run.job_id}"
            text = f"From run {run.id} of {name}: {', '.join(parts) or 'nothing that was missing'}."
            added.notes.append(Note(NoteKind.OTHER_JOB, "info", text))
        return added


@dataclass(slots=True)
class _Added:
    """The chosen run's catalog and freshness, or another run's, and further test results."""

    catalog: ArtifactFile | None
    sources: ArtifactFile | None
    results: list[ArtifactFile] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first error is raised unchanged."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _manifest_steps(steps: Sequence[RunStep]) -> list[RunStep | None]:
    """The steps whose manifest may serve, best first: the last that compiled the whole project.

    One on no rows or a few (``--empty``, ``--sample``) compiles other SQL, and comes after all that compile.
    """
    compiling = [step for step in reversed(steps) if _compiles(step)]
    others = [s for s in steps if s not in compiling and s.dbt.verb not in ("deps", "clean", "debug", "init")]
    named = [s for s in others if s.command]
    compiling.sort(key=lambda step: (step.dbt.is_sample, _compiles_part(step)))
    return [*compiling, *reversed(named), None]


def _other_manifest_steps(steps: Sequence[RunStep], taken: int | None) -> list[RunStep]:
    """Further steps that compiled something, where the manifest that was taken lacks a part of the SQL."""
    chosen = next((step for step in steps if step.index == taken), None)
    if chosen is None or (_compiles(chosen) and not _compiles_part(chosen) and chosen.is_success):
        return []
    return [step for step in steps if _compiles(step) and step is not chosen and not step.dbt.is_sample]


def _compiles(step: RunStep) -> bool:
    return step.dbt.verb in COMPILES | COMPILES_PART and "--no-compile" not in step.command


def _compiles_part(step: RunStep) -> bool:
    return step.dbt.is_partial or step.dbt.verb in COMPILES_PART


def _catalog_steps(steps: Sequence[RunStep]) -> list[RunStep | None]:
    saying = [step for step in reversed(steps) if step.dbt.writes_catalog]
    others = [step for step in reversed(steps) if step not in saying and step.dbt.verb in MAY_WRITE_CATALOG]
    return [*saying, *others, *(() if saying else (None,))]


def _sources_steps(choice: RunChoice, steps: Sequence[RunStep]) -> list[RunStep | None]:
    fresh: list[RunStep | None] = [step for step in reversed(steps) if step.dbt.verb == "source freshness"]
    return fresh or ([None] if choice.run.has_sources_generated else [])


def _results_steps(steps: Sequence[RunStep]) -> list[RunStep | None]:
    writing: list[RunStep | None] = [
        step for step in steps if step.command and step.dbt.verb not in _NO_RESULTS
    ]
    return writing or [None]


async def _first_of(fetch: _Fetch, name: str, steps: Sequence[RunStep | None]) -> ArtifactFile | None:
    for step in steps:
        found = await _one(fetch, name, step)
        if found is not None:
            return found
    return None


async def _each_of(
    fetch: _Fetch, name: str, steps: Sequence[RunStep] | Sequence[RunStep | None]
) -> list[ArtifactFile]:
    async with _together() as group:
        tasks = [group.create_task(_one(fetch, name, step)) for step in steps]
    return [file for task in tasks if (file := task.result()) is not None]


async def _one(fetch: _Fetch, name: str, step: RunStep | None) -> ArtifactFile | None:
    number = step.index if step is not None else None
    command = step.command if step is not None else ""
    path = fetch.folder / f"{'last' if number is None else number}-{name}"
    async with fetch.gate:
        try:
            size = await asyncio.to_thread(kept_size, path)
            cached = size is not None
            fetch.on_progress(
                ArtifactProgress(name, number, "cached" if cached else "asking", size or 0, size)
            )
            if size is None:
                size = await _download(fetch, name, number, path)
            if size is None:
                fetch.on_progress(ArtifactProgress(name, number, "missing"))
                return None
            invocation_id = await asyncio.to_thread(_invocation_id, name, number, path)
        except OSError as error:
            raise _disk(error, path) from None
    if not cached:
        fetch.on_progress(ArtifactProgress(name, number, "done", size, size))
    return ArtifactFile(name, number, path, size, command, cached, invocation_id)


async def _download(fetch: _Fetch, name: str, step: int | None, path: Path) -> int | None:
    for attempt in (1, 2):
        partial = PartialFile(path)
        try:
            found = await fetch.client.download_artifact(
                fetch.account_id,
                fetch.choice.run.id,
                name,
                step,
                partial.write,
                partial.restart,
                lambda done, total: fetch.on_progress(
                    ArtifactProgress(name, step, "downloading", done, total)
                ),
            )
            if not found:
                if found is Download.HIDDEN:
                    fetch.hidden.add(name)
                return None
            if await asyncio.to_thread(partial.looks_whole):
                return await asyncio.to_thread(partial.keep)
            if attempt == 2:
                error = await asyncio.to_thread(not_json, name, step, partial.path)
                if name == "manifest.json":
                    raise error
                text = f"{error.title} and is left out ({error.evidence[0]})."
                fetch.broken.append(Note(NoteKind.BROKEN_FILE, "warn", text))
        finally:
            partial.discard()
    return None


def _invocation_id(name: str, step: int | None, path: Path) -> str:
    if name != "run_results.json":
        return ""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Headed).metadata.invocation_id or ""
    except (msgspec.DecodeError, RecursionError):
        return ""


def _no_manifest(choice: RunChoice) -> ActionableError:
    ran = ", ".join(step.command for step in choice.steps if step.command) or "no dbt command"
    return ActionableError(
        f"Run {choice.run.id} has no manifest.json",
        causes=[
            f"It ended before dbt wrote one: {choice.run.status_message}"
            if choice.run.status_message
            else "It ended before dbt wrote one.",
            "dbt Cloud no longer keeps that run's artifacts.",
        ],
        evidence=[f"steps: {ran}"],
        fixes=[ChooseRun("Choose another run"), RETRY],
    )


def _disk(error: OSError, path: Path) -> ActionableError:
    return ActionableError(
        f"The artifact cache cannot be written: {error.strerror or error}",
        causes=["The disk is full, or the folder belongs to another user."],
        evidence=[str(path)],
        fixes=[Advice("Free some space, or let DBTCOLLATE_CACHE_DIR name another folder."), RETRY],
    )
