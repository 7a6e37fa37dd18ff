"""``catalog.json``: the warehouse's word on columns and owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.lenient import EntryReader, read_metadata
from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.reading import decode_file
from dbtcollate_tui.artifacts.shapes import Catalog, CatalogColumn, CatalogTable
from dbtcollate_tui.artifacts.versions import check_version

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "catalog.json"
_FILE_DECODER = msgspec.json.Decoder(Catalog)


class CatalogEntry:
    """One relation in the catalog; columns are found as spelled, else in any case where that is unique."""

    def __init__(self, table: CatalogTable) -> None:
        self.owner = table.metadata.owner if table.metadata else None
        comment = table.metadata.comment if table.metadata else None
        self.comment = str(comment) if comment not in (None, "") else None
        self._exact = table.columns or {}
        self._folded: dict[str, list[CatalogColumn]] | None = None

    def column(self, name: str) -> CatalogColumn | None:
        """The column of that name, ``None`` where the warehouse has none."""
        if name in self._exact:
            return self._exact[name]
        if self._folded is None:
            self._folded = {}
            for key, column in self._exact.items():
                self._folded.setdefault(key.casefold(), []).append(column)
        found = self._folded.get(name.casefold(), [])
        return found[0] if len(found) == 1 else None


class CatalogReader:
    """The catalog, decoded one relation at a time."""

    def __init__(self, data: Buffer, notes: Notes) -> None:
        catalog = decode_file(_FILE_DECODER, data, FILE)
        check_version(FILE, "catalog", read_metadata(catalog.metadata, FILE, notes), notes)
        self._tables = EntryReader(CatalogTable, FILE, notes)
        self._parts = {"nodes": catalog.nodes or {}, "sources": catalog.sources or {}}
        if not any(self._parts.values()):
            notes.add("catalog.json lists no table: dbt found none of its tables in the warehouse.")
        if catalog.errors:
            count = len(catalog.errors) if isinstance(catalog.errors, list) else 1
            notes.add(
                f"catalog.json holds {wording.count(count, 'error')} of dbt docs generate:"
                " some tables lack their columns' types."
            )

    def entry(self, unique_id: str) -> CatalogEntry | None:
        """The relation of a node, ``None`` where the catalog has none."""
        for part, tables in self._parts.items():
            raw = tables.get(unique_id)
            if raw is not None:
                table, _ = self._tables.read(raw, f'$.{part}["{unique_id}"]')
                return CatalogEntry(table) if table is not None else None
        return None
