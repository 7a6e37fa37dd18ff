"""The plan's part on domains and custom properties, which ``meta.openmetadata`` names. No IO."""

from dbtcollate_tui.collate.models import EntityReference
from dbtcollate_tui.plan.matching.custom_properties import UnfitError, fit, same
from dbtcollate_tui.plan.model import CustomPropertyChange, DomainChange
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.server_state import ServerState


def plan_properties(claimed: Claimed, state: ServerState, findings: Findings) -> None:
    """Add the domain and the custom properties that the table does not hold as dbt names them.

    A domain replaces others, as the reference ingestion does; of the custom properties those that dbt does
    not name stay.
    """
    _domain(claimed, state, findings)
    wanted: dict[str, object] = {}
    for node in reversed(claimed.nodes):
        wanted |= node.custom_properties
    held = claimed.table.extension
    for name, value in wanted.items():
        known = state.meta.properties.get(name)
        if known is None:
            findings.unknown_properties.setdefault(name, set()).add(claimed.ref.short)
            continue
        try:
            after = fit(known, value, state.meta.references)
        except UnfitError as error:
            findings.unfit_properties.append(f"{claimed.ref.short}.{name}: {error}")
            continue
        if name in held and (same(held[name], after) or claimed.is_guest):
            findings.same("properties")
            continue
        findings.changes.append(
            CustomPropertyChange(
                unique_id=claimed.first.unique_id,
                table=claimed.ref,
                name=name,
                before=held.get(name),
                after=after,
            )
        )


def _domain(claimed: Claimed, state: ServerState, findings: Findings) -> None:
    name = next((node.domain for node in claimed.nodes if node.domain), None)
    if name is None or name not in state.meta.domains:
        return
    domain = state.meta.domains[name]
    if domain is None:
        findings.unknown_domains.setdefault(name, set()).add(claimed.ref.short)
        return
    there = claimed.table.domains
    if {item.id for item in there} == {domain.id} or (there and claimed.is_guest):
        findings.same("properties")
        return
    findings.changes.append(
        DomainChange(
            unique_id=claimed.first.unique_id,
            table=claimed.ref,
            before=tuple(_shown(item) for item in there),
            after=domain,
        )
    )


def _shown(domain: EntityReference) -> str:
    return domain.fullyQualifiedName or domain.name or domain.id
