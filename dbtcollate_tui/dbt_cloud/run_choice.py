"""Which run a sync takes, why, what speaks against it, and which run Collate's own workers would take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dbtcollate_tui.dbt_cloud.client import PAGE, DbtCloudClient
from dbtcollate_tui.dbt_cloud.models import COMPLETED, SUCCESS, Run, RunStep
from dbtcollate_tui.dbt_cloud.other_jobs import companions
from dbtcollate_tui.dbt_cloud.pages import JOBS_PLACE
from dbtcollate_tui.dbt_cloud.run_notes import (
    Note,
    NoteKind,
    failed_step,
    is_ci_run,
    missed_since,
    notes_of_age,
    notes_of_others,
    notes_of_reference,
    notes_of_run,
)
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.fixes import (
    RETRY,
    Advice,
    ChooseRun,
    Fix,
    GoToStep,
    ProfileField,
    Retry,
    RunJob,
    SetField,
    Step,
)
from dbtcollate_tui.wording import span

RunRule = Literal["newest_successful", "newest_completed"]
_RULE_WORDS: dict[RunRule, str] = {
    "newest_successful": "latest successful run",
    "newest_completed": "latest completed run",
}
ALTERNATIVES = 20
OLDER_PAGES = 5


class NoRun(ActionableError):
    """No run that the rule allows exists."""


@dataclass(frozen=True, slots=True)
class RunChoice:
    """The run that will be used, its steps, and everything that is shown before it is used.

    ``reference_run`` is the run that Collate's workers of today take: the latest success or failure.
    ``reason_in_job`` is the reason for a line that already names the job.
    ``companions`` are runs of further jobs that add what it lacks.
    ``rule`` is ``None`` for a run that was named. ``missed`` counts scheduled times that passed since.
    """

    run: Run
    steps: tuple[RunStep, ...]
    rule: RunRule | None
    reason: str
    reason_in_job: str
    reference_run: Run | None
    notes: tuple[Note, ...]
    alternatives: tuple[Run, ...]
    age_seconds: float | None
    missed: int = 0
    companions: tuple[Run, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether it is older than its job's schedule allows."""
        return self.missed > 0

    @property
    def differs_from_reference(self) -> bool:
        """Whether Collate's own workers would take another run."""
        return self.reference_run is not None and self.reference_run.id != self.run.id

    def other_runs(self, now: datetime) -> tuple[str, ...]:
        """`alternatives` in words, latest first: "#98430 failed 2 h ago"."""
        words: list[str] = []
        for run in self.alternatives:
            age = run.age_seconds(now)
            when = f" {span(age)} ago" if age is not None else ""
            words.append(f"#{run.id} {'CI, ' if is_ci_run(run) else ''}{run.outcome}{when}{_why(run)}")
        return tuple(words)


async def choose_run(
    client: DbtCloudClient,
    account_id: int,
    project_id: int | None,
    job_id: int | None,
    rule: RunRule = "newest_successful",
    run_id: int | None = None,
    *,
    jobs: Sequence[int] = (),
    now: datetime | None = None,
) -> RunChoice:
    """Choose the run by the guide's rules: of the account, of a project, or of a job; mostly 2 requests.

    The latest successful run is taken, or with ``newest_completed`` a failed one too, latest by its end.
    While no job is set, runs of pull requests are passed over and named in a note, unless there are no
    others: they describe unmerged code. ``run_id`` names a run that is used as given. Raises `NoRun`, or
    `UsageError` for a named run that has not ended. ``jobs`` are further jobs whose latest runs of the same
    environment and branch add what the run lacks.
    """
    now = now or datetime.now(UTC)
    newest = await client.runs(account_id, project_id=project_id, job_id=job_id, limit=PAGE)
    completed = _by_end(run for run in newest if run.is_completed)
    if run_id is not None:
        run = await client.run(account_id, run_id)
        if not run.is_completed:
            raise UsageError(
                f"Run {run_id} is {run.outcome_words}",
                causes=["Only a run that ended in success or failure has all of its artifacts."],
                fixes=[ChooseRun("Choose another run"), RETRY],
            )
        taken_rule, reason = None, "the requested run"
        reason_in_job = reason
    else:
        allowed = _allowed(completed, rule)
        wanted = allowed if job_id is not None else _without_ci(allowed)
        page = newest
        for number in range(OLDER_PAGES):
            if wanted or len(page) < PAGE:
                break
            page = await client.runs(
                account_id,
                project_id=project_id,
                job_id=job_id,
                status_in=(SUCCESS,) if rule == "newest_successful" else COMPLETED,
                order_by="-finished_at",
                limit=PAGE,
                offset=number * PAGE,
            )
            allowed = [*allowed, *page]
            wanted = page if job_id is not None else _without_ci(page)
        if not allowed:
            raise _no_run(newest, project_id, job_id, rule)
        run = await client.run(account_id, (wanted or allowed)[0].id)
        taken_rule, reason = rule, _reason(run, rule, project_id, job_id)
        reason_in_job = _RULE_WORDS[rule] if job_id is not None else reason
    reference = completed[0] if completed else run
    missed = missed_since(run, now)
    notes = [
        *notes_of_run(run),
        *notes_of_others(run, newest, job_id),
        *notes_of_age(run, missed, now),
        *notes_of_reference(run, reference),
    ]
    if client.left_out:
        notes.append(
            Note(
                NoteKind.LEFT_OUT,
                "warn",
                f"{client.left_out} entries of dbt Cloud's lists could not be read.",
            )
        )
    added, missing_jobs = await companions(client, account_id, run, jobs)
    notes += missing_jobs
    others = [other for other in completed if other.id != run.id][:ALTERNATIVES]
    return RunChoice(
        run=run,
        steps=tuple(sorted(run.run_steps, key=lambda step: step.index)),
        rule=taken_rule,
        reason=reason,
        reason_in_job=reason_in_job,
        reference_run=reference,
        notes=tuple(notes),
        alternatives=tuple(others),
        age_seconds=run.age_seconds(now),
        missed=missed,
        companions=added,
    )


