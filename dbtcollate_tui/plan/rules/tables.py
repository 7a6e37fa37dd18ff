"""The plan's part on tables: descriptions, owners, tags and the dbt data model. No IO."""

from collections import Counter
from collections.abc import Iterable, Sequence

from dbtcollate_tui.artifacts.project import Column
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import DataModel, Table, TagLabel
from dbtcollate_tui.plan.matching.matches import TableRef
from dbtcollate_tui.plan.model import (
    Conflict,
    DataModelChange,
    DescriptionChange,
    OwnerRef,
    OwnersChange,
)
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.rules.ownership import Claim, Role
from dbtcollate_tui.plan.rules.properties import plan_properties
from dbtcollate_tui.plan.rules.tags import Labels, plan_tags
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

FIRST_VERSION = 0.1
"""Of an entity that was made and never changed, by OpenMetadata's rule."""


def plan_table(
    ref: TableRef,
    table: Table,
    claim: Claim,
    project_name: str,
    upstream: Sequence[str],
    state: ServerState,
    options: SyncOptions,
    dialect: Dialect,
    findings: Findings,
) -> None:
    """Add what one table needs: descriptions, owners, tags, data model. ``upstream`` are table FQNs."""
    is_guest = claim.role is not Role.OWNER
    claimed = Claimed(ref, table, claim.nodes, is_guest)
    columns = [(column, name) for column, name in _located(claimed, findings)]
    _descriptions(claimed, columns, claim, state, options, findings)
    owners = _owners(claimed, state, options, dialect, findings)
    labels = plan_tags(claimed, columns, state, options, findings)
    plan_properties(claimed, columns, state, dialect, findings)
    if claim.role is Role.GUEST:
        findings.guests.setdefault(claim.other, set()).add(ref.short)
        return
    _data_model(claimed, claim, project_name, columns, upstream, owners, labels, dialect, findings, options)


def _located(claimed: Claimed, findings: Findings) -> Iterable[tuple[Column, str]]:
    for column, name in claimed.columns():
        if name is not None:
            yield column, name
        elif _says_something(column):
            findings.unknown_columns.append(f"{claimed.ref.short}.{column.name}")


def _says_something(column: Column) -> bool:
    named = column.description or column.tags or column.meta_tags or column.glossary or column.tier
    return bool(named or column.custom_properties)


def _text_of(column: Column) -> str:
    return column.description or column.comment or ""


