"""Server-sent events out of the lines of a stream."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from dbtcollate_tui.transport.decoding import decode_json


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name ("message" where unnamed), its data as text, its id."""

    name: str
    data: str
    id: str = ""

    def values(self) -> dict[str, Any] | None:
        """The data as a JSON object, or ``None``."""
        try:
            value = decode_json(self.data.encode("utf-8", "replace"))
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


async def server_events(lines: AsyncIterator[str]) -> AsyncIterator[ServerEvent]:
    """The events of a ``text/event-stream``, comments left out; one cut off by the end is dropped."""
    name, identifier = "", ""
    data: list[str] = []
    async for raw in lines:
        line = raw.rstrip("\r\n")
        if not line:
            if data:
                yield ServerEvent(name or "message", "\n".join(data), identifier)
            name, data = "", []
            continue
        if line.startswith(":"):
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)
        elif key == "id":
            identifier = value
