"""Troubleshooting sessions on the sandbox: walked for a symptom, and the scenarios that others fix."""

from dataclasses import dataclass

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.fixes import SetField
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.troubleshooting.session import Outcome, TroubleshootingSession
from dbtcollate_tui.troubleshooting.symptoms import symptom_named
from tests.support.world import World


async def walked(
    walk: TroubleshootingSession, context: CheckContext, origin: str = ""
) -> TroubleshootingSession:
    async for _ in walk.go(context, origin):
        pass
    return walk


async def walk_for(
    here: World, symptom: str, profile: Profile | None = None
) -> tuple[TroubleshootingSession, CheckContext]:
    context = here.context(profile)
    return await walked(TroubleshootingSession(symptom_named(symptom)), context), context


@dataclass(frozen=True)
class Case:
    """``scenario`` walked for ``symptom``: where it ends, why, with which fix, and what a person is sent."""

    scenario: str
    symptom: str
    outcome: Outcome
    check: str
    cause: str
    fix: str
    letter: str


BROKEN, EXPLAINED = Outcome.BROKEN, Outcome.EXPLAINED
LIFTED = (
    Case(
        "no-runs",
        "no-runs",
        BROKEN,
        "run.exists",
        "never run",
        "Open the job to run it",
        "Deploy → Jobs → Run now",
    ),
    Case(
        "missing-catalog",
        "missing-catalog",
        EXPLAINED,
        "artifacts.catalog",
        "did not run dbt docs generate",
        "Open the job's settings",
        "Generate docs on run",
    ),
    Case("html", "other-host", BROKEN, "dbt.reachable", "another web page", "another address", "Access URL"),
    Case("moved", "other-host", BROKEN, "dbt.reachable", "moved there", "ab123.us1.dbt.com", "Access URL"),
    Case(
        "down",
        "invalid-token",
        BROKEN,
        "dbt.reachable",
        "incident or is under maintenance",
        "status page",
        "api/v3/accounts",
    ),
    Case(
        "missing-permission",
        "wrong-account",
        BROKEN,
        "dbt.permissions",
        "Account Viewer",
        "Enter another token",
        "Job Viewer on project",
    ),
    Case("broken-manifest", "some-tables", BROKEN, "artifacts.manifest", "broken", "another run", "new run"),
    Case(
        "collate-read-only",
        "collate-refuses",
        BROKEN,
        "collate.token",
        "read-only",
        "Enter another token",
        "Ingestion bot role",
    ),
    Case("collate-html", "not-sure", BROKEN, "collate.reachable", "web site", "another address", "version"),
    Case("collate-down", "not-sure", BROKEN, "collate.reachable", "overloaded", "Try again", "version"),
    Case("not-ingested", "some-tables", EXPLAINED, "tables.matched", "schema raw", "schema raw", "(Agents)"),
)
"""What somebody else mends: the text to send says what is needed; the walk then goes on from there."""


def lift(here: World, scenario: str = "healthy") -> None:
    here.sandbox._play(SCENARIOS[scenario])


def field_fix_of(row: CheckResult, value: str) -> SetField:
    return next(fix for fix in row.fixes if isinstance(fix, SetField) and value in fix.value)
