"""A scripted OpenMetadata on loopback: what is asked is recorded, what is answered is said by the test."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.transport.pacing import RetryPolicy, Timeouts

Handler = Callable[["Asked"], Response | Awaitable[Response]]
QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.02, statuses=frozenset({502, 503, 504}))


def jwt(**claims: Any) -> SecretStr:
    """A token of the shape that OpenMetadata makes; nobody checks its signature."""
    values = {
        "iss": "open-metadata.org",
        "sub": "ingestion-bot",
        "isBot": True,
        "iat": 1_700_000_000,
        **claims,
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, values)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return SecretStr(".".join([*encoded, "c2lnbmF0dXJlLW9mLWEtdGVzdA"]))


TOKEN = jwt(exp=None)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: method, path as sent (percent-encoded) below ``/api/v1``, query, JSON body, headers."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


def say(value: Any = None, status: int = 200) -> Handler:
    """A handler that always answers ``value``; ``None`` is an empty body."""
    return lambda _: Response(status_code=status) if value is None else JSONResponse(value, status)


def refuse(status: int, message: str) -> Handler:
    """A handler that refuses the way OpenMetadata does."""
    return say({"code": status, "message": message}, status)


def missing_call(status: int = 405) -> Handler:
    """What a 1.1 server says to a call that it does not have."""
    text = (
        f"An exception with message [HTTP {status} Method Not Allowed] was thrown while processing request."
    )
    return say({"responseMessage": text}, 500)


@dataclass
class FakeCollate:
    """The server's script: ``answers[METHOD path]`` is a handler, or a list of them used up one by one."""

    version: str = "2.0.7"
    answers: dict[str, Handler | list[Handler]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self.answers.setdefault("GET /system/version", say({"version": self.version, "revision": "r"}))
        self.answers.setdefault(
            "GET /users/loggedInUser", say({"id": "u0", "name": "ingestion-bot", "isBot": True})
        )

    def paths(self, method: str = "") -> list[str]:
        """The paths asked so far, of one method or all."""
        return [asked.path for asked in self.asked if method in ("", asked.method)]

    def bodies(self, key: str) -> list[Any]:
        """The bodies sent to ``METHOD path``."""
        method, path = key.split(" ", 1)
        return [asked.body for asked in self.asked if (asked.method, asked.path) == (method, path)]

    async def answer(self, request: Request) -> Response:
        raw = await request.body()
        path = request.scope["raw_path"].decode().split("?")[0].removeprefix("/api/v1")
        asked = Asked(
            request.method,
            path,
            dict(request.query_params),
            json.loads(raw) if raw else None,
            dict(request.headers),
        )
        self.asked.append(asked)
        found = self.answers.get(f"{request.method} {path}")
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if found is None:
            found = refuse(404, f"instance for {path} not found")
        result = found(asked)
        return await result if isinstance(result, Awaitable) else result


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def serving(fake: FakeCollate) -> AsyncIterator[FakeCollate]:
    """Serve ``fake`` on a free port of 127.0.0.1 for as long as the context lasts."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", fake.answer, methods=methods)])
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    fake.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await server.up.wait()
        yield fake
    finally:
        server.should_exit = server.force_exit = True
        await running
        listening.close()


@asynccontextmanager
async def connected(
    fake: FakeCollate, token: SecretStr = TOKEN, *, timeouts: Timeouts | None = None
) -> AsyncIterator[CollateClient]:
    """A client connected to ``fake``, which is served meanwhile; the two first requests are forgotten."""
    async with serving(fake), CollateClient(fake.url, token, retries=QUICK, timeouts=timeouts) as client:
        await client.connect()
        fake.asked.clear()
        yield client


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
