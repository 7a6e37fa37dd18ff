"""Home and the welcome: what stands at once, what is looked at anew, what needs a person."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from textual.message import Message
from textual.widgets import Button, OptionList

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.last_seen import KEY as SEEN
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.draft import SetupDraft
from dbtcollate_tui.tui.messages import RowsChanged
from dbtcollate_tui.tui.session import ProfileSession
from dbtcollate_tui.tui.widgets.chain import LINKS, ChainBar
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from tests.support.world import profile_for
from tests.tui.driving import SMALL
from tests.tui.records import leave
from tests.tui.whole import Whole, keep, play, whole


def needs_of(app: Whole) -> list[str]:
    """The checks under "Needs attention", in their order."""
    needs = app.top.query_one("#needs", OptionList)
    return [str(needs.get_option_at_index(at).id) for at in range(needs.option_count)]


async def test_without_a_profile_the_welcome_offers_no_sample_data() -> None:
    async with whole() as app:
        assert app.name == "WelcomeScreen"
        assert app.footer() == {"s": "Set up", "p": "Profiles", "q": "Quit", "question_mark": "Help"}
        assert app.drawn().count("○") == 6
        assert "dbtcollate demo" in app.drawn()
        await app.press("enter")
        await app.on("SetupScreen")


async def test_an_unfinished_setup_is_offered() -> None:
    services = Services()
    draft = SetupDraft(address_text="https://ab123.us1.dbt.com", reached=Step.DBT_TOKEN)
    services.state.save("setup", "draft", draft.model_dump(mode="json"))
    async with whole(services) as app:
        await app.until(lambda: "Resume the setup" in app.drawn(), "the offer")
        await app.press("s")
        await app.on("ResumeScreen")


@pytest.mark.parametrize(
    ("key", "screen"),
    [("v", "ChecklistScreen"), ("s", "PlanScreen"), ("h", "HistoryScreen"), ("d", "PipelineScreen")],
)
async def test_a_key_waits_until_the_profile_is_open(
    key: str, screen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, gate, opened = Services(), threading.Event(), ProfileSession.open

    def open_late(*args: Any) -> ProfileSession:
        assert gate.wait(30)
        return opened(*args)

    monkeypatch.setattr(ProfileSession, "open", open_late)
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.press(key)
            assert (app.name, app.app.session) == ("HomeScreen", None)
            gate.set()
            await app.on(screen)


async def test_no_key_waits_for_a_profile_that_cannot_be_opened() -> None:
    async with whole(profile="missing") as app:
        await app.press("v")
        await app.until(lambda: not app.app.opening, "the error")
        assert app.name == "HomeScreen"
        await app.until(lambda: "v" not in app.footer(), "the keys that work without a profile")


async def test_home_shows_what_the_last_visit_knew_before_any_server_answers() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            await app.until(lambda: services.state.load("shop", SEEN), "what was seen")
        held = services.state.load("shop", SEEN)
        assert isinstance(held, dict)
        held["at"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
        services.state.save("shop", SEEN, held)
        await play(sandbox, "slow", dbt_delay=0.2, collate_delay=0.2)
        async with whole(services) as app:
            await app.until(lambda: "2 h ago; checking again" in app.drawn(), "the age of what was known")
            assert "38 min" in app.drawn()
            assert app.top.query_one(ChainBar).view.stale
    async with whole(services) as app:
        await app.checked()
        assert not app.top.query_one(ChainBar).view.stale
        assert "checking again" not in app.drawn()


async def test_needs_attention_opens_in_place_with_its_fixes() -> None:
    services = Services()
    async with Sandbox("missing-catalog") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            needs = app.top.query_one("#needs", OptionList)
            ids = needs_of(app)
            assert "artifacts.catalog" in ids
            needs.highlighted = ids.index("artifacts.catalog")
            card = app.top.query_one(CheckCard)
            assert not card.display
            assert app.footer()["e"] == "Edit setup"
            await app.press("enter")
            await app.until(lambda: card.display and isinstance(app.app.focused, Button), "the card")
            assert app.name == "HomeScreen"
            assert card.row is not None
            assert card.row.check_id == "artifacts.catalog"
            assert "dbt docs generate" in app.drawn()
            assert app.footer()["e"] == "Evidence"
            await app.press("e")
            assert card.evidence
            await app.press("escape", "escape")
            await app.until(lambda: not card.display, "the list")
            assert needs.has_focus
            assert app.footer()["e"] == "Edit setup"


async def test_needs_come_worst_first_and_are_none_where_nothing_is_wrong() -> None:
    services = Services()
    async with Sandbox("stale") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            session = app.app.session
            assert session is not None
            severities = [session.rows[check_id].state.severity for check_id in needs_of(app)]
            assert severities == sorted(severities, reverse=True)
            assert severities[0] == CheckState.FAIL.severity
            assert "stale: run #" in app.drawn()
            assert "is paused in Collate" in app.drawn()
            session.rows = {
                check_id: row for check_id, row in session.rows.items() if row.state is CheckState.PASS
            }
            app.top.post_message(RowsChanged())
            await app.until(lambda: not app.top.query_one("#needing").display, "nothing needed")
            assert "Needs attention" not in app.drawn()


async def test_a_link_of_the_chain_opens_its_checks() -> None:
    services = Services()
    async with Sandbox("stale") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            session = app.app.session
            assert session is not None
            await app.press("left")
            chain = app.top.query_one(ChainBar)
            assert chain.has_focus
            assert len(app.footer()) == 7
            assert chain.view.of(LINKS[chain.cursor]).state is CheckState.FAIL
            await app.press(*["left"] * len(LINKS), "right")
            assert LINKS[chain.cursor] is Stage.RUN
            await app.press("enter")
            await app.on("ChecklistScreen")
            rows = app.top.query_one("#rows", OptionList)
            assert rows.highlighted is not None
            assert rows.get_option_at_index(rows.highlighted).id == "run.fresh"


@pytest.mark.parametrize(
    ("size", "shown"), [(SMALL, set()), ((110, 30), {"card"}), ((200, 60), {"card", "beside"})]
)
async def test_each_size_is_composed(size: tuple[int, int], shown: set[str]) -> None:
    services = Services()
    async with Sandbox("stale") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=size) as app:
            await app.checked()
            await app.pilot.pause()
            facts, needs = app.top.query_one("#facts").region, app.top.query_one("#needs").region
            card = app.top.query_one(CheckCard)
            assert card.display is ("card" in shown)
            assert (needs.x >= facts.right) is ("beside" in shown)
            if card.display:
                assert card.region.x >= needs.right
                assert card.row is not None
                assert card.row.check_id == needs_of(app)[0]
            assert len(app.footer()) <= 7


async def test_the_last_syncs_are_a_chart_that_tells_a_failure_without_colour() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        leave(services, profile, [("ok", 48.0), ("ok", 24.0), ("failed", 2.0)])
        async with whole(services) as app:
            await app.until(lambda: "3, one failed, usually 36 s" in app.drawn(), "the chart")
            assert "█▄✗" in app.drawn()
            await app.checked()
            assert 'run #98432 of "nightly"' in app.drawn()


async def test_what_is_in_collate_after_a_sync_and_when_the_next_one_comes() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            assert "nothing from this profile yet" in app.drawn()
            await app.press("s")
            await app.planned()
            await app.press("w")
            await app.synced()
            app.top.query_one(ChainBar).focus()
            await app.press("enter")
            await app.on("ChecklistScreen")
            await app.press("escape")
            await app.on("SyncScreen")
            await app.press("escape")
            await app.on("HomeScreen")
            await app.until(lambda: "after it ended" in app.drawn(), "what is in Collate")
            assert "by a sync from here" in app.drawn()
            assert "the latest run" in app.drawn()


async def test_a_profile_that_cannot_be_read_is_a_card_on_home() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
    path = services.profiles.path("shop")
    path.write_text(path.read_text(encoding="utf-8").replace("account_id", "acount_id"), encoding="utf-8")
    async with whole(services) as app:
        await app.until(lambda: "acount_id" in app.drawn(), "the card")
        assert "s" not in app.footer()


async def test_a_token_that_is_kept_nowhere_is_asked_for_and_kept_nowhere() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
        async with whole(services) as app:
            for token in (sandbox.dbt_cloud_token, sandbox.collate_token):
                await app.on("AskToken")
                await app.until(lambda: isinstance(app.app.focused, SecretInput), "the field")
                await app.paste(f"Bearer {token.get_secret_value()}\n")
                assert token.get_secret_value() not in app.app.export_screenshot()
                await app.press("enter")
                await app.until(lambda: app.name != "AskToken" or "•" not in app.drawn(), "the next")
            await app.checked()
            session = app.app.session
            assert session is not None
            assert session.rows["dbt.token"].state == "pass"
            assert session.rows["collate.token"].state == "pass"
        assert await services.secrets.get("shop", "dbt_cloud") is None
        assert await services.secrets.get("shop", "collate") is None


async def test_going_on_without_a_token_fails_the_check_with_the_way_to_give_one() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        services.profiles.save(profile_for(sandbox))
        async with whole(services) as app:
            await app.on("AskToken")
            while not app.is_checked():
                await app.until(lambda: app.name == "AskToken" or app.is_checked(), "a question, or the end")
                if app.name == "AskToken":
                    await app.press("escape")
            assert "No dbt Cloud token" in app.drawn()


async def test_the_theme_is_remembered() -> None:
    services = Services()
    async with whole(services) as app:
        app.app.theme = "dbtcollate-light"
        await app.until(lambda: services.state.load("app", "theme") == "dbtcollate-light", "the choice")
    async with whole(services) as app:
        assert app.app.theme == "dbtcollate-light"


async def test_a_look_back_after_the_servers_changed() -> None:
    services = Services()
    async with Sandbox("expired-token") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            session = app.app.session
            assert session is not None
            assert session.rows["dbt.token"].state == "fail"
            await play(sandbox, "healthy")
            await app.press("r")
            await app.until(lambda: session.rows["dbt.token"].state == "pass", "the token's check")


async def test_the_own_connector_has_a_line_and_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    services, opened = Services(), list[str]()
    async with Sandbox("dbt-cloud-connector") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            monkeypatch.setattr(app.app, "open_url", lambda url, **_: opened.append(url))
            await app.until(lambda: "dbt_cloud_jobs ran 2 d ago" in app.drawn(), "the connector's line")
            assert "writes no lineage" in app.drawn()
            assert "o opens it" in app.drawn()
            await app.press("o")
            assert opened == [f"{sandbox.collate_url}/service/pipelineServices/dbt_cloud_jobs"]


async def test_a_misspelled_profile_is_opened_by_its_card() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shpo") as app:
            await app.until(lambda: "u  Use 'shop'" in app.drawn(), "the card")
            await app.press("u")
            await app.until(lambda: app.app.session, "the session")
            assert app.app.session is not None
            assert app.app.session.profile.name == "shop"


def test_row_changes_that_wait_are_drawn_once() -> None:
    changed = RowsChanged()
    assert changed.can_replace(RowsChanged())
    assert not changed.can_replace(Message())


async def test_one_cause_is_one_line_at_its_first_check() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            await app.until(lambda: "verification.ingestion" in needs_of(app), "what needs attention")
            needs = [name for name in needs_of(app) if name != "run.fresh"]  # for an hour of each day
            assert needs == ["run.kind", "verification.ingestion", "tables.matched"]
