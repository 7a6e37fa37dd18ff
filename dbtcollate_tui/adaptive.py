"""How much a server bears: additive increase, multiplicative decrease, for rows a page and writes at once.

The one rule, for both:

1. Begin with a small number for the kind of request, since a server that serialises gains nothing above 1.
2. What went well and quickly allows one step more, up to a most.
3. What took too long, timed out or was refused halves the number, down to a least.
4. Too long is, for a page, more than ten seconds. For a write it is more than three times what the quickest
   one took, from a tenth of a second on: then writes wait for each other in the server.
5. A number is kept for as long as the connection lasts, for each kind of request by itself.
"""

import statistics

QUICK_PAGE_SECONDS, SLOW_PAGE_SECONDS = 2.0, 10.0
UNNOTICED_SECONDS = 0.1
"""A write that takes less than this is never too slow."""
WAITING_FACTOR = 3.0


class Adaptive:
    """A number between ``least`` and ``most`` that follows the rule of this module."""

    def __init__(self, start: int, *, most: int, least: int = 1, step: int = 1) -> None:
        self.least, self.most, self.step = least, most, step
        self.now = max(least, min(start, most))

    def more(self) -> None:
        """It went well: one step up."""
        self.now = min(self.most, self.now + self.step)

    def less(self) -> bool:
        """It did not: half of it. Whether there was anything to take away."""
        before, self.now = self.now, max(self.least, self.now // 2)
        return self.now < before


class PageSize(Adaptive):
    """Rows a page; one step is the size that it began with."""

    def __init__(self, start: int, *, most: int = 1000, least: int = 10) -> None:
        super().__init__(start, most=most, least=min(least, start), step=start)

    def took(self, seconds: float) -> None:
        """A page of this size came after ``seconds``."""
        if seconds <= QUICK_PAGE_SECONDS:
            self.more()
        elif seconds > SLOW_PAGE_SECONDS:
            self.less()


class AtOnce(Adaptive):
    """Requests of one kind at once."""

    def __init__(self, start: int, *, most: int) -> None:
        super().__init__(start, most=most)
        self.seconds = 0.0
        """What a request took in the last round, the median."""
        self._quickest = float("inf")
        self._round: list[float] = []
        self._since_refusal = most

    def took(self, seconds: float) -> None:
        """A request was answered after ``seconds``."""
        self._since_refusal += 1
        self._round.append(seconds)
        self._quickest = min(self._quickest, seconds)
        if len(self._round) < self.now:
            return
        self.seconds = statistics.median(self._round)
        self._round.clear()
        if self.seconds <= max(WAITING_FACTOR * self._quickest, UNNOTICED_SECONDS):
            self.more()
        else:
            self.less()

    def refused(self) -> bool:
        """The server asked for a pause or dropped a request; whether fewer go out at once now.

        Those that were under way at the first refusal are refused with it, and count once.
        """
        self._round.clear()
        if self._since_refusal < self.now:
            return False
        self._since_refusal = 0
        return self.less()
