"""Contracts that dbt enforces: a data contract each, with the last build's result. No IO."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dbtcollate_tui.artifacts.project import Constraint, Node, Project
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.fqn import quote_part
from dbtcollate_tui.collate.models import DataContract, Table
from dbtcollate_tui.plan.changes.contracts import ContractChange, ContractResultChange
from dbtcollate_tui.plan.matching.placing import ColumnNames
from dbtcollate_tui.plan.model import Conflict, OwnerRef
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.rules.model_facts import is_deprecated
from dbtcollate_tui.plan.rules.tables import allowed_owners, found_owners
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

_OF_COLUMNS: tuple[tuple[str, str], ...] = (
    ("primary_key", "PRIMARY_KEY"),
    ("unique", "UNIQUE"),
    ("not_null", "NOT_NULL"),
)
"""A column has one constraint: the first of these that dbt declares of it alone."""
_STATUS: Mapping[str, Literal["Success", "Failed"]] = {
    "pass": "Success",
    "warn": "Success",
    "error": "Failed",
    "fail": "Failed",
}


@dataclass(slots=True)
class ContractFacts:
    """The unique ids of the models whose contract is there or will be."""

    held: list[str] = field(default_factory=list)


def plan_contract(
    claimed: Claimed,
    project: Project,
    state: ServerState,
    options: SyncOptions,
    dialect: Dialect,
    findings: Findings,
    facts: ContractFacts,
) -> None:
    """Add the data contract of a model whose contract dbt enforces, and its last result.

    A table has one contract. One of another name stays, and one that a person edited, as a conflict.
    """
    node = next((item for item in claimed.nodes if item.has_contract and not item.is_pointer), None)
    if node is None or claimed.is_guest:
        return
    name = contract_name(node)
    fqn = f"{claimed.ref.fqn}.{quote_part(f'dataContract_{name}')}"
    there = state.contracts.get(claimed.ref.id)
    if there is not None and there.name != name:
        return
    facts.held.append(node.unique_id)
    change = _change(claimed, node, name, fqn, there, project, state, options, dialect)
    requires: tuple[str, ...] = ()
    if change is None:
        findings.same("contracts")
    elif there is not None and there.updatedBy and there.updatedBy not in state.own_names:
        reason = f"edited in Collate by {there.updatedBy}"
        findings.kept.append(
            Conflict(
                "contracts",
                claimed.ref.fqn,
                change.label,
                change.old,
                change.new,
                reason,
                there.updatedBy,
                change,
            )
        )
    else:
        findings.changes.append(change)
        requires = (change.key,) if there is None else ()
    if dialect.has_contract_results:
        _result(claimed, node, fqn, there, requires, project, findings)


def contract_name(node: Node) -> str:
    """The contract's name: the model's, with its version."""
    return f"dbt_{node.name}_v{node.version}" if node.version else f"dbt_{node.name}"


def _change(
    claimed: Claimed,
    node: Node,
    name: str,
    fqn: str,
    there: DataContract | None,
    project: Project,
    state: ServerState,
    options: SyncOptions,
    dialect: Dialect,
) -> ContractChange | None:
    body: dict[str, object] = {"description": contract_text(node, dialect)}
    if dialect.has_contract_columns:
        body["schema"] = list(contract_columns(node, claimed.table))
    owners = _owners(node, state, options, dialect)
    if owners:
        body["owners"] = [{"id": owner.id, "type": owner.type, "name": owner.name} for owner in owners]
    if there is None:
        status = "Deprecated" if is_deprecated(node, project) else dialect.contract_status[1]
        whole = {"name": name, "entity": {"id": claimed.ref.id, "type": "table"}, **body}
        whole[dialect.contract_status[0]] = status
        return ContractChange(unique_id=node.unique_id, table=claimed.ref, fqn=fqn, body=whole)
    held: dict[str, object] = {
        "description": there.description,
        "schema": [_comparable(item.name, item.dataType, item.constraint) for item in there.columns],
        "owners": [{"id": item.id, "type": item.type, "name": item.name} for item in there.owners],
    }
    fields = tuple(
        (key, held[key], value) for key, value in body.items() if _plain(key, value) != _plain(key, held[key])
    )
    if not fields:
        return None
    return ContractChange(
        unique_id=node.unique_id, table=claimed.ref, fqn=fqn, body={}, fields=fields, id=there.id
    )


def _plain(key: str, value: object) -> object:
    if key == "owners" and isinstance(value, list):
        return {item["id"] for item in value}
    if key == "schema" and isinstance(value, list):
        return [_comparable(item["name"], item["dataType"], item.get("constraint", "")) for item in value]
    return value.strip() if isinstance(value, str) else value


def _comparable(name: str, data_type: str, constraint: str) -> dict[str, str]:
    found = {"name": name, "dataType": data_type}
    return {**found, "constraint": constraint} if constraint else found


def contract_columns(node: Node, table: Table) -> Iterator[dict[str, object]]:
    """The contract's columns by name, type and constraint, those that the table in Collate has."""
    names = ColumnNames(table)
    there = {column.name: column for column in table.columns}
    for column in node.columns:
        found = there.get(names.find(column.name) or "")
        if found is None:
            continue
        shown: dict[str, object] = {"name": found.name, "dataType": found.dataType or "UNKNOWN"}
        if found.dataLength is not None:
            shown["dataLength"] = found.dataLength
        if found.dataTypeDisplay:
            shown["dataTypeDisplay"] = found.dataTypeDisplay
        for kind, constraint in _OF_COLUMNS:
            alone = (item.columns for item in node.constraints if item.type == kind)
            if any([name.casefold() for name in columns] == [column.name.casefold()] for columns in alone):
                shown["constraint"] = constraint
                break
        yield shown


