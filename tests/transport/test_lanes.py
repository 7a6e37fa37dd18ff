"""Which connection a request goes over, on a loopback server that knows its clients."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import httpx
import pytest

from dbtcollate_tui.transport import lanes as transport_lanes
from dbtcollate_tui.transport.lanes import HttpLanes

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Notes which connection, counted from 1, brought each request; answers once ``open`` is set."""

    def __init__(self) -> None:
        self.brought: list[int] = []
        self.answer = WHOLE
        self.open = asyncio.Event()
        self.open.set()
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""
        self._came = asyncio.Condition()

    async def has_brought(self, count: int) -> None:
        async with self._came:
            await self._came.wait_for(lambda: len(self.brought) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        number = len(self.writers)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                async with self._came:
                    self.brought.append(number)
                    self._came.notify_all()
                await self.open.wait()
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def lanes() -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    async with httpx.AsyncClient(transport=HttpLanes(), timeout=10) as client:
        yield server, client
    listener.close()


async def test_one_after_another_share_a_connection() -> None:
    async with lanes() as (server, client):
        for _ in range(3):
            assert (await client.get(server.url)).json() == {}
    assert server.brought == [1, 1, 1]


async def test_so_many_at_once_have_so_many_connections_and_leave_them_to_the_next() -> None:
    async with lanes() as (server, client):
        server.open.clear()
        asked = [asyncio.create_task(client.get(server.url)) for _ in range(3)]
        await server.has_brought(3)
        server.open.set()
        await asyncio.gather(*asked)
        await client.get(server.url)
    assert sorted(server.brought[:3]) == [1, 2, 3]
    assert server.brought[3] in (1, 2, 3)


async def test_one_that_the_server_closed_meanwhile_is_not_asked_again() -> None:
    async with lanes() as (server, client):
        await client.get(server.url)
        server.writers[0].close()
        await server.writers[0].wait_closed()
        await asyncio.sleep(0.01)
        await client.get(server.url)
    assert server.brought == [1, 2]


async def test_one_that_was_long_idle_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_lanes, "IDLE_SECONDS", 0.01)
    async with lanes() as (server, client):
        await client.get(server.url)
        await asyncio.sleep(0.05)
        await client.get(server.url)
    assert server.brought == [1, 2]


async def test_one_whose_answer_was_left_half_read_is_given_up() -> None:
    async with lanes() as (server, client):
        server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
        async with client.stream("GET", server.url) as response:
            async for _ in response.aiter_bytes(10):
                break
        server.answer = WHOLE
        await client.get(server.url)
    assert server.brought == [1, 2]


async def test_one_that_says_it_closes_is_given_up() -> None:
    async with lanes() as (server, client):
        server.answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        await client.get(server.url)
        await client.get(server.url)
    assert server.brought == [1, 2]


async def test_one_whose_request_was_cancelled_is_given_up() -> None:
    async with lanes() as (server, client):
        server.open.clear()
        asked = asyncio.create_task(client.get(server.url))
        await server.has_brought(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        server.open.set()
        await client.get(server.url)
    assert server.brought == [1, 2]


async def test_head_and_body_go_out_together() -> None:
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(1_000_000))
        writer.write(WHOLE)
        await writer.drain()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    async with httpx.AsyncClient(transport=HttpLanes(), timeout=10) as client:
        assert (await client.post(url, content=b"the body")).json() == {}
    listener.close()
    assert came[0].startswith(b"POST / HTTP/1.1\r\n")
    assert came[0].endswith(b"\r\n\r\nthe body")


async def test_a_body_larger_than_a_sockets_buffer_arrives_whole() -> None:
    body = b"0123456789" * 300_000
    came = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        await reader.readuntil(b"\r\n\r\n")
        came = await reader.readexactly(len(body))
        writer.write(WHOLE)
        await writer.drain()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    async with httpx.AsyncClient(transport=HttpLanes(), timeout=10) as client:
        assert (await client.post(url, content=body)).json() == {}
    listener.close()
    assert came == body


async def test_one_that_the_server_spoke_over_unasked_is_not_asked_again() -> None:
    async with lanes() as (server, client):
        await client.get(server.url)
        server.writers[0].write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await server.writers[0].drain()
        await asyncio.sleep(0.01)
        assert (await client.get(server.url)).status_code == 200
    assert server.brought == [1, 2]


async def test_an_answer_larger_than_what_is_held_arrives_whole_and_no_faster_than_it_is_read() -> None:
    body = b"0123456789" * 3_000_000
    async with lanes() as (server, client):
        server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        async with client.stream("GET", server.url) as response:
            pieces = response.aiter_bytes(1000)
            first = await anext(pieces)
            await asyncio.sleep(0.2)
            held = server.writers[0].transport.get_write_buffer_size()
            rest = b"".join([piece async for piece in pieces])
    assert held > 0, "the server still waits for a reader"
    assert first + rest == body


async def test_a_connection_that_is_refused_or_reset_and_a_late_answer_have_errors_of_their_own() -> None:
    async with lanes() as (server, client):
        server.open.clear()
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url, timeout=0.05)
        asked = asyncio.create_task(client.get(server.url))
        await server.has_brought(2)
        sock = server.writers[1].get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.writers[1].transport.abort()
        with pytest.raises(httpx.ReadError):
            await asked
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with httpx.AsyncClient(transport=HttpLanes()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")


LIBRARYS = sorted(
    (kind for kind in vars(httpcore).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", LIBRARYS, ids=lambda kind: kind.__name__)
async def test_an_error_of_the_connection_is_httpxs_own(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise kind("said")

    monkeypatch.setattr(httpcore.AsyncHTTPConnection, "handle_async_request", fail)
    async with lanes() as (server, client):
        with pytest.raises(httpx.TransportError, match="said") as caught:
            await client.get(server.url)
    assert type(caught.value).__name__ in (kind.__name__, "NetworkError")


async def test_an_error_of_another_kind_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise KeyError("said")

    monkeypatch.setattr(httpcore.AsyncHTTPConnection, "handle_async_request", fail)
    async with lanes() as (server, client):
        with pytest.raises(KeyError):
            await client.get(server.url)


async def test_an_answer_that_breaks_off_is_told_by_httpxs_error() -> None:
    async with lanes() as (server, client):
        server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"
        async with client.stream("GET", server.url) as response:
            server.writers[0].close()
            with pytest.raises(httpx.RemoteProtocolError):
                await response.aread()
