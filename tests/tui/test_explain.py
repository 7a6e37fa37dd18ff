"""A table is found, explained and counted from the app."""

import json

import pytest
from textual.widgets import Input, OptionList

from dbtcollate_tui.history.records import record_path
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.coverage import CoverageScreen
from dbtcollate_tui.tui.screens.explain import ExplainScreen
from dbtcollate_tui.tui.screens.plan import PlanScreen
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.records import leave
from tests.tui.whole import keep, whole


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_search_explains_and_coverage_lists_tables(size: tuple[int, int]) -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=size) as app:
            await app.on("HomeScreen")
            await app.press("slash")
            await app.on("ExplainScreen")
            screen = app.top
            assert isinstance(screen, ExplainScreen)
            await app.until(lambda: screen.query_one(OptionList).option_count > 20, "the nodes")
            screen.query_one("#search", Input).value = "dim_cust"
            await app.until(lambda: screen.query_one(OptionList).option_count == 1, "the node")
            await app.press("enter")
            await app.until(lambda: screen.explanation is not None, "the explanation")
            assert screen.explanation is not None
            assert "The next sync writes" in screen.explanation.verdict
            await app.until(lambda: "model.shop.dim_customers" in app.drawn(), "the text")
            await app.press("escape")
            await app.on("HomeScreen")
            await app.press("c")
            await app.on("CoverageScreen")
            coverage = app.top
            assert isinstance(coverage, CoverageScreen)
            await app.until(lambda: coverage.coverage is not None, "the numbers")
            await app.until(lambda: "25 of 26" in app.drawn(), "the first bar")
            await app.pilot.resize_terminal(*LARGE)
            await app.until(lambda: "most: columns described 1 of 19" in app.drawn(), "the whole line")
            await app.pilot.resize_terminal(*size)
            await app.press("enter")
            await app.on("ExplainScreen")
            behind = app.top
            await app.until(lambda: behind.query_one(OptionList).option_count == 1, "the table behind it")
            assert "payroll_costs" in app.drawn()
        assert not [seen for seen in sandbox.requests if seen.method not in ("GET", "HEAD")]


async def test_plan_row_is_explained_and_home_counts_the_sync() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=LARGE) as app:
            await app.checked()
            assert "of what dbt declares" not in app.drawn()
            await app.press("s")
            await app.planned()
            plan = app.top
            assert isinstance(plan, PlanScreen)
            await app.press("slash", *"dim_customers", "enter")
            await app.until(lambda: "i" in app.footer(), "the key for the row's table")
            await app.press("i")
            await app.on("ExplainScreen")
            screen = app.top
            assert isinstance(screen, ExplainScreen)
            await app.until(lambda: screen.explanation is not None, "the explanation")
            assert screen.explanation is not None
            assert screen.explanation.fqn == "shop_warehouse.shop.marts.dim_customers"
            await app.press("escape")
            await app.on("PlanScreen")
            await app.press("escape", "w")
            await app.synced()
            await app.press("escape")
            await app.on("HomeScreen")
            await app.until(lambda: "of what dbt declares, largest gap: " in app.drawn(), "the coverage")
            await app.pilot.resize_terminal(*SMALL)
            await app.until(lambda: "% of what dbt declares" in app.drawn(), "the coverage at 80x24")


async def test_trend_of_two_syncs_is_shown_at_80x24() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        records = leave(services, profile, [("ok", 2.0), ("ok", 2.0)])
        for record, held in zip(records, (5, 9), strict=True):
            counted = {**record.as_dict(), "coverage": {"described": [10, held]}}
            record_path(services.state, record).write_text(json.dumps(counted), encoding="utf-8")
        async with whole(services, size=SMALL) as app:
            await app.until(lambda: "90 % of what dbt declares" in app.drawn(), "the line on home")
            await app.press("c")
            await app.on("CoverageScreen")
            await app.until(lambda: "50 to 90 % in 2 syncs" in app.drawn(), "the trend")


async def test_rows_of_the_checklist_explain_their_tables() -> None:
    """From a row of the checklist, and from the same row of a troubleshooting session."""
    services = Services()
    async with Sandbox("not-ingested") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=SMALL) as app:
            await app.until(lambda: app.app.session, "the session")
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            rows = app.top.query_one("#rows", OptionList)
            rows.highlighted = rows.get_option_index("dbt.reachable")
            await app.until(lambda: not app.top.check_action("explain", ()), "no key without tables")
            rows.highlighted = rows.get_option_index("tables.matched")
            await app.until(lambda: app.top.check_action("explain", ()), "the key for the row's tables")
            await app.press("x")
            await app.on("ExplainScreen")
            session = app.app.session
            assert session is not None
            missing = set(session.rows["tables.matched"].tables)
            assert len(missing) > 8
            listed = app.top.query_one(OptionList)
            await app.until(lambda: {item.id for item in listed.options} == missing, "the missing tables")
            await app.press("escape")
            await app.on("ChecklistScreen")
            await app.press("t")
            await app.on("TroubleshootScreen")
            await app.until(lambda: app.top.check_action("explain", ()), "the finding's tables")
            await app.press("x")
            await app.on("ExplainScreen")
