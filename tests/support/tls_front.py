"""TLS in front of a plain HTTP server of a test, over HTTP/1.1 or HTTP/2, with a front end's own habits."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11
import trustme
from hyperframe.frame import GoAwayFrame

Protocol = Literal["1.1", "2"]
PROTOCOLS: tuple[Protocol, ...] = ("1.1", "2")
Header = tuple[bytes, bytes]
REFUSED_STREAM, INTERNAL_ERROR = 7, 2
_OF_A_CONNECTION = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})


@dataclass
class Front:
    """What a front end does to connections; change a field while it serves.

    A connection ends after ``requests_each`` requests: HTTP/1.1 says so in the last answer, HTTP/2 by GOAWAY.
    ``close_idle`` closes a connection without a word once its answer is out. Request number ``reset_at`` is
    cut off after the server behind has done it, number ``refuse_at`` before (HTTP/2's REFUSED_STREAM).
    """

    protocol: Protocol
    url: str = ""
    upstream: tuple[str, int] = ("127.0.0.1", 0)
    requests_each: int = 0
    close_idle: bool = False
    reset_at: int = 0
    refuse_at: int = 0
    requests: int = 0
    connections: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its start to its end."""
        self.connections += 1
        self.open.add(writer)
        self.closed.clear()
        try:
            await (_Http2 if self.protocol == "2" else _Http1)(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, h11.RemoteProtocolError, ssl.SSLError):
            pass
        finally:
            self.open.discard(writer)
            if not self.open:
                self.closed.set()
            writer.transport.abort()

    async def ask(
        self, method: bytes, target: bytes, headers: list[Header], body: bytes
    ) -> tuple[int, list[Header], bytes] | None:
        """The answer of the server behind; ``None`` where it broke off."""
        reader, writer = await asyncio.open_connection(*self.upstream)
        connection = h11.Connection(h11.CLIENT)
        kept = [item for item in headers if item[0] not in (b"host", b"content-length", *_OF_A_CONNECTION)]
        host = f"{self.upstream[0]}:{self.upstream[1]}".encode()
        kept += [(b"host", host), (b"connection", b"close"), (b"content-length", str(len(body)).encode())]
        try:
            request = connection.send(h11.Request(method=method, target=target, headers=kept))
            writer.write(request + connection.send(h11.Data(body)) + connection.send(h11.EndOfMessage()))
            status, found, pieces = 0, list[Header](), list[bytes]()
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(65_536))
                elif isinstance(event, h11.Response):
                    status, found = event.status_code, list(event.headers)
                elif isinstance(event, h11.Data):
                    pieces.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    return (
                        status,
                        [item for item in found if item[0] not in _OF_A_CONNECTION],
                        b"".join(pieces),
                    )
                else:
                    return None
        except (h11.RemoteProtocolError, ConnectionError):
            return None
        finally:
            writer.transport.abort()


class _Http1:
    def __init__(self, front: Front, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._front, self._reader, self._writer = front, reader, writer

    async def run(self) -> None:
        front, served = self._front, 0
        connection = h11.Connection(h11.SERVER)
        while True:
            request: h11.Request | None = None
            body = b""
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await self._reader.read(65_536))
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return
            assert request is not None
            front.requests += 1
            served += 1
            number = front.requests
            if number == front.refuse_at:
                return
            answer = await front.ask(request.method, request.target, list(request.headers), body)
            if answer is None or number == front.reset_at:
                return
            status, headers, content = answer
            last = served == front.requests_each
            if last:
                headers = [*headers, (b"connection", b"close")]
            head = connection.send(h11.Response(status_code=status, headers=headers))
            rest = connection.send(h11.Data(content)) if content else b""
            self._writer.write(head + rest + connection.send(h11.EndOfMessage()))
            await self._writer.drain()
            if last or front.close_idle:
                return
            connection.start_next_cycle()


class _Http2:
    def __init__(self, front: Front, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._front, self._reader, self._writer = front, reader, writer
        self._connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self._asked: dict[int, tuple[list[Header], bytearray]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._served = 0
        self._last = False
        self._window = asyncio.Event()

    async def run(self) -> None:
        self._connection.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(65_536):
                for event in self._connection.receive_data(data):
                    self._take(event)
                self._flush()
        except h2.exceptions.ProtocolError:
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._asked[event.stream_id] = (list(event.headers), bytearray())
        elif isinstance(event, h2.events.DataReceived):
            if event.stream_id in self._asked:
                self._asked[event.stream_id][1].extend(event.data)
            self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self._asked:
            headers, body = self._asked.pop(event.stream_id)
            if not self._last:
                task = asyncio.create_task(self._answer(event.stream_id, headers, bytes(body)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        elif isinstance(event, h2.events.WindowUpdated):
            self._window.set()

    async def _answer(self, stream: int, headers: list[Header], body: bytes) -> None:
        front = self._front
        front.requests += 1
        self._served += 1
        number = front.requests
        if self._served == front.requests_each:
            self._last = True
            self._writer.write(GoAwayFrame(0, last_stream_id=stream, error_code=0).serialize())
        fields = dict(headers)
        plain = [item for item in headers if not item[0].startswith(b":")]
        with contextlib.suppress(h2.exceptions.StreamClosedError, ConnectionError):
            if number == front.refuse_at:
                self._connection.reset_stream(stream, REFUSED_STREAM)
                self._flush()
                return
            answer = await front.ask(fields[b":method"], fields[b":path"], plain, body)
            if answer is None or number == front.reset_at:
                self._connection.reset_stream(stream, INTERNAL_ERROR)
                self._flush()
                return
            status, found, content = answer
            self._connection.send_headers(stream, [(b":status", str(status).encode()), *found])
            await self._send(stream, content)
        if front.close_idle or (self._last and len(self._tasks) == 1):
            await self._writer.drain()
            self._writer.close()

    async def _send(self, stream: int, content: bytes) -> None:
        while content:
            size = min(
                self._connection.local_flow_control_window(stream), self._connection.max_outbound_frame_size
            )
            if size == 0:
                self._window.clear()
                self._flush()
                await self._window.wait()
                continue
            self._connection.send_data(stream, content[:size])
            content = content[size:]
            self._flush()
        self._connection.end_stream(stream)
        self._flush()

    def _flush(self) -> None:
        self._writer.write(self._connection.data_to_send())


@asynccontextmanager
async def tls_front(
    upstream: str, folder: Path, protocol: Protocol, trust: Callable[[str, str], object]
) -> AsyncIterator[Front]:
    """HTTPS on a port of 127.0.0.1 in front of ``upstream``, in this event loop.

    ``trust`` is pytest's ``monkeypatch.setenv``: the authority that signed the certificate is trusted for
    the test, by child processes too.
    """
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2"] if protocol == "2" else ["http/1.1"])
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    trust("SSL_CERT_FILE", str(folder / "ca.pem"))
    behind = urlsplit(upstream)
    front = Front(protocol, upstream=(behind.hostname or "127.0.0.1", behind.port or 80))
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = front.serve
    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    front.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        listener.close()
        for writer in tuple(front.open):
            writer.transport.abort()
        if front.open:
            await front.closed.wait()
