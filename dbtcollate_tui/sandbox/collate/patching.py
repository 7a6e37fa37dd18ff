"""JSON patches (RFC 6902) on entities, and the rules that hold for what they leave behind."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import msgspec
from jsonpointer import JsonPointerException

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, not_found
from dbtcollate_tui.sandbox.collate.bodies import COLUMN, TAG_LABEL, check_body
from dbtcollate_tui.sandbox.collate.identity import join_fqn, now_ms, reference, split_fqn, touch
from dbtcollate_tui.sandbox.collate.kinds import READ_ONLY, Kind
from dbtcollate_tui.sandbox.collate.metrics import settle_metric
from dbtcollate_tui.sandbox.collate.releases import release_of
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.collate.types import COLUMN_TYPE, check_extension
from dbtcollate_tui.sandbox.collate.wire import from_release, to_release

_OWNER_RULE = (
    "Rule [Multiple Users or Single Team Ownership] validation failed: Entity does not satisfy the rule. "
    "Rule context: Validates that an entity has either multiple owners or a single team as the owner."
)
_PRODUCT_RULE = (
    "Rule [Data Product Domain Validation] validation failed: Entity does not satisfy the rule. "
    "Rule context: Validates that Data Products assigned to an entity match the entity's domains."
)


def patched(call: Call, kind: Kind, stored: Entity) -> tuple[Entity, bool]:
    """The entity after the request's patch, and whether it differs; 400 or 500 where the patch fails."""
    if "json-patch+json" not in call.request.headers.get("content-type", ""):
        raise ApiError(415, "HTTP 415 Unsupported Media Type")
    document = to_release(stored, kind.schema, call.release)
    result = apply_patch(call.json(), document)
    if not isinstance(result, dict):
        raise ApiError(400, "Unable to process JSON")
    entity = check_body(call.release, result, kind.schema, converted=True)
    if not call.release.is_newest:
        shown = from_release(document, kind.schema, call.release)
        unseen = {key: value for key, value in stored.items() if key not in shown}
        entity = unseen | from_release(entity, kind.schema, call.release)
    for key in READ_ONLY:
        if key in stored:
            entity[key] = stored[key]
        else:
            entity.pop(key, None)
    entity["name"] = stored["name"]
    settle(call, kind, entity)
    if kind.name == "table" and entity.get("dataModel") != stored.get("dataModel"):
        settle_data_model(call, entity)
    if entity == stored:
        return stored, False
    if {**entity, "dataModel": None} == {**stored, "dataModel": None}:
        entity["updatedAt"] = now_ms()
        return entity, True
    note_change(entity, stored, call.user, call.query("changeSource") or "Manual")
    touch(entity, call.user)
    return entity, True


def apply_patch(operations: Any, document: Entity) -> Any:
    """The document after the operations; ``document`` itself stays unchanged."""
    if not isinstance(operations, list):
        raise ApiError(400, "JSON patch has to be an array of objects")
    if not all(isinstance(operation, dict) for operation in operations):
        raise ApiError(400, "JSON patch has to be an array of objects")
    result: Any = copy.deepcopy(document)
    for operation in operations:
        try:
            result = jsonpatch.JsonPatch([operation]).apply(result, in_place=True)
        except jsonpatch.InvalidJsonPatch as error:
            raise ApiError(
                400, f"Illegal value for the op member of the JSON patch operation: {error}"
            ) from None
        except (jsonpatch.JsonPatchException, JsonPointerException, TypeError, KeyError) as error:
            missing = _missing(result, str(operation.get("path", "")))
            if missing is None and isinstance(error, jsonpatch.JsonPatchTestFailed):
                missing = "[JsonPatch.Operation.TEST fails! Values are not equal]"
            raise ApiError(500, missing or f"[{error}]") from None
    return result


def _missing(document: Any, path: str) -> str | None:
    """How the server's JSON library (Apache Johnzon) says that ``path`` leads nowhere, or ``None``."""
    value = document
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        shown = msgspec.json.encode(value).decode()
        if isinstance(value, dict):
            if key not in value:
                return f"'{shown}' contains no value for name '{key}'"
            value = value[key]
        elif isinstance(value, list):
            if not key.isdigit() or int(key) >= len(value):
                return f"'{shown}' contains no element for index {key}"
            value = value[int(key)]
        else:
            return f"'{shown}' contains no value for name '{key}'"
    return None


