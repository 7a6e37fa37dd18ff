"""Lineage: edges between two entities with their details, by id and by name, and the graph around one."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.bodies import ADD_LINEAGE, LINEAGE_DETAILS
from dbtcollate_tui.sandbox.collate.entities import checked_body, needs_search, since
from dbtcollate_tui.sandbox.collate.identity import now_ms, reference
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.patching import apply_patch, checked_reference
from dbtcollate_tui.sandbox.collate.store import Entity

_MAX_DEPTH = 3


def put_lineage(call: Call) -> Response:
    """Add an edge, or replace its details; the body is empty."""
    edge = checked_body(call, call.json(), ADD_LINEAGE)["edge"]
    needs_search(call)
    source = checked_reference(call, edge["fromEntity"])
    target = checked_reference(call, edge["toEntity"])
    _store(call, source, target, dict(edge.get("lineageDetails", {})))
    return Response(status_code=200)


def put_by_name(call: Call) -> Response:
    """The same for two FQNs, with the bare lineage details as the body."""
    source, target = _ends(call)
    _store(call, source, target, checked_body(call, call.json(), LINEAGE_DETAILS))
    return Response(status_code=200)


def _store(call: Call, source: Entity, target: Entity, details: dict[str, Any]) -> None:
    before = call.store.edge(source["id"], target["id"]) or {}
    if "pipeline" in details:
        details["pipeline"] = checked_reference(call, details["pipeline"])
    if "table" == source["type"] == target["type"]:
        _check_columns(call, source, target, details)
    else:
        _leave_out_unknown_columns(call, source, target, details)
    changed = {
        "createdAt": before.get("createdAt", now_ms()),
        "createdBy": before.get("createdBy", call.user),
    }
    changed |= {"updatedAt": now_ms(), "updatedBy": call.user}
    details = {"source": "Manual", "columnsLineage": []} | details
    known = call.release.fields(LINEAGE_DETAILS)
    changed = {key: value for key, value in changed.items() if key in known}
    call.store.save_edge((source["type"], source["id"]), (target["type"], target["id"]), details | changed)


def _check_columns(call: Call, source: Entity, target: Entity, details: Entity) -> None:
    if not details.get("columnsLineage"):
        return
    known = _column_fqns(call, source) | _column_fqns(call, target)
    for item in details["columnsLineage"]:
        for fqn in [*item.get("fromColumns", ()), *filter(None, [item.get("toColumn")])]:
            if fqn not in known:
                raise ApiError(400, f"Invalid fully qualified column name {fqn}")


def _leave_out_unknown_columns(call: Call, source: Entity, target: Entity, details: Entity) -> None:
    """Leave out, at 200, column lineage with an end that the server does not know.

    Of a metric it knows none in most releases; since pull request 33168 (September 2026) the metric's own
    FQN, taken here as of 2.0.7.
    """
    known = _column_fqns(call, source) | _column_fqns(call, target)
    if target["type"] == "metric" and call.release.since(2, 0, 7):
        known.add(target["fullyQualifiedName"])
    details["columnsLineage"] = [
        item
        for item in details.get("columnsLineage", ())
        if item.get("toColumn") in known and known.issuperset(item.get("fromColumns", ()))
    ]


def _column_fqns(call: Call, end: Entity) -> set[str]:
    entity = checked_entity(call, end["type"], entity_id=end["id"])
    found: set[str] = set()
    pending = list(entity.get("columns", ()))
    while pending:
        column = pending.pop()
        found.add(column["fullyQualifiedName"])
        pending.extend(column.get("children", ()))
    return found


def _ends(call: Call) -> tuple[Entity, Entity]:
    """The references to both ends that the path names, by id or by FQN."""
    ends = []
    for side in ("from", "to"):
        kind = call.params.get(f"{side}Type", "table")
        if kind not in KINDS:
            raise ApiError(404, f"Entity type {kind} not found")
        if f"{side}Id" in call.params:
            entity = _any_by_id(call, call.params[f"{side}Id"], kind, exact=f"{side}Type" in call.params)
        else:
            entity = reference(kind, checked_entity(call, kind, fqn=call.params[f"{side}Fqn"]))
        ends.append(entity)
    return ends[0], ends[1]


def _any_by_id(call: Call, entity_id: str, kind: str, *, exact: bool) -> Entity:
    for name in [kind] if exact else ["table", *(name for name in KINDS if name != "table")]:
        found = call.store.by_id(name, entity_id)
        if found is not None:
            return reference(name, found)
    raise ApiError(404, f"{kind} instance for {entity_id} not found")


def get_edge(call: Call) -> Response:
    """``{"edge": lineageDetails}``; 404 where there is no such edge."""
    if "fromId" in call.params:
        from_id, to_id = call.params["fromId"], call.params["toId"]
    else:
        source, target = _ends(call)
        from_id, to_id = source["id"], target["id"]
    details = call.store.edge(from_id, to_id)
    if details is None:
        raise ApiError(404, f"Lineage edge not found between {from_id} and {to_id}")
    return answer({"edge": details})


def patch_edge(call: Call) -> Response:
    """Patch an edge's details; 404 where there is none."""
    source, target = _ends(call)
    details = call.store.edge(source["id"], target["id"])
    if details is None:
        raise ApiError(404, f"Lineage edge not found between {source['id']} and {target['id']}")
    if "json-patch+json" not in call.request.headers.get("content-type", ""):
        raise ApiError(415, "HTTP 415 Unsupported Media Type")
    changed = checked_body(call, apply_patch(call.json(), details), LINEAGE_DETAILS)
    if changed != details:
        _store(call, source, target, changed)
    return answer(call.store.edge(source["id"], target["id"]))


