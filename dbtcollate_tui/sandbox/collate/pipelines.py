"""Ingestion pipelines: the entities, deploy and trigger, statuses, logs, live streams."""

from __future__ import annotations

import base64
import gzip
import uuid
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Handler, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.bodies import PIPELINE_STATUS, PROGRESS, check_body
from dbtcollate_tui.sandbox.collate.entities import (
    Placed,
    add_change_routes,
    create,
    create_body,
    newer_only,
    upsert,
)
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.patching import checked_reference
from dbtcollate_tui.sandbox.collate.runner import error_frame
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.collate.wire import (
    new_id,
    now_ms,
    page_answer,
    page_request,
    present,
    quote_name,
    requested_fields,
    touch,
)

PIPELINE = KINDS["ingestionPipeline"]
MASK = "*********"
DISABLED = "Pipeline Client Disabled"
_SECRETS = ("dbtCloudAuthToken",)
_PLATFORM = {"platform": "Airflow", "version": "2.0.7.0"}
_AIRFLOW_DEFAULTS = {
    "pausePipeline": False,
    "concurrency": 1,
    "pipelineTimezone": "UTC",
    "retries": 0,
    "retryDelay": 300,
    "pipelineCatchup": False,
    "maxActiveRuns": 1,
    "workflowDefaultView": "tree",
    "workflowDefaultViewOrientation": "LR",
}
_DEFAULT_STATUSES = 5


def build_pipeline(call: Call, body: Entity) -> Placed:
    """An ingestion pipeline of a service; a mask in place of a secret means the stored one."""
    service = checked_reference(call, body["service"])
    fqn = f"{service['fullyQualifiedName']}.{quote_name(body['name'])}"
    entity: Entity = {
        "loggerLevel": "INFO",
        "raiseOnError": True,
        "enableStreamableLogs": False,
        "provider": "user",
    } | {key: value for key, value in body.items() if key != "processingEngine"}
    entity |= {
        "service": service,
        "fullyQualifiedName": fqn,
        "airflowConfig": _AIRFLOW_DEFAULTS | body["airflowConfig"],
    }
    stored = call.store.by_fqn("ingestionPipeline", fqn)
    if stored is not None:
        entity["sourceConfig"] = _unmasked(entity["sourceConfig"], stored["sourceConfig"])
    else:
        entity |= {"deployed": False, "enabled": True}
    return entity, service["fullyQualifiedName"], ""


