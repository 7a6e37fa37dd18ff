"""What goes wrong between a client and a server, as a wrapper round any ASGI app."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from zlib import crc32

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WEB_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
GATEWAY_PAGE = (
    "<html><head><title>503 Service Temporarily Unavailable</title></head>"
    "<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>"
)


class Faults:
    """An ASGI app that breaks some of the answers of the one inside; without arguments it breaks none.

    ``too_many`` builds the 429 answer from the seconds to wait. ``moved_to`` is an origin without a path.
    A flaky server fails half of all paths at their first GET (503, 502, or half an answer) and PUT (503),
    and is sound from then on.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        delay: float = 0.0,
        html: bool = False,
        down: bool = False,
        moved_to: str = "",
        flaky: bool = False,
        rate_limit: int = 0,
        rate_window: float = 1.0,
        retry_after: int = 1,
        too_many: Callable[[int], Response] | None = None,
    ) -> None:
        self._app = app
        self._delay = delay
        self._html = html
        self._down = down
        self._moved_to = moved_to
        self._flaky = flaky
        self._rate_limit = rate_limit
        self._rate_window = rate_window
        self._retry_after = retry_after
        self._too_many = too_many
        self._asked: set[tuple[str, str, bytes]] = set()
        self._recent: deque[float] = deque()
        self._resting_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or fail as the scenario says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._delay:
            await asyncio.sleep(self._delay)
        answer = self._instead(scope)
        if answer is not None:
            await answer(scope, receive, send)
            return
        failure = self._first_time(scope) if self._flaky else 0
        if failure in (502, 503):
            await HTMLResponse(GATEWAY_PAGE.replace("503", str(failure)), failure)(scope, receive, send)
        elif failure:
            await self._app(scope, receive, half(send))
        else:
            await self._app(scope, receive, send)

    def _instead(self, scope: Scope) -> Response | None:
        if self._down:
            return HTMLResponse(GATEWAY_PAGE, 503)
        if self._moved_to:
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(
                f"{self._moved_to}{scope['path']}{'?' if query else ''}{query}", status_code=301
            )
        if self._html:
            return HTMLResponse(WEB_PAGE)
        if self._rate_limit and self._too_many and self._over_limit():
            return self._too_many(self._retry_after)
        return None

    def _over_limit(self) -> bool:
        now = time.monotonic()
        if now < self._resting_until:
            return True
        while self._recent and self._recent[0] <= now - self._rate_window:
            self._recent.popleft()
        if len(self._recent) >= self._rate_limit:
            self._recent.clear()
            self._resting_until = now + self._retry_after
            return True
        self._recent.append(now)
        return False

    def _first_time(self, scope: Scope) -> int:
        """502, 503, 1 for an answer cut in half, or 0 for a sound one."""
        key = (scope["method"], scope["path"], scope["query_string"])
        if key in self._asked or scope["method"] not in ("GET", "PUT"):
            return 0
        self._asked.add(key)
        kind = crc32(f"{key}".encode()) % 6
        if scope["method"] == "PUT":
            return 503 if kind < 3 else 0
        return {0: 503, 1: 502, 2: 1}.get(kind, 0)


def half(send: Send) -> Send:
    """A sender that lets the headers and half of the first chunk through and drops the rest.

    The server then closes the connection in the middle of the answer.
    """
    cut = False

    async def cutting(message: Message) -> None:
        nonlocal cut
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "content-length" not in headers:
                headers["content-length"] = "1000000"
            await send(message)
        elif not cut and message.get("body"):
            cut = True
            body = message["body"]
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})

    return cutting
