"""Running a job from here: what is shown first, the start, the queue, the steps and the log of a run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.errors import MissingPermission
from dbtcollate_tui.dbt_cloud.job_run import (
    JobRunOptions,
    JobRunPlan,
    JobRunUpdate,
    _Tail,
    follow,
    prepare_job_run,
    start,
)
from dbtcollate_tui.dbt_cloud.models import RunStep
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.dbt_cloud.content import OLD_NIGHTLY_ID
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.transport.pacing import RetryPolicy, Unpaced

POLL = 0.02


@asynccontextmanager
async def shop(scenario: str = "", seconds: float = 0.3) -> AsyncIterator[tuple[Sandbox, DbtCloudClient]]:
    async with (
        Sandbox(scenario, run_seconds=seconds) as sandbox,
        DbtCloudClient(
            sandbox.dbt_cloud_url,
            sandbox.dbt_cloud_token,
            pacer=Unpaced(),
            retries=RetryPolicy(attempts=1),
        ) as client,
    ):
        yield sandbox, client


async def prepared(
    sandbox: Sandbox, client: DbtCloudClient, options: JobRunOptions | None = None
) -> JobRunPlan:
    return await prepare_job_run(client, sandbox.account_id, sandbox.job_id, options or JobRunOptions())


async def followed(sandbox: Sandbox, client: DbtCloudClient, run_id: int) -> list[JobRunUpdate]:
    return [update async for update in follow(client, sandbox.account_id, run_id, poll_seconds=POLL)]


async def test_a_run_is_shown_before_it_is_started() -> None:
    async with shop("no-runs") as (sandbox, client):
        plan = await prepared(sandbox, client)
        facts = dict(plan.facts("a service token"))
        assert await client.runs(sandbox.account_id, job_id=sandbox.job_id) == []
    assert facts["environment"] == "Production"
    assert facts["commands"].endswith("dbt docs generate")
    assert (facts["cause"], facts["started by"]) == ("Started by dbtcollate", "a service token")


async def test_a_started_run_is_followed_to_its_end() -> None:
    async with shop("no-runs") as (sandbox, client):
        run = await start(client, await prepared(sandbox, client))
        updates = await followed(sandbox, client, run.id)
        assert [update.ended for update in updates] == [False] * (len(updates) - 1) + [True]
        assert updates[-1].run.is_success
        assert updates[-1].run.trigger is not None
        assert updates[-1].run.trigger.cause == "Started by dbtcollate"
        for step in updates[-1].run.run_steps:
            lines = [line for update in updates for index, line in update.lines if index == step.index]
            assert "\n".join(lines) == step.logs.removesuffix("\n")


async def test_a_run_in_progress_is_followed_not_doubled() -> None:
    async with shop("running") as (sandbox, client):
        plan = await prepared(sandbox, client)
        assert plan.in_progress is not None
        run = await start(client, plan)
        assert run.id == plan.in_progress.id
        assert "is followed" in plan.title
        posts = [record for record in client.request_log.newest() if record.method == "POST"]
    assert posts == []


async def test_the_queue_position_counts_the_runs_before() -> None:
    async with shop("no-runs", seconds=60) as (sandbox, client):
        plan = await prepared(sandbox, client)
        first, second = await start(client, plan), await start(client, plan)
        updates = follow(client, sandbox.account_id, second.id, poll_seconds=POLL)
        update = await anext(updates)
        await updates.aclose()
    assert first.id < second.id
    assert update.ahead is not None
    assert update.ahead >= 1


async def test_what_is_overridden_is_sent_and_shown() -> None:
    options = JobRunOptions(cause="tests", commands=("dbt test",), git_branch="fix", dbt_version="latest")
    async with shop("no-runs") as (sandbox, client):
        plan = await prepared(sandbox, client, options)
        run = (await followed(sandbox, client, (await start(client, plan)).id))[-1].run
    facts = dict(plan.facts("me"))
    assert (facts["commands"], facts["branch"], facts["dbt version"]) == ("dbt test", "fix", "latest")
    assert run.trigger is not None
    assert run.trigger.steps_override == ("dbt test",)
    assert run.git_branch == "fix"
    assert [step.command for step in run.run_steps][3:] == ["dbt test"]


async def test_docs_can_be_generated_this_time() -> None:
    async with shop("missing-catalog") as (sandbox, client):
        plan = await prepared(sandbox, client, JobRunOptions(generate_docs=True))
        assert plan.commands[-1] == "dbt docs generate"
        run = (await followed(sandbox, client, (await start(client, plan)).id))[-1].run
    assert run.has_docs_generated


async def test_a_failed_run_is_retried_from_its_failure() -> None:
    async with shop() as (sandbox, client):
        failed = (await client.runs(sandbox.account_id, job_id=sandbox.job_id, status_in=(20,)))[0]
        plan = await prepared(sandbox, client, JobRunOptions(retry_of=failed.id))
        assert plan.commands == ("dbt test", "dbt source freshness", "dbt docs generate")
        run = (await followed(sandbox, client, (await start(client, plan)).id))[-1].run
        assert run.retrying_run_id == failed.id
        good = (await client.runs(sandbox.account_id, job_id=sandbox.job_id, status_in=(10,)))[0]
        with pytest.raises(UsageError, match="cannot be retried") as caught:
            await prepared(sandbox, client, JobRunOptions(retry_of=good.id))
    assert caught.value.fixes[0].kind == "run_job"


async def test_a_cancelled_run_ends_as_cancelled() -> None:
    async with shop("no-runs", seconds=60) as (sandbox, client):
        run = await start(client, await prepared(sandbox, client))
        await client.cancel_run(sandbox.account_id, run.id)
        updates = await followed(sandbox, client, run.id)
    assert updates[-1].run.is_cancelled


async def test_a_token_without_the_right_names_the_permission() -> None:
    async with shop("no-job-runner") as (sandbox, client):
        plan = await prepared(sandbox, client)
        with pytest.raises(MissingPermission) as caught:
            await start(client, plan)
    assert caught.value.exit_code is ExitCode.AUTH
    assert f"may not run job {sandbox.job_id}" in caught.value.title
    assert "Job Runner or Job Admin" in caught.value.causes[0]
    assert caught.value.fixes[0].kind == "open_url"


async def test_a_deleted_job_is_not_run() -> None:
    async with shop() as (sandbox, client):
        with pytest.raises(UsageError, match="was deleted"):
            await prepare_job_run(client, sandbox.account_id, OLD_NIGHTLY_ID, JobRunOptions())


def step(logs: str = "", tail: str = "", status: int = 3) -> RunStep:
    return RunStep.model_validate({"index": 4, "logs": logs, "truncated_debug_logs": tail, "status": status})


def test_an_unfinished_line_waits() -> None:
    tail = _Tail()
    assert tail.new_lines(step("a\nb\nc"), whole=False) == ["a", "b"]
    assert tail.new_lines(step("a\nb\ncd\ne\n"), whole=False) == ["cd", "e"]
    assert tail.new_lines(step("a\nb\ncd\ne\nf", status=10), whole=True) == ["f"]


def test_a_log_of_its_last_lines_is_joined() -> None:
    tail = _Tail()
    assert tail.new_lines(step(tail="1\n2\n3\n4\n"), whole=False) == ["1", "2", "3", "4"]
    assert tail.new_lines(step(tail="3\n4\n5\n6\n"), whole=False) == ["5", "6"]
    assert tail.new_lines(step(tail="6\n7\n8\n"), whole=False) == ["7", "8"]
    assert tail.new_lines(step(tail="6\n7\n8\n"), whole=False) == []
