"""A Collate whose writes are counted and, where a test says so, broken; and its state as plain values."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from dbtcollate_tui.sandbox.collate.app import collate_app
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.scenarios import scenario_named
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from tests.support.tls_front import Front, Protocol, tls_front
from tests.support.world import SERVICE

Fault = Literal["500", "503", "too fast", "dropped before", "dropped after", "hangs", "ignored"]
"""Answered 500, 503 or 429 with Retry-After and not done; the connection dropped with nothing done, or with
all done; no answer; 200 without a body, and nothing done."""

VOLATILE = frozenset(
    {
        "id",
        "href",
        "version",
        "updatedAt",
        "updatedBy",
        "createdAt",
        "createdBy",
        "changeDescription",
        "incrementalChangeDescription",
        "generatedAt",
        "basicEntityReference",
    }
)


@dataclass
class FaultyCollate:
    """The sandbox's Collate on a port of its own; ``on_write`` is asked before each write, by its number."""

    sandbox: Sandbox
    folder: Path
    server_version: str = "latest"
    scenario: str = ""
    url: str = ""
    front: Front | None = None
    writes: int = 0
    on_write: Callable[[int], Fault | None] = lambda number: None
    after_write: Callable[[int], None] = lambda number: None
    ignored_path: str = ""
    """Writes below this path are answered with 200 and not done."""
    models_in_patches: Literal["kept", "ignored", "refused"] = "kept"
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _app: Starlette | None = None
    _made: int = 0

    def fresh(self) -> None:
        """Begin anew: the seeded state, the same ids each time, no write counted, no fault."""
        template = self.folder / "template.sqlite"
        if not template.exists():
            self._open(template).state.close()
        self.close()
        self._made += 1
        self._app = self._open(Path(shutil.copy(template, self.folder / f"state-{self._made}.sqlite")))
        self.writes = 0
        self.on_write = lambda number: None
        self.after_write = lambda number: None

    def break_one(self, number: int, fault: Fault) -> None:
        """Break the write with this number, and no other."""
        self.on_write = lambda seen: fault if seen == number else None

    def _open(self, path: Path) -> Starlette:
        return collate_app(
            path, scenario_named(self.scenario), self.sandbox.collate_token, self.server_version
        )

    def close(self) -> None:
        """Give the state's file back."""
        if self._app is not None:
            self._app.state.close()
            self._app = None

    @property
    def profile(self) -> Profile:
        """The main job's profile with this Collate."""
        return Profile(
            name="shop",
            dbt_cloud=DbtCloudSettings(
                base_url=self.sandbox.dbt_cloud_url,
                account_id=self.sandbox.account_id,
                project_id=self.sandbox.project_id,
                job_id=self.sandbox.job_id,
            ),
            collate=CollateSettings(base_url=self.url, service=SERVICE),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or break what is asked."""
        assert self._app is not None
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        self.writes += 1
        number = self.writes
        fault = self.on_write(number)
        if self.ignored_path and scope["path"].startswith(self.ignored_path):
            fault = "ignored"
        if scope["method"] == "PATCH" and self.models_in_patches != "kept" and fault is None:
            ops = json.loads(await _body(receive))
            left = [op for op in ops if not op["path"].startswith("/dataModel")]
            if len(left) < len(ops) and self.models_in_patches == "refused":
                await JSONResponse({"code": 400, "message": 'Unrecognized field "dataModel"'}, 400)(
                    scope, receive, send
                )
                return
            receive = _sending(json.dumps(left).encode())
            length = str(len(json.dumps(left).encode())).encode()
            kept = [item for item in scope["headers"] if item[0] != b"content-length"]
            scope = {**scope, "headers": [*kept, (b"content-length", length)]}
        if fault in ("500", "503"):
            status = int(fault)
            answer = JSONResponse({"code": status, "message": "Unable to execute the query"}, status)
            await answer(scope, receive, send)
        elif fault == "too fast":
            await JSONResponse({"code": 429, "message": "Slow down"}, 429, {"Retry-After": "0"})(
                scope, receive, send
            )
        elif fault == "dropped before":
            await _drop(send)
        elif fault == "ignored":
            await Response()(scope, receive, send)
        elif fault == "dropped after":
            await self._app(scope, receive, _ignore)
            await _drop(send)
        elif fault == "hangs":
            await self.released.wait()
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)
        self.after_write(number)

    def state(self) -> dict[str, Any]:
        """All that the server holds, by kind and FQN, without ids and times; edges and results too."""
        assert self._app is not None
        store = self._app.state.collate.store
        names: dict[str, str] = {}
        held: dict[str, Any] = {}
        for kind in KINDS:
            entities = store.every(kind)
            names |= {entity["id"]: f"{kind} {entity['fullyQualifiedName']}" for entity in entities}
            held[kind] = {entity["fullyQualifiedName"]: plain(entity) for entity in entities}
        held["edges"] = {
            (names[start], names[end]): plain(details)
            for identifier in names
            for _, start, _, end, details in store.edges_of(identifier, upstream=True)
        }
        held["results"] = {fqn: plain(store.results(fqn, 0, 2**53)) for fqn in held["testCase"]}
        return held


def plain(value: Any) -> Any:
    """A value without what differs between two servers that hold the same; tags have no order."""
    if isinstance(value, dict):
        found = {key: plain(item) for key, item in value.items() if key not in VOLATILE}
        if isinstance(found.get("tags"), list):
            found["tags"].sort(key=lambda label: label["tagFQN"])
        return found
    return [plain(item) for item in value] if isinstance(value, list) else value


async def _body(receive: Receive) -> bytes:
    content = b""
    while True:
        message = await receive()
        content += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return content


def _sending(content: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


async def _ignore(message: Message) -> None:
    del message


async def _drop(send: Send) -> None:
    """Promise an answer and end: the web server closes the connection."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def faulty(
    folder: Path, server_version: str = "latest", protocol: Protocol = "1.1", scenario: str = ""
) -> AsyncIterator[FaultyCollate]:
    """A dbt Cloud of the sandbox, and beside it a Collate that can be broken, over TLS."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox())
        made = FaultyCollate(sandbox, folder, server_version, scenario)
        made.fresh()
        listening = socket.socket(proto=socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        made.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            made, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await server.up.wait()
            stack.enter_context(patch.dict(os.environ))
            front = await stack.enter_async_context(
                tls_front(made.url, folder, protocol, os.environ.__setitem__)
            )
            made.url = front.url
            made.front = front
            os.environ["DBTCOLLATE_HTTP2"] = "1" if protocol == "2" else "0"
            yield made
        finally:
            made.released.set()
            server.should_exit = server.force_exit = True
            await running
            listening.close()
            made.close()
