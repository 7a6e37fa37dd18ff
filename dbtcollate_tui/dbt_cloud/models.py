"""dbt Cloud's objects, with the fields that are used, in dbt's own words.

Fields and codes are those of dbt's OpenAPI document. Unknown fields are left out. A field that the server
leaves out, sends as null or in an unexpected type has an empty value, and an element of a list that cannot be
read is left out alone: a new or an old server is read alike, and one odd value never costs a whole answer.
Only an object's own id must be there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from dbtcollate_tui.dbt_cloud.commands import DbtCommand, command_of_step, read_command
from dbtcollate_tui.dbt_cloud.crons import explain_cron
from dbtcollate_tui.dbt_cloud.versions import is_fusion
from dbtcollate_tui.errors import UsageError

QUEUED, STARTING, RUNNING, SUCCESS, ERROR, CANCELLED = 1, 2, 3, 10, 20, 30
"""``Run.status`` in dbt's OpenAPI document."""
COMPLETED = (SUCCESS, ERROR)
FAILURES_TO_DEACTIVATE = 100
"""dbt's page on the job scheduler: this many failed runs in a row deactivate a job."""
ACTIVE = 1

_OUTCOMES = {
    QUEUED: "queued",
    STARTING: "starting",
    RUNNING: "running",
    SUCCESS: "success",
    ERROR: "failed",
    CANCELLED: "cancelled",
}
_YEARS = range(2010, 2200)
_DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")


def _else(value: Any) -> WrapValidator:
    """The empty value in place of null and of what cannot be read."""

    def read(given: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if given is None:
            return value
        try:
            return handler(given)
        except ValidationError:
            return value

    return WrapValidator(read)


def _as_text(given: Any) -> Any:
    return str(given) if isinstance(given, int | float) else given


def _without_nulls(given: Any) -> Any:
    return [item for item in given if item is not None] if isinstance(given, list | tuple) else given


def _numbered_steps(given: Any) -> Any:
    """Steps that are objects; one without an index counts by its place."""
    if not isinstance(given, list | tuple):
        return ()
    steps: list[Any] = []
    for place, step in enumerate(given, 1):
        if isinstance(step, RunStep):
            steps.append(step)
        elif isinstance(step, dict):
            index = step.get("index")
            number = index if isinstance(index, int) and not isinstance(index, bool) else place
            steps.append({**step, "index": number})
    return steps


def _details(given: Any) -> Any:
    return {} if given is None or isinstance(given, str) else given


def _as_utc(moment: datetime) -> datetime:
    """The moment in UTC; raises ``ValueError`` far outside of dbt's time, where zones cannot be converted."""
    if moment.year not in _YEARS:
        raise ValueError("is not a time of a run")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Text = Annotated[str, BeforeValidator(_as_text), _else("")]
Flag = Annotated[bool, _else(False)]
Count = Annotated[int, _else(0)]
MaybeId = Annotated[int | None, _else(None)]
MaybeFlag = Annotated[bool | None, _else(None)]
Moment = Annotated[datetime, AfterValidator(_as_utc)]
MaybeMoment = Annotated[Moment | None, _else(None)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_without_nulls), _else(())]
Numbers = Annotated[tuple[int, ...], BeforeValidator(_without_nulls), _else(())]
OwnId = Annotated[int, BeforeValidator(lambda given: 0 if given is None else given)]
"""An object's own id: null is 0, and anything else that is no number makes the object unreadable."""
Details = Annotated[dict[str, Any], _else({})]


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Account(_Answered):
    """An account that the token may see."""

    id: int
    name: Text = ""
    plan: Text = ""
    state: Count = ACTIVE
    locked: Flag = False
    lock_reason: Text = ""
    lock_cause: Text = ""
    identifier: Text = ""
    static_subdomain: Text = ""
    vanity_subdomain: Text = ""

    @property
    def has_service_tokens(self) -> bool:
        """Whether the plan has service tokens that can read the Administrative API.

        dbt's page on service tokens: Enterprise plans and legacy Team plans have them; Developer and Starter
        can give a service token the Semantic Layer only. An unknown plan counts as having them.
        """
        return not self.plan.startswith(("developer", "free", "starter"))

    @property
    def own_host(self) -> str:
        """The first label of the account's own host (``ab123``); empty where dbt Cloud does not say."""
        return self.static_subdomain or self.vanity_subdomain


class DbtProject(_Answered):
    """A project of an account."""

    id: int
    name: Text = ""
    account_id: Count = 0
    description: Text = ""
    state: Count = ACTIVE
    connection_id: MaybeId = None
    docs_job_id: MaybeId = None
    freshness_job_id: MaybeId = None


