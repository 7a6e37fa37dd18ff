"""The sandbox as a process that counts what it is asked.

    python -m tests.bench.server RECORDING STATE DBT_PORT COLLATE_PORT DELAY NEW_RUN SLOW [WRITES]

With ``NEW_RUN`` 1 the job has one run more than with 0, so that its newest has an id of its own. ``SLOW`` 1
answers as slowly as a loaded OpenMetadata 1.6 did (see `slowness`). It says ``ready`` on a line of standard
output, serves until standard input ends, and then prints its `Tally` as JSON. ``WRITES`` is a file that takes
the writes to Collate, one JSON object a line.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import re
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs

import httpx
import uvicorn
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dbtcollate_tui.sandbox import shop_data
from dbtcollate_tui.sandbox.collate.app import collate_app
from dbtcollate_tui.sandbox.dbt_cloud.app import dbt_cloud_app
from dbtcollate_tui.sandbox.dbt_cloud.content import ACCOUNT_ID, NIGHTLY_ID
from dbtcollate_tui.sandbox.sample_tokens import DbtCloudTokens
from dbtcollate_tui.sandbox.scenarios import HEALTHY
from tests.bench.serving import COLLATE_TOKEN, DBT_TOKEN, SIDES, Tally

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+")
_AFTER_NAME = frozenset({"name", "testCaseResults"})
_WORDS = frozenset({"search", "latest", "list", "name"})


def pattern_of(path: str) -> str:
    """The path with its ids and names replaced, without what comes before them in every path."""
    parts: list[str] = []
    for part in path.split("?")[0].strip("/").split("/")[2:]:
        if parts and parts[-1] in _AFTER_NAME and part not in _WORDS:
            parts.append("{fqn}")
        elif _ID.fullmatch(part):
            parts.append("{id}")
        else:
            parts.append("{fqn}" if "." in part and not part.endswith(".json") else part)
    return "/".join(parts)


def slowness(method: str, path: str, query: str) -> float:
    """Seconds that a loaded OpenMetadata 1.6 took for such a request, by what it was measured to take.

    A table 0.08 s, with its tags, owners and data model 0.2 s; a test case 0.1 s; a write 0.5 s.
    """
    if method != "GET":
        return 0.5
    asked = parse_qs(query)
    rows = min(int(asked.get("limit", ["1"])[0]), 100)
    if path.endswith("/tables"):
        return rows * (0.2 if "dataModel" in asked.get("fields", [""])[0] else 0.08)
    return rows * 0.1 if path.endswith("/testCases") else 0.1


class _Counting:
    """An ASGI app that counts what goes through it."""

    def __init__(self, app: ASGIApp, side: str, tally: Tally, writes: IO[str] | None) -> None:
        self._app = app
        self._side = side
        self._tally = tally
        self._writes = writes
        self.slow = False
        self.writers: dict[int, set[object]] = {}
        self.began = self.ended = self.cpu_before = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.began:
            self.began, self.cpu_before = time.monotonic(), time.process_time()
        method, path = scope["method"], scope["raw_path"].decode("ascii")
        writing = self._side == "collate" and method not in ("GET", "HEAD")
        asked: list[bytes] = []
        tally = self._tally
        tally.writes += writing
        if writing:
            self.writers.setdefault(int(time.monotonic()), set()).add(scope["client"])

        async def receiving() -> Message:
            message = await receive()
            asked.append(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                tally.refused += status >= 400 and status not in (404, 409)
            else:
                tally.sent += len(message.get("body", b""))
            await send(message)

        if self.slow and self._side == "collate":
            await asyncio.sleep(slowness(method, path, scope["query_string"].decode("latin-1")))
        try:
            await self._app(scope, receiving, sending)
        finally:
            body = b"".join(asked)
            tally.received += len(body)
            kind = f"{method} {'dbt: ' if self._side == 'dbt_cloud' else ''}{pattern_of(path)}"
            tally.calls[kind] = tally.calls.get(kind, 0) + 1
            self.ended = time.monotonic()
            if writing and self._writes is not None:
                query = scope["query_string"].decode("latin-1")
                headers = dict(scope["headers"])
                told = {
                    "kind": kind,
                    "method": method,
                    "path": f"{path.split('?')[0]}{'?' if query else ''}{query}",
                    "type": headers.get(b"content-type", b"").decode("latin-1"),
                    "body": body.decode("utf-8"),
                }
                self._writes.write(json.dumps(told) + "\n")


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def serve(
    recording: Path,
    state: Path,
    ports: dict[str, int],
    delay: float,
    *,
    new_run: bool,
    writes: IO[str] | None,
    slow: bool = False,
) -> Tally:
    """Serve until standard input ends; what was counted."""
    shop_data.serve_from(recording)
    scenario = dataclasses.replace(HEALTHY, dbt_delay=delay, collate_delay=delay)
    tally = Tally()
    dbt_state = state.with_name(f"{state.name}.dbt")
    tokens = DbtCloudTokens(service=SecretStr(DBT_TOKEN))
    apps = {
        "dbt_cloud": dbt_cloud_app(dbt_state, scenario, tokens, run_seconds=0.01),
        "collate": collate_app(state, scenario, SecretStr(COLLATE_TOKEN)),
    }
    counting = {side: _Counting(app, side, tally, writes) for side, app in apps.items()}
    for item in counting.values():
        item.slow = slow
    servers = [
        _Server(
            uvicorn.Config(
                counting[side],
                host="127.0.0.1",
                port=ports[side],
                log_level=logging.CRITICAL + 1,
                access_log=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=0,
            )
        )
        for side in SIDES
    ]

    async def both() -> None:
        if new_run:
            await _start_run(apps["dbt_cloud"])
        tasks = [asyncio.create_task(server.serve()) for server in servers]
        await asyncio.gather(*(server.listening.wait() for server in servers))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)

    try:
        asyncio.run(both())
        cpu_after = time.process_time()
    finally:
        for app in apps.values():
            app.state.close()
        dbt_state.unlink(missing_ok=True)
    writers = [len(clients) for item in counting.values() for clients in item.writers.values()]
    tally.at_once = round(statistics.median(writers)) if writers else 0
    used = [item for item in counting.values() if item.began]
    if used:
        tally.seconds = max(item.ended for item in used) - min(item.began for item in used)
        tally.cpu_seconds = cpu_after - min(item.cpu_before for item in used)
    return tally


async def _start_run(app: ASGIApp) -> None:
    headers = {"Authorization": f"Bearer {DBT_TOKEN}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=headers) as client:
        path = f"http://sandbox/api/v2/accounts/{ACCOUNT_ID}/jobs/{NIGHTLY_ID}/run/"
        (await client.post(path, json={"cause": "one model changed"})).raise_for_status()
    await asyncio.sleep(0.02)


def main(arguments: list[str]) -> int:
    """Serve as the command line says."""
    recording, state, dbt_port, collate_port, delay, new_run, slow, *rest = arguments
    ports = {"dbt_cloud": int(dbt_port), "collate": int(collate_port)}
    with contextlib.ExitStack() as stack:
        writes = stack.enter_context(Path(rest[0]).open("w", encoding="utf-8")) if rest else None
        tally = serve(
            Path(recording),
            Path(state),
            ports,
            float(delay),
            new_run=new_run == "1",
            writes=writes,
            slow=slow == "1",
        )
    sys.stdout.write(json.dumps(dataclasses.asdict(tally)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
