"""The ``config`` of the manifest's entries: what the sync uses of it, and all of it for selectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dbtcollate_tui.artifacts.lenient import EntryReader
from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.shapes import NodeConfig

_REMEMBERED = 4_096
"""This many different configs are kept while a manifest is read; a project's tests share a handful."""
_EMPTY: tuple[object, ...] = (None, "", [], {})
_NOTHING: Mapping[str, object] = {}


class ConfigReader:
    """Decodes each different ``config`` once."""

    def __init__(self, file: str, notes: Notes) -> None:
        self._reader = EntryReader(NodeConfig, file, notes, (".enabled", ".materialized"))
        self._configs: dict[bytes, NodeConfig] = {}
        self._values: dict[bytes, Mapping[str, object]] = {}

    def read(self, raw: msgspec.Raw, place: str) -> tuple[NodeConfig | None, bool]:
        """The config, ``None`` where it cannot be used, and whether all of it could be read."""
        data = bytes(raw)
        if data in (b"", b"null"):
            return NodeConfig(), True
        known = self._configs.get(data)
        if known is not None:
            return known, True
        if data[:1] != b"{":
            self._reader.leave_out_value(place)
            return NodeConfig(), False
        config, whole = self._reader.read(data, place)
        if config is None or not whole:
            return config, False
        if len(self._configs) < _REMEMBERED:
            self._configs[data] = config
        return config, True

    def values_of(self, raw: msgspec.Raw) -> Mapping[str, object]:
        """Everything that is set in a config; equal ones give the same mapping."""
        data = bytes(raw)
        if data[:1] != b"{":
            return _NOTHING
        known = self._values.get(data)
        if known is not None:
            return known
        try:
            found: dict[str, Any] = msgspec.json.decode(data)
        except (ValueError, RecursionError):
            return _NOTHING
        values = {name: value for name, value in found.items() if value not in _EMPTY}
        if len(self._values) < _REMEMBERED:
            self._values[data] = values
        return values
