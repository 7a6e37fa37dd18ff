"""Ingestion pipelines: the entities, and what the pipeline service does with them."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Handler, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.bodies import (
    DBT_PIPELINE,
    METADATA_PIPELINE,
    PIPELINE_SERVICE_PIPELINE,
    check_body,
)
from dbtcollate_tui.sandbox.collate.entities import (
    Placed,
    check_if_match,
    create,
    create_body,
    since,
    upsert,
)
from dbtcollate_tui.sandbox.collate.identity import quote_name, touch
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.patching import checked_reference, patched
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.collate.wire import page_answer, page_request, present, requested_fields

PIPELINE = KINDS["ingestionPipeline"]
MASK = "*********"
DISABLED = "Pipeline Client Disabled"
_SECRETS = ("dbtCloudAuthToken",)
_PLATFORM = {"platform": "Airflow", "version": "2.0.7.0"}
AIRFLOW_DEFAULTS = {
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
DEFAULT_STATUSES = 5
"""How many runs an answer has where nobody says how many."""


def build_pipeline(call: Call, body: Entity) -> Placed:
    """An ingestion pipeline of a service; a mask in place of a secret means the stored one."""
    service = checked_reference(call, body["service"])
    config = body["sourceConfig"].get("config")
    of_pipelines = body["service"].get("type") == "pipelineService"
    metadata = PIPELINE_SERVICE_PIPELINE if of_pipelines else METADATA_PIPELINE
    schema = {"dbt": DBT_PIPELINE, "metadata": metadata}.get(body["pipelineType"])
    if schema is not None and isinstance(config, dict):
        check_body(call.release, config, schema, converted=True)
    fqn = f"{service['fullyQualifiedName']}.{quote_name(body['name'])}"
    entity: Entity = {
        "loggerLevel": "INFO",
        "raiseOnError": True,
        "enableStreamableLogs": False,
        "provider": "user",
    } | dict(body)
    entity |= {
        "service": service,
        "fullyQualifiedName": fqn,
        "airflowConfig": AIRFLOW_DEFAULTS | body["airflowConfig"],
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


def shown(call: Call, entity: Entity, fields: frozenset[str]) -> Entity:
    """As the caller sees it: secrets masked (server 1.1 shows them to a bot), latest statuses on request."""
    if "pipelineStatuses" in fields:
        latest = call.store.statuses(entity["fullyQualifiedName"], 0, 2**53, DEFAULT_STATUSES)
        if latest:
            many = call.release.fields(PIPELINE.schema)["pipelineStatuses"].many
            entity = entity | {"pipelineStatuses": latest if many else latest[0]}
    shown = present(PIPELINE, entity, fields, call.release)
    return shown | {"sourceConfig": masked(shown["sourceConfig"])} if call.release.since(1, 2) else shown


def post_pipeline(call: Call) -> Response:
    """Create; 409 where it is there, 429 where the plan has no room."""
    entity, parent, root = build_pipeline(call, create_body(call, PIPELINE))
    if call.store.by_fqn("ingestionPipeline", entity["fullyQualifiedName"]) is not None:
        raise ApiError(409, "Entity already exists")
    _check_plan(call)
    made = create(call, PIPELINE, entity, parent, root)
    return answer(shown(call, made, PIPELINE.keys - {"pipelineStatuses"}), 201)


def put_pipeline(call: Call) -> Response:
    """Create or update."""
    placed = build_pipeline(call, create_body(call, PIPELINE))
    if call.store.by_fqn("ingestionPipeline", placed[0]["fullyQualifiedName"]) is None:
        _check_plan(call)
    entity, status = upsert(call, PIPELINE, placed)
    return answer(shown(call, entity, PIPELINE.keys - {"pipelineStatuses"}), status)


def patch_pipeline(call: Call) -> Response:
    """Change by a JSON patch; a mask in place of a secret means the stored one."""
    stored = addressed(call)
    check_if_match(call, PIPELINE, stored)
    entity, changed = patched(call, PIPELINE, stored)
    if changed:
        entity["sourceConfig"] = _unmasked(entity["sourceConfig"], stored["sourceConfig"])
        call.store.save("ingestionPipeline", entity)
    return answer(shown(call, entity, PIPELINE.keys - {"pipelineStatuses"}))


def delete_pipeline(call: Call) -> Response:
    """Remove a pipeline, its runs and their logs; runs at work are stopped."""
    entity = addressed(call)
    fqn = entity["fullyQualifiedName"]
    call.collate.runner.kill(fqn)
    call.store.delete("ingestionPipeline", entity["id"])
    call.store.delete_statuses(fqn)
    return answer(shown(call, entity, PIPELINE.keys - {"pipelineStatuses"}))


def _check_plan(call: Call) -> None:
    if call.collate.scenario.plan_limit:
        raise ApiError(429, "Feature limit exceeded for ingestionPipeline: the plan's hard limit is reached")


def list_pipelines(call: Call) -> Response:
    """Pipelines, of one service where ``service`` is given, of one type where ``pipelineType`` is."""
    fields = requested_fields(call, PIPELINE)
    where: dict[str, Any] = {"parent": call.query("service")} if call.query("service") else {}
    page = call.store.page("ingestionPipeline", **where, **page_request(call))
    kinds = {name for name in call.query("pipelineType").split(",") if name}
    body = page_answer(call, PIPELINE, page, fields)
    body["data"] = [
        shown(call, entity, fields)
        for entity in page.entities
        if not kinds or entity["pipelineType"] in kinds
    ]
    return answer(body)


def get_pipeline(call: Call) -> Response:
    """One pipeline by id or FQN."""
    return answer(shown(call, addressed(call), requested_fields(call, PIPELINE)))


def addressed(call: Call) -> Entity:
    """The pipeline that the path names by id or FQN."""
    name = call.params.get("id") or call.params["fqn"]
    try:
        uuid.UUID(name)
    except ValueError:
        return checked_entity(call, "ingestionPipeline", fqn=name)
    return checked_entity(call, "ingestionPipeline", entity_id=name)


# the pipeline service


def service_status(call: Call) -> Response:
    """Whether the pipeline service is up."""
    if call.collate.scenario.pipeline_service == "down":
        return answer(
            {
                "reason": "Failed to get REST status due to [null].",
                "status": "unhealthy",
                "platform": "Airflow",
            }
        )
    if call.collate.scenario.pipeline_service == "none":
        return answer({"code": 200, "reason": DISABLED})
    return answer({"code": 200, "reason": ""} | _PLATFORM)


def _operation(verb: str, act: Handler) -> Handler:
    """A call to the pipeline service, with the answers of one that is down or disabled."""

    def handler(call: Call) -> Response:
        pipeline = addressed(call)
        if call.collate.scenario.pipeline_service == "down":
            raise ApiError(400, f"Failed to {verb} pipeline [{pipeline['name']}] due to [null].")
        if call.collate.scenario.pipeline_service == "none":
            return answer({"code": 200, "reason": DISABLED})
        return act(call)

    return handler


def deploy(call: Call) -> Response:
    """Deploy to the pipeline service."""
    pipeline = addressed(call)
    pipeline["deployed"] = True
    touch(pipeline, call.user)
    call.store.save("ingestionPipeline", pipeline)
    call.collate.runner.deployed(pipeline)
    return answer({"code": 200, "reason": f"Workflow [{pipeline['name']}] has been created"} | _PLATFORM)


def trigger(call: Call) -> Response:
    """Start a run; 400 for a moment after a deploy, and while a run is at work."""
    pipeline = addressed(call)
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
    pipeline = addressed(call)
    call.collate.runner.kill(pipeline["fullyQualifiedName"])
    return answer({"code": 200, "reason": f"Workflow [{pipeline['name']}] has been killed"} | _PLATFORM)


def toggle(call: Call) -> Response:
    """Pause or resume the schedule."""
    pipeline = addressed(call)
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


def add_routes(router: Router) -> None:
    """The routes of this module."""
    base = PIPELINE.path
    router.add("GET", f"{base}/status", service_status)
    router.add("GET", f"{base}/ip", since(1, 2)(lambda call: answer({"ip": "127.0.0.1"})))
    router.add("GET", base, list_pipelines)
    router.add("POST", base, post_pipeline)
    router.add("PUT", base, put_pipeline)
    router.add("GET", f"{base}/name/{{fqn}}", get_pipeline)
    router.add("GET", f"{base}/{{id}}", get_pipeline)
    for path in (f"{base}/{{id}}", f"{base}/name/{{fqn}}"):
        router.add("PATCH", path, patch_pipeline if "id" in path else since(1, 4)(patch_pipeline))
        router.add("DELETE", path, delete_pipeline)
    router.add("POST", f"{base}/deploy/{{id}}", _operation("deploy", deploy))
    router.add("POST", f"{base}/bulk/deploy", since(1, 2)(bulk_deploy))
    router.add("POST", f"{base}/trigger/{{id}}", _operation("trigger", trigger))
    router.add("POST", f"{base}/kill/{{id}}", _operation("kill", kill))
    router.add("POST", f"{base}/toggleIngestion/{{id}}", _operation("toggle", toggle))
