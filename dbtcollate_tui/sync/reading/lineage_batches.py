"""Which tables to ask for their neighbourhood, so that few answers show every edge asked about. No IO.

OpenMetadata has no list of edges. ``GET lineage/table/name/{fqn}`` gives the edges around one table, with
their details, up to three levels each way. Its server walks every path, a shared ancestor once for each path
to it; so a reading is held to `MOST_PATHS` of them.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

Pair = tuple[str, str]
"""An edge by its two ends: upstream, downstream."""

DEEPEST = 3
"""The server refuses more levels."""
MOST_PATHS = 1000
"""This many paths one reading may make the server walk, unless one level alone has more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One request: the table to start from, the levels each way, and the edges that it is sent for."""

    start: str
    up: int
    down: int
    edges: frozenset[Pair]


def plan_readings(
    edges: Iterable[Pair],
    starts: Collection[str] | None = None,
    *,
    deepest: int = DEEPEST,
    most_paths: int = MOST_PATHS,
) -> list[Reading]:
    """Readings that show every edge, each edge in one of them; greedy, so few and not always the fewest.

    ``starts`` are the ends that can be asked (``None``: all). An edge with no such end is in no reading.
    """
    left = dict.fromkeys(edges)
    above: dict[str, list[str]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for upstream, downstream in left:
        above[downstream].append(upstream)
        below[upstream].append(downstream)
    order = [name for name in dict.fromkeys((*below, *above)) if starts is None or name in starts]
    ways = {name: _Ways.of(name, above, below, deepest, most_paths) for name in order}
    heap = [(-ways[name].most, place) for place, name in enumerate(order)]
    heapq.heapify(heap)
    readings: list[Reading] = []
    while left and heap:
        promised, place = heapq.heappop(heap)
        name = order[place]
        found = {pair: side for pair, side in ways[name].walk(above, below).items() if pair in left}
        if not found:
            continue
        if heap and -heap[0][0] > len(found) and -promised > len(found):
            heapq.heappush(heap, (-len(found), place))
            continue
        up = max((level for way, level in found.values() if way == "up"), default=0)
        down = max((level for way, level in found.values() if way == "down"), default=0)
        readings.append(Reading(name, up, down, frozenset(found)))
        for pair in found:
            del left[pair]
    return readings


@dataclass(frozen=True, slots=True)
class _Ways:
    """How deep a table may be asked, and at most how many edges that shows."""

    name: str
    up: int
    down: int
    most: int

    @classmethod
    def of(
        cls,
        name: str,
        above: Mapping[str, list[str]],
        below: Mapping[str, list[str]],
        deepest: int,
        most_paths: int,
    ) -> "_Ways":
        up, ancestors = _depth(name, above, deepest, most_paths)
        down, descendants = _depth(name, below, deepest, most_paths)
        return cls(name, up, down, ancestors + descendants)

    def walk(
        self, above: Mapping[str, list[str]], below: Mapping[str, list[str]]
    ) -> dict[Pair, tuple[str, int]]:
        """The edges that the reading shows, each with its way and its level from 1."""
        found: dict[Pair, tuple[str, int]] = {}
        for way, neighbours, depth in (("down", below, self.down), ("up", above, self.up)):
            frontier, seen = {self.name}, {self.name}
            for level in range(1, depth + 1):
                following: set[str] = set()
                for here in frontier:
                    for other in neighbours.get(here, ()):
                        found.setdefault((here, other) if way == "down" else (other, here), (way, level))
                        if other not in seen:
                            following.add(other)
                seen |= following
                frontier = following
        return found


def _depth(name: str, neighbours: Mapping[str, list[str]], deepest: int, most_paths: int) -> tuple[int, int]:
    """The deepest level whose paths are not too many, at least the first; and how many paths that makes."""
    ends: dict[str, int] = {name: 1}
    total = depth = 0
    for level in range(1, deepest + 1):
        following: dict[str, int] = defaultdict(int)
        for here, paths in ends.items():
            for other in neighbours.get(here, ()):
                following[other] += paths
        more = sum(following.values())
        if not more or (level > 1 and total + more > most_paths):
            break
        total += more
        depth, ends = level, following
    return depth, total
