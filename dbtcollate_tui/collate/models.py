"""OpenMetadata's entities as far as a sync reads them, under OpenMetadata's own field names.

Unknown fields are ignored, so a newer server's answers are still read. Old servers' single ``owner``
is read as ``owners``; a service's connection is never kept, since it may hold a password.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

PipelineState = Literal["queued", "running", "success", "failed", "partialSuccess", "stopped"]
FINAL_STATES: frozenset[str] = frozenset({"success", "failed", "partialSuccess", "stopped"})


class Entity(BaseModel):
    """Base of every model: immutable, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _absent_is_default(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        values = {key: value for key, value in data.items() if value is not None}
        if "owners" in cls.model_fields and "owners" not in values and "owner" in values:
            values["owners"] = [values["owner"]]
        if "domains" in cls.model_fields and "domains" not in values and "domain" in values:
            values["domains"] = [values["domain"]]
        return values


class ServerVersion(Entity):
    """What ``system/version`` says."""

    version: str
    revision: str = ""
    timestamp: int | None = None


class EntityReference(Entity):
    """A pointer to another entity."""

    id: str
    type: str = ""
    name: str = ""
    fullyQualifiedName: str = ""
    displayName: str = ""
    deleted: bool = False

    def as_request(self) -> dict[str, str]:
        """The reference as a request body names it."""
        return {"id": self.id, "type": self.type}


class TagLabel(Entity):
    """A tag or glossary term on a table or column."""

    tagFQN: str
    source: str = "Classification"
    labelType: str = "Manual"
    state: str = "Confirmed"

    def as_request(self) -> dict[str, str]:
        """The label as a request body holds it: all four fields."""
        return {
            "tagFQN": self.tagFQN,
            "source": self.source,
            "labelType": self.labelType,
            "state": self.state,
        }


class User(Entity):
    """A person or a bot."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    displayName: str = ""
    email: str = ""
    isBot: bool = False
    isAdmin: bool = False
    deleted: bool = False

    def as_reference(self) -> EntityReference:
        """The user as an owner."""
        return EntityReference(
            id=self.id,
            type="user",
            name=self.name,
            fullyQualifiedName=self.fullyQualifiedName or self.name,
            displayName=self.displayName,
        )


class DatabaseService(Entity):
    """A database service; ``host`` and ``database`` are what its connection says, secrets left out."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    displayName: str = ""
    serviceType: str = ""
    description: str = ""
    deleted: bool = False
    host: str = ""
    database: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_connection(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        values = dict(data)
        connection = values.pop("connection", None)
        config = connection.get("config") if isinstance(connection, Mapping) else None
        if isinstance(config, Mapping):
            for target, keys in (
                ("host", ("hostPort", "account", "host", "warehouse", "databaseFile")),
                ("database", ("databaseName", "database", "catalog", "databaseSchema")),
            ):
                found = next((config[key] for key in keys if isinstance(config.get(key), str)), "")
                if target not in values:
                    values[target] = found
        return values

    def as_reference(self) -> EntityReference:
        """The service as an ingestion pipeline points to it."""
        return EntityReference(
            id=self.id,
            type="databaseService",
            name=self.name,
            fullyQualifiedName=self.fullyQualifiedName or self.name,
        )


class Database(Entity):
    """A database of a service."""

    id: str
    name: str
    fullyQualifiedName: str
    description: str = ""


class DatabaseSchema(Entity):
    """A schema of a database."""

    id: str
    name: str
    fullyQualifiedName: str
    description: str = ""


class Column(Entity):
    """A column; ``children`` are the fields of a struct."""

    name: str
    dataType: str = ""
    dataTypeDisplay: str = ""
    dataLength: int | None = None
    description: str = ""
    fullyQualifiedName: str = ""
    ordinalPosition: int | None = None
    tags: tuple[TagLabel, ...] = ()
    children: tuple["Column", ...] = ()


class DataModel(Entity):
    """The dbt model on a table, as ``PUT tables/{id}/dataModel`` left it."""

    modelType: str = "DBT"
    resourceType: str = ""
    dbtSourceProject: str = ""
    description: str = ""
    path: str = ""
    rawSql: str = ""
    sql: str = ""
    upstream: tuple[str, ...] = ()
    owners: tuple[EntityReference, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    columns: tuple[Column, ...] = ()
    generatedAt: str | None = None

    @field_validator("generatedAt", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) else value


class Table(Entity):
    """A table with the fields that were asked for; the others are empty."""

    id: str
    name: str
    fullyQualifiedName: str
    displayName: str = ""
    description: str = ""
    tableType: str = ""
    columns: tuple[Column, ...] = ()
    owners: tuple[EntityReference, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    domains: tuple[EntityReference, ...] = ()
    dataModel: DataModel | None = None
    testSuite: EntityReference | None = None
    version: float = 0.1
    updatedBy: str = ""
    updatedAt: int | None = None
    deleted: bool = False

    def as_reference(self) -> EntityReference:
        """The table as an end of a lineage edge."""
        return EntityReference(
            id=self.id, type="table", name=self.name, fullyQualifiedName=self.fullyQualifiedName
        )

    def walk_columns(self) -> Iterator[tuple[str, str, Column]]:
        """Every column, nested ones too: JSON pointer (``/columns/0/children/1``), dotted name, column."""
        stack = [(f"/columns/{i}", c.name, c) for i, c in enumerate(self.columns)][::-1]
        while stack:
            pointer, name, column = stack.pop()
            yield pointer, name, column
            stack.extend(
                (f"{pointer}/children/{i}", f"{name}.{c.name}", c)
                for i, c in reversed(list(enumerate(column.children)))
            )


class ColumnLineage(Entity):
    """Which columns (FQNs) one column (FQN) is made of."""

    fromColumns: tuple[str, ...] = ()
    toColumn: str = ""
    function: str = ""

    def as_request(self) -> dict[str, object]:
        """The mapping as a request body holds it."""
        body: dict[str, object] = {"fromColumns": list(self.fromColumns), "toColumn": self.toColumn}
        if self.function:
            body["function"] = self.function
        return body


class LineageEdge(Entity):
    """An edge between two entities with its details (source, SQL, columns)."""

    fromEntity: EntityReference
    toEntity: EntityReference
    source: str = "Manual"
    sqlQuery: str = ""
    columnsLineage: tuple[ColumnLineage, ...] = ()
    description: str = ""
    pipeline: EntityReference | None = None

    def as_request(self) -> dict[str, Any]:
        """The body of ``PUT lineage``."""
        details: dict[str, Any] = {
            "source": self.source,
            "columnsLineage": [item.as_request() for item in self.columnsLineage],
        }
        if self.sqlQuery:
            details["sqlQuery"] = self.sqlQuery
        if self.description:
            details["description"] = self.description
        if self.pipeline is not None:
            details["pipeline"] = self.pipeline.as_request()
        return {
            "edge": {
                "fromEntity": self.fromEntity.as_request(),
                "toEntity": self.toEntity.as_request(),
                "lineageDetails": details,
            }
        }


class Classification(Entity):
    """A group of tags."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    description: str = ""
    mutuallyExclusive: bool = False


class Tag(Entity):
    """A tag of a classification."""

    id: str
    name: str
    fullyQualifiedName: str
    description: str = ""


class GlossaryTerm(Entity):
    """A term of a glossary."""

    id: str
    name: str
    fullyQualifiedName: str
    description: str = ""


class Domain(Entity):
    """A business domain."""

    id: str
    name: str
    fullyQualifiedName: str
    displayName: str = ""

    def as_reference(self) -> EntityReference:
        """The domain as a table points to it."""
        return EntityReference(
            id=self.id, type="domain", name=self.name, fullyQualifiedName=self.fullyQualifiedName
        )


class TestParameter(Entity):
    """A parameter's value in a test case."""

    __test__ = False
    name: str = ""
    value: str = ""


class TestDefinition(Entity):
    """What a kind of test is."""

    __test__ = False
    id: str
    name: str
    fullyQualifiedName: str = ""
    displayName: str = ""
    description: str = ""
    entityType: str = ""
    testPlatforms: tuple[str, ...] = ()


class TestSuite(Entity):
    """The suite of a table's tests."""

    __test__ = False
    id: str
    name: str
    fullyQualifiedName: str = ""
    executable: bool = False


class TestCaseResult(Entity):
    """One result; ``timestamp`` in ms since 1970, status Success, Failed, Aborted or Queued."""

    __test__ = False
    timestamp: int
    testCaseStatus: str = ""
    result: str = ""
    testResultValue: tuple[TestParameter, ...] = ()
    passedRows: int | None = None
    failedRows: int | None = None


class TestCase(Entity):
    """A test on a table or a column, with its newest result where the server gave it."""

    __test__ = False
    id: str
    name: str
    fullyQualifiedName: str
    displayName: str = ""
    description: str = ""
    entityLink: str = ""
    entityFQN: str = ""
    testDefinition: EntityReference | None = None
    testSuite: EntityReference | None = None
    parameterValues: tuple[TestParameter, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    testCaseResult: TestCaseResult | None = None


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
    """One run of an ingestion pipeline; times in ms since 1970."""

    runId: str = ""
    pipelineState: PipelineState = "queued"
    startDate: int | None = None
    timestamp: int | None = None
    endDate: int | None = None
    status: tuple[StepSummary, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.pipelineState in FINAL_STATES


class ProgressUpdate(Entity):
    """How far a run is, as OpenMetadata streams it."""

    runId: str = ""
    timestamp: int | None = None
    updateType: str = ""
    stepName: str = ""
    currentEntity: str = ""
    message: str = ""


class ServiceStatus(Entity):
    """What stands behind the ingestion pipelines: Airflow, Argo, or nothing."""

    code: int | None = None
    status: str = ""
    reason: str = ""
    platform: str = ""
    version: str = ""

    @property
    def available(self) -> bool:
        """Whether pipelines can be deployed and run."""
        if "disabled" in self.reason.lower() or self.platform.lower() == "disabled":
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


class DbtCloudSource(Entity):
    """The dbt Cloud source of a dbt pipeline; the token only as a `SecretStr`, masked or not."""

    dbtConfigType: str = ""
    dbtCloudAuthToken: SecretStr | None = None
    dbtCloudAccountId: str = ""
    dbtCloudProjectId: str = ""
    dbtCloudJobId: str = ""
    dbtCloudUrl: str = ""


class FilterPattern(Entity):
    """Regular expressions of names to take and to leave."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


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
    parsingTimeoutLimit: int = 300
    catalogMapping: dict[str, str] = Field(default_factory=dict)
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
    updatedAt: int | None = None
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
