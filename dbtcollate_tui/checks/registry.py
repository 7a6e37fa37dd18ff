"""Every check, and which of them a step of the setup needs."""

from dbtcollate_tui.checks import artifacts, dbt_cloud, network, pipeline, run, tables
from dbtcollate_tui.checks import verification as verification
from dbtcollate_tui.checks.base import Check
from dbtcollate_tui.checks.context import CheckContext

ALL_CHECKS: tuple[Check[CheckContext], ...] = (
    *dbt_cloud.CHECKS,
    *run.CHECKS,
    *artifacts.CHECKS,
    *tables.CHECKS,
    *pipeline.CHECKS,
    *network.CHECKS,
    *verification.CHECKS,
)
"""In the order of the chain; each comes after what it requires."""

_BY_STEP: dict[str, tuple[str, ...]] = {
    "dbt_token": ("dbt.reachable", "dbt.token"),
    "account": ("dbt.account", "dbt.permissions"),
    "job": (
        *("dbt.job", "dbt.commands", "run.exists", "run.fresh", "run.kind"),
        *("artifacts.manifest", "artifacts.catalog", "artifacts.results"),
    ),
    "collate": ("collate.reachable", "collate.token"),
    "service": ("collate.service", "tables.matched"),
}


def checks_for_step(step: str) -> tuple[str, ...]:
    """The ids of the checks that an answer of the setup makes possible; empty for the other steps."""
    return _BY_STEP.get(step, ())


def dependents_of(check_id: str) -> frozenset[str]:
    """The check and all that hang on it: what to run again after its fix."""
    found = {check_id}
    for check in ALL_CHECKS:
        if found.intersection(check.requires):
            found.add(check.id)
    return frozenset(found)
