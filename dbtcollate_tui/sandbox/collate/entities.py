"""Reading, listing, creating, changing and deleting entities: what all kinds have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import BOT, ApiError, Call, Handler, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.bodies import CREATE, JOB_STATUS, check_body
from dbtcollate_tui.sandbox.collate.identity import join_fqn, new_id, now_ms, quote_name, reference, touch
from dbtcollate_tui.sandbox.collate.kinds import KINDS, Kind
from dbtcollate_tui.sandbox.collate.metrics import after_put, build_metric
from dbtcollate_tui.sandbox.collate.patching import patched, settle
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.collate.wire import (
    from_release,
    page_answer,
    page_request,
    present,
    requested_fields,
)

Placed = tuple[Entity, str, str]
"""An entity, and the FQNs that it is listed under: its parent's, and that of the level above."""

_FILTERS = {
    "database": {"service": "parent"},
    "databaseSchema": {"database": "parent"},
    "table": {"databaseSchema": "parent", "database": "root"},
    "tag": {"parent": "parent"},
    "ingestionPipeline": {"service": "parent"},
}
_PUT_KEEPS = ("description", "displayName")
"""What a bot's PUT does not overwrite once it is set."""


def read_answer(call: Call, kind: Kind, entity: Entity, status: int = 200) -> Response:
    """One entity with the requested fields, and its ETag."""
    return tagged_answer(present(kind, entity, requested_fields(call, kind), call.release), status)


def written_answer(call: Call, kind: Kind, entity: Entity, status: int) -> Response:
    """One entity after a write, with all fields that the write touches."""
    return tagged_answer(present(kind, entity, kind.keys, call.release), status)


def tagged_answer(body: Entity, status: int) -> Response:
    """A JSON answer with its strong ETag, a hash of what is sent."""
    text = msgspec.json.encode(body)
    return Response(text, status, {"ETag": _strong(text)}, "application/json")


def _strong(text: bytes) -> str:
    return f'"{hashlib.sha256(text).hexdigest()[:16]}"'


def check_if_match(call: Call, kind: Kind, entity: Entity) -> None:
    """412 unless ``If-Match`` holds ``*``, the weak tag ``W/"version"``, or the strong one of all fields."""
    header = call.request.headers.get("if-match")
    if not header or not call.release.since(1, 8):
        return
    strong = _strong(msgspec.json.encode(present(kind, entity, kind.keys, call.release)))
    weak = f'W/"{entity.get("version", 0.1)}"'
    if not {"*", weak, strong} & {given.strip() for given in header.split(",")}:
        raise ApiError(
            412,
            f"The entity has been modified. Current ETag: {strong}. "
            "Please refresh and retry with the latest version.",
        )


def add_read_routes(router: Router, kind: Kind) -> None:
    """``GET`` by id, by name, and the list."""

    def by_id(call: Call) -> Response:
        return read_answer(call, kind, checked_entity(call, kind.name, entity_id=call.params["id"]))

    def by_name(call: Call) -> Response:
        return read_answer(call, kind, checked_entity(call, kind.name, fqn=call.params["fqn"]))

    def listing(call: Call) -> Response:
        fields = requested_fields(call, kind)
        where: dict[str, Any] = {
            column: call.query(name)
            for name, column in _FILTERS.get(kind.name, {}).items()
            if call.query(name)
        }
        try:
            page = call.store.page(kind.name, **where, **page_request(call))
        except ValueError:
            raise ApiError(400, "Invalid cursor") from None
        return answer(page_answer(call, kind, page, fields))

    def history(call: Call) -> Response:
        entity = checked_entity(call, kind.name, entity_id=call.params["id"])
        versions = [
            msgspec.json.encode(present(kind, version, kind.keys, call.release)).decode()
            for version in call.store.versions(entity["id"])
        ]
        return answer({"entityType": kind.name, "versions": versions})

    router.add("GET", kind.path, listing)
    if kind.name == "table":
        router.add("GET", f"{kind.path}/{{id}}/versions", history)
    router.add("GET", f"{kind.path}/name/{{fqn}}", by_name)
    router.add("GET", f"{kind.path}/{{id}}", by_id)


def add_change_routes(router: Router, kind: Kind) -> None:
    """``PATCH`` and ``DELETE``, by id and (newer servers) by name."""

    def patch(call: Call) -> Response:
        entity = _addressed(call, kind)
        check_if_match(call, kind, entity)
        entity, changed = patched(call, kind, entity)
        if changed:
            call.store.save(kind.name, entity)
        return written_answer(call, kind, entity, 200)

    def delete(call: Call) -> Response:
        entity = _addressed(call, kind)
        delete_with_children(call, kind.name, entity)
        return written_answer(call, kind, entity, 200)

    router.add("PATCH", f"{kind.path}/{{id}}", patch)
    router.add("DELETE", f"{kind.path}/{{id}}", delete)
    router.add("DELETE", f"{kind.path}/name/{{fqn}}", delete)
    router.add("PATCH", f"{kind.path}/name/{{fqn}}", since(1, 4)(patch))


