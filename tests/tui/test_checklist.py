"""The checklist: rows in place, failing ones first at the end, fixes as keys, the report."""

import asyncio
import re
from dataclasses import replace

from textual.widgets import OptionList

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.messages import RowsChanged
from dbtcollate_tui.tui.widgets.chain import LINKS
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.whole import Whole, keep, play, whole


def row_ids(app: Whole) -> list[str | None]:
    rows = app.top.query_one("#rows", OptionList)
    return [rows.get_option_at_index(at).id for at in range(rows.option_count)]


async def test_failing_rows_rise_when_all_are_done_and_show_their_evidence() -> None:
    services = Services()
    async with Sandbox("collate-expired-token") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            session = app.app.session
            assert session is not None
            assert row_ids(app)[0] == "collate.token"
            assert session.rows["tables.matched"].blocked_by == "collate.token"
            drawn = app.drawn()
            assert "Broken" in drawn
            assert "e shows it" in drawn
            await app.press("e")
            await app.until(lambda: "e shows it" not in app.drawn(), "the evidence")
            assert "expired" in app.drawn()


async def test_in_80_columns_the_head_is_whole_the_fixes_stay_and_the_evidence_is_gone_to() -> None:
    services = Services()
    async with Sandbox("wrong-service") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=SMALL) as app:
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            await app.until(lambda: "Use the service" in app.drawn(), "the fix")
            assert re.search(r"25 of 25 done: .* skipped, took [0-9.]+ s ", app.drawn())
            assert "Broken" in app.drawn()
            await app.press("e")
            await app.until(lambda: "Named" in app.drawn(), "the evidence")
            assert "Use the service" in app.drawn()
            await app.press("e")
            await app.until(lambda: "Broken" in app.drawn(), "the card's begin")


async def test_r_repeats_the_check_and_its_dependents_only() -> None:
    services = Services()
    async with Sandbox("missing-permission") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            session = app.app.session
            assert session is not None
            failed = next(row.check_id for row in session.rows.values() if row.state == "fail")
            untouched = session.rows["collate.reachable"]
            rows = app.top.query_one("#rows", OptionList)
            rows.highlighted = row_ids(app).index(failed)
            await play(sandbox, "healthy")
            await app.press("r")
            await app.until(lambda: session.rows[failed].state == "pass", "the fixed row")
            await app.until(lambda: session.checking_since is None, "the end")
            assert session.rows["collate.reachable"] is untouched
            assert row_ids(app)[0] == failed
            assert rows.highlighted == 0
            session.rows[failed] = replace(session.rows[failed], seconds=12.3)
            app.top.post_message(RowsChanged())
            await app.until(lambda: "12 s" in app.drawn(), "how long it took")
            await app.press("R")
            await app.until(lambda: row_ids(app).index(failed) > 0, "the order of the chain")


async def test_a_link_of_the_chain_leads_to_its_worst_check() -> None:
    services = Services()
    async with Sandbox("stale") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            await app.press("left")
            await app.press(*["left"] * len(LINKS), "right")
            assert len(app.footer()) <= 7
            await app.press("enter")
            rows = app.top.query_one("#rows", OptionList)
            assert rows.has_focus
            assert rows.highlighted is not None
            assert row_ids(app)[rows.highlighted] == "run.fresh"


async def test_a_fix_s_key_leads_to_the_setup_s_step() -> None:
    services = Services()
    async with Sandbox("missing-catalog") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=LARGE) as app:
            await app.checked()
            app.app.show_checklist("artifacts.catalog")
            await app.on("ChecklistScreen")
            await app.until(lambda: "c  Choose another job" in app.drawn(), "the fix")
            await app.press("c")
            await app.on("SetupScreen")
            await app.until(lambda: "step 3 of 7" in app.drawn(), "the job's step")
            await app.press("escape")
            await app.on("ChecklistScreen")


async def test_a_fix_that_sets_a_field_is_carried_out_and_looked_at() -> None:
    services = Services()
    async with Sandbox("only-failed") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=LARGE) as app:
            await app.checked()
            session = app.app.session
            assert session is not None
            row = session.rows["run.exists"]
            fix = next(fix for fix in row.fixes if fix.kind == "set_field")
            app.app.show_checklist("run.exists")
            await app.on("ChecklistScreen")
            await app.until(lambda: fix.label in app.drawn(), "the fix")
            app.app.carry_out(fix)
            await app.until(
                lambda: services.profiles.load("shop").dbt_cloud.run_rule == "newest_completed", "the field"
            )
            await app.on("ChecklistScreen")
            await app.checked()
            again = app.app.session
            assert again is not None
            assert again.rows["run.exists"].state != "fail"


async def test_the_report_is_copied_without_secrets() -> None:
    services = Services()
    async with Sandbox("expired-token") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            await app.press("y")
            copied = app.app.clipboard
            assert "dbtcollate verification of shop" in copied
            assert "cause: " in copied
            for token in (sandbox.dbt_cloud_token, sandbox.collate_token):
                assert token.get_secret_value() not in copied


async def test_enter_on_a_good_row_plans_the_sync() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            rows = app.top.query_one("#rows", OptionList)
            rows.highlighted = row_ids(app).index("dbt.token")
            await app.press("enter")
            await app.on("PlanScreen")


async def test_checking_again_while_checking_starts_over() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services) as app:
            await app.checked()
            session = app.app.session
            assert session is not None
            for _ in range(3):
                app.app.start_checks()
                await asyncio.sleep(0.02)
            await app.checked()
            assert not session.active
            assert all(row.state not in ("running", "waiting") for row in session.rows.values())
