"""Back and forth, half-way and again, errors where they happen, by keyboard and by mouse."""

import asyncio

import pytest
from textual import events
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, OptionList, Static
from textual.widgets._footer import FooterKey

from dbtcollate_tui.dbt_cloud.regions import Region
from dbtcollate_tui.dbt_cloud.schedules import ScheduleProposal, next_times_words
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.answers import load_draft
from dbtcollate_tui.setup.dbt_cloud_steps import DbtCloudSteps
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.setup_steps.resume import ResumeScreen
from dbtcollate_tui.tui.widgets.picker import Picker
from dbtcollate_tui.tui.widgets.step_rail import StepRail
from tests.tui.driving import LARGE, SERVICE, SMALL, Driver, driving, offer_of, page_of, play, walk_to

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])


@SIZES
async def test_every_question_has_focus_few_keys_and_no_sideways_scrolling(size: tuple[int, int]) -> None:
    seen: list[str] = []

    def look(driver: Driver) -> None:
        seen.append(driver.step)
        assert driver.top.focused is not None
        assert driver.top.focused.display
        keys = driver.footer()
        assert 1 <= len(keys) <= 7, keys
        assert "enter" in keys
        assert "escape" in keys
        for widget in driver.top.walk_children(Widget):
            assert not widget.show_horizontal_scrollbar, widget
        for label in keys.values():
            assert label in driver.drawn().splitlines()[-1]

    async with (
        Sandbox() as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=size) as driver,
    ):
        await walk_to(driver, "review", look)
    assert seen == ["address", "dbt_token", "project", "job", "collate", "service", "options", "review"]


@SIZES
async def test_every_question_fits_without_scrolling(size: tuple[int, int]) -> None:
    unfit: list[str] = []

    def look(driver: Driver) -> None:
        if driver.pane.max_scroll_y:
            unfit.append(driver.step)

    async with (
        Sandbox() as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=size) as driver,
    ):
        await walk_to(driver, "review", look)
    assert unfit == []


async def test_a_jobs_page_answers_account_project_and_job() -> None:
    async with Sandbox() as sandbox:
        offer = offer_of(sandbox, page_of(sandbox))
        async with driving(GuidedSetup(Services()), offer=offer) as driver:
            await driver.at("address")
            assert f"job {sandbox.job_id}" in driver.drawn()
            await driver.press("enter")
            await driver.at("dbt_token")
            await driver.press("s")
            await driver.at("job")
            row = driver.pane.query_one(Picker).current
            assert row is not None
            assert (row.id, row.badge) == (str(sandbox.job_id), "address")


async def test_what_is_no_address_has_its_card_and_typing_goes_on_in_the_field() -> None:
    async with driving(GuidedSetup(Services())) as driver:
        await driver.at("address")
        await driver.press(*"not an address!", "enter")
        await driver.failed()
        drawn = driver.drawn()
        assert driver.step == "address"
        assert "✗" in drawn
        await driver.press("backspace")
        assert driver.pane.query_one("#address", Input).value == "not an address"
        assert not driver.pane.failed
        assert isinstance(driver.top.focused, Input)


async def test_plain_http_is_fixed_with_a_key() -> None:
    async with driving(GuidedSetup(Services())) as driver:
        await driver.at("address")
        await driver.press(*"http://ab123.us1.dbt.com", "enter")
        await driver.failed()
        await driver.press("u")
        await driver.at("dbt_token")
        assert driver.screen.setup.draft.address_text == "https://ab123.us1.dbt.com"


async def test_back_through_all_questions_and_forward_again_loses_nothing() -> None:
    services = Services()
    async with Sandbox() as sandbox, driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "options")
        await driver.press("space")
        box = driver.pane.query_one("#update_descriptions", Checkbox)
        assert not box.value
        await driver.press("enter")
        await driver.at("review")
        before = driver.screen.setup.draft
        for step in ("options", "service", "collate", "job", "project", "dbt_token", "address"):
            await driver.press("escape")
            await driver.at(step)
        assert "Leave" in driver.footer()["escape"]
        for step in ("dbt_token", "project", "job", "collate", "service", "options", "review"):
            await driver.press("enter")
            await driver.at(step)
        assert driver.screen.setup.draft == before
        assert "not descriptions" in driver.drawn()


async def test_another_project_empties_the_job_and_says_so() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "collate")
        await driver.press("escape")
        await driver.at("job")
        await driver.press("escape")
        await driver.at("project")
        await driver.press("up")
        await driver.until(lambda: "finance  #" in driver.drawn(), "finance under the cursor")
        await driver.press("enter")
        await driver.at("job")
        assert "Cleared, because it depended on the previous answer: job." in driver.drawn()
        assert driver.screen.setup.draft.job_id is None


