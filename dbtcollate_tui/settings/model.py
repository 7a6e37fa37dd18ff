"""What a profile says: the dbt Cloud side, the Collate side, the options and the pipeline; never a secret."""

from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

SCHEMA_VERSION: Literal[1] = 1

RunRule = Literal["newest_successful", "newest_completed"]
MatchCase = Literal["exact_then_unique", "exact"]


def _base_url(text: str) -> str:
    """An address without path, query or credentials, as ``scheme://host[:port][/prefix]``."""
    value = text.strip().rstrip("/")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError("is not an address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address that starts with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a name or a password before the host")
    if parts.query or parts.fragment or port == 0:
        raise ValueError("must end after the host, without ? or #")
    return value


def _cron(text: str) -> str:
    value = " ".join(text.split())
    if len(value.split(" ")) != 5:
        raise ValueError("must be a cron expression of 5 fields: minute, hour, day, month, weekday")
    from datetime import UTC, datetime

    try:
        CronSim(value, datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"is not a cron expression: {error}") from error
    return value


def _timezone(text: str) -> str:
    known = available_timezones()
    if text != "UTC" and known and text not in known:
        raise ValueError("is not a time zone name such as Europe/Berlin")
    return text


def _entity_name(text: str) -> str:
    """OpenMetadata's schema: an entity name has 1 to 256 characters and no ``::``."""
    value = text.strip()
    if not 1 <= len(value) <= 256 or "::" in value:
        raise ValueError('must have 1 to 256 characters and no "::"')
    return value


BaseUrl = Annotated[str, AfterValidator(_base_url)]
Cron = Annotated[str, AfterValidator(_cron)]
EntityName = Annotated[str, AfterValidator(_entity_name)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Id = Annotated[int, Field(gt=0)]


def _ids(given: object) -> object:
    """A list of ids that may come as text with commas, as a fix sets it."""
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given


Ids = Annotated[tuple[Id, ...], BeforeValidator(_ids)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DbtCloudSettings(_Settings):
    """Where dbt's metadata comes from; ``None`` for project or job means any, as the guide's filters do.

    ``jobs`` are further jobs of the same environment, whose latest runs add what the job's run lacks.
    """

    base_url: BaseUrl
    account_id: Id
    account_name: str = ""
    project_id: Id | None = None
    project_name: str = ""
    job_id: Id | None = None
    job_name: str = ""
    jobs: Ids = ()
    run_rule: RunRule = "newest_successful"


class CollateSettings(_Settings):
    """Where it goes: the server's base address (without ``/api``) and the database service's FQN."""

    base_url: BaseUrl
    service: str = Field(min_length=1)
    allow_http: bool = False
    """The consent to plain http to a server on another machine: tokens and metadata travel unencrypted."""


class SyncOptions(_Settings):
    """What a sync may change, named as in the guide where the guide has the option.

    ``database_map`` and ``owner_map`` go from dbt's name to Collate's. ``group_owners``: a group's owner owns
    what nothing else in dbt names an owner of. ``deprecated_status``: a table of a model whose deprecation
    date has passed gets the status ``Deprecated``.
    """

    update_descriptions: bool = True
    update_owners: bool = True
    include_tags: bool = True
    classification: EntityName = "dbtTags"
    match_case: MatchCase = "exact_then_unique"
    database_map: dict[str, str] = Field(default_factory=dict)
    owner_map: dict[str, str] = Field(default_factory=dict)
    search_across_services: bool = False
    include_tests: bool = True
    include_lineage: bool = True
    include_metrics: bool = True
    group_owners: bool = False
    deprecated_status: bool = False
    include_contracts: bool = False


PipelineReads = Literal["job", "each_job", "project"]


class PipelineSettings(_Settings):
    """The ingestion pipeline inside Collate; ``schedule`` is a cron expression; ``None``: manual.

    ``reads``: one pipeline for the profile's job, one for each of its jobs, or one for the whole project,
    which takes the project's latest completed run of any job. ``include_metrics``: whether Collate's own
    ingestion writes dbt's metrics too (servers from 2.0); ``None`` leaves that as it is on the server.
    """

    name: EntityName = "dbt_cloud_sync"
    reads: PipelineReads = "job"
    schedule: Cron | None = None
    timezone: TimeZone = "UTC"
    include_metrics: bool | None = None


class Profile(_Settings):
    """One dbt Cloud job joined to one Collate database service; its name is also its file's name."""

    name: str
    dbt_cloud: DbtCloudSettings
    collate: CollateSettings
    options: SyncOptions = Field(default_factory=SyncOptions)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    schema_version: Literal[1] = SCHEMA_VERSION