def add_create_routes(router: Router, kind: Kind, build: Callable[[Call, Entity], Placed]) -> None:
    """``POST`` (201, or 409 where it is there) and ``PUT`` (201 or 200)."""

    def post(call: Call) -> Response:
        entity, parent, root = build(call, create_body(call, kind))
        if call.store.by_fqn(kind.name, entity["fullyQualifiedName"]) is not None:
            raise ApiError(409, "Entity already exists")
        return written_answer(call, kind, create(call, kind, entity, parent, root), 201)

    def put(call: Call) -> Response:
        entity, status = upsert(call, kind, build(call, create_body(call, kind)))
        return written_answer(call, kind, entity, status)

    router.add("POST", kind.path, post)
    router.add("PUT", kind.path, put)


def needs_search(call: Call) -> None:
    """500 where the search index is down and this release asks it for what the request needs."""
    if call.collate.scenario.search == "down" and call.release.searches_results:
        raise ApiError(500, "Connection refused")


def since(*numbers: int) -> Callable[[Handler], Handler]:
    """Marks a handler that releases before this one do not have."""

    def mark(handler: Handler) -> Handler:
        def guarded(call: Call) -> Response:
            if not call.release.since(*numbers):
                raise ApiError(405, "HTTP 405 Method Not Allowed")
            return handler(call)

        return guarded

    return mark


def until(*numbers: int) -> Callable[[Handler], Handler]:
    """Marks a handler that this release and later ones no longer have."""

    def mark(handler: Handler) -> Handler:
        def guarded(call: Call) -> Response:
            if call.release.since(*numbers):
                raise ApiError(405, "HTTP 405 Method Not Allowed")
            return handler(call)

        return guarded

    return mark


def _addressed(call: Call, kind: Kind) -> Entity:
    if "id" in call.params:
        return checked_entity(call, kind.name, entity_id=call.params["id"])
    return checked_entity(call, kind.name, fqn=call.params["fqn"])


def create_body(call: Call, kind: Kind) -> dict[str, Any]:
    """The checked body of a create request, in the latest server's names."""
    return checked_body(call, call.json(), CREATE[kind.name])


def checked_body(call: Call, body: Any, name: str) -> dict[str, Any]:
    """A body checked by this release's schema ``name``, in the latest server's names."""
    return from_release(check_body(call.release, body, name), name, call.release)


def create(call: Call, kind: Kind, entity: Entity, parent: str = "", root: str = "") -> Entity:
    """Store a new entity with id, version 0.1 and its author."""
    entity = {"id": new_id(), **entity, "version": 0.1, "updatedAt": now_ms(), "updatedBy": call.user}
    settle(call, kind, entity)
    call.store.save(kind.name, entity, parent=parent, root=root)
    return entity


def upsert(call: Call, kind: Kind, placed: Placed) -> tuple[Entity, int]:
    """Create, or update as a bot's PUT does: what a person wrote stays, tags are added to."""
    given, parent, root = placed
    stored = call.store.by_fqn(kind.name, given["fullyQualifiedName"])
    if stored is None:
        return create(call, kind, given, parent, root), 201
    entity = stored | given
    if call.user == BOT:
        for key in _PUT_KEEPS:
            if stored.get(key):
                entity[key] = stored[key]
    for key in ("owners", "domains", "extension"):
        if stored.get(key):
            entity[key] = stored[key]
    entity["tags"] = [*stored.get("tags", []), *given.get("tags", [])]
    if kind.name == "metric":
        after_put(entity, given)
    if kind.name == "table":
        entity["columns"] = _merged_columns(stored["columns"], given["columns"])
    settle(call, kind, entity)
    if not entity["tags"] and "tags" not in stored:
        del entity["tags"]
    if entity != stored:
        touch(entity, call.user)
        call.store.save(kind.name, entity)
    return entity, 200


def _merged_columns(stored: list[Entity], given: list[Entity]) -> list[Entity]:
    """The columns of a PUT with the texts and tags that were there, those of nested columns too."""
    known = {column["name"]: column for column in stored}
    merged = []
    for column in given:
        before = known.get(column["name"], {})
        kept = {"description": before["description"]} if before.get("description") else {}
        tags = [*before.get("tags", []), *column.get("tags", [])]
        nested = {}
        if column.get("children"):
            nested = {"children": _merged_columns(before.get("children") or [], column["children"])}
        merged.append(before | column | kept | nested | {"tags": tags})
    return merged


def delete_with_children(call: Call, kind: str, entity: Entity) -> None:
    """Delete an entity and what it contains."""
    children = {
        "databaseService": ("database", "ingestionPipeline"),
        "database": ("databaseSchema",),
        "databaseSchema": ("table",),
        "table": ("testCase",),
        "classification": ("tag",),
    }
    for child in children.get(kind, ()):
        for found in call.store.every(child, parent=entity["fullyQualifiedName"]):
            delete_with_children(call, child, found)
    if kind == "testCase":
        call.store.delete_results(entity["fullyQualifiedName"])
    call.store.delete(kind, entity["id"])


# What the create bodies of the plain kinds mean.