async def test_leaving_a_question_ends_its_work() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "project")
        await play(sandbox, "slow")
        await driver.press("enter")
        await driver.until(lambda: driver.pane.busy, "work under way")
        pane = driver.pane
        await driver.press("escape")
        await driver.until(lambda: driver.pane is not pane, "the question before")
        assert not pane.busy
        assert not [worker for worker in driver.app.workers if worker.node is pane and worker.is_running]


async def test_unfinished_setup_resumes_at_its_question() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "service")
        draft = load_draft(services)
        assert draft is not None
        assert "dbtc_" not in draft.model_dump_json()
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await driver.until(lambda: isinstance(driver.top, ResumeScreen), "the offer to go on")
            assert "job nightly" in driver.drawn()
            await driver.press("enter")
            await driver.at("dbt_token")
            await driver.press("s")
            await driver.at("collate")
            await driver.press("s")
            await driver.until(lambda: "OpenMetadata" in driver.drawn(), "Collate's facts")
            await driver.press("enter")
            await driver.at("service")


async def test_starting_over_forgets_the_unfinished_setup() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "project")
        async with driving(GuidedSetup(services)) as driver:
            await driver.until(lambda: isinstance(driver.top, ResumeScreen), "the offer to go on")
            await driver.press("right", "enter")
            await driver.at("address")
            assert driver.pane.query_one("#address", Input).value == ""
            assert load_draft(services) is None


async def test_a_saved_profile_is_edited_from_its_review() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "review")
            await driver.press("enter")
            await driver.until(lambda: driver.saved, "the saved profile")
        async with driving(GuidedSetup.edit(services, "demo")) as driver:
            await driver.at("review")
            assert "demo" in driver.drawn().splitlines()[0]
            await driver.press("6")
            await driver.at("options")
            await driver.press("down", "space", "enter")
            await driver.at("review")
            await driver.press("enter")
            await driver.until(lambda: driver.saved, "the saved profile")
        assert not services.profiles.load("demo").options.update_owners


async def test_a_job_without_a_run_has_a_card_and_ways_on() -> None:
    async with (
        Sandbox("no-runs") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "job")
        await driver.press("enter")
        await driver.failed()
        assert "Continue without a run" in driver.drawn()
        await driver.press("escape")
        assert not driver.pane.failed
        assert driver.step == "job"
        await driver.press("enter")
        await driver.failed()
        await driver.fix("Continue without a run")
        await driver.at("collate")


async def test_only_failed_runs_are_fixed_by_the_other_rule() -> None:
    async with (
        Sandbox("only-failed") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "job")
        await driver.press("enter")
        await driver.failed()
        assert "Use the latest completed run" in driver.drawn()
        await driver.fix("Use the latest completed run")
        await driver.at("collate")
        assert driver.screen.setup.draft.run_rule == "newest_completed"


async def test_any_job_is_an_answer() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "job")
        await driver.press(*"any job", "enter")
        await driver.at("collate")
        draft = driver.screen.setup.draft
        assert (draft.any_job, draft.job_id) == (True, None)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("collate-expired-token", "token"),
        ("collate-html", "Collate"),
        ("collate-down", "503"),
    ],
)
async def test_collates_refusals_stand_on_its_question_and_are_tried_again(scenario: str, words: str) -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "collate")
        await play(sandbox, scenario)
        await driver.press("s")
        await driver.failed()
        assert driver.step == "collate"
        assert words in driver.drawn()
        await play(sandbox, "healthy")
        await driver.press("r")
        await driver.until(lambda: "OpenMetadata 2.0.7" in driver.drawn(), "Collate's facts")
        assert not driver.pane.failed


async def test_a_token_that_may_only_read_is_said() -> None:
    async with (
        Sandbox("collate-read-only") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "collate")
        await driver.press("s")
        await driver.until(lambda: "may read only" in driver.drawn(), "what the token may")


async def test_without_a_pipeline_service_no_schedule_is_asked_for() -> None:
    async with (
        Sandbox("no-pipeline-service") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "options")
        assert "This Collate has no pipeline service" in driver.drawn()
        await driver.press("enter")
        await driver.at("review")
        assert "manual" in driver.drawn()


class SlowToPropose(DbtCloudSteps):
    """The job's schedule is read only when the test says so."""

    may_propose: asyncio.Event

    async def schedule_proposal(self) -> ScheduleProposal:
        await self.may_propose.wait()
        return await super().schedule_proposal()


