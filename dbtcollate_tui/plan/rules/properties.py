"""The plan's part on domains, data products and custom properties of ``meta.openmetadata``. No IO."""

from collections.abc import Mapping, Sequence

from dbtcollate_tui.artifacts.project import Column
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import CustomProperty, DataProduct, EntityReference
from dbtcollate_tui.plan.matching.custom_properties import UnfitError, fit, same
from dbtcollate_tui.plan.model import CustomPropertyChange, DataProductsChange, DomainChange
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.rules.model_facts import values_of
from dbtcollate_tui.plan.server_state import ServerState


def plan_properties(
    claimed: Claimed,
    columns: Sequence[tuple[Column, str]],
    state: ServerState,
    dialect: Dialect,
    findings: Findings,
) -> None:
    """Add the domain, data products and custom properties that the table does not hold as dbt names them.

    A domain replaces others, as the reference ingestion does; of data products and custom properties those
    that dbt does not name stay. ``columns`` are dbt's with the server's names.
    """
    domain = _domain(claimed, state, findings)
    _data_products(claimed, domain, state, findings)
    wanted: dict[str, object] = {}
    known = state.meta.properties
    for node in reversed(claimed.nodes):
        if not claimed.is_guest:
            wanted |= dict(values_of(node, known))
    for node in reversed(claimed.nodes):
        wanted |= node.custom_properties
    _properties(claimed, "", wanted, claimed.table.extension, known, state, findings)
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    for column, name in columns:
        if not column.custom_properties:
            continue
        if not dialect.has_column_properties:
            places = (f"{claimed.ref.short}.{name}.{key}" for key in column.custom_properties)
            findings.unplaced_column_properties.extend(places)
            continue
        held = server[name].extension or {}
        known = state.meta.column_properties
        _properties(claimed, name, column.custom_properties, held, known, state, findings)


def _properties(
    claimed: Claimed,
    column: str,
    wanted: Mapping[str, object],
    held: Mapping[str, object],
    known: Mapping[str, CustomProperty],
    state: ServerState,
    findings: Findings,
) -> None:
    place = f"{claimed.ref.short}.{column}" if column else claimed.ref.short
    unknown = findings.unknown_column_properties if column else findings.unknown_properties
    for name, value in wanted.items():
        if name not in known:
            unknown.setdefault(name, set()).add(place)
            continue
        try:
            after = fit(known[name], value, state.meta.references)
        except UnfitError as error:
            findings.unfit_properties.append(f"{place}.{name}: {error}")
            continue
        if name in held and (same(held[name], after) or claimed.is_guest):
            findings.same("properties")
            continue
        findings.changes.append(
            CustomPropertyChange(
                unique_id=claimed.first.unique_id,
                table=claimed.ref,
                column=column,
                name=name,
                before=held.get(name),
                after=after,
            )
        )


def _domain(claimed: Claimed, state: ServerState, findings: Findings) -> DomainChange | None:
    name = next((node.domain for node in claimed.nodes if node.domain), None)
    if name is None or name not in state.meta.domains:
        return None
    domain = state.meta.domains[name]
    if domain is None:
        findings.unknown_domains.setdefault(name, set()).add(claimed.ref.short)
        return None
    there = claimed.table.domains
    if {item.id for item in there} == {domain.id} or (there and claimed.is_guest):
        findings.same("properties")
        return None
    change = DomainChange(
        unique_id=claimed.first.unique_id,
        table=claimed.ref,
        before=tuple(_shown(item) for item in there),
        after=domain,
    )
    findings.changes.append(change)
    return change


def _data_products(
    claimed: Claimed, domain: DomainChange | None, state: ServerState, findings: Findings
) -> None:
    """Add the data products of the table's domain.

    A server refuses a table with a data product that shares no domain with it (OpenMetadata's rule "Data
    Product Domain Validation"): such a product is known before it is sent.
    """
    domains = {domain.after.id} if domain is not None else {item.id for item in claimed.table.domains}
    wanted: dict[str, DataProduct] = {}
    for name in dict.fromkeys(name for node in claimed.nodes for name in node.data_products):
        product = state.meta.data_products.get(name)
        if product is None:
            findings.unknown_data_products.setdefault(name, set()).add(claimed.ref.short)
        elif product.domains and domains.isdisjoint(item.id for item in product.domains):
            findings.foreign_data_products.setdefault(name, set()).add(claimed.ref.short)
        else:
            wanted[product.id] = product
    there = claimed.table.dataProducts
    held = {item.id for item in there}
    added = tuple(product.as_reference() for key, product in wanted.items() if key not in held)
    if wanted and (not added or (there and claimed.is_guest)):
        findings.same("properties")
    elif added:
        findings.changes.append(
            DataProductsChange(
                unique_id=claimed.first.unique_id,
                table=claimed.ref,
                before=tuple(_shown(item) for item in there),
                added=added,
                requires=(domain.key,) if domain is not None else (),
            )
        )


def _shown(entity: EntityReference) -> str:
    return entity.fullyQualifiedName or entity.name or entity.id
