"""The log of a run: out of a stream of server-sent events, or out of pages polled again and again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import InvalidRequestError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import IngestionPipeline
from dbtcollate_tui.collate.reader import read_loosely
from dbtcollate_tui.collate.sse import server_events

MOST_LINES = 50_000
_NOT_TEXT = frozenset({"after", "total"})


@dataclass(slots=True)
class StreamEnd:
    """How a stream of log events went so far; filled by `read_stream`."""

    cursor: str | None = None
    finished: bool = False
    refused: bool = False
    reset: bool = False
    message: str = ""


async def read_stream(lines: AsyncIterator[str], end: StreamEnd) -> AsyncIterator[str]:
    """The pieces of log text in OpenMetadata's log stream.

    Since 2.0 an event is a JSON object (``eventType`` logs, complete or error, with a cursor to resume at);
    before, its data is a raw line. ``end`` says how it ended: finished (the run is over), refused (no stream
    to be had), or neither (cut off: resume at ``end.cursor``).
    """
    async for event in server_events(lines):
        body = event.values()
        if body is None or not ("eventType" in body or event.name in ("logs", "complete", "error")):
            yield event.data
            continue
        if body.get("after") is not None:
            end.cursor = str(body["after"])
        kind = str(body.get("eventType") or event.name)
        end.reset = bool(body.get("truncated"))
        if kind == "complete":
            reason = str(body.get("reason") or body.get("endReason") or "runFinished")
            end.finished = reason == "runFinished"
            end.refused = reason == "maxBytes"
            end.message = str(body.get("message") or "")
            return
        if kind == "error":
            end.refused = True
            end.message = str(body.get("message") or "")
            return
        text = body.get("logs")
        if text:
            yield str(text)


class LogPages:
    """Reads ``logs/{id}/last`` from where it stopped, a line at a time.

    The last page grows while the task writes, so what was given of it is remembered.
    """

    def __init__(self, client: CollateClient, pipeline: IngestionPipeline, *, skip_lines: int = 0) -> None:
        self._client = client
        self._path = f"/services/ingestionPipelines/logs/{path_segment(pipeline.id)}/last"
        self._cursor: str | None = None
        self._given = ""
        self._skip = skip_lines

    async def read(self, *, flush: bool = False) -> list[str]:
        """The new lines, some `MOST_LINES` at most; a last line without its end only with ``flush``."""
        found: list[str] = []
        moved = True
        while moved and len(found) < MOST_LINES:
            text, after = await self._page()
            moved = after is not None and after != self._cursor
            if not text.startswith(self._given):
                self._given = ""
            fresh = text[len(self._given) :]
            if not (moved or flush):
                fresh = fresh[: fresh.rfind("\n") + 1]
            self._given += fresh
            found.extend(fresh.splitlines())
            if moved:
                self._cursor, self._given = after, ""
        skipped = found[: self._skip]
        self._skip -= len(skipped)
        return found[len(skipped) :]

    async def _page(self) -> tuple[str, str | None]:
        params: dict[str, str | int | bool] = {"limit": 1000}
        if self._cursor is not None:
            params["after"] = self._cursor
        answer = await self._client.call("GET", self._path, params=params, doing="show the log")
        body = read_loosely(answer)
        if not isinstance(body, dict):
            text = answer.content[:200].decode("utf-8", "replace").strip('" \n')
            raise InvalidRequestError(text or "no log", status=answer.status, message=text)
        text = "\n".join(str(value) for key, value in body.items() if key not in _NOT_TEXT and value)
        after = body.get("after")
        return text, str(after) if after not in (None, "") else None
