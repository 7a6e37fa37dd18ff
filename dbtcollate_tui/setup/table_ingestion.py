"""Bringing missing tables by the database service's own metadata agent, without a screen."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from dbtcollate_tui import wording
from dbtcollate_tui.collate.agents import (
    AgentChange,
    MetadataAgent,
    WantedTable,
    include_schemas,
    metadata_agent,
    responsible_for,
)
from dbtcollate_tui.collate.errors import ForbiddenError
from dbtcollate_tui.collate.pipeline_follow import PipelineUpdate, trigger_and_follow
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.fixes import RETRY, Advice
from dbtcollate_tui.plan.matching.matches import NOT_INGESTED_CAUSES
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.sync.compare import read_artifacts
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.prepare import choose
from dbtcollate_tui.sync.reading.server import read_tables

SHOWN = 10
GOOD_ENDS = ("success", "partialSuccess")


@dataclass(frozen=True, slots=True)
class TableIngestionPlan:
    """The missing tables, the agent that will run for them, and what is changed of it before."""

    missing: tuple[WantedTable, ...]
    agent: MetadataAgent
    change: AgentChange
    whom: str

    @property
    def deploys(self) -> bool:
        """Whether the agent is deployed before it runs."""
        return bool(self.change.schemas) or not self.agent.pipeline.deployed

    def lines(self) -> tuple[str, ...]:
        """What is missing, what the agent is like, and what will be done."""
        change, found = self.change, [table.text for table in self.missing]
        lines = [f"{wording.count(len(found), 'dbt table')} not in Collate:"]
        lines += [f"  {name}" for name in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"  and {len(found) - SHOWN} more")
        lines.append(f"Metadata agent {self.agent.pipeline.name}:")
        lines += [f"  {line}" for line in self.agent.facts()]
        for name in change.left_out[:SHOWN]:
            lines.append(f"  its filters leave out {name}: ask {self.whom} to change them")
        if len(change.left_out) > SHOWN:
            lines.append(f"  and {len(change.left_out) - SHOWN} more that its filters leave out")
        lines += [f"  will be added to the schemas that it takes: {pattern}" for pattern in change.schemas]
        lines.append(f"  will be {'deployed and ' if self.deploys else ''}run now")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class TableIngestion:
    """Runs the metadata agent of the profile's service; nothing is written before `start`."""

    engine: Engine

    @property
    def _pipelines(self) -> IngestionPipelines:
        return IngestionPipelines(self.engine.collate)

    async def missing(self) -> tuple[WantedTable, ...]:
        """The tables of dbt's nodes that Collate lacks and a run of the agent may bring."""
        engine, emitter = self.engine, EventEmitter()
        choice = await choose(emitter, engine, None)
        project = await read_artifacts(emitter, engine, choice)
        options = engine.profile.options
        found = await read_tables(engine.collate, engine.profile.collate.service, project, options)
        report = await asyncio.to_thread(match, project, found.inventories, options)
        waiting = [item.unique_id for item in report.missing if item.cause in NOT_INGESTED_CAUSES]
        nodes = [project.nodes[unique_id] for unique_id in waiting if unique_id in project.nodes]
        wanted = (WantedTable(node.database or "", node.schema or "", node.identifier) for node in nodes)
        return tuple(dict.fromkeys(wanted))

    async def prepare(self) -> TableIngestionPlan | None:
        """What a run would take and change; ``None`` where no table is missing.

        Raises `ActionableError` where there is no agent, nothing that runs it, or no right to.
        """
        missing = await self.missing()
        if not missing:
            return None
        service = self.engine.profile.collate.service
        agent = await metadata_agent(self._pipelines, service)
        whom = await responsible_for(self.engine.collate, service, agent)
        if agent is None:
            raise _no_agent(service, missing, whom)
        plan = TableIngestionPlan(missing, agent, agent.change_for(missing), whom)
        status = await self._pipelines.service_status()
        if not status.available:
            raise ActionableError(
                f"Nothing on this server can run {agent.pipeline.name} now",
                causes=[f"The pipeline service says: {status.reason or 'nothing'}."],
                evidence=[f"missing: {table.text}" for table in missing[:3]],
                fixes=[Advice(f"Ask {whom} to {_task(plan)}."), RETRY],
            )
        rights = await self.engine.collate.capabilities()
        if rights.can_trigger_pipelines is False or (plan.deploys and rights.can_manage_pipelines is False):
            raise _not_allowed(plan)
        return plan

    async def start(self, plan: TableIngestionPlan) -> None:
        """Add the schemas and deploy, where needed. Raises `GuardFailedError` where the agent changed."""
        try:
            if plan.change.schemas:
                await include_schemas(self._pipelines, plan.agent, plan.change.schemas)
            if plan.deploys:
                await self._pipelines.deploy(plan.agent.pipeline)
        except ForbiddenError as error:
            raise _not_allowed(plan, tuple(error.evidence)) from error

    async def follow(self, plan: TableIngestionPlan) -> AsyncGenerator[PipelineUpdate, None]:
        """Trigger the agent and follow its run to the end."""
        try:
            async with aclosing(trigger_and_follow(self._pipelines, plan.agent.pipeline)) as updates:
                async for update in updates:
                    yield update
        except ForbiddenError as error:
            raise _not_allowed(plan, tuple(error.evidence)) from error


def _task(plan: TableIngestionPlan) -> str:
    """What a person with the right has to do, as an infinitive."""
    name = plan.agent.pipeline.name
    if not plan.change.schemas:
        return f"run the metadata agent {name}"
    patterns = ", ".join(plan.change.schemas)
    return f"add {patterns} to the schemas that the metadata agent {name} takes, deploy it and run it"


def _no_agent(service: str, missing: tuple[WantedTable, ...], whom: str) -> ActionableError:
    schemas = list(dict.fromkeys(table.schema for table in missing))
    more = f" and {len(schemas) - SHOWN} more" if len(schemas) > SHOWN else ""
    return ActionableError(
        f"{service} has no metadata agent",
        causes=[f"{wording.count(len(missing), 'table')} missing, and nothing here reads the database."],
        evidence=[f"missing: {table.text}" for table in missing[:3]],
        fixes=[
            Advice(
                f"Ask {whom} to add a metadata agent that takes schema {', '.join(schemas[:SHOWN])}{more}: "
                f"Settings → Services → {service} → Agents (Ingestions in older versions)."
            )
        ],
    )


def _not_allowed(plan: TableIngestionPlan, evidence: tuple[str, ...] = ()) -> ActionableError:
    operations = "Trigger, Deploy and EditAll" if plan.deploys else "Trigger"
    return ForbiddenError(
        f"The Collate token may not run {plan.agent.pipeline.name}",
        causes=["No policy of its roles allows it."],
        evidence=[*evidence, *(f"missing: {table.text}" for table in plan.missing[:3])],
        fixes=[
            Advice(f"Ask {plan.whom} to {_task(plan)}."),
            Advice(f"Or ask a Collate admin for a policy with {operations} on ingestion pipelines."),
            RETRY,
        ],
    )