def masked(value: Any) -> Any:
    """The same with every secret replaced by `MASK`."""
    if isinstance(value, dict):
        return {key: MASK if key in _SECRETS and item else masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def _unmasked(value: Any, stored: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(stored, dict):
        return value
    return {
        key: stored.get(key)
        if key in _SECRETS and item == MASK and stored.get(key)
        else _unmasked(item, stored.get(key))
        for key, item in value.items()
    }


def _shown(call: Call, entity: Entity, fields: frozenset[str]) -> Entity:
    """As the caller sees it: secrets masked (server 1.1 shows them to a bot), newest statuses on request."""
    if "pipelineStatuses" in fields:
        latest = call.store.statuses(entity["fullyQualifiedName"], 0, 2**53, _DEFAULT_STATUSES)
        if latest:
            entity = entity | {"pipelineStatuses": latest[0] if call.old else latest}
    shown = present(PIPELINE, entity, fields, old=call.old)
    return shown if call.old else shown | {"sourceConfig": masked(shown["sourceConfig"])}


def post_pipeline(call: Call) -> Response:
    """Create; 409 where it is there, 429 where the plan has no room."""
    entity, parent, root = build_pipeline(call, create_body(call, PIPELINE))
    if call.store.by_fqn("ingestionPipeline", entity["fullyQualifiedName"]) is not None:
        raise ApiError(409, "Entity already exists")
    _check_plan(call)
    made = create(call, PIPELINE, entity, parent, root)
    return answer(_shown(call, made, PIPELINE.keys - {"pipelineStatuses"}), 201)


def put_pipeline(call: Call) -> Response:
    """Create or update."""
    placed = build_pipeline(call, create_body(call, PIPELINE))
    if call.store.by_fqn("ingestionPipeline", placed[0]["fullyQualifiedName"]) is None:
        _check_plan(call)
    entity, status = upsert(call, PIPELINE, placed)
    return answer(_shown(call, entity, PIPELINE.keys - {"pipelineStatuses"}), status)


def _check_plan(call: Call) -> None:
    if call.collate.scenario.plan_limit:
        raise ApiError(429, "Feature limit exceeded for ingestionPipeline: the plan's hard limit is reached")


def list_pipelines(call: Call) -> Response:
    """Pipelines, of one service where ``service`` is given, of one type where ``pipelineType`` is."""
    fields = requested_fields(call, PIPELINE)
    where: dict[str, Any] = {"parent": call.query("service")} if call.query("service") else {}
    page = call.store.page("ingestionPipeline", **where, **page_request(call))
    kinds = {name for name in call.query("pipelineType").split(",") if name}
    body = page_answer(PIPELINE, page, fields, old=call.old)
    body["data"] = [
        _shown(call, entity, fields)
        for entity in page.entities
        if not kinds or entity["pipelineType"] in kinds
    ]
    return answer(body)


def get_pipeline(call: Call) -> Response:
    """One pipeline by id or FQN."""
    return answer(_shown(call, _addressed(call), requested_fields(call, PIPELINE)))


def _addressed(call: Call) -> Entity:
    name = call.params.get("id") or call.params["fqn"]
    try:
        uuid.UUID(name)
    except ValueError:
        return checked_entity(call, "ingestionPipeline", fqn=name)
    return checked_entity(call, "ingestionPipeline", entity_id=name)


# the pipeline service


def service_status(call: Call) -> Response:
    """Whether the pipeline service is up."""
    if call.old:
        return answer(
            {
                "reason": "Failed to get REST status due to [null].",
                "status": "unhealthy",
                "platform": "Airflow",
            }
        )
    if not call.collate.scenario.pipeline_service:
        return answer({"code": 200, "reason": DISABLED})
    return answer({"code": 200, "reason": ""} | _PLATFORM)


def _operation(verb: str, act: Handler) -> Handler:
    """A call to the pipeline service, with the answers of one that is down or disabled."""

    def handler(call: Call) -> Response:
        pipeline = _addressed(call)
        if call.old:
            raise ApiError(400, f"Failed to {verb} pipeline [{pipeline['name']}] due to [null].")
        if not call.collate.scenario.pipeline_service:
            return answer({"code": 200, "reason": DISABLED})
        return act(call)

    return handler


def deploy(call: Call) -> Response:
    """Deploy to the pipeline service."""
    pipeline = _addressed(call)
    pipeline["deployed"] = True
    touch(pipeline, call.user)
    call.store.save("ingestionPipeline", pipeline)
    call.collate.runner.deployed(pipeline)
    return answer({"code": 200, "reason": f"Workflow [{pipeline['name']}] has been created"} | _PLATFORM)


def trigger(call: Call) -> Response:
    """Start a run; 400 for a moment after a deploy, and while a run is at work."""
    pipeline = _addressed(call)
    if not pipeline.get("deployed") or call.collate.runner.refuses(pipeline):
        raise ApiError(
            400,
            f"Failed to deploy pipeline [{pipeline['name']}] due to [Failed to trigger IngestionPipeline].",
        )
    base = str(call.request.base_url).rstrip("/")
    run_id = call.collate.runner.trigger(pipeline, base)
    reason = f"Workflow [{pipeline['name']}] has been triggered"
    return answer({"code": 200, "reason": reason, "runId": run_id} | _PLATFORM)


def kill(call: Call) -> Response:
    """Stop the runs at work."""
    pipeline = _addressed(call)
    call.collate.runner.kill(pipeline["fullyQualifiedName"])
    return answer({"code": 200, "reason": f"Workflow [{pipeline['name']}] has been killed"} | _PLATFORM)


def toggle(call: Call) -> Response:
    """Pause or resume the schedule."""
    pipeline = _addressed(call)
    pipeline["enabled"] = not pipeline.get("enabled", True)
    touch(pipeline, call.user)
    call.store.save("ingestionPipeline", pipeline)
    word = "unpaused" if pipeline["enabled"] else "paused"
    return answer({"code": 200, "reason": f"Workflow [{pipeline['name']}] has been {word}"} | _PLATFORM)


def bulk_deploy(call: Call) -> Response:
    """Deploy each pipeline of a list of ids."""
    ids = call.json()
    if not isinstance(ids, list):
        raise ApiError(400, "Cannot deserialize value of type `java.util.ArrayList<UUID>`")
    found = []
    for entity_id in ids:
        call.params = {"id": str(entity_id)}
        deploy(call)
        found.append({"code": 200, "reason": ""} | _PLATFORM)
    return answer(found)


# statuses


def list_statuses(call: Call) -> Response:
    """Statuses of runs, newest first: the last five, or those between ``startTs`` and ``endTs``."""
    pipeline = _addressed(call)
    since, until = call.number("startTs"), call.number("endTs")
    limit = call.number("limit", _DEFAULT_STATUSES if since is None and until is None else 1000) or 0
    if limit < 1:
        raise ApiError(400, "[query param limit must be greater than or equal to 1]")
    found = call.store.statuses(pipeline["fullyQualifiedName"], since or 0, until or 2**53, limit)
    return answer({"data": found, "paging": {"total": len(found)}})


def get_status(call: Call) -> Response:
    """The status of one run; 204 where there is none."""
    found = call.store.status(_addressed(call)["fullyQualifiedName"], call.params["runId"])
    return Response(status_code=204) if found is None else answer(found)


def put_status(call: Call) -> Response:
    """Report the status of a run from outside."""
    pipeline = _addressed(call)
    status = check_body(call.json(), PIPELINE_STATUS)
    status.setdefault("runId", new_id())
    status.setdefault("timestamp", now_ms())
    before = call.store.status(pipeline["fullyQualifiedName"], status["runId"]) or {}
    call.collate.runner.put_status(pipeline["fullyQualifiedName"], before | status)
    return answer(_shown(call, pipeline, PIPELINE.keys))


def delete_statuses(call: Call) -> Response:
    """Forget all runs."""
    pipeline = _addressed(call)
    call.store.delete_statuses(pipeline["fullyQualifiedName"])
    return answer(_shown(call, pipeline, PIPELINE.keys))


# logs and progress


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
    """The log of the newest run by ``after`` and ``limit`` lines; no ``after`` in it means the end."""
    pipeline = _addressed(call)
    if call.old:
        raise ApiError(400, f"Failed to get last ingestion logs of [{pipeline['name']}] due to [null].")
    if not call.collate.scenario.pipeline_service:
        return PlainTextResponse(DISABLED)
    fqn = pipeline["fullyQualifiedName"]
    latest = call.store.statuses(fqn, 0, 2**53, 1)
    if not latest:
        raise ApiError(400, "No runId found for the last ingestion pipeline run")
    return answer(_log_page(call, fqn, latest[0]["runId"], _task_key(pipeline)))


def download_logs(call: Call) -> Response:
    """The whole log of the newest run as a file."""
    pipeline = _addressed(call)
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
    fqn = _addressed(call)["fullyQualifiedName"]
    return answer(_log_page(call, fqn, call.params["runId"], "logs"))


def list_runs(call: Call) -> Response:
    """Ids of the runs that have a log, newest first."""
    statuses = call.store.statuses(
        _addressed(call)["fullyQualifiedName"], 0, 2**53, call.number("limit", 10) or 10
    )
    return answer({"runs": [status["runId"] for status in statuses]})


def write_logs(call: Call) -> Response:
    """Add lines to a run's log from outside: a text, or a batch that may be gzipped and base64-coded."""
    pipeline = _addressed(call)
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
    _addressed(call)
    return answer({"message": "Log stream closed successfully"})


def stream_logs(call: Call) -> Response:
    """The run's log, live."""
    pipeline = _addressed(call)
    run_id = call.params["runId"]
    if not call.collate.scenario.pipeline_service:
        return _events(_only(error_frame(run_id, "No log backend is configured on this server.")))
    return _events(
        call.collate.runner.stream_log(pipeline["fullyQualifiedName"], run_id, call.query("after"))
    )


def stream_progress(call: Call) -> Response:
    """The run's progress, live; 503 where the server does not track it."""
    pipeline = _addressed(call)
    if not call.collate.scenario.pipeline_service:
        raise ApiError(503, "Progress tracking is not configured")
    return _events(call.collate.runner.stream_progress(pipeline["fullyQualifiedName"], call.params["runId"]))


def put_progress(call: Call) -> Response:
    """Report progress from outside."""
    _addressed(call)
    call.collate.runner.put_progress(call.params["runId"], check_body(call.json(), PROGRESS))
    return Response(status_code=200)


async def _only(frame: str) -> AsyncIterator[str]:
    yield frame


def _events(frames: AsyncIterator[str]) -> Response:
    return StreamingResponse(frames, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def add_routes(router: Router) -> None:
    """The routes of this module."""
    base = PIPELINE.path
    router.add("GET", f"{base}/status", service_status)
    router.add("GET", f"{base}/ip", newer_only(lambda call: answer({"ip": "127.0.0.1"})))
    router.add("GET", base, list_pipelines)
    router.add("POST", base, post_pipeline)
    router.add("PUT", base, put_pipeline)
    router.add("GET", f"{base}/name/{{fqn}}", get_pipeline)
    router.add("GET", f"{base}/{{id}}", get_pipeline)
    add_change_routes(router, PIPELINE)
    router.add("POST", f"{base}/deploy/{{id}}", _operation("deploy", deploy))
    router.add("POST", f"{base}/bulk/deploy", newer_only(bulk_deploy))
    router.add("POST", f"{base}/trigger/{{id}}", _operation("trigger", trigger))
    router.add("POST", f"{base}/kill/{{id}}", _operation("kill", kill))
    router.add("POST", f"{base}/toggleIngestion/{{id}}", _operation("toggle", toggle))
    router.add("GET", f"{base}/{{fqn}}/pipelineStatus", _old_status(list_statuses))
    router.add("PUT", f"{base}/{{fqn}}/pipelineStatus", put_status)
    router.add("GET", f"{base}/{{fqn}}/pipelineStatus/{{runId}}", get_status)
    router.add("DELETE", f"{base}/{{id}}/pipelineStatus", delete_statuses)
    router.add("GET", f"{base}/logs/{{id}}/last", last_logs)
    router.add("GET", f"{base}/logs/{{id}}/last/download", newer_only(download_logs))
    router.add("GET", f"{base}/logs/{{fqn}}", newer_only(list_runs))
    router.add("GET", f"{base}/logs/{{fqn}}/stream/{{runId}}", newer_only(stream_logs))
    router.add("GET", f"{base}/logs/{{fqn}}/{{runId}}", newer_only(run_logs))
    router.add("POST", f"{base}/logs/{{fqn}}/{{runId}}", newer_only(write_logs))
    router.add("POST", f"{base}/logs/{{fqn}}/{{runId}}/close", newer_only(close_logs))
    router.add("GET", f"{base}/progress/{{fqn}}/stream/{{runId}}", newer_only(stream_progress))
    router.add("PUT", f"{base}/progress/{{fqn}}/{{runId}}", newer_only(put_progress))


def _old_status(handler: Handler) -> Handler:
    """Server 1.1 asks its pipeline service for statuses, and that is down."""

    def guarded(call: Call) -> Response:
        if call.old:
            name = _addressed(call)["name"]
            raise ApiError(400, f"Failed to get the status of pipeline [{name}] due to [null].")
        return handler(call)

    return guarded
