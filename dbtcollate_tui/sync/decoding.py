"""A run's files on disk, decoded."""

import asyncio
import mmap
from contextlib import ExitStack

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.dbt_cloud.artifact_files import ArtifactFile
from dbtcollate_tui.dbt_cloud.artifact_store import FetchedArtifacts


async def read_project(fetched: FetchedArtifacts) -> Project:
    """Decode the files in a thread; raises `ArtifactError` naming the file and the place in it."""
    return await asyncio.to_thread(_read, fetched)


def _read(fetched: FetchedArtifacts) -> Project:
    with ExitStack() as stack:

        def content(file: ArtifactFile) -> mmap.mmap | bytes:
            handle = stack.enter_context(file.path.open("rb"))
            if file.size == 0:
                return b""
            return stack.enter_context(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))

        return load_project(
            content(fetched.manifest),
            content(fetched.catalog) if fetched.catalog is not None else None,
            [StepResults(file.step, content(file)) for file in fetched.run_results],
            content(fetched.sources) if fetched.sources is not None else None,
            [content(file) for file in fetched.other_manifests],
        )
