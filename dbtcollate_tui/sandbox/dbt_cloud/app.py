"""dbt Cloud's Administrative API, versions 2 and 3, as far as reading runs and starting jobs needs it.

It answers as dbt's OpenAPI document and the reference client's captured errors say, refuses what the real
API refuses, and takes paths with and without the slash at their end.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dbtcollate_tui.sandbox.dbt_cloud import answers
from dbtcollate_tui.sandbox.dbt_cloud import query as queries
from dbtcollate_tui.sandbox.dbt_cloud.access import Gate, grants_of
from dbtcollate_tui.sandbox.dbt_cloud.answers import ApiError, answer
from dbtcollate_tui.sandbox.dbt_cloud.bodies import Kind, account
from dbtcollate_tui.sandbox.dbt_cloud.content import MOVED_TO, account_id_for, recorded
from dbtcollate_tui.sandbox.dbt_cloud.history import (
    ERROR,
    SUCCESS,
    job_commands,
    play,
    trigger,
    with_catalog_of_dbt_2,
)
from dbtcollate_tui.sandbox.dbt_cloud.store import DbtCloudStore, Query, Row
from dbtcollate_tui.sandbox.faults import WEB_PAGE, Faults, half
from dbtcollate_tui.sandbox.sample_tokens import DbtCloudTokens
from dbtcollate_tui.sandbox.scenarios import Scenario

RUN_SECONDS = 4.0
"""How long a started run takes from queued to its end."""

_RELATED: tuple[Kind, ...] = ("project", "environment", "connection")
_BAD_MANIFEST = (
    b'{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_ve'
)


def dbt_cloud_app(
    state_path: Path,
    scenario: Scenario,
    tokens: DbtCloudTokens,
    *,
    run_seconds: float = RUN_SECONDS,
    scale: bool = False,
) -> Starlette:
    """The app, its state put into ``state_path`` (SQLite); ``app.state.close()`` closes that file.

    ``scale`` adds projects and jobs up to 300 and 5,000.
    """
    store = DbtCloudStore(state_path, scenario, time.time(), scale=scale)
    api = _Api(store, scenario, run_seconds)
    app = Starlette(
        routes=api.routes(),
        middleware=[
            Middleware(
                Faults,
                delay=scenario.dbt_delay,
                html=scenario.dbt_html,
                down=scenario.dbt_down,
                moved_to=MOVED_TO if scenario.dbt_moved else "",
                flaky=scenario.dbt_flaky,
                rate_limit=scenario.dbt_rate_limit,
                rate_window=scenario.dbt_rate_window,
                retry_after=scenario.dbt_retry_after,
                too_many=answers.too_many,
            ),
            Middleware(Gate, account_id=api.account_id, grants=grants_of(tokens, scenario)),
        ],
        exception_handlers={ApiError: _api_error, HTTPException: _http_error},
    )
    app.state.close = store.close
    return app


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        if not request.url.path.startswith("/api"):
            return HTMLResponse(WEB_PAGE)
        return ApiError(404, answers.NOT_FOUND).response()
    return ApiError(error.status_code, error.detail).response()


class _Api:
    """The endpoints."""

    def __init__(self, store: DbtCloudStore, scenario: Scenario, run_seconds: float) -> None:
        self._store = store
        self._scenario = scenario
        self._run_seconds = run_seconds
        self._cut: set[str] = set()
        self.account_id = account_id_for(scenario)

    def routes(self) -> list[Route]:
        """All paths, without the slash at their end."""
        v2, v3 = "/api/v2/accounts", "/api/v3/accounts"
        return [
            *self._both("", self._accounts),
            *self._both("/{account:int}", self._account),
            *self._both("/{account:int}/projects", self._lister("project", queries.PROJECT_FILTERS)),
            *self._both("/{account:int}/projects/{id:int}", self._getter("project")),
            *self._both("/{account:int}/users", self._users),
            Route(f"{v2}/{{account:int}}/environments", self._environments),
            Route(f"{v2}/{{account:int}}/environments/{{id:int}}", self._getter("environment")),
            Route(f"{v3}/{{account:int}}/projects/{{project:int}}/environments", self._environments),
            Route(
                f"{v3}/{{account:int}}/projects/{{project:int}}/environments/{{id:int}}",
                self._getter("environment"),
            ),
            Route(
                f"{v3}/{{account:int}}/connections", self._lister("connection", queries.CONNECTION_FILTERS)
            ),
            Route(f"{v3}/{{account:int}}/connections/{{id:int}}", self._getter("connection")),
            Route(f"{v2}/{{account:int}}/jobs", self._lister("job", queries.JOB_FILTERS)),
            Route(f"{v2}/{{account:int}}/jobs/{{id:int}}", self._getter("job")),
            Route(f"{v2}/{{account:int}}/jobs/{{id:int}}/run", self._start, methods=["POST"]),
            Route(f"{v2}/{{account:int}}/jobs/{{id:int}}/artifacts/{{path:path}}", self._job_artifact),
            Route(f"{v2}/{{account:int}}/runs", self._runs),
            Route(f"{v2}/{{account:int}}/runs/{{id:int}}", self._run),
            Route(f"{v2}/{{account:int}}/runs/{{id:int}}/artifacts", self._artifact_names),
            Route(f"{v2}/{{account:int}}/runs/{{id:int}}/artifacts/{{path:path}}", self._run_artifact),
            Route(f"{v2}/{{account:int}}/runs/{{id:int}}/cancel", self._cancel, methods=["POST"]),
            Route(f"{v2}/{{account:int}}/runs/{{id:int}}/retry", self._retry, methods=["POST"]),
            Route(f"{v2}/{{account:int}}/steps/{{id:int}}", self._step),
        ]

    @staticmethod
    def _both(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> list[Route]:
        return [Route(f"/api/{version}/accounts{path}", endpoint) for version in ("v2", "v3")]

    async def _accounts(self, request: Request) -> Response:
        shown = [self._account_body()] if request.scope["dbt_grant"].addresses else []
        extra = {"filters": {"pk__in": [body["id"] for body in shown]}, "order_by": None}
        return _list(shown, len(shown), extra)

    async def _account(self, _request: Request) -> Response:
        return answer(self._account_body())

    def _account_body(self) -> dict[str, Any]:
        return account(self.account_id, self._scenario.dbt_plan)

    async def _users(self, _request: Request) -> Response:
        query = Query((), (), "id", queries.MAX_LIMIT, 0)
        bodies, total = self._store.objects("user", query)
        return _list([msgspec.Raw(body) for body in bodies], total, {"filters": {}, "order_by": "id"})

    async def _environments(self, request: Request) -> Response:
        project = request.path_params.get("project")
        if project is not None:
            self._found("project", project)
        return self._list_objects(request, "environment", queries.ENVIRONMENT_FILTERS, project)

    def _lister(
        self, kind: Kind, filters: Mapping[str, queries.Filter]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return self._list_objects(request, kind, filters)

        return endpoint

    def _getter(self, kind: Kind) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = self._found(kind, request.path_params["id"])
            related = queries.related(request.query_params)
            return answer(self._with_related(request, kind, body, related) if related else msgspec.Raw(body))

        return endpoint

    def _found(self, kind: Kind, object_id: int) -> bytes:
        body = self._store.object(kind, object_id)
        if body is None:
            raise ApiError(404, answers.NOT_FOUND)
        return body

    def _list_objects(
        self,
        request: Request,
        kind: Kind,
        filters: Mapping[str, queries.Filter],
        project: int | None = None,
    ) -> Response:
        query, extra = queries.read_query(request.query_params, filters, queries.OBJECT_ORDER)
        if project is not None:
            query = Query(
                (*query.conditions, "project_id = ?"),
                (*query.values, project),
                query.order,
                query.limit,
                query.offset,
            )
        bodies, total = self._store.objects(kind, query)
        related = queries.related(request.query_params)
        data: list[Any] = [
            self._with_related(request, kind, body, related) if related else msgspec.Raw(body)
            for body in bodies
        ]
        return _list(data, total, extra)

    def _with_related(
        self, request: Request, kind: Kind, raw: bytes, related: frozenset[str]
    ) -> dict[str, Any]:
        body: dict[str, Any] = msgspec.json.decode(raw)
        for other in _RELATED:
            other_id = body.get(f"{other}_id")
            if other in related and other in body and other_id is not None:
                found = self._store.object(other, other_id)
                body[other] = None if found is None else msgspec.Raw(found)
        if kind == "job":
            if "account" in related:
                body["account"] = self._account_body()
            now = time.time()
            for name, completed in (("most_recent_run", False), ("most_recent_completed_run", True)):
                if name in related:
                    row = self._store.last_run(body["id"], now, completed=completed)
                    body[name] = None if row is None else self._run_body(request, row, now, frozenset())
        return body

    async def _runs(self, request: Request) -> Response:
        now = time.time()
        query, extra = queries.read_query(
            request.query_params, queries.RUN_FILTERS, queries.RUN_ORDER, has_state=False
        )
        rows, total = self._store.runs(query, now)
        related = queries.related(request.query_params)
        return _list([self._run_body(request, row, now, related) for row in rows], total, extra)

    async def _run(self, request: Request) -> Response:
        now = time.time()
        row = self._run_row(request, now)
        return answer(self._run_body(request, row, now, queries.related(request.query_params)))

    def _run_row(self, request: Request, now: float) -> Row:
        row = self._store.run(request.path_params["id"], now)
        if row is None:
            raise ApiError(404, answers.NOT_FOUND)
        return row

    def _run_body(self, request: Request, row: Row, now: float, related: frozenset[str]) -> dict[str, Any]:
        origin = str(request.base_url).rstrip("/")
        body = answers.run_body(row, now, account_id=self.account_id, origin=origin)
        if "trigger" in related:
            body["trigger"] = answers.trigger_body(row)
        if "job" in related:
            body["job"] = answers.job_in_run(self._found("job", row["job_id"]))
        if "environment" in related:
            body["environment"] = msgspec.Raw(self._found("environment", row["environment_id"]))
        if "run_steps" in related or "debug_logs" in related:
            steps = self._store.steps(row["id"])
            body["run_steps"] = answers.run_steps(
                row, steps, now, account_id=self.account_id, related=related
            )
        return body

    async def _step(self, request: Request) -> Response:
        now = time.time()
        step = self._store.step(request.path_params["id"])
        run = None if step is None else self._store.run(step["run_id"], now)
        if step is None or run is None:
            raise ApiError(404, answers.NOT_FOUND)
        related = queries.related(request.query_params)
        ended = run["finished_now"] is not None
        return answer(answers.step_body(step, now, ended, account_id=self.account_id, related=related))

    async def _artifact_names(self, request: Request) -> Response:
        row = self._run_row(request, time.time())
        self._allow_artifacts(request)
        if row["finished_now"] is None:
            raise ApiError(404, answers.NOT_FOUND)
        return answer(json.loads(row["artifacts"]) or None)

    async def _run_artifact(self, request: Request) -> Response:
        row = self._run_row(request, time.time())
        self._allow_artifacts(request)
        return self._artifact(request, row)

    async def _job_artifact(self, request: Request) -> Response:
        self._found("job", request.path_params["id"])
        self._allow_artifacts(request)
        conditions = ("job_id = ?", "finished_now IS NOT NULL", "instr(artifacts, ?) > 0")
        values = (request.path_params["id"], json.dumps(request.path_params["path"]))
        rows, _ = self._store.runs(Query(conditions, values, "id DESC", 1, 0), time.time())
        if not rows:
            raise ApiError(404, answers.NOT_FOUND)
        return self._artifact(request, rows[0])

    @staticmethod
    def _allow_artifacts(request: Request) -> None:
        if not request.scope["dbt_grant"].artifacts:
            raise ApiError(404, answers.NOT_FOUND)

    def _artifact(self, request: Request, run: Row) -> Response:
        name = request.path_params["path"]
        wanted = request.query_params.get("step")
        if wanted is not None and not wanted.strip("/").isdecimal():
            raise ApiError(400, f"Invalid value for step: {wanted}")
        steps = self._store.steps(run["id"]) if run["finished_now"] is not None else []
        if wanted is not None and not self._scenario.dbt_step_ignored:
            steps = [step for step in steps if step["position"] == int(wanted.strip("/"))]
        step = next((step for step in reversed(steps) if name in json.loads(step["files"])), None)
        content = None
        if step is not None:
            source = recorded(step["source_run"])
            content = source.artifact(step["source_step"], name) or source.artifact(None, name)
        if not content:
            raise ApiError(404, answers.NOT_FOUND)
        if self._scenario.dbt_artifacts == "garbage" and name == "manifest.json":
            content = _BAD_MANIFEST
        key = str(request.url)
        if self._scenario.dbt_artifacts == "cut" and key not in self._cut:
            self._cut.add(key)
            return _Half(content, media_type="application/json")
        return Response(content, media_type="application/json")

    async def _start(self, request: Request) -> Response:
        job: dict[str, Any] = msgspec.json.decode(self._found("job", request.path_params["id"]))
        self._allow_starting(request)
        order = await _body(request)
        cause = order.pop("cause", None)
        if not isinstance(cause, str) or not cause:
            raise ApiError(400, "cause: This field is required.")
        reason = trigger(cause, "api")
        unknown = sorted(set(order) - set(reason))
        if unknown:
            raise ApiError(400, f"Unknown field: {unknown[0]}")
        job["generate_docs"] = order.get("generate_docs_override", job["generate_docs"])
        commands = order.get("steps_override") or job_commands(job)
        return self._begin(request, job, {**reason, **order}, commands)

    async def _retry(self, request: Request) -> Response:
        row = self._run_row(request, time.time())
        self._allow_starting(request)
        if row["status"] != ERROR:
            raise ApiError(400, "This run cannot be retried: it did not fail.")
        job: dict[str, Any] = msgspec.json.decode(self._found("job", row["job_id"]))
        steps = self._store.steps(row["id"])
        commands = [step["command"] for step in steps if step["command"] and step["final"] != SUCCESS]
        reason = trigger("Retry of a failed run", "rerun")
        wanted = [command for command in commands if command != "dbt deps"] or job_commands(job)
        return self._begin(request, job, reason, wanted, retrying=row["id"])

    @staticmethod
    def _allow_starting(request: Request) -> None:
        if not request.scope["dbt_grant"].start_runs:
            raise ApiError(404, answers.NOT_FOUND)

    def _begin(
        self,
        request: Request,
        job: dict[str, Any],
        reason: dict[str, Any],
        commands: list[str],
        *,
        retrying: int | None = None,
    ) -> Response:
        """A new run of the job: it waits for the job's unfinished runs, then takes the sandbox's seconds."""
        now = time.time()
        waiting = self._store.unfinished(job["id"], now)
        begins = max([now, *(row["finished"] for row in waiting)])
        source = recorded("ci" if job["job_type"] == "ci" else "nightly-success")
        plan = play(
            source,
            job,
            begins + self._run_seconds,
            reason,
            commands=commands,
            seconds=self._run_seconds * 0.75,
            began=now,
        )
        if waiting:
            plan = replace(plan, dequeued=begins, blocked_by=tuple(row["id"] for row in waiting))
        if self._scenario.dbt_fusion:
            plan = with_catalog_of_dbt_2(plan)
        if reason.get("git_branch"):
            plan = replace(plan, git_branch=reason["git_branch"])
        run_id = self._store.add_run(replace(plan, retrying_run_id=retrying))
        self._store.reactivate(job["id"])
        return self._told_run(request, run_id, now)

    async def _cancel(self, request: Request) -> Response:
        now = time.time()
        row = self._run_row(request, now)
        self._allow_starting(request)
        self._store.cancel(row["id"], now)
        return self._told_run(request, row["id"], now)

    def _told_run(self, request: Request, run_id: int, now: float) -> Response:
        row = self._store.run(run_id, now)
        assert row is not None
        return answer(self._run_body(request, row, now, frozenset({"trigger"})))


class _Half(Response):
    """A response that breaks off in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, half(send))


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(await request.body())
    except msgspec.DecodeError as error:
        raise ApiError(400, f"JSON parse error: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "Invalid data. Expected a dictionary.")
    return body


def _list(data: list[Any], total: int, extra: dict[str, Any]) -> Response:
    return answer(data, extra={**extra, "pagination": {"count": len(data), "total_count": total}})
