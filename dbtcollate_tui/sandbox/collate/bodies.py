"""What request bodies may hold: OpenMetadata's create schemas, each with no further keys allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dbtcollate_tui.sandbox.collate.api import ApiError


@dataclass(frozen=True, slots=True)
class Obj:
    """An object: its Java class as errors name it, its keys, and which of those must be there."""

    java: str
    keys: frozenset[str]
    required: tuple[str, ...] = ()
    parts: dict[str, Obj | Values] = field(default_factory=dict)
    """The shape of a key's value, or of each item of its list."""


@dataclass(frozen=True, slots=True)
class Values:
    """The allowed texts of an enum."""

    java: str
    allowed: frozenset[str]


def check_body(body: Any, shape: Obj) -> dict[str, Any]:
    """The body without its nulls; raises ApiError 400 as the server words it."""
    if not isinstance(body, dict):
        raise ApiError(400, f"Cannot deserialize value of type `{shape.java}`")
    cleaned = _checked(body, shape)
    missing = [f"{key} must not be null" for key in shape.required if key not in cleaned]
    if missing:
        raise ApiError(400, f"[{', '.join(missing)}]")
    return cleaned


def _checked(body: dict[str, Any], shape: Obj) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for key, value in body.items():
        if key not in shape.keys:
            raise ApiError(
                400,
                f'Unrecognized field "{key}" (class org.openmetadata.schema.{shape.java}), '
                "not marked as ignorable",
            )
        if value is not None:
            part = shape.parts.get(key)
            cleaned[key] = value if part is None else _value(value, part, f"{key}")
    return cleaned


