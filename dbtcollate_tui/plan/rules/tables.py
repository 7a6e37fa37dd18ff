"""The plan's part on tables: descriptions, owners, tags and the dbt data model. No IO."""

from collections.abc import Iterable, Sequence

from dbtcollate_tui.artifacts.project import Column, Node
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import DataModel, Table, TagLabel
from dbtcollate_tui.plan.matching.matches import TableRef
from dbtcollate_tui.plan.matching.placing import ColumnNames
from dbtcollate_tui.plan.model import (
    Conflict,
    DataModelChange,
    DescriptionChange,
    OwnerRef,
    OwnersChange,
)
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.rules.properties import plan_properties
from dbtcollate_tui.plan.rules.tags import Labels, plan_tags
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

FIRST_VERSION = 0.1
"""Of an entity that was made and never changed, by OpenMetadata's rule."""


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
    claimed = Claimed(ref, table, nodes)
    columns = [(column, name) for column, name in _located(claimed, findings)]
    _descriptions(claimed, columns, state, options, findings)
    owners = _owners(claimed, state, options, dialect, findings)
    labels = Labels()
    if options.include_tags:
        labels = plan_tags(claimed, columns, state, options, findings)
    plan_properties(claimed, state, findings)
    _data_model(claimed, columns, upstream, owners, labels, dialect, findings, options)


def _located(claimed: Claimed, findings: Findings) -> Iterable[tuple[Column, str]]:
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
    claimed: Claimed,
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
        change = DescriptionChange(
            unique_id=claimed.first.unique_id,
            table=claimed.ref,
            column=name,
            before=old,
            after=new,
            changed_by=claimed.table.updatedBy,
        )
        by, person = _author(claimed.table, name)
        if not old.strip() or (options.update_descriptions and not (edited and person)):
            findings.changes.append(change)
            findings.descriptions[claimed.ref.fqn, name] = new
            continue
        if edited and person:
            reason = f"edited in Collate by {by}" if by else "another text in Collate"
        else:
            reason = "not written by a person; updating descriptions is off"
        findings.kept.append(
            Conflict(
                "descriptions", claimed.ref.fqn, change.label, old, new, reason, by if edited else "", change
            )
        )


def _author(table: Table, column: str) -> tuple[str, bool]:
    """Who wrote a description that is not dbt's, where that is known, and whether it may have been a person.

    The server's change summary says so by field. Without it a table that was never changed is as its creator
    made it, and of any other the text may be a person's, whoever changed the table last.
    """
    summary = table.changeDescription.changeSummary if table.changeDescription is not None else {}
    known = summary.get(f"columns.{column}.description" if column else "description")
    if known is not None and known.changedBy:
        return known.changedBy, not known.changedBy.endswith("bot")
    by_a_bot = table.updatedBy.endswith("bot")
    if by_a_bot:
        return "", table.version > FIRST_VERSION
    return table.updatedBy, True


def _owners(
    claimed: Claimed, state: ServerState, options: SyncOptions, dialect: Dialect, findings: Findings
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
    change = OwnersChange(
        unique_id=first.unique_id,
        table=claimed.ref,
        before=names,
        after=owners,
        left_out=tuple(owner.name for owner in left_out),
    )
    if {owner.id for owner in there} == {owner.id for owner in owners}:
        findings.same("owners")
    elif there and first.resource_type == "source":
        reason = "owners of a source are filled, never replaced"
        wanted = ", ".join(owner.name for owner in owners)
        findings.kept.append(
            Conflict(
                "owners",
                claimed.ref.fqn,
                claimed.ref.short,
                ", ".join(names),
                wanted,
                reason,
                claimed.table.updatedBy,
                change,
            )
        )
        return ()
    else:
        findings.changes.append(change)
    return owners


def _allowed(
    owners: tuple[OwnerRef, ...], dialect: Dialect
) -> tuple[tuple[OwnerRef, ...], tuple[OwnerRef, ...]]:
    """OpenMetadata's rule: several users, or one team; old servers take one owner. Gives taken, left out."""
    if not dialect.many_owners or owners[0].type == "team":
        return owners[:1], owners[1:]
    users = tuple(owner for owner in owners if owner.type == "user")
    return users, tuple(owner for owner in owners if owner.type != "user")


def _data_model(
    claimed: Claimed,
    columns: Sequence[tuple[Column, str]],
    upstream: Sequence[str],
    owners: Sequence[OwnerRef],
    labels: Labels,
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
    body["tags"] = tuple(label.as_request() for label in labels.table)
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
    found["tags"] = tuple(label.as_request() for label in labels)
    return found


def _differences(
    sent: DataModel, before: DataModel | None, *, with_tags: bool, with_owners: bool
) -> tuple[str, ...]:
    """The names of the fields that the server does not hold as they would be sent, in the schema's words.

    The reference ingestion puts the project's folder before a seed's path and may name an upstream twice.
    """
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
        for name in ("modelType", "resourceType", "dbtSourceProject", "description", "rawSql", "sql")
        if getattr(sent, name).strip() != getattr(before, name).strip()
    ]
    if not f"/{before.path}".endswith(f"/{sent.path}"):
        found.append("path")
    if set(sent.upstream) != set(before.upstream):
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
