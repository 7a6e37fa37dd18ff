"""Every card of every scenario: it names what is wrong and shows why, and each of its keys does its fix."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Button, OptionList

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.fixes import (
    ChooseRun,
    Copy,
    DeployPipeline,
    EnterToken,
    Fix,
    GoToStep,
    IngestTables,
    OpenUrl,
    ProfileField,
    RerunCheck,
    Retry,
    RunJob,
    SetField,
    Step,
    SyncNow,
)
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.troubleshooting.session import TroubleshootingSession
from dbtcollate_tui.troubleshooting.symptoms import WHOLE_CHAIN
from dbtcollate_tui.tui.screens.setup import SetupScreen
from dbtcollate_tui.tui.screens.troubleshoot import TroubleshootScreen
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.session_lines import SessionLines
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.whole import Whole, keep, whole

IN_CI = ("only-failed", "collate-expired-token")
EACH = [pytest.param(name, marks=() if name in IN_CI else pytest.mark.slow, id=name) for name in SCENARIOS]
BAD = (CheckState.FAIL, CheckState.WARN)
QUICK: dict[str, dict[str, Any]] = {
    "slow": {"dbt_delay": 0.02, "collate_delay": 0.02},
    "slow-rows": {"collate_row_seconds": 0.001},
    "rate-limited": {"dbt_rate_limit": 1000},
}
"""The same faults, without the wait."""


class Visit:
    """The app in a scenario, everything checked; ``opened`` are the pages that a browser was sent to."""

    def __init__(self, app: Whole, services: Services, opened: list[str]) -> None:
        self.app = app
        self.services = services
        self.opened = opened

    @property
    def card(self) -> CheckCard:
        return self.app.top.query_one(CheckCard)

    @property
    def rows(self) -> dict[str, CheckResult]:
        session = self.app.app.session
        assert session is not None
        return session.rows

    async def back_to(self, name: str) -> None:
        """Leave what a key opened."""
        for _ in range(6):
            if self.app.name == name:
                return
            if self.app.name == "Confirm":
                self.app.top.query_one("#act", Button).focus()
            await self.app.press("enter" if self.app.name == "Confirm" else "escape")
            await self.app.pilot.pause()
        raise AssertionError(f"{self.app.name} was not left\n{self.app.drawn()}")

    async def card_of(self, check_id: str) -> CheckResult:
        """Wait until the card shows the check's row."""
        await self.app.until(
            lambda: (
                self.app.top.query(CheckCard)
                and self.card.row is not None
                and self.card.row.check_id == check_id
            ),
            f"the card of {check_id}",
        )
        assert self.card.row is not None
        return self.card.row

    async def says_what_and_why(self, row: CheckResult) -> None:
        """The card shows the symptom, its cause, its evidence and a key for each fix."""
        assert row.summary
        assert row.causes
        assert self.card.has_evidence
        footer = self.app.footer()
        assert footer["e"] == "Evidence"
        assert self.card._keys or any(isinstance(fix, Retry) for fix in row.fixes), row
        assert not set(self.card._keys) & set(footer)
        drawn = " ".join(self.app.drawn().split())
        for key, fix in self.card._keys.items():
            assert f"{key} {fix.label[:12]}" in drawn, (key, fix)
        if any(isinstance(fix, Retry) for fix in row.fixes):
            assert "r" in footer

    def offers(self) -> Iterator[tuple[str, Fix]]:
        """The keys of the card; those that change the profile last."""
        yield from sorted(self.card._keys.items(), key=lambda item: isinstance(item[1], SetField))

    async def fix_screen(self, name: str, back: str) -> None:
        """The screen of a fix opens and says what would happen, or what keeps it from happening."""
        await self.app.on(name)
        top = self.app.top

        def is_ready() -> bool:
            card = top.query(ErrorCard)
            return bool(card and card.first().error) or any(
                getattr(top, held, None) is not None for held in ("plan", "choice", "agent", "run_now")
            )

        await self.app.until(is_ready, f"{name} with its facts or a card")
        card = top.query_one(ErrorCard)
        if card.error is not None:
            await self.app.until(lambda: card.has_class("-shown"), "the card")
            error = card.error
            assert error.causes or error.evidence, error
            assert error.fixes, error
            for key, fix in card._keys.items():
                if isinstance(fix, OpenUrl):
                    await self.presses(key, fix.url)
        await self.back_to(back)

    async def presses(self, key: str, page: str) -> None:
        """The key sends a browser to the page."""
        self.opened.clear()
        await self.app.press(key)
        await self.app.until(lambda: self.opened == [page], f"{key}: {page}")

    async def step(self, step: Step, back: str) -> None:
        """The guided setup opens at the step."""
        await self.app.on("SetupScreen")
        screen = self.app.top
        assert isinstance(screen, SetupScreen)
        await self.app.until(lambda: screen.pane is not None and screen.pane.step is step, step.value)
        await self.back_to(back)


