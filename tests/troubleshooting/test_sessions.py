"""From symptom to fix: each scenario of the sandbox walked, stopped at its stage, fixed, and walked on."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.errors import AuthError, UsageError
from dbtcollate_tui.events.types import Failed, SyncEvent
from dbtcollate_tui.fixes import (
    DeployPipeline,
    EnterToken,
    Fix,
    GoToStep,
    ProfileField,
    SetField,
    Step,
    SyncNow,
)
from dbtcollate_tui.sandbox.sample_tokens import bot_jwt
from dbtcollate_tui.sandbox.scenarios import SCENARIOS, Scenario
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import Side
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.setup.fixes import (
    accounts_of,
    iter_jobs,
    keep_token,
    moved_to_account,
    try_token,
    with_job,
)
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine, Tempo
from dbtcollate_tui.sync.in_collate import run_collate
from dbtcollate_tui.troubleshooting.report import letter_of, report
from dbtcollate_tui.troubleshooting.session import Outcome, TroubleshootingSession, earlier, first_affected
from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS, symptom_named, symptom_of
from tests.support.world import World, engine_of, profile_for, world
from tests.troubleshooting.walks import (
    BROKEN,
    EXPLAINED,
    LIFTED,
    Case,
    field_fix_of,
    lift,
    walk_for,
    walked,
)


@pytest.mark.parametrize("case", LIFTED, ids=lambda case: case.scenario)
async def test_fix_by_others_has_a_message_and_a_continuation(case: Case) -> None:
    async with world(case.scenario) as here:
        walk, context = await walk_for(here, case.symptom)
        row = found_at(walk, case.outcome, case.check)
        assert any(case.cause in cause for cause in row.causes), row.causes
        assert any(case.fix in f"{fix.label} {fix.value}" for fix in row.fixes), row.fixes
        assert row.evidence
        letter = letter_of(walk, here.profile)
        assert letter is not None
        assert case.letter in letter.text, letter.text
        assert "legacy_orders" not in letter.text
        kept = {name: found for name, found in walk.rows.items() if found.stage is not row.stage}
        lift(here)
        walk.did("fixed by others")
        await walked(walk, context, row.check_id)
        assert walk.stopped is None, walk.summary()
        assert walk.rows[case.check].causes != row.causes
        before = list(Stage)[: list(Stage).index(row.stage)]
        for name, found in kept.items():
            assert (walk.rows[name] is found) is (found.stage in before)
        text = report(walk, here.profile)
    assert "- fixed by others" in text
    assert f"| {row.stage.value} | {row.title} |" in text
    for token in (here.sandbox.dbt_cloud_token, here.sandbox.collate_token):
        assert token.get_secret_value() not in text + letter.as_text()


def found_at(walk: TroubleshootingSession, outcome: Outcome, check: str) -> CheckResult:
    """The walk's finding, of that outcome, at that check."""
    row = walk.finding
    assert row is not None, walk.summary()
    assert (walk.outcome, row.check_id) == (outcome, check), walk.summary()
    return row


def side_of(fix: Fix) -> Side | None:
    return fix.side if isinstance(fix, EnterToken) else None


@pytest.mark.parametrize(
    ("scenario", "symptom", "check", "says", "value"),
    [
        ("wrong-service", "no-lineage", "tables.matched", "is not the one", "service="),
        ("upper-case", "no-lineage", "tables.matched", "differs in case", "options.match_case="),
        ("only-failed", "no-runs", "run.exists", "has failed", "run_rule=newest_completed"),
    ],
)
async def test_field_that_a_fix_sets_fixes_it(
    scenario: str, symptom: str, check: str, says: str, value: str
) -> None:
    async with world(scenario) as here:
        exact = changed_profile(here.profile, SetField("", ProfileField.MATCH_CASE, "exact"))
        profile = exact if scenario == "upper-case" else here.profile
        walk, _ = await walk_for(here, symptom, profile)
        row = found_at(walk, BROKEN, check)
        assert any(says in cause for cause in row.causes), row.causes
        fix = field_fix_of(row, value)
        fixed = changed_profile(profile, fix)
        walk.did(fix.label)
        origin = earlier(first_affected(profile, fixed), row.check_id)
        await walked(walk, here.context(fixed), origin)
    assert walk.stopped is None, walk.summary()
    assert walk.rows[check].state is not CheckState.FAIL
    assert fix.label in report(walk, fixed)


