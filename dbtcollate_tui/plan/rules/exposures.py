"""The assets of dbt's exposures in Collate, and the edges from their tables to it. No IO."""

from collections.abc import Collection, Iterator, Mapping

from dbtcollate_tui.artifacts.project import Exposure, Project
from dbtcollate_tui.plan.matching.matches import AssetRef, AssetType, MatchReport
from dbtcollate_tui.plan.model import ExposureChange
from dbtcollate_tui.plan.rules.findings import Findings
from dbtcollate_tui.plan.rules.quality import QualityFacts
from dbtcollate_tui.plan.server_state import ServerState

ASSET_TYPES: Mapping[str, AssetType] = {
    "dashboard": "dashboard",
    "ml": "mlmodel",
    "application": "apiEndpoint",
}
"""Type of an exposure -> OpenMetadata's type, as the reference ingestion has it; others have none."""


def named_assets(project: Project) -> Iterator[tuple[Exposure, AssetType, str]]:
    """The exposures whose ``meta.open_metadata_fqn`` names an entity of a type that fits them."""
    for exposure in project.exposures.values():
        kind = ASSET_TYPES.get(exposure.type)
        if kind is not None and exposure.open_metadata_fqn:
            yield exposure, kind, exposure.open_metadata_fqn


def place_exposures(
    project: Project,
    report: MatchReport,
    assets: Mapping[str, AssetRef],
    only: Collection[str] | None = None,
) -> Iterator[tuple[Exposure, str, AssetRef]]:
    """Each exposure that has an asset, with the unique ids of the tables' nodes that it reads."""
    for exposure in project.exposures.values():
        asset = assets.get(exposure.unique_id)
        if asset is None:
            continue
        for parent in project.upstreams(exposure.unique_id):
            if parent in report.matched and (only is None or parent in only):
                yield exposure, parent, asset


def plan_exposures(
    project: Project,
    report: MatchReport,
    state: ServerState,
    only: Collection[str] | None,
    findings: Findings,
    facts: QualityFacts,
) -> None:
    """Add the edges from tables to dashboards, ML models and API endpoints that are not there."""
    seen: set[tuple[str, str]] = set()
    for exposure, parent, asset in place_exposures(project, report, state.assets, only):
        above = report.matched[parent]
        pair = (above.id, asset.id)
        if pair in seen:
            continue
        seen.add(pair)
        facts.edges.append((above, asset))
        if pair in state.asset_edges:
            findings.same("lineage")
        else:
            findings.changes.append(ExposureChange(unique_id=exposure.unique_id, upstream=above, asset=asset))
    if only is None:
        facts.exposures = list(_unplaced(project, report, state))


def _unplaced(project: Project, report: MatchReport, state: ServerState) -> Iterator[str]:
    """Each exposure without an edge, with the reason."""
    named = {exposure.unique_id for exposure, _, _ in named_assets(project)}
    for exposure in project.exposures.values():
        kind = ASSET_TYPES.get(exposure.type)
        if exposure.unique_id in named and exposure.unique_id not in state.assets:
            yield f"exposure {exposure.name}: Collate has no {kind} {exposure.open_metadata_fqn}"
        elif kind is not None and exposure.unique_id not in named:
            yield f"exposure {exposure.name}: its meta has no open_metadata_fqn that names a {kind}"
        elif kind is None:
            of_type = exposure.type or "unknown"
            yield f"exposure {exposure.name}: Collate has no entity for exposures of type {of_type}"
        elif report.matched.keys().isdisjoint(project.upstreams(exposure.unique_id)):
            yield f"exposure {exposure.name}: nothing that it reads has a table in Collate"
