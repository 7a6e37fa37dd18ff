"""Each node's compiled SQL, from whichever step of the run compiled it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui.artifacts.project import Node
from dbtcollate_tui.artifacts.reading import ArtifactError, decode_file
from dbtcollate_tui.artifacts.shapes import CompiledManifest, CompiledNode

if TYPE_CHECKING:
    from typing_extensions import Buffer

_FILE_DECODER = msgspec.json.Decoder(CompiledManifest)
_NODE_DECODER = msgspec.json.Decoder(CompiledNode)
_COMPILED_TYPES = frozenset({"model", "snapshot"})


def add_compiled(
    groups: Iterable[MutableMapping[str, Node]], ran: Mapping[str, str], manifests: Iterable[Buffer]
) -> None:
    """Give the nodes without compiled SQL that of other steps.

    What the manifest itself has stays; then come the run results (``ran``), then the other steps' manifests.
    A manifest that cannot be read gives no facts.
    """
    found = list(groups)
    for group in found:
        for unique_id, node in group.items():
            if _lacks_code(node) and unique_id in ran:
                group[unique_id] = replace(node, compiled_code=ran[unique_id])
    for data in manifests:
        lacking = [(group, node) for group in found for node in group.values() if _lacks_code(node)]
        if not lacking:
            return
        try:
            entries = decode_file(_FILE_DECODER, data, "manifest.json").nodes or {}
        except ArtifactError:
            continue
        for group, node in lacking:
            code = _code(entries.get(node.unique_id))
            if code:
                group[node.unique_id] = replace(node, compiled_code=code)


def _lacks_code(node: Node) -> bool:
    return (
        node.resource_type in _COMPILED_TYPES
        and not node.compiled_code
        and not (node.is_stub or node.is_pointer)
    )


def _code(raw: msgspec.Raw | None) -> str:
    if raw is None:
        return ""
    try:
        entry = _NODE_DECODER.decode(raw)
    except (ValueError, RecursionError):
        return ""
    return next((c for c in (entry.compiled_code, entry.compiled_sql) if isinstance(c, str) and c), "")
