"""What a request can end in instead of a usable answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dbtcollate_tui.errors import NoAnswerKind
from dbtcollate_tui.printable import safe
from dbtcollate_tui.transport.decoding import decode_json

if TYPE_CHECKING:
    from dbtcollate_tui.transport.request_log import RequestRecord


Delivery = Literal["unknown", "not read", "connection ended"]
"""What is known of a request without an answer: nothing, that the server did not read it (HTTP/2's
REFUSED_STREAM), or that the server ended the connection in good order while it was under way (GOAWAY)."""


class TransportError(Exception):
    """Base of what a request can end in instead of a usable answer."""


class NoAnswer(TransportError):
    """The server could not be reached, or fell silent."""

    def __init__(
        self,
        kind: NoAnswerKind,
        host: str,
        detail: str,
        record: RequestRecord | None = None,
        delivery: Delivery = "unknown",
    ) -> None:
        super().__init__(f"no answer from {host} ({kind}): {detail}")
        self.kind: NoAnswerKind = kind
        self.host = host
        self.detail = detail
        self.record = record
        self.delivery: Delivery = delivery


class HttpError(TransportError):
    """The server answered with a status of 400 or more.

    ``body`` is its beginning, at most 4 KiB; ``ending`` is the last of what was read of a longer one.
    """

    def __init__(
        self,
        record: RequestRecord,
        status: int,
        body: bytes,
        retry_after: float | None = None,
        ending: bytes = b"",
    ) -> None:
        super().__init__(f"{record.method} {record.path} answered {status}")
        self.record = record
        self.status = status
        self.body = body
        self.ending = ending
        self.retry_after = retry_after

    def json(self) -> Any:
        """The error body as JSON values, or ``None`` where it is not JSON."""
        try:
            return decode_json(self.body)
        except ValueError:
            return None

    def excerpt(self, length: int = 200) -> str:
        """The beginning of the body as one redacted line."""
        return safe(" ".join(self.body.decode("utf-8", "replace").split()))[:length]


class NotJson(TransportError):
    """A 2xx answer that is not JSON: most often the web page of a wrong address."""

    def __init__(self, record: RequestRecord, content_type: str, body: bytes) -> None:
        super().__init__(
            f"{record.method} {record.path} answered {content_type or 'no content type'}, not JSON"
        )
        self.record = record
        self.content_type = content_type
        self.body = body


class ForeignRedirect(TransportError):
    """The server redirects to another host; the credential was not sent there."""

    def __init__(self, record: RequestRecord, location: str) -> None:
        super().__init__(f"{record.host} redirects to {location}")
        self.record = record
        self.location = location