async def test_going_on_before_the_proposal_has_come_takes_it_all_the_same() -> None:
    setup = GuidedSetup(Services())
    setup.dbt_cloud = steps = SlowToPropose(setup.answers)
    steps.may_propose = asyncio.Event()
    async with Sandbox() as sandbox, driving(setup, offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "service")
        await driver.press("enter")
        await driver.until(lambda: driver.pane.step is Step.OPTIONS, "the options")
        await driver.press("enter")
        assert driver.pane.step is Step.OPTIONS
        steps.may_propose.set()
        await driver.at("review")
        assert setup.draft.pipeline.schedule == "0 7 * * *"


async def test_a_wrong_schedule_and_a_wrong_name_are_fixed_in_place() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "options")
        following = driver.pane.query_one("#next", Static)
        await driver.until(
            lambda: str(following.render()) == f"Next: {next_times_words('0 7 * * *')}", "the next five times"
        )
        driver.pane.query_one("#own").focus()
        driver.pane.query_one("#schedule").focus()
        await driver.press("down", "down", "space")
        await driver.until(lambda: driver.pane.query_one("#cron").display, "the field for it")
        driver.pane.query_one("#cron").focus()
        await driver.press(*"* * * * *", "enter")
        await driver.failed()
        assert "every 1 minutes" in driver.drawn()
        await driver.press("u")
        assert driver.pane.query_one("#cron", Input).value == "*/15 * * * *"
        await driver.press("enter")
        await driver.at("review")
        driver.pane.query_one("#name", Input).value = "Not A Name"
        await driver.press("enter")
        await driver.failed()
        await driver.press("u")
        await driver.until(lambda: driver.saved, "the saved profile")
        profile = driver.saved[0]
        assert profile is not None
        assert (profile.name, profile.pipeline.schedule) == ("not-a-name", "*/15 * * * *")


async def test_another_profile_of_that_name_is_not_replaced_unasked() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "review")
            await driver.press("enter")
            await driver.until(lambda: driver.saved, "the saved profile")
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "review")
            await driver.press("enter")
            await driver.until(lambda: isinstance(driver.top, Confirm), "the question")
            await driver.press("enter")
            assert not driver.saved
            await driver.press("n", *"demo-2", "enter")
            await driver.until(lambda: driver.saved, "the saved profile")
        assert services.profiles.names() == ("demo", "demo-2")


async def test_leaving_at_the_first_question_gives_nothing() -> None:
    async with driving(GuidedSetup(Services())) as driver:
        await driver.at("address")
        await driver.press("escape")
        await driver.until(lambda: driver.saved, "the end")
        assert driver.saved == [None]


async def test_all_of_it_by_mouse() -> None:
    async with (
        Sandbox() as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=LARGE) as driver,
    ):

        async def click_key(label: str) -> None:
            key = next(key for key in driver.top.query(FooterKey) if key.description == label)
            await driver.pilot.click(key)

        await driver.at("address")
        await click_key("Go on")
        await driver.at("dbt_token")
        await click_key("Sample token")
        await driver.at("project")
        listing = driver.pane.query_one(OptionList)
        await driver.pilot.click(listing, offset=(3, 1))
        await driver.at("job")
        await driver.pilot.click(driver.pane.query_one(OptionList), offset=(3, 0))
        await driver.at("collate")
        await click_key("Sample token")
        await driver.until(lambda: "OpenMetadata" in driver.drawn(), "Collate's facts")
        await click_key("Go on")
        await driver.at("service")
        await driver.pilot.click(driver.pane.query_one(OptionList), offset=(3, 0))
        await driver.at("options")
        await driver.pilot.click(driver.pane.query_one("#include_tests", Checkbox))
        await click_key("Go on")
        await driver.at("review")
        await driver.pilot.click(driver.screen.query_one(StepRail), offset=(4, 5))
        await driver.at("service")
        await click_key("Back")
        await driver.at("collate")
        await driver.pilot.click(driver.screen.query_one(StepRail), offset=(4, 7))
        await driver.at("review")
        await driver.pilot.click(driver.pane.query_one("#answers", Static), offset=(3, 3))
        await driver.at("job")
        await driver.pilot.click(driver.screen.query_one(StepRail), offset=(4, 7))
        await driver.at("review")
        await driver.pilot.click(driver.pane.query_one("#save", Button))
        await driver.until(lambda: driver.saved, "the saved profile")
        profile = driver.saved[0]
        assert profile is not None
        assert (profile.collate.service, profile.options.include_tests) == (SERVICE, False)


async def test_a_services_choice_is_marked_with_its_reason() -> None:
    async with Sandbox() as sandbox, driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver:
        await walk_to(driver, "service")
        picker = driver.pane.query_one(Picker)
        row = picker.current
        assert row is not None
        assert (row.id, row.badge) == (SERVICE, "best")
        assert "25 of 26 dbt nodes have their table" in driver.drawn()
        await driver.press("ctrl+o")
        assert driver.app.opened == [f"{sandbox.collate_url}/service/databaseServices/{SERVICE}"]


