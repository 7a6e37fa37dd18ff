"""From a symptom to synced tables by keys only: the job is run from here, followed, and its run synced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.widgets import OptionList

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.checklist import ChecklistScreen
from dbtcollate_tui.tui.screens.job_run import JobRunScreen
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.whole import Whole, keep, whole


@asynccontextmanager
async def verified(
    scenario: str, size: tuple[int, int], seconds: float = 0.3
) -> AsyncIterator[tuple[Whole, Sandbox]]:
    """The checklist of a profile for the sandbox in a scenario, every check done."""
    services = Services()
    async with Sandbox(scenario, run_seconds=seconds) as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=size) as app:
            await app.on("HomeScreen")
            await app.until(lambda: app.app.session, "the session")
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            yield app, sandbox


async def fix(app: Whole, check_id: str, label: str) -> None:
    """Go to a check's row and press the key of one of its fixes."""
    screen = app.top
    assert isinstance(screen, ChecklistScreen)
    rows = screen.query_one("#rows", OptionList)
    rows.highlighted = rows.get_option_index(check_id)
    card = screen.query_one(CheckCard)
    await app.until(lambda: card.row is not None and card.row.check_id == check_id, check_id)
    await app.until(lambda: any(label in fix.label for fix in card._keys.values()), label)
    await app.press(next(key for key, fix in card._keys.items() if label in fix.label))
    await app.on("JobRunScreen")


def job_screen(app: Whole) -> JobRunScreen:
    screen = app.top
    assert isinstance(screen, JobRunScreen)
    return screen


@pytest.mark.parametrize(
    ("scenario", "check_id", "label", "size"),
    [
        ("no-runs", "run.exists", "Run the job now", SMALL),
        ("stale", "run.fresh", "Run the job now", LARGE),
        ("missing-catalog", "artifacts.catalog", "with docs generated", SMALL),
        ("only-failed", "run.exists", "Retry run", SMALL),
    ],
)
async def test_the_job_run_leads_from_symptom_to_sync(
    scenario: str, check_id: str, label: str, size: tuple[int, int]
) -> None:
    async with verified(scenario, size) as (app, _):
        await fix(app, check_id, label)
        screen = job_screen(app)
        await app.until(lambda: screen.plan is not None, "what would run")
        assert "Nothing is started yet" in app.drawn()
        await app.press("enter")
        await app.until(lambda: screen.has_ended, "the run's end")
        assert "succeeded" in app.drawn()
        await app.press("enter")
        if scenario == "stale":
            await app.on("PipelineScreen")
            await app.press("i")
        await app.planned()
        await app.press("w")
        await app.synced()
        assert "changes written" in app.drawn()


async def test_leaving_goes_on_and_one_key_cancels() -> None:
    async with verified("no-runs", SMALL, seconds=60) as (app, sandbox):
        await fix(app, "run.exists", "Run the job now")
        screen = job_screen(app)
        await app.until(lambda: screen.plan is not None, "what would run")
        await app.press("enter")
        await app.until(lambda: screen.latest is not None, "the run")
        await app.press("escape")
        await app.on("ChecklistScreen")
        async with DbtCloudClient(sandbox.dbt_cloud_url, sandbox.dbt_cloud_token) as client:
            [run] = await client.runs(sandbox.account_id, job_id=sandbox.job_id)
            assert run.in_progress
            await app.checked()
            await fix(app, "run.exists", "Follow the run")
            again = job_screen(app)
            await app.until(lambda: again.latest is not None, "the same run")
            assert again.run_now is not None
            assert again.run_now.id == run.id
            await app.press("c")
            await app.on("Confirm")
            await app.press("left", "enter")
            await app.until(lambda: again.has_ended, "the run's end")
            assert "was cancelled" in app.drawn()


async def test_a_token_without_the_right_shows_the_permission() -> None:
    async with verified("no-job-runner", LARGE) as (app, _):
        await fix(app, "run.exists", "Run the job now")
        screen = job_screen(app)
        await app.until(lambda: screen.plan is not None, "what would run")
        await app.press("enter")
        await app.until(lambda: "Job Runner or Job Admin" in app.drawn(), "the permission")
        assert screen.run_now is None
