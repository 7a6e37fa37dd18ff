"""Coverage counted a second time: from the artifacts' JSON and Collate's answers, without the program."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify

Pair = tuple[int, int]


def recount(
    manifest: Mapping[str, Any],
    run_results: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, str | None],
    edges: Mapping[tuple[str, str], Any],
    catalog: Mapping[str, Any],
    metrics: Collection[str],
) -> dict[str, Pair]:
    """How many dbt has and how many of these Collate has, by fact.

    ``tables`` are by ``database.schema.name``, ``results`` are statuses by test case below the service,
    ``edges`` are details by the two tables' names, ``metrics`` are the names in Collate.
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
        count("owned", bool(_owners(one, node, catalog)), bool(table.get("owners")))
        count("tagged", _is_tagged(node), bool(table.get("tags")))
        mapped = any(edge.get("columnsLineage") for (_, lower), edge in edges.items() if lower == name)
        count("column_lineage", _reads_columns(node, set(texts), manifest, tables), mapped)
    declared = {
        item["name"]
        for item in manifest.get("metrics", {}).values()
        if (item.get("config") or {}).get("enabled", True)
    }
    for metric in declared:
        count("metrics", 1, metric in metrics)
    return {fact: (dbt, collate) for fact, (dbt, collate) in found.items()}


def _metas(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for meta in (item.get("meta"), (item.get("config") or {}).get("meta")):
        if isinstance(meta, dict):
            yield meta


def _settings(item: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for meta in _metas(item):
        for key in ("openmetadata", "open_metadata"):
            given = meta.get(key)
            if isinstance(given, dict):
                found = {**given, **found}
    return found


def _owners(one: str, node: Mapping[str, Any], catalog: Mapping[str, Any]) -> list[Any]:
    """Whoever is named as an owner, the warehouse's role included."""
    there = {**catalog.get("nodes", {}), **catalog.get("sources", {})}.get(one, {})
    listed = [
        _settings(node).get("owner"),
        *(meta.get("owner") for meta in _metas(node)),
        (there.get("metadata") or {}).get("owner"),
    ]
    return [owner for owner in listed if _names_someone(owner)]


def _names_someone(owner: Any) -> bool:
    items = owner if isinstance(owner, list) else [owner]
    names = [item.get("email") or item.get("name") if isinstance(item, dict) else item for item in items]
    return any(name and isinstance(name, str | int) and name is not True for name in names)


def _is_tagged(node: Mapping[str, Any]) -> bool:
    settings = _settings(node)
    named = settings.get("tags")
    tags = [named] if isinstance(named, str) else named or []
    own = (node.get("tags"), (node.get("config") or {}).get("tags"))
    return bool(
        any(own) or settings.get("tier") or settings.get("glossary") or any("." in str(tag) for tag in tags)
    )


def _reads_columns(
    node: Mapping[str, Any],
    columns_there: Collection[str],
    manifest: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Whether sqlglot's own lineage leads one of the node's columns there to one of these tables."""
    code = node.get("compiled_code") or node.get("compiled_sql")
    if not code or node["resource_type"] not in ("model", "snapshot"):
        return False
    dialect = manifest["metadata"].get("adapter_type")
    schema: dict[str, Any] = {}
    known: set[str] = set()
    for name, table in tables.items():
        parts = name.replace('"', "").split(".")
        if len(parts) == 3:
            columns = {column["name"]: "text" for column in table.get("columns", ())}
            if not columns:
                continue
            known.add(".".join(parts).casefold())
            schema.setdefault(parts[0], {}).setdefault(parts[1], {})[parts[2]] = columns
    try:
        tree = parse_one(code, dialect=dialect)
        if not isinstance(tree, exp.Query):
            return False
        whole = qualify(tree.copy(), schema=schema, dialect=dialect, validate_qualify_columns=False)
        names = whole.named_selects if isinstance(whole, exp.Query) else ()
        for name in (name for name in names if name.casefold() in columns_there):
            for step in lineage(name, tree, schema=schema, dialect=dialect).walk():
                if isinstance(step.expression, exp.Table):
                    read = ".".join(part.name for part in step.expression.parts).casefold()
                    if any(item == read or item.endswith(f".{read}") for item in known):
                        return True
    except (SqlglotError, ValueError, KeyError):
        return False
    return False


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