def delete_edge(call: Call) -> Response:
    """Remove an edge; 404 where there is none."""
    source, target = _ends(call)
    if not call.store.delete_edge(source["id"], target["id"]):
        raise ApiError(404, f"Lineage edge not found between {source['id']} and {target['id']}")
    return Response(status_code=200)


def delete_by_source(call: Call) -> Response:
    """Remove all edges into an entity that one source made."""
    kind = call.params["type"]
    key = {"entity_id": call.params["id"]} if "id" in call.params else {"fqn": call.params["fqn"]}
    entity = checked_entity(call, kind, **key)
    for _, from_id, _, to_id, details in call.store.edges_of(entity["id"], upstream=True):
        if details.get("source") == call.params["source"]:
            call.store.delete_edge(from_id, to_id)
    return Response(status_code=200)


def get_lineage(call: Call) -> Response:
    """The graph around an entity: ``nodes``, ``upstreamEdges``, ``downstreamEdges``."""
    kind = call.params["type"]
    if kind not in KINDS:
        raise ApiError(404, f"Entity type {kind} not found")
    key = {"entity_id": call.params["id"]} if "id" in call.params else {"fqn": call.params["fqn"]}
    entity = checked_entity(call, kind, **key)
    nodes: dict[str, Entity] = {}
    found: dict[str, Any] = {"entity": reference(kind, entity)}
    for word, name in (("upstream", "upstreamEdges"), ("downstream", "downstreamEdges")):
        depth = call.number(f"{word}Depth", 1) or 0
        if not 0 <= depth <= _MAX_DEPTH:
            raise ApiError(400, f"[query param {word}Depth must be less than or equal to {_MAX_DEPTH}]")
        found[name] = _walk(call, entity["id"], depth, nodes, upstream=word == "upstream")
    found["nodes"] = list(nodes.values())
    return answer(found)


def _walk(
    call: Call, start: str, depth: int, nodes: dict[str, Entity], *, upstream: bool
) -> list[dict[str, Any]]:
    edges: dict[tuple[str, str], dict[str, Any]] = {}
    frontier, seen = {start}, {start}
    for _ in range(depth):
        following: set[str] = set()
        for entity_id in frontier:
            for from_type, from_id, to_type, to_id, details in call.store.edges_of(
                entity_id, upstream=upstream
            ):
                edges[from_id, to_id] = {"fromEntity": from_id, "toEntity": to_id, "lineageDetails": details}
                kind, other = (from_type, from_id) if upstream else (to_type, to_id)
                if other not in seen:
                    following.add(other)
                if other != start and other not in nodes:
                    nodes[other] = reference(kind, checked_entity(call, kind, entity_id=other))
        seen |= following
        frontier = following
    return list(edges.values())


def add_routes(router: Router) -> None:
    """The routes of this module."""
    router.add("PUT", "lineage", put_lineage)
    router.add("DELETE", "lineage/source/name/{type}/{fqn}/type/{source}", since(2, 0)(delete_by_source))
    router.add("DELETE", "lineage/{type}/{id}/type/{source}", since(2, 0)(delete_by_source))
    router.add("GET", "lineage/getLineageEdge/{fromId}/{toId}", since(1, 4)(get_edge))
    router.add(
        "GET",
        "lineage/getLineageEdge/{fromType}/name/{fromFqn}/{toType}/name/{toFqn}",
        since(1, 4)(get_edge),
    )
    by_name = "lineage/{fromType}/name/{fromFqn}/{toType}/name/{toFqn}"
    router.add("PUT", by_name, since(2, 0)(put_by_name))
    router.add("PATCH", by_name, since(2, 0)(patch_edge))
    router.add("DELETE", by_name, since(2, 0)(delete_edge))
    router.add("PATCH", "lineage/{fromType}/{fromId}/{toType}/{toId}", since(1, 5)(patch_edge))
    router.add("DELETE", "lineage/{fromType}/{fromId}/{toType}/{toId}", delete_edge)
    router.add("GET", "lineage/{type}/name/{fqn}", get_lineage)
    router.add("GET", "lineage/{type}/{id}", get_lineage)
