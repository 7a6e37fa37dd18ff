"""Ingestion pipelines and their runs, under OpenMetadata's own field names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from dbtcollate_tui.collate.entity import Entity, EntityReference, MaybeMs
from dbtcollate_tui.collate.plain_text import plain_text
from dbtcollate_tui.collate.server_words import CollateSays, collate_says

PipelineState = Literal["queued", "running", "success", "failed", "partialSuccess", "stopped"]
"""The states that a run may be given from here; a server may tell others."""
UNFINISHED_STATES: frozenset[str] = frozenset({"queued", "running"})
FINAL_STATES: frozenset[str] = frozenset({"success", "failed", "partialSuccess", "stopped"})


class StackTraceError(Entity):
    """A failure inside a step."""

    name: str = ""
    error: str = ""
    stackTrace: str = ""


class StepSummary(Entity):
    """Counts of one step of an ingestion (records)."""

    name: str = ""
    records: int = 0
    updated_records: int = 0
    warnings: int = 0
    errors: int = 0
    filtered: int = 0
    failures: tuple[StackTraceError, ...] = ()


class PipelineStatus(Entity):
    """One run of an ingestion pipeline; times in ms since 1970.

    The schemas know six states; a server's other one is kept as its word, and has ended once it has an end.
    """

    runId: str = ""
    pipelineState: str = "queued"
    startDate: MaybeMs = None
    timestamp: MaybeMs = None
    endDate: MaybeMs = None
    status: tuple[StepSummary, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        if self.pipelineState in UNFINISHED_STATES:
            return False
        return self.pipelineState in FINAL_STATES or self.endDate is not None


class ProgressUpdate(Entity):
    """How far a run is, as OpenMetadata streams it."""

    runId: str = ""
    timestamp: MaybeMs = None
    updateType: str = ""
    stepName: str = ""
    currentEntity: str = ""
    message: str = ""


class ServiceStatus(Entity):
    """What runs the ingestion pipelines: Airflow, Argo, or nothing."""

    code: int | None = None
    status: str = ""
    reason: str = ""
    platform: str = ""
    version: str = ""

    @field_validator("reason", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return plain_text(value) if isinstance(value, str) else value

    @property
    def available(self) -> bool:
        """Whether pipelines can be deployed and run."""
        if CollateSays.PIPELINE_SERVICE_OFF in collate_says(f"{self.reason} {self.platform}"):
            return False
        if self.status:
            return self.status.lower() == "healthy"
        return self.code == 200


class AirflowConfig(Entity):
    """When a pipeline runs."""

    scheduleInterval: str | None = None
    pipelineTimezone: str = "UTC"
    pausePipeline: bool = False
    retries: int = 0


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


IdText = Annotated[str, BeforeValidator(_as_text)]
"""An id as text; some servers store it as a number."""


class DbtCloudSource(Entity):
    """The dbt Cloud source of a dbt pipeline; the token only as a `SecretStr`, masked or not."""

    dbtConfigType: str = ""
    dbtCloudAuthToken: SecretStr | None = None
    dbtCloudAccountId: IdText = ""
    dbtCloudProjectId: IdText = ""
    dbtCloudJobId: IdText = ""
    dbtCloudUrl: str = ""


class FilterPattern(Entity):
    """Regular expressions of names to take and to leave."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


def _as_mapping(value: Any) -> Any:
    """A mapping that is stored as a list of pairs by name."""
    if not isinstance(value, list):
        return value
    return {
        pair["manifestDb"]: pair["ingestedDb"]
        for pair in value
        if isinstance(pair, Mapping) and "manifestDb" in pair and "ingestedDb" in pair
    }


class DbtPipelineConfig(Entity):
    """``sourceConfig.config`` of a dbt pipeline."""

    type: str = ""
    dbtConfigSource: DbtCloudSource = Field(default_factory=DbtCloudSource)
    dbtUpdateDescriptions: bool = False
    dbtUpdateOwners: bool = False
    includeTags: bool = True
    dbtClassificationName: str = "dbtTags"
    searchAcrossDatabases: bool = False
    overrideLineage: bool = False
    includeMetrics: bool | None = None
    parsingTimeoutLimit: int = 300
    catalogMapping: Annotated[dict[str, str], BeforeValidator(_as_mapping)] = Field(default_factory=dict)
    databaseFilterPattern: FilterPattern = Field(default_factory=FilterPattern)
    schemaFilterPattern: FilterPattern = Field(default_factory=FilterPattern)
    tableFilterPattern: FilterPattern = Field(default_factory=FilterPattern)
    tagFilterPattern: FilterPattern = Field(default_factory=FilterPattern)


class IngestionPipeline(Entity):
    """An ingestion pipeline; ``config`` is read for dbt pipelines only."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    displayName: str = ""
    description: str = ""
    pipelineType: str = ""
    service: EntityReference | None = None
    config: DbtPipelineConfig | None = None
    airflowConfig: AirflowConfig = Field(default_factory=AirflowConfig)
    loggerLevel: str = "INFO"
    raiseOnError: bool = True
    enableStreamableLogs: bool = False
    deployed: bool = False
    enabled: bool = True
    pipelineStatuses: PipelineStatus | None = None
    updatedAt: MaybeMs = None
    updatedBy: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_config(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "sourceConfig" not in data:
            return data
        values = dict(data)
        source = values.pop("sourceConfig")
        if values.get("pipelineType") == "dbt" and isinstance(source, Mapping):
            values["config"] = source.get("config")
        statuses = values.get("pipelineStatuses")
        if isinstance(statuses, list):
            values["pipelineStatuses"] = statuses[0] if statuses else None
        return values
