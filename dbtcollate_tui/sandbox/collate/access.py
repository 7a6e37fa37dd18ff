"""The server's version, the caller, and what the caller may do."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import Call, Router, access_of, answer, checked_entity
from dbtcollate_tui.sandbox.collate.entities import read_answer
from dbtcollate_tui.sandbox.collate.kinds import KINDS

_REVISION = "6d1c4e9b7f0a2c58e3b1d4f6a7908c2e5b3f1a70"
_RELEASED_MS = 1_793_059_200_000
_COMMON = ("Create", "Delete", "ViewAll", "ViewBasic", "EditAll", "EditDescription", "EditDisplayName")
_OWN: dict[str, tuple[str, ...]] = {
    "table": ("ViewTests", "ViewUsage", "EditTags", "EditOwners", "EditTier", "EditLineage", "EditTests"),
    "ingestionPipeline": ("Deploy", "Trigger", "Kill", "EditIngestionPipelineStatus", "EditOwners"),
    "testCase": ("EditTests", "ViewTests", "EditTags", "EditOwners"),
    "testSuite": ("EditTests", "ViewTests", "EditOwners"),
    "tag": ("EditTags",),
}
_OLD_NAMES = {"EditOwners": "EditOwner"}


def version(call: Call) -> Response:
    """The server's version; needs no token."""
    return answer({"version": call.release.version_text, "revision": _REVISION, "timestamp": _RELEASED_MS})


def logged_in_user(call: Call) -> Response:
    """Who the token belongs to."""
    return read_answer(call, KINDS["user"], checked_entity(call, "user", fqn=call.user))


def _permission(call: Call, resource: str) -> dict[str, Any]:
    permissions = []
    for operation in (*_COMMON, *_OWN.get(resource, ("EditOwners", "EditTags"))):
        if not call.release.since(1, 2) and operation in ("Deploy", "Trigger", "Kill"):
            continue
        access = access_of(call.collate, operation)
        permission: dict[str, Any] = {
            "operation": operation if call.release.since(1, 5) else _OLD_NAMES.get(operation, operation),
            "access": access,
        }
        if access == "allow":
            permission |= {"policy": "IngestionBotPolicy", "role": "IngestionBotRole"}
        permissions.append(permission)
    return {"resource": resource, "permissions": permissions}


def all_permissions(call: Call) -> Response:
    """What the caller may do, for each kind of entity."""
    found = [_permission(call, kind) for kind in (*KINDS, "lineage")]
    return answer({"data": found, "paging": {"total": len(found)}})


def permissions(call: Call) -> Response:
    """What the caller may do with one kind of entity, or with one entity."""
    resource = call.params["resource"]
    if "id" in call.params and resource in KINDS:
        checked_entity(call, resource, entity_id=call.params["id"])
    if "fqn" in call.params and resource in KINDS:
        checked_entity(call, resource, fqn=call.params["fqn"])
    return answer(_permission(call, resource))


def add_routes(router: Router) -> None:
    """The routes of this module; before those of the users, whose ids they would be taken for."""
    router.add("GET", "system/version", version)
    router.add("GET", "users/loggedInUser", logged_in_user)
    router.add("GET", "permissions", all_permissions)
    router.add("GET", "permissions/{resource}", permissions)
    router.add("GET", "permissions/{resource}/name/{fqn}", permissions)
    router.add("GET", "permissions/{resource}/{id}", permissions)
