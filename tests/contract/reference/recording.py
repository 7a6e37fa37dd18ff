"""A sandbox that keeps the bodies of what it is asked and what it answers."""

from dataclasses import dataclass
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from dbtcollate_tui.sandbox.server import CONTROL, Sandbox, Side


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; ``path`` is still percent-encoded, the bodies are texts."""

    side: Side
    method: str
    path: str
    query: str
    status: int
    request: str
    answer: str

    @property
    def line(self) -> str:
        """Method, path, query and status, for a person."""
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query} → {self.status}"


class RecordingSandbox(Sandbox):
    """A `Sandbox` with ``exchanges``, oldest first."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exchanges: list[Exchange] = []

    def of_collate(self) -> list[Exchange]:
        """The exchanges with Collate."""
        return [exchange for exchange in self.exchanges if exchange.side == "collate"]

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the sandbox does, keeping both bodies."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await super().answer(side, scope, receive, send)
            return
        asked, answered, status = bytearray(), bytearray(), 0

        async def receiving() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                answered.extend(message.get("body", b""))
            await send(message)

        try:
            await super().answer(side, scope, receiving, sending)
        finally:
            self.exchanges.append(
                Exchange(
                    side,
                    scope["method"],
                    scope["raw_path"].decode("latin-1"),
                    scope["query_string"].decode("latin-1"),
                    status,
                    asked.decode("utf-8", "replace"),
                    answered.decode("utf-8", "replace"),
                )
            )
