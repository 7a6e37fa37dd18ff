"""``ingest-tables``: let the database service's own metadata agent bring the missing tables, then sync."""

import asyncio

from dbtcollate_tui.collate.agents import MetadataAgent, WantedTable, include_schemas, metadata_agent
from dbtcollate_tui.collate.pipeline_follow import EndedUpdate, LogUpdate, NoteUpdate, trigger_and_follow
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import Renderer, connect, engine_of, load_profile, renderer
from dbtcollate_tui.headless.plan import plan_and_write
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.prepare import choose, read_artifacts
from dbtcollate_tui.sync.reading.server import read_tables

SHOWN = 10


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
    out = renderer(common.json, verbose=not yes)
    async with connect(common, services, profile) as connections:
        engine = await engine_of(services, profile, connections)
        collate = engine.collate
        missing = await missing_tables(engine)
        if not missing:
            out.say(f"Every table that dbt built is in {profile.collate.service}.")
            return ExitCode.OK
        pipelines = IngestionPipelines(collate)
        agent = await metadata_agent(pipelines, profile.collate.service)
        if agent is None:
            raise ActionableError(
                f"{profile.collate.service} has no metadata agent",
                causes=[f"{len(missing)} tables are missing, and nothing on this server reads the database."],
                evidence=[f"missing: {_name(table)}" for table in missing[:3]],
                fixes=[
                    Advice(
                        "Ask the service's owner or a Collate admin to add a metadata agent: "
                        f"Settings, Services, {profile.collate.service}, Agents."
                    )
                ],
            )
        if not await _agreed(out, agent, missing, yes=yes):
            out.say("Nothing was written.")
            return ExitCode.OK
        change = agent.change_for(missing)
        if change.schemas:
            await include_schemas(pipelines, agent, change.schemas)
        if change.schemas or not agent.pipeline.deployed:
            await pipelines.deploy(agent.pipeline)
        state = await _follow(out, pipelines, agent)
        if state not in ("success", "partialSuccess"):
            out.say(f"{agent.pipeline.name} ended as {state}; nothing is synced.")
            return ExitCode.FAILED
        left = await missing_tables(engine)
        out.say(f"{len(missing) - len(left)} of {len(missing)} missing tables are in Collate now.")
        if not then_sync:
            return ExitCode.PARTIAL if left else ExitCode.OK
        return await plan_and_write(out, services, profile, connections, yes=yes)


async def missing_tables(engine: Engine) -> list[WantedTable]:
    """The tables of dbt's nodes that Collate does not have."""
    profile = engine.profile
    emitter = EventEmitter()
    choice = await choose(emitter, engine, None)
    project = await read_artifacts(emitter, engine, choice)
    found = await read_tables(engine.collate, profile.collate.service, project, profile.options)
    report = await asyncio.to_thread(match, project, found.inventories, profile.options)
    nodes = [project.nodes[item.unique_id] for item in report.missing if item.unique_id in project.nodes]
    wanted = (WantedTable(node.database or "", node.schema or "", node.identifier) for node in nodes)
    return list(dict.fromkeys(wanted))


async def _agreed(out: Renderer, agent: MetadataAgent, missing: list[WantedTable], *, yes: bool) -> bool:
    change = agent.change_for(missing)
    count = len(missing)
    out.say(f"{count} table{'' if count == 1 else 's'} of dbt's not in Collate:")
    for table in missing[:SHOWN]:
        out.say(f"  {_name(table)}")
    if count > SHOWN:
        out.say(f"  and {count - SHOWN} more")
    out.say(f"Metadata agent {agent.pipeline.name}:")
    for line in agent.facts():
        out.say(f"  {line}")
    for name in change.left_out[:SHOWN]:
        out.say(f"  its filters leave out {name}; they are not changed from here")
    for pattern in change.schemas:
        out.say(f"  will be added to the schemas that it takes: {pattern}")
    out.say(f"  will be {'deployed and ' if change.schemas or not agent.pipeline.deployed else ''}run now")
    if yes:
        return True
    answer = await asyncio.to_thread(input, f"Run {agent.pipeline.name}? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


async def _follow(out: Renderer, pipelines: IngestionPipelines, agent: MetadataAgent) -> str:
    state = "unknown"
    async for update in trigger_and_follow(pipelines, agent.pipeline):
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


def _name(table: WantedTable) -> str:
    return ".".join(part for part in (table.database, table.schema, table.name) if part)
