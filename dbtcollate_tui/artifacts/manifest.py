"""``manifest.json``: nodes, tests and exposures, decoded one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from hashlib import md5
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from dbtcollate_tui.artifacts.catalog import CatalogEntry, CatalogReader
from dbtcollate_tui.artifacts.config import ConfigReader
from dbtcollate_tui.artifacts.constraints import KeyReader
from dbtcollate_tui.artifacts.data_tests import RESOURCE_TYPES as TEST_TYPES
from dbtcollate_tui.artifacts.data_tests import TestReader
from dbtcollate_tui.artifacts.lenient import EntryReader, read_metadata
from dbtcollate_tui.artifacts.meta import MetaFacts, Notes, name_or_none, owners_of, read_meta, tags_of
from dbtcollate_tui.artifacts.metrics import MetricReader, RawEntry
from dbtcollate_tui.artifacts.project import (
    Column,
    DbtGroup,
    DbtTest,
    Exposure,
    Metric,
    Node,
    Resource,
    ResourceType,
    SemanticModel,
    TestKind,
)
from dbtcollate_tui.artifacts.reading import (
    MAX_DEPTH,
    ArtifactError,
    decode_file,
    decode_part,
    is_deeper_than,
)
from dbtcollate_tui.artifacts.shapes import (
    EntryNames,
    FreshnessLimits,
    LooseManifest,
    Manifest,
    ManifestColumn,
    ManifestNode,
    NodeConfig,
    Tags,
)
from dbtcollate_tui.artifacts.versions import check_version

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "manifest.json"
_FILE_DECODER = msgspec.json.Decoder(Manifest)
_LOOSE_DECODER = msgspec.json.Decoder(LooseManifest)
_TABLE_TYPES: dict[str, ResourceType] = {
    "model": "model",
    "seed": "seed",
    "snapshot": "snapshot",
    "source": "source",
}
_VITAL = (
    ".resource_type",
    ".name",
    ".alias",
    ".identifier",
    ".source_name",
    ".database",
    ".schema",
    ".depends_on",
    ".depends_on.nodes",
    ".test_metadata",
)
"""Without these an entry could be taken for another table, another test, or one that reads nothing."""
_TABLES_ONLY = frozenset({"owner", "domain", "dataProducts"})
"""What ``meta.openmetadata`` of a table sets, and a column of OpenMetadata's has not."""
_OTHER_PARTS = ("metrics", "semantic_models", "saved_queries", "functions")


