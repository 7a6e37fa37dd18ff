"""How many writes go out at once, by kind of write: see `dbtcollate_tui.adaptive` for the rule."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dbtcollate_tui.adaptive import AtOnce

START = 4
"""Writes of a kind at once in the beginning, where nothing else is known of the kind."""
MOST = 16
SLOW_SECONDS = 1.5
"""A write that takes longer is worth a word, once for a kind of write."""


class Pace:
    """Lets at most ``limit`` writes run at once; ``on_change`` gets what a person should know, in words."""

    def __init__(self, on_change: Callable[[str], object], most: int = MOST) -> None:
        self._most = most
        self._on_change = on_change
        self._running = 0
        self._refusals = 0
        self._free = asyncio.Condition()
        self._kinds: dict[str, AtOnce] = {}
        self._slow: set[str] = set()
        self.begin("")

    @property
    def limit(self) -> int:
        """Writes at once, now."""
        return self._rule.now

    def begin(self, kind: str, start: int = START) -> None:
        """Writes of this kind follow: it has a limit of its own."""
        self._kind = kind
        self._rule = self._kinds.setdefault(kind, AtOnce(start, most=self._most))

    @asynccontextmanager
    async def turn(self, parts: int = 1) -> AsyncIterator[None]:
        """Wait for a turn, and measure what is done in it; a request may be ``parts`` writes long."""
        async with self._free:
            await self._free.wait_for(lambda: self._running < self.limit)
            self._running += 1
        try:
            started, refusals = time.monotonic(), self._refusals
            try:
                yield
            finally:
                if refusals == self._refusals:
                    self.record((time.monotonic() - started) / parts)
        finally:
            self._running -= 1
            async with self._free:
                self._free.notify(max(1, self.limit - self._running))

    def refused(self, reason: str) -> None:
        """The server asked for a pause or dropped a write."""
        self._refusals += 1
        if self._rule.refused():
            self._on_change(f"Collate refuses writes for now ({reason}): {self.limit} at once from here on")

    def record(self, seconds: float) -> None:
        """Take one write's duration into account."""
        self._rule.took(seconds)
        if self._rule.seconds >= SLOW_SECONDS and self._kind not in self._slow:
            self._slow.add(self._kind)
            what = self._kind or "changes"
            self._on_change(
                f"Collate takes {self._rule.seconds:.1f} s a write ({what}), {self.limit} at once"
            )
