"""Ways out of a problem, as values: a screen offers them as keys, a command prints their labels.

Every kind of fix is a class of its own, so that a type checker follows it from the check to the key.
A screen that carries fixes out matches all of them and ends with ``assert_never``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias

from dbtcollate_tui.check_ids import CheckId


class Step(StrEnum):
    """The questions of the guided setup, in their order."""

    ADDRESS = "address"
    DBT_TOKEN = "dbt_token"  # noqa: S105
    ACCOUNT = "account"
    PROJECT = "project"
    JOB = "job"
    COLLATE = "collate"
    SERVICE = "service"
    OPTIONS = "options"
    REVIEW = "review"


class ProfileField(StrEnum):
    """The fields of a profile that a fix can set, by their path in the file."""

    NAME = "name"
    BASE_URL = "dbt_cloud.base_url"
    RUN_RULE = "dbt_cloud.run_rule"
    JOBS = "dbt_cloud.jobs"
    SERVICE = "collate.service"
    ALLOW_HTTP = "collate.allow_http"
    PIPELINE_NAME = "pipeline.name"
    PIPELINE_READS = "pipeline.reads"
    SCHEDULE = "pipeline.schedule"
    MATCH_CASE = "options.match_case"
    UPDATE_DESCRIPTIONS = "options.update_descriptions"
    INCLUDE_LINEAGE = "options.include_lineage"
    INCLUDE_TESTS = "options.include_tests"
    CLASSIFICATION = "options.classification"


@dataclass(frozen=True, slots=True)
class Retry:
    """Do the same again."""

    kind: ClassVar[str] = "retry"
    label: str = "Try again"
    value: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that only a person can do; no key."""

    kind: ClassVar[str] = "advice"
    label: str
    value: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """Another value of a command's option or argument; no key."""

    kind: ClassVar[str] = "argument"
    label: str
    option: str
    argument: str

    @property
    def value(self) -> str:
        """``option=argument``."""
        return f"{self.option}={self.argument}"


@dataclass(frozen=True, slots=True)
class UseProfile:
    """Open another profile; for a command, the value of ``--profile``."""

    kind: ClassVar[str] = "use_profile"
    label: str
    profile: str

    @property
    def value(self) -> str:
        """``profile=name``."""
        return f"profile={self.profile}"


@dataclass(frozen=True, slots=True)
class OpenUrl:
    """Open a page."""

    kind: ClassVar[str] = "open_url"
    label: str
    url: str

    @property
    def value(self) -> str:
        """The address."""
        return self.url


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy a text."""

    kind: ClassVar[str] = "copy"
    label: str
    text: str

    @property
    def value(self) -> str:
        """The text."""
        return self.text


@dataclass(frozen=True, slots=True)
class RerunCheck:
    """Run a check again, and all that depend on it."""

    kind: ClassVar[str] = "rerun_check"
    label: str
    check: CheckId

    @property
    def value(self) -> str:
        """The check's id."""
        return self.check


@dataclass(frozen=True, slots=True)
class GoToStep:
    """Answer a question of the setup again."""

    kind: ClassVar[str] = "go_to_step"
    label: str
    step: Step

    @property
    def value(self) -> str:
        """The step's name."""
        return self.step.value


@dataclass(frozen=True, slots=True)
class EnterToken:
    """Enter another token."""

    kind: ClassVar[str] = "enter_token"
    label: str
    side: Literal["dbt_cloud", "collate"]

    @property
    def value(self) -> str:
        """Which token."""
        return self.side

    @property
    def step(self) -> Step:
        """The question of the setup that asks for this token."""
        return Step.DBT_TOKEN if self.side == "dbt_cloud" else Step.COLLATE


@dataclass(frozen=True, slots=True)
class ChooseRun:
    """Take another run of dbt Cloud."""

    kind: ClassVar[str] = "choose_run"
    label: str = "Choose another run"
    value: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class RunJob:
    """Run the job in dbt Cloud, or retry a failed run of it.

    Args:
        with_docs: Generate docs in that run, whatever the job's settings say.
        retry_of: The failed run to retry from where it failed.
    """

    kind: ClassVar[str] = "run_job"
    label: str
    with_docs: bool = False
    retry_of: int | None = None

    @property
    def value(self) -> str:
        """``docs``, or the id of the run to retry; empty for a plain run."""
        if self.retry_of is not None:
            return str(self.retry_of)
        return "docs" if self.with_docs else ""


@dataclass(frozen=True, slots=True)
class SyncNow:
    """Plan a sync and run it."""

    kind: ClassVar[str] = "sync_now"
    label: str
    value: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class DeployPipeline:
    """Compare the pipeline in Collate, then deploy and run it."""

    kind: ClassVar[str] = "deploy_pipeline"
    label: str
    value: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class IngestTables:
    """Let the database service's metadata agent bring missing tables."""

    kind: ClassVar[str] = "ingest_tables"
    label: str
    value: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class SetField:
    """Set a field of the profile, or of the answers given so far."""

    kind: ClassVar[str] = "set_field"
    label: str
    field: ProfileField
    to: str

    @property
    def value(self) -> str:
        """``field=value``."""
        return f"{self.field.value}={self.to}"


@dataclass(frozen=True, slots=True)
class GoOnWithoutRun:
    """Take the job although it has no run yet."""

    kind: ClassVar[str] = "go_on_without_run"
    label: str
    value: ClassVar[str] = ""


Fix: TypeAlias = (
    Retry
    | Advice
    | Argument
    | UseProfile
    | OpenUrl
    | Copy
    | RerunCheck
    | GoToStep
    | EnterToken
    | ChooseRun
    | RunJob
    | SyncNow
    | DeployPipeline
    | IngestTables
    | SetField
    | GoOnWithoutRun
)

RETRY = Retry()


def fix_as_dict(fix: Fix) -> dict[str, str]:
    """The fix as JSON values."""
    return {"kind": fix.kind, "label": fix.label, "value": fix.value}


def has_key(fix: Fix) -> bool:
    """Whether a screen can carry the fix out; advice is only read."""
    return not isinstance(fix, Advice | Argument)
