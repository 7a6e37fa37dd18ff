"""The chain between syncs: which run Collate shows, how far behind dbt that is, and what comes next.

The facts are taken from what the checks have read, so that they cost no request; the words are made again at
each moment, so that what the last visit knew does not speak of times that have passed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.pipeline import OVERDUE_TIMES, connector_words, ended
from dbtcollate_tui.collate.dbt_cloud_service import Connector
from dbtcollate_tui.collate.pipeline_models import PipelineStatus
from dbtcollate_tui.dbt_cloud.crons import explain_cron, read_cron
from dbtcollate_tui.dbt_cloud.models import Run
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.history.records import HistoryRecord
from dbtcollate_tui.wording import ago, count, span

ARRIVED = ("success", "partialSuccess")
SAME_RUN = timedelta(minutes=2)
"""A direct sync reports itself to Collate as a pipeline's run: what ends so near to it is the same."""
MISSED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run that a sync would take now."""

    run_id: int
    job_name: str = ""
    outcome: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """The profile's pipeline in Collate; ``name`` is empty where there is none.

    ``service`` says whether anything there runs pipelines; ``state`` is the last run's, ``ended_at`` its end.
    """

    service: bool
    name: str = ""
    deployed: bool = False
    enabled: bool = False
    cron: str = ""
    timezone: str = "UTC"
    state: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """The last time that metadata came to Collate: when, by which engine, of which run (0: not known)."""

    at: datetime
    engine: Literal["direct", "collate"]
    run_id: int = 0
    job_name: str = ""
    run_finished_at: datetime | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known; ``None`` is not checked yet, an arrival at no time is ``Summary.nothing_came``.

    ``connector`` is OpenMetadata's own dbt Cloud connector, where the account has one on this server.
    """

    run: RunFacts | None = None
    pipeline: PipelineFacts | None = None
    arrival: Arrival | None = None
    nothing_came: bool = False
    connector: Connector | None = None


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One thing in words with its state; ``more`` are further lines, ``way`` is the way on from there.

    ``brief`` is the text in a few words, for a list.
    """

    state: CheckState
    text: str
    more: str = ""
    way: Literal["", "sync", "pipeline", "open_connector"] = ""
    brief: str = ""


PARTS = frozenset({"run.exists", "pipeline.exists", "verification.ingestion"})
"""The checks after which a part of the standing is there to be read."""


async def read_standing(context: CheckContext, check_id: str, known: Summary) -> Summary:
    """The standing with the part that this check has read; as it was where that could not be read."""
    try:
        match check_id:
            case "run.exists":
                return replace(known, run=_run_facts((await context.choice()).run))
            case "pipeline.exists":
                known = replace(known, connector=await context.connector())
                return replace(known, pipeline=await _pipeline_facts(context))
            case "verification.ingestion":
                arrival = await _arrival(context)
                return replace(known, arrival=arrival, nothing_came=arrival is None)
    except ActionableError:
        pass
    return known


def _run_facts(run: Run) -> RunFacts:
    name = run.job.name if run.job is not None else ""
    return RunFacts(run.id, name, run.outcome, run.finished_at)


async def _pipeline_facts(context: CheckContext) -> PipelineFacts:
    if not (await context.pipeline_service()).available:
        return PipelineFacts(service=False)
    pipeline = await context.pipeline()
    if pipeline is None:
        return PipelineFacts(service=True)
    run = pipeline.pipelineStatuses
    return PipelineFacts(
        service=True,
        name=pipeline.name,
        deployed=bool(pipeline.deployed),
        enabled=bool(pipeline.enabled) and not pipeline.airflowConfig.pausePipeline,
        cron=pipeline.airflowConfig.scheduleInterval or "",
        timezone=pipeline.airflowConfig.pipelineTimezone or "UTC",
        state=run.pipelineState if run is not None else "",
        ended_at=ended(run) if run is not None else None,
    )


async def _arrival(context: CheckContext) -> Arrival | None:
    found = [arrival for arrival in (_of_record(context.last_sync()),) if arrival is not None]
    if (await context.pipeline_service()).available:
        pipeline = await context.pipeline()
        status = pipeline.pipelineStatuses if pipeline is not None else None
        if status is not None and status.pipelineState in ARRIVED:
            of_pipeline = _of_pipeline(status, list(await _runs(context)))
            if of_pipeline is not None and not (found and abs(of_pipeline.at - found[0].at) <= SAME_RUN):
                found.append(of_pipeline)
    return max(found, key=lambda arrival: arrival.at, default=None)


async def _runs(context: CheckContext) -> tuple[Run, ...]:
    choice = await context.choice()
    return (choice.run, *choice.alternatives)


def _of_record(record: HistoryRecord | None) -> Arrival | None:
    if record is None or record.outcome not in ("ok", "partial"):
        return None
    finished = _moment(record.run_finished_at)
    return Arrival(
        at=datetime.fromisoformat(record.at) + timedelta(seconds=record.seconds),
        engine=record.engine or "direct",
        run_id=record.run_id or 0,
        job_name=record.job_name,
        run_finished_at=finished,
        whole=record.outcome == "ok",
    )


def _of_pipeline(status: PipelineStatus, runs: list[Run]) -> Arrival | None:
    """Collate's workers take the latest run that had ended when they began."""
    at, began = ended(status), status.startDate or status.timestamp
    if at is None:
        return None
    start = datetime.fromtimestamp(began / 1000, UTC) if began else at
    before = [
        (run.finished_at, run)
        for run in runs
        if run.is_completed and run.finished_at is not None and run.finished_at <= start
    ]
    whole = status.pipelineState == "success"
    if not before:
        return Arrival(at, "collate", whole=whole)
    finished, run = max(before, key=lambda pair: pair[0])
    name = run.job.name if run.job is not None else ""
    return Arrival(at, "collate", run.id, name, finished, whole)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def in_collate(standing: Summary, now: datetime) -> StatusLine | None:
    """What Collate shows now, and whether dbt has a newer run; ``None`` while it is not known."""
    arrival, newest = standing.arrival, standing.run
    if arrival is None:
        if not standing.nothing_came:
            return None
        return StatusLine(CheckState.WARN, "nothing from this profile yet: no sync has run", way="sync")
    by = "by a sync from here" if arrival.engine == "direct" else "by Collate's pipeline"
    came = f"{by} {ago(arrival.at, now)}"
    if not arrival.whole:
        came += ", not all of it"
    if not arrival.run_id:
        text = f"what came {came}"
    else:
        text = f"run #{arrival.run_id}"
        if arrival.job_name:
            text += f' of "{arrival.job_name}"'
        if arrival.run_finished_at is not None:
            after = (arrival.at - arrival.run_finished_at).total_seconds()
            text += f", {span(max(0.0, after))} after it ended"
    if newest is None:
        return StatusLine(CheckState.PASS, text, came if arrival.run_id else "")
    behind = _behind(arrival, newest, now)
    if behind:
        return StatusLine(CheckState.WARN, text, behind, way="sync")
    state = CheckState.PASS if arrival.whole else CheckState.WARN
    newest_words = "the latest run" if newest.run_id == arrival.run_id else ""
    more = ", ".join(part for part in (came if arrival.run_id else "", newest_words) if part)
    return StatusLine(state, text, more, way="" if arrival.whole else "sync")


