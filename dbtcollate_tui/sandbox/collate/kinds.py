"""The kinds of entity: where they live, which keys they have, which of those only ``fields=`` brings.

Keys are those of OpenMetadata's schemas; clients generated from the schemas refuse any other.
"""

from __future__ import annotations

from dataclasses import dataclass

_COMMON = (
    "id name displayName fullyQualifiedName description version updatedAt updatedBy impersonatedBy href "
    "changeDescription incrementalChangeDescription"
)
_READ_ONLY = (
    "id fullyQualifiedName version updatedAt updatedBy href changeDescription service serviceType "
    "database databaseSchema classification entityLink entityFQN testSuite testDefinition deployed"
)
READ_ONLY = frozenset(_READ_ONLY.split())
"""Keys that no patch changes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entity."""

    name: str
    path: str
    keys: frozenset[str]
    """All keys that an entity may have, and all names that ``fields=`` may have."""
    on_request: frozenset[str]
    """Keys left out unless ``fields=`` names them."""


def _kind(name: str, path: str, own: str, on_request: str = "") -> Kind:
    return Kind(name, path, frozenset(f"{_COMMON} {own}".split()), frozenset(on_request.split()))


_RELATIONS = "owners tags followers votes domains dataProducts extension lifeCycle certification usageSummary"

