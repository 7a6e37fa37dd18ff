from typing import Any

import pytest

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import NoRun, RunChoice, RunRule, choose_run
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.transport.pacing import Unpaced
from tests.dbt_cloud.fake import ACCOUNT, JOB, NOW, PROJECT, TOKEN, FakeDbtCloud, job, run, serving, steps

CI = {"cause": "pull request", "cause_category": "ci", "github_pull_request_id": 42, "job_definition_id": 9}


async def choose(
    *runs: dict[str, Any],
    project_id: int | None = None,
    job_id: int | None = None,
    rule: RunRule = "newest_successful",
    run_id: int | None = None,
    fake: FakeDbtCloud | None = None,
) -> RunChoice:
    fake = fake or FakeDbtCloud()
    fake.runs.extend(runs)
    async with (
        serving(fake.app()) as url,
        DbtCloudClient(url, TOKEN, pacer=Unpaced()) as client,
    ):
        return await choose_run(client, ACCOUNT, project_id, job_id, rule, run_id, now=NOW)


def texts(choice: RunChoice, level: str = "warn") -> str:
    return "\n".join(note.text for note in choice.notes if note.level == level)


async def test_the_newest_successful_run_by_its_end() -> None:
    longest = run(5, 1)
    later = run(6, 2)
    choice = await choose(run(4, 26), longest, later)
    assert choice.run.id == 5
    assert choice.reason == "latest successful run of the account"
    assert choice.rule == "newest_successful"
    assert [step.index for step in choice.steps] == [1, 2, 3, 4]
    assert choice.age_seconds == 3600
    assert [other.id for other in choice.alternatives] == [6, 4]
    assert choice.other_runs(NOW) == ("#6 success 2 h ago", "#4 success 26 h ago")
    assert choice.reference_run is not None
    assert choice.reference_run.id == 5
    assert not choice.differs_from_reference
    assert choice.notes == ()


async def test_filters_of_project_and_job() -> None:
    runs = (run(1, 3), run(2, 2, project_id=12, job_definition_id=33), run(3, 1, job_definition_id=44))
    assert (await choose(*runs)).run.id == 3
    of_project = await choose(*runs, project_id=12)
    assert (of_project.run.id, of_project.reason) == (2, "latest successful run of project 12")
    of_job = await choose(*runs, project_id=PROJECT, job_id=JOB)
    assert (of_job.run.id, of_job.reason) == (1, "latest successful run of job nightly")


async def test_a_newer_failed_run_is_what_collates_workers_take() -> None:
    failed = run(8, 1, 20, run_steps=steps(None, "dbt run", "dbt test", "dbt docs generate", failed=3))
    choice = await choose(run(7, 2), failed)
    assert choice.run.id == 7
    assert choice.differs_from_reference
    assert "Run 8 of job nightly is newer and failed." in texts(choice)
    assert "Collate's own ingestion would use run 8 of job nightly (failed)" in texts(choice, "info")
    completed = await choose(run(7, 2), failed, rule="newest_completed")
    assert completed.run.id == 8
    assert completed.reason == "latest completed run of the account, failed at step 3 of 4"
    assert "It failed at step 3 of 4 (dbt test): artifacts of the steps after that" in texts(completed)
    assert not completed.differs_from_reference


async def test_a_running_one_is_mentioned_and_a_cancelled_one_is_not_taken() -> None:
    choice = await choose(run(7, 3), run(8, 2, 30), run(9, 0, 3))
    assert choice.run.id == 7
    assert "Run 9 of job nightly is running" in texts(choice, "info")
    assert choice.reference_run is not None
    assert choice.reference_run.id == 7


async def test_a_ci_run_is_passed_over_and_named() -> None:
    ci = run(9, 0.5, trigger=CI, job_definition_id=9, job=job(id=9, name="ci-slim", job_type="ci"))
    choice = await choose(run(7, 1), ci)
    assert choice.run.id == 7
    assert "Run 9 of job ci-slim is newer, and passed over: a CI run of pull request 42." in texts(choice)
    assert "it is a CI run" in texts(choice, "info")


async def test_a_ci_run_is_taken_when_asked_for_or_when_there_is_nothing_else() -> None:
    ci = run(9, 0.5, trigger=CI, job=job(job_type="ci"))
    for choice in (await choose(ci), await choose(run(7, 1), ci, run_id=9), await choose(ci, job_id=JOB)):
        assert choice.run.id == 9
        assert "Run 9 is a CI run of pull request 42: it describes unmerged code" in texts(choice)