def settle(call: Call, kind: Kind, entity: Entity) -> None:
    """Fill in references, labels and column names; 400 or 404 where they name what is not there."""
    if "owners" in kind.keys:
        entity["owners"] = checked_owners(call, entity.get("owners") or [])
    if "tags" in kind.keys:
        entity["tags"] = checked_tags(call, entity.get("tags") or [])
    if "domains" in kind.keys and entity.get("domains"):
        entity["domains"] = [checked_reference(call, item, "domain") for item in entity["domains"]]
    if "dataProducts" in kind.keys and entity.get("dataProducts"):
        entity["dataProducts"] = checked_data_products(call, entity)
    if "extension" in kind.keys and entity.get("extension"):
        check_extension(call, kind.name, entity["extension"])
    if kind.name == "metric":
        settle_metric(call, entity)
    if kind.name == "dataContract":
        check_contract(call, entity)
    if kind.name == "table":
        entity["columns"] = [
            checked_column(call, column, entity["fullyQualifiedName"]) for column in entity["columns"]
        ]
        check_constraints(call, entity)


def check_contract(call: Call, contract: Entity) -> None:
    """Refuse a contract whose columns the table does not have in that spelling; 400."""
    table = call.store.by_id("table", contract["entity"]["id"])
    names = {column["name"] for column in table["columns"]} if table is not None else set()
    for column in contract.get("schema") or ():
        if table is not None and column["name"] not in names:
            raise ApiError(
                400,
                f"Field '{column['name']}' specified in the data contract does not exist in table "
                f"'{table['name']}'",
            )


def check_constraints(call: Call, table: Entity) -> None:
    """Refuse keys that are there twice, or whose columns or referred columns are not there; 400."""
    seen: list[Entity] = []
    for constraint in table.get("tableConstraints") or ():
        if constraint in seen:
            raise ApiError(400, f"Duplicate constraint found in request: {constraint}")
        seen.append(constraint)
        for name in constraint.get("columns") or ():
            _check_column(table, name)
        for fqn in constraint.get("referredColumns") or ():
            *above, name = split_fqn(fqn)
            there = call.store.by_fqn("table", join_fqn(*above))
            if join_fqn(*above) == table["fullyQualifiedName"]:
                there = table
            if there is None:
                raise ApiError(400, f"Table not found: {join_fqn(*above)}")
            _check_column(there, name)


def _check_column(table: Entity, name: str) -> None:
    if all(column["name"] != name for column in table["columns"]):
        raise ApiError(400, f"Invalid fully qualified column name {name}")


def settle_data_model(call: Call, table: Entity) -> None:
    """Settle a data model that a patch set. Unlike the PUT, its tags and owners stay in the model alone."""
    if table.get("dataModel") is None:
        return
    model = dict(table["dataModel"])
    model["tags"] = checked_tags(call, model.get("tags") or [])
    model["columns"] = [
        column | {"tags": checked_tags(call, column.get("tags") or [])} for column in model.get("columns", ())
    ]
    if "owners" in model:
        model["owners"] = checked_owners(call, model["owners"])
    table["dataModel"] = model


def checked_reference(call: Call, item: Any, expected: str = "") -> Entity:
    """The full reference that ``item`` (id and type) means; 404 where there is no such entity."""
    if not isinstance(item, dict) or "id" not in item or "type" not in item:
        raise ApiError(400, "[id must not be null, type must not be null]")
    kind = str(item["type"])
    if expected and kind != expected:
        raise ApiError(400, f"Entity type {kind} is invalid, expected {expected}")
    found = call.store.by_id(kind, str(item["id"]))
    if found is None:
        raise not_found(kind, str(item["id"]))
    return reference(kind, found)


