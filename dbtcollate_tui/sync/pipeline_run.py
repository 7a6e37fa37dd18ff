"""A pipeline of Collate deployed, and a run of it triggered and followed to its end, as events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from dbtcollate_tui.collate.models import IngestionPipeline, PipelineStatus
from dbtcollate_tui.collate.pipeline_follow import (
    EndedUpdate,
    LogUpdate,
    NoteUpdate,
    PipelineUpdate,
    ProgressTold,
    StateUpdate,
    StepsUpdate,
    WaitingUpdate,
    follow,
    trigger_and_follow,
)
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import LogLine, Progress
from dbtcollate_tui.fixes import RETRY, Advice
from dbtcollate_tui.plan.pipeline import PipelinePlan
from dbtcollate_tui.sync.engine import Tempo
from dbtcollate_tui.sync.runner_log import RunMemory

Deploy = Literal["needed", "always", "never"]


class CancelledByPerson(Exception):
    """The person's cancel, met while a run is triggered or followed."""


@dataclass(slots=True)
class PipelineRun:
    """The pipeline of ``plan``, from its deploy to the end of one run of it.

    ``deploy`` "needed" leaves a pipeline alone that is as it should be, "always" writes the token again,
    "never" takes the pipeline unchanged. Setting ``cancel`` ends the following, not the run. ``memory`` holds
    what it reported, ``wrote_token`` whether the deploy gave the pipeline this machine's dbt Cloud token.
    """

    pipelines: IngestionPipelines
    plan: PipelinePlan
    deploy: Deploy
    tempo: Tempo
    cancel: asyncio.Event
    memory: RunMemory = field(default_factory=RunMemory)
    wrote_token: bool = False

    async def deployed(self, emitter: EventEmitter) -> IngestionPipeline:
        """The pipeline, written and deployed where it had to be; `UsageError` where "never" finds none."""
        pipelines, plan = self.pipelines, self.plan
        existing = plan.diff.existing
        if self.deploy == "never" and existing is None:
            raise UsageError(
                f"There is no pipeline {plan.name} in {plan.spec.service.name} yet",
                fixes=[Advice("Create and deploy it first: dbtcollate deploy")],
            )
        action = plan.action
        if existing is not None and (
            self.deploy == "never" or (self.deploy == "needed" and action == "keep")
        ):
            emitter(LogLine(source="Collate", level="info", text=f"{existing.name} is used unchanged"))
            return existing
        pipeline = await pipelines.create_or_update(plan.spec, plan.diff)
        self.wrote_token = True
        word = "made" if existing is None else "updated"
        emitter(LogLine(source="Collate", level="info", text=f"{pipeline.name} {word}"))
        status = await pipelines.deploy(pipeline)
        emitter(LogLine(source="Collate", level="info", text=status.reason or f"{pipeline.name} deployed"))
        if plan.takes_pause_off:
            pipeline = await pipelines.toggle(pipeline)
            emitter(LogLine(source="Collate", level="info", text=f"{pipeline.name}: it is resumed"))
        return pipeline

    async def followed(self, emitter: EventEmitter, pipeline: IngestionPipeline) -> PipelineStatus:
        """A run triggered, or the one under way, followed to its end; raises `CancelledByPerson`."""
        pipelines, tempo = self.pipelines, self.tempo
        active = self.plan.active_run if not self.wrote_token else None
        if active is not None:
            text = f"following the run already in progress: {active.runId}"
            emitter(LogLine(source="Collate", level="info", text=text))
            updates = follow(
                pipelines, pipeline, active.runId, poll_seconds=tempo.poll, quiet_seconds=tempo.quiet
            )
        else:
            updates = trigger_and_follow(
                pipelines,
                pipeline,
                poll_seconds=tempo.poll,
                quiet_seconds=tempo.quiet,
                patience_seconds=tempo.trigger_patience,
                pause_seconds=tempo.trigger_pause,
            )
        emitter.doing = f"Collate to run {pipeline.name}"
        ended: PipelineStatus | None = None
        async with contextlib.aclosing(_until(self.cancel, updates)) as watched:
            async for update in watched:
                if isinstance(update, EndedUpdate):
                    ended = update.run
                    self.memory.steps = ended.status or self.memory.steps
                else:
                    self._tell(emitter, update)
        if ended is None:
            raise ActionableError("Collate did not report the end of the run", fixes=[RETRY])
        return ended

    def _tell(self, emitter: EventEmitter, update: PipelineUpdate) -> None:
        match update:
            case StateUpdate(run):
                emitter.doing = f"the run in Collate, {run.pipelineState}"
                text = f"run {run.runId} is {run.pipelineState}"
                emitter(LogLine(source="Collate", level="info", text=text))
            case StepsUpdate(steps):
                self.memory.steps = steps
                done, text = self.memory.records, self.memory.words()
                emitter(
                    Progress(
                        phase="write",
                        done=done,
                        total=None,
                        unit="records",
                        text=text,
                        text_has_count=bool(text),
                    )
                )
            case LogUpdate(lines):
                for line in lines:
                    emitter(LogLine(source="worker", level=self.memory.take(line), text=line))
            case ProgressTold(progress):
                words = ": ".join(part for part in (progress.stepName, progress.message) if part)
                if words:
                    done = self.memory.records
                    emitter(
                        Progress(
                            phase="write",
                            done=done,
                            total=None,
                            unit="records",
                            text=words,
                            text_has_count=True,
                        )
                    )
            case NoteUpdate(text):
                emitter(LogLine(source="Collate", level="warn", text=text))
            case WaitingUpdate(what):
                emitter.doing = what

    async def stopped(self, emitter: EventEmitter, pipeline: IngestionPipeline) -> str:
        """What came of asking the server to stop the run, in words."""
        try:
            await self.pipelines.kill(pipeline)
        except ActionableError as error:
            emitter(LogLine(source="Collate", level="error", text=error.title))
            return f"{pipeline.name} could not be stopped in Collate: {error.title}"
        return f"{pipeline.name} is stopped in Collate"


async def _until(
    cancel: asyncio.Event, updates: AsyncGenerator[PipelineUpdate, None]
) -> AsyncGenerator[PipelineUpdate, None]:
    """The updates; raises `CancelledByPerson` as soon as ``cancel`` is set."""
    stopped = asyncio.create_task(cancel.wait())
    try:
        while True:
            following = asyncio.ensure_future(_next(updates))
            try:
                await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    raise CancelledByPerson
                update = following.result()
            finally:
                if not following.done():
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)
            if update is None:
                return
            yield update
    finally:
        stopped.cancel()
        await updates.aclose()


async def _next(updates: AsyncGenerator[PipelineUpdate, None]) -> PipelineUpdate | None:
    return await anext(updates, None)
