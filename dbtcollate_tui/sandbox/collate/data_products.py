"""Data products: each belongs to domains, and tables of these may be part of it."""

from __future__ import annotations

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer, not_found
from dbtcollate_tui.sandbox.collate.identity import join_fqn, new_id, now_ms, reference
from dbtcollate_tui.sandbox.collate.store import Entity

_KIND = "dataProduct"
_FIELDS = frozenset({"domains", "owners", "experts", "assets", "tags", "extension"})


def put_data_product(call: Call) -> Response:
    """Make a data product of named domains, or change it."""
    body = call.json()
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise ApiError(400, "[name must not be null]")
    domains = []
    for fqn in body.get("domains") or []:
        domain = call.store.by_fqn("domain", str(fqn))
        if domain is None:
            raise not_found("domain", str(fqn))
        domains.append(reference("domain", domain))
    fqn = join_fqn(body["name"])
    there = call.store.by_fqn(_KIND, fqn)
    entity: Entity = {
        "id": there["id"] if there is not None else new_id(),
        "name": body["name"],
        "fullyQualifiedName": fqn,
        "description": body.get("description", ""),
        "domains": domains,
        "version": 0.1,
        "updatedAt": now_ms(),
        "updatedBy": call.user,
    }
    call.store.save(_KIND, entity)
    return answer(entity)


def get_data_product(call: Call) -> Response:
    """A data product by its FQN, with the relations that ``fields=`` names."""
    found = call.store.by_fqn(_KIND, call.params["fqn"])
    if found is None:
        raise not_found(_KIND, call.params["fqn"])
    asked = set(call.query("fields").split(","))
    shown = {key: value for key, value in found.items() if key not in _FIELDS or key in asked}
    if "domain" in asked and found["domains"]:
        shown["domain"] = found["domains"][0]
    return answer(shown)


def add_routes(router: Router) -> None:
    """The routes of this module."""
    router.add("PUT", "dataProducts", put_data_product)
    router.add("GET", "dataProducts/name/{fqn}", get_data_product)