def checked_data_products(call: Call, entity: Entity) -> list[Entity]:
    """Data products as full references, each of one of the entity's domains."""
    found = [checked_reference(call, item, "dataProduct") for item in entity["dataProducts"]]
    domains = {item["id"] for item in entity.get("domains") or ()}
    for product in found:
        stored = call.store.by_id("dataProduct", product["id"]) or {}
        if domains.isdisjoint(item["id"] for item in stored.get("domains") or ()):
            raise ApiError(400, _PRODUCT_RULE)
    return found


def checked_owners(call: Call, owners: Any) -> list[Entity]:
    """Owners as full references: several users, or one team."""
    if not isinstance(owners, list):
        raise ApiError(400, "Cannot deserialize value of type `java.util.ArrayList<EntityReference>`")
    for owner in owners:
        if isinstance(owner, dict) and owner.get("type") not in ("user", "team"):
            raise ApiError(400, f"Entity type {owner.get('type')} can't be an owner")
    found = [checked_reference(call, owner) for owner in owners]
    teams = [owner for owner in found if owner["type"] == "team"]
    if teams and len(found) > 1:
        raise ApiError(400, _OWNER_RULE)
    return found


def checked_tags(call: Call, tags: Any) -> list[Entity]:
    """Tag labels, each with its tag's name and description; none twice, none that exclude each other."""
    if not isinstance(tags, list):
        raise ApiError(400, "Cannot deserialize value of type `java.util.ArrayList<TagLabel>`")
    found: dict[str, Entity] = {}
    exclusive: dict[str, str] = {}
    for given in tags:
        label = check_body(release_of("latest"), given, TAG_LABEL)
        kind = "tag" if label["source"] == "Classification" else "glossaryTerm"
        tag = call.store.by_fqn(kind, label["tagFQN"])
        if tag is None:
            raise not_found(kind, label["tagFQN"])
        if label["tagFQN"] in found:
            continue
        if kind == "tag":
            classification = call.store.by_id("classification", tag["classification"]["id"]) or {}
            if classification.get("mutuallyExclusive"):
                other = exclusive.setdefault(classification["name"], label["tagFQN"])
                if other != label["tagFQN"]:
                    raise ApiError(
                        400,
                        f"Tag labels {other} and {label['tagFQN']} are mutually exclusive and can't be "
                        "assigned together",
                    )
        found[label["tagFQN"]] = {
            "tagFQN": label["tagFQN"],
            "name": tag["name"],
            "description": tag.get("description", ""),
            "source": label["source"],
            "labelType": label["labelType"],
            "state": label["state"],
        }
    return list(found.values())


def checked_column(call: Call, column: Any, parent: str) -> Entity:
    """A column with its FQN and whole tag labels."""
    found = check_body(release_of("latest"), column, COLUMN)
    found["fullyQualifiedName"] = f"{parent}.{join_fqn(found['name'])}"
    found["tags"] = checked_tags(call, found.get("tags") or [])
    if found.get("extension"):
        check_extension(call, COLUMN_TYPE, found["extension"])
    if found.get("children"):
        found["children"] = [
            checked_column(call, child, found["fullyQualifiedName"]) for child in found["children"]
        ]
    return found


def note_change(entity: Entity, stored: Entity, user: str, source: str) -> None:
    """Keep who wrote which description, as the server's change summary does."""
    before, after = _descriptions(stored), _descriptions(entity)
    changed = {
        path: text for path, text in after.items() if text != before.get(path) and (text or path in before)
    }
    if not changed:
        return
    change = dict(stored.get("changeDescription", {}))
    summary = dict(change.get("changeSummary", {}))
    for path in changed:
        summary[path] = {"changedBy": user, "changeSource": source, "changedAt": now_ms()}
    entity["changeDescription"] = {
        "fieldsAdded": [],
        "fieldsUpdated": [
            {"name": path, "oldValue": before.get(path) or "", "newValue": text or ""}
            for path, text in changed.items()
        ],
        "fieldsDeleted": [],
        "previousVersion": stored.get("version", 0.1),
        "changeSummary": summary,
    }


def _descriptions(entity: Entity) -> dict[str, str | None]:
    found: dict[str, str | None] = {"description": entity.get("description")}
    for column in entity.get("columns", ()):
        path = ".".join(split_fqn(column["fullyQualifiedName"])[4:])
        found[f"columns.{path}.description"] = column.get("description")
    return found
