"""Connections that end at any moment, over TLS in both protocols: a repeated request, no failed one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.errors import NoAnswer
from dbtcollate_tui.transport.pacing import RetryPolicy, Timeouts
from tests.support.tls_front import PROTOCOLS, Front, Protocol, tls_front

TOKEN = SecretStr("dbtc_PlantedConnectionSecret0123456789")
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)


class Server:
    """Answers each request and counts what it was asked; waits with its answers while ``open`` is not set."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.body = b"{}"
        self.open = asyncio.Event()
        self.open.set()
        self.came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(fields.get("content-length", "0")))
        self.done[" ".join(head.split(" ")[:2])] += 1
        self.came.set()
        await self.open.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.body) + self.body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def wire(
    protocol: Protocol, folder: Path, monkeypatch: pytest.MonkeyPatch, *, read: float = 10.0
) -> AsyncIterator[tuple[Server, Front, Transport]]:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("DBTCOLLATE_HTTP2", "1" if protocol == "2" else "0")
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with (
        tls_front(url, folder, protocol, monkeypatch.setenv) as front,
        Transport(front.url, TOKEN, retries=QUICK, timeouts=Timeouts(read=read)) as transport,
    ):
        yield server, front, transport
    listener.close()


both = pytest.mark.parametrize("protocol", PROTOCOLS)


@both
async def test_a_connection_is_used_again(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(protocol, tmp_path, monkeypatch) as (_, front, transport):
        for _ in range(3):
            await transport.request("GET", "/x")
    assert (front.requests, front.connections) == (3, 1)


@both
async def test_connections_that_end_after_n_requests_fail_none(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nginx's keepalive_requests does; every write arrives, and each is answered once."""
    async with wire(protocol, tmp_path, monkeypatch) as (server, front, transport):
        front.requests_each = 5
        answers = await asyncio.gather(
            *(transport.request("PUT", f"/{number}", json_body={}) for number in range(40))
        )
    assert [answer.status for answer in answers] == [200] * 40
    assert len(server.done) == 40
    assert front.connections >= 8


async def test_a_post_is_sent_once_when_connections_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire("1.1", tmp_path, monkeypatch) as (server, front, transport):
        front.requests_each = 2
        for number in range(9):
            await transport.request("POST", f"/{number}", json_body={})
    assert server.done == {f"POST /{number}": 1 for number in range(9)}


async def test_a_post_under_way_at_a_goaway_is_never_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpcore reads no answer after a GOAWAY, so whether it was done is not known."""
    async with wire("2", tmp_path, monkeypatch) as (server, front, transport):
        front.requests_each = 2
        await transport.request("POST", "/0", json_body={})
        with pytest.raises(NoAnswer) as caught:
            await transport.request("POST", "/1", json_body={})
        await transport.request("POST", "/2", json_body={})
    assert caught.value.delivery == "connection ended"
    assert max(server.done.values()) == 1


@both
async def test_an_idle_connection_closed_by_the_server_costs_nothing(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(protocol, tmp_path, monkeypatch) as (server, front, transport):
        front.close_idle = True
        for number in range(6):
            await transport.request("PUT", f"/{number}", json_body={})
    assert len(server.done) == 6


@both
async def test_a_write_cut_off_after_it_was_done_is_repeated(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(protocol, tmp_path, monkeypatch) as (server, front, transport):
        front.reset_at = 2
        for number in range(3):
            await transport.request("PUT", f"/{number}", json_body={})
    assert server.done == {"PUT /0": 1, "PUT /1": 2, "PUT /2": 1}


@both
async def test_a_post_cut_off_after_it_was_done_is_not_repeated(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(protocol, tmp_path, monkeypatch) as (server, front, transport):
        front.reset_at = 2
        await transport.request("POST", "/0", json_body={})
        with pytest.raises(NoAnswer) as caught:
            await transport.request("POST", "/1", json_body={})
        await transport.request("POST", "/2", json_body={})
    assert caught.value.kind == "closed"
    assert server.done == {"POST /0": 1, "POST /1": 1, "POST /2": 1}


async def test_a_stream_refused_unread_is_sent_again_even_a_post(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REFUSED_STREAM promises that nothing was done: RFC 9113, 8.7."""
    async with wire("2", tmp_path, monkeypatch) as (server, front, transport):
        front.refuse_at = 1
        await transport.request("POST", "/0", json_body={})
    assert server.done == {"POST /0": 1}
    assert front.requests == 2


@both
async def test_a_cancelled_request_does_not_hold_up_the_next(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(protocol, tmp_path, monkeypatch) as (server, _, transport):
        server.open.clear()
        asked = asyncio.create_task(transport.request("GET", "/slow"))
        await server.came.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        server.open.set()
        assert (await transport.request("GET", "/next")).status == 200


@both
async def test_a_large_answer_and_a_large_body_arrive_whole(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(protocol, tmp_path, monkeypatch) as (server, _, transport):
        server.body = b'"' + b"0123456789" * 100_000 + b'"'
        answer = await transport.request("PUT", "/x", json_body={"text": "x" * 500_000})
    assert answer.content == server.body