@pytest.mark.parametrize(
    ("side", "scenario", "symptom", "check"),
    [
        ("dbt_cloud", "expired-token", "invalid-token", "dbt.token"),
        ("collate", "collate-expired-token", "collate-refuses", "collate.token"),
    ],
)
async def test_a_new_token_is_tried_then_kept_then_walked_with(
    side: Side, scenario: str, symptom: str, check: str
) -> None:
    async with world(scenario) as here:
        walk, _ = await walk_for(here, symptom)
        row = found_at(walk, BROKEN, check)
        asks = next(fix for fix in row.fixes if side_of(fix) == side)
        assert asks.label == "Enter another token"
        letter = letter_of(walk, here.profile)
        assert letter is not None
        assert str(here.profile.dbt_cloud.account_id) in letter.text
        old = here.sandbox.dbt_cloud_token if side == "dbt_cloud" else here.sandbox.collate_token
        with pytest.raises(AuthError):
            await try_token(here.services, here.profile, side, old)
        assert await here.services.secrets.get(here.profile.name, side) is None
        here.sandbox.collate_token = bot_jwt()
        lift(here)
        new = here.sandbox.dbt_cloud_token if side == "dbt_cloud" else here.sandbox.collate_token
        pasted = SecretStr(f"Bearer {new.get_secret_value()}\n")
        words = await try_token(here.services, here.profile, side, pasted)
        words += "; " + await keep_token(here.services, here.profile, side, pasted)
        assert new.get_secret_value() not in words
        walk.did(words)
        given: dict[Side, SecretStr] = {
            "dbt_cloud": here.sandbox.dbt_cloud_token,
            "collate": here.sandbox.collate_token,
        }
        del given[side]
        async with Connections(here.profile, here.services, given=given) as connections:
            await walked(walk, CheckContext(here.profile, connections, here.services), row.check_id)
            assert connections.origins[side] == "keyring"
    assert walk.outcome is Outcome.GOOD, walk.summary()
    assert "after 1 fix" in walk.summary()


async def test_a_token_of_the_other_side_is_sent_nowhere() -> None:
    async with world() as here:
        seen = len(here.sandbox.requests)
        with pytest.raises(AuthError):
            await try_token(here.services, here.profile, "dbt_cloud", here.sandbox.collate_token)
        with pytest.raises(AuthError):
            await try_token(here.services, here.profile, "collate", here.sandbox.dbt_cloud_token)
        with pytest.raises(UsageError):
            await try_token(here.services, here.profile, "collate", SecretStr(" "))
        assert len(here.sandbox.requests) == seen


async def test_another_account_is_taken_with_its_job() -> None:
    async with world("wrong-account") as here:
        walk, context = await walk_for(here, "wrong-account")
        row = found_at(walk, BROKEN, "dbt.account")
        assert GoToStep("Choose among the accounts that the token sees", Step.ACCOUNT) in row.fixes
        accounts = await accounts_of(context)
        fixed = await moved_to_account(context, accounts[0])
        walk.did(fixed.words)
        origin = first_affected(here.profile, fixed.profile)
        assert origin == "dbt.account"
        await walked(walk, here.context(fixed.profile), origin)
    assert fixed.profile.dbt_cloud.account_id != here.profile.dbt_cloud.account_id
    assert fixed.profile.dbt_cloud.job_id == here.profile.dbt_cloud.job_id
    assert walk.outcome is Outcome.GOOD, walk.summary()


