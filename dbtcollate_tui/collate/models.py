"""OpenMetadata's entities as far as a sync reads them, under OpenMetadata's own field names.

Unknown fields are ignored, so a newer server's answers are still read. Old servers' single ``owner``
is read as ``owners``; a service's connection is never kept, since it may hold a password.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from dbtcollate_tui.collate.entity import LATEST_MS, MaybeMs
from dbtcollate_tui.collate.entity import Entity as Entity
from dbtcollate_tui.collate.entity import EntityReference as EntityReference
from dbtcollate_tui.collate.entity import Part as Part
from dbtcollate_tui.collate.entity import TagLabel as TagLabel
from dbtcollate_tui.collate.pipeline_models import FINAL_STATES as FINAL_STATES
from dbtcollate_tui.collate.pipeline_models import AirflowConfig as AirflowConfig
from dbtcollate_tui.collate.pipeline_models import DbtCloudSource as DbtCloudSource
from dbtcollate_tui.collate.pipeline_models import DbtPipelineConfig as DbtPipelineConfig
from dbtcollate_tui.collate.pipeline_models import FilterPattern as FilterPattern
from dbtcollate_tui.collate.pipeline_models import IdText as NumberText
from dbtcollate_tui.collate.pipeline_models import IngestionPipeline as IngestionPipeline
from dbtcollate_tui.collate.pipeline_models import PipelineState as PipelineState
from dbtcollate_tui.collate.pipeline_models import PipelineStatus as PipelineStatus
from dbtcollate_tui.collate.pipeline_models import ProgressUpdate as ProgressUpdate
from dbtcollate_tui.collate.pipeline_models import ServiceStatus as ServiceStatus
from dbtcollate_tui.collate.pipeline_models import StackTraceError as StackTraceError
from dbtcollate_tui.collate.pipeline_models import StepSummary as StepSummary


class ServerVersion(Entity):
    """What ``system/version`` says."""

    version: str
    revision: str = ""
    timestamp: MaybeMs = None


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
    ingestionRunner: EntityReference | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Part):
    """A column; ``children`` are the fields of a struct."""

    name: str
    dataType: str = ""
    dataTypeDisplay: str = ""
    dataLength: int | None = None
    description: str = ""
    fullyQualifiedName: str = ""
    ordinalPosition: int | None = None
    constraint: str = ""
    tags: tuple[TagLabel, ...] = ()
    children: tuple["Column", ...] = ()
    extension: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConstraint(Part):
    """A key of a table: ``columns`` are names, ``referredColumns`` of a foreign key are FQNs."""

    constraintType: str = ""
    columns: tuple[str, ...] = ()
    referredColumns: tuple[str, ...] = ()
    relationshipType: str = ""

    def as_request(self) -> dict[str, object]:
        """The constraint as a request body holds it."""
        body: dict[str, object] = {"constraintType": self.constraintType, "columns": list(self.columns)}
        if self.referredColumns:
            body["referredColumns"] = list(self.referredColumns)
        if self.relationshipType:
            body["relationshipType"] = self.relationshipType
        return body


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


class FieldAuthor(Entity):
    """Who wrote a field last, of OpenMetadata's change summary."""

    changedBy: str = ""
    changeSource: str = ""


class ChangeDescription(Entity):
    """What of an entity's change description is used; servers from 1.7 on summarise it by field."""

    changeSummary: Mapping[str, FieldAuthor] = Field(default_factory=dict)


class EntityHistory(Entity):
    """An entity's versions, latest first, each as the JSON text that the server keeps of it."""

    versions: tuple[str | dict[str, Any], ...] = ()


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
    dataProducts: tuple[EntityReference, ...] = ()
    extension: Mapping[str, Any] = Field(default_factory=dict)
    dataModel: DataModel | None = None
    testSuite: EntityReference | None = None
    certification: Mapping[str, Any] = Field(default_factory=dict)
    tableConstraints: tuple[TableConstraint, ...] = ()
    entityStatus: str = ""
    version: float = 0.1
    updatedBy: str = ""
    updatedAt: MaybeMs = None
    deleted: bool = False
    changeDescription: ChangeDescription | None = None

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
            if column.children:
                stack.extend(
                    (f"{pointer}/children/{i}", f"{name}.{c.name}", c)
                    for i, c in reversed(list(enumerate(column.children)))
                )


