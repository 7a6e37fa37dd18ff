"""Finds each dbt node's table among those of the server, and says why where there is none. No IO."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.adapters import adapter_of, is_type_for
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.plan.matching.matches import Cause, MatchReport, TableRef, Unmatched
from dbtcollate_tui.settings.model import SyncOptions

NO_DATABASE = "default"
"""OpenMetadata's name for the database of a warehouse that has none between service and schema."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one database service holds: its databases' names and the tables that were listed.

    ``databases`` may be more than those whose tables were listed.
    """

    service: str
    service_type: str
    databases: tuple[str, ...] = ()
    tables: tuple[TableRef, ...] = ()
    schemas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def wanted_databases(nodes: Iterable[Node], options: SyncOptions) -> frozenset[str]:
    """The database names in Collate, case-folded, that the nodes' tables may stand in."""
    return frozenset(_database(node, options).casefold() for node in nodes)


def wanted_tables(nodes: Iterable[Node]) -> frozenset[tuple[str, str]]:
    """(schema, table), both case-folded, of every node."""
    return frozenset(((node.schema or "").casefold(), node.identifier.casefold()) for node in nodes)


def _database(node: Node, options: SyncOptions) -> str:
    """The node's database by Collate's name: mapped where the person mapped it, "" where dbt has none."""
    name = node.database or ""
    if name in options.database_map:
        return options.database_map[name]
    for given, mapped in options.database_map.items():
        if given.casefold() == name.casefold():
            return mapped
    return name


class _Index:
    """Tables of one or several services by exact and by case-folded name."""

    def __init__(self, inventories: Sequence[Inventory]) -> None:
        self.inventories = inventories
        self.exact: dict[tuple[str, str, str], list[TableRef]] = defaultdict(list)
        self.folded: dict[tuple[str, str, str], list[TableRef]] = defaultdict(list)
        self.by_name: dict[str, list[TableRef]] = defaultdict(list)
        self.schemas: dict[str, dict[str, list[TableRef]]] = defaultdict(lambda: defaultdict(list))
        self.databases: dict[str, str] = {}
        self.known_schemas: set[tuple[str, str]] = set()
        self._names: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
        for inventory in inventories:
            for name in inventory.databases:
                self.databases.setdefault(name.casefold(), name)
            for database, schemas in inventory.schemas.items():
                self.known_schemas |= {(database.casefold(), schema.casefold()) for schema in schemas}
            for ref in inventory.tables:
                key = (ref.database, ref.schema, ref.name)
                self.exact[key].append(ref)
                self.folded[key[0].casefold(), key[1].casefold(), key[2].casefold()].append(ref)
                self.by_name[ref.name.casefold()].append(ref)
                self.schemas[ref.database.casefold()][ref.schema.casefold()].append(ref)
                self.databases.setdefault(ref.database.casefold(), ref.database)

    def names(self, database: str, schema: str) -> tuple[list[str], list[str]]:
        """The tables' names in a schema, and the same case-folded; both arguments are case-folded."""
        key = (database, schema)
        if key not in self._names:
            names = list(dict.fromkeys(ref.name for ref in self.schemas[database][schema]))
            self._names[key] = (names, [name.casefold() for name in names])
        return self._names[key]

    def only_database(self) -> str:
        """The database for nodes that name none: the one there is, else OpenMetadata's default."""
        names = set(self.databases.values())
        return names.pop() if len(names) == 1 else NO_DATABASE


def match(
    project: Project, inventories: Inventory | Sequence[Inventory], options: SyncOptions
) -> MatchReport:
    """Each node of the project with its table, or with the cause for having none.

    The first inventory is the profile's service; the others are searched only for what it lacks. Exact names
    win; else, unless ``match_case`` is ``exact``, a table whose names differ in case only, if it is the
    only one. Nothing is ever guessed.
    """
    given = (inventories,) if isinstance(inventories, Inventory) else tuple(inventories)
    indexes = [_Index([given[0]]), *([_Index(given[1:])] if len(given) > 1 else [])]
    matched: dict[str, TableRef] = {}
    by_case: set[str] = set()
    unmatched: list[Unmatched] = []
    for node in project.nodes.values():
        found, cased, several = _find(node, indexes, options)
        if found is not None:
            matched[node.unique_id] = found
            if cased:
                by_case.add(node.unique_id)
        else:
            unmatched.append(_why(node, project, indexes[0], several, options))
    unmatched.extend(_harmless(node, given[0].service, "ephemeral") for node in project.ephemeral.values())
    unmatched.extend(_harmless(node, given[0].service, "disabled") for node in project.disabled.values())
    return MatchReport(matched, tuple(unmatched), frozenset(by_case), _shared(project, matched))


def _find(
    node: Node, indexes: Sequence[_Index], options: SyncOptions
) -> tuple[TableRef | None, bool, list[TableRef]]:
    several: list[TableRef] = []
    for index in indexes:
        database = _database(node, options) or index.only_database()
        key = (database, node.schema or "", node.identifier)
        exact = index.exact.get(key, [])
        if len(exact) == 1:
            return exact[0], False, []
        folded = index.folded.get((key[0].casefold(), key[1].casefold(), key[2].casefold()), [])
        if not exact and len(folded) == 1 and options.match_case == "exact_then_unique":
            return folded[0], True, []
        several = several or exact or folded
    return None, False, several


