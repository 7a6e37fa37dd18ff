"""Finds each dbt node's table among those of the server, and says why where there is none. No IO."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui import wording
from dbtcollate_tui.adapters import NO_DATABASE, Adapter, adapter_of, is_type_for
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.fqn import join_fqn, plain_name
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.plan.matching.matches import Cause, MatchReport, TableRef, Unmatched
from dbtcollate_tui.settings.model import SyncOptions


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


def wanted_databases(
    project: Project, options: SyncOptions, known: Iterable[str] | None = None
) -> frozenset[str]:
    """The databases in Collate, case-folded, that may hold the project's tables.

    ``known`` are those of a service. Without them the names are dbt's, mapped, and "" where dbt names none.
    """
    adapter = adapter_of(project.adapter_type)
    if known is None:
        return frozenset(_named_database(node, options).casefold() for node in project.nodes.values())
    names = {name.casefold(): name for name in known}
    pairs = {(node.database or "", _named_database(node, options)) for node in project.nodes.values()}
    return frozenset(
        database.casefold() for _, named in pairs for database in _possible_databases(named, adapter, names)
    )


def wanted_tables(nodes: Iterable[Node]) -> frozenset[tuple[str, str]]:
    """(schema, table), both case-folded, of every node."""
    return frozenset(((node.schema or "").casefold(), node.identifier.casefold()) for node in nodes)


def is_wanted(ref: TableRef, wanted: frozenset[tuple[str, str]]) -> bool:
    """Whether a table may be one of those that `wanted_tables` gives."""
    return (plain_name(ref.schema).casefold(), plain_name(ref.name).casefold()) in wanted


def _named_database(node: Node, options: SyncOptions) -> str:
    """The node's database by Collate's name: mapped where the person mapped it, "" where dbt has none.

    A node without a database is mapped by the key that messages name, ``default``, or by an empty one.
    """
    name = node.database or ""
    keys = (name,) if name else ("", NO_DATABASE)
    for key in keys:
        if key in options.database_map:
            return options.database_map[key]
    for given, mapped in options.database_map.items():
        if given.casefold() in {key.casefold() for key in keys}:
            return mapped
    return name


def _possible_databases(named: str, adapter: Adapter, known: Mapping[str, str]) -> tuple[str, ...]:
    """The databases that may hold a node's table, by the name it has; ``known`` are the service's.

    More than one where the warehouse has no database level, or dbt names none: then the table is the one of
    its schema and name, if there is only one.
    """
    if named.casefold() in known:
        return (named,)
    if len(known) == 1 and (not named or NO_DATABASE in known or not adapter.has_database):
        return tuple(known.values())
    if not named or not adapter.has_database:
        return tuple(known.values())
    return (named,)


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
                key = (plain_name(ref.database), plain_name(ref.schema), plain_name(ref.name))
                folded = (key[0].casefold(), key[1].casefold(), key[2].casefold())
                self.exact[key].append(ref)
                self.folded[folded].append(ref)
                self.by_name[folded[2]].append(ref)
                self.schemas[folded[0]][folded[1]].append(ref)
                self.databases.setdefault(folded[0], key[0])

    def names(self, database: str, schema: str) -> tuple[list[str], list[str]]:
        """The tables' names in a schema, and the same case-folded; both arguments are case-folded."""
        key = (database, schema)
        if key not in self._names:
            names = list(dict.fromkeys(plain_name(ref.name) for ref in self.schemas[database][schema]))
            self._names[key] = (names, [name.casefold() for name in names])
        return self._names[key]

    def possible(self, node: Node, adapter: Adapter, options: SyncOptions) -> tuple[str, ...]:
        """The databases that may hold the node's table, OpenMetadata's default before others."""
        found = _possible_databases(_named_database(node, options), adapter, self.databases)
        return tuple(sorted(found, key=lambda name: name.casefold() != NO_DATABASE)) or (NO_DATABASE,)


