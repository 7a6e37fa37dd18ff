"""Troubleshooting in the app: the symptom chosen, the chain walked, the fix by its key, the walk gone on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from textual.widgets import OptionList

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.fixes import ProfileField, SetField
from dbtcollate_tui.history.records import list_records, load_log
from dbtcollate_tui.sandbox.sample_tokens import bot_jwt
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.troubleshooting.session import Outcome, TroubleshootingSession
from dbtcollate_tui.tui.screens.troubleshoot import TroubleshootScreen
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.whole import Whole, keep, play, whole


class Case:
    """The app on its troubleshooting screen."""

    def __init__(self, app: Whole, services: Services, sandbox: Sandbox) -> None:
        self.app = app
        self.services = services
        self.sandbox = sandbox

    @property
    def screen(self) -> TroubleshootScreen:
        return next(screen for screen in self.app.app.screen_stack if isinstance(screen, TroubleshootScreen))

    @property
    def walk(self) -> TroubleshootingSession:
        walk = self.screen.walk
        assert walk is not None
        return walk

    @property
    def profile(self) -> Profile:
        return self.services.profiles.load("shop")

    async def choose(self, symptom: str) -> None:
        """Choose the symptom with the keys, and wait for the walk's end."""
        listing = self.app.top.query_one("#symptoms", OptionList)
        listing.focus()
        listing.highlighted = listing.get_option_index(symptom)
        await self.app.press("enter")
        await self.ended()

    async def ended(self, outcome: Outcome | None = None) -> None:
        await self.app.until(
            lambda: (
                self.app.name == "TroubleshootScreen"
                and self.screen.walk is not None
                and not self.walk.walking
                and self.walk.outcome is not Outcome.WALKING
                and (outcome is None or self.walk.outcome is outcome)
            ),
            f"the walk's end {outcome or ''}",
        )

    async def fix(self, label: str) -> None:
        """Press the key that the card offers for a fix."""
        await self.app.until(lambda: label in self.app.drawn(), label)
        keys = self.screen.query_one(CheckCard)._keys
        key = next(key for key, fix in keys.items() if label in fix.label)
        await self.app.press(key)


def only_file(folder: Path) -> tuple[int, str]:
    """Mode and text of the one file in the folder."""
    (path,) = folder.glob("*.md")
    return path.stat().st_mode, path.read_text(encoding="utf-8")


@asynccontextmanager
async def troubleshooting(
    scenario: str = "healthy",
    *,
    size: tuple[int, int] = SMALL,
    tokens: dict[str, SecretStr] | None = None,
    schedule: str | None = None,
    exact: bool = False,
) -> AsyncIterator[Case]:
    """Home of a profile for the sandbox in a scenario, then ``t``."""
    services = Services()
    async with Sandbox(replace(SCENARIOS[scenario], trigger_refusals=0)) as sandbox:
        made = profile_for(sandbox, schedule=schedule)
        if exact:
            made = changed_profile(made, SetField("", ProfileField.MATCH_CASE, "exact"))
        await keep(services, sandbox, made)
        for side, token in (tokens or {}).items():
            await services.secrets.keep(
                "shop", "collate" if side == "collate" else "dbt_cloud", token, "keyring"
            )
        async with whole(services, size=size) as app:
            await app.on("HomeScreen")
            await app.until(lambda: app.app.session, "the session")
            await app.press("t")
            await app.on("TroubleshootScreen")
            yield Case(app, services, sandbox)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_no_lineage_by_case_is_fixed_by_its_key(size: tuple[int, int]) -> None:
    async with troubleshooting("upper-case", size=size, exact=True) as case:
        await case.choose("no-lineage")
        assert case.walk.outcome is Outcome.BROKEN
        await case.app.until(lambda: "differs in case" in case.app.drawn(), "the row's card")
        drawn = case.app.drawn()
        assert "Broken at tables" in drawn
        assert "differs in case" in drawn
        await case.fix("Match regardless of case")
        await case.ended(Outcome.EXPLAINED)


