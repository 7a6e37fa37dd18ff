"""Find the dbt node that a person means: by any name, FQN or page address that names it. No IO."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.fqn import split_fqn
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.settings.model import SyncOptions

MOST_SUGGESTIONS = 8
SIMILAR = 75
"""How alike a name must be to be suggested, of 100."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The nodes that a name means exactly, and the names that are near where there is none or several.

    ``name`` is the name that was searched for, taken out of a page's address where one was given.
    ``is_ambiguous``: the suggestions all fit exactly.
    """

    name: str
    unique_ids: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    is_ambiguous: bool = False


def find_nodes(project: Project, text: str, options: SyncOptions | None = None) -> Lookup:
    """The nodes that ``text`` names.

    Takes a unique id, a model's name or alias, ``source.table``, ``schema.table``, ``database.schema.table``,
    an FQN of Collate, the address of a table's page in Collate or of a model's page in dbt Cloud, in any
    case, or a part of a name that only one node has. Several nodes may share a name or a table.
    """
    name = _name_in(text)
    wanted = without_service(name).casefold()
    nodes = [*project.nodes.values(), *project.ephemeral.values(), *project.disabled.values()]
    if not wanted:
        return Lookup(name)
    same = next((node for node in nodes if node.unique_id == name), None)
    if same is not None:
        table = _table(same)
        return Lookup(name, tuple(node.unique_id for node in nodes if _table(node) == table))
    found = [node for node in nodes if wanted in _identities(node, options)]
    found = found or [node for node in nodes if wanted in _short_names(node)]
    if found:
        return _result(name, found)
    parts = [node for node in nodes if any(wanted in known for known in _all_names(node, options))]
    if len({node.unique_id for node in parts}) == 1:
        return _result(name, parts)
    near = [node.unique_id for node in parts] or _similar(wanted, nodes)
    return Lookup(name, suggestions=tuple(dict.fromkeys(near))[:MOST_SUGGESTIONS])


def _result(name: str, found: list[Node]) -> Lookup:
    """One table's nodes, or suggestions where the name fits several tables."""
    tables = {_table(node) for node in found}
    ids = tuple(node.unique_id for node in found)
    if len({tuple(part.casefold() for part in table) for table in tables}) == 1:
        return Lookup(name, ids)
    return Lookup(name, suggestions=ids[:MOST_SUGGESTIONS], is_ambiguous=True)


def _table(node: Node) -> tuple[str, str, str]:
    return node.database or "", node.schema or "", node.identifier


def _name_in(text: str) -> str:
    """The name itself, or the one that a page's address holds."""
    text = text.strip()
    if "://" not in text:
        return text
    address = urlsplit(text)
    segments = [unquote(part) for part in address.path.split("/") if part]
    if "table" in segments and segments.index("table") + 1 < len(segments):
        return segments[segments.index("table") + 1]
    named = [part for part in segments if part.partition(".")[0] in _RESOURCES and "." in part]
    return named[-1] if named else (segments[-1] if segments else text)


_RESOURCES = frozenset({"model", "seed", "snapshot", "source"})


def _identities(node: Node, options: SyncOptions | None) -> set[str]:
    """Names that mean this node and hardly another."""
    schema, table = node.schema or "", node.identifier
    names = {node.unique_id, f"{schema}.{table}"}
    databases = {node.database or ""}
    if options is not None and node.database in options.database_map:
        databases.add(options.database_map[node.database])
    names |= {f"{database}.{schema}.{table}" for database in databases if database}
    if node.source_name:
        names.add(f"{node.source_name}.{node.name}")
    if node.relation_name:
        names.add(node.relation_name.translate(_QUOTES))
    return {name.casefold() for name in names}


_QUOTES = str.maketrans("", "", '"`[]')


def _short_names(node: Node) -> set[str]:
    return {node.name.casefold(), node.identifier.casefold()}


def _all_names(node: Node, options: SyncOptions | None) -> set[str]:
    return _identities(node, options) | _short_names(node)


def without_service(name: str) -> str:
    """The plain names of an FQN or relation joined by dots, without the service of Collate's four parts."""
    name = name.translate(_OTHER_QUOTES)
    try:
        parts = split_fqn(name)
    except ValueError:
        return name.translate(_QUOTES)
    return ".".join(parts[1:] if len(parts) == 4 else parts)


_OTHER_QUOTES = str.maketrans("", "", "`[]")


def _similar(wanted: str, nodes: Iterable[Node]) -> list[str]:
    ids: dict[str, list[str]] = {}
    for node in nodes:
        ids.setdefault(node.unique_id.rpartition(".")[2].casefold(), []).append(node.unique_id)
    near = nearest(wanted, ids, most=MOST_SUGGESTIONS, at_least=SIMILAR, in_part=True)
    return [unique_id for name in near for unique_id in ids[name]]