def match(
    project: Project, inventories: Inventory | Sequence[Inventory], options: SyncOptions
) -> MatchReport:
    """Each node of the project with its table, or with the cause for having none.

    The first inventory is the profile's service; the others are searched only for what it lacks. Exact names
    win; else, unless ``match_case`` is ``exact``, a table whose names differ in case only, if it is the
    only one. Nothing is ever guessed.
    """
    given = (inventories,) if isinstance(inventories, Inventory) else tuple(inventories)
    adapter = adapter_of(project.adapter_type)
    indexes = [_Index([given[0]]), *([_Index(given[1:])] if len(given) > 1 else [])]
    matched: dict[str, TableRef] = {}
    by_case: set[str] = set()
    unmatched: list[Unmatched] = []
    for node in project.nodes.values():
        found, cased, several = _find(node, indexes, adapter, options)
        if found is not None:
            matched[node.unique_id] = found
            if cased:
                by_case.add(node.unique_id)
        elif not node.is_pointer:
            unmatched.append(_why(node, project, indexes[0], several, options))
    _drop_claimed_pointers(project, matched)
    unmatched.extend(_harmless(node, given[0].service, "ephemeral") for node in project.ephemeral.values())
    unmatched.extend(_harmless(node, given[0].service, "disabled") for node in project.disabled.values())
    return MatchReport(matched, tuple(unmatched), frozenset(by_case), _shared(project, matched))


def _drop_claimed_pointers(project: Project, matched: dict[str, TableRef]) -> None:
    """A view on a latest version is assumed only where no node that dbt names claims the table."""
    named = {ref.fqn for unique_id, ref in matched.items() if not project.nodes[unique_id].is_pointer}
    for unique_id, ref in list(matched.items()):
        if project.nodes[unique_id].is_pointer and ref.fqn in named:
            del matched[unique_id]


def _find(
    node: Node, indexes: Sequence[_Index], adapter: Adapter, options: SyncOptions
) -> tuple[TableRef | None, bool, list[TableRef]]:
    several: list[TableRef] = []
    for index in indexes:
        databases = index.possible(node, adapter, options)
        if len(databases) > 1 and databases[0].casefold() == NO_DATABASE:
            found = _find_in(node, index, databases[:1], options)
            if found[0] is not None:
                return found
        found = _find_in(node, index, databases, options)
        if found[0] is not None:
            return found
        several = several or found[2]
    return None, False, several


