"""Every check, which of them a step of the setup needs, and the symptoms of the guide that they explain."""

from dataclasses import dataclass

from dbtcollate_tui.checks import artifacts, dbt_cloud, network, pipeline, proof, run, tables
from dbtcollate_tui.checks.base import Check
from dbtcollate_tui.checks.context import CheckContext

ALL_CHECKS: tuple[Check[CheckContext], ...] = (
    *dbt_cloud.CHECKS,
    *run.CHECKS,
    *artifacts.CHECKS,
    *tables.CHECKS,
    *pipeline.CHECKS,
    *network.CHECKS,
    *proof.CHECKS,
)
"""In the order of the chain; each comes after what it requires."""

_BY_STEP: dict[str, tuple[str, ...]] = {
    "dbt_token": ("dbt.reachable", "dbt.token"),
    "account": ("dbt.account", "dbt.permissions"),
    "job": ("dbt.job", "dbt.commands", "run.exists", "run.fresh", "run.kind"),
    "collate": ("collate.reachable", "collate.token", "pipeline.service"),
    "service": ("artifacts.manifest", "collate.service", "tables.matched"),
}


@dataclass(frozen=True, slots=True)
class Symptom:
    """A row of the guide's troubleshooting table: its issue, what a person sees, the checks to walk."""

    issue: str
    seen: str
    checks: tuple[str, ...]


_DBT = ("dbt.reachable", "dbt.token", "dbt.account")
_RUN = (*_DBT, "dbt.job", "run.exists")
_TABLES = (
    *_RUN,
    "artifacts.manifest",
    "collate.reachable",
    "collate.token",
    "collate.service",
    "tables.matched",
)
_PIPELINE = (
    "pipeline.service",
    "pipeline.exists",
    "pipeline.status",
    "pipeline.schedule",
    "collate.network",
)

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom("Invalid Token", "401 Unauthorized", _DBT),
    Symptom("No Runs Found", "No recent successful runs", (*_RUN, "run.kind")),
    Symptom("Wrong Account", "403 Forbidden", (*_DBT, "dbt.permissions")),
    Symptom(
        "Missing catalog.json",
        "No column descriptions",
        (*_RUN, "dbt.commands", "artifacts.manifest", "artifacts.catalog"),
    ),
    Symptom("Wrong Database Service", "No lineage appears", (*_TABLES, "proof.lineage")),
    Symptom("Stale data", "Old metadata showing", (*_TABLES, "run.fresh", *_PIPELINE, "proof.ingestion")),
    Symptom("Not sure", "Check the whole chain", tuple(check.id for check in ALL_CHECKS)),
)
"""The guide's table in its own words, and the whole chain."""


def checks_for_step(step: str) -> tuple[str, ...]:
    """The ids of the checks that validate a step of the setup; empty for the others."""
    return _BY_STEP.get(step, ())


def dependents_of(check_id: str) -> frozenset[str]:
    """The check and all that hang on it: what to run again after its cure."""
    found = {check_id}
    for check in ALL_CHECKS:
        if found.intersection(check.requires):
            found.add(check.id)
    return frozenset(found)
