"""The runner: order, blocking, errors, cancelling, retry in place."""

import asyncio
from contextlib import aclosing

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS, checks_for_step, dependents_of
from dbtcollate_tui.checks.runner import run_checks, stage_states
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Retry
from dbtcollate_tui.log import log_path
from tests.support.world import world


async def _good(_: CheckContext) -> Finding:
    return Finding(CheckState.PASS, "good", caption="fine")


async def _card(_: CheckContext) -> Finding:
    raise ActionableError("It is broken", causes=["Because."], fixes=[Retry("Again")], evidence=["GET → 500"])


async def _defect(_: CheckContext) -> Finding:
    raise ZeroDivisionError("dbtc_hidden")


def test_each_check_comes_after_what_it_requires_and_names_its_line_of_the_guide() -> None:
    seen: set[str] = set()
    for check in ALL_CHECKS:
        assert set(check.requires) <= seen, check.id
        assert check.guide_ref
        assert check.id not in seen
        seen.add(check.id)
    for step in ("dbt_token", "account", "job", "collate", "service"):
        assert set(checks_for_step(step)) <= seen
    assert checks_for_step("review") == ()
    assert {"tables.matched", "verification.lineage", "collate.service"} <= dependents_of("collate.service")


async def test_waiting_rows_come_first_and_each_ends_once() -> None:
    async with world() as here:
        await here.check(["dbt.reachable", "dbt.token", "dbt.account"])
    states = [row.state for row in here.rows]
    assert states[:3] == [CheckState.WAITING] * 3
    for name in ("dbt.reachable", "dbt.token", "dbt.account"):
        own = [row.state for row in here.rows if row.check_id == name]
        assert own == [CheckState.WAITING, CheckState.RUNNING, CheckState.PASS]
    ends = [row.check_id for row in here.rows if row.state is CheckState.PASS]
    assert ends == ["dbt.reachable", "dbt.token", "dbt.account"]


async def test_an_actionable_error_is_its_card_and_a_defect_is_a_row_with_the_logs_place() -> None:
    broken, blocked, defect, last = list(CheckId)[:4]
    checks = (
        ChainCheck(broken, "A", Stage.RUN, _card),
        ChainCheck(blocked, "B", Stage.RUN, _good, (broken,)),
        ChainCheck(defect, "C", Stage.TABLES, _defect),
        ChainCheck(last, "D", Stage.VERIFICATION, _good, (blocked,)),
    )
    async with world() as here:
        rows = {row.check_id: row async for row in run_checks(here.context(), checks=checks)}
    assert rows[broken].state is CheckState.FAIL
    assert (rows[broken].summary, rows[broken].causes, rows[broken].evidence) == (
        "It is broken",
        ("Because.",),
        ("GET → 500",),
    )
    assert rows[blocked].state is CheckState.SKIPPED
    assert rows[blocked].blocked_by == rows[last].blocked_by == broken
    assert rows[last].summary == "Not reached: A failed"
    assert rows[defect].state is CheckState.FAIL
    assert str(log_path()) in rows[defect].detail
    states = stage_states(rows.values())
    assert states[Stage.RUN].state is CheckState.FAIL
    assert states[Stage.VERIFICATION].state is CheckState.WAITING


async def test_closing_the_iterator_cancels_what_runs() -> None:
    ended = asyncio.Event()

    async def endless(context: CheckContext) -> Finding:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Finding(CheckState.PASS, "never")

    async with world() as here:
        rows = run_checks(here.context(), checks=(ChainCheck(CheckId.RUN_EXISTS, "A", Stage.RUN, endless),))
        async with aclosing(rows):
            async for row in rows:
                if row.state is CheckState.RUNNING:
                    break
        assert ended.is_set()


async def test_at_most_so_many_run_at_once() -> None:
    now = most = 0

    async def counted(_: CheckContext) -> Finding:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return Finding(CheckState.PASS, "good")

    checks = tuple(ChainCheck(check_id, "C", Stage.RUN, counted) for check_id in list(CheckId)[:12])
    async with world() as here:
        rows = [row async for row in run_checks(here.context(), checks=checks, at_once=3)]
    assert most == 3
    assert sum(row.state is CheckState.PASS for row in rows) == 12


async def test_expensive_reads_are_repeated_only_after_a_refresh() -> None:
    async with world() as here:
        context = here.context()
        rows = {row.check_id: row async for row in run_checks(context)}
        assert rows[CheckId.VERIFICATION_TESTS].state is not CheckState.FAIL

        def asked(part: str) -> int:
            return sum(part in request.path for request in here.sandbox.requests)

        assert asked("/artifacts/manifest.json") == 1
        assert sum(r.path == "/api/v1/tables" for r in here.sandbox.requests) == 1
        await context.refresh()
        again = {row.check_id: row async for row in run_checks(context, ["tables.matched"])}
        assert again[CheckId.TABLES_MATCHED].summary == rows[CheckId.TABLES_MATCHED].summary
        assert asked("/artifacts/manifest.json") == 1
        assert sum(r.path == "/api/v1/tables" for r in here.sandbox.requests) == 2


async def test_no_row_holds_a_token() -> None:
    async with world() as here:
        rows = await here.check()
        text = str([row.as_dict() for row in rows.values()])
    for token in (here.sandbox.dbt_cloud_token, here.sandbox.collate_token):
        assert token.get_secret_value() not in text