def _behind(arrival: Arrival, newest: RunFacts, now: datetime) -> str:
    """That a newer run is not there yet; empty where none is."""
    if newest.finished_at is None or newest.run_id == arrival.run_id:
        return ""
    if newest.finished_at <= (arrival.run_finished_at or arrival.at):
        return ""
    return f"stale: run #{newest.run_id} ended {ago(newest.finished_at, now)} and is not there"


def next_sync(standing: Summary, now: datetime, zone: tzinfo | None = None) -> StatusLine | None:
    """The next automatic sync, in the user's time zone; or why there is none.

    ``None`` while it is not known.
    """
    facts = standing.pipeline
    if facts is None:
        return None
    if not facts.service:
        return StatusLine(
            CheckState.SKIPPED,
            "manual: this Collate cannot run pipelines",
            way="sync",
            brief="synced manually",
        )
    if not facts.name:
        return StatusLine(
            CheckState.SKIPPED, "manual: no pipeline in Collate yet", way="pipeline", brief="synced manually"
        )
    if not facts.deployed:
        return StatusLine(
            CheckState.WARN,
            f"none: {facts.name} is written, but not deployed",
            way="pipeline",
            brief="not deployed",
        )
    if not facts.enabled:
        since = f", last run {ago(facts.ended_at, now)}" if facts.ended_at is not None else ""
        return StatusLine(
            CheckState.FAIL, f"none: {facts.name} is paused in Collate{since}", way="pipeline", brief="paused"
        )
    if not facts.cron:
        text = f"manual: {facts.name} has no schedule in Collate"
        if facts.state == "failed":
            failed = f"its last run failed {ago(facts.ended_at, now)}".rstrip()
            return StatusLine(CheckState.FAIL, text, failed, "pipeline", brief="synced manually")
        return StatusLine(CheckState.SKIPPED, text, way="pipeline", brief="synced manually")
    try:
        words = explain_cron(facts.cron)
        coming = next(_times(facts, now))
    except (UsageError, StopIteration):
        text = f"not known: its schedule {facts.cron!r} cannot be read"
        return StatusLine(CheckState.WARN, text, way="pipeline", brief="schedule cannot be read")
    wait = span((coming - now).total_seconds())
    at = clock(coming, now, zone)
    text = f"{at}, by Collate's own schedule ({words}), in {wait}"
    if zone_of(facts.timezone) is None:
        text += f", read as UTC: the time zone {facts.timezone} is not known here"
    brief = f"next {at}"
    missed = _missed(facts, now)
    if missed >= OVERDUE_TIMES and facts.ended_at is not None:
        times = count(missed, "scheduled time")
        more = f"{times} passed without a run since the last one, {ago(facts.ended_at, now)}"
        return StatusLine(CheckState.FAIL, text, more, "pipeline", brief)
    if facts.state == "failed":
        failed = f"its last run failed {ago(facts.ended_at, now)}".rstrip()
        return StatusLine(CheckState.FAIL, text, failed, "pipeline", brief)
    if facts.state in ("queued", "running"):
        return StatusLine(CheckState.PASS, text, f"{facts.state} in Collate now", brief=brief)
    return StatusLine(CheckState.PASS, text, brief=brief)


