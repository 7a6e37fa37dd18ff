"""Checks of the ingestion pipeline inside Collate: there, green, running on time."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.collate.dbt_cloud_service import Connector
from dbtcollate_tui.collate.links import pipeline_service_page, service_ingestion_page
from dbtcollate_tui.collate.models import IngestionPipeline, PipelineStatus
from dbtcollate_tui.dbt_cloud.crons import explain_cron
from dbtcollate_tui.dbt_cloud.regions import SHARED_DEPRECATED, host_kind
from dbtcollate_tui.dbt_cloud.schedules import (
    missed_times,
    next_times_words,
    propose_schedule,
    shortest_gap,
)
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, DeployPipeline, Fix, OpenUrl, ProfileField, SetField, SyncNow
from dbtcollate_tui.plan.pipeline import jobs_without_pipeline, reads_as_asked
from dbtcollate_tui.settings.model import PipelineReads, Profile
from dbtcollate_tui.wording import ago, count, some, span

DEPLOY = DeployPipeline("Deploy the pipeline and run it")
OVERDUE_TIMES = 2
"""A schedule whose last this many times passed without a run is not being kept."""


async def service(context: CheckContext) -> Finding:
    """Whether the server has something that runs ingestion pipelines."""
    status = await context.pipeline_service()
    client = await context.collate()
    evidence = context.seen(client.transport.host, "/ingestionPipelines/status")
    if status.available:
        platform = " ".join(part for part in (status.platform, status.version) if part)
        return Finding(
            CheckState.PASS,
            f"{platform or 'a pipeline service'} is healthy",
            detail=await _runner(context),
            evidence=evidence,
        )
    return Finding(
        CheckState.SKIPPED,
        f"No pipeline service ({status.reason or 'it does not answer'}): syncs run from here",
        caption="from here",
        evidence=evidence,
        fixes=(
            Advice("The direct sync needs none: dbtcollate sync --engine direct"),
            SyncNow("Sync from here now"),
        ),
    )


async def _runner(context: CheckContext) -> str:
    """What to know of the ingestion runner that runs the service's agents; empty where none is named."""
    found = await context.service()
    runner = found.ingestionRunner if found is not None else None
    if runner is None:
        return ""
    return (
        f"Agents of {context.profile.collate.service} run on the ingestion runner "
        f"{runner.displayName or runner.name}. dbt Cloud must be reachable from there. A hybrid runner reads "
        "secrets from its own vault; a reference (secret:/…) that the pipeline already has is kept."
    )


async def exists(context: CheckContext) -> Finding:
    """Whether the profile's dbt pipeline is there, deployed and switched on."""
    return _with_connector(await _exists(context), await context.connector(), context)


async def _exists(context: CheckContext) -> Finding:
    pipeline = await context.pipeline()
    client = await context.collate()
    evidence = context.seen(client.transport.host, "/ingestionPipelines")
    if pipeline is None:
        wanted = context.profile.pipeline
        if wanted.schedule is None and wanted.reads == "job":
            return Finding(
                CheckState.SKIPPED,
                "No pipeline configured; syncs are manual",
                caption="manual",
                evidence=evidence,
            )
        return Finding(
            CheckState.WARN,
            f"No dbt pipeline in {context.profile.collate.service} yet; nothing runs automatically",
            caption="not deployed",
            causes=("It was never deployed, or was deleted in Collate.",),
            evidence=evidence,
            fixes=(DEPLOY,),
        )
    open_page = OpenUrl("Open the service's ingestions in Collate", page(context))
    if not pipeline.deployed:
        return Finding(
            CheckState.WARN,
            f"{pipeline.name} is written, but not deployed",
            caption="not deployed",
            causes=("A pipeline created by the API runs only after it is deployed.",),
            evidence=evidence,
            fixes=(DEPLOY, open_page),
        )
    old = old_address(pipeline, context.profile.dbt_cloud.base_url)
    if old:
        return Finding(
            CheckState.WARN,
            f"{pipeline.name} still reads dbt Cloud at {old}",
            caption="old address",
            causes=(f"The profile's address is {context.profile.dbt_cloud.base_url}. {SHARED_DEPRECATED}.",),
            evidence=evidence,
            fixes=(replace(DEPLOY, label="Deploy the pipeline with the profile's address"), open_page),
        )
    if not reads_as_asked(pipeline, context.profile):
        return Finding(
            CheckState.WARN,
            f"{pipeline.name} reads another job than the profile asks for",
            caption="another job",
            causes=("The profile was changed since the pipeline was deployed.",),
            evidence=evidence,
            fixes=(replace(DEPLOY, label="Deploy the pipeline with the profile's job and run it"), open_page),
        )
    lacking = jobs_without_pipeline(await context.pipelines(), context.profile)
    if lacking:
        return Finding(
            CheckState.WARN,
            f"{pipeline.name} is deployed; {count(len(lacking), 'job')} without a pipeline: "
            f"{some(map(str, lacking))}",
            caption="not deployed",
            causes=("The profile asks for one pipeline per job.",),
            evidence=evidence,
            fixes=(replace(DEPLOY, label="Deploy one pipeline per job and run them"), open_page),
        )
    return Finding(
        CheckState.PASS,
        f"{pipeline.name}, deployed",
        detail=jobs_read(context.profile),
        evidence=evidence,
        fixes=(*_other_set_ups(context.profile), open_page),
    )