def _descriptions(
    claimed: Claimed,
    columns: Sequence[tuple[Column, str]],
    claim: Claim,
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> None:
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    text = next((node.description for node in claimed.nodes if node.description.strip()), "")
    comment = next((node.comment for node in claimed.nodes if node.comment), None)
    pairs = [("", claimed.table.description, text, claimed.last_sent.description, comment)]
    for column, name in columns:
        sent = claimed.last_sent_column(name)
        last = sent.description if sent is not None else ""
        pairs.append((name, server[name].description, _text_of(column), last, column.comment))
    for name, old, new, last, comment in pairs:
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
        by, person = _author(claimed.table, name, state)
        if comment is not None and old.strip() == comment.strip():
            by, person = "", False
        if person and edited and not by and old.strip() and not claimed.is_guest:
            findings.unclear_texts.add((claimed.ref.fqn, name))
        is_free = options.update_descriptions and not (edited and person) and not claimed.is_guest
        if not old.strip() or is_free:
            findings.changes.append(change)
            findings.descriptions[claimed.ref.fqn, name] = new
            continue
        if edited and person:
            reason = f"edited in Collate by {by}" if by else "another text in Collate"
        elif claimed.is_guest:
            reason = f"the dbt project {claim.other or 'of another team'} builds this table"
        else:
            reason = "not written by a person; updating descriptions is off"
        findings.kept.append(
            Conflict(
                "descriptions", claimed.ref.fqn, change.label, old, new, reason, by if edited else "", change
            )
        )


def _author(table: Table, column: str, state: ServerState) -> tuple[str, bool]:
    """Who wrote a description that is not dbt's, where that is known, and whether it may have been a person.

    The table's version history decides, where it was read, and the server's change summary by field. Without
    them a table that was never changed is as its creator made it, and of any other the text may be a
    person's, no matter who changed the table last.
    """
    known_author = state.text_authors.get((table.fullyQualifiedName, column))
    if known_author is not None:
        by_us = known_author in state.own_names and known_author != state.person
        return known_author, not (known_author.endswith("bot") or by_us)
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
    first = next((node for node in claimed.nodes if node.owners and not node.owned_in_catalog), None)
    first = first or next((node for node in claimed.nodes if node.owners), None)
    if first is None or not options.update_owners:
        return ()
    found, unknown = found_owners(first.owners, state)
    for name in unknown:
        findings.unknown_owners.setdefault(name, []).append(first.unique_id)
    if not found:
        return ()
    owners, left_out = allowed_owners(found, dialect)
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
    elif there and (claimed.is_guest or first.resource_type == "source"):
        reason = "owners of a source are filled, never replaced"
        if claimed.is_guest:
            reason = "another dbt project builds this table"
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


def found_owners(names: Iterable[str], state: ServerState) -> tuple[tuple[OwnerRef, ...], tuple[str, ...]]:
    """The users and teams of these names, each once, and the names that the server does not know."""
    found: dict[str, OwnerRef] = {}
    unknown: list[str] = []
    for name in names:
        owner = state.owners.get(name)
        if owner is None:
            unknown.append(name)
        else:
            found.setdefault(owner.id, owner)
    return tuple(found.values()), tuple(unknown)


def allowed_owners(
    owners: tuple[OwnerRef, ...], dialect: Dialect
) -> tuple[tuple[OwnerRef, ...], tuple[OwnerRef, ...]]:
    """OpenMetadata's rule: several users, or one team; old servers take one owner. Gives taken, left out."""
    if not dialect.many_owners or owners[0].type == "team":
        return owners[:1], owners[1:]
    users = tuple(owner for owner in owners if owner.type == "user")
    return users, tuple(owner for owner in owners if owner.type != "user")


def _data_model(
    claimed: Claimed,
    claim: Claim,
    project_name: str,
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
    top_level = {column.name for column in claimed.table.columns}
    body: dict[str, object] = {"modelType": "DBT", "resourceType": node.resource_type}
    if node.description.strip():
        body["description"] = node.description
    if project_name or node.package_name:
        body["dbtSourceProject"] = project_name or node.package_name
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
        if name in top_level and (_text_of(column) or labels.columns.get(name))
    ]
    sent = DataModel.model_validate(dialect.data_model(body))
    differs = _differences(sent, before, with_tags=options.include_tags, with_owners=bool(owners))
    if not differs:
        findings.same("data model")
        return
    change = DataModelChange(
        unique_id=node.unique_id,
        table=claimed.ref,
        body=body,
        differs=differs,
        exists=before is not None and before.modelType == "DBT",
    )
    if claim.role is Role.OWNER:
        findings.changes.append(change)
        return
    reason = f"the dbt project {claim.other} builds this table too; its data model stays"
    label, held = claimed.ref.short, f"dbt model of {claim.other}"
    findings.kept.append(
        Conflict("data model", claimed.ref.fqn, label, held, change.new, reason, change=change)
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
    """What a model's columns say, without types and places: those are the table's own.

    The reference ingestion spells a column as dbt's file does; only columns that differ in case alone count
    by their case.
    """
    spellings = Counter(column.name.casefold() for column in model.columns)
    found = {
        column.name if spellings[column.name.casefold()] > 1 else column.name.casefold(): (
            column.description.strip(),
            _fqns(column.tags) if with_tags else frozenset[str](),
        )
        for column in model.columns
    }
    return {name: value for name, value in found.items() if value[0] or value[1]}
