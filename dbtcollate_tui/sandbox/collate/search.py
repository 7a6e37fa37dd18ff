"""The search index: by one field's value, by a query string, as far as the sync needs it."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import msgspec
from starlette.responses import Response

from dbtcollate_tui.sandbox.collate.api import ApiError, Call, Index, Router, answer
from dbtcollate_tui.sandbox.collate.entities import since
from dbtcollate_tui.sandbox.collate.store import Entity, Store

_INDEXES = {
    "table_search_index": "table",
    "table": "table",
    "database_search_index": "database",
    "database_schema_search_index": "databaseSchema",
    "database_service_search_index": "databaseService",
    "user_search_index": "user",
    "user": "user",
    "team_search_index": "team",
    "team": "team",
    "tag_search_index": "tag",
    "dashboard_search_index": "dashboard",
    "test_case_search_index": "testCase",
    "domain_search_index": "domain",
}
_EVERYTHING = ("all", "dataAsset")
_SEVERAL = re.compile(r"^(?P<field>[A-Za-z.]+):\((?P<values>.*)\)$")
_CLAUSE = re.compile(r'^(?P<field>[A-Za-z.]+):(?P<value>"[^"]*"|\S+)$')


def _check_up(call: Call) -> None:
    if call.collate.scenario.search == "down":
        raise ApiError(500, "Connection refused")


def _candidates(call: Call) -> list[tuple[str, Entity]]:
    index = call.query("index", "table_search_index")
    if index in _EVERYTHING:
        kinds = sorted(set(_INDEXES.values()))
    elif index in _INDEXES:
        kinds = [_INDEXES[index]]
    else:
        raise ApiError(
            500, f"Elasticsearch exception [type=index_not_found_exception, reason=no such index [{index}]]"
        )
    if call.collate.index is not None:
        return [(kind, entity) for kind in kinds for entity in call.collate.index.entities[kind]]
    return [(kind, entity) for kind in kinds for entity in call.store.every(kind)]


def index_of(store: Store) -> Index:
    """The search index as it is now."""
    entities = {kind: list(store.every(kind)) for kind in sorted(set(_INDEXES.values()))}
    results = {}
    for case in entities["testCase"]:
        latest = store.latest_result(case["fullyQualifiedName"])
        if latest is not None:
            results[case["fullyQualifiedName"]] = latest
    return Index(entities, results)


def field_query(call: Call) -> Response:
    """Entities whose field has that value; ``*`` matches any text."""
    _check_up(call)
    name, pattern = call.query("fieldName"), call.query("fieldValue")
    if "*" not in pattern and name == "fullyQualifiedName":
        kind = _INDEXES.get(call.query("index", "table_search_index"), "table")
        if call.collate.index is None:
            found = call.store.by_fqn(kind, pattern)
            hits = [(kind, found)] if found is not None else []
        else:
            hits = [hit for hit in _candidates(call) if hit[1]["fullyQualifiedName"] == pattern]
    else:
        matches = re.compile(fnmatch.translate(pattern.lower())).match
        hits = [
            (kind, entity)
            for kind, entity in _candidates(call)
            if matches(str(_value(entity, name) or "").lower())
        ]
    return _hits(call, hits)


def query(call: Call) -> Response:
    """Entities that match ``q`` and the query string in ``query_filter``."""
    _check_up(call)
    texts = [call.query("q", "*") or "*", *_filter_texts(call.query("query_filter"))]
    hits = [
        (kind, entity) for kind, entity in _candidates(call) if all(_matches(entity, text) for text in texts)
    ]
    return _hits(call, hits)


def _filter_texts(text: str) -> list[str]:
    if not text:
        return []
    try:
        pending: list[Any] = [msgspec.json.decode(text.encode())]
    except msgspec.DecodeError:
        raise ApiError(400, "Error parsing query_filter") from None
    found: list[str] = []
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            for key, value in item.items():
                if key == "query_string" and isinstance(value, dict):
                    found.append(str(value.get("query", "*")))
                elif key == "term" and isinstance(value, dict):
                    found.extend(_term(field, given) for field, given in value.items())
                else:
                    pending.append(value)
    return found


def _term(field: str, given: Any) -> str:
    value = given.get("value", "") if isinstance(given, dict) else given
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'{field}:"{text}"'


def _matches(entity: Entity, text: str) -> bool:
    return all(_clause(entity, clause.strip()) for clause in re.split(r"\s+AND\s+", text))


def _clause(entity: Entity, clause: str) -> bool:
    several = _SEVERAL.match(clause)
    if several is not None:
        parts = re.split(r"\s+OR\s+", several["values"])
        return any(_clause(entity, f"{several['field']}:{part}") for part in parts)
    clause = clause.strip("()")
    if clause in ("", "*", "**"):
        return True
    match = _CLAUSE.match(clause)
    if match is None:
        return _free_text(entity, clause)
    field = match["field"].removesuffix(".keyword")
    wanted = match["value"].strip('"').replace("\\", "").lower()
    value = _value(entity, field)
    if field == "isBot":
        return str(bool(value)).lower() == wanted
    text = str(value if value is not None else "").lower()
    if match["field"].endswith(".keyword") or match["value"].startswith('"'):
        return text == wanted
    return fnmatch.fnmatchcase(text, wanted) or wanted in re.split(r"[^a-z0-9]+", text)


def _free_text(entity: Entity, clause: str) -> bool:
    wanted = clause.strip('"').replace("\\", "").lower()
    texts = [str(entity.get(key, "")).lower() for key in ("name", "displayName", "fullyQualifiedName")]
    if "*" in wanted:
        return any(fnmatch.fnmatchcase(text, wanted) for text in texts)
    return any(wanted == text or wanted in re.split(r"[^a-z0-9_]+", text) for text in texts)


def _value(entity: Entity, path: str) -> Any:
    value: Any = entity
    for part in path.removesuffix(".keyword").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _hits(call: Call, hits: list[tuple[str, Entity]]) -> Response:
    start, size = call.number("from", 0) or 0, call.number("size", 10) or 0
    index = call.query("index", "table_search_index")
    shown = [
        {
            "_index": index,
            "_id": entity["id"],
            "_score": 1.0,
            "_source": {key: value for key, value in entity.items() if key != "connection"}
            | {"entityType": kind, "deleted": False},
        }
        for kind, entity in hits[start : start + size]
    ]
    return answer(
        {
            "took": 1,
            "timed_out": False,
            "hits": {
                "total": {"value": len(hits), "relation": "eq"},
                "max_score": 1.0 if shown else None,
                "hits": shown,
            },
            "aggregations": {},
        }
    )


def add_routes(router: Router) -> None:
    """The routes of this module."""
    router.add("GET", "search/query", query)
    router.add("GET", "search/fieldQuery", since(1, 2)(field_query))
