"""The runs of the sandbox's jobs: recorded runs, moved in time so that the account looks alive.

Artifacts keep the bytes and the times that dbt wrote; only what dbt Cloud says about a run is moved.
All times here are seconds since the epoch, UTC.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dbtcollate_tui.sandbox.dbt_cloud import content as ids
from dbtcollate_tui.sandbox.dbt_cloud.content import recorded
from dbtcollate_tui.sandbox.scenarios import Scenario
from dbtcollate_tui.sandbox.shop_data import RecordedRun, RecordedStep

QUEUED, STARTING, RUNNING, SUCCESS, ERROR, CANCELLED = 1, 2, 3, 10, 20, 30
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
STALE_DAYS = 9
_OLD_PROFILE, _PROFILE = "Create Profile from Connection", "Create profile from connection"
COMMAND_FAILED = "dbt command failed"
TIMED_OUT = (
    "This run timed out after running for 1 day, which exceeded the configured timeout of 86400 seconds."
)
SETUP_STEPS = 3
"""Clone, profile and ``dbt deps`` come before the job's own commands."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step: when it runs, how it ends, and which recorded step's artifacts and log it has."""

    index: int
    name: str
    command: str | None
    status: int
    begin: float | None
    """None for a step that an earlier failure skipped."""
    end: float | None
    source_run: str
    source_step: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run with its times; a run whose ``finished`` is to come is at work now."""

    job_id: int
    project_id: int
    environment_id: int
    status: int
    """The status that it ends with."""
    created: float
    dequeued: float
    started: float
    finished: float
    trigger: dict[str, Any]
    dbt_version: str
    git_branch: str
    git_sha: str
    steps: tuple[StepPlan, ...] = ()
    deferring_run_id: int | None = None
    artifacts_saved: bool = True
    status_message: str | None = None
    tells_docs: bool = True
    """False: a catalog.json is there, and ``has_docs_generated`` does not say so."""
    blocked_by: tuple[int, ...] = ()
    """Runs that must end before this one leaves the queue."""
    retrying_run_id: int | None = None
    artifacts: frozenset[str] = field(default=frozenset())


def trigger(cause: str, category: str, **fields: Any) -> dict[str, Any]:
    """A run's trigger as dbt's OpenAPI document has it, without ids."""
    names = (
        "git_branch",
        "git_sha",
        "azure_pull_request_id",
        "github_pull_request_id",
        "gitlab_merge_request_id",
        "non_native_pull_request_id",
        "schema_override",
        "dbt_version_override",
        "threads_override",
        "target_name_override",
        "generate_docs_override",
        "timeout_seconds_override",
        "steps_override",
    )
    return {"cause": cause, "cause_category": category, **dict.fromkeys(names), **fields}


def play(
    source: RecordedRun,
    job: dict[str, Any],
    finished: float,
    cause: dict[str, Any],
    *,
    commands: Sequence[str] | None = None,
    status: int | None = None,
    seconds: float | None = None,
    began: float | None = None,
) -> RunPlan:
    """A recorded run as a run of ``job`` that ends at ``finished``.

    ``commands`` keeps only those of the job's commands (and adds, without artifacts, those that were never
    recorded); None keeps all. ``seconds`` stretches or squeezes the run to that length, and ``began`` is
    when it was created.
    """
    steps = chosen_steps(source, commands)
    length = seconds or max(1.0, sum(step.duration for step in steps))
    started = finished - length
    total = sum(max(step.duration, 0.01) for step in steps)
    plans: list[StepPlan] = []
    at = started
    for index, step in enumerate(steps, start=1):
        skipped = step.started_at is None and step.duration == 0 and step.status == CANCELLED
        end = at + max(step.duration, 0.01) / total * length
        plans.append(
            StepPlan(
                index=index,
                name=step_name(step.name),
                command=step.command,
                status=step.status,
                begin=None if skipped else at,
                end=None if skipped else end,
                source_run=source.name,
                source_step=step.index,
                files=tuple(step.files),
            )
        )
        at = at if skipped else end
    created = began if began is not None else started - 14.0
    ended = status or max(step.status for step in plans if step.begin is not None)
    return RunPlan(
        job_id=job["id"],
        project_id=job["project_id"],
        environment_id=job["environment_id"],
        status=ended,
        created=created,
        dequeued=created + (started - created) / 3,
        started=started,
        finished=finished,
        trigger=cause,
        dbt_version=source.dbt_version,
        git_branch=source.git_branch,
        git_sha=source.git_sha,
        steps=tuple(plans),
        status_message=COMMAND_FAILED if ended == ERROR else None,
        artifacts=frozenset(name for step in plans for name in step.files),
    )


