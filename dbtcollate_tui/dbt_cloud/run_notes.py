"""What is to be known about a run before it is used: of a pull request, partial, failed, stale, …"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Literal

from dbtcollate_tui.dbt_cloud.models import ERROR, Run, RunStep
from dbtcollate_tui.dbt_cloud.schedules import missed_times
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.transport.bounds import MOST_JSON_BYTES
from dbtcollate_tui.wording import span

UNSCHEDULED_OLD = timedelta(days=7)
GRACE = timedelta(minutes=15)


class NoteKind(Enum):
    """What a note about a run or its artifacts is about."""

    CI_RUN = auto()
    MERGE_RUN = auto()
    SCHEMA_OVERRIDE = auto()
    STEPS_OVERRIDE = auto()
    TARGET_OVERRIDE = auto()
    PARTIAL = auto()
    DEFERRED = auto()
    FAILED = auto()
    OWN_REASON = auto()
    STEPS_LEFT_OUT = auto()
    DEACTIVATED = auto()
    LEFT_OUT = auto()
    OTHER_JOB = auto()
    NEWER_IN_PROGRESS = auto()
    NEWER_FAILED = auto()
    NEWER_CI_RUN = auto()
    STALE = auto()
    UNSCHEDULED = auto()
    RUN_OF_COLLATE = auto()
    NO_CATALOG = auto()
    NO_RESULTS = auto()
    NO_SOURCES = auto()
    BROKEN_FILE = auto()
    STEP_IGNORED = auto()
    RESULTS_OF_COLLATE = auto()
    MANIFEST_OF_COLLATE = auto()


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a run before it is used."""

    kind: NoteKind
    level: Literal["info", "warn"]
    text: str


def is_ci_run(run: Run) -> bool:
    """Whether a pull request started it, or its job is a CI job."""
    trigger = run.trigger
    if trigger is not None and (trigger.pull_request_id is not None or trigger.cause_category == "ci"):
        return True
    if run.job is not None and run.job.job_type:
        return run.job.job_type == "ci"
    return run.job is not None and run.job.is_ci and (trigger is None or not trigger.cause_category)


def selections(run: Run) -> tuple[str, ...]:
    """The commands of the run that work on a part of the project only."""
    commands = [step.dbt for step in run.run_steps if step.dbt.verb]
    if not commands and run.job is not None:
        commands = list(run.job.dbt_commands)
    return tuple(
        command.text
        for command in commands
        if command.is_partial and command.verb in ("build", "run", "test", "compile", "docs generate")
    )


def failed_step(run: Run) -> RunStep | None:
    """The first step of the run that failed."""
    return next((step for step in run.run_steps if step.status == ERROR), None)


def _job_words(run: Run) -> str:
    return f"job {run.job.name}" if run.job is not None and run.job.name else f"job {run.job_id}"


def notes_of_run(run: Run) -> list[Note]:
    """What the run itself shows."""
    notes: list[Note] = []
    trigger = run.trigger
    if is_ci_run(run):
        number = trigger.pull_request_id if trigger is not None else None
        of = f" of pull request {number}" if number is not None else ""
        notes.append(
            Note(
                NoteKind.CI_RUN,
                "warn",
                f"Run {run.id} is a CI run{of}: it describes unmerged code in a schema of its own.",
            )
        )
    elif trigger is not None and trigger.cause_category == "merge":
        notes.append(
            Note(
                NoteKind.MERGE_RUN,
                "warn",
                f"Run {run.id} was started by a merge; such a job mostly builds what changed.",
            )
        )
    if trigger is not None and trigger.schema_override:
        notes.append(
            Note(
                NoteKind.SCHEMA_OVERRIDE,
                "warn",
                f"It wrote to the schema {trigger.schema_override} in place of its environment's.",
            )
        )
    if trigger is not None and trigger.steps_override:
        notes.append(
            Note(
                NoteKind.STEPS_OVERRIDE,
                "warn",
                f"It ran other commands than its job: {' → '.join(trigger.steps_override)}.",
            )
        )
    if trigger is not None and trigger.target_name_override:
        notes.append(
            Note(
                NoteKind.TARGET_OVERRIDE,
                "warn",
                f"It ran with the target {trigger.target_name_override} in place of its job's.",
            )
        )
    if run.steps_left_out:
        notes.append(
            Note(
                NoteKind.STEPS_LEFT_OUT,
                "info",
                f"The logs of run {run.id} exceed {MOST_JSON_BYTES // 1024**2} MiB, so its steps were not "
                "read; its commands are taken from the job.",
            )
        )
    parts = selections(run)
    if parts:
        notes.append(
            Note(
                NoteKind.PARTIAL,
                "warn",
                f"It worked on a part of the project ({parts[0]}): other tests have no result in it.",
            )
        )
    if run.deferring_run_id is not None or (run.job is not None and run.job.is_deferred):
        notes.append(
            Note(
                NoteKind.DEFERRED,
                "warn",
                "It is deferred: what it did not build was taken from another environment.",
            )
        )
    step = failed_step(run)
    if run.is_error:
        where = f" at step {step.index} of {len(run.run_steps)} ({step.command or step.name})" if step else ""
        notes.append(
            Note(NoteKind.FAILED, "warn", f"It failed{where}: artifacts of the steps after that are missing.")
        )
    if run.status_message and not run.is_success:
        notes.append(Note(NoteKind.OWN_REASON, "warn", f"dbt Cloud says of it: {run.status_message}"))
    if run.job is not None and run.job.deactivated:
        notes.append(Note(NoteKind.DEACTIVATED, "warn", f"Its job is off. {run.job.deactivation}"))
    if run.has_docs_generated is False and not run.in_progress and not run.is_fusion:
        notes.append(
            Note(
                NoteKind.NO_CATALOG,
                "warn",
                "It has no catalog.json: column types and warehouse comments are not sent. "
                "Add dbt docs generate to the job's commands.",
            )
        )
    return notes