class Environment(_Answered):
    """``type`` is deployment or development; ``deployment_type`` production, staging or empty."""

    id: OwnId = 0
    name: Text = ""
    project_id: Count = 0
    type: Text = ""
    deployment_type: Text = ""
    dbt_version: Text = ""
    connection_id: MaybeId = None
    state: Count = ACTIVE

    @property
    def is_production(self) -> bool:
        """Whether it is marked as the production environment."""
        return self.deployment_type == "production"


class Connection(_Answered):
    """A warehouse connection; ``adapter_version`` reads like ``snowflake_v0``, ``config`` holds no secret."""

    id: int
    name: Text = ""
    adapter_version: Text = ""
    config: Details = Field(default_factory=dict)

    @property
    def adapter(self) -> str:
        """The warehouse's name without the adapter's version: ``snowflake``, ``bigquery``, …"""
        return self.adapter_version.rsplit("_v", 1)[0]


class ScheduleDate(_Answered):
    """``type`` is every_day, days_of_week, custom_cron or interval_cron; day 0 is Sunday."""

    type: Text = ""
    days: Numbers = ()
    cron: Text = ""


class ScheduleTime(_Answered):
    """``type`` is every_hour (each ``interval`` hours) or at_exact_hours (UTC)."""

    type: Text = ""
    interval: Annotated[int, _else(1)] = 1
    hours: Numbers = ()


class JobSchedule(_Answered):
    """A job's schedule in UTC, filled even when off: `JobTriggers.schedule` says whether it runs.

    Inside a run dbt's OpenAPI document gives the two types' names alone; the cron then says it all.
    """

    cron: Text = ""
    date: Annotated[ScheduleDate, BeforeValidator(_details), _else(ScheduleDate())] = ScheduleDate()
    time: Annotated[ScheduleTime, BeforeValidator(_details), _else(ScheduleTime())] = ScheduleTime()


class JobTriggers(_Answered):
    """What starts a job."""

    schedule: Flag = False
    github_webhook: Flag = False
    git_provider_webhook: Flag = False
    on_merge: Flag = False


class JobSettings(_Answered):
    """Threads and the dbt target's name."""

    threads: Count = 0
    target_name: Text = ""


class RunTrigger(_Answered):
    """Why a run was started, and what it overrides of its job."""

    cause: Text = ""
    cause_category: Text = ""
    git_branch: Text = ""
    azure_pull_request_id: MaybeId = None
    github_pull_request_id: MaybeId = None
    gitlab_merge_request_id: MaybeId = None
    non_native_pull_request_id: MaybeId = None
    schema_override: Text = ""
    target_name_override: Text = ""
    steps_override: Texts = ()

    @property
    def pull_request_id(self) -> int | None:
        """The pull or merge request that started it, from any git provider."""
        for number in (
            self.github_pull_request_id,
            self.gitlab_merge_request_id,
            self.azure_pull_request_id,
            self.non_native_pull_request_id,
        ):
            if number:
                return number
        return None


class RunStep(_Answered):
    """A step of a run; ``index`` counts from 1 and is what an artifact's ``step`` parameter means."""

    id: MaybeId = None
    run_id: Count = 0
    index: int
    name: Text = ""
    status: Count = 0
    status_humanized: Text = ""
    started_at: MaybeMoment = None
    finished_at: MaybeMoment = None
    run_step_command: Details = Field(default_factory=dict, repr=False)
    logs: Text = Field(default="", repr=False)
    truncated_debug_logs: Text = Field(default="", repr=False)

    @property
    def command(self) -> str:
        """The command line it ran; empty for cloning, the profile and the like."""
        given = self.run_step_command.get("dbt_command")
        return command_of_step(self.name, given if isinstance(given, str) else None)

    @property
    def dbt(self) -> DbtCommand:
        """Its command line, read."""
        return read_command(self.command)

    @property
    def is_success(self) -> bool:
        """Whether it ended well."""
        return self.status == SUCCESS

    @property
    def has_run(self) -> bool:
        """Whether it ended at all, well or not, so that it may have left artifacts."""
        return self.status in COMPLETED


