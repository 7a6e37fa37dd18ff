"""Coverage counted a second time: from the artifacts' JSON and Collate's answers, without the program."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Pair = tuple[int, int]


def recount(
    manifest: Mapping[str, Any],
    run_results: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, str | None],
    edges: Mapping[tuple[str, str], Any],
) -> dict[str, Pair]:
    """How many dbt has and how many of these Collate has, by fact.

    ``tables`` are by ``database.schema.name``, ``results`` are statuses by test case below the service,
    ``edges`` are by the two tables' names.
    """
    nodes = {
        one: node
        for one, node in (*manifest["nodes"].items(), *manifest.get("sources", {}).items())
        if node["resource_type"] in ("model", "seed", "snapshot", "source")
        and (node.get("config") or {}).get("materialized") != "ephemeral"
        and (node.get("config") or {}).get("enabled", True)
    }
    by_name = {name.casefold().replace('"', ""): name for name in tables}
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(fact: str, dbt: int, collate: int) -> None:
        found[fact][0] += dbt
        found[fact][1] += min(dbt, collate)

    ran = [item for item in run_results.get("results", ()) if item["status"] != "success"]
    statuses = {item["unique_id"]: item["status"] for item in ran}
    tests = {one: node for one, node in manifest["nodes"].items() if node["resource_type"] == "test"}
    for one, node in nodes.items():
        parts = (
            node["database"],
            node["schema"],
            node.get("identifier") or node.get("alias") or node["name"],
        )
        name = by_name.get(".".join(str(part) for part in parts).casefold(), "")
        table = tables.get(name, {})
        count("matched", 1, bool(name))
        count("described", bool(_text(node)), bool(_text(table)))
        texts = {column["name"].casefold(): _text(column) for column in table.get("columns", ())}
        described = [column for column in node.get("columns", {}).values() if _text(column)]
        count("columns", len(described), sum(bool(texts.get(c["name"].casefold())) for c in described))
        own = [test for test, item in tests.items() if _tested(item) == one]
        cases = [_case(results, name, tests[test]) for test in own]
        count("tested", bool(own), any(case is not None for case in cases))
        for test, case in zip(own, cases, strict=True):
            passed = statuses.get(test) == "pass"
            count("passing", passed, case is not None and results[case] == "Success")
        parents = _parents(one, manifest, nodes)
        above = {upper for upper, lower in edges if lower == name}
        count("lineage", bool(parents), bool(above))
    return {fact: (dbt, collate) for fact, (dbt, collate) in found.items()}


def _text(item: Mapping[str, Any]) -> str:
    return str(item.get("description") or "").strip()


def _tested(test: Mapping[str, Any]) -> str:
    """The node that a test is written under, else the first that it reads (sources' tests, singular ones)."""
    parents = (test.get("depends_on") or {}).get("nodes") or ()
    return test.get("attached_node") or (parents[0] if parents else "")


def _case(results: Mapping[str, str | None], table: str, test: Mapping[str, Any]) -> str | None:
    start, end = f"{table}.".casefold(), f".{test['name']}".casefold()
    names = ((case, case.casefold().replace('"', "")) for case in results)
    return next(
        (case for case, name in names if table and name.startswith(start) and name.endswith(end)), None
    )


def _parents(one: str, manifest: Mapping[str, Any], nodes: Mapping[str, Any]) -> set[str]:
    """The nodes with a table that one reads, through ephemeral models."""
    found: set[str] = set()
    waiting = list((nodes[one].get("depends_on") or {}).get("nodes") or ())
    seen = set(waiting)
    while waiting:
        parent = waiting.pop()
        if parent in nodes:
            found.add(parent)
        elif (node := manifest["nodes"].get(parent)) is not None:
            more = set((node.get("depends_on") or {}).get("nodes") or ()) - seen
            seen |= more
            waiting.extend(more)
    return found
