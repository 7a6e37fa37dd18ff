"""``plan``, and the direct sync that follows it where a person or ``--yes`` says so."""

import asyncio

from dbtcollate_tui import wording
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.events.types import PlanReady
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.common import (
    Renderer,
    connect,
    follow,
    follow_or_cancel,
    load_profile,
    renderer,
)
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.engine import connected


async def plan(common: Common, *, run_id: int | None, scope: Scope) -> ExitCode:
    """Render the plan with every old and new value; write nothing."""
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, verbose=True, profile=common.profile)
    async with connect(common, services, profile) as connections:
        engine = await connected(connections, services)
        events = prepare_direct(engine, run_id=run_id, scope=scope)
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
    engine = await connected(connections, services)
    if yes:
        events = run_direct(engine, run_id=run_id, scope=scope)
        _, finished = await follow_or_cancel(out, events, PlanReady, engine.cancel)
        return finished.exit_code
    found, finished = await follow(out, prepare_direct(engine, run_id=run_id, scope=scope), PlanReady)
    if found is None:
        return finished.exit_code
    ready = found.plan
    if ready.changes and not await _says_yes(len(ready.changes)):
        out.say("Nothing was written.")
        return ExitCode.OK
    _, finished = await follow_or_cancel(out, run_direct(engine, plan=ready), PlanReady, engine.cancel)
    return finished.exit_code


async def _says_yes(count: int) -> bool:
    answer = await asyncio.to_thread(input, f"Write {wording.count(count, 'change')}? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}