def connector_line(standing: Summary, now: datetime) -> StatusLine | None:
    """What OpenMetadata's own dbt Cloud connector last did and saw; ``None`` where there is none."""
    if standing.connector is None:
        return None
    ran, lineage = connector_words(standing.connector, now)
    state = CheckState.WARN if standing.connector.writes_lineage else CheckState.SKIPPED
    return StatusLine(state, ran, lineage, way="open_connector")


def clock(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """A time in the person's zone: "14:00 CET", "tomorrow 06:00 CET", "Fri 27 Nov 06:00 CET"."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    at = f"{local:%H:%M %Z}"
    if local.date() == today:
        return at
    if local.date() == today + timedelta(days=1):
        return f"tomorrow {at}"
    return f"{local:%a} {local.day} {local:%b} {at}"


def _times(facts: PipelineFacts, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    zone = zone_of(facts.timezone) or UTC
    return iter(CronSim(read_cron(facts.cron), after.astimezone(zone)))


def zone_of(name: str) -> tzinfo | None:
    """The time zone of that name; ``None`` where this machine's tables do not have it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _missed(facts: PipelineFacts, now: datetime) -> int:
    if facts.ended_at is None:
        return 0
    missed = 0
    for moment in _times(facts, facts.ended_at):
        if moment >= now or missed >= MISSED_AT_MOST:
            break
        missed += 1
    return missed
