"""A small dbt Cloud for cases that the sandbox has no scenario for, and any app on a free loopback port."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

TOKEN = SecretStr("dbtc_PlantedFakeDbtCloudToken0123456789")
ACCOUNT, PROJECT, JOB = 70403, 11, 22
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


HINT = (
    "The requested resource was not found. Please check that you have the proper permissions. "
    "If you are seeing this in error, please contact support!"
)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The app on a free port; gives its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task


def envelope(data: Any, total: int | None = None, **extra: Any) -> JSONResponse:
    body: dict[str, Any] = {"status": {"code": 200, "is_success": True}, "data": data}
    if total is not None:
        body["extra"] = {"pagination": {"count": len(data), "total_count": total}, **extra}
    return JSONResponse(body)


def refusal(status: int, message: str, **headers: str) -> JSONResponse:
    body = {"status": {"code": status, "is_success": False, "user_message": message}, "data": None}
    return JSONResponse(
        body, status, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def step(index: int, command: str | None, status: int = 10) -> dict[str, Any]:
    name = f"Invoke dbt with `{command}`" if command else "Clone Git Repository"
    return {"index": index, "name": name, "status": status}


def steps(*commands: str | None, failed: int | None = None) -> list[dict[str, Any]]:
    """Steps from 1; those after ``failed`` did not run."""
    return [
        step(n, command, 10 if failed is None or n < failed else 20 if n == failed else 30)
        for n, command in enumerate(commands, 1)
    ]


def job(**fields: Any) -> dict[str, Any]:
    return {
        "id": JOB,
        "name": "nightly",
        "project_id": PROJECT,
        "execute_steps": ["dbt build"],
        "generate_docs": True,
        "job_type": "scheduled",
        "triggers": {"schedule": True},
        "schedule": {
            "cron": "0 6 * * *",
            "date": {"type": "every_day"},
            "time": {"type": "at_exact_hours", "hours": [6]},
        },
        "state": 1,
    } | fields


def run(number: int, hours_ago: float, status: int = 10, **fields: Any) -> dict[str, Any]:
    ended = NOW - timedelta(hours=hours_ago)
    done = status in (10, 20, 30)
    return {
        "id": number,
        "account_id": ACCOUNT,
        "project_id": PROJECT,
        "job_definition_id": JOB,
        "status": status,
        "created_at": str(ended - timedelta(minutes=5)),
        "started_at": str(ended - timedelta(minutes=4)),
        "finished_at": str(ended) if done else None,
        "has_docs_generated": True,
        "job": job(),
        "trigger": {"cause": "scheduled", "cause_category": "scheduled", "job_definition_id": JOB},
        "run_steps": steps(None, "dbt deps", "dbt build", "dbt docs generate"),
    } | fields


@dataclass
class FakeDbtCloud:
    """Runs and artifacts as a test wants them; artifacts by (run, step, name), step 0 the last."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[tuple[int, int, str], bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hides: tuple[str, ...] = ()
    """``artifacts`` and ``files`` answer 404 with the hint at permissions; the list of the latter is null."""

    def app(self) -> Starlette:
        base = "/api/v2/accounts/{account:int}/runs"
        return Starlette(
            routes=[
                Route(f"{base}/", self._runs),
                Route(f"{base}/{{run:int}}/", self._run),
                Route(f"{base}/{{run:int}}/artifacts/", self._artifacts),
                Route(f"{base}/{{run:int}}/artifacts/{{name:path}}", self._artifact),
            ]
        )

    def give(self, number: int, at: int, **files: object) -> None:
        """Artifacts of a step: ``manifest={...}``, ``run_results=b"..."``, …"""
        for name, content in files.items():
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.artifacts[(number, at, f"{name}.json")] = body

    async def _runs(self, request: Request) -> Response:
        self.asked.append(str(request.url.query))
        found = list(self.runs)
        query = request.query_params
        for name in ("project_id", "job_definition_id", "status"):
            if name in query:
                found = [one for one in found if str(one[name]) == query[name]]
        if "status__in" in query:
            found = [one for one in found if one["status"] in json.loads(query["status__in"])]
        order = query.get("order_by", "id")
        key = order.removeprefix("-")
        found.sort(key=lambda one: (one[key] is None, one[key] or "", one["id"]), reverse=order[0] == "-")
        page = found[int(query.get("offset", 0)) :][: int(query.get("limit", 100))]
        return envelope([{k: v for k, v in one.items() if k != "run_steps"} for one in page], len(found))

    async def _run(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        for one in self.runs:
            if one["id"] == request.path_params["run"]:
                return envelope(one)
        return refusal(404, "Not found.")

    async def _artifacts(self, _request: Request) -> Response:
        return refusal(404, HINT) if "artifacts" in self.hides else envelope(None)

    async def _artifact(self, request: Request) -> Response:
        number, name = request.path_params["run"], request.path_params["name"]
        self.asked.append(f"{name}?{request.url.query}")
        content = self.artifacts.get((number, int(request.query_params.get("step", 0)), name))
        if content:
            return Response(content, media_type="application/json")
        return refusal(404, HINT if self.hides else "Not found.")
