"""Ways to ask the sandbox's Collate, shared by the tests of this folder."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from dbtcollate_tui.sandbox.collate.app import collate_app
from dbtcollate_tui.sandbox.collate.runner import PipelineWorker
from dbtcollate_tui.sandbox.scenarios import HEALTHY, Scenario

TOKEN = SecretStr("a.bots.token")
DIM_CUSTOMERS = "shop_warehouse.shop.marts.dim_customers"
FCT_ORDERS = "shop_warehouse.shop.marts.fct_orders"
STG_ORDERS = "shop_warehouse.shop.staging.stg_orders"
Json = dict[str, Any]


class Caller:
    """The bot at one server; paths are below ``/api/v1``."""

    def __init__(self, url: str, token: str = TOKEN.get_secret_value()) -> None:
        self.url = url
        self.client = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )

    def send(self, method: str, path: str, body: Any = None, status: int = 200, **params: Any) -> Any:
        """The JSON of an answer that must have that status; None for an empty one."""
        answer = self.client.request(method, path, json=body, params=params or None)
        assert answer.status_code == status, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        return self.send("GET", path, status=status, **params)

    def patch(self, path: str, *operations: Json, status: int = 200, **headers: str) -> Any:
        """A JSON patch."""
        answer = self.client.patch(
            path,
            content=json.dumps(operations),
            headers={
                "Content-Type": "application/json-patch+json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def table(self, fqn: str, fields: str = "columns,tags,owners,dataModel,testSuite") -> Json:
        found: Json = self.get(f"tables/name/{quote(fqn, safe='')}", fields=fields)
        return found

    def refused(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, str]:
        """Status and message of an answer that is no 2xx."""
        answer = self.client.request(method, path, json=body, params=params or None)
        assert answer.status_code >= 400, answer.text
        found = answer.json()
        return answer.status_code, found.get("message") or found["responseMessage"]

    def make_tag(self, classification: str, name: str) -> None:
        self.client.put("classifications", json={"name": classification, "description": "of dbt"})
        body = {"classification": classification, "name": name, "description": "a tag"}
        assert self.client.put("tags", json=body).status_code in (200, 201)


class _QuickServer(uvicorn.Server):
    """Stops when told, without the tick of the original."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._running = threading.Event()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    async def main_loop(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self._running.set()
        await self._stop.wait()

    def stop_soon(self) -> None:
        self._running.wait(10)
        self._loop.call_soon_threadsafe(self._stop.set)


@contextmanager
def collate(
    folder: Path,
    scenario: Scenario = HEALTHY,
    version: str = "latest",
    worker: PipelineWorker | None = None,
) -> Iterator[Caller]:
    """A Collate on loopback for the block, and its caller."""
    app = collate_app(folder / f"collate-{version}.sqlite", scenario, TOKEN, version, worker=worker)
    with serve(app) as url:
        caller = Caller(url)
        yield caller
        caller.client.close()
    app.state.close()


@contextmanager
def serve(app: Starlette) -> Iterator[str]:
    """The app on a free port of 127.0.0.1 for the block; its address."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=0
    )
    bound.listen()
    server = _QuickServer(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.stop_soon()
        thread.join()
        bound.close()