async def test_a_walk_and_its_fix_are_one_record_of_the_history_with_its_lines() -> None:
    async with troubleshooting("upper-case", exact=True) as made:
        await made.choose("no-lineage")
        state = made.services.state
        await made.app.until(
            lambda: len(list_records(state, "shop", action="troubleshoot")) == 1, "its record"
        )
        (broken,) = list_records(state, "shop", action="troubleshoot")
        assert (broken.outcome, broken.failures[0].key) == ("failed", "tables.matched")
        assert broken.failures[0].causes
        await made.fix("Match regardless of case")
        await made.ended(Outcome.EXPLAINED)
        await made.app.until(
            lambda: list_records(state, "shop", action="troubleshoot")[0].outcome == "warn",
            "its record renewed",
        )
        (fixed,) = list_records(state, "shop", action="troubleshoot")
        assert fixed.id == broken.id
        assert fixed.failures == ()
        assert "after 1 fix" in fixed.text
        log = load_log(state, fixed)
        assert [entry.event for entry in log if entry.event != "walked"][:2] == ["found", "did"]
        await made.app.press("escape", "escape")
        made.app.app.action_history()
        await made.app.until(lambda: "troubleshooting" in made.app.drawn(), "the record in the history")


async def test_an_expired_token_is_asked_for_tried_kept_and_walked_with() -> None:
    wrong = SecretStr("dbtc_" + "x" * 35)
    async with troubleshooting(tokens={"dbt_cloud": wrong}) as case:
        await case.choose("invalid-token")
        assert case.walk.stopped is not None
        assert case.walk.stopped.check_id == "dbt.token"
        await case.fix("Enter another token")
        await case.app.on("NewToken")
        await case.app.until(lambda: isinstance(case.app.app.focused, SecretInput), "the field")
        await case.app.paste(f"Bearer {wrong.get_secret_value()}\n")
        await case.app.press("enter")
        await case.app.until(lambda: "does not accept this token" in case.app.drawn(), "the refusal")
        assert "Nothing was saved." in case.app.drawn()
        await case.app.press("ctrl+u")
        token = case.sandbox.dbt_cloud_token.get_secret_value()
        await case.app.paste(token)
        assert token not in case.app.app.export_screenshot()
        await case.app.press("enter")
        await case.ended(Outcome.GOOD)
        await case.app.until(lambda: "after 1 fix" in case.app.drawn(), "the summary")
        kept = await Services().secrets.get("shop", "dbt_cloud")
        assert kept is not None
        assert kept.secret.get_secret_value() == token
        await case.app.press("y")
        copied = case.app.app.clipboard
        assert "# dbtcollate troubleshooting: shop" in copied
        assert "Another dbt Cloud token" in copied
        assert token not in copied
        await case.app.press("escape", "escape")
        await case.app.on("HomeScreen")
        await case.app.checked()


async def test_collate_s_expired_token_is_replaced_and_walked_with() -> None:
    async with troubleshooting("collate-expired-token") as case:
        await case.choose("collate-refuses")
        assert case.walk.stopped is not None
        assert case.walk.stopped.check_id == "collate.token"
        new = bot_jwt()
        case.sandbox.collate_token = new
        await play(case.sandbox, "healthy")
        await case.fix("Enter another token")
        await case.app.on("NewToken")
        await case.app.until(lambda: isinstance(case.app.app.focused, SecretInput), "the field")
        await case.app.paste(new.get_secret_value())
        await case.app.press("enter")
        await case.ended(Outcome.GOOD)
        await case.app.until(lambda: "after 1 fix" in case.app.drawn(), "the summary")
        kept = await Services().secrets.get("shop", "collate")
        assert kept is not None
        assert kept.secret.get_secret_value() == new.get_secret_value()


async def test_another_account_is_chosen_from_the_token_s() -> None:
    async with troubleshooting("wrong-account") as case:
        before = case.profile.dbt_cloud.account_id
        await case.choose("wrong-account")
        await case.fix("Choose among the accounts")
        await case.app.on("ChooseOne")
        await case.app.until(
            lambda: "#" in case.app.drawn() and "1 account" in case.app.drawn(), "the account"
        )
        await case.app.press("enter")
        await case.ended(Outcome.GOOD)
        assert case.profile.dbt_cloud.account_id != before
        assert "in place of" in case.walk.done[0]


