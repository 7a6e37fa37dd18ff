"""Entities as a caller sees them: requested fields only, and the names of the dialect that is spoken."""

from __future__ import annotations

from typing import Any

from dbtcollate_tui.sandbox.collate.api import ApiError, Call
from dbtcollate_tui.sandbox.collate.kinds import KINDS, Kind
from dbtcollate_tui.sandbox.collate.store import Entity, Page

MAX_LIMIT = 1_000_000
_RENAMED = (("owners", "owner"), ("domains", "domain"))
_NEWER_KEYS = (
    "entityStatus dataContract impersonatedBy incrementalChangeDescription certification dataProducts "
    "lifeCycle sourceHash processedLineage pipelineObservability locationPath aliases"
)
_OLD_UNKNOWN = frozenset(_NEWER_KEYS.split())


def allowed_fields(kind: Kind, *, old: bool) -> set[str]:
    """The names that ``fields=`` may hold."""
    if not old:
        return set(kind.keys)
    allowed = set(kind.keys - _OLD_UNKNOWN)
    for new, before in _RENAMED:
        if new in allowed:
            allowed.remove(new)
            allowed.add(before)
    return allowed


def requested_fields(call: Call, kind: Kind) -> frozenset[str]:
    """The names in ``fields=``, in the newest server's spelling; 400 for an unknown one."""
    text = call.query("fields")
    if not text:
        return frozenset()
    names = [name.strip() for name in text.split(",") if name.strip()]
    if "*" in names:
        return kind.keys
    allowed = allowed_fields(kind, old=call.old)
    for name in names:
        if name not in allowed:
            raise ApiError(400, f"Invalid field name {name}")
    if call.old:
        renamed = {before: new for new, before in _RENAMED}
        names = [renamed.get(name, name) for name in names]
    return frozenset(names)


def present(kind: Kind, entity: Entity, fields: frozenset[str], *, old: bool) -> Entity:
    """What the caller gets to see of a stored entity."""
    hidden = kind.on_request - fields
    shown = {key: value for key, value in entity.items() if key not in hidden}
    if kind.name == "table" and not {"columns", "tags"} <= fields:
        shown["columns"] = [without_tags(column) for column in entity["columns"]]
    return to_old(kind, shown) if old else shown


def without_tags(column: Entity) -> Entity:
    """A column as it is shown when its tags were not asked for."""
    shown = {key: value for key, value in column.items() if key != "tags"}
    if column.get("children"):
        shown["children"] = [without_tags(child) for child in column["children"]]
    return shown


def to_old(kind: Kind, entity: Entity) -> Entity:
    """The entity with server 1.1's names: one ``owner``, one ``domain``, the platform ``DBT``."""
    shown = {key: value for key, value in entity.items() if key not in _OLD_UNKNOWN}
    for new, before in _RENAMED:
        values = shown.pop(new, None)
        if values:
            shown[before] = values[0]
    if "changeDescription" in shown:
        shown["changeDescription"] = {
            key: value for key, value in shown["changeDescription"].items() if key != "changeSummary"
        }
    if kind.name == "testDefinition":
        shown["testPlatforms"] = ["DBT" if name == "dbt" else name for name in entity["testPlatforms"]]
    if kind.name == "table" and "dataModel" in shown:
        shown["dataModel"] = to_old(KINDS["testCase"], shown["dataModel"])
    if kind.name == "table" and "testSuite" in shown:
        suite = shown["testSuite"]
        shown["testSuite"] = {key: suite[key] for key in ("id", "name", "fullyQualifiedName")}
    if kind.name == "testSuite" and "basic" in shown:
        shown["executable"] = shown.pop("basic")
        shown["executableEntityReference"] = shown.pop("basicEntityReference")
    return shown


def from_old(body: dict[str, Any]) -> dict[str, Any]:
    """A body in server 1.1's names as the newest would have it."""
    found = dict(body)
    for new, before in _RENAMED:
        if before in found:
            found[new] = [found.pop(before)]
    if "testPlatforms" in found:
        found["testPlatforms"] = ["dbt" if name == "DBT" else name for name in found["testPlatforms"]]
    if isinstance(found.get("dataModel"), dict):
        found["dataModel"] = from_old(found["dataModel"])
    return found


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


def page_answer(kind: Kind, page: Page, fields: frozenset[str], *, old: bool) -> dict[str, Any]:
    """The body of a list answer."""
    return {
        "data": [present(kind, entity, fields, old=old) for entity in page.entities],
        "paging": page.paging(),
    }