class ManifestReader:
    """A manifest being read: its header at once, its entries one at a time in ``read``."""

    def __init__(self, data: Buffer, catalog: CatalogReader | None, notes: Notes) -> None:
        self._notes = notes
        self._manifest = self._decode(data)
        self._catalog = catalog
        self._entries = EntryReader(ManifestNode, FILE, notes, _VITAL)
        self._configs = ConfigReader(FILE, notes)
        self._keys = KeyReader()
        self.metadata = read_metadata(self._manifest.metadata, FILE, notes)
        self.schema_version = check_version(FILE, "manifest", self.metadata, notes)
        self.nodes: dict[str, Node] = {}
        self.ephemeral: dict[str, Node] = {}
        self.disabled: dict[str, Node] = {}
        self.tests: dict[str, DbtTest] = {}
        self.exposures: dict[str, Exposure] = {}
        self.resources: dict[str, Resource] = {}
        self.metrics: dict[str, Metric] = {}
        self.semantic_models: dict[str, SemanticModel] = {}
        self.groups: dict[str, DbtGroup] = {}
        self.unreadable: set[str] = set()
        self._waiting: dict[str, tuple[ManifestNode, NodeConfig]] = {}

    @property
    def selectors(self) -> Mapping[str, object]:
        """The definitions of the project's ``selectors.yml``, by name."""
        found = self._manifest.selectors
        return found if isinstance(found, dict) else {}

    def read(self) -> None:
        """Decode all entries into ``nodes``, ``ephemeral``, ``disabled``, ``tests``, ``exposures``, …"""
        manifest = self._manifest
        self._read_members(manifest.nodes, manifest.sources, manifest.unit_tests)
        self._read_disabled(manifest.disabled)
        self._read_others()
        self._read_tests()

    def outline(self) -> None:
        """Read the names of all nodes and tests, and what they read; `complete` reads more of some.

        Exposures, metrics, semantic models and groups are read in full.
        """
        manifest = self._manifest
        names = EntryReader(EntryNames, FILE, Notes(), _VITAL)
        pointers: list[Node] = []
        for part in (manifest.nodes, manifest.sources, manifest.unit_tests):
            for unique_id, raw in (part or {}).items():
                entry, _ = names.read(raw, "")
                if entry is None:
                    continue
                kind = _kind(unique_id, entry)
                if kind in TEST_TYPES or part is manifest.unit_tests:
                    self.tests[unique_id] = _outlined_test(unique_id, kind, entry)
                elif kind in _TABLE_TYPES:
                    config, _ = self._configs.read(entry.config, "")
                    if config is not None:
                        node = _outlined(unique_id, _TABLE_TYPES[kind], entry, config)
                        self._place(node)
                        if node.is_latest and node.enabled and _is_on(config.latest_version_pointer):
                            pointers.append(_pointer_to(node))
        self._add_pointers(pointers)
        disabled = manifest.disabled if isinstance(manifest.disabled, dict) else {}
        for unique_id, versions in disabled.items():
            for raw in versions or ():
                entry, _ = names.read(raw, "")
                known = unique_id in self.nodes or unique_id in self.ephemeral
                if entry is not None and not known and (kind := _kind(unique_id, entry)) in _TABLE_TYPES:
                    config, _ = self._configs.read(entry.config, "")
                    if config is not None:
                        node = _outlined(unique_id, _TABLE_TYPES[kind], entry, config)
                        self.disabled[unique_id] = replace(node, enabled=False)
        self._read_others()

    def complete(self, wanted: Collection[str]) -> None:
        """Read these nodes and tests in full: for the view of a versioned model's name the latest version."""
        manifest = self._manifest
        chosen = set(wanted)
        for one in wanted:
            if (node := self.nodes.get(one)) is not None and node.is_pointer:
                chosen |= {*node.depends_on}
        lost = {one for one in chosen if one in self.tests or not self._is_pointer(one)}

        def part(entries: dict[str, msgspec.Raw] | None) -> dict[str, msgspec.Raw]:
            return {one: entries[one] for one in chosen if one in entries} if entries else {}

        before = {one: self._known(one) for one in lost}
        self._read_members(part(manifest.nodes), part(manifest.sources), part(manifest.unit_tests))
        if isinstance(manifest.disabled, dict):
            self._read_disabled({one: manifest.disabled[one] for one in chosen if one in manifest.disabled})
        self._keys.resolve(self.nodes, self.ephemeral, self.project_name())
        self._read_tests()
        for one, outlined in before.items():
            if self._known(one) is outlined:
                for group in (self.nodes, self.ephemeral, self.disabled, self.tests):
                    group.pop(one, None)

    def _known(self, unique_id: str) -> Node | DbtTest | None:
        groups = (self.nodes, self.ephemeral, self.disabled)
        found = next((group[unique_id] for group in groups if unique_id in group), None)
        return found or self.tests.get(unique_id)

    def _is_pointer(self, unique_id: str) -> bool:
        return unique_id in self.nodes and self.nodes[unique_id].is_pointer

    def _read_members(
        self,
        nodes: dict[str, msgspec.Raw] | None,
        sources: dict[str, msgspec.Raw] | None,
        unit_tests: dict[str, msgspec.Raw] | None,
    ) -> None:
        pointers: list[Node] = []
        for part, entries in (("nodes", nodes), ("sources", sources)):
            for unique_id, place, entry in self._decoded(part, entries):
                kind = _kind(unique_id, entry)
                config = self._config(unique_id, entry, place)
                if config is None:
                    continue
                if kind in TEST_TYPES:
                    self._waiting[unique_id] = (_without_code(entry), config)
                elif kind in _TABLE_TYPES:
                    node = self._node(unique_id, _TABLE_TYPES[kind], entry, config, place)
                    if node is not None:
                        self._place(node)
                        if node.is_latest and node.enabled and _is_on(config.latest_version_pointer):
                            pointers.append(_pointer_to(node))
                self._add_resource(unique_id, kind, entry, config)
        for unique_id, place, entry in self._decoded("unit_tests", unit_tests):
            config = self._config(unique_id, entry, place)
            if config is not None:
                self._waiting[unique_id] = (entry, config)
                self._add_resource(unique_id, "unit_test", entry, config)
        self._add_pointers(pointers)

    def _add_pointers(self, pointers: list[Node]) -> None:
        for node in pointers:
            if node.unique_id not in self.nodes or self._is_pointer(node.unique_id):
                self.nodes[node.unique_id] = node

    def _read_others(self) -> None:
        """Exposures, metrics, semantic models, groups: what is no table and no test."""
        manifest = self._manifest
        self._keys.resolve(self.nodes, self.ephemeral, self.project_name())
        for unique_id, place, entry in self._decoded("exposures", manifest.exposures):
            config = self._config(unique_id, entry, place)
            if config is not None and config.enabled is not False:
                self.exposures[unique_id] = self._exposure(unique_id, entry, config)
                self._add_resource(unique_id, "exposure", entry, config)
        parts: dict[str, list[RawEntry]] = {}
        for part in _OTHER_PARTS:
            entries = getattr(manifest, part)
            for unique_id, place, entry in self._decoded(part, entries):
                config = self._config(unique_id, entry, place)
                if config is not None:
                    self._add_resource(unique_id, _kind(unique_id, entry), entry, config)
                    if config.enabled is not False:
                        item = RawEntry(unique_id, place, entries[unique_id], entry, config)
                        parts.setdefault(part, []).append(item)
        self.semantic_models, self.metrics = MetricReader(FILE, self._notes).read(
            parts.get("semantic_models", ()), parts.get("metrics", ()), {**self.nodes, **self.ephemeral}
        )
        for unique_id, _, entry in self._decoded("groups", manifest.groups):
            name = entry.name or unique_id.rpartition(".")[2]
            self.groups[unique_id] = DbtGroup(unique_id, name, _named(entry), entry.description or "")

    def _read_tests(self) -> None:
        """The tests whose entries are decoded, now that all nodes are known."""
        reader = TestReader(self.nodes, self.ephemeral, self._notes)
        for unique_id, (entry, config) in self._waiting.items():
            if config.enabled is not False:
                test = reader.read(unique_id, entry, config)
                if test is None:
                    self.unreadable.add(unique_id)
                    self._entries.leave_out(f'$.nodes["{unique_id}"].test_metadata.kwargs')
                else:
                    self.tests[unique_id] = test
        self._waiting.clear()

    def project_name(self) -> str:
        """The root project's name; older manifests tell only its MD5, which one of the packages matches."""
        if self.metadata.project_name:
            return self.metadata.project_name
        for node in (*self.nodes.values(), *self.ephemeral.values()):
            name = node.package_name
            if md5(name.encode(), usedforsecurity=False).hexdigest() == self.metadata.project_id:
                return name
        return ""

    def _decode(self, data: Buffer) -> Manifest:
        """The parts of the file; one that is no mapping is left out, unless it is ``nodes``."""
        try:
            return decode_file(_FILE_DECODER, data, FILE)
        except ArtifactError as error:
            if not isinstance(error.__cause__, msgspec.ValidationError):
                raise
        loose = decode_file(_LOOSE_DECODER, data, FILE)
        found: dict[str, object] = {"metadata": loose.metadata}
        for field in msgspec.structs.fields(Manifest):
            raw = getattr(loose, field.encode_name)
            if field.encode_name == "metadata" or not bytes(raw):
                continue
            decoder = msgspec.json.Decoder(field.type)
            place = f"$.{field.encode_name}"
            try:
                found[field.name] = decode_part(decoder, raw, FILE, place)
            except ArtifactError:
                if field.required:
                    raise
                self._notes.count(f"{FILE} has unexpected values, which are left out", place)
        return Manifest(**found)  # type: ignore[arg-type]

    def _decoded(
        self, part: str, entries: dict[str, msgspec.Raw] | None
    ) -> Iterator[tuple[str, str, ManifestNode]]:
        for unique_id, raw in (entries or {}).items():
            place = f'$.{part}["{unique_id}"]'
            entry, whole = self._entries.read(raw, place)
            if not whole:
                self.unreadable.add(unique_id)
            if entry is not None:
                yield unique_id, place, entry

    def _config(self, unique_id: str, entry: ManifestNode, place: str) -> NodeConfig | None:
        """The entry's config; ``None``, noted, where it does not say whether dbt builds the node."""
        config, whole = self._configs.read(entry.config, f"{place}.config")
        if not whole:
            self.unreadable.add(unique_id)
        return config

    def _place(self, node: Node) -> None:
        if not node.enabled:
            self.disabled[node.unique_id] = node
        elif node.materialized == "ephemeral":
            self.ephemeral[node.unique_id] = node
        else:
            self.nodes[node.unique_id] = node

    def _read_disabled(self, disabled: object) -> None:
        if not isinstance(disabled, dict):
            return
        for unique_id, versions in disabled.items():
            for number, raw in enumerate(versions or ()):
                place = f'$.disabled["{unique_id}"][{number}]'
                entry, _ = self._entries.read(raw, place)
                if entry is None:
                    continue
                kind = _kind(unique_id, entry)
                config = self._config(unique_id, entry, place)
                known = unique_id in self.nodes or unique_id in self.ephemeral
                if config is not None and kind in _TABLE_TYPES and not known:
                    node = self._node(unique_id, _TABLE_TYPES[kind], entry, config, place, enabled=False)
                    if node is not None:
                        self.disabled[unique_id] = node

    def _add_resource(self, unique_id: str, kind: str, entry: ManifestNode, config: NodeConfig) -> None:
        if config.enabled is False:
            return
        known = self.nodes.get(unique_id) or self.ephemeral.get(unique_id)
        name = entry.name or unique_id.rpartition(".")[2]
        generic = entry.test_metadata
        package = entry.package_name or unique_id.split(".")[1] if unique_id.count(".") > 1 else ""
        self.resources[unique_id] = Resource(
            unique_id=unique_id,
            resource_type=intern(kind),
            name=name,
            fqn=known.fqn if known else tuple(intern(part) for part in entry.fqn or (package, name)),
            package_name=intern(package),
            path=entry.original_file_path or "",
            patch_path=(entry.patch_path or "").partition("://")[2],
            tags=known.tags if known else tags_of(entry.tags, config.tags),
            depends_on=known.depends_on if known else _parents(entry),
            config=self._configs.values_of(entry.config),
            access=intern(entry.access or ""),
            version=None if entry.version is None else str(entry.version),
            latest_version=None if entry.latest_version is None else str(entry.latest_version),
            source_name=entry.source_name or "",
            test_name=generic.name if generic else None,
        )

    def _node(
        self,
        unique_id: str,
        kind: ResourceType,
        entry: ManifestNode,
        config: NodeConfig,
        place: str,
        *,
        enabled: bool = True,
    ) -> Node | None:
        """The node, or ``None``, noted, where its custom properties are nested out of all reason."""
        catalog = self._catalog.entry(unique_id) if self._catalog and enabled else None
        facts = read_meta((entry.meta, config.meta), self._notes, unique_id)
        if facts.custom_properties and self._entries.is_too_deep(
            facts.custom_properties, f"{place}.meta.openmetadata.customProperties"
        ):
            self.unreadable.add(unique_id)
            return None
        if "unit" in facts.keys:
            self._notes.count("meta.openmetadata.unit of a table is not synced", unique_id)
        limits = (entry.freshness, config.freshness)
        return Node(
            **_outline_of(unique_id, kind, entry, config),
            description=entry.description or "",
            tags=tags_of(entry.tags, config.tags),
            owners=facts.owners or owners_of(catalog.owner if catalog else None),
            tier=facts.tier,
            meta_tags=facts.tags,
            glossary=facts.glossary,
            domain=facts.domain,
            data_products=facts.data_products,
            columns=self._columns(unique_id, entry.columns, catalog),
            raw_code=entry.raw_code or entry.raw_sql or None,
            compiled_code=entry.compiled_code or entry.compiled_sql or None,
            original_file_path=entry.original_file_path or "",
            enabled=enabled and config.enabled is not False,
            in_catalog=catalog is not None,
            comment=catalog.comment if catalog else None,
            custom_properties=facts.custom_properties,
            fqn=tuple(intern(part) for part in entry.fqn or ()),
            is_stub=kind != "source" and entry.original_file_path == "",
            owned_in_catalog=not facts.owners,
            checks_freshness=kind == "source" and any(_has_limit(item) for item in limits),
            access=intern(entry.access or ""),
            group=intern(entry.group or config.group or ""),
            deprecation_date=entry.deprecation_date or "",
            has_contract=_is_enforced(entry, config),
            constraints=self._keys.read(unique_id, entry),
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
        facts, tags = self._column_meta(column, f"{unique_id}, {name}")
        data_type = (there.type if there else None) or column.data_type
        return Column(
            name=intern((there.name if there else None) or name),
            description=column.description or "",
            tags=tags,
            data_type=intern(data_type) if data_type else None,
            index=there.index if there else None,
            comment=(there.comment if there else None) or None,
            meta_tags=facts.tags,
            glossary=facts.glossary,
            tier=facts.tier,
            custom_properties=facts.custom_properties,
        )

    def _column_meta(self, column: ManifestColumn, place: str) -> tuple[MetaFacts, tuple[str, ...]]:
        """What a column says of itself: its ``config`` where it has one, else its own keys.

        dbt Fusion writes the node's tags and meta into the column's own keys where the column has none;
        dbt-core 1.10 and later writes the same into both.
        """
        config = column.config
        tags: Tags = column.tags if config is None else config.tags
        meta = column.meta if config is None else config.meta
        facts = read_meta((meta,), self._notes, place)
        for key in facts.keys & _TABLES_ONLY:
            self._notes.count(f"meta.openmetadata.{key} of a column is not synced", place)
        if facts.custom_properties and is_deeper_than(MAX_DEPTH, facts.custom_properties):
            self._notes.count("meta.openmetadata.customProperties nested too deeply are left out", place)
            facts.custom_properties = {}
        return facts, tags_of(tags)

    def _metrics_of(self, entry: ManifestNode) -> Iterator[str]:
        """The metrics that an exposure names; dbt Fusion leaves them out of ``depends_on``."""
        try:
            names = msgspec.json.decode(entry.metrics) if bytes(entry.metrics) else None
        except ValueError:
            return
        for name in names if isinstance(names, list) else ():
            texts = [item for item in (name if isinstance(name, list) else [name]) if isinstance(item, str)]
            ending = f".{'.'.join(texts)}"
            yield from (found for found in self._manifest.metrics or () if texts and found.endswith(ending))

    def _exposure(self, unique_id: str, entry: ManifestNode, config: NodeConfig) -> Exposure:
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
            owners=facts.owners or _named(entry),
            tags=tags_of(entry.tags, config.tags),
            depends_on=tuple(dict.fromkeys((*_parents(entry), *self._metrics_of(entry)))),
            open_metadata_fqn=next((fqn for fqn in fqns if isinstance(fqn, str) and fqn), None),
        )


