"""What only tables have: the dbt data model, the column pages, the bulk upsert."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Router, answer, checked_entity
from dbtcollate_tui.sandbox.collate.bodies import CREATE, DATA_MODEL
from dbtcollate_tui.sandbox.collate.entities import build_table, checked_body, since, upsert, written_answer
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.patching import checked_owners, checked_tags
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.collate.wire import without_tags

TABLE = KINDS["table"]


def put_data_model(call: Call) -> Response:
    """Store the dbt model; its owners are taken where the table has none, its tags are added to.

    As the server does it: descriptions of the table and its columns stay, an empty ``sql`` or ``rawSql``
    keeps the stored one, tags that dbt no longer has stay, and the version does not rise.
    """
    table = checked_entity(call, "table", entity_id=call.params["id"])
    model = checked_body(call, call.json(), DATA_MODEL)
    before = table.get("dataModel", {})
    for key in ("rawSql", "sql"):
        if not (model.get(key) or "").strip() and before.get(key):
            model[key] = before[key]
    model["tags"] = checked_tags(call, model.get("tags") or [])
    model["columns"] = [_model_column(call, column) for column in model.get("columns", ())]
    if "owners" in model:
        model["owners"] = checked_owners(call, model["owners"])
    table["dataModel"] = model
    if not table.get("owners") and model.get("owners"):
        table["owners"] = model["owners"]
    table["tags"] = _union(table.get("tags", []), model["tags"])
    by_name = {column["name"].lower(): column for column in table["columns"]}
    for column in model["columns"]:
        stored = by_name.get(column["name"].lower())
        if stored is not None:
            stored["tags"] = _union(stored.get("tags", []), column["tags"])
    call.store.save("table", table)
    return written_answer(call, TABLE, table, 200)


def _model_column(call: Call, column: Entity) -> Entity:
    return column | {"tags": checked_tags(call, column.get("tags") or [])}


def _union(stored: list[Entity], given: list[Entity]) -> list[Entity]:
    known = {label["tagFQN"] for label in stored}
    return [*stored, *(label for label in given if label["tagFQN"] not in known)]


def list_columns(call: Call) -> Response:
    """A page of a table's columns by ``limit`` (50) and ``offset``."""
    key = {"fqn": call.params["fqn"]} if "fqn" in call.params else {"entity_id": call.params["id"]}
    columns: list[Entity] = checked_entity(call, "table", **key)["columns"]
    limit, offset = call.number("limit", 50) or 0, call.number("offset", 0) or 0
    if not 1 <= limit <= 1000:
        raise ApiError(400, "[query param limit must be between 1 and 1000]")
    shown = columns[offset : offset + limit]
    if "tags" not in call.query("fields").split(","):
        shown = [without_tags(column) for column in shown]
    return answer({"data": shown, "paging": {"total": len(columns), "offset": offset, "limit": limit}})


def put_bulk(call: Call) -> Response:
    """Upsert a bare list of create bodies; 200 with the failed ones inside."""
    bodies = call.json()
    if not isinstance(bodies, list):
        raise ApiError(400, "Cannot deserialize value of type `java.util.ArrayList<CreateTable>`")
    passed: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for body in bodies:
        try:
            entity, status = upsert(call, TABLE, build_table(call, checked_body(call, body, CREATE["table"])))
            passed.append({"request": entity["fullyQualifiedName"], "status": status})
        except ApiError as error:
            failed.append({"request": body, "message": error.message, "status": error.status})
    status_text = "failure" if failed and not passed else "partialSuccess" if failed else "success"
    return answer(
        {
            "dryRun": False,
            "status": status_text,
            "numberOfRowsProcessed": len(bodies),
            "numberOfRowsPassed": len(passed),
            "numberOfRowsFailed": len(failed),
            "successRequest": passed,
            "failedRequest": failed,
        }
    )


def add_routes(router: Router) -> None:
    """The routes of this module."""
    router.add("PUT", "tables/bulk", since(1, 9)(put_bulk))
    router.add("PUT", "tables/{id}/dataModel", put_data_model)
    router.add("GET", "tables/name/{fqn}/columns", since(1, 8)(list_columns))
    router.add("GET", "tables/{id}/columns", since(1, 8)(list_columns))
