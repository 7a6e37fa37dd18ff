"""Each row of the guide's troubleshooting table, and more, gives the right row with its cause and fix."""

from dataclasses import dataclass

import pytest

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.runner import stage_states
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS
from tests.support.world import world


@dataclass(frozen=True)
class Row:
    scenario: str
    check: str
    state: CheckState
    says: str
    cause: str
    fix: str


ROWS = (
    Row(
        "expired-token",
        "dbt.token",
        CheckState.FAIL,
        "does not accept this token",
        "revoked or has expired",
        "token",
    ),
    Row("no-runs", "run.exists", CheckState.FAIL, "No successful run", "never run", "job"),
    Row("only-failed", "run.exists", CheckState.FAIL, "No successful run", "has failed", "newest_completed"),
    Row("wrong-account", "dbt.account", CheckState.FAIL, "does not belong to account", "is wrong", "account"),
    Row(
        "missing-catalog",
        "artifacts.catalog",
        CheckState.WARN,
        "no catalog.json",
        "dbt docs generate",
        "/settings",
    ),
    Row(
        "missing-catalog", "dbt.commands", CheckState.WARN, "2 of 3 commands", "no catalog.json", "/settings"
    ),
    Row("wrong-service", "tables.matched", CheckState.FAIL, "None of dbt's 26", "is not the one", "service="),
    Row("stale", "run.fresh", CheckState.WARN, "9 d ago", "failed, were cancelled or never started", "job"),
    Row("stale", "pipeline.schedule", CheckState.FAIL, "is paused", "was paused in Collate", "deploy"),
    Row("html", "dbt.reachable", CheckState.FAIL, "is not dbt Cloud's API", "another web page", "address"),
    Row("moved", "dbt.reachable", CheckState.FAIL, "redirects to", "has moved", "https://ab123.us1.dbt.com"),
    Row("missing-permission", "dbt.permissions", CheckState.FAIL, "artifacts", "Account Viewer", "/settings"),
    Row("ci-newest", "run.kind", CheckState.WARN, "newer and failed", "failed", "job"),
    Row("step-ignored", "artifacts.results", CheckState.WARN, "no test results", "ignores which step", "job"),
    Row("broken-manifest", "artifacts.manifest", CheckState.FAIL, "manifest.json", "broken", "run"),
    Row("collate-expired-token", "collate.token", CheckState.FAIL, "has expired", "valid until", "collate"),
    Row("collate-read-only", "collate.token", CheckState.FAIL, "read-only", "a sync cannot write", "collate"),
    Row("collate-html", "collate.reachable", CheckState.FAIL, "not the API", "another web site", "collate"),
    Row("not-ingested", "tables.matched", CheckState.WARN, "12 of 26", "schema raw", "Add schema raw"),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.scenario}-{row.check}")
async def test_a_scenario_fails_at_its_check_with_its_cause(row: Row) -> None:
    async with world(row.scenario) as here:
        found = (await here.check())[row.check]
    assert found.state is row.state, found
    assert row.says in found.summary
    assert any(row.cause in cause for cause in found.causes), found.causes
    assert any(row.fix in f"{fix.kind} {fix.value or fix.label}" for fix in found.fixes), found.fixes
    assert found.evidence


def test_every_row_of_the_guide_has_its_scenario_here_and_its_symptom() -> None:
    wanted = {scenario.guide_row for scenario in SCENARIOS.values() if scenario.guide_row}
    assert wanted == {SCENARIOS[row.scenario].guide_row for row in ROWS if SCENARIOS[row.scenario].guide_row}
    assert wanted <= {symptom.issue for symptom in SYMPTOMS}
    for row in ROWS:
        issue = SCENARIOS[row.scenario].guide_row
        walked = next((symptom.checks for symptom in SYMPTOMS if symptom.issue == issue), (row.check,))
        assert row.check in walked


async def test_a_healthy_chain_that_was_never_synced() -> None:
    async with world() as here:
        rows = await here.check()
        stages = stage_states(here.rows)
    assert not [row for row in rows.values() if row.state is CheckState.FAIL]
    assert rows["dbt.commands"].summary == "dbt run → dbt test → dbt docs generate"
    assert rows["tables.matched"].summary.startswith("25 of 26 tables")
    assert rows["artifacts.results"].summary.startswith("38 of 38 tests")
    assert rows["verification.descriptions"].state is CheckState.WARN
    assert "nothing has been synced yet" in rows["verification.descriptions"].summary
    assert stages[Stage.DBT_CLOUD].captions == ("Shop", "this machine")
    assert stages[Stage.TABLES].captions == ("25 of 26",)
    assert (
        stages[Stage.PIPELINE].state is CheckState.SKIPPED or stages[Stage.PIPELINE].state is CheckState.PASS
    )


async def test_behind_a_broken_link_the_chain_stays_dark() -> None:
    async with world("no-runs") as here:
        rows = await here.check()
        stages = stage_states(here.rows)
    assert rows["artifacts.manifest"].blocked_by == "run.exists"
    assert rows["tables.matched"].summary == "Not reached: dbt Cloud run exists failed"
    assert stages[Stage.DBT_CLOUD].state is CheckState.PASS
    assert stages[Stage.RUN].state is CheckState.FAIL
    assert stages[Stage.RUN].captions == ("dbt Cloud run exists",)
    assert stages[Stage.ARTIFACTS].state is CheckState.WAITING
    assert stages[Stage.VERIFICATION].state is CheckState.WAITING


async def test_a_server_without_a_pipeline_service_skips_its_rows_with_the_reason() -> None:
    async with world("no-pipeline-service") as here:
        rows = await here.check()
        stages = stage_states(here.rows)
    for name in ("pipeline.service", "pipeline.exists", "pipeline.status", "pipeline.schedule"):
        assert rows[name].state is CheckState.SKIPPED
        assert rows[name].summary.startswith("No pipeline service")
    assert stages[Stage.PIPELINE].state is CheckState.SKIPPED
    assert stages[Stage.PIPELINE].captions == ("from here",)
