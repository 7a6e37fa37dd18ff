"""Odd values for every field of a recorded answer."""

import json
from collections.abc import Iterator
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    "",
    "odd",
    -1,
    0,
    77,
    10**30,
    1.5,
    True,
    [],
    [None],
    ["odd", 7],
    {},
    {"odd": [None]},
    "\x1b[31m\u202e\ud83d",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31 23:59:59-14:00",
    "2024-05-27 10:42:16",
    "9" * 5000,
)
LEFT_OUT = object()


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside an answer."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places(item, (*at, key))


def changed(value: dict[str, Any], at: tuple[str | int, ...], odd: Any) -> dict[str, Any]:
    """A copy with another value at a path, or without it."""
    copied: dict[str, Any] = json.loads(json.dumps(value))
    place: Any = copied
    for key in at[:-1]:
        place = place[key]
    if odd is LEFT_OUT:
        del place[at[-1]]
    else:
        place[at[-1]] = odd
    return copied


def odd_ones(sample: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The sample with each value replaced by each odd one, with the path of that."""
    for at in places(sample):
        for odd in (*ODD, LEFT_OUT):
            yield at, changed(sample, at, odd)