def step_name(recorded_name: str) -> str:
    """A step's name as dbt Cloud writes it in 2026."""
    for old, new in (("Clone Git Repository", "Clone git repository"), (_OLD_PROFILE, _PROFILE)):
        if recorded_name.startswith(old):
            return f"{new}{recorded_name.removeprefix(old)}"
    return recorded_name


def chosen_steps(source: RecordedRun, commands: Sequence[str] | None) -> list[RecordedStep]:
    """The recorded steps of these commands, after those of the set-up; unrecorded ones have no artifact."""
    if commands is None:
        return list(source.steps)
    found = {step.command: step for step in source.steps[SETUP_STEPS:]}
    model = source.steps[SETUP_STEPS - 1]
    return [
        *source.steps[:SETUP_STEPS],
        *(
            found.get(command)
            or replace(model, command=command, name=f"Invoke dbt with `{command}`", files={}, log_file=None)
            for command in commands
        ),
    ]


def job_commands(job: dict[str, Any]) -> list[str]:
    """What a run of the job executes: its commands, and docs last if it generates them."""
    commands = list(job["execute_steps"])
    if job["generate_docs"] and ids.DOCS_GENERATE not in commands:
        commands.append(ids.DOCS_GENERATE)
    return commands


def cancelled(run: RunPlan) -> RunPlan:
    """The same run, stopped in the middle: later steps never ran and left nothing."""
    middle = (run.started + run.finished) / 2
    steps = tuple(
        step
        if step.end is not None and step.end <= middle
        else replace(step, status=CANCELLED, begin=None, end=None, files=())
        for step in run.steps
    )
    return replace(
        run, status=CANCELLED, finished=middle, steps=steps, artifacts_saved=False, artifacts=frozenset()
    )


def timed_out(run: RunPlan) -> RunPlan:
    """The same run, stopped by its time limit: what the steps before that wrote is kept."""
    stopped = cancelled(run)
    files = frozenset(name for step in stopped.steps for name in step.files)
    return replace(stopped, artifacts_saved=True, artifacts=files, status_message=TIMED_OUT)


def failed_early(run: RunPlan) -> RunPlan:
    """The same run, failed at cloning the repository: nothing else ran and nothing was written."""
    first = replace(run.steps[0], status=ERROR)
    later = tuple(replace(step, status=CANCELLED, begin=None, end=None, files=()) for step in run.steps[1:])
    return replace(
        run,
        status=ERROR,
        steps=(first, *later),
        artifacts_saved=False,
        artifacts=frozenset(),
        status_message="Failed to clone the repository",
    )


def with_catalog_of_dbt_2(run: RunPlan) -> RunPlan:
    """The same run by dbt 2: catalog.json comes with ``dbt run``, and ``has_docs_generated`` is false."""
    steps = tuple(
        replace(step, files=(*step.files, "catalog.json")) if step.command == "dbt run" else step
        for step in run.steps
    )
    return replace(
        run,
        steps=steps,
        dbt_version="latest-fusion",
        tells_docs=False,
        artifacts=run.artifacts | {"catalog.json"},
    )


def history(scenario: Scenario, now: float, *, scale: bool = False) -> list[RunPlan]:
    """The account's runs, oldest first, as the scenario wants them."""
    if scenario.dbt_runs == "none":
        return []
    jobs = {job["id"]: job for job in ids.jobs(scenario)}
    runs = [*_recent(jobs, now, scenario), *_earlier(jobs, now)]
    if scenario.dbt_fusion:
        runs = [with_catalog_of_dbt_2(run) if run.job_id == ids.NIGHTLY_ID else run for run in runs]
    if scenario.dbt_runs == "failed":
        runs = [run for run in runs if run.status != SUCCESS]
    elif scenario.dbt_runs == "old":
        newest = now - STALE_DAYS * DAY
        nightly = jobs[ids.NIGHTLY_ID]
        runs = [run for run in runs if run.finished < newest - HOUR]
        runs.append(
            play(recorded("nightly-success"), nightly, newest, SCHEDULED, commands=job_commands(nightly))
        )
    if scale:
        runs.extend(_many(ids.account_id_for(scenario), now))
    return sorted(runs, key=lambda run: run.created)


SCHEDULED = trigger("scheduled", "scheduled")


