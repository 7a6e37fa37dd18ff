"""Checks of the run that a sync takes: is there one, is it fresh, is it production's."""

from dataclasses import replace

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding, finding_of_error
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.dbt_cloud import job_page
from dbtcollate_tui.dbt_cloud.models import Run
from dbtcollate_tui.dbt_cloud.pages import JOBS_PLACE, RUNS_PLACE
from dbtcollate_tui.dbt_cloud.run_choice import NoRun, RunChoice
from dbtcollate_tui.dbt_cloud.run_notes import UNSCHEDULED_OLD, NoteKind
from dbtcollate_tui.fixes import Advice, Fix, GoToStep, OpenUrl, RerunCheck, RunJob, Step
from dbtcollate_tui.wording import ago, some, span

_FAILED_SINCE = frozenset({NoteKind.NEWER_FAILED, NoteKind.FAILED})
_HAS_ITS_OWN_CHECK = frozenset({NoteKind.STALE, NoteKind.UNSCHEDULED, NoteKind.NO_CATALOG})


async def exists(context: CheckContext) -> Finding:
    """The guide's first row: a recent successful run is visible."""
    try:
        choice = await context.choice()
    except NoRun as error:
        return await _none(context, error)
    client = await context.dbt_cloud()
    run = choice.run
    others = choice.other_runs(context.now)
    name = f' of "{run.job.name}"' if run.job is not None and run.job.name else ""
    return Finding(
        CheckState.PASS if run.is_success else CheckState.WARN,
        f"#{run.id}{name} {run.outcome}, {ago(run.finished_at, context.now)}",
        detail=f"Taken as the {choice.reason}."
        + (f" dbt Cloud says: {run.status_message}" if run.status_message and not run.is_success else ""),
        caption=span(choice.age_seconds) if choice.age_seconds is not None else run.outcome,
        evidence=(
            *context.seen(client.host, f"/runs/{run.id}/"),
            f"ended {run.finished_at:%Y-%m-%d %H:%M} UTC" if run.finished_at is not None else "not ended",
            f"other finished runs: {some(others, 5) or 'none'}",
        ),
        fixes=(OpenUrl("Open the run in dbt Cloud", run.href),) if run.href else (),
    )


async def _none(context: CheckContext, error: NoRun) -> Finding:
    """The card of a missing run, with the page on which the job is run."""
    found = finding_of_error(error)
    job, client = await context.job(), await context.dbt_cloud()
    page = (OpenUrl("Open the job to run it", job_page(client.base_url, job, context)),) if job else ()
    return replace(found, fixes=(*found.fixes, *page))


async def fresh(context: CheckContext) -> Finding:
    """Whether the run is younger than its job's schedule demands."""
    choice, client = await context.choice(), await context.dbt_cloud()
    run = choice.run
    age = ago(run.finished_at, context.now)
    words = run.job.schedule_words if run.job is not None else "no schedule known"
    evidence = (f"run {run.id} ended {age}; the job runs {words}",)
    if choice.is_stale:
        times = "1 scheduled time" if choice.missed == 1 else f"{choice.missed} scheduled times"
        return Finding(
            CheckState.WARN,
            f"Stale: the latest usable run finished {age}, and {times} passed since",
            detail="Collate would show that day's metadata.",
            caption="stale",
            causes=(
                "The job's newer runs failed, were cancelled or never started.",
                "The schedule was switched off for a while.",
            ),
            evidence=evidence,
            fixes=(
                *_run_now(choice, context),
                *_job_pages(run, client.base_url, context),
                GoToStep("Choose another job", Step.JOB),
                RerunCheck("Check again", CheckId.RUN_FRESH),
            ),
        )
    unscheduled = run.job is None or run.job.cron is None
    if (
        unscheduled
        and choice.age_seconds is not None
        and choice.age_seconds > UNSCHEDULED_OLD.total_seconds()
    ):
        return Finding(
            CheckState.WARN,
            f"The latest usable run finished {age}, and its job has no active schedule",
            caption="old",
            causes=("Nobody has started the job since.",),
            evidence=evidence,
            fixes=(
                *_run_now(choice, context),
                Advice("Give the job a schedule in dbt Cloud"),
                *_job_pages(run, client.base_url, context),
                GoToStep("Choose another job", Step.JOB),
            ),
        )
    return Finding(CheckState.PASS, f"ended {age}; {words}", caption=f"#{run.id}", evidence=evidence)


def _run_now(choice: RunChoice, context: CheckContext) -> tuple[Fix, ...]:
    """Running the job from here, where the profile follows one; a later run that failed can be retried."""
    if context.profile.dbt_cloud.job_id is None:
        return (Advice(f"Run the job in dbt Cloud: {JOBS_PLACE}"),)
    fixes: list[Fix] = [RunJob("Run the job now, and wait for it to finish")]
    latest = choice.reference_run
    if latest is not None and latest.is_error and latest.can_retry and latest.job_id == choice.run.job_id:
        fixes.append(RunJob(f"Retry run {latest.id} from where it failed", retry_of=latest.id))
    return tuple(fixes)


def _job_pages(run: Run, base_url: str, context: CheckContext) -> tuple[Fix, ...]:
    if run.job is None:
        return ()
    return (OpenUrl("Open the job to run it", job_page(base_url, run.job, context)),)


async def kind(context: CheckContext) -> Finding:
    """Whether the run is whole and production's: no CI run, no part, no newer failure."""
    choice = await context.choice()
    notes = [note for note in choice.notes if note.kind not in _HAS_ITS_OWN_CHECK]
    warned = tuple(note.text for note in notes if note.level == "warn")
    infos = tuple(note.text for note in notes if note.level == "info")
    if not warned:
        return Finding(CheckState.PASS, "complete production run", detail=" ".join(infos))
    more = f" and {len(warned) - 1} more" if len(warned) > 1 else ""
    return Finding(
        CheckState.WARN,
        f"{warned[0].rstrip('.')}{more}",
        detail=" ".join((*warned[1:], *infos)),
        causes=warned,
        evidence=tuple(
            f"step {step.index}: {step.command or step.name}, {step.status_humanized}"
            for step in choice.steps
        ),
        fixes=(
            GoToStep("Choose another job", Step.JOB),
            *(_run_now(choice, context) if _FAILED_SINCE & {note.kind for note in choice.notes} else ()),
            Advice(f"See the later run's log in dbt Cloud: {RUNS_PLACE}"),
        ),
    )


CHECKS = (
    ChainCheck(
        CheckId.RUN_EXISTS,
        "dbt Cloud run exists",
        Stage.RUN,
        exists,
        requires=(
            CheckId.DBT_ACCOUNT,
            CheckId.DBT_JOB,
        ),
        guide_ref="Verification: dbt Cloud run exists; Troubleshooting: No Runs Found",
        step=Step.JOB,
        symptom=SymptomId.NO_RUNS,
    ),
    ChainCheck(
        CheckId.RUN_FRESH,
        "Run is fresh",
        Stage.RUN,
        fresh,
        requires=(CheckId.RUN_EXISTS,),
        guide_ref="Troubleshooting: Stale data",
        step=Step.JOB,
        symptom=SymptomId.NO_RUNS,
    ),
    ChainCheck(
        CheckId.RUN_KIND,
        "Run is production's",
        Stage.RUN,
        kind,
        requires=(CheckId.RUN_EXISTS,),
        guide_ref="Step 2: How filtering works",
        step=Step.JOB,
        symptom=SymptomId.OTHER_RUN,
    ),
)
"""The checks of the stage "run"."""