def _named(entry: ManifestNode) -> tuple[str, ...]:
    """The owner that an exposure or a group names: by e-mail address, else by name."""
    owner = entry.owner
    return owners_of({"email": owner.email, "name": owner.name} if owner else None)


def _kind(unique_id: str, entry: ManifestNode | EntryNames) -> str:
    return entry.resource_type or unique_id.partition(".")[0]


def _outlined(unique_id: str, kind: ResourceType, entry: EntryNames, config: NodeConfig) -> Node:
    """The node with no more than its names, its parents and how dbt builds it."""
    return Node(**_outline_of(unique_id, kind, entry, config), enabled=config.enabled is not False)


def _outline_of(
    unique_id: str, kind: ResourceType, entry: ManifestNode | EntryNames, config: NodeConfig
) -> dict[str, Any]:
    """The fields that a node has however little of it is read."""
    name = entry.name or unique_id.rpartition(".")[2]
    database, schema = entry.database, entry.schema
    if kind == "snapshot":
        database = config.target_database or database
        schema = config.target_schema or schema
    version, latest = entry.version, entry.latest_version
    return {
        "unique_id": unique_id,
        "resource_type": kind,
        "name": name,
        "identifier": (entry.identifier if kind == "source" else None) or entry.alias or name,
        "database": name_or_none(database),
        "schema": name_or_none(schema),
        "depends_on": _parents(entry),
        "materialized": config.materialized,
        "package_name": intern(entry.package_name or ""),
        "source_name": entry.source_name,
        "relation_name": entry.relation_name,
        "versioned": version is not None,
        "is_latest": version is not None and str(version) == str(latest),
        "version": "" if version is None else str(version),
        "latest_version": "" if latest is None else str(latest),
    }