def connector_words(found: Connector, now: datetime) -> tuple[str, str]:
    """What the connector last did and saw, and what its lineage setting means for a sync."""
    if found.ran_at is None:
        ran = f"{found.name} has not run yet"
    else:
        state = found.last_run.pipelineState if found.last_run is not None else ""
        ran = f"{found.name} ran {ago(found.ran_at, now)} ({state or 'state unknown'})"
    if found.seen is not None:
        ran += (
            f"; last run seen there: {found.seen.job}, {found.seen.status.lower()}, {ago(found.seen.at, now)}"
        )
    if not found.writes_lineage:
        return ran, "writes no lineage"
    return ran, "writes lineage: each of its runs replaces the SQL and columns of dbt's edges"


def _with_connector(finding: Finding, found: Connector | None, context: CheckContext) -> Finding:
    """The finding with what to know of OpenMetadata's own dbt Cloud connector, and its page."""
    if found is None:
        return finding
    ran, lineage = connector_words(found, context.now)
    words = (
        f"OpenMetadata's dbt Cloud connector shows this account's job runs. {ran}. It {lineage}. "
        "It brings no descriptions, tags or test results, so both can stay."
    )
    if found.writes_lineage:
        words += " Turn off Include Lineage in its agent, and dbt's edges stay whole."
    url = pipeline_service_page(context.profile.collate.base_url, found.name)
    open_page = OpenUrl("Open the dbt Cloud connector in Collate", url)
    detail = " ".join(part for part in (finding.detail, words) if part)
    return replace(finding, detail=detail, fixes=(*finding.fixes, open_page))


def jobs_read(profile: Profile) -> str:
    """What Collate's own pipelines do with a profile of several jobs; empty for one of a single job."""
    side, reads = profile.dbt_cloud, profile.pipeline.reads
    together = "The direct sync reads all of them together."
    if reads == "project":
        return (
            "Collate's pipeline takes the project's latest completed run, of any job; what that "
            f"job does not write remains unchanged. {together if side.jobs else ''}"
        ).rstrip()
    if not side.jobs:
        return ""
    if reads == "each_job":
        return (
            f"Collate has one pipeline per job, {len(side.jobs) + 1} in all; each reads its job's latest "
            f"completed run. {together}"
        )
    others = f"the {count(len(side.jobs), 'further job')} of this profile"
    return (
        f"Collate's pipeline reads one run of job {side.job_name or side.job_id}, not {others}. There, each "
        "job needs a pipeline of its own, or one pipeline without a job takes the project's latest run, "
        f"whichever job it is of. {together}"
    )


