"""What the pickers show: accounts, projects and jobs as rows, with the proposal and its reason."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dbtcollate_tui import wording
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.discovery import HostAnswer
from dbtcollate_tui.dbt_cloud.job_advice import rank
from dbtcollate_tui.dbt_cloud.models import Account, DbtProject, Environment, Job
from dbtcollate_tui.wording import ago


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account that the token sees, and the host it is read from.

    ``instead_of`` is the shared host that knows it too, where it is read from its own.
    """

    account: Account
    base_url: str
    region: str
    instead_of: str = ""


def account_rows(answers: Sequence[HostAnswer]) -> tuple[AccountRow, ...]:
    """The accounts of the hosts that took the token, by name: each at its own host where that took it."""
    moved = {
        (answer.instead_of, account.id)
        for answer in answers
        if answer.instead_of
        for account in answer.accounts
    }
    rows = (
        AccountRow(account, answer.base_url, answer.region, answer.instead_of)
        for answer in answers
        for account in answer.accounts
        if (answer.base_url, account.id) not in moved
    )
    return tuple(sorted(rows, key=lambda row: (row.account.name.lower(), row.region, row.account.id)))


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project; ``proposed`` where the pasted address named it."""

    project: DbtProject
    proposed: bool = False


@dataclass(frozen=True, slots=True)
class ProjectList:
    """The projects read so far, by name; ``complete`` once the last page is in."""

    rows: tuple[ProjectRow, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the picker shows it.

    ``badge`` is "best", "address" (the pasted address named it), "CI", "deferred" or empty; ``reason`` says
    in words what speaks for and against it. ``last_state`` is ``None`` where it never ran.
    """

    job: Job
    environment: str
    production: bool
    last_state: CheckState | None
    last_run: str
    score: int
    reason: str
    badge: str = ""
    poor: bool = False

    @property
    def id(self) -> int:
        """The job's id."""
        return self.job.id

    @property
    def facts(self) -> tuple[str, ...]:
        """Short columns, most telling first: last run, schedule, docs."""
        return (self.last_run, self.job.schedule_words, "docs" if self.job.makes_docs else "")

    @property
    def details(self) -> tuple[str, ...]:
        """The lines below the list: id, environment, commands, the reason."""
        version = f", dbt {self.job.dbt_version}" if self.job.dbt_version else ""
        commands = self.job.commands
        counted = f"{wording.count(len(commands), 'command')}"
        lines = [
            f"{self.job.name}  #{self.job.id}   {self.environment or 'no environment'}{version}, {counted}"
        ]
        lines.append(f"  {' → '.join(commands)}")
        lines.append(f'"{self.badge}": {self.reason}.' if self.badge else f"{self.reason}.")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class JobList:
    """The jobs read so far, best first; ``complete`` once the last page is in."""

    rows: tuple[JobRow, ...]
    complete: bool

    @property
    def proposed(self) -> JobRow | None:
        """The job to propose: the address's, else the best one."""
        return next((row for row in self.rows if row.badge in ("address", "best")), None)


def job_rows(
    jobs: Iterable[Job],
    environments: Mapping[int, Environment],
    address_job_id: int | None,
    now: datetime,
) -> tuple[JobRow, ...]:
    """The active jobs, best first; the one that the pasted address names comes before everything."""
    known = [
        job
        if job.environment_id not in environments
        else job.model_copy(update={"environment": environments[job.environment_id]})
        for job in jobs
    ]
    rows: list[JobRow] = []
    for advice in rank(known):
        job = advice.job
        named = job.id == address_job_id
        badge = "CI" if job.is_ci else "deferred" if job.is_deferred else ""
        if named:
            badge = "address"
        elif advice.label == "best":
            badge = "best"
        reason = f"the pasted address names it; {advice.reason}" if named else advice.reason
        state, words = _last_run(job, now)
        where = job.environment
        row = JobRow(
            job,
            where.name if where is not None else "",
            where is not None and where.is_production,
            state,
            words,
            advice.score,
            reason,
            badge,
            advice.label == "poor",
        )
        rows.insert(0, row) if named else rows.append(row)
    return tuple(rows)


def _last_run(job: Job, now: datetime) -> tuple[CheckState | None, str]:
    run = job.most_recent_run
    if run is None:
        return None, "never ran"
    if run.in_progress:
        return CheckState.RUNNING, run.outcome
    state = CheckState.PASS if run.is_success else CheckState.WARN if run.is_cancelled else CheckState.FAIL
    return state, ago(run.finished_at or run.created_at, now)


def sorted_projects(projects: Sequence[DbtProject], address_project_id: int | None) -> tuple[ProjectRow, ...]:
    """The projects by name, the address's first."""
    ordered = sorted(projects, key=lambda item: (item.id != address_project_id, item.name.lower(), item.id))
    return tuple(ProjectRow(item, item.id == address_project_id) for item in ordered)