async def test_one_job_in_place_of_any_leaves_the_pull_requests_out() -> None:
    async with world("ci-newest") as here:
        side = here.profile.dbt_cloud.model_copy(update={"job_id": None, "job_name": ""})
        anything = here.profile.model_copy(update={"dbt_cloud": side})
        walk, context = await walk_for(here, "other-run", anything)
        row = found_at(walk, EXPLAINED, "run.kind")
        assert any("passed over: a CI run" in cause for cause in row.causes), row.causes
        assert Step.JOB in [fix.step for fix in row.fixes if isinstance(fix, GoToStep)]
        listed = [jobs async for jobs in iter_jobs(context)]
        best = listed[-1].proposed
        assert best is not None
        fixed = await with_job(context, best.job)
        await walked(walk, here.context(fixed.profile), first_affected(anything, fixed.profile))
    assert fixed.profile.dbt_cloud.job_id == here.sandbox.job_id
    assert fixed.profile.dbt_cloud.project_name == "shop"
    assert not any("passed over" in cause for cause in walk.rows["run.kind"].causes)


async def test_ignored_steps_explain_missing_results() -> None:
    async with world("step-ignored") as here:
        walk, _ = await walk_for(here, "no-tests")
        row = walk.rows["artifacts.results"]
        assert any("which step" in cause for cause in row.causes), row.causes
        assert Step.JOB in [fix.step for fix in row.fixes if isinstance(fix, GoToStep)]
        letter = letter_of(walk, here.profile, row)
        assert letter is not None
        assert "dbt build" in letter.text


TEMPO = Tempo(poll=0.05, quiet=0.5, trigger_patience=10.0, trigger_pause=0.05)


async def pipeline_run(here: World, profile: Profile) -> list[SyncEvent]:
    events = run_collate(
        Engine(
            profile,
            await here.connections.dbt_cloud(),
            await here.connections.collate(),
            artifacts=here.services.artifacts,
            state=here.services.state,
            tempo=TEMPO,
        ),
        here.sandbox.dbt_cloud_token,
    )
    return [event async for event in events]


async def test_a_paused_pipeline_is_deployed_and_run_and_the_old_run_stays_to_look_at() -> None:
    async with world("stale") as here:
        profile = profile_for(here.sandbox, schedule="0 7 * * *")
        walk, context = await walk_for(here, "stale", profile)
        row = found_at(walk, BROKEN, "pipeline.schedule")
        assert "is paused" in row.summary
        assert walk.rows["run.fresh"].state is CheckState.WARN
        assert Stage.VERIFICATION not in {found.stage for found in walk.rows.values()}
        assert walk.states()[Stage.VERIFICATION].state is CheckState.WAITING
        assert any(isinstance(fix, DeployPipeline) for fix in row.fixes)
        await pipeline_run(here, profile)
        walk.did("deployed and run")
        await walked(walk, context, row.check_id)
        found_at(walk, EXPLAINED, "run.fresh")
    assert walk.rows["pipeline.schedule"].state is CheckState.PASS
    assert walk.rows["verification.ingestion"].state is CheckState.PASS


@pytest.mark.parametrize(
    ("scenario", "says", "letter"),
    [("plan-limit", "plan", "Plan shows the limits"), ("pipeline-fails", "failed", "deployed, switched on")],
)
async def test_a_fix_that_fails_says_why_and_is_asked_of_others(
    scenario: str, says: str, letter: str
) -> None:
    async with world(scenario) as here:
        profile = profile_for(here.sandbox, schedule="0 7 * * *")
        walk, context = await walk_for(here, "pipeline", profile)
        row = found_at(walk, EXPLAINED, "pipeline.exists")
        events = await pipeline_run(here, profile)
        error = next(event.error for event in events if isinstance(event, Failed))
        walk.failed("Deploy the pipeline and run it", row, error)
        stopped = found_at(walk, BROKEN, "pipeline.exists")
        assert says in stopped.summary
        assert stopped.causes
        text = letter_of(walk, profile)
        assert text is not None
        assert letter in text.text, text.text
        assert "failed: Deploy the pipeline and run it" in report(walk, profile)
        lift(here)
        await pipeline_run(here, profile)
        await walked(walk, context, row.check_id)
    assert walk.stopped is None, walk.summary()
    assert walk.rows["pipeline.status"].state is CheckState.PASS


