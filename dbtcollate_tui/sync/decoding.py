"""A run's files on disk, decoded."""

import asyncio
import mmap
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from dbtcollate_tui.artifacts.load import Choose, StepResults, load_part, load_project
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.dbt_cloud.artifact_files import ArtifactFile
from dbtcollate_tui.dbt_cloud.artifact_store import FetchedArtifacts
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.platforms import release_pages


async def read_project(fetched: FetchedArtifacts) -> Project:
    """Decode the files in a thread; raises `ArtifactError` naming the file and the place in it."""
    return await asyncio.to_thread(_read, fetched)


async def read_part(fetched: FetchedArtifacts, choose: Choose) -> Project:
    """Decode in a thread what ``choose`` wants of the files; raises as `read_project`."""
    return await asyncio.to_thread(_read_part, fetched, choose)


async def read_folder(folder: Path) -> Project:
    """Decode the artifacts of a dbt ``target`` folder in a thread; raises `UsageError` without a manifest."""
    return await asyncio.to_thread(_read_folder, folder)


def _read(fetched: FetchedArtifacts) -> Project:
    with ExitStack() as stack:

        def content(file: ArtifactFile) -> mmap.mmap | bytes:
            return _mapped(stack, file.path)

        return load_project(
            content(fetched.manifest),
            content(fetched.catalog) if fetched.catalog is not None else None,
            [StepResults(file.step, content(file)) for file in fetched.run_results],
            content(fetched.sources) if fetched.sources is not None else None,
            [content(file) for file in fetched.other_manifests],
        )


def _read_part(fetched: FetchedArtifacts, choose: Choose) -> Project:
    with ExitStack() as stack:
        mapped: list[mmap.mmap | bytes] = []

        def content(file: ArtifactFile) -> mmap.mmap | bytes:
            mapped.append(_mapped(stack, file.path))
            return mapped[-1]

        def chosen(project: Project) -> Collection[str]:
            for item in mapped:
                if isinstance(item, mmap.mmap):
                    release_pages(item)
            return choose(project)

        return load_part(
            content(fetched.manifest),
            content(fetched.catalog) if fetched.catalog is not None else None,
            [StepResults(file.step, content(file)) for file in fetched.run_results],
            content(fetched.sources) if fetched.sources is not None else None,
            [content(file) for file in fetched.other_manifests],
            chosen,
        )


def _read_folder(folder: Path) -> Project:
    with ExitStack() as stack:

        def content(name: str) -> mmap.mmap | bytes | None:
            path = folder / name
            return (_mapped(stack, path) or None) if path.is_file() else None

        manifest = content("manifest.json")
        if manifest is None:
            raise UsageError(
                f"{folder} has no manifest.json",
                causes=["It is not the target folder of a dbt project, or dbt has not run there yet."],
            )
        results = content("run_results.json")
        return load_project(
            manifest,
            content("catalog.json"),
            [StepResults(None, results)] if results is not None else [],
            content("sources.json"),
        )


def _mapped(stack: ExitStack, path: Path) -> mmap.mmap | bytes:
    """The file's content, mapped until the stack is left; an empty file cannot be mapped."""
    handle = stack.enter_context(path.open("rb"))
    if path.stat().st_size == 0:
        return b""
    return stack.enter_context(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
