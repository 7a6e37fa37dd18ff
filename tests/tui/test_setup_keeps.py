"""Esc loses no answer, a held back preview says so, a page's address is copied."""

import re
import time
from datetime import UTC, datetime

import pytest
from textual.widgets import Checkbox, Input

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.answers import load_draft
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.transport.pacing import Retrying
from dbtcollate_tui.transport.request_log import RequestRecord
from dbtcollate_tui.tui.screens.setup_steps import job as job_step
from dbtcollate_tui.tui.screens.setup_steps.job import JobPane
from tests.tui.driving import Driver, driving, offer_of, walk_to

ADDRESS = "https://ab123.eu1.dbt.com/deploy/1/projects/2/jobs/3"


async def test_typed_address_is_kept_for_the_next_time() -> None:
    services = Services()
    async with driving(GuidedSetup(services)) as driver:
        await driver.at("address")
        driver.pane.query_one("#address", Input).value = ADDRESS
        await driver.press("escape")
        await driver.until(lambda: driver.saved, "the end")
    async with driving(GuidedSetup(services)) as driver:
        await driver.at("address")
        assert driver.pane.query_one("#address", Input).value == ADDRESS
        assert "account 1, project 2, job 3" in driver.drawn()


async def test_options_that_were_changed_and_left_by_esc_are_kept() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "options")
            assert driver.pane.query_one("#update_owners", Checkbox).value
            await driver.press("down", "space", "escape")
            await driver.at("service")
        draft = load_draft(services)
        assert draft is not None
        assert not draft.options.update_owners
        assert draft.options.update_descriptions


async def test_the_rule_for_the_run_is_an_option_and_shown_in_the_review() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "options")
        await driver.press("tab", "tab", "tab", "tab", "tab", "tab", "down", "space", "enter")
        await driver.at("review")
        assert driver.screen.setup.draft.run_rule == "newest_completed"
        assert "latest completed run" in driver.drawn()


async def test_a_job_s_page_s_address_is_copied() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "job")
        await driver.press("ctrl+y")
        assert f"/projects/{sandbox.project_id}/jobs/{sandbox.job_id}" in driver.app.clipboard


def _seconds_held(driver: Driver) -> int:
    found = re.search(r"held back by the rate limit, (\d+) s", driver.drawn())
    return int(found[1]) if found else 0


async def test_a_preview_that_the_rate_limit_holds_back_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_step, "HELD_SECONDS", 0.01)
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "job")
        pane = driver.pane
        assert isinstance(pane, JobPane)
        row = pane.picker.current
        assert row is not None
        await driver.until(
            lambda: "latest successful run" in driver.drawn() and not pane._looking, "the preview"
        )
        pane._looking = row.id
        url = "https://dbt.example/api/v2/"
        record = RequestRecord("GET", url, "dbt.example", "/api/v2/", datetime.now(UTC))
        pane.held(Retrying(record, 1, 48.0, "held back to keep to the limit of requests"))
        await driver.until(lambda: _seconds_held(driver) in range(40, 49), "why it waits")
        pane._held_until = time.monotonic() + 30.4
        await driver.until(lambda: _seconds_held(driver) in range(1, 31), "fewer seconds")
