"""Data and unit tests of the manifest, and which node each one tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from dbtcollate_tui.artifacts.meta import Notes, read_meta, tags_of
from dbtcollate_tui.artifacts.project import DbtTest, Node
from dbtcollate_tui.artifacts.reading import MAX_DEPTH, is_deeper_than
from dbtcollate_tui.artifacts.shapes import ManifestNode, NodeConfig

RESOURCE_TYPES = frozenset({"test", "unit_test"})
_REFERENCE = re.compile(
    r"""\b(?:ref|source)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"])?"""
    r"""(?:\s*,\s*v(?:ersion)?\s*=\s*['"]?([\w.-]+)['"]?)?"""
)
_QUOTED = re.compile(r""""((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]""")


class TestReader:
    """Makes ``DbtTest`` values; needs the nodes, to tell which of a test's parents is the one under test."""

    __test__ = False

    def __init__(self, nodes: Mapping[str, Node], ephemeral: Mapping[str, Node], notes: Notes) -> None:
        self._nodes = nodes
        self._ephemeral = ephemeral
        self._notes = notes

    def read(self, unique_id: str, entry: ManifestNode, config: NodeConfig) -> DbtTest | None:
        """One test; ``None`` where its arguments are nested out of all reason."""
        name = entry.name or unique_id.rpartition(".")[2]
        parents = tuple(dict.fromkeys((entry.depends_on.nodes if entry.depends_on else None) or ()))
        facts = read_meta((entry.meta, config.meta), self._notes, unique_id)
        generic = entry.test_metadata
        kwargs = dict(generic.kwargs or {}) if generic else {}
        kind: Literal["generic", "singular", "unit"] = "generic" if generic else "singular"
        if unique_id.startswith("unit_test.") or entry.resource_type == "unit_test":
            kind = "unit"
        column = entry.column_name or kwargs.get("column_name")
        model, to = kwargs.pop("model", None), kwargs.get("to")
        kwargs.pop("column_name", None)
        if is_deeper_than(MAX_DEPTH, kwargs):
            return None
        return DbtTest(
            unique_id=unique_id,
            name=name,
            kind=kind,
            test_name=generic.name if generic else name,
            namespace=generic.namespace if generic else None,
            kwargs=kwargs,
            column_name=_unquoted(column) if isinstance(column, str) else None,
            attached_node=self._under_test(kind, entry, parents, model, to),
            depends_on=parents,
            severity="warn" if (config.severity or "").lower() == "warn" else "error",
            description=entry.description or facts.description,
            tags=tags_of(entry.tags, config.tags),
            package_name=entry.package_name or "",
            original_file_path=entry.original_file_path or "",
        )

    def _under_test(
        self, kind: str, entry: ManifestNode, parents: tuple[str, ...], model: object, to: object
    ) -> str | None:
        """The unique_id of the node under test.

        A package's test on a model of the package can run on the project's model of the same name: dbt then
        names the package's in ``attached_node``, and depends on the project's. The parents are right.
        """
        attached = entry.attached_node or entry.tested_node_unique_id
        if attached and (not parents or attached in parents):
            return attached
        if kind == "unit":
            return self._named(entry.model, parents) or next(iter(parents), None)
        if kind == "generic":
            found = self._referenced(model, parents)
            if found is None and (referred := self._referenced(to, parents)) is not None:
                others = [parent for parent in parents if parent != referred]
                found = others[0] if len(others) == 1 else None
            return found or (parents[0] if len(parents) == 1 else None)
        return next((parent for parent in parents if parent in self._nodes), None)

    def _referenced(self, expression: object, parents: Iterable[str]) -> str | None:
        """The parent that a ``ref()`` or ``source()`` expression of the test's arguments names."""
        hit = _REFERENCE.search(expression) if isinstance(expression, str) else None
        if hit is None:
            return None
        first, second, version = hit[1], hit[2], hit[3]
        return self._named(second or first, parents, namespace=first if second else None, version=version)

    def _named(
        self,
        name: str | None,
        parents: Iterable[str],
        namespace: str | None = None,
        version: str | None = None,
    ) -> str | None:
        found = []
        for parent in parents:
            node = self._nodes.get(parent) or self._ephemeral.get(parent)
            if node is None or node.name != name:
                continue
            if namespace is None or namespace in (node.source_name, node.package_name):
                found.append(parent)
        if len(found) > 1 and version is not None:
            found = [parent for parent in found if parent.endswith(f".v{version}")]
        return found[0] if len(found) == 1 else None


def _unquoted(column: str) -> str | None:
    """The column's name without the warehouse's quotes; an expression of several names keeps them."""
    text = column.strip()
    whole = _QUOTED.fullmatch(text)
    if whole is not None:
        text = (whole[1] or "").replace('""', '"') or whole[2] or whole[3]
    return text or None
