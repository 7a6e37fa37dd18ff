"""The commands without the app: each loads a profile, runs what the screens run, and gives an exit code."""

import asyncio
import getpass
import sys
from collections import Counter
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import SecretStr

from dbtcollate_tui.checks.base import CheckResult, CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.checks.runner import run_checks
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import Cure, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.render.ndjson import NdjsonRenderer
from dbtcollate_tui.render.plain import PlainRenderer
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import ENV, LABELS, Side, token_variable
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.setup.connections import Connections
from dbtcollate_tui.setup.services import Services
from dbtcollate_tui.sync.engine_direct import prepare_direct, run_direct
from dbtcollate_tui.sync.events import PipelinePlanReady, PlanReady, RunFinished, SyncEvent
from dbtcollate_tui.sync.history import latest
from dbtcollate_tui.sync.recording import keep_verification
from dbtcollate_tui.sync.selection import WHOLE, Scope
from dbtcollate_tui.transport import RequestLog

REQUESTS_AT_MOST = 500
Renderer = PlainRenderer | NdjsonRenderer
Ready = TypeVar("Ready", PlanReady, PipelinePlanReady)
ENDED = (CheckState.PASS, CheckState.WARN, CheckState.FAIL, CheckState.SKIPPED)


def renderer(as_json: bool, *, verbose: bool = False) -> Renderer:
    """Events to standard output: one JSON object a line, or plain lines."""
    return NdjsonRenderer(sys.stdout) if as_json else PlainRenderer(sys.stdout, verbose=verbose)


async def load_profile(services: Services, name: str | None) -> Profile:
    """The named profile, else the one last used; raises `UsageError` where there is none."""
    chosen = name or await asyncio.to_thread(services.profiles.default_name)
    if chosen is None:
        names = await asyncio.to_thread(services.profiles.names)
        raise UsageError(
            "No profile was named" if names else "There is no profile yet",
            causes=[f"There are {len(names)}: {', '.join(names)}."] if names else [],
            cures=[
                Cure("advice", "Name one with --profile.")
                if names
                else Cure(
                    "advice", "Run dbtcollate in a terminal to set one up, or dbtcollate demo to try it."
                )
            ],
        )
    profile = await asyncio.to_thread(services.profiles.load, chosen)
    await asyncio.to_thread(services.profiles.mark_used, chosen)
    return profile


def connect(common: Common, services: Services, profile: Profile) -> Connections:
    """Both clients for the profile; asks for a token only where a person is there."""

    async def ask(side: Side) -> SecretStr | None:
        prompt = f"{LABELS[side]} for {profile.name} (not shown; {ENV[side]} is not set): "
        return SecretStr(await asyncio.to_thread(getpass.getpass, prompt))

    return Connections(profile, services, ask=ask if common.may_ask else None)


async def verify(
    common: Common, *, strict: bool, ids: Collection[str] = (), requests: bool = False
) -> ExitCode:
    """Run the checklist: 0 where nothing failed (with ``strict``: nothing warned), 1 otherwise.

    With ``requests`` every request that it made follows, oldest first, as a curl command.
    """
    known = {check.id for check in ALL_CHECKS}
    unknown = sorted(set(ids) - known)
    if unknown:
        raise UsageError(
            f"No such check: {', '.join(unknown)}",
            cures=[Cure("advice", f"The checks are {', '.join(sorted(known))}.")],
        )
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json)
    out.say(f"Verification of {profile.name}")
    async with connect(common, services, profile) as connections:
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
    out.say("Requests; each takes its token from the variable that it names")
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
    """Run checks, render each as it ends, and give 0 or 1. ``history`` keeps the record of it."""
    results: dict[str, CheckResult] = {}
    started = datetime.now(UTC)
    async for result in run_checks(context, ids):
        if result.state in ENDED:
            results[result.check_id] = result
            out.check(result)
    if history is not None:
        seconds = (datetime.now(UTC) - started).total_seconds()
        rows = list(results.values())
        await asyncio.to_thread(keep_verification, history, context.profile, rows, started, seconds)
    counts = Counter(result.state.value for result in results.values())
    bad = counts["fail"] or (strict and counts["warn"])
    code = ExitCode.FAILED if bad else ExitCode.OK
    out.checks_done({state.value: counts[state.value] for state in ENDED}, code)
    return code