class Run(_Answered):
    """A run of a job. Times are in UTC."""

    id: int
    account_id: Count = 0
    project_id: Count = 0
    environment_id: Count = 0
    job_definition_id: Count = 0
    status: Count = 0
    status_humanized: Text = ""
    status_message: Text = ""
    dbt_version: Text = ""
    git_branch: Text = ""
    git_sha: Text = ""
    deferring_run_id: MaybeId = None
    can_retry: Flag = False
    retry_not_supported_reason: Text = ""
    retrying_run_id: MaybeId = None
    blocked_by: Numbers = ()
    has_docs_generated: MaybeFlag = None
    has_sources_generated: MaybeFlag = None
    artifacts_saved: MaybeFlag = None
    created_at: MaybeMoment = None
    started_at: MaybeMoment = None
    finished_at: MaybeMoment = None
    href: Text = ""
    trigger: Annotated[RunTrigger | None, _else(None)] = None
    job: Annotated["Job | None", _else(None)] = None
    environment: Annotated[Environment | None, _else(None)] = None
    run_steps: Annotated[tuple[RunStep, ...], BeforeValidator(_numbered_steps), _else(())] = ()
    steps_left_out: Flag = Field(default=False, exclude=True)
    """Whether the steps were too large to read. Set by the client; dbt Cloud has no such field."""

    @property
    def job_id(self) -> int:
        """The job it belongs to; 0 where the server does not say."""
        return self.job_definition_id

    @property
    def is_success(self) -> bool:
        """Status 10."""
        return self.status == SUCCESS

    @property
    def is_error(self) -> bool:
        """Status 20: a step failed, a test among them; its artifacts are there all the same."""
        return self.status == ERROR

    @property
    def is_cancelled(self) -> bool:
        """Status 30."""
        return self.status == CANCELLED

    @property
    def is_completed(self) -> bool:
        """Success or failure, but not cancelled: the runs that hold whole artifacts."""
        return self.status in COMPLETED

    @property
    def in_progress(self) -> bool:
        """Queued, starting or running."""
        return self.status in (QUEUED, STARTING, RUNNING)

    @property
    def is_fusion(self) -> bool:
        """Whether dbt 2 (Fusion) ran it."""
        if self.dbt_version:
            return is_fusion(self.dbt_version)
        return self.job is not None and self.job.is_fusion

    @property
    def outcome(self) -> str:
        """Its state in one word."""
        return _OUTCOMES.get(self.status) or self.status_humanized.lower() or f"status {self.status}"

    @property
    def reason_words(self) -> str:
        """dbt Cloud's own reason for a run that did not succeed, in one line without its full stop."""
        return "" if self.is_success else " ".join(self.status_message.split()).rstrip(".")

    @property
    def outcome_words(self) -> str:
        """Its state, with dbt Cloud's own reason where it gives one: "cancelled: This run timed out …"."""
        return f"{self.outcome}: {self.reason_words}" if self.reason_words else self.outcome

    @property
    def seconds(self) -> float | None:
        """How long it ran."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())

    def age_seconds(self, now: datetime) -> float | None:
        """Seconds since it ended; ``None`` while it has not."""
        return None if self.finished_at is None else max(0.0, (now - self.finished_at).total_seconds())


class Job(_Answered):
    """A job: the commands it runs, what starts it, and its last run where that was asked for."""

    id: OwnId = 0
    name: Text = ""
    description: Text = ""
    account_id: Count = 0
    project_id: Count = 0
    environment_id: Count = 0
    execute_steps: Texts = ()
    generate_docs: Flag = False
    run_generate_sources: Flag = False
    generate_sources: Flag = False
    job_type: Text = ""
    state: Count = ACTIVE
    deactivated: Flag = False
    run_failure_count: Count = 0
    triggers: Annotated[JobTriggers, _else(JobTriggers())] = JobTriggers()
    schedule: Annotated[JobSchedule, _else(JobSchedule())] = JobSchedule()
    settings: Annotated[JobSettings, _else(JobSettings())] = JobSettings()
    dbt_version: Text = ""
    deferring_environment_id: MaybeId = None
    deferring_job_definition_id: MaybeId = None
    job_completion_trigger_condition: Details = Field(default_factory=dict)
    environment: Annotated[Environment | None, _else(None)] = None
    most_recent_run: Annotated[Run | None, _else(None)] = None
    most_recent_completed_run: Annotated[Run | None, _else(None)] = None

    @property
    def commands(self) -> tuple[str, ...]:
        """What it runs, in order, with the docs and freshness steps that its switches add."""
        listed = tuple(step.strip() for step in self.execute_steps if step.strip())
        verbs = {read_command(line).verb for line in listed}
        before = ("dbt source freshness",) if self.makes_freshness and "source freshness" not in verbs else ()
        docs = self.generate_docs and not self.is_fusion and "docs generate" not in verbs
        after = ("dbt docs generate",) if docs else ()
        return before + listed + after

    @property
    def dbt_commands(self) -> tuple[DbtCommand, ...]:
        """`commands`, read."""
        return tuple(read_command(line) for line in self.commands)

    @property
    def is_active(self) -> bool:
        """Whether it is not deleted."""
        return self.state == ACTIVE

    @property
    def deactivation(self) -> str:
        """Why and since when dbt Cloud no longer starts it, as a sentence; empty for a job that is on."""
        if not self.deactivated:
            return ""
        if self.run_failure_count >= FAILURES_TO_DEACTIVATE:
            why = f"after {self.run_failure_count} failed runs in a row"
        elif self.run_failure_count:
            why = f"after {self.run_failure_count} failed runs in a row, or for inactivity"
        else:
            why = "for inactivity"
        last = self.most_recent_run
        since = (
            f"; its last run, {last.id}, started {last.created_at:%Y-%m-%d}"
            if last and last.created_at
            else ""
        )
        return f"dbt Cloud deactivated it {why}{since}."

    @property
    def is_ci(self) -> bool:
        """Whether it runs on pull requests or merges: by its type, else by its triggers."""
        if self.job_type:
            return self.job_type in ("ci", "merge")
        return self.triggers.github_webhook or self.triggers.git_provider_webhook or self.triggers.on_merge

    @property
    def is_deferred(self) -> bool:
        """Whether it takes what it does not build from another environment or job."""
        return bool(self.deferring_environment_id or self.deferring_job_definition_id) or any(
            command.defers for command in self.dbt_commands
        )

    @property
    def makes_docs(self) -> bool:
        """Whether it writes catalog.json; a dbt 2 job does so in every run, without a docs step."""
        return self.is_fusion or any(command.writes_catalog for command in self.dbt_commands)

    @property
    def is_fusion(self) -> bool:
        """Whether it runs dbt 2 (Fusion), by its own version or its environment's."""
        environment = self.environment.dbt_version if self.environment is not None else ""
        return is_fusion(self.dbt_version or environment)

    @property
    def makes_freshness(self) -> bool:
        """Whether it writes sources.json."""
        if self.generate_sources or self.run_generate_sources:
            return True
        return any(read_command(line).verb == "source freshness" for line in self.execute_steps)

    @property
    def runs_models(self) -> bool:
        """Whether it builds models."""
        return any(command.verb in ("run", "build") for command in self.dbt_commands)

    @property
    def runs_tests(self) -> bool:
        """Whether it runs tests."""
        return any(command.verb in ("test", "build") for command in self.dbt_commands)

    @property
    def is_chained(self) -> bool:
        """Whether another job's end starts it."""
        return bool(self.job_completion_trigger_condition)

    @property
    def cron(self) -> str | None:
        """Its cron in UTC (0 = Sunday) while dbt Cloud starts it by schedule; ``None`` otherwise."""
        if not self.triggers.schedule or self.deactivated:
            return None
        return self.schedule.cron or self.schedule.date.cron or None

    @property
    def schedule_words(self) -> str:
        """When it runs (UTC): "daily 06:00", "every 6 h", "Sundays 04:00", "on pull request", "on demand"."""
        if self.deactivated:
            return "deactivated"
        if self.triggers.schedule:
            return _schedule_words(self.schedule)
        if self.is_ci:
            return "on merge" if self.job_type == "merge" else "on pull request"
        return "after another job" if self.is_chained else "on demand"


