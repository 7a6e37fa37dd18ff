"""Which job describes production best, in words, and whether its commands make every artifact."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dbtcollate_tui.dbt_cloud.models import Job
from dbtcollate_tui.dbt_cloud.schedules import shortest_gap
from dbtcollate_tui.errors import UsageError

JobLabel = Literal["best", "good", "poor"]


@dataclass(frozen=True, slots=True)
class JobAdvice:
    """How well a job suits: ``score`` orders jobs (higher is better); ``reason`` says why in words."""

    job: Job
    score: int
    label: JobLabel
    reason: str


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """One of the guide's three commands: what it is for, whether the job has it, what to add if not."""

    command: str
    artifact: str
    present: bool
    found: str
    fix: str


def advise(job: Job) -> JobAdvice:
    """Score one job: production, schedule, docs and tests count for it; CI and parts against it."""
    good: list[str] = []
    bad: list[str] = []
    score = 0
    if job.environment is not None and job.environment.is_production:
        score += 40
        good.append("production environment")
    elif job.environment is not None and job.environment.deployment_type:
        score -= 10
        bad.append(f"{job.environment.deployment_type} environment")
    if job.cron is not None:
        score += 20 + _often(job.cron)
        good.append("on a schedule")
    elif job.is_chained:
        score += 15
        good.append("started by another job")
    if job.makes_docs:
        score += 20
        good.append("makes docs")
    else:
        bad.append("makes no catalog.json")
    if job.runs_tests:
        score += 10
        good.append("runs tests")
    if job.runs_models:
        score += 10
    else:
        bad.append("builds no models")
    if job.deactivated:
        score -= 120
        bad.insert(0, job.deactivation.rstrip("."))
    if job.is_ci:
        score -= 200
        what = "merge" if job.job_type == "merge" else "pull request"
        bad.insert(0, f"CI job: each {what} builds changed models into a schema of its own, not production's")
    if job.is_deferred:
        score -= 30
        bad.append("deferred: it takes what it does not build from elsewhere")
    parts = [command.selection[0] for command in job.dbt_commands if command.is_partial]
    if parts:
        score -= 20
        bad.append(f"works on a part of the project ({parts[0]})")
    run = job.most_recent_run
    if run is None:
        bad.append("no run yet")
    elif run.is_success:
        score += 5
    elif run.is_error:
        score -= 3
        bad.append("its last run failed")
    builds = [command for command in job.dbt_commands if command.verb in ("run", "build")]
    whole = any(not command.is_partial for command in builds)
    label: JobLabel = "good" if whole and not job.is_ci and not job.deactivated else "poor"
    words = bad if label == "poor" else [*good, *bad]
    return JobAdvice(job, score, label, ", ".join(words))


def _often(cron: str) -> int:
    """Points for a job that keeps metadata fresh: at least daily, or at least weekly."""
    try:
        gap = shortest_gap(cron)
    except UsageError:
        return 0
    if gap <= timedelta(days=1):
        return 15
    return 5 if gap <= timedelta(days=7) else 0


def rank(jobs: Iterable[Job]) -> list[JobAdvice]:
    """The active jobs, best first; the first is labelled ``best`` where it is not poor."""
    ranked = sorted(
        (advise(job) for job in jobs if job.is_active),
        key=lambda advice: (-advice.score, advice.job.name.lower(), advice.job.id),
    )
    if ranked and ranked[0].label == "good":
        first = ranked[0]
        ranked[0] = JobAdvice(first.job, first.score, "best", first.reason)
    return ranked


def three_commands(job: Job) -> tuple[CommandCheck, ...]:
    """The guide's check of a job's commands: models, tests, docs; ``dbt build`` does the first two."""

    def found(*verbs: str) -> str:
        return next((command.text for command in job.dbt_commands if command.verb in verbs), "")

    runs, tests = found("run", "build"), found("test", "build")
    docs = next((command.text for command in job.dbt_commands if command.writes_catalog), "")
    if not docs and job.is_fusion:
        docs = "every run of dbt 2 writes it"
    return (
        CommandCheck(
            "dbt run", "manifest.json", bool(runs), runs, "Add dbt run, or dbt build, to the commands."
        ),
        CommandCheck(
            "dbt test",
            "run_results.json with test results",
            bool(tests),
            tests,
            "Add dbt test after dbt run, or use dbt build.",
        ),
        CommandCheck(
            "dbt docs generate",
            "catalog.json",
            bool(docs),
            docs,
            'Turn on "Generate docs on run" in the job\'s settings, or add dbt docs generate at the end.',
        ),
    )
