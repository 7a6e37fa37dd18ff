"""Runs of ingestion pipelines over HTTP: statuses, logs and progress, read, reported and streamed."""

from __future__ import annotations

import base64
import gzip
from collections.abc import AsyncIterator

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Handler, Router, answer
from dbtcollate_tui.sandbox.collate.bodies import PIPELINE_STATUS, PROGRESS
from dbtcollate_tui.sandbox.collate.entities import checked_body, since
from dbtcollate_tui.sandbox.collate.identity import new_id, now_ms
from dbtcollate_tui.sandbox.collate.pipelines import DEFAULT_STATUSES, DISABLED, PIPELINE, addressed, shown
from dbtcollate_tui.sandbox.collate.runner import error_frame
from dbtcollate_tui.sandbox.collate.store import Entity


def list_statuses(call: Call) -> Response:
    """Statuses of runs, latest first: the last five, or those between ``startTs`` and ``endTs``."""
    pipeline = addressed(call)
    since, until = call.number("startTs"), call.number("endTs")
    limit = call.number("limit", DEFAULT_STATUSES if since is None and until is None else 1000) or 0
    if limit < 1:
        raise ApiError(400, "[query param limit must be greater than or equal to 1]")
    found = call.store.statuses(pipeline["fullyQualifiedName"], since or 0, until or 2**53, limit)
    return answer({"data": found, "paging": {"total": len(found)}})


def get_status(call: Call) -> Response:
    """The status of one run; 204 where there is none."""
    found = call.store.status(addressed(call)["fullyQualifiedName"], call.params["runId"])
    return Response(status_code=204) if found is None else answer(found)


def put_status(call: Call) -> Response:
    """Report the status of a run from outside."""
    pipeline = addressed(call)
    status = checked_body(call, call.json(), PIPELINE_STATUS)
    status.setdefault("runId", new_id())
    status.setdefault("timestamp", now_ms())
    before = call.store.status(pipeline["fullyQualifiedName"], status["runId"]) or {}
    call.collate.runner.put_status(pipeline["fullyQualifiedName"], before | status)
    return answer(shown(call, pipeline, PIPELINE.keys))


def delete_statuses(call: Call) -> Response:
    """Forget all runs."""
    pipeline = addressed(call)
    call.store.delete_statuses(pipeline["fullyQualifiedName"])
    return answer(shown(call, pipeline, PIPELINE.keys))


def _task_key(pipeline: Entity) -> str:
    kind = pipeline["pipelineType"]
    return {"metadata": "ingestion_task", "TestSuite": "test_suite_task"}.get(kind, f"{kind}_task")


def _log_page(call: Call, fqn: str, run_id: str, key: str) -> dict[str, str]:
    limit = max(1, call.number("limit", 1000) or 1000)
    after = call.query("after")
    offset = int(after) if after.isdigit() else 0
    total = call.store.count_log(fqn, run_id)
    lines = call.store.log(fqn, run_id, offset, limit)
    found = {key: "\n".join(lines), "total": str(total)}
    if offset + limit < total:
        found["after"] = str(offset + limit)
    return found


def last_logs(call: Call) -> Response:
    """The log of the latest run by ``after`` and ``limit`` lines; no ``after`` in it means the end."""
    pipeline = addressed(call)
    if call.collate.scenario.pipeline_service == "down":
        raise ApiError(400, f"Failed to get last ingestion logs of [{pipeline['name']}] due to [null].")
    if call.collate.scenario.pipeline_service == "none":
        return PlainTextResponse(DISABLED)
    fqn = pipeline["fullyQualifiedName"]
    latest = call.store.statuses(fqn, 0, 2**53, 1)
    if not latest:
        raise ApiError(400, "No runId found for the last ingestion pipeline run")
    return answer(_log_page(call, fqn, latest[0]["runId"], _task_key(pipeline)))


def download_logs(call: Call) -> Response:
    """The whole log of the latest run as a file."""
    pipeline = addressed(call)
    fqn = pipeline["fullyQualifiedName"]
    latest = call.store.statuses(fqn, 0, 2**53, 1)
    lines = call.store.log(fqn, latest[0]["runId"], 0, 2**31) if latest else []
    name = f"ingestion_logs_{pipeline['name']}_{now_ms()}.txt"
    return PlainTextResponse(
        "".join(f"{line}\n" for line in lines),
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
        media_type="application/octet-stream",
    )


