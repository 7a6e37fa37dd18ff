"""Running a job from here: what will run, the start, and following the run to its end.

Nothing is started by `prepare_job_run`. A run of the job that is already queued or in progress is followed in
place of a second one.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from dbtcollate_tui.dbt_cloud.client import PAGE, DbtCloudClient
from dbtcollate_tui.dbt_cloud.models import (
    CANCELLED,
    ERROR,
    QUEUED,
    RUNNING,
    STARTING,
    Job,
    Run,
    RunOrder,
    RunStep,
)
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import RETRY, GoToStep, RunJob, Step

DEFAULT_CAUSE = "Started by dbtcollate"
IN_PROGRESS = (QUEUED, STARTING, RUNNING)
POLL_SECONDS = 1.0
TAIL_LINES = 1_000
"""How many lines dbt Cloud's truncated log has."""
BUSY_SHARE = 4.0
"""A poll waits this many times as long as the last answer took: steps with large logs are read less often."""


@dataclass(frozen=True, slots=True)
class JobRunOptions:
    """What a person asked for beside the job's own settings; ``retry_of`` is a failed run to go on with."""

    cause: str = DEFAULT_CAUSE
    generate_docs: bool | None = None
    commands: tuple[str, ...] = ()
    git_branch: str = ""
    git_sha: str = ""
    dbt_version: str = ""
    retry_of: int | None = None


def options_of(fix: RunJob) -> JobRunOptions:
    """What a fix asks for: docs this time, or the retry of a failed run."""
    return JobRunOptions(retry_of=fix.retry_of, generate_docs=True if fix.with_docs else None)


@dataclass(frozen=True, slots=True)
class JobRunPlan:
    """What starting the run would do, shown before anything is started.

    ``in_progress`` is the job's run that is followed in place of a new one; ``retried`` the failed run whose
    failed and skipped steps run again.
    """

    account_id: int
    job: Job
    options: JobRunOptions
    environment: str
    in_progress: Run | None = None
    retried: Run | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        """The dbt commands that will run, in order."""
        if self.retried is not None:
            left = [step.command for step in self.retried.run_steps if step.status in (ERROR, CANCELLED)]
            return tuple(command for command in left if command) or self.job.commands
        if self.options.commands:
            return self.options.commands
        docs = self.options.generate_docs
        return (self.job if docs is None else self.job.model_copy(update={"generate_docs": docs})).commands

    @property
    def title(self) -> str:
        """What will happen, in one line."""
        name = f"{self.job.name} (job {self.job.id})"
        if self.in_progress is not None:
            return f"Run {self.in_progress.id} of {name} is {self.in_progress.outcome}: it is followed"
        if self.retried is not None:
            return f"Retry run {self.retried.id} of {name} from where it failed"
        return f"Run {name}"

    def facts(self, caller: str) -> tuple[tuple[str, str], ...]:
        """What a person reads before saying yes; ``caller`` says whose token starts the run."""
        options = self.options
        rows = [
            ("job", f"{self.job.name} ({self.job.id})"),
            ("environment", self.environment),
            ("commands", " → ".join(self.commands) or "none"),
        ]
        if options.generate_docs is not None and not options.commands:
            rows.append(("docs", "generated this time" if options.generate_docs else "not this time"))
        for name, value in (
            ("branch", options.git_branch),
            ("commit", options.git_sha),
            ("dbt version", options.dbt_version),
        ):
            if value:
                rows.append((name, value))
        if self.retried is None:
            rows.append(("cause", options.cause))
        rows.append(("started by", caller))
        return tuple(rows)


@dataclass(frozen=True, slots=True)
class JobRunUpdate:
    """One look at a followed run.

    ``ahead`` counts the runs before it in the queue, ``None`` once it has left the queue. ``lines`` are the
    log lines since the last look, each with its step's index. ``ended`` is true for the last update.
    """

    run: Run
    ahead: int | None
    lines: tuple[tuple[int, str], ...] = ()
    ended: bool = False