class MetricExpression(Entity):
    """A metric's formula and its language."""

    language: str = ""
    code: str = ""


class MetricPart(Entity):
    """A dimension or a measure of a metric; ``type`` is a dimension's, ``aggregation`` a measure's."""

    name: str = ""
    type: str = ""
    aggregation: str = ""
    description: str = ""
    expression: str = ""


class MetricFilter(Entity):
    """A filter of a metric."""

    where: str = ""


class Metric(Entity):
    """A metric; its FQN is its name, in one namespace for the whole server."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    displayName: str = ""
    description: str = ""
    metricExpression: MetricExpression | None = None
    metricType: str = ""
    unitOfMeasurement: str = ""
    customUnitOfMeasurement: str = ""
    granularity: str = ""
    relatedMetrics: tuple[EntityReference, ...] = ()
    owners: tuple[EntityReference, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    domains: tuple[EntityReference, ...] = ()
    extension: Mapping[str, Any] = Field(default_factory=dict)
    dimensions: tuple[MetricPart, ...] = ()
    measures: tuple[MetricPart, ...] = ()
    filters: tuple[MetricFilter, ...] = ()
    version: float = 0.1
    updatedBy: str = ""
    deleted: bool = False
    changeDescription: ChangeDescription | None = None


class ContractResult(Entity):
    """The latest result of a contract; ``timestamp`` in milliseconds since 1970."""

    timestamp: int | None = None
    status: str = ""
    message: str = ""


class DataContract(Entity):
    """A data contract of an entity, with its columns by OpenMetadata's field ``schema``."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    description: str = ""
    entity: EntityReference
    columns: tuple[Column, ...] = Field(default=(), alias="schema")
    owners: tuple[EntityReference, ...] = ()
    latestResult: ContractResult | None = None
    updatedBy: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLineage(Part):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge(Part):
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
    """A tag of a classification; ``mutuallyExclusive`` is said of its children."""

    id: str
    name: str
    fullyQualifiedName: str
    description: str = ""
    mutuallyExclusive: bool = False


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


class DataProduct(Entity):
    """A data product; tables of other domains than its own cannot be part of it."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    domains: tuple[EntityReference, ...] = ()
    deleted: bool = False

    def as_reference(self) -> EntityReference:
        """The data product as a table points to it."""
        return EntityReference(
            id=self.id,
            type="dataProduct",
            name=self.name,
            fullyQualifiedName=self.fullyQualifiedName or self.name,
        )


class CustomProperty(Entity):
    """A custom property that entities of a type may have; ``customPropertyConfig`` holds its limits."""

    name: str
    propertyType: EntityReference | None = None
    customPropertyConfig: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def type_name(self) -> str:
        """The property type's name, such as ``string`` or ``date-cp``; empty where the server gave none."""
        return self.propertyType.name if self.propertyType is not None else ""

    @property
    def config(self) -> object:
        """The limits: choices, a date format, columns or entity types; ``None`` without."""
        return self.customPropertyConfig.get("config")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestParameter(Part):
    """A parameter's value in a test case."""

    __test__ = False
    name: str = ""
    value: NumberText = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCaseResult(Part):
    """One result; ``timestamp`` in ms since 1970, status Success, Failed, Aborted or Queued."""

    __test__ = False
    timestamp: Annotated[int, Field(ge=0, le=LATEST_MS)]
    testCaseStatus: str = ""
    result: str = ""
    testResultValue: tuple[TestParameter, ...] = ()
    passedRows: int | None = None
    failedRows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase(Part):
    """A test on a table or a column, with its latest result where the server gave it."""

    __test__ = False
    id: str
    name: str
    fullyQualifiedName: str
    displayName: str = ""
    description: str = ""
    entityLink: str = ""
    entityFQN: str = ""
    testDefinition: EntityReference | None = None
    parameterValues: tuple[TestParameter, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    testCaseResult: TestCaseResult | None = None
