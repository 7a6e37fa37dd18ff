"""Every check, and which of them a step of the setup needs."""

from dbtcollate_tui.checks import artifacts, dbt_cloud, network, pipeline, run, tables
from dbtcollate_tui.checks import verification as verification
from dbtcollate_tui.checks.check import ChainCheck

ALL_CHECKS: tuple[ChainCheck, ...] = (
    *dbt_cloud.CHECKS,
    *run.CHECKS,
    *artifacts.CHECKS,
    *tables.CHECKS,
    *pipeline.CHECKS,
    *network.CHECKS,
    *verification.CHECKS,
)
"""In the order of the chain; each comes after what it requires."""


def checks_for_step(step: str) -> tuple[str, ...]:
    """The ids of the checks that an answer of the setup makes possible; empty for the other steps."""
    return tuple(check.id for check in ALL_CHECKS if check.step == step)


def check_of(check_id: str) -> ChainCheck | None:
    """The check of this id."""
    return next((check for check in ALL_CHECKS if check.id == check_id), None)


def dependents_of(check_id: str) -> frozenset[str]:
    """The check and all that depend on it: what to run again after its fix."""
    found = {check_id}
    for check in ALL_CHECKS:
        if found.intersection(check.requires):
            found.add(check.id)
    return frozenset(found)
