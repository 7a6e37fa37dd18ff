"""Concurrency with a bound: many pieces of work, few at once, the first error ends them all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def bounded(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    *,
    at_once: int,
    on_done: Callable[[int], object] | None = None,
) -> list[R]:
    """``work`` of each item, at most ``at_once`` at a time; the results in the items' order.

    ``on_done`` gets how many are done. The first error cancels the rest and is raised unchanged.
    """
    todo = list(items)
    results: dict[int, R] = {}
    numbered = iter(enumerate(todo))

    async def worker() -> None:
        for place, item in numbered:
            results[place] = await work(item)
            if on_done is not None:
                on_done(len(results))

    async with together() as group:
        for _ in range(min(at_once, len(todo))):
            group.create_task(worker())
    return [results[place] for place in range(len(todo))]


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first error cancels the rest and is raised unchanged."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