def _other_set_ups(profile: Profile) -> tuple[Fix, ...]:
    """The other ways in which Collate can read several jobs."""
    side = profile.dbt_cloud
    if not side.jobs:
        return ()
    labels: tuple[tuple[PipelineReads, str], ...] = (
        ("each_job", "Have one pipeline per job in Collate"),
        ("project", "Have one pipeline that takes the project's latest run"),
        ("job", f"Have one pipeline for job {side.job_name or side.job_id} alone"),
    )
    return tuple(
        SetField(label, ProfileField.PIPELINE_READS, reads)
        for reads, label in labels
        if reads != profile.pipeline.reads
    )


def old_address(pipeline: IngestionPipeline, base_url: str) -> str:
    """The shared host that a pipeline still reads though the profile no longer does; empty for none."""
    stored = pipeline.config.dbtConfigSource.dbtCloudUrl.rstrip("/") if pipeline.config is not None else ""
    if not stored or stored == base_url:
        return ""
    host = urlsplit(stored).hostname or ""
    return stored if host_kind(host) == "shared" else ""


async def status(context: CheckContext) -> Finding:
    """The guide's second row: the pipeline's last run is green."""
    pipeline = await context.pipeline()
    if pipeline is None:
        return Finding(CheckState.SKIPPED, "No pipeline yet")
    client = await context.collate()
    run = pipeline.pipelineStatuses
    evidence = context.seen(client.transport.host, "/ingestionPipelines")
    if run is None:
        return Finding(
            CheckState.WARN,
            f"{pipeline.name} has never run",
            caption="never ran",
            causes=("Its first scheduled time is still ahead, and nobody has started it.",),
            evidence=evidence,
            fixes=(DEPLOY,),
        )
    moment = ended(run)
    words = f"{run.pipelineState}, {ago(moment, context.now)}"
    if run.startDate and run.endDate:
        words += f", {span((run.endDate - run.startDate) / 1000)}"
    failures = tuple(f"{step.name}: {item.error}" for step in run.status for item in step.failures)
    errors = sum(step.errors for step in run.status)
    caption = (
        f"{moment.astimezone():%H:%M}"
        if moment is not None and context.now.date() == moment.date()
        else run.pipelineState
    )
    if run.pipelineState == "success":
        return Finding(CheckState.PASS, words, caption=caption, evidence=evidence)
    if run.pipelineState in ("queued", "running"):
        return Finding(
            CheckState.PASS, f"{run.pipelineState} now", caption=run.pipelineState, evidence=evidence
        )
    failed = run.pipelineState == "failed"
    return Finding(
        CheckState.FAIL if failed else CheckState.WARN,
        f"The last run of {pipeline.name} ended as {words}",
        caption=run.pipelineState,
        causes=failures[:3] or ("The run's log in Collate says why.",),
        evidence=(*evidence, f"{errors} errors in the run's steps"),
        fixes=(
            OpenUrl("Open the run's log in Collate", page(context)),
            DeployPipeline("Run it again and follow its log"),
            Advice("Or sync from here: dbtcollate sync --engine direct"),
        ),
        exceptions=failures,
    )


