"""The plan's part on tables: descriptions, owners, tags and the dbt data model. No IO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Column, Node
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.models import DataModel, Table, TagLabel
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.changes import (
    Change,
    DataModelChange,
    DescriptionChange,
    Group,
    Kept,
    NewClassification,
    NewTag,
    OwnerRef,
    OwnersChange,
    TagsChange,
)
from dbtcollate_tui.sync.matches import TableRef
from dbtcollate_tui.sync.placing import ColumnNames
from dbtcollate_tui.sync.state import ServerState

TIER = "Tier."
CLASSIFICATION_TEXT = "Tags of dbt models and columns, kept by the dbt sync."


@dataclass(slots=True)
class Findings:
    """What planning collects on its way."""

    changes: list[Change] = field(default_factory=list)
    unchanged: dict[Group, int] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    descriptions: dict[tuple[str, str], str] = field(default_factory=dict)
    new_tags: dict[str, NewTag] = field(default_factory=dict)
    unknown_tags: dict[str, set[str]] = field(default_factory=dict)
    unknown_owners: dict[str, list[str]] = field(default_factory=dict)
    unknown_columns: list[str] = field(default_factory=list)

    def same(self, group: Group) -> None:
        """Count one thing that is equal already."""
        self.unchanged[group] = self.unchanged.get(group, 0) + 1


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A table with the nodes that claim it: the first describes it, the others fill its gaps."""

    ref: TableRef
    table: Table
    nodes: Sequence[Node]

    @property
    def first(self) -> Node:
        return self.nodes[0]

    @property
    def is_source(self) -> bool:
        return self.first.resource_type == "source"

    @property
    def last_sent(self) -> DataModel:
        """What dbt sent before, as the server's data model keeps it."""
        return self.table.dataModel or DataModel()

    def columns(self) -> list[Column]:
        """The claimants' columns, each once; the first that names one wins, a later one fills its text."""
        found: dict[str, Column] = {}
        for node in self.nodes:
            for column in node.columns:
                key = column.name.casefold()
                known = found.get(key)
                if known is None or (not known.description and column.description):
                    found[key] = column
        return list(found.values())


def plan_table(
    ref: TableRef,
    table: Table,
    nodes: Sequence[Node],
    upstream: Sequence[str],
    state: ServerState,
    options: SyncOptions,
    dialect: Dialect,
    findings: Findings,
) -> None:
    """Add what one table needs: descriptions, owners, tags, data model. ``upstream`` are table FQNs."""
    claimed = _Claimed(ref, table, nodes)
    columns = [(column, name) for column, name in _located(claimed, findings)]
    _descriptions(claimed, columns, state, options, findings)
    owners = _owners(claimed, state, options, dialect, findings)
    labels: _Labels = _Labels()
    if options.include_tags:
        labels = _tags(claimed, columns, state, options, findings)
    _data_model(claimed, columns, upstream, owners, labels, dialect, findings, options)


def _located(claimed: _Claimed, findings: Findings) -> Iterable[tuple[Column, str]]:
    names = ColumnNames(claimed.table)
    for column in claimed.columns():
        name = names.find(column.name)
        if name is not None:
            yield column, name
        elif column.description or column.tags or column.meta_tags:
            findings.unknown_columns.append(f"{claimed.ref.short}.{column.name}")


def _text_of(column: Column) -> str:
    return column.description or column.comment or ""


