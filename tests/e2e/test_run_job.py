"""``dbtcollate run-job`` as a script uses it: from no run at all to synced tables; refusals."""

import asyncio

import pytest

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.job_run import run_job
from dbtcollate_tui.headless.sync import sync
from dbtcollate_tui.plan.selection.scope import WHOLE
from tests.e2e.commands import events, run, tokens
from tests.e2e.shop import shop


def test_no_runs_become_synced_tables() -> None:
    with shop("no-runs") as sandbox:
        done = run("run-job", "--sync", "--yes", "--json", **tokens(sandbox))
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    told = events(done)
    kinds = [event["event"] for event in told]
    assert kinds.index("job_run_plan") < kinds.index("job_run") < kinds.index("plan")
    assert told[-1]["event"] == "run_finished"
    assert told[-1]["outcome"] == "ok"
    steps = [event["command"] for event in told if event["event"] == "job_run_step"]
    assert steps[-1] == "dbt docs generate"
    assert any(event["event"] == "job_run_log" for event in told)
    assert sandbox.dbt_cloud_token.get_secret_value() not in done.stdout + done.stderr


async def follows(capsys: pytest.CaptureFixture[str]) -> None:
    """Until the command tells of the run that it follows."""
    for _ in range(1_000):
        await asyncio.sleep(0.02)
        out = capsys.readouterr().out
        if "runs ahead" in out or "step 1 of" in out:
            return
    raise AssertionError("no run was followed")


async def test_a_cancelled_run_has_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop("running", seconds=60) as sandbox:
        for name, value in tokens(sandbox).items():
            monkeypatch.setenv(name, value)
        work = asyncio.create_task(run_job(Common(), JobRunOptions(), yes=True, wait=True))
        await follows(capsys)
        async with DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
            [active] = await client.runs(sandbox.account_id, status_in=(3,))
            await client.cancel_run(sandbox.account_id, active.id)
        assert await work is ExitCode.JOB_FAILED


@pytest.mark.parametrize("cancels", [True, False])
async def test_an_interrupt_cancels_the_run_only_if_asked(
    cancels: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop("no-runs", seconds=60) as sandbox:
        for name, value in tokens(sandbox).items():
            monkeypatch.setenv(name, value)
        work = asyncio.create_task(
            run_job(Common(), JobRunOptions(), yes=True, wait=True, cancel_on_interrupt=cancels)
        )
        await follows(capsys)
        async with DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            [only] = await client.runs(sandbox.account_id, job_id=sandbox.job_id)
    assert only.is_cancelled is cancels


def test_nothing_is_run_without_a_yes() -> None:
    with shop("no-runs") as sandbox:
        done = run("run-job", **tokens(sandbox))
    assert done.returncode == ExitCode.USAGE
    assert "--yes" in done.stdout + done.stderr


def test_a_token_without_the_right_ends_with_exit_code_3() -> None:
    with shop("no-job-runner") as sandbox:
        done = run("run-job", "--wait", "--yes", **tokens(sandbox))
    assert done.returncode == ExitCode.AUTH
    assert "Job Runner or Job Admin" in done.stdout + done.stderr


@pytest.mark.parametrize("scenario", ["stale", "missing-catalog", "only-failed"])
def test_the_job_run_is_the_fix(scenario: str) -> None:
    docs = ["--generate-docs"] if scenario == "missing-catalog" else []
    with shop(scenario) as sandbox:
        done = run("run-job", "--sync", "--yes", "--json", *docs, **tokens(sandbox))
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert events(done)[-1]["outcome"] == "ok"


async def test_a_sync_waits_for_the_run_in_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shop("running", seconds=60) as sandbox:
        for name, value in tokens(sandbox).items():
            monkeypatch.setenv(name, value)
        work = asyncio.create_task(
            sync(Common(), yes=True, run_id=None, scope=WHOLE, engine="direct", wait=True)
        )
        await follows(capsys)
        assert not work.done()
        async with DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
            [active] = await client.runs(sandbox.account_id, status_in=(3,))
            await client.cancel_run(sandbox.account_id, active.id)
        assert await work in (ExitCode.OK, ExitCode.PARTIAL)
