"""Automation workflows of the type TEST_CONNECTION: what a dbt Cloud looks like from the server's network."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from starlette.responses import Response

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Collate, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.entities import create, create_body, upsert
from dbtcollate_tui.sandbox.collate.identity import now_ms, quote_name
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.collate.wire import page_request
from dbtcollate_tui.transport.addresses import is_loopback
from dbtcollate_tui.transport.client import Transport
from dbtcollate_tui.transport.errors import TransportError
from dbtcollate_tui.transport.pacing import RetryPolicy, Timeouts

WORKFLOW = KINDS["workflow"]
MASK = "*********"
_STEPS = (
    ("CheckAccess", "/api/v2/accounts/{account}/"),
    ("GetJobs", "/api/v2/accounts/{account}/jobs/?limit=1"),
    ("GetRuns", "/api/v2/accounts/{account}/runs/?limit=1"),
)
_TIMEOUTS = Timeouts(connect=3.0, read=5.0)


def _build(body: Entity) -> Entity:
    request = body["request"]
    connection = request.get("connection") if isinstance(request, dict) else None
    config = connection.get("config") if isinstance(connection, dict) else None
    if body["workflowType"] != "TEST_CONNECTION" or not isinstance(config, dict):
        raise ApiError(400, "[request.connection.config must not be null]")
    if config.get("type") == "DBTCloud":
        missing = [key for key in ("host", "discoveryAPI", "accountId", "token") if not config.get(key)]
        if missing:
            raise ApiError(400, f"[{', '.join(f'{key} must not be null' for key in missing)}]")
    return body | {"fullyQualifiedName": quote_name(body["name"]), "status": "Pending"}


def _shown(workflow: Entity) -> Entity:
    """The workflow with its secret masked, in the way that entities are shown: no relations."""
    config = dict(workflow["request"]["connection"]["config"])
    for key in ("token", "password"):
        if config.get(key):
            config[key] = MASK
    shown = {key: value for key, value in workflow.items() if key not in WORKFLOW.on_request}
    return shown | {"request": workflow["request"] | {"connection": {"config": config}}}


def post_workflow(call: Call) -> Response:
    """Create; 409 where it is there."""
    entity = _build(create_body(call, WORKFLOW))
    if call.store.by_fqn("workflow", entity["fullyQualifiedName"]) is not None:
        raise ApiError(409, "Entity already exists")
    return answer(_shown(create(call, WORKFLOW, entity)), 201)


def put_workflow(call: Call) -> Response:
    """Create or update."""
    entity, status = upsert(call, WORKFLOW, (_build(create_body(call, WORKFLOW)), "", ""))
    return answer(_shown(entity), status)


def get_workflow(call: Call) -> Response:
    """One workflow by id or name."""
    key = {"fqn": call.params["fqn"]} if "fqn" in call.params else {"entity_id": call.params["id"]}
    return answer(_shown(checked_entity(call, "workflow", **key)))


def list_workflows(call: Call) -> Response:
    """All workflows."""
    page = call.store.page("workflow", **page_request(call))
    return answer({"data": [_shown(entity) for entity in page.entities], "paging": page.paging()})


def delete_workflow(call: Call) -> Response:
    """Remove a workflow."""
    workflow = checked_entity(call, "workflow", entity_id=call.params["id"])
    call.store.delete("workflow", workflow["id"])
    return answer(_shown(workflow))


def trigger_workflow(call: Call) -> Response:
    """Run it; its status says how it goes."""
    workflow = checked_entity(call, "workflow", entity_id=call.params["id"])
    if not call.collate.scenario.pipeline_service:
        return answer({"code": 200, "reason": "Pipeline Client Disabled"})
    workflow["status"] = "Running"
    call.store.save("workflow", workflow)
    call.collate.runner.background(_test(call.collate, workflow))
    reason = f"Workflow [{workflow['name']}] has been triggered"
    return answer({"code": 200, "reason": reason, "platform": "Airflow", "version": "2.0.7.0"})


async def _test(collate: Collate, workflow: Entity) -> None:
    steps = await _try_connection(workflow["request"]["connection"]["config"])
    if collate.runner.closed or collate.store.by_id("workflow", workflow["id"]) is None:
        return
    passed = all(step["passed"] for step in steps if step["mandatory"])
    workflow["status"] = "Successful" if passed else "Failed"
    workflow["response"] = {"lastUpdatedAt": now_ms(), "status": workflow["status"], "steps": steps}
    collate.store.save("workflow", workflow)


async def _try_connection(config: dict[str, Any]) -> list[Entity]:
    """The steps of OpenMetadata's dbt Cloud connection test; only servers on this machine are asked."""
    steps: list[Entity] = []
    error = ""
    try:
        policy = RetryPolicy(attempts=1)
        async with Transport(
            str(config.get("host", "")),
            SecretStr(str(config.get("token"))),
            timeouts=_TIMEOUTS,
            retries=policy,
        ) as transport:
            if not is_loopback(transport.base_url.host):
                error = "The sandbox reaches servers on 127.0.0.1 only."
            for name, path in _STEPS:
                if not error:
                    error = await _try(transport, path.format(account=config.get("accountId")))
                steps.append(_step(name, error))
    except ActionableError as problem:
        steps = [_step(name, problem.title) for name, _ in _STEPS]
    return steps


async def _try(transport: Transport, path: str) -> str:
    try:
        await transport.request("GET", path)
    except TransportError as error:
        return str(error)
    return ""


def _step(name: str, error: str) -> Entity:
    step: Entity = {"name": name, "mandatory": True, "passed": not error}
    return step | ({"message": f"Failed to run the step {name}", "errorLog": error} if error else {})


def add_routes(router: Router) -> None:
    """The routes of this module."""
    base = WORKFLOW.path
    router.add("GET", base, list_workflows)
    router.add("POST", base, post_workflow)
    router.add("PUT", base, put_workflow)
    router.add("GET", f"{base}/name/{{fqn}}", get_workflow)
    router.add("POST", f"{base}/trigger/{{id}}", trigger_workflow)
    router.add("GET", f"{base}/{{id}}", get_workflow)
    router.add("DELETE", f"{base}/{{id}}", delete_workflow)
