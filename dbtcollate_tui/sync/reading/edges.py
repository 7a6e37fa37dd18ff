"""Reads the edges between tables by few requests, and asks again where an answer may have been cut short."""

from collections.abc import Callable, Collection, Iterable

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import InvalidRequestError, NotFoundError, ServerFailedError
from dbtcollate_tui.collate.models import EntityReference, LineageEdge
from dbtcollate_tui.collate.server import size_may_matter
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.errors import UnreachableError
from dbtcollate_tui.plan.matching.matches import AssetRef, TableRef
from dbtcollate_tui.sync.reading.lineage_batches import Pair, Reading, plan_readings

READERS = 8
"""Reads at once; OpenMetadata's gain above that is small."""

SAMPLE = 16
"""Of more tables than this whose edges were not shown, this many are asked: an interrupted sync leaves
hundreds without edges, and an answer from a cache misses some of any."""

OnDone = Callable[[int, int], object]
"""Gets requests done and requests in all."""


def _silent(done: int, total: int) -> None:
    del done, total


async def read_edges(
    collate: CollateClient,
    pairs: Iterable[tuple[TableRef | AssetRef, TableRef | AssetRef]],
    *,
    sure: Collection[str] = (),
    on_done: OnDone = _silent,
) -> dict[Pair, LineageEdge]:
    """The edges of these pairs (upstream, downstream), and others met on the way, by their ends' ids.

    A request answers a table's neighbourhood, three levels each way (see `lineage_cover`): in a layered
    project 20 requests tell 1,900 edges. A server may refuse such a request, or answer it from a cache that a
    newer write has not reached. So what is not shown is asked for again, table by table, where a request
    failed and where the downstream end is in ``sure`` (ids of tables that a sync has reached before); where
    these are many, a sample decides (see `SAMPLE`). An edge that is missed all the same is written again,
    which changes nothing.
    """
    refs: dict[str, TableRef | AssetRef] = {}
    wanted: dict[Pair, None] = {}
    for above, below in pairs:
        refs[above.id], refs[below.id] = above, below
        wanted[above.id, below.id] = None
    readings = plan_readings(wanted)
    found: dict[Pair, LineageEdge] = {}
    failed: set[Pair] = set()

    async def read(reading: Reading) -> None:
        try:
            edges = await collate.lineage(_entity(refs[reading.start]), up=reading.up, down=reading.down)
        except (NotFoundError, InvalidRequestError, ServerFailedError, UnreachableError) as error:
            if isinstance(error, UnreachableError) and not size_may_matter(error):
                raise
            failed.update(reading.edges)
        else:
            found.update({(edge.fromEntity.id, edge.toEntity.id): edge for edge in edges})

    await bounded(readings, read, at_once=READERS, on_done=lambda done: on_done(done, len(readings)))
    unanswered = list({pair[1]: None for pair in wanted if pair not in found and pair in failed})
    unshown = [
        below
        for below in {pair[1]: None for pair in wanted if pair not in found and pair[1] in sure}
        if below not in set(unanswered)
    ]
    asked = 0

    async def ask(identifiers: list[str]) -> int:
        """Read these tables' own edges; gives how many wanted ones were found so."""
        nonlocal asked
        before = len(wanted.keys() & found.keys())
        so_far, total = len(readings) + asked, len(readings) + len(unanswered) + len(unshown)
        for edges in await bounded(
            [_entity(refs[identifier]) for identifier in identifiers],
            collate.lineage_upstream,
            at_once=READERS,
            on_done=lambda done: on_done(so_far + done, total),
        ):
            found.update({(edge.fromEntity.id, edge.toEntity.id): edge for edge in edges})
        asked += len(identifiers)
        return len(wanted.keys() & found.keys()) - before

    await ask([*unanswered, *unshown[:SAMPLE]] if len(unshown) <= SAMPLE else unanswered)
    if len(unshown) > SAMPLE and await ask(unshown[:SAMPLE]):
        await ask(unshown[SAMPLE:])
    return found


def _entity(ref: TableRef | AssetRef) -> EntityReference:
    if isinstance(ref, AssetRef):
        return EntityReference(id=ref.id, type=ref.type, name=ref.fqn, fullyQualifiedName=ref.fqn)
    return EntityReference(id=ref.id, type="table", name=ref.name, fullyQualifiedName=ref.fqn)