def _value(value: Any, part: Obj | Values, where: str) -> Any:
    if isinstance(value, list):
        return [_value(item, part, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(part, Values):
        if value not in part.allowed:
            raise ApiError(
                400,
                f"Cannot deserialize value of type `org.openmetadata.schema.{part.java}` from String "
                f'"{value}": '
                f"not one of the values accepted for Enum class: [{', '.join(sorted(part.allowed))}]",
            )
        return value
    if not isinstance(value, dict):
        raise ApiError(400, f"Cannot deserialize value of type `org.openmetadata.schema.{part.java}`")
    cleaned = _checked(value, part)
    missing = [f"{where}.{key} must not be null" for key in part.required if key not in cleaned]
    if missing:
        raise ApiError(400, f"[{', '.join(missing)}]")
    return cleaned


def _obj(java: str, keys: str, required: str = "", **parts: Obj | Values) -> Obj:
    return Obj(java, frozenset(keys.split()), tuple(required.split()), parts)


def _values(java: str, allowed: str) -> Values:
    return Values(java, frozenset(allowed.split()))


DATA_TYPES = _values(
    "type.ColumnDataType",
    "NUMBER TINYINT SMALLINT INT BIGINT BYTEINT BYTES FLOAT DOUBLE DECIMAL NUMERIC TIMESTAMP TIMESTAMPZ TIME "
    "DATE DATETIME INTERVAL STRING MEDIUMTEXT TEXT CHAR LONG VARCHAR BOOLEAN BINARY VARBINARY ARRAY BLOB "
    "LONGBLOB MEDIUMBLOB MAP STRUCT UNION SET GEOGRAPHY ENUM JSON UUID VARIANT GEOMETRY BYTEA "
    "AGGREGATEFUNCTION ERROR FIXED RECORD NULL SUPER HLLSKETCH PG_LSN PG_SNAPSHOT TSQUERY TXID_SNAPSHOT XML "
    "MACADDR TSVECTOR UNKNOWN CIDR INET CLOB ROWID LOWCARDINALITY YEAR POINT POLYGON TUPLE SPATIAL TABLE "
    "NTEXT IMAGE IPV4 IPV6 DATETIMERANGE HLL LARGEINT QUANTILE_STATE AGG_STATE BITMAP UINT BIT MONEY",
)
REFERENCE = _obj(
    "type.EntityReference",
    "id type name fullyQualifiedName description displayName deleted inherited href",
    "id type",
)
TAG_LABEL = _obj(
    "type.TagLabel",
    "tagFQN name displayName description style source labelType state href reason appliedAt appliedBy "
    "metadata",
    "tagFQN source labelType state",
    source=_values("type.TagLabel$TagSource", "Classification Glossary"),
    labelType=_values("type.TagLabel$LabelType", "Manual Propagated Automated Derived Generated"),
    state=_values("type.TagLabel$State", "Suggested Confirmed"),
)
_COLUMN_KEYS = (
    "name displayName dataType arrayDataType dataLength precision scale dataTypeDisplay description "
    "fullyQualifiedName tags constraint ordinalPosition jsonSchema children profile customMetrics extension"
)
COLUMN = _obj("type.Column", _COLUMN_KEYS, "name dataType", dataType=DATA_TYPES, tags=TAG_LABEL)
COLUMN.parts["children"] = COLUMN

_DATA_MODEL_KEYS = "modelType description path rawSql sql upstream tags columns generatedAt"
_MODEL_TYPE = _values("type.DataModel$ModelType", "DBT DDL")
DATA_MODEL = _obj(
    "type.DataModel",
    f"{_DATA_MODEL_KEYS} resourceType dbtSourceProject owners",
    "modelType",
    modelType=_MODEL_TYPE,
    owners=REFERENCE,
    tags=TAG_LABEL,
    columns=COLUMN,
)
DATA_MODEL_OLD = _obj(
    "type.DataModel",
    f"{_DATA_MODEL_KEYS} owner",
    "modelType",
    modelType=_MODEL_TYPE,
    owner=REFERENCE,
    tags=TAG_LABEL,
    columns=COLUMN,
)

LINEAGE_DETAILS = _obj(
    "type.LineageDetails",
    "sqlQuery columnsLineage pipeline description source createdAt createdBy updatedAt updatedBy assetEdges "
    "tempLineageTables",
    columnsLineage=_obj("type.ColumnLineage", "fromColumns toColumn function"),
    pipeline=REFERENCE,
    source=_values(
        "type.LineageDetails$Source",
        "Manual ViewLineage QueryLineage PipelineLineage DashboardLineage DbtLineage SparkLineage "
        "OpenLineage ExternalTableLineage CrossDatabaseLineage ChildAssets",
    ),
)
ADD_LINEAGE = _obj(
    "api.lineage.AddLineage",
    "edge",
    "edge",
    edge=_obj(
        "type.EntitiesEdge",
        "fromEntity toEntity description lineageDetails",
        "fromEntity toEntity",
        fromEntity=REFERENCE,
        toEntity=REFERENCE,
        lineageDetails=LINEAGE_DETAILS,
    ),
)

_DATABASE_SERVICES = _values(
    "api.services.CreateDatabaseService$DatabaseServiceType",
    "BigQuery BigTable Mysql Redshift Snowflake Postgres Timescale Mssql Oracle Athena Hive Impala Presto "
    "Trino Vertica Glue MariaDB Druid Db2 Clickhouse Databricks AzureSQL DynamoDB SingleStore SQLite "
    "DeltaLake Salesforce PinotDB Datalake DomoDatabase QueryLog CustomDatabase Dbt SapHana MongoDB "
    "Cassandra Couchbase Greenplum Doris StarRocks UnityCatalog SAS Teradata Synapse Exasol Cockroach",
)
_ASSET = (
    "name displayName description owners tags domains dataProducts extension sourceUrl lifeCycle sourceHash"
)

CREATE: dict[str, Obj] = {
    "databaseService": _obj(
        "api.services.CreateDatabaseService",
        "name displayName description tags serviceType connection owners dataProducts domains "
        "ingestionRunner style",
        "name serviceType",
        serviceType=_DATABASE_SERVICES,
        tags=TAG_LABEL,
    ),
    "database": _obj(
        "api.data.CreateDatabase", f"{_ASSET} service default retentionPeriod", "name service", tags=TAG_LABEL
    ),
    "databaseSchema": _obj(
        "api.data.CreateDatabaseSchema", f"{_ASSET} database retentionPeriod", "name database", tags=TAG_LABEL
    ),
    "table": _obj(
        "api.data.CreateTable",
        f"{_ASSET} tableType columns dataModel locationPath tableConstraints tablePartition "
        "tableProfilerConfig databaseSchema schemaDefinition retentionPeriod fileFormat aliases",
        "name columns databaseSchema",
        columns=COLUMN,
        tags=TAG_LABEL,
        owners=REFERENCE,
        tableType=_values(
            "type.TableType",
            "Regular External Dynamic View SecureView MaterializedView Iceberg Local Partitioned Foreign "
            "Transient Stream Stage",
        ),
        dataModel=DATA_MODEL,
    ),
    "classification": _obj(
        "api.classification.CreateClassification",
        "name displayName description provider mutuallyExclusive domains owners reviewers "
        "autoClassificationConfig",
        "name description",
    ),
    "tag": _obj(
        "api.classification.CreateTag",
        "classification parent name displayName description style associatedTags provider mutuallyExclusive "
        "domains owners reviewers recognizers autoClassificationEnabled autoClassificationPriority",
        "name description",
    ),
    "glossary": _obj(
        "api.data.CreateGlossary",
        "name displayName description reviewers owners tags provider mutuallyExclusive domains extension",
        "name description",
    ),
    "glossaryTerm": _obj(
        "api.data.CreateGlossaryTerm",
        "glossary parent name displayName description style synonyms relatedTerms references conceptMappings "
        "reviewers owners tags provider mutuallyExclusive extension",
        "glossary name description",
    ),
    "domain": _obj(
        "api.domains.CreateDomain",
        "domainType name displayName fullyQualifiedName description style parent owners experts tags "
        "extension",
        "domainType name description",
    ),
    "metric": _obj(
        "api.data.CreateMetric",
        "name displayName description metricExpression metricType unitOfMeasurement customUnitOfMeasurement "
        "granularity relatedMetrics owners reviewers tags domains dataProducts extension assets dimensions "
        "filters measures provider",
        "name",
        tags=TAG_LABEL,
    ),
    "testDefinition": _obj(
        "api.tests.CreateTestDefinition",
        "name displayName description owners entityType testPlatforms supportedDataTypes provider "
        "parameterDefinition dataQualityDimension supportedServices domains sqlExpression validatorClass",
        "name entityType testPlatforms",
        entityType=_values("type.TestDefinitionEntityType", "TABLE COLUMN"),
        testPlatforms=_values("tests.TestPlatform", "OpenMetadata GreatExpectations dbt Deequ Soda Other"),
        parameterDefinition=_obj(
            "tests.TestCaseParameterDefinition",
            "name displayName dataType description required optionValues validationRule",
        ),
    ),
    "testCase": _obj(
        "api.tests.CreateTestCase",
        "name description displayName testDefinition entityLink parameterValues owners reviewers "
        "computePassedFailedRowCount useDynamicAssertion tags dimensionColumns topDimensions",
        "name testDefinition entityLink",
        parameterValues=_obj("tests.TestCaseParameterValue", "name value"),
        tags=TAG_LABEL,
    ),
    "testSuite": _obj(
        "api.tests.CreateTestSuite",
        "name displayName description owners basicEntityReference executableEntityReference dataContract "
        "domains tags reviewers",
        "name",
    ),
    "ingestionPipeline": _obj(
        "api.services.ingestionPipelines.CreateIngestionPipeline",
        "name displayName description pipelineType sourceConfig airflowConfig loggerLevel raiseOnError "
        "service "
        "owners provider domains processingEngine enableStreamableLogs",
        "name service pipelineType sourceConfig airflowConfig",
        service=REFERENCE,
        sourceConfig=_obj("metadataIngestion.SourceConfig", "config"),
        pipelineType=_values(
            "entity.services.ingestionPipelines.PipelineType",
            "metadata usage lineage profiler autoClassification TestSuite dataInsight elasticSearchReindex "
            "dbt "
            "application",
        ),
        airflowConfig=_obj(
            "entity.services.ingestionPipelines.AirflowConfig",
            "pausePipeline concurrency startDate endDate pipelineTimezone retries retryDelay pipelineCatchup "
            "scheduleInterval maxActiveRuns workflowTimeout workflowDefaultView "
            "workflowDefaultViewOrientation "
            "email",
        ),
        loggerLevel=_values("metadataIngestion.LogLevels", "DEBUG INFO WARN ERROR"),
    ),
    "workflow": _obj(
        "api.automations.CreateWorkflow",
        "name displayName description workflowType request status response owners domains",
        "name workflowType request",
    ),
}
"""Create bodies by kind, those of the newest server."""

TEST_RESULT = _obj(
    "api.tests.CreateTestCaseResult",
    "fqn timestamp testCaseStatus result sampleData testResultValue passedRows failedRows "
    "passedRowsPercentage "
    "failedRowsPercentage incidentId maxBound minBound dimensionResults",
    "timestamp testCaseStatus testResultValue",
    testCaseStatus=_values("tests.type.TestCaseStatus", "Success Failed Aborted Queued"),
    testResultValue=_obj("tests.type.TestResultValue", "name value predictedValue"),
)
TEST_RESULT_OLD = _obj(
    "tests.type.TestCaseResult",
    "timestamp testCaseStatus result sampleData testResultValue",
    testCaseStatus=_values("tests.type.TestCaseStatus", "Success Failed Aborted Queued"),
    testResultValue=_obj("tests.type.TestResultValue", "name value"),
)
PIPELINE_STATUS = _obj(
    "entity.services.ingestionPipelines.PipelineStatus",
    "runId pipelineState startDate timestamp endDate status config metadata",
    pipelineState=_values(
        "entity.services.ingestionPipelines.PipelineStatusType",
        "queued success failed running partialSuccess stopped",
    ),
    status=_obj(
        "entity.services.ingestionPipelines.StepSummary",
        "name records updated_records warnings errors filtered failures progress operationMetrics "
        "sourceTimeMs "
        "sinkTimeMs",
        "name",
        failures=_obj(
            "entity.services.ingestionPipelines.StackTraceError", "name error stackTrace", "name error"
        ),
    ),
)
PROGRESS = _obj(
    "entity.services.ingestionPipelines.ProgressUpdate",
    "runId timestamp updateType stepName progress globalCounters estimatedSecondsRemaining "
    "totalAssetsIngested currentEntity message",
    "runId timestamp updateType",
    updateType=_values(
        "entity.services.ingestionPipelines.ProgressUpdateType",
        "DISCOVERY PROCESSING STEP_COMPLETE PIPELINE_COMPLETE ERROR",
    ),
)


def create_shape(kind: str, *, old: bool) -> Obj:
    """The create body of a kind in the dialect that is spoken; server 1.1 has other keys in some."""
    shape = CREATE[kind]
    if not old:
        return shape
    parts = dict(shape.parts)
    keys = set(shape.keys)
    required = list(shape.required)
    for new, before in (("owners", "owner"), ("domains", "domain")):
        if new in keys:
            keys.remove(new)
            keys.add(before)
            parts.pop(new, None)
    if kind == "testDefinition":
        parts["testPlatforms"] = _values(
            "tests.TestPlatform", "OpenMetadata GreatExpectations DBT Deequ Soda Other"
        )
        keys -= {"dataQualityDimension", "supportedServices", "sqlExpression", "validatorClass"}
        required.append("description")
    elif kind == "testCase":
        keys -= {"computePassedFailedRowCount", "useDynamicAssertion", "dimensionColumns", "topDimensions"}
        keys -= {"tags", "reviewers"}
        keys.add("testSuite")
        required.append("testSuite")
    elif kind == "testSuite":
        keys -= {"basicEntityReference", "dataContract", "reviewers", "tags"}
    elif kind == "ingestionPipeline":
        keys -= {"enableStreamableLogs", "processingEngine", "raiseOnError"}
    elif kind == "table":
        parts["dataModel"] = DATA_MODEL_OLD
        keys -= {"sourceHash", "locationPath", "aliases"}
    elif kind == "databaseService":
        keys -= {"style", "ingestionRunner", "dataProducts"}
    return Obj(shape.java, frozenset(keys), tuple(required), parts)
