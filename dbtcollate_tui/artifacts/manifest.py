"""``manifest.json``: nodes, tests and exposures, decoded one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import md5
from sys import intern
from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui.artifacts.catalog import CatalogEntry, CatalogReader
from dbtcollate_tui.artifacts.data_tests import RESOURCE_TYPES as TEST_TYPES
from dbtcollate_tui.artifacts.data_tests import TestReader
from dbtcollate_tui.artifacts.meta import Notes, name_or_none, owners_of, read_meta, tags_of
from dbtcollate_tui.artifacts.project import Column, DbtTest, Exposure, Node, ResourceType
from dbtcollate_tui.artifacts.reading import decode_file, decode_part, require_shallow
from dbtcollate_tui.artifacts.shapes import Manifest, ManifestColumn, ManifestNode, Metadata, NodeConfig
from dbtcollate_tui.artifacts.versions import check_version

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "manifest.json"
_FILE_DECODER = msgspec.json.Decoder(Manifest)
_NODE_DECODER = msgspec.json.Decoder(ManifestNode)
_TABLE_TYPES: dict[str, ResourceType] = {
    "model": "model",
    "seed": "seed",
    "snapshot": "snapshot",
    "source": "source",
}
_NO_CONFIG = NodeConfig()


class ManifestReader:
    """A manifest being read: its header at once, its entries one at a time in ``read``."""

    def __init__(self, data: Buffer, catalog: CatalogReader | None, notes: Notes) -> None:
        self._manifest = decode_file(_FILE_DECODER, data, FILE)
        self._catalog = catalog
        self._notes = notes
        self.metadata = self._manifest.metadata or Metadata()
        self.schema_version = check_version(FILE, "manifest", self._manifest.metadata, notes)
        self.nodes: dict[str, Node] = {}
        self.ephemeral: dict[str, Node] = {}
        self.disabled: dict[str, Node] = {}
        self.tests: dict[str, DbtTest] = {}
        self.exposures: dict[str, Exposure] = {}

    def read(self) -> None:
        """Decode all entries into ``nodes``, ``ephemeral``, ``disabled``, ``tests`` and ``exposures``."""
        manifest = self._manifest
        tests: dict[str, ManifestNode] = {}
        for part, entries in (("nodes", manifest.nodes), ("sources", manifest.sources)):
            for unique_id, place, entry in _decoded(part, entries):
                kind = _kind(unique_id, entry)
                if kind in TEST_TYPES:
                    tests[unique_id] = _without_code(entry)
                elif kind in _TABLE_TYPES:
                    self._place(self._node(unique_id, _TABLE_TYPES[kind], entry, place))
        for unique_id, _, entry in _decoded("unit_tests", manifest.unit_tests):
            tests[unique_id] = entry
        for unique_id, place, entry in self._decoded_disabled():
            kind = _kind(unique_id, entry)
            if kind in _TABLE_TYPES and unique_id not in self.nodes and unique_id not in self.ephemeral:
                self.disabled[unique_id] = self._node(
                    unique_id, _TABLE_TYPES[kind], entry, place, enabled=False
                )
        for unique_id, place, entry in _decoded("exposures", manifest.exposures):
            if (entry.config or _NO_CONFIG).enabled is not False:
                self.exposures[unique_id] = self._exposure(unique_id, entry, place)
        reader = TestReader(self.nodes, self.ephemeral, self._notes)
        for unique_id, entry in tests.items():
            if (entry.config or _NO_CONFIG).enabled is not False:
                self.tests[unique_id] = reader.read(unique_id, entry)

    def project_name(self) -> str:
        """The root project's name; older manifests tell only its MD5, which one of the packages matches."""
        if self.metadata.project_name:
            return self.metadata.project_name
        for node in (*self.nodes.values(), *self.ephemeral.values()):
            name = node.package_name
            if md5(name.encode(), usedforsecurity=False).hexdigest() == self.metadata.project_id:
                return name
        return ""

    def _place(self, node: Node) -> None:
        if not node.enabled:
            self.disabled[node.unique_id] = node
        elif node.materialized == "ephemeral":
            self.ephemeral[node.unique_id] = node
        else:
            self.nodes[node.unique_id] = node

    def _decoded_disabled(self) -> Iterator[tuple[str, str, ManifestNode]]:
        disabled = self._manifest.disabled
        if isinstance(disabled, dict):
            for unique_id, versions in disabled.items():
                for number, raw in enumerate(versions or ()):
                    place = f'$.disabled["{unique_id}"][{number}]'
                    yield unique_id, place, decode_part(_NODE_DECODER, raw, FILE, place)

    def _node(
        self, unique_id: str, kind: ResourceType, entry: ManifestNode, place: str, *, enabled: bool = True
    ) -> Node:
        config = entry.config or _NO_CONFIG
        catalog = self._catalog.entry(unique_id) if self._catalog and enabled else None
        facts = read_meta((entry.meta, config.meta), self._notes, unique_id)
        if facts.custom_properties:
            require_shallow(facts.custom_properties, FILE, f"{place}.meta.openmetadata.customProperties")
        name = entry.name or unique_id.rpartition(".")[2]
        database, schema = entry.database, entry.schema
        if kind == "snapshot":
            database = config.target_database or database
            schema = config.target_schema or schema
        return Node(
            unique_id=unique_id,
            resource_type=kind,
            name=name,
            identifier=(entry.identifier if kind == "source" else None) or entry.alias or name,
            database=name_or_none(database),
            schema=name_or_none(schema),
            description=entry.description or "",
            tags=tags_of(entry.tags, config.tags),
            owners=facts.owners or owners_of(catalog.owner if catalog else None),
            tier=facts.tier,
            meta_tags=facts.tags,
            glossary=facts.glossary,
            domain=facts.domain,
            columns=self._columns(unique_id, entry.columns, catalog),
            depends_on=_parents(entry),
            raw_code=entry.raw_code or entry.raw_sql or None,
            compiled_code=entry.compiled_code or entry.compiled_sql or None,
            original_file_path=entry.original_file_path or "",
            materialized=config.materialized,
            enabled=enabled and config.enabled is not False,
            package_name=intern(entry.package_name or ""),
            source_name=entry.source_name,
            relation_name=entry.relation_name,
            in_catalog=catalog is not None,
            custom_properties=facts.custom_properties,
            fqn=tuple(intern(part) for part in entry.fqn or ()),
            versioned=entry.version is not None,
        )

    def _columns(
        self, unique_id: str, documented: Mapping[str, ManifestColumn] | None, catalog: CatalogEntry | None
    ) -> tuple[Column, ...]:
        columns = [
            self._column(unique_id, key, column, catalog) for key, column in (documented or {}).items()
        ]
        if catalog is not None:
            columns.sort(key=lambda column: (column.index is None, column.index or 0))
        return tuple(columns)

    def _column(
        self, unique_id: str, key: str, column: ManifestColumn, catalog: CatalogEntry | None
    ) -> Column:
        name = column.name or key
        there = catalog.column(name) if catalog else None
        config = column.config
        facts = read_meta((column.meta, config.meta if config else None), self._notes, f"{unique_id}, {name}")
        data_type = (there.type if there else None) or column.data_type
        return Column(
            name=intern((there.name if there else None) or name),
            description=column.description or "",
            tags=tags_of(column.tags, config.tags if config else None),
            data_type=intern(data_type) if data_type else None,
            index=there.index if there else None,
            comment=(there.comment if there else None) or None,
            meta_tags=facts.tags,
            glossary=facts.glossary,
        )

    def _exposure(self, unique_id: str, entry: ManifestNode, place: str) -> Exposure:
        config = entry.config or _NO_CONFIG
        owner = entry.owner
        named = owners_of({"email": owner.email, "name": owner.name} if owner else None)
        facts = read_meta((entry.meta, config.meta), self._notes, unique_id)
        fqns = [meta.open_metadata_fqn for meta in (entry.meta, config.meta) if meta is not None]
        return Exposure(
            unique_id=unique_id,
            name=entry.name or unique_id.rpartition(".")[2],
            type=entry.type or "",
            label=entry.label or "",
            description=entry.description or "",
            url=entry.url,
            maturity=entry.maturity,
            owners=facts.owners or named,
            tags=tags_of(entry.tags, config.tags),
            depends_on=_parents(entry),
            open_metadata_fqn=next((fqn for fqn in fqns if isinstance(fqn, str) and fqn), None),
        )


def _decoded(part: str, entries: dict[str, msgspec.Raw] | None) -> Iterator[tuple[str, str, ManifestNode]]:
    for unique_id, raw in (entries or {}).items():
        place = f'$.{part}["{unique_id}"]'
        yield unique_id, place, decode_part(_NODE_DECODER, raw, FILE, place)


def _kind(unique_id: str, entry: ManifestNode) -> str:
    return entry.resource_type or unique_id.partition(".")[0]


def _parents(entry: ManifestNode) -> tuple[str, ...]:
    nodes = (entry.depends_on.nodes if entry.depends_on else None) or ()
    return tuple(intern(node) for node in dict.fromkeys(nodes))


def _without_code(entry: ManifestNode) -> ManifestNode:
    entry.raw_code = entry.raw_sql = entry.compiled_code = entry.compiled_sql = None
    entry.columns = None
    return entry