def build_service(call: Call, body: Entity) -> Placed:
    """A database service."""
    del call
    return body | {"fullyQualifiedName": quote_name(body["name"])}, "", ""


def build_database(call: Call, body: Entity) -> Placed:
    """A database of a service."""
    service = checked_entity(call, "databaseService", fqn=body["service"])
    entity = body | {
        "fullyQualifiedName": f"{service['fullyQualifiedName']}.{quote_name(body['name'])}",
        "service": reference("databaseService", service),
        "serviceType": service["serviceType"],
    }
    return entity, service["fullyQualifiedName"], ""


def build_schema(call: Call, body: Entity) -> Placed:
    """A schema of a database."""
    database = checked_entity(call, "database", fqn=body["database"])
    entity = body | {
        "fullyQualifiedName": f"{database['fullyQualifiedName']}.{quote_name(body['name'])}",
        "database": reference("database", database),
        "service": database["service"],
        "serviceType": database["serviceType"],
    }
    return entity, database["fullyQualifiedName"], database["service"]["fullyQualifiedName"]


def build_table(call: Call, body: Entity) -> Placed:
    """A table of a schema."""
    schema = checked_entity(call, "databaseSchema", fqn=body["databaseSchema"])
    entity: Entity = {"tableType": "Regular", "tags": []} | body
    entity |= {
        "fullyQualifiedName": f"{schema['fullyQualifiedName']}.{quote_name(body['name'])}",
        "databaseSchema": reference("databaseSchema", schema),
        "database": schema["database"],
        "service": schema["service"],
        "serviceType": schema["serviceType"],
    }
    return entity, schema["fullyQualifiedName"], schema["database"]["fullyQualifiedName"]


def build_classification(call: Call, body: Entity) -> Placed:
    """A classification."""
    del call
    entity = {"mutuallyExclusive": False, "disabled": False, "provider": "user"} | body
    return entity | {"fullyQualifiedName": quote_name(body["name"])}, "", ""


def build_tag(call: Call, body: Entity) -> Placed:
    """A tag, in a classification or below another tag."""
    above: Entity = {}
    if "parent" in body:
        parent = checked_entity(call, "tag", fqn=body["parent"])
        classification = parent["classification"]
        above = {"parent": reference("tag", parent)}
    elif "classification" in body:
        parent = checked_entity(call, "classification", fqn=body["classification"])
        classification = reference("classification", parent)
    else:
        raise ApiError(400, "[classification must not be null]")
    entity = {
        key: value for key, value in body.items() if key not in ("classification", "parent", "associatedTags")
    }
    entity = {"mutuallyExclusive": False, "deprecated": False, "disabled": False, "provider": "user"} | entity
    entity |= above | {
        "classification": classification,
        "fullyQualifiedName": f"{parent['fullyQualifiedName']}.{quote_name(body['name'])}",
    }
    return entity, classification["fullyQualifiedName"], ""


def build_term(call: Call, body: Entity) -> Placed:
    """A term, in a glossary or below another term."""
    glossary = checked_entity(call, "glossary", fqn=body["glossary"])
    above: Entity = {"glossary": reference("glossary", glossary)}
    parent = glossary
    if "parent" in body:
        parent = checked_entity(call, "glossaryTerm", fqn=body["parent"])
        above["parent"] = reference("glossaryTerm", parent)
    left_out = ("glossary", "parent", "relatedTerms", "references", "conceptMappings", "reviewers")
    entity = {key: value for key, value in body.items() if key not in left_out}
    entity |= above | {"fullyQualifiedName": f"{parent['fullyQualifiedName']}.{quote_name(body['name'])}"}
    return entity, glossary["fullyQualifiedName"], ""


def build_plain(call: Call, body: Entity) -> Placed:
    """A domain or a glossary: its name is its FQN."""
    del call
    body = {key: value for key, value in body.items() if key not in ("parent", "experts", "reviewers")}
    return body | {"fullyQualifiedName": join_fqn(body["name"])}, "", ""


def put_job_status(call: Call) -> Response:
    """The latest run of a pipeline, as a pipeline service's connector reports it."""
    entity = checked_entity(call, "pipeline", fqn=call.params["fqn"])
    entity["pipelineStatus"] = checked_body(call, call.json(), JOB_STATUS)
    call.store.save("pipeline", entity)
    return read_answer(call, KINDS["pipeline"], entity)


def add_routes(router: Router) -> None:
    """Everything of the kinds that have no rules of their own."""
    builders = {
        "databaseService": build_service,
        "database": build_database,
        "databaseSchema": build_schema,
        "table": build_table,
        "classification": build_classification,
        "tag": build_tag,
        "glossary": build_plain,
        "glossaryTerm": build_term,
        "domain": build_plain,
        "metric": build_metric,
    }
    for name, build in builders.items():
        add_read_routes(router, KINDS[name])
        add_change_routes(router, KINDS[name])
        add_create_routes(router, KINDS[name], build)
    router.add("PUT", "pipelines/{fqn}/status", put_job_status)
    for name in ("pipelineService", "pipeline", "dashboard", "mlmodel", "apiEndpoint", "user", "team"):
        add_read_routes(router, KINDS[name])