def _find_in(
    node: Node, index: _Index, databases: Sequence[str], options: SyncOptions
) -> tuple[TableRef | None, bool, list[TableRef]]:
    """The only table of the node's name in these databases, whether case was ignored, or all that fit."""
    schema, name = node.schema or "", node.identifier
    exact = [ref for database in databases for ref in index.exact.get((database, schema, name), ())]
    if len(exact) == 1:
        return exact[0], False, []
    folded = [
        ref
        for database in databases
        for ref in index.folded.get((database.casefold(), schema.casefold(), name.casefold()), ())
    ]
    if not exact and len(folded) == 1 and options.match_case == "exact_then_unique":
        return folded[0], True, []
    return None, False, exact or folded


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
    adapter = adapter_of(project.adapter_type)
    possible = index.possible(node, adapter, options)
    schema = node.schema or ""
    named = _named_database(node, options)
    if len(possible) == 1:
        database = possible[0]
    else:
        having = (name for name in possible if schema.casefold() in index.schemas.get(name.casefold(), {}))
        database = next(having, named or possible[0])
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
        if len({ref.database for ref in several}) > 1 and len(possible) > 1:
            given = node.database or NO_DATABASE
            return result(
                "ambiguous",
                f"{wording.count(len(names), 'database')} have this schema and table, and dbt names none",
                f'Map the database: database_map, {given} = "{several[0].database}"',
                names,
            )
        return result(
            "ambiguous",
            f"{len(names)} tables have this name, differing in case or service only",
            "Delete the outdated table in Collate, or match exact names and correct dbt's spelling",
            names,
        )
    blanks = _with_blanks(node)
    if blanks:
        what, text = blanks
        trimmed = _trimmed(node, index)
        return result(
            "name_differs",
            f"dbt's {what} {text!r} begins or ends with a blank"
            + (f"; without it, it is {trimmed}" if trimmed else ""),
            f"Remove the blank from the {what} in dbt",
            [trimmed] if trimmed else (),
        )
    if database.casefold() not in index.databases:
        if not is_type_for(project.adapter_type, inventory.service_type):
            expected = " or ".join(adapter.service_types)
            return result(
                "wrong_service",
                f"{service} is of type {inventory.service_type}, dbt's adapter is {project.adapter_type}",
                f"Choose a database service of type {expected}",
            )
        near = nearest(database, index.databases.values(), at_least=70)
        known = ", ".join(sorted(index.databases.values())[:5]) or "none"
        return result(
            "database_not_ingested",
            f"{service} has no database {database} (it has: {known})",
            f"Ingest database {database} into {service}, or map it to the name it has there "
            f"(database_map, {node.database or NO_DATABASE} = …)",
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
        near = nearest(schema, (refs[0].schema for refs in schemas.values()), at_least=75)
        return result(
            "schema_not_ingested",
            f"Collate has database {real_database}, but no schema {schema} in it",
            f"Add schema {schema} to the schema filter of {service}'s metadata ingestion, and run it",
            [join_fqn(service, real_database, name) for name in near],
        )
    refs = schemas[schema.casefold()]
    shards = _shards(node.identifier, refs)
    if shards:
        return result(
            "wildcard",
            f"{node.identifier} matches {wording.count(len(shards), 'table')} in Collate, "
            f"the latest is {shards[-1].fqn}",
            f"Set the source's identifier to one table, such as {shards[-1].name}, to describe that one; "
            "a wildcard has no table of its own",
            [ref.fqn for ref in reversed(shards[-3:])],
        )
    prefixed = [
        ref for ref in refs if plain_name(ref.name).casefold() == f"{schema}.{node.identifier}".casefold()
    ]
    if prefixed:
        return result(
            "name_differs",
            f"Collate's name has the schema in front: {prefixed[0].fqn}",
            f"Run the metadata ingestion of {service} with a current connector, which names the table "
            f"{node.identifier}, and delete {prefixed[0].fqn}",
            [ref.fqn for ref in prefixed],
        )
    names, folded = index.names(database.casefold(), schema.casefold())
    near = nearest(node.identifier, names, at_least=80, folded=folded)
    candidates = [ref.fqn for name in near for ref in refs if plain_name(ref.name) == name]
    elsewhere = [ref.fqn for ref in index.by_name.get(node.identifier.casefold(), ())]
    candidates += [name for name in elsewhere if name not in candidates]
    whole = "" if adapter.lists_partitions else _whole_of(node.identifier, names)
    if candidates and not whole:
        return result(
            "name_differs",
            f"Schema {schema} has no table {node.identifier}; nearest: {candidates[0]}",
            "If it is the same table, set the node's alias, identifier or schema in dbt to the name it has",
            candidates[:3],
        )
    fix = f"Run the metadata ingestion of {service} after dbt has built it; its table filter may leave it out"
    if whole:
        fix = (
            f"If {node.identifier} is a partition of {whole}: partitions are not ingested, only the "
            f"partitioned table is. Describe {whole} instead. Otherwise: {fix[0].lower()}{fix[1:]}"
        )
    elif not adapter.lists_partitions:
        fix += ". A partition is never ingested, only its partitioned table is"
    return result(
        "table_not_ingested", f"Collate has schema {schema}, but no table {node.identifier} in it", fix
    )


def _with_blanks(node: Node) -> tuple[str, str] | None:
    """The first part of the node's name that begins or ends with a blank, and what it is."""
    parts = (
        ("database", node.database or ""),
        ("schema", node.schema or ""),
        ("identifier", node.identifier),
    )
    return next(((what, text) for what, text in parts if text != text.strip()), None)


def _trimmed(node: Node, index: _Index) -> str:
    """The table that the node would have without the blanks around its names."""
    database, schema, name = (
        (part or "").strip().casefold() for part in (node.database, node.schema, node.identifier)
    )
    found = [
        ref
        for known in ([database] if database in index.databases else index.databases)
        for ref in index.folded.get((known, schema, name), ())
    ]
    return found[0].fqn if len(found) == 1 else ""


_SHARD = re.compile(r"\d{4,8}(?:_?\d{2}){0,2}")


def _shards(identifier: str, refs: Iterable[TableRef]) -> list[TableRef]:
    """The tables that a wildcard, or the bare prefix of date-sharded tables, matches, by name."""
    if "*" in identifier:
        pattern = re.compile(".*".join(map(re.escape, identifier.split("*"))), re.IGNORECASE)
        found = [ref for ref in refs if pattern.fullmatch(plain_name(ref.name))]
    else:
        prefix = identifier.casefold().rstrip("_") + "_"
        found = [
            ref
            for ref in refs
            if ref.name.casefold().startswith(prefix) and _SHARD.fullmatch(ref.name[len(prefix) :])
        ]
        found = found if len(found) > 1 else []
    return sorted(found, key=lambda ref: ref.name)


def _whole_of(identifier: str, names: Iterable[str]) -> str:
    """The longest name that this one continues, as a partition's does: ``events`` of ``events_2026``."""
    longer = identifier.casefold()
    found = [name for name in names if longer.startswith(f"{name.casefold()}_")]
    return max(found, key=len, default="")