@pytest.mark.parametrize("scenario", ["no-pipeline-service", "pipeline-service-down"])
async def test_without_a_pipeline_service_the_sync_from_here_brings_the_data(scenario: str) -> None:
    async with world(scenario) as here:
        walk, _ = await walk_for(here, "pipeline")
        row = found_at(walk, EXPLAINED, "pipeline.service")
        assert SyncNow("Sync from here now") in row.fixes
        letter = letter_of(walk, here.profile)
        assert letter is not None
        assert "PIPELINE_SERVICE_CLIENT_ENDPOINT" in letter.text
        assert letter.to == "the administrator of Collate"
        stale, context = await walk_for(here, "stale")
        found = found_at(stale, EXPLAINED, "verification.ingestion")
        await direct_sync(here)
        await walked(stale, context, found.check_id)
    assert stale.rows["verification.ingestion"].state is CheckState.PASS
    assert stale.outcome is not BROKEN


async def direct_sync(here: World) -> None:
    events = run_direct(await engine_of(here))
    async for _ in events:
        pass


COPED_WITH = (
    SCENARIOS["healthy"],
    SCENARIOS["rate-limited"],
    SCENARIOS["flaky"],
    replace(SCENARIOS["slow"], dbt_delay=0.05, collate_delay=0.05),
    SCENARIOS["running"],
    SCENARIOS["cut-download"],
    SCENARIOS["search-down"],
    SCENARIOS["edited"],
    SCENARIOS["team-plan"],
    SCENARIOS["fusion"],
    SCENARIOS["split-jobs"],
    SCENARIOS["deactivated"],
    SCENARIOS["search-behind"],
    replace(SCENARIOS["slow-rows"], collate_row_seconds=0.001),
    SCENARIOS["unreadable-test"],
    SCENARIOS["odd-build"],
    SCENARIOS["dbt-cloud-connector"],
    SCENARIOS["hybrid-runner"],
    SCENARIOS["personal-token"],
    SCENARIOS["sso"],
)
"""What the program copes with: nothing is broken, and a sync is all that is missing."""


@pytest.mark.parametrize("scenario", COPED_WITH, ids=lambda scenario: scenario.name)
async def test_what_the_program_copes_with_stops_no_walk(scenario: Scenario) -> None:
    async with world(scenario) as here:
        walk, _ = await walk_for(here, "not-sure")
        assert walk.outcome is Outcome.WARNED, walk.summary()
        assert len(walk.rows) == len(walk.checks)
        assert all(state.state is not CheckState.FAIL for state in walk.states().values())
        fixes = walk.rows["verification.ingestion"].fixes
        assert any(isinstance(fix, SyncNow) for fix in fixes)


@pytest.mark.parametrize(
    ("scenario", "check", "cause"),
    [
        ("ip-restricted", "dbt.account", "IP restrictions"),
        ("starter-plan", "dbt.permissions", "no permission"),
        ("no-job-runner", "run.exists", "never run"),
    ],
)
async def test_what_dbt_cloud_refuses_is_named(scenario: str, check: str, cause: str) -> None:
    async with world(scenario) as here:
        walk, _ = await walk_for(here, "not-sure")
        row = found_at(walk, BROKEN, check)
    assert any(cause in text for text in row.causes), row.causes
    assert row.fixes


async def test_a_token_of_another_server_is_named() -> None:
    async with world("other-server") as here:
        walk, _ = await walk_for(here, "not-sure")
        row = found_at(walk, BROKEN, "collate.token")
    assert row.summary == "The Collate token belongs to another server"
    assert any("Enter another token" in fix.label for fix in row.fixes)


