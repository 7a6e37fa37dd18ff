"""``ingest-tables``: let the database service's own metadata agent bring the missing tables, then sync."""

import asyncio

from dbtcollate_tui.collate.pipeline_follow import EndedUpdate, LogUpdate, NoteUpdate
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import Renderer, connect, load_profile, renderer
from dbtcollate_tui.headless.plan import plan_and_write
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.table_ingestion import GOOD_ENDS, TableIngestion, TableIngestionPlan
from dbtcollate_tui.sync.engine import connected


async def ingest_tables(common: Common, *, yes: bool, then_sync: bool = True) -> ExitCode:
    """Show what the agent needs, ask unless ``yes``, let it run, follow it, and go on with the sync."""
    if not yes and not common.may_ask:
        raise UsageError(
            "Nothing is written without a yes",
            causes=["Nobody can be asked here: there is no terminal, or asking is turned off."],
            fixes=[Advice("Add --yes to let the agent run.")],
        )
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, verbose=not yes, profile=common.profile)
    async with connect(common, services, profile) as connections:
        ingestion = TableIngestion(await connected(connections, services))
        plan = await ingestion.prepare()
        if plan is None:
            out.say(f"Every table that dbt built is in {profile.collate.service}.")
            return ExitCode.OK
        if not await _agreed(out, plan, yes=yes):
            out.say("Nothing was written.")
            return ExitCode.OK
        await ingestion.start(plan)
        state = await _follow(out, ingestion, plan)
        if state not in GOOD_ENDS:
            out.say(f"{plan.agent.pipeline.name} ended as {state}; nothing is synced.")
            return ExitCode.FAILED
        left = await ingestion.missing()
        came = len(plan.missing) - len(left)
        out.say(f"{came} of {len(plan.missing)} missing tables are in Collate now.")
        if not then_sync:
            return ExitCode.PARTIAL if left else ExitCode.OK
        return await plan_and_write(out, services, profile, connections, yes=yes)


async def _agreed(out: Renderer, plan: TableIngestionPlan, *, yes: bool) -> bool:
    for line in plan.lines():
        out.say(line)
    if yes:
        return True
    answer = await asyncio.to_thread(input, f"Run {plan.agent.pipeline.name}? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


async def _follow(out: Renderer, ingestion: TableIngestion, plan: TableIngestionPlan) -> str:
    state = "unknown"
    async for update in ingestion.follow(plan):
        match update:
            case LogUpdate():
                for line in update.lines:
                    out.say(f"  {line}")
            case NoteUpdate():
                out.say(f"  {update.text}")
            case EndedUpdate():
                state = update.run.pipelineState or "unknown"
            case _:
                continue
    return state
