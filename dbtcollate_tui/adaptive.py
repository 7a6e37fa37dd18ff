"""How much a server bears: additive increase, multiplicative decrease, for rows a page and writes at once.

The one rule, for both:

1. Begin with a small number for the kind of request, since a server that serialises gains nothing above 1.
2. What went well allows one step more, up to a most.
3. What was refused, timed out or lost its connection halves the number, down to a least.
4. So does a page that takes more than ten seconds.
5. So do two rounds of writes in a row, of eight at least, that are slow for no gain: more than half a second
   and three times what the quickest write took, with no more done in a second than by half as many at once.
   Slow alone says little: the client may be busy, and a write of a large table takes longer than a small one.
6. A number is kept for as long as the connection lasts, for each kind of request on its own.
"""

import statistics

QUICK_PAGE_SECONDS, SLOW_PAGE_SECONDS = 2.0, 10.0
UNNOTICED_SECONDS = 0.5
"""A write that takes less than this is never too slow."""
WAITING_FACTOR = 3.0
ROUND = 8
"""Answers that a judgement rests on, at least."""
GAIN = 1.25
"""How many times as much must be done in a second by twice as many at once."""


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
        self._rates: dict[int, float] = {}
        self._was_too_many = False
        self._since_refusal = most

    def took(self, seconds: float) -> None:
        """A request was answered after ``seconds``."""
        self._since_refusal += 1
        self._round.append(seconds)
        self._quickest = min(self._quickest, seconds)
        if len(self._round) < max(self.now, ROUND):
            return
        self.seconds = statistics.median(self._round)
        self._round.clear()
        self._rates[self.now] = self.now / self.seconds if self.seconds > 0 else float("inf")
        again, self._was_too_many = self._was_too_many, self._too_many()
        if not self._was_too_many:
            self.more()
        elif again:
            self._was_too_many = False
            self.less()

    def _too_many(self) -> bool:
        """Whether the last round was slow without a gain; by one at once nothing is known to be gained."""
        if self.now == self.least or self.seconds <= max(WAITING_FACTOR * self._quickest, UNNOTICED_SECONDS):
            return False
        fewer = [rate for number, rate in self._rates.items() if number <= self.now // 2]
        return not fewer or self._rates[self.now] < GAIN * max(fewer)

    def refused(self) -> bool:
        """The server asked for a pause or dropped a request; whether fewer go out at once now.

        Those that were under way at the first refusal are refused with it, and count once.
        """
        self._round.clear()
        if self._since_refusal < self.now:
            return False
        self._since_refusal = 0
        return self.less()
