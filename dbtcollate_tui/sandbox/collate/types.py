"""Types: what an entity is, and the custom properties that were added to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer
from dbtcollate_tui.sandbox.collate.identity import new_id
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.store import Entity

COLUMN_TYPE = "tableColumn"
"""The type whose custom properties the columns of tables have."""
_STORED = "customProperty"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and {"id", "type"} <= value.keys()


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "markdown": _is_text,
    "sqlQuery": _is_text,
    "email": lambda value: _is_text(value) and "@" in value,
    "duration": lambda value: _is_text(value) and value.startswith("P"),
    "date-cp": _is_text,
    "dateTime-cp": _is_text,
    "time-cp": _is_text,
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "timestamp": lambda value: _is_number(value) and float(value).is_integer(),
    "number": _is_number,
    "timeInterval": lambda value: isinstance(value, dict) and {"start", "end"} <= value.keys(),
    "enum": lambda value: isinstance(value, list),
    "table-cp": lambda value: isinstance(value, dict) and "columns" in value,
    "entityReference": _is_reference,
    "entityReferenceList": lambda value: isinstance(value, list) and all(map(_is_reference, value)),
}
"""Types of a property, each with what its values must be."""


def get_type(call: Call) -> Response:
    """An entity's type or a property's type; with ``fields=customProperties`` what was added to it."""
    name = call.params["name"]
    if name not in _entity_types(call) and name not in _FIELDS:
        raise ApiError(404, f"type instance for {name} not found")
    found = _type(name)
    if "customProperties" in call.query("fields"):
        found["customProperties"] = _added(call, name)
    return answer(found)


def put_property(call: Call) -> Response:
    """Add a custom property to an entity's type."""
    owner = next((name for name in _entity_types(call) if _type(name)["id"] == call.params["id"]), None)
    if owner is None:
        raise ApiError(404, f"type instance for {call.params['id']} not found")
    body = call.json()
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise ApiError(400, "[name must not be null]")
    asked = body.get("propertyType")
    kind = next(
        (name for name in _FIELDS if isinstance(asked, dict) and _type(name)["id"] == asked.get("id")), None
    )
    if kind is None:
        raise ApiError(400, "[propertyType must not be null]")
    fqn = f"{owner}.{body['name']}"
    there = call.store.by_fqn(_STORED, fqn)
    added: Entity = {
        "id": there["id"] if there is not None else new_id(),
        "name": body["name"],
        "fullyQualifiedName": fqn,
        "description": body.get("description", ""),
        "propertyType": {"id": _type(kind)["id"], "type": "type", "name": kind, "fullyQualifiedName": kind},
    }
    if "customPropertyConfig" in body:
        added["customPropertyConfig"] = body["customPropertyConfig"]
    call.store.save(_STORED, added, parent=owner)
    return answer(_type(owner) | {"customProperties": _added(call, owner)})


def check_extension(call: Call, kind: str, extension: Any) -> None:
    """Refuse values of custom properties that the type does not have or that do not fit; 400."""
    if not isinstance(extension, dict):
        raise ApiError(400, "Cannot deserialize value of type `java.util.LinkedHashMap`")
    known = {item["name"]: item["propertyType"]["name"] for item in _added(call, kind)}
    for name, value in extension.items():
        if name not in known:
            raise ApiError(400, f"Unknown custom field {name}")
        if not _FIELDS[known[name]](value):
            raise ApiError(400, f"Custom field {name} has invalid JSON [$: does not match {known[name]}]")


def _entity_types(call: Call) -> tuple[str, ...]:
    has_columns = "extension" in call.release.fields("entity/data/table#Column")
    return (*KINDS, *((COLUMN_TYPE,) if has_columns else ()))


def _added(call: Call, name: str) -> list[Entity]:
    return [
        {key: value for key, value in item.items() if key not in ("id", "fullyQualifiedName")}
        for item in call.store.every(_STORED, parent=name)
    ]


def _type(name: str) -> Entity:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"type:{name}")),
        "name": name,
        "fullyQualifiedName": name,
        "displayName": name,
        "description": f"The {name} {'field' if name in _FIELDS else 'entity'}.",
        "category": "field" if name in _FIELDS else "entity",
        "nameSpace": "data",
        "schema": "{}",
        "version": 0.1,
    }


def add_routes(router: Router) -> None:
    """The routes of this module."""
    router.add("GET", "metadata/types/name/{name}", get_type)
    router.add("PUT", "metadata/types/{id}", put_property)