async def test_a_schedule_is_offered_where_nothing_runs_by_itself() -> None:
    async with world() as here:
        walk, _ = await walk_for(here, "stale")
        row = found_at(walk, EXPLAINED, "verification.ingestion")
        fix = field_fix_of(row, "pipeline.schedule=")
        fixed = changed_profile(here.profile, fix)
        assert first_affected(here.profile, fixed) == "pipeline.exists"
        await pipeline_run(here, fixed)
        await walked(walk, here.context(fixed), "pipeline.exists")
    assert fixed.pipeline.schedule is not None
    assert walk.rows["pipeline.schedule"].state is CheckState.PASS
    assert walk.rows["verification.ingestion"].state is CheckState.PASS


async def test_what_is_switched_off_explains_and_is_switched_on() -> None:
    async with world() as here:
        off = changed_profile(here.profile, SetField("", ProfileField.INCLUDE_LINEAGE, "false"))
        walk, _ = await walk_for(here, "no-lineage", off)
        row = found_at(walk, EXPLAINED, "verification.lineage")
        fixed = changed_profile(off, field_fix_of(row, "options.include_lineage=true"))
        assert letter_of(walk, off) is None
        assert letter_of(walk, off, walk.rows["verification.ingestion"]) is not None
    assert fixed.options.include_lineage


def test_every_scenario_and_every_row_of_the_guide_is_walked_here() -> None:
    here = {case.scenario for case in LIFTED} | {scenario.name for scenario in COPED_WITH}
    here |= set(re.findall(r"[\"(]([a-z0-9-]+)\"", Path(__file__).read_text(encoding="utf-8")))
    assert set(SCENARIOS) <= here
    guide = [symptom for symptom in SYMPTOMS if symptom.from_guide]
    rows = {scenario.guide_row for scenario in SCENARIOS.values() if scenario.guide_row}
    assert {symptom.issue for symptom in guide} == rows
    assert len(guide) == 6


def test_symptoms_are_found_by_id_words_and_check() -> None:
    assert symptom_named("").id == "not-sure"
    assert symptom_named("no lineage appears").id == "no-lineage"
    assert symptom_named("Stale data").id == "stale"
    with pytest.raises(UsageError) as caught:
        symptom_named("lineage")
    assert caught.value.fixes[0].label == "Nearest: dbtcollate troubleshoot no-lineage"
    assert symptom_of("artifacts.catalog").id == "missing-catalog"
    assert symptom_of("collate.token").id == "collate-refuses"
    assert symptom_of("verification.lineage").id == "no-lineage"
    assert symptom_of("dbt.job").id == "not-sure"
    assert all(check.id in symptom_of(check.id).checks for check in ALL_CHECKS)


async def test_a_walk_that_is_left_half_way_keeps_what_it_saw() -> None:
    async with world() as here:
        walk = TroubleshootingSession(symptom_named("not-sure"))
        rows = walk.go(here.context())
        async for row in rows:
            if row.stage is Stage.TABLES and row.state is CheckState.RUNNING:
                break
        await rows.aclose()
    assert walk.outcome is Outcome.WALKING
    assert {row.state for row in walk.rows.values()} <= {CheckState.PASS, CheckState.WARN, CheckState.SKIPPED}
    assert walk.rows["run.exists"].state is CheckState.PASS


async def test_the_story_pairs_what_was_found_with_what_was_done() -> None:
    async with world("no-runs") as here:
        walk, context = await walk_for(here, "not-sure")
        assert not walk.story
        await walked(walk, context, "run.exists")
        assert not walk.story
        lift(here)
        walk.did("the job was run")
        await walked(walk, context, "run.exists")
    assert [(entry.kind, entry.text.partition(":")[0]) for entry in walk.story] == [
        ("found", "dbt Cloud run exists"),
        ("did", "the job was run"),
    ]
    assert walk.finding is not None
    assert walk.finding.check_id == "verification.ingestion"
