"""``catalog.json``: the warehouse's word on columns and owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.reading import decode_file, decode_part
from dbtcollate_tui.artifacts.shapes import Catalog, CatalogColumn, CatalogTable
from dbtcollate_tui.artifacts.versions import check_version

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "catalog.json"
_FILE_DECODER = msgspec.json.Decoder(Catalog)
_TABLE_DECODER = msgspec.json.Decoder(CatalogTable)


class CatalogEntry:
    """One relation in the catalog; its columns are found as spelt, else whatever their case."""

    def __init__(self, table: CatalogTable) -> None:
        self.owner = table.metadata.owner if table.metadata else None
        self._exact = table.columns or {}
        self._folded: dict[str, CatalogColumn] | None = None

    def column(self, name: str) -> CatalogColumn | None:
        """The column of that name, ``None`` where the warehouse has none."""
        if name in self._exact:
            return self._exact[name]
        if self._folded is None:
            self._folded = {key.casefold(): column for key, column in self._exact.items()}
        return self._folded.get(name.casefold())


class CatalogReader:
    """The catalog, decoded one relation at a time."""

    def __init__(self, data: Buffer, notes: Notes) -> None:
        catalog = decode_file(_FILE_DECODER, data, FILE)
        check_version(FILE, "catalog", catalog.metadata, notes)
        self._parts = {"nodes": catalog.nodes or {}, "sources": catalog.sources or {}}
        if catalog.errors:
            notes.add(
                f"catalog.json holds {len(catalog.errors):,} errors of dbt docs generate:"
                " some tables lack their columns' types."
            )

    def entry(self, unique_id: str) -> CatalogEntry | None:
        """The relation of a node, ``None`` where the catalog has none."""
        for part, tables in self._parts.items():
            raw = tables.get(unique_id)
            if raw is not None:
                return CatalogEntry(decode_part(_TABLE_DECODER, raw, FILE, f'$.{part}["{unique_id}"]'))
        return None