async def test_a_pasted_address_with_line_breaks_is_one_address() -> None:
    async with driving(GuidedSetup(Services())) as driver:
        await driver.at("address")
        driver.app.post_message(events.Paste("\nhttps://ab123.us1.dbt.com/deploy/1/projects/2\n/jobs/3\n"))
        field = driver.pane.query_one("#address", Input)
        await driver.until(lambda: field.value, "the paste")
        assert field.value == "https://ab123.us1.dbt.com/deploy/1/projects/2/jobs/3"
        assert "job 3" in driver.drawn()
        assert driver.screen.setup.step is Step.ADDRESS


@SIZES
async def test_of_several_accounts_one_is_chosen(size: tuple[int, int]) -> None:
    async with Sandbox() as one:
        two = Sandbox("wrong-account")
        two.dbt_cloud_tokens = one.dbt_cloud_tokens
        async with two:
            regions = (Region("North America", one.dbt_cloud_url), Region("EMEA", two.dbt_cloud_url))
            async with driving(GuidedSetup(Services(), regions=regions), size=size) as driver:
                await driver.at("address")
                await driver.press("enter")
                await driver.at("dbt_token")
                driver.app.post_message(events.Paste(one.dbt_cloud_token.get_secret_value()))
                await driver.until(lambda: "40 characters" in driver.drawn(), "the paste")
                await driver.press("enter")
                await driver.at("account")
                assert "2 accounts" in driver.drawn()
                await driver.press(*"nobody's")
                assert "0 of 2 accounts" in driver.drawn()
                await driver.until(lambda: "enter" not in driver.footer(), "nothing to take")
                driver.pane.query_one(Picker).query_one(Input).value = ""
                await driver.press(*"emea", "enter")
                await driver.at("project")
                assert driver.screen.setup.draft.dbt_base_url == two.dbt_cloud_url


async def test_the_old_dialect_is_walked_too() -> None:
    async with (
        Sandbox(server_version="1.1") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "review")
        await driver.press("enter")
        await driver.until(lambda: driver.saved, "the saved profile")
        assert driver.saved[0] is not None


async def test_changes_of_a_profile_are_not_dropped_unasked() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        async with driving(GuidedSetup(services), offer=offer_of(sandbox)) as driver:
            await walk_to(driver, "review")
            await driver.press("enter")
            await driver.until(lambda: driver.saved, "the saved profile")
        async with driving(GuidedSetup.edit(services, "demo")) as driver:
            await driver.at("review")
            await driver.press("6")
            await driver.at("options")
            await driver.press("space", "enter")
            await driver.at("review")
            await driver.press("escape")
            await driver.until(lambda: isinstance(driver.top, Confirm), "the question")
            await driver.press("escape")
            assert not driver.saved
            await driver.press("escape")
            await driver.until(lambda: isinstance(driver.top, Confirm), "the question")
            await driver.press("left", "enter")
            await driver.until(lambda: driver.saved, "the end")
        assert driver.saved == [None]
        assert load_draft(services) is None
        assert services.profiles.load("demo").options.update_descriptions


async def test_thousands_of_jobs_are_searched_while_one_types() -> None:
    async with (
        Sandbox(scale=True) as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "project")
        await driver.press(*"any project", "enter")
        await driver.until(lambda: driver.step == "job" and not driver.pane.busy, "all jobs")
        assert "the first 500 listed" in driver.drawn()
        await driver.press(*"nightly-full")
        row = driver.pane.query_one(Picker).current
        assert row is not None
        assert row.name == "nightly-full"


async def test_token_without_artifacts_is_reported_at_the_job() -> None:
    async with (
        Sandbox("missing-permission") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox, page_of(sandbox))) as driver,
    ):
        await walk_to(driver, "job")
        await driver.press("enter")
        await driver.failed()
        drawn = " ".join(driver.drawn().split())
        assert "dbt Cloud does not show artifacts of run" in drawn
        assert "Account Viewer" in drawn
        assert "Service tokens" in " ".join(drawn.replace("▌", "").split())
        await driver.press("pagedown")
        await driver.until(lambda: "Continue anyway" in driver.drawn(), "the way on")
        await play(sandbox, "healthy")
        await driver.press("r")
        await driver.at("collate")


async def test_a_request_that_the_ceiling_holds_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        Sandbox() as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox)) as driver,
    ):
        await walk_to(driver, "dbt_token")
        monkeypatch.setenv("DBTCOLLATE_REQUESTS_PER_MINUTE", "1")
        await driver.press("s")
        await driver.until(
            lambda: "Held back to keep to the limit of requests: goes on in" in driver.drawn(), "why it waits"
        )
        await driver.press("escape")
        await driver.at("address")
