"""Entities as a caller sees them: requested fields only, and the names of the release that is spoken."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dbtcollate_tui.sandbox.collate.api import ApiError, Call
from dbtcollate_tui.sandbox.collate.kinds import Kind
from dbtcollate_tui.sandbox.collate.releases import ServerRelease, Shape
from dbtcollate_tui.sandbox.collate.store import Entity, Page

MAX_LIMIT = 1_000_000
_ONE_OF_MANY = (("owners", "owner"), ("domains", "domain"))
"""Fields that became lists: their new and their old name."""
_RENAMED = (("basic", "executable"), ("basicEntityReference", "executableEntityReference"))
_ENUM_NAMES = {"tests/testDefinition#TestPlatform": (("dbt", "DBT"),)}
"""Values of enums that were spelt otherwise: new and old."""


def requested_fields(call: Call, kind: Kind) -> frozenset[str]:
    """The names in ``fields=``, in the latest server's spelling; 400 for an unknown one."""
    text = call.query("fields")
    if not text:
        return frozenset()
    names = [name.strip() for name in text.split(",") if name.strip()]
    if "*" in names:
        return kind.keys
    allowed = call.release.fields(kind.schema)
    for name in names:
        if name not in allowed:
            raise ApiError(400, f"Invalid field name {name}")
    if call.release.is_newest:
        return frozenset(names)
    newer = {old: new for new, old in (*_ONE_OF_MANY, *_RENAMED) if new not in allowed}
    return frozenset(newer.get(name, name) for name in names)


def present(kind: Kind, entity: Entity, fields: Collection[str], release: ServerRelease) -> Entity:
    """What the caller gets to see of a stored entity."""
    wanted = set(fields)
    shown = {key: value for key, value in entity.items() if key in wanted or key not in kind.on_request}
    if kind.name == "table" and not {"columns", "tags"} <= wanted:
        shown["columns"] = [without_tags(column) for column in entity["columns"]]
    return to_release(shown, kind.schema, release)


def without_tags(column: Entity) -> Entity:
    """A column as it is shown when its tags were not asked for."""
    shown = {key: value for key, value in column.items() if key != "tags"}
    if column.get("children"):
        shown["children"] = [without_tags(child) for child in column["children"]]
    return shown


def to_release(entity: Entity, name: str, release: ServerRelease) -> Entity:
    """A stored object of the schema ``name`` with the fields, names and values that ``release`` has."""
    if release.is_newest:
        return entity
    fields = release.fields(name)
    shown: Entity = {}
    for key, value in entity.items():
        if key in fields:
            shown[key] = _shown(value, fields[key], release)
        elif not release.is_closed(name):
            shown[key] = value
    for new, old in _ONE_OF_MANY:
        if new not in fields and old in fields and entity.get(new):
            shown[old] = _shown(entity[new][0], fields[old], release)
    for new, old in _RENAMED:
        if new not in fields and old in fields and new in entity:
            shown[old] = _shown(entity[new], fields[old], release)
    return shown


def _shown(value: Any, shape: Shape, release: ServerRelease) -> Any:
    if isinstance(value, list):
        return [_shown(item, shape, release) for item in value]
    for name in shape.types:
        if isinstance(value, dict) and release.fields(name):
            return to_release(value, name, release)
        inner = release.inner(name)
        if inner is not None and isinstance(value, dict):
            return _shown(value, inner, release)
        for new, old in _ENUM_NAMES.get(name, ()):
            if value == new and new not in (release.values(name) or ()):
                return old
    return value


def from_release(body: dict[str, Any], name: str, release: ServerRelease) -> dict[str, Any]:
    """A body in the names of ``release`` as the latest would have it; ``name`` is its schema."""
    if release.is_newest:
        return body
    fields = release.fields(name)
    found = {
        key: _stored(value, fields[key], release) if key in fields else value for key, value in body.items()
    }
    for new, old in _ONE_OF_MANY:
        if new not in fields and old in found:
            value = found.pop(old)
            found[new] = value if isinstance(value, list) else [value]
    for new, old in _RENAMED:
        if new not in fields and old in found:
            found[new] = found.pop(old)
    return found


def _stored(value: Any, shape: Shape, release: ServerRelease) -> Any:
    if isinstance(value, list):
        return [_stored(item, shape, release) for item in value]
    for name in shape.types:
        if isinstance(value, dict) and release.fields(name):
            return from_release(value, name, release)
        for new, old in _ENUM_NAMES.get(name, ()):
            if value == old and new not in (release.values(name) or ()):
                return new
    return value


def page_request(call: Call) -> dict[str, Any]:
    """``limit``, ``after`` and ``before`` of a list request; 400 for those out of bounds."""
    limit = call.number("limit", 10) or 0
    if limit > MAX_LIMIT:
        raise ApiError(400, f"[query param limit must be less than or equal to {MAX_LIMIT}]")
    if limit < 0:
        raise ApiError(400, "[query param limit must be greater than or equal to 0]")
    after, before = call.query("after") or None, call.query("before") or None
    if after and before:
        raise ApiError(400, "Only one of before or after query parameter allowed")
    return {"limit": limit, "after": after, "before": before}


def page_answer(call: Call, kind: Kind, page: Page, fields: Collection[str]) -> dict[str, Any]:
    """The body of a list answer; its rows are added to what the answer costs in time."""
    call.rows += len(page.entities)
    return {
        "data": [present(kind, entity, fields, call.release) for entity in page.entities],
        "paging": page.paging(),
    }