def notes_of_others(run: Run, newest: Sequence[Run], job_id: int | None) -> list[Note]:
    """Newer runs: at work, failed, or passed over."""
    notes: list[Note] = []
    at_work = [
        other for other in newest if other.in_progress and (other.job_id == run.job_id or job_id is None)
    ]
    for other in at_work[:3]:
        notes.append(
            Note(
                NoteKind.NEWER_IN_PROGRESS,
                "info",
                f"Run {other.id} of {_job_words(other)} is {other.outcome} and may replace it soon.",
            )
        )
    later = [
        other
        for other in newest
        if other.finished_at is not None
        and run.finished_at is not None
        and other.finished_at > run.finished_at
    ]
    failed = [other for other in later if other.is_error and not is_ci_run(other)]
    if failed:
        more = f"; {len(failed)} runs failed since" if len(failed) > 1 else ""
        notes.append(
            Note(
                NoteKind.NEWER_FAILED,
                "warn",
                f"Run {failed[0].id} of {_job_words(failed[0])} is newer and "
                f"{failed[0].outcome_words}{more}.",
            )
        )
    skipped = [other for other in later if other.is_success and is_ci_run(other)]
    if skipped and not is_ci_run(run):
        number = skipped[0].trigger.pull_request_id if skipped[0].trigger is not None else None
        of = f" of pull request {number}" if number is not None else ""
        notes.append(
            Note(
                NoteKind.NEWER_CI_RUN,
                "warn",
                f"Run {skipped[0].id} of {_job_words(skipped[0])} is newer, and passed over: a CI run{of}.",
            )
        )
    return notes


def missed_since(run: Run, now: datetime) -> int:
    """Times of its job's schedule since the run began; a run's length and 15 minutes are allowed."""
    job = run.job
    began = run.created_at or run.started_at
    if job is None or job.cron is None or began is None:
        return 0
    length = timedelta(seconds=run.seconds or 0.0)
    try:
        return missed_times(job.cron, began + timedelta(minutes=1), now - length - GRACE)
    except UsageError:
        return 0


def notes_of_age(run: Run, missed: int, now: datetime) -> list[Note]:
    """Whether it is stale."""
    age = run.age_seconds(now)
    if age is None:
        return []
    if missed:
        times = "1 scheduled time has" if missed == 1 else f"{missed} scheduled times have"
        schedule = run.job.schedule_words if run.job is not None else ""
        return [
            Note(
                NoteKind.STALE,
                "warn",
                f"It is stale: it ended {span(age)} ago, and {times} passed since ({schedule}).",
            )
        ]
    if (run.job is None or run.job.cron is None) and age > UNSCHEDULED_OLD.total_seconds():
        return [
            Note(
                NoteKind.UNSCHEDULED,
                "warn",
                f"It finished {span(age)} ago, and its job has no active schedule.",
            )
        ]
    return []


def notes_of_reference(run: Run, reference: Run) -> list[Note]:
    """What Collate's own workers would take instead, and what that means."""
    if reference.id == run.id:
        return []
    if reference.is_error:
        means = "it has that run's test results, and only the artifacts of the steps before the failure"
    elif is_ci_run(reference):
        means = "it is a CI run, so its tables are not production's"
    else:
        means = "its metadata may differ"
    return [
        Note(
            NoteKind.RUN_OF_COLLATE,
            "info",
            f"Collate's own ingestion would use run {reference.id} of {_job_words(reference)} "
            f"({reference.outcome_words}), the latest completed run: {means}.",
        )
    ]
