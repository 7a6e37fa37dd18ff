"""The whole setup by keyboard, from the address to the saved profile."""

import pytest
from textual.widgets import Button, RadioButton

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.sandbox.dbt_cloud.content import DOCS_ID
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.tui.widgets.chain import LINKS, ChainBar
from dbtcollate_tui.tui.widgets.toggles import Switch
from tests.tui.driving import LARGE, SERVICE, SMALL, driving, offer_of, walk_to


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_the_demo_is_walked_with_enter_and_the_sample_tokens(size: tuple[int, int]) -> None:
    services = Services()
    async with (
        Sandbox() as sandbox,
        driving(GuidedSetup(services), offer=offer_of(sandbox), size=size) as driver,
    ):
        await driver.at("address")
        assert "step 1 of 7" in driver.drawn()
        await driver.press("enter")
        await driver.at("dbt_token")
        await driver.press("s")
        await driver.at("project")
        await driver.press(*"shop", "enter")
        await driver.at("job")
        await driver.until(lambda: "latest successful run" in driver.drawn(), "the run's preview")
        await driver.press("enter")
        await driver.at("collate")
        await driver.press("s")
        await driver.until(lambda: "OpenMetadata 2.0.7" in driver.drawn(), "Collate's facts")
        await driver.press("enter")
        await driver.at("service")
        assert "25 of 26 nodes" in driver.drawn()
        await driver.press("enter")
        await driver.at("options")
        await driver.press("enter")
        await driver.at("review")
        assert f"#{sandbox.job_id}" in driver.drawn()
        await driver.press("enter")
        await driver.until(lambda: driver.saved, "the saved profile")
        profile = driver.saved[0]
        assert profile is not None
        assert (profile.dbt_cloud.job_id, profile.collate.service) == (sandbox.job_id, SERVICE)
        assert services.profiles.load("demo") == profile
        kept = await services.secrets.get("demo", "dbt_cloud")
        assert kept is not None
        assert (kept.origin, kept.secret) == ("keyring", sandbox.dbt_cloud_token)


async def test_a_link_of_the_chain_opens_its_checks_and_leads_to_the_answer_that_lit_it() -> None:
    async with (
        Sandbox() as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=SMALL) as driver,
    ):
        await walk_to(driver, "service")
        await driver.until(lambda: not driver.screen.context.checks.due(), "the checks")
        assert driver.state_of(Stage.ARTIFACTS) is CheckState.PASS
        assert driver.state_of(Stage.TABLES) is CheckState.WAITING
        chain = driver.app.screen.query_one(ChainBar)
        chain.focus()
        await driver.pilot.pause()
        chain.cursor = LINKS.index(Stage.RUN)
        await driver.press("enter")
        await driver.until(lambda: "Checks of “run”" in driver.drawn(), "the run's checks")
        assert "Run is fresh" in driver.drawn()
        await driver.press("escape")
        await driver.at("service")
        await driver.press("enter")
        await driver.until(lambda: "Checks of “run”" in driver.drawn(), "the run's checks again")
        await driver.press("g")
        await driver.at("job")
        chain.focus()
        await driver.pilot.pause()
        chain.cursor = LINKS.index(Stage.PIPELINE)
        await driver.press("enter")
        await driver.pilot.pause()
        await driver.at("job")


async def test_a_setup_s_chain_says_what_the_checks_find() -> None:
    async with (
        Sandbox("missing-catalog") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=SMALL) as driver,
    ):
        await walk_to(driver, "job")
        await driver.until(lambda: driver.state_of(Stage.DBT_CLOUD) is CheckState.PASS, "dbt Cloud's checks")
        assert driver.state_of(Stage.ARTIFACTS) is CheckState.WAITING
        await driver.press("enter")
        await driver.at("collate")
        await driver.until(lambda: driver.state_of(Stage.ARTIFACTS) is CheckState.WARN, "the missing catalog")
        assert "no catalog" in driver.drawn()
        chain = driver.app.screen.query_one(ChainBar)
        chain.focus()
        await driver.pilot.pause()
        chain.cursor = LINKS.index(Stage.ARTIFACTS)
        await driver.press("enter")
        await driver.until(lambda: "This run has no catalog.json" in driver.drawn(), "the check's card")
        checks = driver.screen.context.checks
        before = checks.rows(Stage.ARTIFACTS)
        await driver.press("r")
        await driver.until(lambda: not checks.due(), "the stage looked at anew")
        after = checks.rows(Stage.ARTIFACTS)
        assert len(after) == len(before)
        assert not any(row is one for row in after for one in before)
        assert driver.state_of(Stage.TABLES) is CheckState.WAITING


async def test_a_check_s_fix_leads_to_the_question_that_it_names() -> None:
    async with (
        Sandbox("missing-catalog") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=SMALL) as driver,
    ):
        await walk_to(driver, "collate")
        await driver.until(lambda: driver.state_of(Stage.ARTIFACTS) is CheckState.WARN, "the missing catalog")
        chain = driver.app.screen.query_one(ChainBar)
        chain.focus()
        await driver.pilot.pause()
        chain.cursor = LINKS.index(Stage.ARTIFACTS)
        await driver.press("enter")
        await driver.until(lambda: "This run has no catalog.json" in driver.drawn(), "the check's card")
        fix = next(each for each in driver.top.query(Button) if "Choose another job" in str(each.label))
        fix.press()
        await driver.at("job")


async def test_further_jobs_are_switched_on_among_the_options() -> None:
    async with (
        Sandbox("split-jobs") as sandbox,
        driving(GuidedSetup(Services()), offer=offer_of(sandbox), size=LARGE) as driver,
    ):
        await walk_to(driver, "options")
        await driver.until(lambda: "nightly-docs: catalog.json" in driver.drawn(), "the other jobs")
        assert "nightly-tests: test results of run" in driver.drawn()
        pane = driver.screen
        pane.query_one(f"#job-{DOCS_ID}", Switch).focus()
        assert "Collate's own pipeline reads" not in driver.drawn()
        await driver.press("space")
        await driver.until(lambda: "Collate's own pipeline reads" in driver.drawn(), "what Collate reads")
        pane.query_one("#reads-each_job", RadioButton).value = True
        await driver.press("enter")
        await driver.at("review")
        assert "the latest runs of 1 further job" in driver.drawn()
        assert "one pipeline per job" in driver.drawn()
        await driver.press("enter")
        await driver.until(lambda: driver.saved, "the saved profile")
    profile = driver.saved[0]
    assert profile is not None
    assert profile.dbt_cloud.jobs == (DOCS_ID,)
    assert profile.pipeline.reads == "each_job"