def _outlined_test(unique_id: str, kind: str, entry: EntryNames) -> DbtTest:
    """The test with no more than its name and what it reads."""
    name = entry.name or unique_id.rpartition(".")[2]
    made: TestKind = "generic" if bytes(entry.test_metadata) not in (b"", b"null") else "singular"
    if kind == "unit_test" or unique_id.startswith("unit_test."):
        made = "unit"
    attached = entry.attached_node or entry.tested_node_unique_id
    return DbtTest(unique_id, name, made, name, attached_node=attached, depends_on=_parents(entry))


def _parents(entry: ManifestNode | EntryNames) -> tuple[str, ...]:
    nodes = (entry.depends_on.nodes if entry.depends_on else None) or ()
    return tuple(intern(node) for node in dict.fromkeys(nodes))


def _without_code(entry: ManifestNode) -> ManifestNode:
    entry.raw_code = entry.raw_sql = entry.compiled_code = entry.compiled_sql = None
    entry.columns = None
    return entry


def _is_on(pointer: object) -> bool:
    """Whether ``latest_version_pointer`` makes dbt build a view on a model's latest version."""
    return pointer.get("enabled") is True if isinstance(pointer, dict) else pointer is True


def _pointer_to(latest: Node) -> Node:
    """The view of a versioned model's own name that selects from its latest version."""
    return replace(
        latest,
        unique_id=latest.unique_id.rpartition(".")[0],
        identifier=latest.name,
        depends_on=(latest.unique_id,),
        raw_code=None,
        compiled_code=None,
        relation_name=None,
        in_catalog=False,
        materialized="view",
        is_pointer=True,
    )


def _is_enforced(entry: ManifestNode, config: NodeConfig) -> bool:
    """Whether dbt enforces the contract of a model."""
    return any(found is not None and found.enforced is True for found in (entry.contract, config.contract))


def _has_limit(limits: FreshnessLimits | None) -> bool:
    given = () if limits is None else (limits.warn_after, limits.error_after)
    return any(isinstance(limit, dict) and limit.get("count") is not None for limit in given)
