"""Small servers for the tests of the HTTP client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from dbtcollate_tui.transport.pacing import RetryPolicy

TOKEN = SecretStr("dbtc_PlantedTransportSecret0123456789")
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)


class Server:
    """A raw loopback server: each request gets the next scripted bytes, then the connection ends."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.script: list[bytes | None] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields) if k}
        self.requests.append((line.rsplit(" ", 1)[0], headers))
        if "content-length" in headers:
            await reader.readexactly(int(headers["content-length"]))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()


def http(status: int, body: bytes = b"{}", **headers: str) -> bytes:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def serving(*script: bytes | None) -> AsyncIterator[Server]:
    server = Server()
    server.script = list(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