def run_logs(call: Call) -> Response:
    """The log of one run."""
    fqn = addressed(call)["fullyQualifiedName"]
    return answer(_log_page(call, fqn, call.params["runId"], "logs"))


def list_runs(call: Call) -> Response:
    """Ids of the runs that have a log, latest first."""
    statuses = call.store.statuses(
        addressed(call)["fullyQualifiedName"], 0, 2**53, call.number("limit", 10) or 10
    )
    return answer({"runs": [status["runId"] for status in statuses]})


def write_logs(call: Call) -> Response:
    """Add lines to a run's log from outside: a text, or a batch that may be gzipped and base64-coded."""
    pipeline = addressed(call)
    body = call.json()
    if isinstance(body, str):
        text = body
    elif isinstance(body, dict) and isinstance(body.get("logs"), str):
        text = body["logs"]
        if body.get("compressed"):
            text = gzip.decompress(base64.b64decode(text)).decode()
        if body.get("connectorId") and text:
            text = f"[{body['connectorId']}] {text}"
    else:
        return PlainTextResponse("Invalid log data format", 400)
    call.collate.runner.append_log(pipeline["fullyQualifiedName"], call.params["runId"], text.splitlines())
    return Response(status_code=200)


def close_logs(call: Call) -> Response:
    """End a run's log."""
    addressed(call)
    return answer({"message": "Log stream closed successfully"})


def stream_logs(call: Call) -> Response:
    """The run's log, live."""
    pipeline = addressed(call)
    run_id = call.params["runId"]
    if call.collate.scenario.pipeline_service == "none":
        return _events(_only(error_frame(run_id, "No log backend is configured on this server.")))
    return _events(
        call.collate.runner.stream_log(pipeline["fullyQualifiedName"], run_id, call.query("after"))
    )


def stream_progress(call: Call) -> Response:
    """The run's progress, live; 503 where the server does not track it."""
    pipeline = addressed(call)
    if call.collate.scenario.pipeline_service == "none":
        raise ApiError(503, "Progress tracking is not configured")
    return _events(call.collate.runner.stream_progress(pipeline["fullyQualifiedName"], call.params["runId"]))


def put_progress(call: Call) -> Response:
    """Report progress from outside."""
    addressed(call)
    call.collate.runner.put_progress(call.params["runId"], checked_body(call, call.json(), PROGRESS))
    return Response(status_code=200)


async def _only(frame: str) -> AsyncIterator[str]:
    yield frame


def _events(frames: AsyncIterator[str]) -> Response:
    return StreamingResponse(frames, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def add_routes(router: Router) -> None:
    """The routes of this module."""
    base = PIPELINE.path
    router.add("GET", f"{base}/{{fqn}}/pipelineStatus", _old_status(list_statuses))
    router.add("PUT", f"{base}/{{fqn}}/pipelineStatus", put_status)
    router.add("GET", f"{base}/{{fqn}}/pipelineStatus/{{runId}}", get_status)
    router.add("DELETE", f"{base}/{{id}}/pipelineStatus", delete_statuses)
    router.add("GET", f"{base}/logs/{{id}}/last", last_logs)
    router.add("GET", f"{base}/logs/{{id}}/last/download", since(1, 5)(download_logs))
    router.add("GET", f"{base}/logs/{{fqn}}", since(1, 10)(list_runs))
    router.add("GET", f"{base}/logs/{{fqn}}/stream/{{runId}}", since(1, 10)(stream_logs))
    router.add("GET", f"{base}/logs/{{fqn}}/{{runId}}", since(1, 10)(run_logs))
    router.add("POST", f"{base}/logs/{{fqn}}/{{runId}}", since(1, 10)(write_logs))
    router.add("POST", f"{base}/logs/{{fqn}}/{{runId}}/close", since(1, 10)(close_logs))
    router.add("GET", f"{base}/progress/{{fqn}}/stream/{{runId}}", since(1, 13)(stream_progress))
    router.add("PUT", f"{base}/progress/{{fqn}}/{{runId}}", since(1, 13)(put_progress))


def _old_status(handler: Handler) -> Handler:
    """Server 1.1 asks its pipeline service for statuses, which may be down."""

    def guarded(call: Call) -> Response:
        if call.collate.scenario.pipeline_service == "down" and not call.release.since(1, 2):
            name = addressed(call)["name"]
            raise ApiError(400, f"Failed to get the status of pipeline [{name}] due to [null].")
        return handler(call)

    return guarded
