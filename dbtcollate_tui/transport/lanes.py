"""Connections to a server of this machine: as many as there are requests at once, without a pool's looks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

import httpcore
import httpx

from dbtcollate_tui.transport.sockets import Sockets

IDLE_SECONDS = 5.0
"""As long a connection is kept that nothing is asked over; httpx's own figure."""


class HttpLanes(httpx.AsyncBaseTransport):
    """httpcore's HTTP/1.1 connections, the newest idle one first; the caller bounds how many are open.

    httpcore's own pool asks the socket of every connection before and after each request, which at eight
    connections takes a fifth of the time of a sync with many small writes. A lane whose request was cancelled
    or failed is given up: what the library then still holds of it would keep the next request waiting.
    """

    def __init__(self) -> None:
        self._lanes: set[httpcore.AsyncHTTPConnection] = set()
        self._idle: list[httpcore.AsyncHTTPConnection] = []
        self._sockets = Sockets()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; raises httpx's errors, as its own transport does."""
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        lane = await self._lane(asked.url.origin)
        try:
            with _errors_of_httpx():
                answer = await lane.handle_async_request(asked)
        except BaseException:
            await self._give_up(lane)
            raise
        stream = _LaneStream(cast(httpx.AsyncByteStream, answer.stream), partial(self._end, lane))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        self._idle.clear()
        for lane in tuple(self._lanes):
            await self._give_up(lane)

    async def _lane(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        while self._idle:
            lane = self._idle.pop()
            if not lane.has_expired():
                return lane
            await self._give_up(lane)
        lane = httpcore.AsyncHTTPConnection(
            origin, keepalive_expiry=IDLE_SECONDS, network_backend=self._sockets
        )
        self._lanes.add(lane)
        return lane

    async def _end(self, lane: httpcore.AsyncHTTPConnection) -> None:
        if lane in self._lanes and lane.is_idle():
            self._idle.append(lane)
        else:
            await self._give_up(lane)

    async def _give_up(self, lane: httpcore.AsyncHTTPConnection) -> None:
        self._lanes.discard(lane)
        await lane.aclose()


class _LaneStream(httpx.AsyncByteStream):
    """A body; its lane ends with it, and is idle then only if the body was read to its end."""

    def __init__(self, stream: httpx.AsyncByteStream, end: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._end: Callable[[], Awaitable[None]] | None = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_of_httpx():
            async for piece in self._stream:
                yield piece

    async def aclose(self) -> None:
        end, self._end = self._end, None
        if end is None:
            return
        try:
            await self._stream.aclose()
        finally:
            await end()


@contextmanager
def _errors_of_httpx() -> Iterator[None]:
    """An error of httpcore's becomes httpx's of the same name; any other stays as it is."""
    try:
        yield
    except Exception as error:
        name = type(error).__name__
        if getattr(httpcore, name, None) is not type(error):
            raise
        raise getattr(httpx, name, httpx.NetworkError)(str(error)) from error
