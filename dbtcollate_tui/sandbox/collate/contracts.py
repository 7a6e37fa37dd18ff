"""Data contracts: one for an entity, columns that the table has, results of which the last is shown."""

from __future__ import annotations

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.bodies import CONTRACT_RESULT
from dbtcollate_tui.sandbox.collate.entities import (
    Placed,
    add_change_routes,
    add_create_routes,
    add_read_routes,
    checked_body,
    since,
)
from dbtcollate_tui.sandbox.collate.identity import new_id, quote_name, reference
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.store import Entity

CONTRACT = KINDS["dataContract"]


def build_contract(call: Call, body: Entity) -> Placed:
    """A contract of an entity that has none; 400 where it has one of another name, or lacks a column."""
    kind, entity_id = body["entity"].get("type", ""), str(body["entity"].get("id", ""))
    entity = checked_entity(call, kind, entity_id=entity_id)
    name = f"dataContract_{body['name']}"
    fqn = f"{entity['fullyQualifiedName']}.{quote_name(name)}"
    other = next(
        (item for item in call.store.every("dataContract") if item["entity"]["id"] == entity_id), None
    )
    if other is not None and other["fullyQualifiedName"] != fqn:
        raise ApiError(400, f"A data contract already exists for entity '{kind}' with ID {entity_id}")
    made = body | {"entity": reference(kind, entity), "fullyQualifiedName": fqn}
    made.setdefault("createdBy", call.user)
    return made, entity["fullyQualifiedName"], ""


def put_result(call: Call) -> Response:
    """Add a result; the contract shows the latest."""
    contract = checked_entity(call, "dataContract", entity_id=call.params["id"])
    result = checked_body(call, call.json(), CONTRACT_RESULT)
    result.setdefault("id", new_id())
    contract["latestResult"] = {
        "timestamp": result["timestamp"],
        "status": result["contractExecutionStatus"],
        "message": result.get("result", ""),
        "resultId": result["id"],
    }
    call.store.save("dataContract", contract)
    return answer(result)


def add_routes(router: Router) -> None:
    """The routes of contracts, since 1.8; of their results, since 1.9."""
    router.add("PUT", "dataContracts/{id}/results", since(1, 9)(put_result))
    add_read_routes(router, CONTRACT)
    add_change_routes(router, CONTRACT)
    add_create_routes(router, CONTRACT, build_contract)