async def schedule(context: CheckContext) -> Finding:
    """Whether the pipeline runs when it should, and as often as dbt's job."""
    pipeline = await context.pipeline()
    if pipeline is None:
        return Finding(CheckState.SKIPPED, "No pipeline yet")
    client = await context.collate()
    evidence = list(context.seen(client.transport.host, "/ingestionPipelines"))
    run = pipeline.pipelineStatuses
    last = ended(run) if run is not None else None
    since = f"its last run ended {ago(last, context.now)}" if last is not None else "it has never run"
    if not pipeline.enabled or pipeline.airflowConfig.pausePipeline:
        return Finding(
            CheckState.FAIL,
            f"{pipeline.name} is paused; {since}",
            detail="Collate shows old metadata until it runs again.",
            caption="paused",
            causes=("It was paused in Collate, or deployed while paused.",),
            evidence=(*evidence, f"enabled: {'yes' if pipeline.enabled else 'no'}"),
            fixes=(
                DeployPipeline("Deploy it again with an active schedule, and run it"),
                OpenUrl("Open the service's ingestions in Collate", page(context)),
            ),
        )
    cron = pipeline.airflowConfig.scheduleInterval
    if not cron:
        return Finding(
            CheckState.WARN if context.profile.pipeline.schedule else CheckState.PASS,
            f"on demand only; {since}",
            caption="on demand",
            causes=("The profile has a schedule, the pipeline in Collate has none.",)
            if context.profile.pipeline.schedule
            else (),
            evidence=tuple(evidence),
            fixes=(DEPLOY,) if context.profile.pipeline.schedule else (),
        )
    try:
        words, gap = explain_cron(cron), shortest_gap(cron)
    except UsageError as error:
        return Finding(
            CheckState.WARN,
            f"Its schedule {cron!r} cannot be read",
            causes=error.causes,
            evidence=tuple(evidence),
        )
    zone = pipeline.airflowConfig.pipelineTimezone
    in_utc = zone in ("", "UTC")
    evidence.append(f"schedule {cron} ({words}), time zone {zone}")
    if last is not None and (missed := missed_times(cron, last, context.now)) >= OVERDUE_TIMES:
        return Finding(
            CheckState.FAIL,
            f"It runs {words}, but {missed} times passed without a run; {since}",
            caption="overdue",
            causes=(
                "The pipeline service is down, or lost the pipeline: deploying it again fixes that.",
                "Each run fails before it can report: its log in Collate says why.",
            ),
            evidence=tuple(evidence),
            fixes=(DEPLOY, OpenUrl("Open its log in Collate", page(context))),
        )
    proposal = propose_schedule(await context.job())
    if gap > shortest_gap(proposal.cron):
        return Finding(
            CheckState.WARN,
            f"It runs {words}; for dbt's job, {proposal.words} is the match",
            caption=words,
            causes=(proposal.reason,),
            evidence=tuple(evidence),
            fixes=(SetField(f"Schedule it {proposal.words}", ProfileField.SCHEDULE, proposal.cron),),
        )
    following = next_times_words(cron) if in_utc else ""
    return Finding(
        CheckState.PASS,
        f"{words}; {since}",
        detail=f"Next: {following}." if following else "",
        caption=words,
        evidence=tuple(evidence),
    )


def ended(run: PipelineStatus) -> datetime | None:
    """When a run of the pipeline ended, or else began."""
    moment = run.endDate or run.timestamp or run.startDate
    return datetime.fromtimestamp(moment / 1000, UTC) if moment else None


def page(context: CheckContext) -> str:
    """The service's page in Collate, at its ingestions."""
    side = context.profile.collate
    return service_ingestion_page(side.base_url, side.service)


CHECKS = (
    ChainCheck(
        CheckId.PIPELINE_SERVICE,
        "Pipeline service",
        Stage.PIPELINE,
        service,
        requires=(CheckId.COLLATE_TOKEN,),
        guide_ref="Step 2: Test & Deploy",
        symptom=SymptomId.PIPELINE,
    ),
    ChainCheck(
        CheckId.PIPELINE_EXISTS,
        "Ingestion pipeline",
        Stage.PIPELINE,
        exists,
        requires=(
            CheckId.PIPELINE_SERVICE,
            CheckId.COLLATE_SERVICE,
        ),
        guide_ref="Step 2: Add Ingestion, dbt",
        symptom=SymptomId.PIPELINE,
        affected_by=("pipeline",),
    ),
    ChainCheck(
        CheckId.PIPELINE_STATUS,
        "Pipeline's last run",
        Stage.PIPELINE,
        status,
        requires=(CheckId.PIPELINE_EXISTS,),
        guide_ref="Verification: Ingestion completed",
        symptom=SymptomId.PIPELINE,
    ),
    ChainCheck(
        CheckId.PIPELINE_SCHEDULE,
        "Pipeline's schedule",
        Stage.PIPELINE,
        schedule,
        requires=(CheckId.PIPELINE_EXISTS,),
        guide_ref="Best Practices: Schedule Alignment; Troubleshooting: Stale data, ingestion not running",
        symptom=SymptomId.STALE,
    ),
)
"""The checks of the stage "pipeline"."""
