"""What a Collate holds, as flat facts that two servers can be compared by: no id, no version, no order."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from dbtcollate_tui.sandbox.server import Sandbox

Fact = tuple[str, ...]
"""FQN of the asset, then what is told of it."""
Held = dict[Fact, str]

_CASE_FIELDS = "testDefinition,testSuite,testCaseResult"
_TABLE_FIELDS = "columns,tags,owners,dataModel,testSuite,domains,extension"


def held(sandbox: Sandbox) -> Held:
    """Everything a sync may have written in this sandbox's Collate, read through its API."""
    headers = {"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"}
    with httpx.Client(base_url=f"{sandbox.collate_url}/api/v1", headers=headers, timeout=30) as client:
        return dict(_facts(client))


def _get(client: httpx.Client, path: str, **params: str | int) -> Any:
    answer = client.get(path, params=params)
    answer.raise_for_status()
    return answer.json()


def _facts(client: httpx.Client) -> list[tuple[Fact, str]]:
    found: list[tuple[Fact, str]] = []
    for kind in ("classifications", "tags", "dataQuality/testDefinitions"):
        for entity in _get(client, kind, limit=1000)["data"]:
            found.append(((entity["fullyQualifiedName"], kind), "there"))
    for table in _get(client, "tables", limit=1000, fields=_TABLE_FIELDS)["data"]:
        found += _of_table(table)
        lineage = _get(client, f"lineage/table/{table['id']}", upstreamDepth=1, downstreamDepth=1)
        names = {node["id"]: node["fullyQualifiedName"] for node in (lineage["entity"], *lineage["nodes"])}
        for edge in (*lineage["upstreamEdges"], *lineage["downstreamEdges"]):
            found += _of_edge(names[edge["fromEntity"]], names[edge["toEntity"]], edge["lineageDetails"])
    cases = _get(client, "dataQuality/testCases", limit=1000, fields=_CASE_FIELDS)
    for case in cases["data"]:
        found += _of_case(case)
    return found


def _of_table(table: Mapping[str, Any]) -> list[tuple[Fact, str]]:
    fqn = table["fullyQualifiedName"]
    found: list[tuple[Fact, str]] = [((fqn, "description"), table.get("description", ""))]
    found += [((fqn, "owner", owner["name"]), owner["type"]) for owner in table.get("owners", ())]
    found += [((fqn, "domain", domain["name"]), "there") for domain in table.get("domains", ())]
    found += [((fqn, "property", name), _text(value)) for name, value in table.get("extension", {}).items()]
    found += [((fqn, "tag", label["tagFQN"]), label["source"]) for label in table.get("tags", ())]
    for column in table["columns"]:
        found.append(((fqn, "column", column["name"], "description"), column.get("description", "")))
        found += [
            ((fqn, "column", column["name"], "tag", label["tagFQN"]), label["source"])
            for label in column.get("tags", ())
        ]
    model = table.get("dataModel")
    if model is None:
        return found
    for key, value in model.items():
        place = (fqn, "dataModel", key)
        if key == "columns":
            for column in value:
                for field, told in column.items():
                    found.append(((*place, column["name"], field), _text(told)))
        elif key == "upstream":
            found += [((*place, upstream), "there") for upstream in value]
        else:
            found.append((place, _text(value)))
    return found


def _of_edge(above: str, below: str, details: Mapping[str, Any]) -> list[tuple[Fact, str]]:
    place = (below, "lineage", above)
    found: list[tuple[Fact, str]] = [
        (place, details.get("source", "")),
        ((*place, "sqlQuery"), details.get("sqlQuery", "")),
    ]
    made_of: dict[str, set[str]] = {}
    for columns in details.get("columnsLineage") or ():
        made_of.setdefault(columns["toColumn"], set()).update(columns["fromColumns"])
    found += [((*place, "column", column), ", ".join(sorted(of))) for column, of in made_of.items()]
    return found


def _of_case(case: Mapping[str, Any]) -> list[tuple[Fact, str]]:
    place = (case["fullyQualifiedName"], "test")
    found: list[tuple[Fact, str]] = [
        ((*place, "definition"), case["testDefinition"]["name"]),
        ((*place, "entityLink"), case["entityLink"]),
        ((*place, "suite"), case["testSuite"]["fullyQualifiedName"]),
        ((*place, "description"), case.get("description", "")),
        ((*place, "parameters"), _text(case.get("parameterValues", []))),
    ]
    result = case.get("testCaseResult")
    if result is not None:
        found += [((*place, "result", key), _text(result.get(key, ""))) for key in _RESULT_KEYS]
    return found


_RESULT_KEYS = ("timestamp", "testCaseStatus", "result", "testResultValue")


def _text(value: Any) -> str:
    """A value as text; references and labels by name alone."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "fullyQualifiedName" in value:
        return str(value["fullyQualifiedName"])
    if isinstance(value, list) and value and isinstance(value[0], dict):
        named = [item.get("tagFQN") or item.get("fullyQualifiedName") or item for item in value]
        return json.dumps(sorted(named, key=str), sort_keys=True)
    return json.dumps(value, sort_keys=True)
