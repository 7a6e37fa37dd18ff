"""``verify``: the checklist without the app, and the requests that it made."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.checks.runner import run_checks
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import Renderer, connect, load_profile, renderer
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.secrets import token_variable
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.transport.request_log import RequestLog

REQUESTS_AT_MOST = 500
CAUSES_FIRST = (ExitCode.AUTH, ExitCode.UNREACHABLE, ExitCode.USAGE)
ENDED = (CheckState.PASS, CheckState.WARN, CheckState.FAIL, CheckState.SKIPPED)


async def verify(
    common: Common, *, strict: bool, ids: Collection[str] = (), requests: bool = False
) -> ExitCode:
    """Run the checklist: 0 where nothing failed (with ``strict``: nothing warned), else see `exit_code_of`.

    With ``strict``, data and unit tests that failed in the dbt run count as failures too.

    With ``requests`` every request that it made follows, oldest first, as a curl command.
    """
    known = {check.id for check in ALL_CHECKS}
    unknown = sorted(set(ids) - known)
    if unknown:
        raise UsageError(
            f"No such check: {', '.join(unknown)}",
            fixes=[Advice(f"The checks are {', '.join(sorted(known))}.")],
        )
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, profile=common.profile)
    out.say(f"Verification of {profile.name}")
    async with connect(common, services, profile, report_waits=True) as connections:
        try:
            return await report_checks(
                out,
                CheckContext(profile, connections, services),
                ids or None,
                strict=strict,
                history=services.state,
            )
        finally:
            if requests:
                report_requests(out, services.request_log, as_json=common.json)


def report_requests(out: Renderer, log: RequestLog, *, as_json: bool) -> None:
    """Each request, oldest first: how it ended, and its curl command with the token's variable in it."""
    out.say("Requests; each reads its token from the variable it names")
    for record in reversed(log.newest(REQUESTS_AT_MOST)):
        curl = record.as_curl(token_variable(record.path))
        ended = record.failure or record.status
        if as_json:
            out.facts(
                "request",
                {
                    "at": record.at.isoformat(),
                    "method": record.method,
                    "path": record.path,
                    "status": ended,
                    "seconds": round(record.seconds, 3),
                    "bytes": record.received,
                    "curl": curl,
                },
            )
        else:
            out.say(f"{ended} {record.seconds:6.2f} s {record.received:>9,} B  {curl}")


async def report_checks(
    out: Renderer,
    context: CheckContext,
    ids: Collection[str] | None = None,
    *,
    strict: bool = False,
    history: StateStore | None = None,
) -> ExitCode:
    """Run checks, render each as it ends, and return the exit code. ``history`` keeps the record of it."""
    results: dict[str, CheckResult] = {}
    started = datetime.now(UTC)
    async for result in run_checks(context, ids):
        if result.state in ENDED:
            results[result.check_id] = result
            out.check(result)
    if history is not None:
        seconds = (datetime.now(UTC) - started).total_seconds()
        rows = list(results.values())
        from dbtcollate_tui.history.checked import keep_verification

        await asyncio.to_thread(keep_verification, history, context.profile, rows, started, seconds)
    counts = Counter(result.state.value for result in results.values())
    failed = await _failed_tests(context, results) if strict else ()
    if failed:
        out.failed_tests(failed)
    bad = counts["fail"] or (strict and counts["warn"]) or failed
    code = exit_code_of(results.values()) if bad else ExitCode.OK
    out.checks_done({state.value: counts[state.value] for state in ENDED}, code)
    return code


async def _failed_tests(context: CheckContext, results: Mapping[str, CheckResult]) -> tuple[str, ...]:
    """The tests that failed in the dbt run, where their results were read back."""
    row = results.get(CheckId.VERIFICATION_TESTS)
    if row is None or row.blocked_by or row.state is CheckState.FAIL:
        return ()
    return (await context.verification()).failed_tests


def exit_code_of(results: Iterable[CheckResult]) -> ExitCode:
    """What a checklist with failures ends with: the cause that a person has to remove first, else 1.

    A refused or missing token comes before a server that does not answer, and both before anything else.
    """
    codes = {result.exit_code for result in results if result.state is CheckState.FAIL}
    return next((code for code in CAUSES_FIRST if code in codes), ExitCode.FAILED)
