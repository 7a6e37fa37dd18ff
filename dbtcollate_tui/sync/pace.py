"""How many writes go out at once: eight, fewer while the server is slow."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

FAST = 8
"""Writes at once; what OpenMetadata gains from more is small (about as fast with 16 as with 8)."""
SLOW = 4
SLOW_SECONDS = 1.5
QUICK_SECONDS = 0.5


class Pace:
    """Lets at most ``limit`` writes run; `FAST` of them, `SLOW` where the last eight took 1.5 s or more."""

    def __init__(self, on_change: Callable[[str], object]) -> None:
        self.limit = FAST
        self._on_change = on_change
        self._running = 0
        self._free = asyncio.Condition()
        self._seconds: deque[float] = deque(maxlen=FAST)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and measure what is done in it."""
        async with self._free:
            await self._free.wait_for(lambda: self._running < self.limit)
            self._running += 1
        started = time.monotonic()
        try:
            yield
        finally:
            self.record(time.monotonic() - started)
            async with self._free:
                self._running -= 1
                self._free.notify_all()

    def record(self, seconds: float) -> None:
        """Take one write's duration into account."""
        self._seconds.append(seconds)
        if len(self._seconds) < FAST:
            return
        mean = sum(self._seconds) / len(self._seconds)
        if self.limit == FAST and mean >= SLOW_SECONDS:
            self._set(SLOW, f"Collate is slow ({mean:.1f} s a write): down to {SLOW} at once")
        elif self.limit == SLOW and mean <= QUICK_SECONDS:
            self._set(FAST, f"Collate is quick again ({mean:.1f} s a write): {FAST} at once")

    def _set(self, limit: int, text: str) -> None:
        self.limit = limit
        self._seconds.clear()
        self._on_change(text)