async def test_production_is_found_behind_a_hundred_ci_runs() -> None:
    fake = FakeDbtCloud()
    many = (run(n, 0.001 * (500 - n), trigger=CI) for n in range(200, 330))
    choice = await choose(run(7, 5), *many, fake=fake)
    assert choice.run.id == 7
    assert "offset=100" in [query for query in fake.asked if "status=10" in query][1]
    assert len(fake.asked) == 4


async def test_an_old_success_is_found_behind_a_hundred_failures() -> None:
    fake = FakeDbtCloud()
    choice = await choose(run(7, 500), *(run(n, 400 - n, 20) for n in range(200, 330)), fake=fake)
    assert choice.run.id == 7
    assert "130" not in texts(choice)
    assert "runs failed since" in texts(choice)
    assert len(fake.asked) == 3


async def test_overrides_and_parts_are_warned_of() -> None:
    trigger = {
        "cause": "by hand",
        "cause_category": "ui",
        "schema_override": "dbt_pr_1",
        "steps_override": ["dbt build -s orders"],
        "target_name_override": "dev",
    }
    odd = run(
        7,
        1,
        trigger=trigger,
        deferring_run_id=3,
        run_steps=steps(None, "dbt build -s orders"),
        has_docs_generated=False,
    )
    told = texts(await choose(odd))
    for words in (
        "schema dbt_pr_1 in place of",
        "other commands than its job: dbt build -s orders",
        "target dev",
        "a part of the project (dbt build -s orders)",
        "deferred",
        "no catalog.json",
    ):
        assert words in told
    merge = run(7, 1, trigger={"cause": "merge", "cause_category": "merge"})
    assert "started by a merge" in texts(await choose(merge))


@pytest.mark.parametrize(
    ("hours_ago", "cron", "missed"),
    [
        (5, "0 6 * * *", 0),
        (29, "0 6 * * *", 1),
        (24 * 9, "0 6 * * *", 9),
        (1.5, "0 * * * *", 1),
        (0.2, "0 * * * *", 0),
        (50, None, 0),
    ],
)
async def test_age_against_the_jobs_schedule(hours_ago: float, cron: str | None, missed: int) -> None:
    scheduled = job(
        triggers={"schedule": cron is not None},
        schedule={"cron": cron, "date": {"type": "custom_cron"}, "time": {"type": "every_hour"}},
    )
    choice = await choose(run(7, hours_ago, job=scheduled))
    assert choice.missed == missed
    assert choice.is_stale is (missed > 0)
    assert ("It is stale" in texts(choice)) is (missed > 0)


async def test_an_old_run_without_a_schedule_is_said() -> None:
    choice = await choose(run(7, 24 * 8, job=job(triggers={"schedule": False})))
    assert "It finished 8 d ago, and its job has no active schedule." in texts(choice)
    assert not choice.is_stale


async def test_a_named_run_must_have_ended() -> None:
    choice = await choose(run(7, 5), run(8, 1), run_id=7)
    assert (choice.run.id, choice.rule, choice.reason) == (7, None, "the requested run")
    assert choice.differs_from_reference
    with pytest.raises(UsageError, match="Run 9 is running"):
        await choose(run(9, 0, 3), run_id=9)


@pytest.mark.parametrize(
    ("runs", "cause", "fix"),
    [
        ((), "No job has ever run.", "Run a job in dbt Cloud"),
        ((run(1, 2, 20), run(2, 1, 30)), "Every run that ended has failed", "Use the latest completed run"),
        ((run(1, 0, 1),), "The first run is in progress.", "when it has finished"),
    ],
)
async def test_no_run_says_why(runs: tuple[dict[str, Any], ...], cause: str, fix: str) -> None:
    with pytest.raises(NoRun) as caught:
        await choose(*runs)
    assert caught.value.title == "No successful run of the account"
    assert cause in caught.value.causes[0]
    assert fix in caught.value.fixes[0].label
    with pytest.raises(NoRun, match=f"No completed run of job {JOB}"):
        await choose(project_id=PROJECT, job_id=JOB, rule="newest_completed")


async def test_the_sandboxs_scenarios() -> None:
    for scenario, job_filter, stale in (
        ("", True, False),
        ("stale", True, True),
        ("ci-newest", False, False),
        ("running", True, False),
    ):
        async with (
            Sandbox(scenario) as sandbox,
            DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client,
        ):
            job_id = sandbox.job_id if job_filter else None
            choice = await choose_run(client, sandbox.account_id, sandbox.project_id, job_id)
        assert choice.run.is_success
        assert choice.run.job_id == sandbox.job_id
        assert choice.is_stale is stale, scenario
    for scenario in ("no-runs", "only-failed"):
        async with (
            Sandbox(scenario) as sandbox,
            DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client,
        ):
            with pytest.raises(NoRun):
                await choose_run(client, sandbox.account_id, sandbox.project_id, sandbox.job_id)
