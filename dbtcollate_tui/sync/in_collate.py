"""The sync inside Collate: the ingestion pipeline written, deployed, run there, followed, and read back."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import SecretStr

from dbtcollate_tui.collate.links import pipeline_log_page, service_ingestion_page
from dbtcollate_tui.collate.models import IngestionPipeline, PipelineStatus
from dbtcollate_tui.collate.pipelines import DIRECT_SYNC, IngestionPipelines, NoPipelineServiceError
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.events.outcome import Counts, Outcome, Verification, VerificationRow, VerificationState
from dbtcollate_tui.events.stream import EventEmitter, retries_told, stream
from dbtcollate_tui.events.types import (
    Cancelled,
    Failed,
    LogLine,
    PhaseFinished,
    PhaseStarted,
    PipelinePlanReady,
    RunFinished,
    RunStarted,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import RETRY, GoToStep, Step
from dbtcollate_tui.history.recording import Recorder, recorded
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.pipeline import PipelinePlan, as_pipeline_reads, pipeline_notes, pipeline_specs
from dbtcollate_tui.session.runs import run_of_profile
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.sync.compare import compare, read_artifacts
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.pipeline_run import CancelledByPerson, Deploy, PipelineRun
from dbtcollate_tui.sync.prepare import choose, run_facts
from dbtcollate_tui.sync.runner_log import RunMemory
from dbtcollate_tui.sync.unknown_fields import unknown_fields_reported
from dbtcollate_tui.sync.verify.now import prove_now

STOP_SECONDS = 10.0
"""How long a cancel lets Collate take to stop the run there."""


def prepare_collate(
    engine: Engine, token: SecretStr, *, needs_run: bool = True
) -> AsyncGenerator[SyncEvent, None]:
    """What deploying would change, writing nothing: ends with `PipelinePlanReady`, then `RunFinished`.

    ``token`` is dbt Cloud's, for the pipeline. With ``needs_run`` a job without a run to read is an error.
    Without a pipeline service it fails with the direct sync as the way on.
    """

    async def work(emitter: EventEmitter) -> RunFinished:
        name = engine.profile.name
        with (
            retries_told(emitter, engine.dbt_cloud.transport, engine.collate.transport),
            unknown_fields_reported(emitter, engine.collate, None, name),
        ):
            emitter(RunStarted(engine="collate", profile=name, title=f"Pipeline of {name}"))
            found = await _prepare(emitter, engine, token, needs_run=needs_run)
        return RunFinished(
            outcome="ok",
            counts=Counts(planned=len(found.plan.changes)),
            exit_code=ExitCode.OK,
            text=found.plan.summary(),
            seconds=emitter.seconds,
        )

    return stream(work, engine.cancel, "The plan")


def run_collate(
    engine: Engine,
    token: SecretStr,
    *,
    plan: PipelinePlan | None = None,
    deploy: Deploy = "needed",
    trigger: bool = True,
    kill_on_cancel: bool | Callable[[], bool] = False,
) -> AsyncGenerator[SyncEvent, None]:
    """Write and deploy the pipeline, trigger a run, follow it to its end, then verify.

    ``deploy`` "needed" leaves a pipeline alone that is as it should be (`PipelinePlan.action`), "always"
    writes the token again, "never" takes the pipeline as it is. Without ``trigger`` it ends after the deploy.
    Setting ``cancel`` stops the following; ``kill_on_cancel``, asked at that moment, stops the run on the
    server too. ``state`` keeps the record for the history. Ends with `RunFinished`, as the direct sync.
    """
    run = _Run(engine, token, plan, deploy, kill_on_cancel)
    name = engine.profile.name

    async def work(emitter: EventEmitter) -> RunFinished:
        with (
            retries_told(emitter, engine.dbt_cloud.transport, engine.collate.transport),
            unknown_fields_reported(emitter, engine.collate, engine.state, name),
        ):
            word = "Sync" if trigger else "Deploy"
            emitter(RunStarted(engine="collate", profile=name, title=f"{word} of {name}"))
            return await run.work(emitter, trigger=trigger)

    events = stream(work, engine.cancel, "The sync", settle_seconds=STOP_SECONDS)
    if engine.state is None:
        return events

    def facts(recorder: Recorder) -> None:
        recorder.compared = run.compared
        recorder.run = run.plan.run if run.plan is not None else None

    recorder = Recorder(engine.state, engine.profile, "collate", "sync" if trigger else "deploy")
    return recorded(events, recorder, plan, before_the_end=facts)


@dataclass(frozen=True, slots=True)
class _Prepared:
    plan: PipelinePlan
    choice: RunChoice | None


async def _prepare(emitter: EventEmitter, engine: Engine, token: SecretStr, *, needs_run: bool) -> _Prepared:
    profile, collate = engine.profile, engine.collate
    pipelines = IngestionPipelines(collate)
    status = await pipelines.service_status()
    if not status.available:
        raise NoPipelineServiceError(
            "This server has no pipeline service that answers",
            causes=["Ingestion inside the server is switched off, or the service that runs it is down."],
            evidence=[f"services/ingestionPipelines/status: {status.reason or status.status or 'no answer'}"],
            fixes=[DIRECT_SYNC, RETRY],
        )
    choice = await _choose(emitter, engine, needs_run=needs_run)
    emitter(PhaseStarted(phase="plan", text="comparing with the pipelines in Collate"))
    service = await collate.database_service(profile.collate.service)
    if service is None:
        raise UsageError(
            f"Collate has no database service named {profile.collate.service}",
            causes=["It was renamed or deleted, or the token may not see it."],
            fixes=[GoToStep("Choose another database service", Step.SERVICE)],
        )
    run = run_facts(choice, engine.dbt_cloud, profile) if choice is not None else None
    page = service_ingestion_page(collate.base_url, profile.collate.service)
    first, *further = [
        PipelinePlan(spec, await pipelines.diff(spec), status, page=page)
        for spec in pipeline_specs(profile, service, token)
    ]
    notes = list(pipeline_notes(profile, first.diff))
    if (await collate.capabilities()).can_manage_pipelines is False:
        notes.insert(0, f"The token of {collate.me.name} may not create or change pipelines.")
    plan = replace(first, run=run, notes=tuple(notes), further=tuple(further))
    for note in plan.notes:
        emitter(LogLine(source="sync", level="info", text=note))
    emitter(PipelinePlanReady(plan=plan))
    emitter(PhaseFinished(phase="plan", text=plan.summary()))
    return _Prepared(plan, choice)


async def _choose(emitter: EventEmitter, engine: Engine, *, needs_run: bool) -> RunChoice | None:
    """The run that Collate's workers take, which may be another than the profile's rule takes."""
    profile = as_pipeline_reads(engine.profile)
    try:
        choice = await choose(emitter, replace(engine, profile=profile), None)
    except ActionableError as error:
        if needs_run or error.exit_code in (ExitCode.AUTH, ExitCode.UNREACHABLE):
            raise
        emitter(PhaseFinished(phase="run", text=error.title, level="warn"))
        return None
    if not choice.differs_from_reference or choice.reference_run is None:
        return choice
    other = choice.reference_run
    text = f"Collate's own ingestion uses run #{other.id} ({other.outcome_words}), not #{choice.run.id}"
    emitter(LogLine(source="Collate", level="warn", text=text))
    return await run_of_profile(engine.dbt_cloud, profile.dbt_cloud, other.id)


@dataclass(slots=True)
class _Run:
    """One run of this engine, and what its record needs."""

    engine: Engine
    token: SecretStr
    plan: PipelinePlan | None
    deploy: Deploy
    kill_on_cancel: bool | Callable[[], bool]
    compared: Plan | None = None

    async def work(self, emitter: EventEmitter, *, trigger: bool) -> RunFinished:
        choice: RunChoice | None = None
        if self.plan is None:
            prepared = await _prepare(emitter, self.engine, self.token, needs_run=trigger)
            self.plan, choice = prepared.plan, prepared.choice
        plan = self.plan
        engine = self.engine
        pipelines = IngestionPipelines(engine.collate)
        runs = [PipelineRun(pipelines, part, self.deploy, engine.tempo, engine.cancel) for part in plan.parts]
        emitter.counts = lambda: _total(runs)
        emitter(PhaseStarted(phase="write", text=f"deploying {', '.join(part.name for part in plan.parts)}"))
        deployed = [(run, await run.deployed(emitter)) for run in runs]
        if not trigger:
            names = ", ".join(pipeline.name for _, pipeline in deployed)
            verb = "is" if len(deployed) == 1 else "are"
            text = f"{names} {verb} deployed, {_schedule_words(engine.profile)}"
            emitter(PhaseFinished(phase="write", text=text))
            return _finished(emitter, "ok", ExitCode.OK, text, Counts(written=len(deployed)))
        ended: list[_Ended] = []
        for run, pipeline in deployed:
            page = pipeline_log_page(engine.collate.base_url, pipeline.fullyQualifiedName)
            try:
                ended.append(_Ended(run, pipeline, page, await run.followed(emitter, pipeline)))
            except CancelledByPerson:
                return await self._cancelled(emitter, run, pipeline)
            if ended[-1].has_failed:
                card = ended[-1].card()
                emitter(PhaseFinished(phase="write", text=_all_words(ended), level="failed"))
                emitter(Failed(error=card))
                return _finished(emitter, "failed", ExitCode.FAILED, card.title, _total(runs))
        partly = [one for one in ended if one.status.pipelineState == "partialSuccess"]
        emitter(PhaseFinished(phase="write", text=_all_words(ended), level="warn" if partly else "ok"))
        for one in partly:
            emitter(Failed(error=one.card()))
        finished = await self._proved(emitter, choice, (*partly, *ended)[0], _all_words(ended), _total(runs))
        for one in ended:
            later = await one.failed_since(pipelines)
            if later is not None:
                text = f"run {later.status.runId} is {later.status.pipelineState}"
                emitter(LogLine(source="Collate", level="error", text=text))
                emitter(Failed(error=later.card()))
                title = later.card().title
                return replace(finished, outcome="failed", exit_code=ExitCode.FAILED, text=title)
        return finished

    async def _cancelled(
        self, emitter: EventEmitter, run: PipelineRun, pipeline: IngestionPipeline
    ) -> RunFinished:
        wanted = self.kill_on_cancel() if callable(self.kill_on_cancel) else self.kill_on_cancel
        text = f"no longer followed; the run of {pipeline.name} goes on in Collate"
        if wanted:
            text = await run.stopped(emitter, pipeline)
        emitter(PhaseFinished(phase="write", text=text, level="warn"))
        emitter(Cancelled(text=f"cancelled: {text}"))
        return _finished(emitter, "cancelled", ExitCode.INTERRUPTED, text, run.memory.counts())

    async def _proved(
        self,
        emitter: EventEmitter,
        choice: RunChoice | None,
        worst: "_Ended",
        text: str,
        counts: Counts,
    ) -> RunFinished:
        """Verify as the direct sync does; a failure to read back does not undo the run's success."""
        partial = worst.status.pipelineState == "partialSuccess"
        facts = self.plan.run if self.plan is not None else None
        engine, side = self.engine, as_pipeline_reads(self.engine.profile).dbt_cloud
        try:
            if choice is None:
                run_id = facts.id if facts is not None else None
                choice = await run_of_profile(engine.dbt_cloud, side, run_id)
            project = await read_artifacts(emitter, engine, choice)
            compared = await compare(emitter, "verification", replace(engine, state=None), choice, project)
            self.compared = compared
            verification = await prove_now(engine.collate, compared, engine.profile.collate)
        except ActionableError as error:
            phase = emitter.open_phase or "verification"
            emitter(PhaseFinished(phase=phase, text=error.title, level="failed"))
            emitter(Failed(error=error))
            said = f"{text}. Not verified: {error.title}."
            return _finished(emitter, "partial", ExitCode.PARTIAL, said, counts)
        verification = _with_ingestion(verification, worst.status, text, worst.page)
        bad = any(row.state == "failed" for row in verification.rows if row.id != "ingestion")
        emitter(
            PhaseFinished(phase="verification", text=verification.summary(), level="failed" if bad else "ok")
        )
        outcome: Outcome = "partial" if partial or bad else "ok"
        code = ExitCode.PARTIAL if outcome == "partial" else ExitCode.OK
        counts = replace(counts, unchanged=sum(compared.unchanged.values()))
        said = f"{text}. Verified: {verification.summary()}."
        return replace(_finished(emitter, outcome, code, said, counts), verification=verification)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A pipeline whose run has ended."""

    run: PipelineRun
    pipeline: IngestionPipeline
    page: str
    status: PipelineStatus

    @property
    def has_failed(self) -> bool:
        """Whether it failed or was stopped."""
        return self.status.pipelineState in ("failed", "stopped")

    def card(self) -> ActionableError:
        """Why it did not end well."""
        memory = self.run.memory
        return memory.why(self.status, self.pipeline.name, self.page, own_token=self.run.wrote_token)

    async def failed_since(self, pipelines: IngestionPipelines) -> "_Ended | None":
        """The run where it has failed after it had completed, as older servers report it; else ``None``."""
        try:
            runs = await pipelines.statuses(self.pipeline.fullyQualifiedName)
        except ActionableError:
            return None
        found = next((run for run in runs if run.runId == self.status.runId), None)
        later = replace(self, status=found) if found is not None else None
        return later if later is not None and later.has_failed else None


def _total(runs: Sequence[PipelineRun]) -> Counts:
    counts = [run.memory.counts() for run in runs]
    return Counts(
        planned=sum(count.planned for count in counts),
        written=sum(count.written for count in counts),
        failed=sum(count.failed for count in counts),
        skipped=sum(count.skipped for count in counts),
    )


def _all_words(ended: Sequence[_Ended]) -> str:
    if len(ended) == 1:
        return _run_words(ended[0].status, ended[0].run.memory)
    return "; ".join(f"{one.pipeline.name}: {_run_words(one.status, one.run.memory)}" for one in ended)


def _with_ingestion(verification: Verification, ended: PipelineStatus, text: str, page: str) -> Verification:
    state: VerificationState = "ok" if ended.pipelineState == "success" else "warn"
    row = VerificationRow("ingestion", "Ingestion completed", state, text, url=page)
    return replace(
        verification, rows=tuple(row if old.id == "ingestion" else old for old in verification.rows)
    )


def _run_words(run: PipelineStatus, memory: RunMemory) -> str:
    words = {"success": "success", "partialSuccess": "partial success"}
    text = f"Collate's run ended as {words.get(run.pipelineState, run.pipelineState)}"
    if run.startDate and run.endDate:
        text += f" after {(run.endDate - run.startDate) / 1000:.0f} s"
    steps = memory.words()
    return f"{text} ({steps})" if steps else text


def _schedule_words(profile: Profile) -> str:
    cron = profile.pipeline.schedule
    return f"schedule {cron} {profile.pipeline.timezone}" if cron else "on demand"


def _finished(
    emitter: EventEmitter, outcome: Outcome, code: ExitCode, text: str, counts: Counts
) -> RunFinished:
    return RunFinished(outcome=outcome, counts=counts, exit_code=code, text=text, seconds=emitter.seconds)