async def plan(common: Common, *, run_id: int | None, scope: Scope) -> ExitCode:
    """Render the plan with every old and new value; write nothing."""
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, verbose=True)
    async with connect(common, services, profile) as connections:
        events = prepare_direct(
            profile,
            await connections.dbt_cloud(),
            await connections.collate(),
            run_id=run_id,
            scope=scope,
            artifacts=services.artifacts,
            state=services.state,
        )
        _, finished = await follow(out, events, PlanReady)
    return finished.exit_code


async def plan_and_write(
    out: Renderer,
    services: Services,
    profile: Profile,
    connections: Connections,
    *,
    yes: bool,
    run_id: int | None = None,
    scope: Scope = WHOLE,
) -> ExitCode:
    """A sync in one where ``yes``, else in two halves, between which the person says yes."""
    dbt_cloud, collate = await connections.dbt_cloud(), await connections.collate()
    if yes:
        events = run_direct(
            profile,
            dbt_cloud,
            collate,
            run_id=run_id,
            scope=scope,
            artifacts=services.artifacts,
            state=services.state,
        )
        _, finished = await follow(out, events, PlanReady)
        return finished.exit_code
    prepared = prepare_direct(
        profile,
        dbt_cloud,
        collate,
        run_id=run_id,
        scope=scope,
        artifacts=services.artifacts,
        state=services.state,
    )
    found, finished = await follow(out, prepared, PlanReady)
    if found is None:
        return finished.exit_code
    ready = found.plan
    if ready.changes and not await _says_yes(len(ready.changes)):
        out.say("Nothing was written.")
        return ExitCode.OK
    events = run_direct(
        profile, dbt_cloud, collate, plan=ready, artifacts=services.artifacts, state=services.state
    )
    _, finished = await follow(out, events, PlanReady)
    return finished.exit_code


async def _says_yes(count: int) -> bool:
    answer = await asyncio.to_thread(input, f"Write {count} change{'' if count == 1 else 's'}? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


async def follow(
    out: Renderer, events: AsyncIterator[SyncEvent], wanted: type[Ready]
) -> tuple[Ready | None, RunFinished]:
    """Render an engine's events to their end; gives the newest of the wanted kind, and the last event."""
    found: Ready | None = None
    finished: RunFinished | None = None
    async for event in events:
        out.event(event)
        if isinstance(event, wanted):
            found = event
        elif isinstance(event, RunFinished):
            finished = event
    if finished is None:
        raise AssertionError("an engine ended without its last event")
    return found, finished


async def status(common: Common) -> ExitCode:
    """What the last sync from here wrote, and how the run and the pipeline stand now."""
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json)
    last = await asyncio.to_thread(latest, services.state, profile.name)
    out.facts(
        "status",
        {
            "profile": profile.name,
            "dbt_cloud": f"{profile.dbt_cloud.base_url}, account {profile.dbt_cloud.account_id}",
            "job": f"{profile.dbt_cloud.job_name or 'any job'} {profile.dbt_cloud.job_id or ''}".strip(),
            "collate": f"{profile.collate.base_url}, service {profile.collate.service}",
            "last_sync": last.at if last is not None else None,
            "last_outcome": last.outcome if last is not None else "never synced from here",
            "last_run_id": last.run_id if last is not None else None,
            "written": last.written if last is not None else 0,
            "failed": last.failed if last is not None else 0,
        },
    )
    async with connect(common, services, profile) as connections:
        context = CheckContext(profile, connections, services)
        ids = [check.id for check in ALL_CHECKS if check.id.startswith(("dbt.", "run.", "pipeline."))]
        return await report_checks(out, context, ids)


async def profiles(common: Common) -> ExitCode:
    """Each profile with its two ends, and where the files are."""
    services = Services()
    out = renderer(common.json)
    names = await asyncio.to_thread(services.profiles.names)
    default = await asyncio.to_thread(services.profiles.default_name)
    out.say(f"Profiles in {services.profiles.folder}")
    for name in names:
        profile = await asyncio.to_thread(services.profiles.load, name)
        job = profile.dbt_cloud.job_name or "any job"
        out.facts(
            "profile",
            {
                "name": name + (" (last used)" if name == default and not common.json else ""),
                "from": f"{profile.dbt_cloud.base_url}, account {profile.dbt_cloud.account_id}, {job}",
                "to": f"{profile.collate.base_url}, service {profile.collate.service}",
            },
        )
    if not names:
        out.say("  none yet")
    return ExitCode.OK
