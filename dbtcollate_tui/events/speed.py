"""How fast a phase goes, from its own progress: units a second of late, and the seconds left. No IO."""

from collections import deque
from dataclasses import replace

from dbtcollate_tui.events.types import Progress

WINDOW_SECONDS = 10.0
"""So much of the past counts."""
LEAST_SECONDS = 1.0
"""A rate of less time is noise."""


class Speed:
    """The rate of each phase and unit; one that starts over begins again."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    def measured(self, event: Progress, now: float) -> Progress:
        """The event with its rate and the seconds left, where they are known; ``now`` in seconds."""
        seen = self._all.setdefault((event.phase, event.unit), deque())
        if seen and event.done < seen[-1][1]:
            seen.clear()
        while len(seen) > 1 and now - seen[0][0] > WINDOW_SECONDS:
            seen.popleft()
        if not seen or now - seen[-1][0] >= 0.1:
            seen.append((now, event.done))
        since, before = seen[0]
        if now - since < LEAST_SECONDS or event.done <= before:
            return event
        rate = (event.done - before) / (now - since)
        left = None if event.total is None else max(0.0, event.total - event.done) / rate
        return replace(event, rate=round(rate, 1), seconds_left=None if left is None else round(left, 1))
