import random

import pytest

from dbtcollate_tui.sync.reading.lineage_batches import DEEPEST, Pair, Reading, plan_readings


def shown(reading: Reading, edges: list[Pair]) -> set[Pair]:
    """What a server that knows these edges answers to the reading."""
    found: set[Pair] = set()
    for near, far, depth in ((0, 1, reading.down), (1, 0, reading.up)):
        level = {reading.start}
        for _ in range(depth):
            met = {pair for pair in edges if pair[near] in level}
            found |= met
            level = {pair[far] for pair in met}
    return found


def layered(count: int) -> list[Pair]:
    """Sources, staging, intermediate, marts: the usual project, 1.9 edges a model."""
    chance = random.Random(3)
    staging = [f"stg_{i}" for i in range(count * 3 // 10)]
    middle = [f"int_{i}" for i in range(count * 3 // 10)]
    edges = [(f"raw_{i % 20}", name) for i, name in enumerate(staging)]
    edges += [(parent, name) for name in middle for parent in chance.sample(staging, 2)]
    marts = [f"mart_{i}" for i in range(count * 4 // 10)]
    edges += [
        (parent, name)
        for i, name in enumerate(marts)
        for parent in chance.sample(staging + middle, 2 + i % 2)
    ]
    return edges


def tangled(count: int) -> list[Pair]:
    chance = random.Random(5)
    return [(f"n{chance.randrange(i)}", f"n{i}") for i in range(1, count) for _ in range(2)]


SHAPES: dict[str, tuple[list[Pair], int]] = {
    "a layered project": (layered(1000), 20),
    "a tangled one": (tangled(300), 60),
    "a chain": ([(f"n{i}", f"n{i + 1}") for i in range(60)], 10),
    "one hub": ([("hub", f"n{i}") for i in range(2000)], 1),
    "pairs that nothing joins": ([(f"a{i}", f"b{i}") for i in range(9)], 9),
    "a circle": ([("a", "b"), ("b", "c"), ("c", "a")], 1),
    "an edge told twice": ([("a", "b"), ("a", "b")], 1),
    "nothing": ([], 0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_edge_is_shown_by_the_reading_it_is_in(shape: str) -> None:
    edges, most = SHAPES[shape]
    readings = plan_readings(edges)
    assert len(readings) <= most
    assert sorted(pair for reading in readings for pair in reading.edges) == sorted(set(edges))
    for reading in readings:
        assert reading.edges <= shown(reading, edges)
        assert reading.up + reading.down >= 1
        assert max(reading.up, reading.down) <= DEEPEST


def test_a_reading_goes_no_deeper_than_it_must() -> None:
    (reading,) = plan_readings([("a", "b"), ("a", "c")])
    assert (reading.start, reading.up, reading.down) == ("a", 0, 1)


def test_many_paths_are_not_asked_for_at_once() -> None:
    edges = [("top", f"m{i}") for i in range(30)] + [(f"m{i}", f"b{j}") for i in range(30) for j in range(30)]
    deep = plan_readings(edges, most_paths=2000)
    flat = plan_readings(edges, most_paths=100)
    assert (len(deep), deep[0].down) == (1, 2)
    assert all(reading.up + reading.down <= 2 for reading in flat)
    assert 1 < len(flat) <= 31
    assert {pair for reading in flat for pair in reading.edges} == set(edges)


def test_only_ends_that_can_be_asked_are_asked() -> None:
    edges = [("orders", "weekly board"), ("nobody", "nothing")]
    (reading,) = plan_readings(edges, starts={"orders"})
    assert reading == Reading("orders", 0, 1, frozenset(edges[:1]))
