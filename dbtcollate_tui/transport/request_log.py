"""The requests of the last minutes, without a secret in any of them."""

import shlex
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from dbtcollate_tui.printable import safe

SHOWN_BODY = 20_000
"""Characters of a request's body that can be shown."""
HELD_BODY = SHOWN_BODY + 8_000
"""Bytes of it that are held: a margin is redacted too, so that no secret is cut in two."""


@dataclass(slots=True)
class RequestRecord:
    """One request of the last minutes: what was asked and how it ended.

    Nothing in it shows a secret. A body is redacted when it is shown, since thousands never are: redacting
    every write took a fifth of a sync's processor time.
    """

    method: str
    url: str
    host: str
    path: str
    at: datetime
    content: bytes | None = field(default=None, repr=False)
    content_type: str | None = None
    status: int | None = None
    seconds: float = 0.0
    received: int = 0
    failure: str | None = None

    @property
    def body(self) -> str | None:
        """The beginning of the request's body, without secrets; ``None`` where it had none."""
        if self.content is None:
            return None
        return safe(self.content.decode("utf-8", "replace"))[:SHOWN_BODY]

    def __str__(self) -> str:
        """One line for the log."""
        end = self.failure or self.status or "no answer"
        return f"{self.method} {self.host}{self.path} {end}, {self.seconds:.3f} s, {self.received} bytes"

    def as_curl(self, token_variable: str) -> str:
        """The request as a curl command that works where the named variable holds the token."""
        parts = ["curl", "-sS"]
        if self.method != "GET":
            parts += ["-X", self.method]
        words = [shlex.quote(part) for part in parts]
        words.append(f'-H "Authorization: Bearer ${{{token_variable}}}"')
        words.append("-H 'Accept: application/json'")
        if self.body is not None:
            words.append(f"-H {shlex.quote(f'Content-Type: {self.content_type}')}")
            words.append(f"-d {shlex.quote(self.body)}")
        words.append(shlex.quote(self.url))
        return " ".join(words)


class RequestLog:
    """The latest requests of the process, at most ``size`` of them."""

    def __init__(self, size: int = 500) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=size)

    def add(self, record: RequestRecord) -> None:
        """Append a record; the oldest falls out when the log is full."""
        self._records.append(record)

    def newest(self, count: int = 100) -> list[RequestRecord]:
        """At most ``count`` records, latest first."""
        return list(self._records)[-count:][::-1]