def _why(run: Run) -> str:
    return f" ({run.reason_words})" if run.reason_words else ""


def _by_end(runs: Iterable[Run]) -> list[Run]:
    def moment(run: Run) -> datetime:
        return run.finished_at or run.created_at or datetime.min.replace(tzinfo=UTC)

    return sorted(runs, key=lambda run: (moment(run), run.id), reverse=True)


def _allowed(completed: Sequence[Run], rule: RunRule) -> list[Run]:
    return [run for run in completed if run.is_success or rule == "newest_completed"]


def _without_ci(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if not is_ci_run(run)]


def _reason(run: Run, rule: RunRule, project_id: int | None, job_id: int | None) -> str:
    name = run.job.name if run.job is not None else ""
    what = _RULE_WORDS[rule]
    if job_id is not None:
        words = f"{what} of job {name or job_id}"
    elif project_id is not None:
        words = f"{what} of project {project_id}"
    else:
        words = f"{what} of the account"
    step = failed_step(run)
    if run.is_error and step is not None:
        words += f", failed at step {step.index} of {len(run.run_steps)}"
    return words


def _no_run(newest: Sequence[Run], project_id: int | None, job_id: int | None, rule: RunRule) -> NoRun:
    where = "the account" if project_id is None else f"project {project_id}"
    if job_id is not None:
        where = f"job {job_id}"
    title = f"No {'successful' if rule == 'newest_successful' else 'completed'} run of {where}"
    counts: dict[str, int] = {}
    for run in newest:
        counts[run.outcome] = counts.get(run.outcome, 0) + 1
    seen = ", ".join(f"{count} {word}" for word, count in counts.items())
    if job_id is not None:
        fixes: list[Fix] = [RunJob("Run the job now, and wait for it to finish"), RETRY]
        failed = next((run for run in newest if run.is_error), None)
        if failed is not None and failed is newest[0] and failed.can_retry:
            fixes.insert(1, RunJob(f"Retry run {failed.id} from where it failed", retry_of=failed.id))
    else:
        fixes = [Advice(f"Run a job in dbt Cloud ({JOBS_PLACE}) and wait for it to finish"), RETRY]
    if any(run.is_error for run in newest):
        causes = ["Every run that ended has failed: the run's log in dbt Cloud says why."]
        fixes.insert(
            0,
            SetField(
                "Use the latest completed run, failed or not", ProfileField.RUN_RULE, "newest_completed"
            ),
        )
    elif any(run.in_progress for run in newest):
        causes = ["The first run is in progress."]
        fixes = [Retry("Try again when it has finished")]
        if job_id is not None:
            fixes.insert(0, RunJob("Follow the run that is in progress"))
    else:
        causes = ["The job has never run." if job_id is not None else "No job has ever run."]
    if job_id is not None:
        fixes.append(GoToStep("Choose another job", Step.JOB))
    return NoRun(
        title,
        causes=causes,
        evidence=[
            f"{len(newest)} runs read: {seen}" if newest else "0 runs",
            *(f"run {run.id}: {run.outcome_words}" for run in newest[:3] if run.status_message),
        ],
        fixes=fixes,
    )
