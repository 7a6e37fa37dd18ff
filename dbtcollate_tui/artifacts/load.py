"""A run's artifacts → one ``Project``."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtcollate_tui.artifacts.catalog import CatalogReader
from dbtcollate_tui.artifacts.compiled import add_compiled
from dbtcollate_tui.artifacts.manifest import ManifestReader
from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.project import FreshnessResult, Node, Project
from dbtcollate_tui.artifacts.reading import ArtifactError
from dbtcollate_tui.artifacts.run_results import RunFindings, StepResults, read_run_results
from dbtcollate_tui.artifacts.sources import read_sources
from dbtcollate_tui.gc_tuning import no_collection

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ArtifactError", "Choose", "StepResults", "load_part", "load_project"]


def load_project(
    manifest: Buffer,
    catalog: Buffer | None = None,
    run_results: Sequence[StepResults] = (),
    sources: Buffer | None = None,
    compiled: Sequence[Buffer] = (),
) -> Project:
    """Decode a run's artifacts; raises ``ArtifactError`` naming the file and the place in it.

    Only a manifest that cannot be read at all is an error. Of every other file, and of every entry and value,
    what cannot be read is left out with a note. ``compiled`` are manifests of the run's other steps, the last
    step's first: a node's compiled SQL is in the manifest of the step that compiled it.

    The buffers may be ``bytes`` or a read-only ``mmap``, which keeps the peak of memory low; nothing of them
    is held after the return or the error, so an ``mmap`` can be closed then. Call it in a thread: entries are
    decoded one at a time, so others run between them; only the first scan of the file (about 0.1 s for
    300 MB) holds the interpreter's lock throughout. The cycle collector rests meanwhile: there is no cycle to
    find, and its walks over the growing project would double the time of a 300 MB manifest.
    """
    with _apart_from_errors():
        return _load(manifest, catalog, run_results, sources, compiled)


Choose = Callable[[Project], Collection[str]]
"""Gets a project in which most nodes have names and parents only; the unique ids to read in full."""


def load_part(
    manifest: Buffer,
    catalog: Buffer | None,
    run_results: Sequence[StepResults],
    sources: Buffer | None,
    compiled: Sequence[Buffer],
    choose: Choose,
) -> Project:
    """Decode as much of a run's artifacts as one question needs; raises as `load_project`.

    ``choose`` is asked first with the names of everything, then again after each reading, since more may
    follow from what was read, until it has nothing new. Nodes that it never chose keep their names and
    parents, tests that it never chose are left out, and so are all notes.
    """
    with _apart_from_errors():
        return _load_part(manifest, catalog, run_results, sources, compiled, choose)


@contextmanager
def _apart_from_errors() -> Iterator[None]:
    """Without the cycle collector; an error that leaves holds nothing of the buffers."""
    try:
        with no_collection():
            yield
    except ArtifactError as error:
        chain: BaseException | None = error
        while chain is not None:
            traceback.clear_frames(chain.__traceback__)
            chain = chain.__cause__ or chain.__context__
        raise


def _load(
    manifest: Buffer,
    catalog: Buffer | None,
    run_results: Sequence[StepResults],
    sources: Buffer | None,
    compiled: Sequence[Buffer],
) -> Project:
    notes = Notes()
    catalog_reader = _catalog(catalog, notes) if catalog is not None else None
    reader = ManifestReader(manifest, catalog_reader, notes)
    reader.read()
    if not (reader.nodes or reader.ephemeral or reader.disabled):
        notes.add("manifest.json has no model, seed, snapshot or source: dbt built nothing to sync.")
    contracted = {name for name, node in reader.nodes.items() if node.has_contract}
    run = read_run_results(run_results, reader.tests, notes, contracted)
    add_compiled((reader.nodes, reader.ephemeral), run.compiled, compiled)
    freshness = _freshness(sources, notes) if sources is not None else None
    return replace(
        _project(reader, freshness, has_catalog=catalog_reader is not None),
        results=run.results,
        builds=run.builds,
        notes=notes.sentences(),
    )


def _load_part(
    manifest: Buffer,
    catalog: Buffer | None,
    run_results: Sequence[StepResults],
    sources: Buffer | None,
    compiled: Sequence[Buffer],
    choose: Choose,
) -> Project:
    notes = Notes()
    catalog_reader = _catalog(catalog, notes) if catalog is not None else None
    reader = ManifestReader(manifest, catalog_reader, notes)
    reader.outline()
    freshness = _freshness(sources, notes) if sources is not None else None
    project = _project(reader, freshness, has_catalog=catalog_reader is not None)
    done: set[str] = set()
    ran: RunFindings | None = None
    while new := set(choose(project)) - done:
        done |= new
        reader.complete(new)
        if ran is None or not new.isdisjoint(reader.tests):
            contracted = {one for one in done if one in reader.nodes and reader.nodes[one].has_contract}
            ran = read_run_results(run_results, done & reader.tests.keys(), notes, contracted)
        for group in (reader.nodes, reader.ephemeral):
            chosen = {one: group[one] for one in new if one in group}
            add_compiled((chosen,), ran.compiled, compiled)
            group.update(chosen)
        project = _project(reader, freshness, has_catalog=catalog_reader is not None)
    tests = {one: test for one, test in reader.tests.items() if one in done}
    if ran is None:
        return replace(project, tests=tests)
    return replace(project, tests=tests, results=ran.results, builds=ran.builds)


def _project(
    reader: ManifestReader, freshness: Mapping[str, FreshnessResult] | None, *, has_catalog: bool
) -> Project:
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
        freshness=freshness or {},
        exposures=reader.exposures,
        metrics=reader.metrics,
        semantic_models=reader.semantic_models,
        groups=reader.groups,
        has_catalog=has_catalog,
        resources=reader.resources,
        selectors=reader.selectors,
        unreadable=frozenset(reader.unreadable),
        unchecked_sources=_unchecked(reader.nodes, freshness),
    )


def _catalog(data: Buffer, notes: Notes) -> CatalogReader | None:
    try:
        return CatalogReader(data, notes)
    except ArtifactError as error:
        notes.add(
            f"{error.title}: it is left out, with the columns' types and the owners in it"
            f" ({error.evidence[0]})."
        )
        return None


def _freshness(data: Buffer, notes: Notes) -> dict[str, FreshnessResult] | None:
    try:
        return read_sources(data, notes)
    except ArtifactError as error:
        notes.add(f"{error.title}: it is left out, with the freshness in it ({error.evidence[0]}).")
        return None


def _unchecked(nodes: Mapping[str, Node], freshness: Mapping[str, FreshnessResult] | None) -> tuple[str, ...]:
    """The sources with limits that the freshness check does not speak of: dbt leaves out one that errored."""
    if freshness is None:
        return ()
    return tuple(
        node.unique_id for node in nodes.values() if node.checks_freshness and node.unique_id not in freshness
    )