def contract_text(node: Node, dialect: Dialect) -> str:
    """What the contract says, in words: its keys, checks and other constraints."""
    lines = [f"dbt enforces the names and types of the columns of {node.name}."]
    if not dialect.has_contract_columns:
        columns = ", ".join(f"{item.name} {item.data_type or ''}".strip() for item in node.columns)
        lines.append(f"- Columns: {columns}")
    return "\n".join([*lines, *dict.fromkeys(_lines(node))])


def _lines(node: Node) -> Iterator[str]:
    for item in node.constraints:
        columns = ", ".join(item.columns)
        match item.type:
            case "primary_key":
                yield f"- Primary key: {columns}"
            case "unique":
                yield f"- Unique: {columns}"
            case "foreign_key":
                yield f"- Foreign key: {columns} refers to {_referred(item)}"
            case "not_null":
                yield f"- Not null: {columns}"
            case _:
                title = item.type.replace("_", " ").capitalize()
                name = f" {item.name}" if item.name else ""
                yield f"- {title}{name}: {item.expression or columns}"


def _referred(item: Constraint) -> str:
    to = item.to.replace('"', "").replace("`", "") or item.expression
    return f"{to} ({', '.join(item.to_columns)})" if item.to_columns else to


def _owners(node: Node, state: ServerState, options: SyncOptions, dialect: Dialect) -> tuple[OwnerRef, ...]:
    if not options.update_owners:
        return ()
    found, _ = found_owners(node.owners, state)
    return allowed_owners(found, dialect)[0] if found else ()


def _result(
    claimed: Claimed,
    node: Node,
    fqn: str,
    there: DataContract | None,
    requires: tuple[str, ...],
    project: Project,
    findings: Findings,
) -> None:
    build = project.builds.get(node.unique_id)
    status = _STATUS.get(build.status) if build is not None else None
    if build is None or status is None:
        return
    latest = there.latestResult if there is not None else None
    if latest is not None and (latest.timestamp or 0) >= build.completed_at_ms:
        findings.same("contracts")
        return
    findings.changes.append(
        ContractResultChange(
            unique_id=node.unique_id,
            table=claimed.ref,
            fqn=fqn,
            status=status,
            timestamp=build.completed_at_ms,
            text=(build.message or "").strip() if status == "Failed" else "",
            before=latest.status if latest is not None else "",
            requires=requires,
        )
    )
