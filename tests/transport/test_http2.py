"""HTTP/2 as a real server speaks it: agreed on by TLS, many requests on one connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.errors import HttpError
from dbtcollate_tui.transport.pacing import RetryPolicy

TOKEN = SecretStr("dbtc_PlantedHttp2Secret0123456789")
FILE = bytes(range(256)) * 12_000


def free_port() -> int:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class Seen:
    def __init__(self) -> None:
        self.versions: list[str] = []
        self.connections: set[tuple[str, int]] = set()
        self.authorization: set[str] = set()

    def take(self, request: Request) -> None:
        self.versions.append(str(request.scope["http_version"]))
        client = request.scope["client"]
        self.connections.add((client[0], client[1]))
        self.authorization.add(request.headers["authorization"])


@asynccontextmanager
async def serving(
    seen: Seen, folder: Path, monkeypatch: pytest.MonkeyPatch, protocols: list[str]
) -> AsyncIterator[str]:
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    async def number(request: Request) -> Response:
        seen.take(request)
        return JSONResponse({"n": int(request.query_params["n"])})

    async def file(request: Request) -> Response:
        seen.take(request)
        return Response(FILE)

    async def refused(request: Request) -> Response:
        seen.take(request)
        return JSONResponse({"code": 403, "message": "no"}, 403)

    app: Any = Starlette(routes=[Route("/number", number), Route("/file", file), Route("/refused", refused)])
    config = Config()
    config.bind = [f"127.0.0.1:{free_port()}"]
    config.certfile = config.keyfile = str(folder / "server.pem")
    config.alpn_protocols = protocols
    config.errorlog = config.accesslog = None
    stop = asyncio.Event()
    wait: Callable[[], Awaitable[Any]] = stop.wait
    task = asyncio.create_task(serve(app, config, shutdown_trigger=wait))
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection(*config.bind[0].split(":"))
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break
        yield f"https://{config.bind[0]}"
    finally:
        stop.set()
        await task


@pytest.mark.parametrize(("protocols", "version"), [(["h2", "http/1.1"], "2"), (["http/1.1"], "1.1")])
async def test_what_the_server_offers_is_spoken(
    protocols: list[str], version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    monkeypatch.setenv("DBTCOLLATE_HTTP2", "1")
    async with (
        serving(seen, tmp_path, monkeypatch, protocols) as url,
        Transport(url, TOKEN, retries=RetryPolicy(attempts=1)) as transport,
    ):
        answers = await asyncio.gather(
            *(transport.request("GET", "/number", params={"n": str(n)}) for n in range(40))
        )
        pieces: list[bytes] = []
        await transport.download("/file", pieces.append, restart=pieces.clear)
        with pytest.raises(HttpError) as caught:
            await transport.request("GET", "/refused")
    assert [answer.json() for answer in answers] == [{"n": n} for n in range(40)]
    assert b"".join(pieces) == FILE
    assert caught.value.status == 403
    assert set(seen.versions) == {version}
    assert len(seen.versions) == 42
    assert seen.authorization == {f"Bearer {TOKEN.get_secret_value()}"}
    if version == "2":
        assert len(seen.connections) == 1
