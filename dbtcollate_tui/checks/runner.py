"""Runs checks: in their order of dependency, several at once, each result given as soon as it is there."""

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence

from dbtcollate_tui.checks.base import Check, CheckResult, Finding, finding_of_error, worst
from dbtcollate_tui.checks.chain import CheckState, Stage, StageState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY, Copy, RerunCheck
from dbtcollate_tui.log import LOGGER, log_path
from dbtcollate_tui.redact import redact

AT_ONCE = 4


async def run_checks(
    context: CheckContext,
    ids: Collection[str] | None = None,
    *,
    checks: Sequence[Check[CheckContext]] = ALL_CHECKS,
    at_once: int = AT_ONCE,
) -> AsyncGenerator[CheckResult]:
    """Every check's row as it changes: ``waiting`` for all first, then ``running``, then its result.

    ``ids`` names the checks to run (``None``: all); of what a check requires, only the selected ones hold it
    back. Call `CheckContext.refresh` first to look again. Closing the iterator cancels what still runs.
    """
    chosen = [check for check in checks if ids is None or check.id in ids]
    loop = asyncio.get_running_loop()
    results: dict[str, asyncio.Future[CheckResult]] = {check.id: loop.create_future() for check in chosen}
    finished: asyncio.Queue[CheckResult | None] = asyncio.Queue()
    gate = asyncio.Semaphore(at_once)

    async def work(check: Check[CheckContext]) -> None:
        blocker: CheckResult | None = None
        for required in check.requires:
            if required in results:
                before = await asyncio.shield(results[required])
                stopped = before.state is CheckState.SKIPPED or (
                    before.state is CheckState.FAIL and before.blocks
                )
                if blocker is None and stopped:
                    blocker = before
        if blocker is not None:
            result = _blocked(check, blocker)
        else:
            async with gate:
                finished.put_nowait(_row(check, CheckState.RUNNING))
                result = await run_check(context, check)
        results[check.id].set_result(result)
        finished.put_nowait(result)

    async def all_of_them() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for check in chosen:
                    group.create_task(work(check))
        finally:
            finished.put_nowait(None)

    for check in chosen:
        yield _row(check, CheckState.WAITING)
    runner = asyncio.create_task(all_of_them())
    try:
        while (result := await finished.get()) is not None:
            yield result
        await runner
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)
        await context.settle()


async def run_check(context: CheckContext, check: Check[CheckContext]) -> CheckResult:
    """One check's result; an `ActionableError` is a failed row, and so is a defect of this program."""
    started = time.monotonic()
    try:
        finding = await check.run(context)
    except ActionableError as error:
        finding = finding_of_error(error)
    except Exception as error:  # noqa: BLE001 - a defect in one check must not take the others along
        LOGGER.exception("check %s ended unexpectedly", check.id)
        finding = Finding(
            CheckState.FAIL,
            f"This check failed unexpectedly ({type(error).__name__})",
            detail=f"Details are in the log: {log_path()}",
            causes=("This is a bug in dbtcollate, not in dbt Cloud or Collate.",),
            fixes=(RETRY, Copy("Copy the path of the log", str(log_path()))),
            evidence=tuple(redact(str(error)).splitlines()[:1]),
        )
    seconds = time.monotonic() - started
    return CheckResult(
        check.id,
        check.title,
        check.stage,
        finding.state,
        summary=finding.summary,
        detail=finding.detail,
        caption=finding.caption or (check.title if finding.state is CheckState.FAIL else ""),
        evidence=finding.evidence,
        causes=finding.causes,
        fixes=finding.fixes,
        exceptions=finding.exceptions,
        tables=finding.tables,
        seconds=seconds,
        blocks=finding.blocks,
        exit_code=finding.exit_code,
    )


def _row(check: Check[CheckContext], state: CheckState) -> CheckResult:
    return CheckResult(check.id, check.title, check.stage, state)


def _blocked(check: Check[CheckContext], blocker: CheckResult) -> CheckResult:
    if blocker.state is CheckState.SKIPPED and not blocker.blocked_by:
        return CheckResult(
            check.id,
            check.title,
            check.stage,
            CheckState.SKIPPED,
            summary=blocker.summary,
            caption=blocker.caption,
        )
    root = blocker.blocked_by or blocker.check_id
    summary = blocker.summary if blocker.blocked_by else f"Not reached: {blocker.title} failed"
    return CheckResult(
        check.id,
        check.title,
        check.stage,
        CheckState.SKIPPED,
        summary=summary,
        fixes=(RerunCheck("Check again from there", root),),
        blocked_by=root,
    )


def stage_states(results: Iterable[CheckResult]) -> dict[Stage, StageState]:
    """Each stage's state, its worst check's, with the captions; a stage behind a broken one is ``waiting``.

    Takes the latest row of each check, so a stream of rows can be given as it came.
    """
    newest = {result.check_id: result for result in results}
    states: dict[Stage, StageState] = {}
    for stage in Stage:
        rows = [row for row in newest.values() if row.stage is stage]
        state = worst(rows)
        if state not in (CheckState.FAIL, CheckState.RUNNING) and any(row.blocked_by for row in rows):
            state = CheckState.WAITING
        ordered = sorted(rows, key=lambda row: -row.state.severity)
        captions = dict.fromkeys(row.caption for row in ordered if row.caption and not row.blocked_by)
        states[stage] = StageState(state, tuple(captions)[:2])
    return states