def _shared(project: Project, matched: Mapping[str, TableRef]) -> dict[str, tuple[str, ...]]:
    """Tables that several nodes claim; what dbt builds comes before a source, which only reads it."""
    claims: dict[str, list[str]] = defaultdict(list)
    for unique_id, ref in matched.items():
        claims[ref.fqn].append(unique_id)
    rank = {"model": 0, "snapshot": 1, "seed": 2, "source": 3}
    return {
        fqn: tuple(sorted(ids, key=lambda unique_id: rank[project.nodes[unique_id].resource_type]))
        for fqn, ids in claims.items()
        if len(ids) > 1
    }


def _looked_for(node: Node, service: str, database: str) -> str:
    parts = [part for part in (service, database, node.schema or "", node.identifier) if part]
    return join_fqn(*parts)


def _harmless(node: Node, service: str, cause: Cause) -> Unmatched:
    detail = (
        "dbt builds no table for an ephemeral model; its lineage goes through to its parents"
        if cause == "ephemeral"
        else "dbt leaves this node out"
    )
    return Unmatched(node.unique_id, _looked_for(node, service, node.database or NO_DATABASE), cause, detail)


def _why(
    node: Node, project: Project, index: _Index, several: list[TableRef], options: SyncOptions
) -> Unmatched:
    inventory = index.inventories[0]
    service = inventory.service
    database = _database(node, options) or index.only_database()
    schema = node.schema or ""
    fqn = _looked_for(node, service, database)

    def result(cause: Cause, detail: str, fix: str, candidates: Iterable[str] = ()) -> Unmatched:
        return Unmatched(node.unique_id, fqn, cause, detail, tuple(candidates), fix)

    if several:
        names = [ref.fqn for ref in several]
        if len(several) == 1:
            return result(
                "case_differs",
                f"Collate has {names[0]}",
                "Match regardless of case (option match_case = exact_then_unique)",
                names,
            )
        return result(
            "ambiguous",
            f"{len(names)} tables have this name, differing in case or service only",
            "Delete the outdated table in Collate, or match exact names and correct dbt's spelling",
            names,
        )
    if database.casefold() not in index.databases:
        if not is_type_for(project.adapter_type, inventory.service_type):
            expected = " or ".join(adapter_of(project.adapter_type).service_types)
            return result(
                "wrong_service",
                f"{service} is of type {inventory.service_type}, dbt's adapter is {project.adapter_type}",
                f"Choose a database service of type {expected}",
            )
        near = _nearest(database, index.databases.values(), 70)
        known = ", ".join(sorted(index.databases.values())[:5]) or "none"
        return result(
            "database_not_ingested",
            f"{service} has no database {database} (it has: {known})",
            f"Ingest database {database} into {service}, or map it to the name it has there (database_map)",
            [join_fqn(service, name) for name in near],
        )
    real_database = index.databases[database.casefold()]
    schemas = index.schemas[database.casefold()]
    if schema.casefold() not in schemas:
        if (database.casefold(), schema.casefold()) in index.known_schemas:
            return result(
                "table_not_ingested",
                f"Collate has schema {schema} of {real_database}, with no table in it",
                f"Run the metadata ingestion of {service}; its table filter may leave {node.identifier} out",
            )
        near = _nearest(schema, (refs[0].schema for refs in schemas.values()), 75)
        return result(
            "schema_not_ingested",
            f"Collate has database {real_database}, but no schema {schema} in it",
            f"Add schema {schema} to the schema filter of {service}'s metadata ingestion, and run it",
            [join_fqn(service, real_database, name) for name in near],
        )
    refs = schemas[schema.casefold()]
    names, folded = index.names(database.casefold(), schema.casefold())
    near = _nearest(node.identifier, names, 80, folded)
    candidates = [ref.fqn for name in near for ref in refs if ref.name == name]
    elsewhere = [ref.fqn for ref in index.by_name.get(node.identifier.casefold(), ())]
    candidates += [name for name in elsewhere if name not in candidates]
    if candidates:
        return result(
            "name_differs",
            f"Schema {schema} has no table {node.identifier}; nearest: {candidates[0]}",
            "If it is the same table, set the node's alias, identifier or schema in dbt to the name it has",
            candidates[:3],
        )
    return result(
        "table_not_ingested",
        f"Collate has schema {schema}, but no table {node.identifier} in it",
        f"Run the metadata ingestion of {service} after dbt has built it; its table filter may leave it out",
    )


def _nearest(
    name: str, choices: Iterable[str], cutoff: float, folded: Sequence[str] | None = None
) -> list[str]:
    """At most three of the choices that are like the name, nearest first; ``cutoff`` of 100.

    ``folded`` are the choices case-folded, where the caller has them.
    """
    names = list(choices)
    lower = folded if folded is not None else [choice.casefold() for choice in names]
    from rapidfuzz import fuzz, process

    found = process.extract(name.casefold(), lower, scorer=fuzz.ratio, limit=3, score_cutoff=cutoff)
    return list(dict.fromkeys(names[place] for _, _, place in found))