async def test_a_missing_catalog_gives_the_command_the_page_and_the_text_to_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with troubleshooting("missing-catalog") as case:
        await case.choose("missing-catalog")
        assert case.walk.outcome is Outcome.EXPLAINED
        await case.app.until(lambda: "Add dbt docs generate" in case.app.drawn(), "the row's card")
        drawn = case.app.drawn()
        assert "Add dbt docs generate" in drawn
        assert "o  Open the job's settings" in drawn
        await case.app.press("m")
        await case.app.on("SupportMessageScreen")
        await case.app.until(lambda: "the person who maintains the dbt" in case.app.drawn(), "the text")
        await case.app.press("y")
        assert f"/jobs/{case.sandbox.job_id}/settings" in case.app.app.clipboard
        await case.app.press("escape")
        await case.app.on("TroubleshootScreen")
        await case.app.press("w")
        await case.app.until(lambda: list(tmp_path.glob("troubleshooting-shop-*.md")), "the file")
        mode, text = only_file(tmp_path)
        assert mode & 0o077 == 0
        assert "## Found: catalog.json" in text
        await play(case.sandbox, "healthy")
        await case.app.press("r")
        await case.ended(Outcome.GOOD)


async def test_a_paused_pipeline_is_deployed_run_and_walked_on_from_by_itself() -> None:
    async with troubleshooting("stale", schedule="0 7 * * *") as case:
        await case.choose("stale")
        assert case.walk.stopped is not None
        assert case.walk.stopped.check_id == "pipeline.schedule"
        await case.fix("Deploy it again with an active schedule")
        await case.app.on("PipelineScreen")
        await case.app.until(lambda: case.app.top.has_class("-planned"), "the comparison")
        await case.app.press("d")
        await case.ended(Outcome.EXPLAINED)
        assert case.walk.rows["pipeline.schedule"].state is CheckState.PASS
        assert case.walk.rows["verification.ingestion"].state is CheckState.PASS
        assert case.walk.finding is not None
        assert case.walk.finding.check_id == "run.fresh"
        assert len(case.walk.done) == 1


async def test_without_a_runner_the_sync_is_run_from_here() -> None:
    async with troubleshooting("no-pipeline-service") as case:
        await case.choose("pipeline")
        await case.app.until(lambda: "No pipeline service" in case.app.drawn(), "the row's card")
        await case.app.press("m")
        await case.app.on("SupportMessageScreen")
        await case.app.until(lambda: "To send to the administrator" in case.app.drawn(), "the text")
        await case.app.press("end")
        await case.app.until(lambda: "This text contains no token" in case.app.drawn(), "its end")
        await case.app.press("escape")
        await case.app.on("TroubleshootScreen")
        await case.fix("Sync from here now")
        await case.app.planned()
        await case.app.press("w")
        await case.ended(Outcome.EXPLAINED)
        await case.app.until(lambda: case.walk.done, "what was done")
        await case.ended(Outcome.EXPLAINED)
        assert case.walk.done[0].startswith("Sync from here now: ")


async def test_card_says_what_prevents_a_deploy() -> None:
    async with troubleshooting("plan-limit", schedule="0 7 * * *") as case:
        await case.choose("pipeline")
        await case.fix("Deploy the pipeline and run it")
        await case.app.on("PipelineScreen")
        await case.app.until(lambda: case.app.top.has_class("-planned"), "the comparison")
        await case.app.press("d")
        await case.app.synced()
        await case.app.press("escape")
        await case.ended(Outcome.BROKEN)
        assert "a limit of the Collate plan is reached" in " ".join(case.app.drawn().split())
        await case.app.press("m")
        await case.app.on("SupportMessageScreen")
        await case.app.until(lambda: "To send to an administrator of Collate" in case.app.drawn(), "the text")


async def test_a_schedule_and_another_job() -> None:
    async with troubleshooting(size=LARGE) as case:
        await case.choose("stale")
        await case.fix("Let Collate run it")
        await case.app.on("PipelineScreen")
        await case.app.press("escape")
        await case.app.until(lambda: case.walk.done, "what was done")
        await case.ended()
        assert "not deployed yet" in case.walk.done[0]
        assert case.profile.pipeline.schedule is not None
        assert case.walk.rows["pipeline.exists"].state is CheckState.WARN
        await case.choose("other-run")
        await case.fix("Choose another job")
        await case.app.on("ChooseOne")
        await case.app.until(lambda: "hourly" in case.app.drawn(), "the jobs")
        await case.app.press(*"hourly", "enter")
        await case.app.until(lambda: case.walk.done, "what was done")
        await case.ended()
        assert "in place of nightly" in case.walk.done[0]
        assert "hourly" in case.profile.dbt_cloud.job_name


