"""How fast a phase goes, from its own progress: units a second of late, and the seconds left. No IO."""

from collections import deque
from dataclasses import replace

from dbtcollate_tui.sync.events import Progress

WINDOW_SECONDS = 10.0
"""So much of the past counts."""
LEAST_SECONDS = 1.0
"""A rate of less time is noise."""


class Speed:
    """The rate of one phase and unit at a time; another one begins anew."""

    def __init__(self) -> None:
        self._what: tuple[str, str] = ("", "")
        self._seen: deque[tuple[float, int]] = deque()

    def measured(self, event: Progress, now: float) -> Progress:
        """The event with its rate and the seconds left, where they are known; ``now`` in seconds."""
        what = event.phase, event.unit
        if what != self._what or (self._seen and event.done < self._seen[-1][1]):
            self._what = what
            self._seen.clear()
        while len(self._seen) > 1 and now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()
        if not self._seen or now - self._seen[-1][0] >= 0.1:
            self._seen.append((now, event.done))
        since, before = self._seen[0]
        if now - since < LEAST_SECONDS or event.done <= before:
            return event
        rate = (event.done - before) / (now - since)
        left = None if event.total is None else max(0.0, event.total - event.done) / rate
        return replace(event, rate=round(rate, 1), seconds_left=None if left is None else round(left, 1))