_ALL = (
    _kind(
        "databaseService",
        "services/databaseServices",
        "style serviceType connection pipelines testConnectionResult tags owners followers deleted "
        "entityStatus "
        "dataProducts dataContract domains ingestionRunner",
        "pipelines owners tags domains dataProducts followers",
    ),
    _kind(
        "database",
        "databases",
        "dataProducts dataContract tags owners service serviceType location usageSummary databaseSchemas "
        "default deleted retentionPeriod extension sourceUrl domains votes lifeCycle certification followers "
        "sourceHash databaseProfilerConfig entityStatus",
        f"{_RELATIONS} databaseSchemas location databaseProfilerConfig",
    ),
    _kind(
        "databaseSchema",
        "databaseSchemas",
        "dataProducts dataContract owners service serviceType database tables usageSummary tags deleted "
        "retentionPeriod extension sourceUrl domains votes lifeCycle followers certification sourceHash "
        "databaseSchemaProfilerConfig entityStatus",
        f"{_RELATIONS} tables databaseSchemaProfilerConfig",
    ),
    _kind(
        "table",
        "tables",
        "aliases tableType columns tableConstraints tablePartition owners databaseSchema database service "
        "serviceType "
        "location locationPath schemaDefinition tags usageSummary followers joins sampleData "
        "tableProfilerConfig customMetrics profile testSuite dataModel deleted retentionPeriod "
        "compressionEnabled compressionCodec compressionStrategy extension sourceUrl domains dataProducts "
        "dataContract fileFormat votes lifeCycle certification sourceHash processedLineage queries "
        "pipelineObservability entityStatus",
        f"{_RELATIONS} dataModel testSuite tableConstraints joins sampleData tableProfilerConfig "
        "customMetrics profile queries",
    ),
    _kind(
        "user",
        "users",
        "externalId scimUserName email timezone isBot isAdmin allowImpersonation authenticationMechanism "
        "profile teams defaultPersona personas owns follows deleted roles inheritedRoles inheritedPersonas "
        "isEmailVerified domains lastLoginTime lastActivityTime personaPreferences",
        "teams roles owns follows domains personas profile inheritedRoles authenticationMechanism",
    ),
    _kind(
        "team",
        "teams",
        "teamType email externalId profile parents children users childrenCount userCount owns owners "
        "isJoinable deleted defaultRoles inheritedRoles defaultPersona policies domains",
        "users parents children owns owners defaultRoles policies domains profile userCount childrenCount",
    ),
    _kind(
        "classification",
        "classifications",
        "termCount usageCount deleted provider disabled mutuallyExclusive domains owners reviewers "
        "entityStatus autoClassificationConfig",
        "termCount usageCount owners domains reviewers",
    ),
    _kind(
        "tag",
        "tags",
        "style classification parent children usageCount deprecated deleted provider disabled "
        "mutuallyExclusive domains dataProducts dataContract owners reviewers entityStatus recognizers "
        "autoClassificationEnabled autoClassificationPriority",
        "children usageCount owners domains reviewers dataProducts",
    ),
    _kind(
        "glossary",
        "glossaries",
        "reviewers owners usageCount tags termCount deleted provider disabled mutuallyExclusive domains "
        "dataProducts dataContract votes extension entityStatus",
        "reviewers owners tags usageCount termCount domains dataProducts votes extension",
    ),
    _kind(
        "glossaryTerm",
        "glossaryTerms",
        "style glossary parent children relatedTerms references synonyms reviewers owners tags usageCount "
        "childrenCount mutuallyExclusive status entityStatus deleted domains dataProducts votes extension",
        "children relatedTerms reviewers owners tags usageCount childrenCount domains dataProducts votes",
    ),
    _kind(
        "domain",
        "domains",
        "domainType style parent children childrenCount owners experts assets tags extension followers votes "
        "certification entityStatus",
        "parent children childrenCount owners experts tags extension followers votes certification",
    ),
    _kind(
        "dashboard",
        "dashboards",
        "project dashboardType dashboardUrl sourceUrl charts dataModels href owners followers tags service "
        "serviceType usageSummary deleted extension domains dataProducts votes lifeCycle certification "
        "sourceHash entityStatus",
        f"{_RELATIONS} charts dataModels",
    ),
    _kind(
        "metric",
        "metrics",
        "metricExpression metricType unitOfMeasurement customUnitOfMeasurement granularity relatedMetrics "
        "owners reviewers followers tags domains dataProducts votes extension deleted entityStatus "
        "assets certification dimensions filters measures provider",
        "owners reviewers followers tags domains dataProducts votes extension relatedMetrics",
    ),
    _kind("mlmodel", "mlmodels", "algorithm service serviceType owners tags domains", "owners tags domains"),
    _kind("apiEndpoint", "apiEndpoints", "endpointURL service owners tags domains", "owners tags domains"),
    _kind(
        "testDefinition",
        "dataQuality/testDefinitions",
        "entityType testPlatforms supportedDataTypes parameterDefinition dataQualityDimension owners "
        "provider "
        "deleted supportsRowLevelPassedFailed domains supportsDynamicAssertion enabled supportedServices "
        "sqlExpression validatorClass",
        "owners domains",
    ),
    _kind(
        "testCase",
        "dataQuality/testCases",
        "testDefinition entityLink entityFQN testSuite testSuites parameterValues testCaseResult "
        "autoCloseIncident incidentStatus testCaseStatus owners createdBy deleted "
        "computePassedFailedRowCount incidentId failedRowsSample "
        "inspectionQuery domains dataProducts followers useDynamicAssertion tags dimensionColumns "
        "topDimensions entityStatus reviewers",
        "testSuites testCaseResult testCaseStatus owners incidentId domains dataProducts followers tags "
        "reviewers",
    ),
    _kind(
        "testSuite",
        "dataQuality/testSuites",
        "tests connection testConnectionResult pipelines serviceType owners deleted basic executable "
        "basicEntityReference executableEntityReference dataContract summary testCaseResultSummary domains "
        "tags inherited ingestionRunner reviewers",
        "tests owners pipelines summary domains tags reviewers testCaseResultSummary",
    ),
    _kind(
        "ingestionPipeline",
        "services/ingestionPipelines",
        "pipelineType owners sourceConfig openMetadataServerConnection airflowConfig service "
        "pipelineStatuses loggerLevel raiseOnError deployed enabled enableStreamableLogs followers deleted "
        "provider domains applicationType ingestionRunner processingEngine",
        "owners followers domains pipelineStatuses",
    ),
    _kind(
        "workflow",
        "automations/workflows",
        "workflowType status request response openMetadataServerConnection owners deleted domains "
        "dataProducts",
        "owners domains",
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind by the name that entity references use as their ``type``."""