def _descriptions(
    claimed: _Claimed,
    columns: Sequence[tuple[Column, str]],
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> None:
    sent = {column.name.casefold(): column.description for column in claimed.last_sent.columns}
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    text = next((node.description for node in claimed.nodes if node.description.strip()), "")
    pairs = [("", claimed.table.description, text, claimed.last_sent.description)]
    pairs += [
        (name, server[name].description, _text_of(column), sent.get(name.casefold(), ""))
        for column, name in columns
    ]
    for name, old, new, last in pairs:
        if not new.strip():
            continue
        if old.strip() == new.strip():
            findings.same("descriptions")
            findings.descriptions[claimed.ref.fqn, name] = new
            continue
        edited = old.strip() != last.strip()
        if not old.strip() or (options.update_descriptions and not (claimed.is_source and edited)):
            findings.changes.append(
                DescriptionChange(
                    unique_id=claimed.first.unique_id,
                    table=claimed.ref,
                    column=name,
                    before=old,
                    after=new,
                    changed_by=claimed.table.updatedBy,
                )
            )
            findings.descriptions[claimed.ref.fqn, name] = new
            continue
        by = claimed.table.updatedBy
        person = edited and by and by not in state.own_names and not by.endswith("bot")
        reason = f"edited in Collate by {by}, kept" if person else "another text in Collate, kept"
        if options.update_descriptions:
            reason += "; a source's text is replaced only where it came from dbt"
        else:
            reason += "; updating descriptions is off"
        label = f"{claimed.ref.short}.{name}" if name else claimed.ref.short
        findings.kept.append(Kept("descriptions", claimed.ref.fqn, label, old, new, reason))


def _owners(
    claimed: _Claimed, state: ServerState, options: SyncOptions, dialect: Dialect, findings: Findings
) -> tuple[OwnerRef, ...]:
    """The owners that dbt names and the server has; a change is added where they differ."""
    first = next((node for node in claimed.nodes if node.owners), None)
    if first is None or not options.update_owners:
        return ()
    found: dict[str, OwnerRef] = {}
    for owner in first.owners:
        known = state.owners.get(owner)
        if known is None:
            findings.unknown_owners.setdefault(owner, []).append(first.unique_id)
        else:
            found.setdefault(known.id, known)
    if not found:
        return ()
    owners, left_out = _allowed(tuple(found.values()), dialect)
    there = claimed.table.owners
    names = tuple(owner.displayName or owner.name or owner.id for owner in there)
    if {owner.id for owner in there} == {owner.id for owner in owners}:
        findings.same("owners")
    elif there and first.resource_type == "source":
        reason = "owners of a source are filled, never replaced"
        wanted = ", ".join(owner.name for owner in owners)
        findings.kept.append(
            Kept("owners", claimed.ref.fqn, claimed.ref.short, ", ".join(names), wanted, reason)
        )
        return ()
    else:
        findings.changes.append(
            OwnersChange(
                unique_id=first.unique_id,
                table=claimed.ref,
                before=names,
                after=owners,
                left_out=tuple(owner.name for owner in left_out),
            )
        )
    return owners


def _allowed(
    owners: tuple[OwnerRef, ...], dialect: Dialect
) -> tuple[tuple[OwnerRef, ...], tuple[OwnerRef, ...]]:
    """OpenMetadata's rule: several users, or one team; old servers take one owner. Gives taken, left out."""
    if not dialect.many_owners or owners[0].type == "team":
        return owners[:1], owners[1:]
    users = tuple(owner for owner in owners if owner.type == "user")
    return users, tuple(owner for owner in owners if owner.type != "user")


@dataclass(frozen=True, slots=True)
class _Labels:
    """The tags of dbt's that the data model carries: the table's, and each column's."""

    table: tuple[TagLabel, ...] = ()
    columns: Mapping[str, tuple[TagLabel, ...]] = field(default_factory=dict)


def _tags(
    claimed: _Claimed,
    columns: Sequence[tuple[Column, str]],
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> _Labels:
    wanted: dict[str, str] = {}
    for node in claimed.nodes:
        tier = [node.tier] if node.tier else []
        wanted |= _wanted(
            node.tags, [*node.meta_tags, *tier], node.glossary, claimed.ref.short, state, options, findings
        )
    table_labels = _tag_change(claimed, "", claimed.table.tags, wanted, options, findings)
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    column_labels: dict[str, tuple[TagLabel, ...]] = {}
    for column, name in columns:
        asked = _wanted(
            column.tags,
            column.meta_tags,
            column.glossary,
            f"{claimed.ref.short}.{name}",
            state,
            options,
            findings,
        )
        labels = _tag_change(claimed, name, server[name].tags, asked, options, findings)
        if labels:
            column_labels[name] = labels
    return _Labels(table_labels, column_labels)


def _wanted(
    tags: Sequence[str],
    fqns: Sequence[str],
    terms: Sequence[str],
    where: str,
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> dict[str, str]:
    """Tag FQN -> source of the label; tags of dbt's own are made where they are not there."""
    wanted: dict[str, str] = {}
    for tag in tags:
        if not tag.strip():
            continue
        fqn = join_fqn(options.classification, tag)
        if fqn not in state.tags and fqn not in findings.new_tags:
            classification = NewClassification(name=options.classification, description=CLASSIFICATION_TEXT)
            findings.new_tags[fqn] = NewTag(
                classification=options.classification,
                name=tag,
                fqn=fqn,
                description=f"The dbt tag {tag}.",
                requires=() if state.has_classification else (classification.key,),
            )
        wanted[fqn] = "Classification"
    for fqn in fqns:
        if fqn in state.tags or fqn in findings.new_tags:
            wanted[fqn] = "Classification"
        else:
            findings.unknown_tags.setdefault(fqn, set()).add(where)
    for fqn in terms:
        if fqn in state.terms:
            wanted[fqn] = "Glossary"
        else:
            findings.unknown_tags.setdefault(fqn, set()).add(where)
    return wanted


def _tag_change(
    claimed: _Claimed,
    column: str,
    there: Sequence[TagLabel],
    wanted: Mapping[str, str],
    options: SyncOptions,
    findings: Findings,
) -> tuple[TagLabel, ...]:
    """Add the change for one table or column; gives the labels of dbt's that it will have."""
    if not wanted:
        return ()
    known = [label.tagFQN for label in there]
    allowed = dict(wanted)
    replaced: tuple[str, ...] = ()
    tier = next((fqn for fqn in wanted if fqn.startswith(TIER)), None)
    other = next((fqn for fqn in known if fqn.startswith(TIER) and fqn != tier), None)
    if tier is not None and other is not None:
        if other in {label.tagFQN for label in claimed.last_sent.tags}:
            replaced = (other,)
        else:
            allowed = {fqn: source for fqn, source in wanted.items() if fqn != tier}
            reason = "a table has one tier, and the one in Collate did not come from dbt"
            findings.kept.append(Kept("tags", claimed.ref.fqn, claimed.ref.short, other, tier, reason))
    added = tuple(fqn for fqn in allowed if fqn not in known)
    if added:
        findings.changes.append(
            TagsChange(
                unique_id=claimed.first.unique_id,
                table=claimed.ref,
                column=column,
                before=tuple(known),
                added=added,
                replaced=replaced,
                glossary=frozenset(fqn for fqn in added if allowed[fqn] == "Glossary"),
                requires=tuple(findings.new_tags[fqn].key for fqn in added if fqn in findings.new_tags),
            )
        )
    else:
        findings.same("tags")
    return tuple(tag_label(fqn, source) for fqn, source in allowed.items())


def tag_label(fqn: str, source: str) -> TagLabel:
    """The label that a dbt tag becomes: set by a program, and sure."""
    return TagLabel(tagFQN=fqn, source=source, labelType="Automated", state="Confirmed")


def _data_model(
    claimed: _Claimed,
    columns: Sequence[tuple[Column, str]],
    upstream: Sequence[str],
    owners: Sequence[OwnerRef],
    labels: _Labels,
    dialect: Dialect,
    findings: Findings,
    options: SyncOptions,
) -> None:
    node = claimed.first
    before = claimed.table.dataModel
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    body: dict[str, object] = {"modelType": "DBT", "resourceType": node.resource_type}
    if node.description.strip():
        body["description"] = node.description
    if node.package_name:
        body["dbtSourceProject"] = node.package_name
    if node.original_file_path:
        body["path"] = node.original_file_path
    raw = node.raw_code or (before.rawSql if before else "")
    compiled = node.compiled_code or (before.sql if before else "")
    if raw:
        body["rawSql"] = raw
    if compiled:
        body["sql"] = compiled
    body["upstream"] = list(upstream)
    if owners:
        body["owners"] = [{"id": owner.id, "type": owner.type} for owner in owners]
    body["tags"] = [label.as_request() for label in labels.table]
    body["columns"] = [
        _model_column(column, name, server[name].dataType, labels.columns.get(name, ()))
        for column, name in columns
        if "." not in name and (_text_of(column) or labels.columns.get(name))
    ]
    sent = DataModel.model_validate(dialect.data_model(body))
    differs = _differences(sent, before, with_tags=options.include_tags, with_owners=bool(owners))
    if not differs:
        findings.same("data model")
        return
    findings.changes.append(
        DataModelChange(
            unique_id=node.unique_id,
            table=claimed.ref,
            body=body,
            differs=differs,
            exists=before is not None and before.modelType == "DBT",
        )
    )


def _model_column(column: Column, name: str, data_type: str, labels: Sequence[TagLabel]) -> dict[str, object]:
    found: dict[str, object] = {"name": name, "dataType": data_type or "UNKNOWN", "dataLength": 1}
    if _text_of(column):
        found["description"] = _text_of(column)
    if column.index is not None:
        found["ordinalPosition"] = column.index
    found["tags"] = [label.as_request() for label in labels]
    return found


def _differences(
    sent: DataModel, before: DataModel | None, *, with_tags: bool, with_owners: bool
) -> tuple[str, ...]:
    """The names of the fields that the server does not hold as they would be sent, in the schema's words."""
    if before is None:
        return tuple(
            name
            for name in (
                "resourceType",
                "description",
                "path",
                "rawSql",
                "sql",
                "upstream",
                "tags",
                "columns",
            )
            if getattr(sent, name)
        ) or ("modelType",)
    found = [
        name
        for name in ("modelType", "resourceType", "dbtSourceProject", "description", "path", "rawSql", "sql")
        if getattr(sent, name).strip() != getattr(before, name).strip()
    ]
    if sorted(sent.upstream) != sorted(before.upstream):
        found.append("upstream")
    if with_owners and {item.id for item in sent.owners} != {item.id for item in before.owners}:
        found.append("owners")
    if with_tags and _fqns(sent.tags) != _fqns(before.tags):
        found.append("tags")
    if _columns(sent, with_tags) != _columns(before, with_tags):
        found.append("columns")
    return tuple(found)


def _fqns(labels: Iterable[TagLabel]) -> frozenset[str]:
    return frozenset(label.tagFQN for label in labels)


def _columns(model: DataModel, with_tags: bool) -> dict[str, tuple[str, frozenset[str]]]:
    """What a model's columns say, without types and places: those are the table's own."""
    found = {
        column.name.casefold(): (
            column.description.strip(),
            _fqns(column.tags) if with_tags else frozenset[str](),
        )
        for column in model.columns
    }
    return {name: value for name, value in found.items() if value[0] or value[1]}
