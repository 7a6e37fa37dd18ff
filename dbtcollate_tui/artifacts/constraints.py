"""Constraints of models, and which parents are in ``depends_on`` only because a foreign key names them.

dbt adds what a foreign key's ``to`` names to the model's ``refs`` (or ``sources``) and so to ``depends_on``.
It does not merge: one key and one ``ref()`` in the SQL give two entries.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from sys import intern

import msgspec

from dbtcollate_tui.artifacts.project import Constraint, Node
from dbtcollate_tui.artifacts.shapes import ManifestConstraint, ManifestNode

FOREIGN_KEY = "foreign_key"
_CALL = re.compile(r"^\s*(ref|source)\s*\((.*)\)\s*$", re.DOTALL)
_TEXT = re.compile(r"""['"]([^'"]*)['"]""")
_VERSION = re.compile(r"""\b(?:v|version)\s*=\s*['"]?([^'",)\s]+)""")


@dataclass(frozen=True, slots=True)
class _Ref:
    """A call of ``ref`` (``source`` empty) or ``source``."""

    name: str
    package: str = ""
    version: str = ""
    source: str = ""


class KeyReader:
    """Reads the constraints of each entry, and resolves the foreign keys once all nodes are known."""

    def __init__(self) -> None:
        self._calls: dict[str, list[_Ref]] = {}

    def read(self, unique_id: str, entry: ManifestNode) -> tuple[Constraint, ...]:
        """The constraints of the model, then those of its columns; foreign keys are not resolved yet."""
        found = [_constraint(item, item.columns or ()) for item in entry.constraints or () if item.type]
        for key, column in (entry.columns or {}).items():
            for item in column.constraints or ():
                if item.type:
                    found.append(_constraint(item, (column.name or key,)))
        if any(item.type == FOREIGN_KEY for item in found):
            self._calls[unique_id] = [*_refs(entry.refs), *_sources(entry.sources)]
        return tuple(found)

    def resolve(
        self, nodes: MutableMapping[str, Node], ephemeral: MutableMapping[str, Node], root: str
    ) -> None:
        """Say of each foreign key which node it refers to, and of each node which parents it does not read.

        ``root`` is the project's name: a lone name means the node's own package, then the root project.
        """
        for unique_id, calls in self._calls.items():
            for group in (nodes, ephemeral):
                node = group.get(unique_id)
                if node is not None:
                    parents = [nodes.get(name) or ephemeral.get(name) for name in node.depends_on]
                    group[unique_id] = _resolved(node, [item for item in parents if item], calls, root)
        self._calls.clear()


def _resolved(node: Node, parents: list[Node], calls: Iterable[_Ref], root: str) -> Node:
    constraints = tuple(
        replace(item, to_node=_target(item.to, node, parents, root)) if item.type == FOREIGN_KEY else item
        for item in node.constraints
    )
    keys = Counter(item.to_node for item in constraints if item.to_node)
    counts = Counter(_called(call, node, parents, root) for call in calls)
    only_keys = tuple(
        parent.unique_id
        for parent in parents
        if keys[parent.unique_id]
        and not _is_read(node, parent, counts[parent.unique_id], keys[parent.unique_id])
    )
    return replace(node, constraints=constraints, key_parents=only_keys)


def _is_read(node: Node, parent: Node, calls: int, keys: int) -> bool:
    """Whether more calls name the parent than the foreign keys account for.

    dbt-core adds the keys of a versioned model twice and dbt Fusion once, so there the SQL's words decide
    what the count does not; and where the manifest holds no calls at all.
    """
    if calls and calls <= keys:
        return False
    if calls > (2 * keys if node.versioned else keys):
        return True
    return _is_mentioned(node, parent)


def _is_mentioned(node: Node, parent: Node) -> bool:
    if parent.name in _TEXT.findall(node.raw_code or ""):
        return True
    name = re.escape(parent.identifier)
    return re.search(rf"(?<!\w){name}(?!\w)", node.compiled_code or "", re.IGNORECASE) is not None


def _target(to: str, node: Node, parents: list[Node], root: str) -> str | None:
    """The parent that a foreign key's ``to`` names: a relation, a call, or a relation of another target."""
    call = _CALL.match(to)
    if call is not None:
        return _called(_parsed(call[1], call[2]), node, parents, root)
    exact = [parent for parent in parents if parent.relation_name == to]
    plain = _plain(to)
    if plain and plain == _plain(node.relation_name or ""):
        return node.unique_id
    same = exact or [parent for parent in parents if _plain(parent.relation_name or "") == plain]
    last = same or [parent for parent in parents if parent.identifier.casefold() == plain.rpartition(".")[2]]
    return last[0].unique_id if last else None


def _called(call: _Ref, node: Node, parents: list[Node], root: str) -> str | None:
    found = [parent for parent in parents if _fits(call, parent)]
    if call.package or call.source:
        return found[0].unique_id if found else None
    order = (node.package_name, root)
    found.sort(key=lambda parent: order.index(parent.package_name) if parent.package_name in order else 2)
    return found[0].unique_id if found else None


def _fits(call: _Ref, parent: Node) -> bool:
    if call.source:
        return parent.source_name == call.source and parent.name == call.name
    if parent.resource_type == "source" or parent.name != call.name:
        return False
    if call.package and parent.package_name != call.package:
        return False
    if not parent.versioned:
        return not call.version
    return parent.version == call.version if call.version else parent.is_latest


def _parsed(function: str, inside: str) -> _Ref:
    version = _VERSION.search(inside)
    texts = _TEXT.findall(inside[: version.start()] if version else inside)
    first, last = (texts[0], texts[-1]) if texts else ("", "")
    if function == "source":
        return _Ref(last, source=first)
    return _Ref(last, first if len(texts) > 1 else "", version[1] if version else "")


def _refs(raw: msgspec.Raw) -> list[_Ref]:
    """The entries of ``refs``: mappings since dbt 1.5, lists of the package and the name before."""
    found = []
    for item in _items(raw):
        if isinstance(item, Mapping):
            version = item.get("version")
            name, package = item.get("name"), item.get("package")
            found.append(_Ref(str(name or ""), str(package or ""), "" if version is None else str(version)))
        elif isinstance(item, list) and item:
            found.append(_Ref(str(item[-1]), str(item[0]) if len(item) > 1 else ""))
    return found


def _sources(raw: msgspec.Raw) -> list[_Ref]:
    return [
        _Ref(str(item[1]), source=str(item[0]))
        for item in _items(raw)
        if isinstance(item, list) and len(item) > 1
    ]


def _items(raw: msgspec.Raw) -> list[object]:
    if bytes(raw) in (b"", b"null"):
        return []
    try:
        found = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _constraint(item: ManifestConstraint, columns: Iterable[str]) -> Constraint:
    return Constraint(
        type=intern((item.type or "").casefold()),
        columns=tuple(columns),
        name=item.name or "",
        expression=item.expression or "",
        to=item.to or "",
        to_columns=tuple(item.to_columns or ()),
    )


def _plain(relation: str) -> str:
    return re.sub(r'["`\[\]]', "", relation).casefold()
