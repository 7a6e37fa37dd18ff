"""How long a request waits: before it goes out, for its answer, and before it is sent again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from dbtcollate_tui.transport.bounds import WHOLE_ANSWER_SECONDS
from dbtcollate_tui.transport.request_log import RequestRecord

RETRIED_STATUSES = frozenset({429, 502, 503, 504})


class Pacer(Protocol):
    """Holds a request back until it may be sent."""

    async def acquire(self, on_wait: Callable[[float], None] | None = None) -> None:
        """Return when one more request may go out; ``on_wait`` is called before a wait of 1 s or more."""

    async def hold(self, seconds: float) -> None:
        """Let no request out for so long, since the server asked for a pause."""


class Unpaced:
    """A pacer for servers without a published limit."""

    async def acquire(self, on_wait: Callable[[float], None] | None = None) -> None:
        """Return at once."""

    async def hold(self, seconds: float) -> None:
        """Hold nothing back: the request that was refused waits on its own."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """Given to ``on_retry`` before each wait: which request, which attempt comes next, how long, why.

    A request that the pacer holds back is reported too: its ``attempt`` is then 1.
    """

    record: RequestRecord
    attempt: int
    wait_seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for connecting, for each wait for bytes, and for one whole answer (not for a download)."""

    connect: float = 10.0
    read: float = 60.0
    whole: float = WHOLE_ANSWER_SECONDS


@dataclass(slots=True)
class RetryPolicy:
    """How often (``attempts`` in all) and how long (seconds) a safe request is repeated.

    A server's own Retry-After wins over the back-off; one that would end after ``total_seconds`` is not
    waited for. ``default_retry_after`` is the wait after a 429 that names none.
    """

    attempts: int = 4
    total_seconds: float = 420.0
    first_wait: float = 0.5
    longest_wait: float = 20.0
    statuses: frozenset[int] = field(default=RETRIED_STATUSES)
    default_retry_after: float | None = None
