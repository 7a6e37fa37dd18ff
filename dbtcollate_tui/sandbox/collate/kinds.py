"""The kinds of entity: where they live, which keys they have, which of those only ``fields=`` brings.

Keys are those of OpenMetadata's schemas; clients generated from the schemas refuse any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from dbtcollate_tui.sandbox.collate.releases import release_of

_READ_ONLY = (
    "id fullyQualifiedName version updatedAt updatedBy href changeDescription service serviceType "
    "database databaseSchema classification entityLink entityFQN testSuite testDefinition deployed"
)
READ_ONLY = frozenset(_READ_ONLY.split())
"""Keys that no patch changes."""


@dataclass(frozen=True)
class Kind:
    """One kind of entity."""

    name: str
    path: str
    schema: str
    """Its object in the schemas: the keys of an entity, and the names that ``fields=`` may hold."""
    on_request: frozenset[str]
    """Keys left out unless ``fields=`` names them."""

    @cached_property
    def keys(self) -> frozenset[str]:
        """All keys that an entity of the latest release may have."""
        return frozenset(release_of("latest").fields(self.schema))


def _kind(name: str, path: str, schema: str, on_request: str = "") -> Kind:
    return Kind(name, path, schema, frozenset(on_request.split()))


_RELATIONS = "owners tags followers votes domains dataProducts extension lifeCycle certification usageSummary"

_ALL = (
    _kind(
        "databaseService",
        "services/databaseServices",
        "entity/services/databaseService#DatabaseService",
        "pipelines owners tags domains dataProducts followers",
    ),
    _kind(
        "pipelineService",
        "services/pipelineServices",
        "entity/services/pipelineService#PipelineService",
        "pipelines owners tags domains dataProducts followers",
    ),
    _kind(
        "database",
        "databases",
        "entity/data/database#Database",
        f"{_RELATIONS} databaseSchemas location databaseProfilerConfig",
    ),
    _kind(
        "databaseSchema",
        "databaseSchemas",
        "entity/data/databaseSchema#DatabaseSchema",
        f"{_RELATIONS} tables databaseSchemaProfilerConfig",
    ),
    _kind(
        "table",
        "tables",
        "entity/data/table#Table",
        f"{_RELATIONS} dataModel testSuite tableConstraints joins sampleData tableProfilerConfig "
        "customMetrics profile queries",
    ),
    _kind(
        "user",
        "users",
        "entity/teams/user#User",
        "teams roles owns follows domains personas profile inheritedRoles authenticationMechanism",
    ),
    _kind(
        "team",
        "teams",
        "entity/teams/team#Team",
        "users parents children owns owners defaultRoles policies domains profile userCount childrenCount",
    ),
    _kind(
        "classification",
        "classifications",
        "entity/classification/classification#Classification",
        "termCount usageCount owners domains reviewers",
    ),
    _kind(
        "tag",
        "tags",
        "entity/classification/tag#Tag",
        "children usageCount owners domains reviewers dataProducts",
    ),
    _kind(
        "glossary",
        "glossaries",
        "entity/data/glossary#Glossary",
        "reviewers owners tags usageCount termCount domains dataProducts votes extension",
    ),
    _kind(
        "glossaryTerm",
        "glossaryTerms",
        "entity/data/glossaryTerm#GlossaryTerm",
        "children relatedTerms reviewers owners tags usageCount childrenCount domains dataProducts votes",
    ),
    _kind(
        "domain",
        "domains",
        "entity/domains/domain#Domain",
        "parent children childrenCount owners experts tags extension followers votes certification",
    ),
    _kind(
        "dashboard",
        "dashboards",
        "entity/data/dashboard#Dashboard",
        f"{_RELATIONS} charts dataModels",
    ),
    _kind(
        "pipeline",
        "pipelines",
        "entity/data/pipeline#Pipeline",
        f"{_RELATIONS} tasks pipelineStatus scheduleInterval",
    ),
    _kind(
        "metric",
        "metrics",
        "entity/data/metric#Metric",
        "owners reviewers followers tags domains dataProducts votes extension relatedMetrics",
    ),
    _kind(
        "dataContract",
        "dataContracts",
        "entity/data/dataContract#DataContract",
        "owners reviewers",
    ),
    _kind(
        "mlmodel",
        "mlmodels",
        "entity/data/mlmodel#MlModel",
        "owners tags domains",
    ),
    _kind(
        "apiEndpoint",
        "apiEndpoints",
        "entity/data/apiEndpoint#APIEndpoint",
        "owners tags domains",
    ),
    _kind(
        "testDefinition",
        "dataQuality/testDefinitions",
        "tests/testDefinition#TestDefinition",
        "owners domains",
    ),
    _kind(
        "testCase",
        "dataQuality/testCases",
        "tests/testCase#TestCase",
        "testSuites testCaseResult testCaseStatus owners incidentId domains dataProducts followers "
        "tags reviewers",
    ),
    _kind(
        "testSuite",
        "dataQuality/testSuites",
        "tests/testSuite#TestSuite",
        "tests owners pipelines summary domains tags reviewers testCaseResultSummary",
    ),
    _kind(
        "ingestionPipeline",
        "services/ingestionPipelines",
        "entity/services/ingestionPipelines/ingestionPipeline#IngestionPipeline",
        "owners followers domains pipelineStatuses",
    ),
    _kind(
        "workflow",
        "automations/workflows",
        "entity/automations/workflow#Workflow",
        "owners domains",
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind by the name that entity references use as their ``type``."""
