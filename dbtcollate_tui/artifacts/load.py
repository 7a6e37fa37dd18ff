"""A run's artifacts → one ``Project``."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbtcollate_tui.artifacts.catalog import CatalogReader
from dbtcollate_tui.artifacts.manifest import ManifestReader
from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.artifacts.reading import ArtifactError
from dbtcollate_tui.artifacts.run_results import StepResults, read_run_results
from dbtcollate_tui.artifacts.sources import read_sources

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ArtifactError", "StepResults", "load_project"]


def load_project(
    manifest: Buffer,
    catalog: Buffer | None = None,
    run_results: Sequence[StepResults] = (),
    sources: Buffer | None = None,
) -> Project:
    """Decode a run's artifacts; raises ``ArtifactError`` naming the file and the place in it.

    The buffers may be ``bytes`` or a read-only ``mmap``, which keeps the peak of memory low; nothing of them
    is held after the return or the error, so an ``mmap`` can be closed then. Call it in a thread: entries are
    decoded one at a time, so others run between them; only the first scan of the file (about 0.1 s for
    300 MB) holds the interpreter's lock throughout. The cycle collector rests meanwhile: there is no cycle to
    find, and its walks over the growing project would double the time of a 300 MB manifest.
    """
    try:
        with _collector_resting():
            return _load(manifest, catalog, run_results, sources)
    except ArtifactError as error:
        chain: BaseException | None = error
        while chain is not None:
            traceback.clear_frames(chain.__traceback__)
            chain = chain.__cause__ or chain.__context__
        raise


@contextmanager
def _collector_resting() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(
    manifest: Buffer, catalog: Buffer | None, run_results: Sequence[StepResults], sources: Buffer | None
) -> Project:
    notes = Notes()
    reader = ManifestReader(manifest, CatalogReader(catalog, notes) if catalog is not None else None, notes)
    reader.read()
    results = read_run_results(run_results, reader.tests, notes)
    freshness = read_sources(sources, notes) if sources is not None else {}
    metadata = reader.metadata
    return Project(
        project_name=reader.project_name(),
        dbt_version=metadata.dbt_version or "",
        schema_version=reader.schema_version,
        adapter_type=metadata.adapter_type or "",
        invocation_id=metadata.invocation_id or "",
        generated_at=metadata.generated_at or "",
        nodes=reader.nodes,
        ephemeral=reader.ephemeral,
        disabled=reader.disabled,
        tests=reader.tests,
        results=results,
        freshness=freshness,
        exposures=reader.exposures,
        has_catalog=catalog is not None,
        notes=notes.sentences(),
    )