async def prepare_job_run(
    client: DbtCloudClient, account_id: int, job_id: int, options: JobRunOptions
) -> JobRunPlan:
    """Read what starting a run would do; starts nothing.

    Raises `UsageError` for a deleted job and for a run that cannot be retried.
    """
    job, latest = await asyncio.gather(
        client.job(account_id, job_id),
        client.runs(account_id, job_id=job_id, status_in=IN_PROGRESS, limit=5),
    )
    if not job.is_active:
        raise UsageError(
            f"{job.name} (job {job_id}) was deleted",
            causes=["dbt Cloud keeps deleted jobs, but no longer runs them."],
            fixes=[GoToStep("Choose another job", Step.JOB)],
        )
    active = [run for run in latest if run.in_progress]
    environment = job.environment.name if job.environment is not None else f"{job.environment_id}"
    plan = JobRunPlan(account_id, job, options, environment or "not known", active[0] if active else None)
    if options.retry_of is None or plan.in_progress is not None:
        return plan
    failed = await client.run(account_id, options.retry_of)
    if not failed.can_retry:
        why = failed.retry_not_supported_reason.replace("_", " ").lower() or f"it is {failed.outcome}"
        raise UsageError(
            f"Run {failed.id} cannot be retried",
            causes=[f"dbt Cloud says: {why}."],
            fixes=[RunJob("Run the whole job instead"), RETRY],
        )
    return replace(plan, retried=failed)


async def start(client: DbtCloudClient, plan: JobRunPlan) -> Run:
    """Start the run, or give the one that is followed in its place."""
    if plan.in_progress is not None:
        return plan.in_progress
    if plan.retried is not None:
        return await client.retry_run(plan.account_id, plan.retried.id)
    options = plan.options
    order = RunOrder(
        cause=options.cause,
        generate_docs=options.generate_docs,
        commands=options.commands,
        git_branch=options.git_branch,
        git_sha=options.git_sha,
        dbt_version=options.dbt_version,
    )
    return await client.start_run(plan.account_id, plan.job.id, order)


async def follow(
    client: DbtCloudClient, account_id: int, run_id: int, *, poll_seconds: float = POLL_SECONDS
) -> AsyncGenerator[JobRunUpdate, None]:
    """Look at a run until it has ended; the last update has ``ended``. Leaving it stops nothing."""
    tails: dict[int, _Tail] = {}
    while True:
        began = time.monotonic()
        run = await client.run(account_id, run_id)
        ahead = await _ahead(client, account_id, run) if run.status == QUEUED else None
        lines = tuple(
            (step.index, line)
            for step in sorted(run.run_steps, key=lambda step: step.index)
            for line in tails.setdefault(step.index, _Tail()).new_lines(step, whole=not run.in_progress)
        )
        yield JobRunUpdate(run, ahead, lines, ended=not run.in_progress)
        if not run.in_progress:
            return
        await asyncio.sleep(max(poll_seconds, BUSY_SHARE * (time.monotonic() - began)))


async def _ahead(client: DbtCloudClient, account_id: int, run: Run) -> int:
    """How many runs are before it: those that block it, or every older one in the account's queue."""
    queued = await client.runs(account_id, status_in=(QUEUED,), order_by="id", limit=PAGE)
    return max(len(run.blocked_by), sum(1 for other in queued if other.id < run.id))


@dataclass(slots=True)
class _Tail:
    """What of a step's log was given so far."""

    given: int = 0
    seen: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def new_lines(self, step: RunStep, *, whole: bool) -> list[str]:
        """The lines since the last look; one that is not complete yet waits unless ``whole``.

        dbt Cloud gives the log from its start, or only its last 1,000 lines: those are joined to what was
        given by the lines that both have.
        """
        log = step.logs or step.truncated_debug_logs
        lines = log.split("\n")
        if not (whole or step.status not in IN_PROGRESS) or not lines[-1]:
            lines = lines[:-1]
        fresh = lines[self.given if step.logs else self._overlap(lines) :]
        if fresh:
            self.given = len(lines)
            self.seen.extend(fresh)
        return fresh

    def _overlap(self, lines: list[str]) -> int:
        """How many of the first lines were given already."""
        seen = list(self.seen)
        for size in range(min(len(seen), len(lines)), 0, -1):
            if lines[:size] == seen[-size:]:
                return size
        return 0