def _schedule_words(schedule: JobSchedule) -> str:
    date, time = schedule.date, schedule.time
    if date.type == "interval_cron" or not (date.type and time.type):
        try:
            return explain_cron(schedule.cron or date.cron)
        except UsageError:
            pass
    if date.type in ("custom_cron", "interval_cron") or not (date.type and time.type):
        return f"cron {schedule.cron or date.cron}".strip()
    days = ", ".join(_DAYS[day % 7] for day in sorted(date.days)) if date.type == "days_of_week" else ""
    if len(date.days) == 7:
        days = ""
    if time.type == "every_hour":
        every = "hourly" if time.interval == 1 else f"every {time.interval} h"
        return f"{every} on {days}" if days else every
    hours = ", ".join(f"{hour:02d}:00" for hour in sorted(time.hours)) or "00:00"
    return f"{days or 'daily'} {hours}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What a run is started with: the reason that dbt Cloud shows, and what it overrides of its job."""

    cause: str
    generate_docs: bool | None = None
    commands: tuple[str, ...] = ()
    git_branch: str = ""
    git_sha: str = ""
    dbt_version: str = ""

    def as_body(self) -> dict[str, Any]:
        """The body of dbt Cloud's request; what is not overridden is left out."""
        body: dict[str, Any] = {"cause": self.cause}
        if self.generate_docs is not None:
            body["generate_docs_override"] = self.generate_docs
        if self.commands:
            body["steps_override"] = list(self.commands)
        for name, value in (
            ("git_branch", self.git_branch),
            ("git_sha", self.git_sha),
            ("dbt_version_override", self.dbt_version),
        ):
            if value:
                body[name] = value
        return body


Run.model_rebuild()