def _recent(jobs: dict[int, dict[str, Any]], now: float, scenario: Scenario) -> Iterator[RunPlan]:
    """The last hour: the recorded runs, and what the scenario adds."""
    nightly, ci_job = jobs[ids.NIGHTLY_ID], jobs[ids.CI_ID]
    success, failed, ci = (recorded(name) for name in ("nightly-success", "nightly-failed", "ci"))
    commands = job_commands(nightly)
    ci_cause = trigger(
        "Triggered by GitHub pull request #42",
        "ci",
        github_pull_request_id=ci.pull_request,
        git_branch=ci.git_branch,
        git_sha=ci.git_sha,
        schema_override=ci.schema_override,
    )
    yield play(ci, ci_job, now - 55 * MINUTE, ci_cause)
    yield play(
        success,
        nightly,
        now - 38 * MINUTE,
        trigger("Kicked off from UI by ana@shop.example", "ui"),
        commands=commands,
    )
    for job_id, minutes in ((ids.TESTS_ID, 30), (ids.DOCS_ID, 20)):
        if job_id in jobs:
            job = jobs[job_id]
            yield play(success, job, now - minutes * MINUTE, SCHEDULED, commands=job_commands(job))
    if scenario.dbt_split_jobs:
        return
    yield play(
        failed,
        nightly,
        now - 12 * MINUTE,
        trigger("Triggered by the orders import", "api"),
        commands=commands,
    )
    if scenario.dbt_runs == "ci_newest":
        yield play(ci, ci_job, now - 5 * MINUTE, ci_cause)
    if scenario.dbt_runs == "running":
        cause = trigger("Kicked off from UI by bruno@shop.example", "ui")
        yield play(success, nightly, now + 4 * MINUTE, cause, commands=commands, seconds=8 * MINUTE)


def _earlier(jobs: dict[int, dict[str, Any]], now: float) -> Iterator[RunPlan]:
    """Two weeks of nightly runs, four Sundays, some pull requests, and what was started manually."""
    success, failed, ci = (recorded(name) for name in ("nightly-success", "nightly-failed", "ci"))
    nightly, weekly = jobs[ids.NIGHTLY_ID], jobs[ids.NIGHTLY_FULL_ID]
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    latest = now - 70 * MINUTE
    for day in range(14):
        at = (today - timedelta(days=day)).timestamp() + 6 * HOUR + 20
        if at < latest:
            source = failed if day == 6 else success
            run = play(source, nightly, at + 16, SCHEDULED, commands=job_commands(nightly), began=at - 14)
            how = {9: timed_out, 10: cancelled, 11: failed_early}.get(day)
            yield how(run) if how is not None else run
    last_sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    for week in range(4):
        at = (last_sunday - timedelta(weeks=week)).timestamp() + 2 * HOUR + 25
        if at < latest:
            yield play(success, weekly, at + 16, SCHEDULED, commands=job_commands(weekly))
            after = trigger("Triggered by the completion of nightly-full", "job completion")
            exports = jobs[ids.EXPORTS_ID]
            yield play(success, exports, at + 60, after, commands=job_commands(exports))
    for number in range(1, 6):
        cause = trigger(
            f"Triggered by GitHub pull request #{42 - number}",
            "ci",
            github_pull_request_id=42 - number,
            git_branch=f"change-{42 - number}",
            schema_override=f"dbt_cloud_pr_1002_{42 - number}",
        )
        run = play(ci, jobs[ids.CI_ID], now - number * 1.7 * DAY, cause)
        failing = replace(run, status=ERROR, steps=(*run.steps[:-1], replace(run.steps[-1], status=ERROR)))
        yield failing if number % 2 == 0 else run
    override = ["dbt run --full-refresh --select orders"]
    by_hand = trigger("Backfill of orders", "api", steps_override=override)
    yield play(success, jobs[ids.BACKFILL_ID], now - 20 * DAY, by_hand, commands=override)
    yield play(success, jobs[ids.HOURLY_ID], now - 30 * DAY, SCHEDULED, commands=["dbt build"])
    month = today.replace(day=1)
    for _ in range(2):
        at = month.timestamp() + 4 * HOUR + 20
        if at < latest:
            month_end = jobs[ids.MONTH_END_ID]
            run = play(success, month_end, at + 16, SCHEDULED, commands=job_commands(month_end))
            steps = tuple(replace(step, files=()) for step in run.steps)
            yield replace(run, steps=steps, artifacts_saved=False, artifacts=frozenset())
        month = (month - timedelta(days=1)).replace(day=1)


def _many(account_id: int, now: float) -> Iterator[RunPlan]:
    """One run, without steps, of nearly each job of a large account."""
    chance = random.Random(19)
    for item in ids.many(account_id):
        if item.kind != "job" or chance.random() < 0.05:
            continue
        finished = now - chance.uniform(2 * HOUR, 20 * DAY)
        yield RunPlan(
            job_id=item.body["id"],
            project_id=item.body["project_id"],
            environment_id=item.body["environment_id"],
            status=chance.choices((SUCCESS, ERROR, CANCELLED), (90, 8, 2))[0],
            created=finished - 95,
            dequeued=finished - 92,
            started=finished - 80,
            finished=finished,
            trigger=SCHEDULED,
            dbt_version="1.10.0-latest",
            git_branch="main",
            git_sha=f"{chance.getrandbits(160):040x}",
            artifacts_saved=False,
        )