@asynccontextmanager
async def visiting(
    scenario: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Visit]:
    """Home of a profile in the scenario, its checks done."""
    monkeypatch.setenv("DBTCOLLATE_REQUESTS_PER_MINUTE", "100000")
    services, opened = Services(), list[str]()
    played = replace(SCENARIOS[scenario], trigger_refusals=0, **QUICK.get(scenario, {}))
    async with Sandbox(played) as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=size) as app:
            await app.on("HomeScreen")
            await app.checked()
            monkeypatch.setattr(app.app, "open_url", lambda url, **_: opened.append(url))
            yield Visit(app, services, opened)


@pytest.mark.parametrize("scenario", EACH)
async def test_every_key_of_the_checklist_does_its_fix(
    scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visiting(scenario, SMALL, monkeypatch) as visit:
        bad = [row for row in visit.rows.values() if row.state in BAD]
        visit.app.app.show_checklist()
        await visit.app.on("ChecklistScreen")
        for row in bad:
            await visit.says_what_and_why(await _at_row_of_checklist(visit, row.check_id))
            for key, fix in list(visit.offers()):
                await _press_on_checklist(visit, key, fix)
                await _at_row_of_checklist(visit, row.check_id)


async def _at_row_of_checklist(visit: Visit, check_id: str) -> CheckResult:
    rows = visit.app.top.query_one("#rows", OptionList)
    rows.focus()
    rows.highlighted = rows.get_option_index(check_id)
    return await visit.card_of(check_id)


async def _press_on_checklist(visit: Visit, key: str, fix: Fix) -> None:
    app, here = visit.app, "ChecklistScreen"
    match fix:
        case OpenUrl():
            await visit.presses(key, fix.url)
            return
        case Copy():
            await app.press(key)
            await app.until(lambda: app.app.clipboard == fix.text, "the copied text")
            return
        case SetField():
            await _set_field(visit, key, fix)
            return
        case RerunCheck():
            before = visit.rows[fix.check]
            await app.press(key)
            await app.until(lambda: visit.rows[fix.check] is not before, f"{fix.check} again")
            await app.checked()
            return
    await app.press(key)
    match fix:
        case GoToStep() | EnterToken():
            await visit.step(fix.step, here)
        case SyncNow() | ChooseRun():
            await app.until(lambda: app.name in ("PlanScreen", "PipelineScreen"), "what a sync would do")
            await visit.fix_screen(app.name, here)
        case DeployPipeline():
            await visit.fix_screen("PipelineScreen", here)
        case IngestTables():
            await visit.fix_screen("TableIngestionScreen", here)
        case RunJob():
            await visit.fix_screen("JobRunScreen", here)
        case _:
            raise AssertionError(f"{fix} has the key {key}")


async def _set_field(visit: Visit, key: str, fix: SetField) -> None:
    """The field is in the profile's file, and everything is checked with it; then it is as it was."""
    app, profiles = visit.app, visit.services.profiles
    before, session = profiles.load("shop"), app.app.session
    await app.press(key)
    await app.until(lambda: profiles.load("shop") == changed_profile(before, fix), fix.label)
    await app.until(lambda: app.app.session is not session, "the profile opened again")
    await app.on("ChecklistScreen")
    app.app.workers.cancel_group(app.app, "checks")
    profiles.save(before)
    await app.app.open_and_verify("shop")
    await app.on("ChecklistScreen")
    await app.checked()


@pytest.mark.parametrize("scenario", EACH)
async def test_every_key_of_troubleshooting_does_its_fix(
    scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visiting(scenario, LARGE, monkeypatch) as visit:
        before = visit.services.profiles.load("shop")
        visit.app.app.push_screen(TroubleshootScreen(WHOLE_CHAIN))
        await _walked(visit)
        for row in [row for row in _walk(visit).rows.values() if row.state in BAD]:
            await visit.says_what_and_why(await _at_row_of_session(visit, row.check_id))
            for key, fix in list(visit.offers()):
                await _press_in_session(visit, key, fix)
                if visit.services.profiles.load("shop") != before:
                    visit.services.profiles.save(before)
                    await visit.app.app.open_session("shop")
                    visit.app.app.pop_screen()
                    visit.app.app.push_screen(TroubleshootScreen(WHOLE_CHAIN))
                    await _walked(visit)
                await _at_row_of_session(visit, row.check_id)


def _walk(visit: Visit) -> TroubleshootingSession:
    screen = next(item for item in visit.app.app.screen_stack if isinstance(item, TroubleshootScreen))
    assert screen.walk is not None
    return screen.walk


async def _walked(visit: Visit) -> None:
    await visit.app.on("TroubleshootScreen")
    await visit.app.until(lambda: not _walk(visit).walking, "the session's end")


async def _at_row_of_session(visit: Visit, check_id: str) -> CheckResult:
    await visit.app.on("TroubleshootScreen")
    screen = visit.app.top
    assert isinstance(screen, TroubleshootScreen)
    assert screen.shows(check_id)
    screen.query_one(SessionLines).focus()
    return await visit.card_of(check_id)


async def _press_in_session(visit: Visit, key: str, fix: Fix) -> None:
    app, here, walk = visit.app, "TroubleshootScreen", _walk(visit)
    match fix:
        case OpenUrl():
            await visit.presses(key, fix.url)
            return
        case Copy():
            await app.press(key)
            await app.until(lambda: app.app.clipboard == fix.text, "the copied text")
            return
        case SetField():
            before = visit.services.profiles.load("shop")
            wanted = changed_profile(before, fix)
            await app.press(key)
            await app.until(lambda: visit.services.profiles.load("shop") == wanted, fix.label)
            if fix.field is ProfileField.SCHEDULE:
                await visit.fix_screen("PipelineScreen", here)
            await _walked(visit)
            return
        case RerunCheck():
            known = walk.rows.get(fix.check)
            await app.press(key)
            await app.until(
                lambda: (
                    (visit.card.row is not None and visit.card.row.check_id == fix.check)
                    or (fix.check in walk.rows and walk.rows[fix.check] is not known)
                ),
                f"{fix.check} again",
            )
            await _walked(visit)
            return
    await app.press(key)
    match fix:
        case EnterToken():
            await app.on("NewToken")
            await visit.back_to(here)
        case GoToStep(step=Step.ACCOUNT | Step.JOB | Step.SERVICE):
            await app.on("ChooseOne")
            await visit.back_to(here)
        case GoToStep():
            await visit.step(fix.step, here)
        case ChooseRun():
            await app.on("RunsScreen")
            await visit.back_to(here)
        case SyncNow():
            await app.until(lambda: app.name in ("PlanScreen", "PipelineScreen"), "what a sync would do")
            await visit.fix_screen(app.name, here)
        case DeployPipeline():
            await visit.fix_screen("PipelineScreen", here)
        case IngestTables():
            await visit.fix_screen("TableIngestionScreen", here)
        case RunJob():
            await visit.fix_screen("JobRunScreen", here)
        case _:
            raise AssertionError(f"{fix} has the key {key}")