async def test_the_checklist_s_row_leads_to_its_symptom() -> None:
    async with troubleshooting("wrong-service") as case:
        await case.app.press("escape")
        await case.app.on("HomeScreen")
        await case.app.checked()
        case.app.app.show_checklist("tables.matched")
        await case.app.on("ChecklistScreen")
        await case.app.press("t")
        await case.ended(Outcome.BROKEN)
        assert case.walk.symptom.id == "some-tables"
        assert case.walk.stopped is not None
        assert case.walk.stopped.stage is Stage.TABLES
        await case.fix("Use the service")
        await case.app.until(lambda: case.walk.done, "what was done")
        await case.ended()
        assert case.walk.stopped is None
        assert case.profile.collate.service != "shop_warehouse"


async def test_where_every_run_failed_another_run_is_taken_by_its_key() -> None:
    async with troubleshooting("only-failed") as case:
        await case.choose("no-runs")
        assert case.walk.outcome is Outcome.BROKEN
        assert case.walk.stopped is not None
        assert case.walk.stopped.check_id == "run.exists"
        await case.fix("latest completed")
        await case.app.until(lambda: case.walk.done, "what was done")
        await case.ended()
        assert case.walk.stopped is None
        assert case.profile.dbt_cloud.run_rule == "newest_completed"


@pytest.mark.parametrize(
    ("scenario", "symptom", "said", "stage"),
    [
        ("no-runs", "no-runs", "has never run", Stage.RUN),
        ("down", "not-sure", "503", Stage.DBT_CLOUD),
        ("html", "other-host", "web page", Stage.DBT_CLOUD),
        ("moved", "other-host", "ab123.us1.dbt.com", Stage.DBT_CLOUD),
        ("missing-permission", "wrong-account", "Enter another token", Stage.DBT_CLOUD),
        ("broken-manifest", "some-tables", "manifest.json", Stage.ARTIFACTS),
        ("collate-html", "not-sure", "web site", Stage.TABLES),
        ("collate-down", "not-sure", "Could not read the version of Collate", Stage.TABLES),
    ],
)
async def test_session_continues_after_a_fix_by_others(
    scenario: str, symptom: str, said: str, stage: Stage
) -> None:
    async with troubleshooting(scenario, size=LARGE) as case:
        await case.choose(symptom)
        assert case.walk.outcome is Outcome.BROKEN
        assert case.walk.stopped is not None
        assert case.walk.stopped.stage is stage
        await case.app.until(lambda: said in case.app.drawn(), said)
        await play(case.sandbox, "healthy")
        await case.app.press("r")
        await case.app.until(lambda: case.walk.outcome is not Outcome.BROKEN, "the walk gone on")
        await case.ended()
        assert case.walk.stopped is None


async def test_leaving_a_walk_half_way_cancels_it() -> None:
    async with troubleshooting("slow") as case:
        await play(case.sandbox, "slow", dbt_delay=0.4, collate_delay=0.4)
        await case.app.press("end", "enter")
        await case.app.until(lambda: case.walk.walking, "the walk")
        assert "checking the chain" in case.app.drawn()
        walk = case.walk
        await case.app.press("escape")
        await case.app.until(lambda: not walk.walking, "the walk's end")
        assert walk.outcome is Outcome.WALKING
        await case.app.until(lambda: "What do you see?" in case.app.drawn(), "the symptoms")
        await case.app.press("escape")
        await case.app.on("HomeScreen")


async def test_back_at_the_symptoms_the_walk_s_keys_are_gone() -> None:
    async with troubleshooting() as case:
        await case.app.press("end", "enter")
        await case.ended()
        await case.app.until(lambda: "Check again" in case.app.drawn(), "the walk's keys")
        await case.app.press("escape")
        await case.app.until(lambda: "What do you see?" in case.app.drawn(), "the symptoms")
        await case.app.until(lambda: "Check again" not in case.app.drawn(), "the symptoms' keys alone")
        walked = list(case.walk.rows)
        await case.app.press("r", "y", "w")
        assert list(case.walk.rows) == walked
        assert not case.walk.walking
