"""asyncio's sockets as httpcore uses them, without what httpcore's own do at every read and write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import httpcore

HELD_BYTES = 256 * 1024
"""With so much that is not read yet no more is taken from the operating system."""
NEXT_ADDRESS_SECONDS = 0.25
"""After so long without a connection the host's next address is tried too; RFC 8305's figure."""


class Sockets(httpcore.AsyncNetworkBackend):
    """Gives connections without TLS."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; raises httpcore's errors."""
        loop = asyncio.get_running_loop()
        with _errors_of_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                _, stream = await loop.create_connection(
                    _Stream, host, port, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS
                )
        return stream


class _Stream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """A connection that keeps what is written until it is read from: head and body leave together."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._unread = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio tells that it stands."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """asyncio tells what came."""
        self._unread += data
        if len(self._unread) >= HELD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio tells that nothing more will come."""
        self._ended, self._error = True, error
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keep it."""
        self._unsent.append(buffer)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send what was kept, then wait for bytes; none where the server ended. Raises httpcore's errors."""
        if self._transport is None:
            raise httpcore.ReadError("not connected")
        if self._unsent and not self._ended:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()
        if not self._unread and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            with _errors_of_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
                async with asyncio.timeout(timeout):
                    await self._reader
        if self._error is not None and not self._unread:
            raise httpcore.ReadError(str(self._error)) from self._error
        data = bytes(self._unread[:max_bytes])
        del self._unread[:max_bytes]
        if len(self._unread) < HELD_BYTES:
            self._transport.resume_reading()
        return data

    async def aclose(self) -> None:
        """Close it at once; what was kept is not sent."""
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, info: str) -> object:
        """``is_readable``: whether an idle connection was closed, or spoken over, by the server."""
        return self._ended or bool(self._unread) if info == "is_readable" else None


@contextmanager
def _errors_of_httpcore(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    """A timeout becomes ``late``, any other error of the operating system ``broken``."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
