"""How many writes go out at once: as many as make the server faster, fewer where it pushes back."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

START = 4
"""Writes at once in the beginning, and while the server is slow."""
MOST = 16
SLOW_SECONDS = 1.5
QUICK_SECONDS = 0.5
WINDOW = 8
"""So many writes decide whether the server is slow."""
FEW_WAIT, MANY_WAIT = 3.0, 6.0
"""Writes that wait in the server: with so few one more is sent at once, with so many one less."""
AFTER_REFUSAL = 0.5
SPREAD = 0.9
"""A write begins at least so much of its even share of the quickest one's time after the one before it."""
SHORTEST_WAIT = 0.001
"""Seconds; asyncio's timers know no shorter ones."""


class Pace:
    """Lets at most ``limit`` writes run at once.

    After TCP Vegas: of ``limit`` writes, ``limit * (1 - quickest / now)`` wait in the server, by how much
    longer a write takes now than the quickest one did. Few: one more at once. Many: one less. A 429, 502,
    503, 504 or a closed connection halves the limit. Where `WINDOW` writes took 1.5 s and more on average, it
    is `START` at most until they take 0.5 s again. ``on_change`` is told of the last two in words.

    Writes are spread over the time that one takes, as TCP pacing spreads packets: those of one burst are
    answered in one burst, and wait for each other on both sides, round after round.
    """

    def __init__(self, on_change: Callable[[str], object], most: int = MOST) -> None:
        self.limit = min(START, most)
        self.slow = False
        self._most = most
        self._on_change = on_change
        self._running = 0
        self._free = asyncio.Condition()
        self._quickest = float("inf")
        self._window: deque[float] = deque(maxlen=WINDOW)
        self._since_change = 0
        self._since_refusal = MOST
        self._refusals = 0
        self._next = 0.0

    def begin(self) -> None:
        """Another kind of write follows, whose quickest time is not known yet."""
        self._quickest = float("inf")
        self._next = 0.0
        self._window.clear()
        self._since_change = 0

    @asynccontextmanager
    async def turn(self, parts: int = 1) -> AsyncIterator[None]:
        """Wait for a turn, and measure what is done in it; a request may be ``parts`` writes long."""
        async with self._free:
            await self._free.wait_for(lambda: self._running < self.limit)
            self._running += 1
        try:
            wait = self.wait(time.monotonic())
            if wait >= SHORTEST_WAIT:
                await asyncio.sleep(wait)
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

    def wait(self, now: float) -> float:
        """Take the next place for a write to begin; how many seconds it is from ``now``."""
        if self._quickest == float("inf"):
            return 0.0
        place = max(now, self._next)
        self._next = place + SPREAD * self._quickest / self.limit
        return place - now

    def refused(self, reason: str) -> None:
        """The server asked for a pause or dropped a write; counts once in so many writes as go at once."""
        self._refusals += 1
        if self._since_refusal < self.limit:
            return
        self._since_change = self._since_refusal = 0
        before, self.limit = self.limit, max(1, int(self.limit * AFTER_REFUSAL))
        if self.limit < before:
            self._on_change(f"Collate pushes back ({reason}): down to {self.limit} at once")

    def record(self, seconds: float) -> None:
        """Take one write's duration into account."""
        self._window.append(seconds)
        self._quickest = min(self._quickest, seconds)
        self._since_change += 1
        self._since_refusal += 1
        if len(self._window) == WINDOW and self._told_slowness(sum(self._window) / WINDOW):
            return
        if self._since_change < self.limit:
            return
        self._since_change = 0
        recent = sorted(self._window)[len(self._window) // 2]
        waiting = self.limit * (1 - self._quickest / recent) if recent > 0 else 0.0
        if waiting <= FEW_WAIT:
            self.limit = min(self.limit + 1, START if self.slow else self._most)
        elif waiting >= MANY_WAIT:
            self.limit = max(self.limit - 1, 1)

    def _told_slowness(self, mean: float) -> bool:
        if not self.slow and mean >= SLOW_SECONDS:
            self.slow = True
            self.limit = min(self.limit, START)
            self._on_change(f"Collate is slow ({mean:.1f} s a write): down to {self.limit} at once")
        elif self.slow and mean <= QUICK_SECONDS:
            self.slow = False
            self._quickest = min(self._window)
            self._on_change(f"Collate is quick again ({mean:.1f} s a write)")
        else:
            return False
        self._window.clear()
        self._since_change = 0
        return True
