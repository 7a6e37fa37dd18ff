"""What request bodies may hold, by each release's own schemas: known keys and values, fitting texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from dbtcollate_tui.sandbox.collate.api import ApiError
from dbtcollate_tui.sandbox.collate.releases import ServerRelease, Shape

REFERENCE = "type/entityReference#EntityReference"
TAG_LABEL = "type/tagLabel#TagLabel"
COLUMN = "entity/data/table#Column"
DATA_MODEL = "entity/data/table#DataModel"
ADD_LINEAGE = "api/lineage/addLineage#AddLineageRequest"
CONTRACT_RESULT = "entity/datacontract/dataContractResult#DataContractResult"
JOB_STATUS = "entity/data/pipeline#PipelineStatus"
LINEAGE_DETAILS = "type/entityLineage#LineageDetails"
TEST_RESULT = "api/tests/createTestCaseResult#CreateTestCaseResult"
TEST_RESULT_OLD = "tests/basic#TestCaseResult"
PIPELINE_STATUS = "entity/services/ingestionPipelines/ingestionPipeline#PipelineStatus"
PROGRESS = "entity/services/ingestionPipelines/progressUpdate#ProgressUpdate"
DBT_CLOUD_CONNECTION = "entity/services/connections/pipeline/dbtCloudConnection#DBTCloudConnection"
DBT_PIPELINE = "metadataIngestion/dbtPipeline#DbtPipeline"
METADATA_PIPELINE = "metadataIngestion/databaseServiceMetadataPipeline#DatabaseServiceMetadataPipeline"
PIPELINE_SERVICE_PIPELINE = (
    "metadataIngestion/pipelineServiceMetadataPipeline#PipelineServiceMetadataPipeline"
)

CREATE: Mapping[str, str] = {
    "databaseService": "api/services/createDatabaseService#CreateDatabaseServiceRequest",
    "pipelineService": "api/services/createPipelineService#CreatePipelineServiceRequest",
    "database": "api/data/createDatabase#CreateDatabaseRequest",
    "databaseSchema": "api/data/createDatabaseSchema#CreateDatabaseSchemaRequest",
    "table": "api/data/createTable#CreateTableRequest",
    "classification": "api/classification/createClassification#CreateClassificationRequest",
    "tag": "api/classification/createTag#CreateTagRequest",
    "glossary": "api/data/createGlossary#CreateGlossaryRequest",
    "glossaryTerm": "api/data/createGlossaryTerm#CreateGlossaryTermRequest",
    "domain": "api/domains/createDomain#CreateDomainRequest",
    "metric": "api/data/createMetric#CreateMetricRequest",
    "dataContract": "api/data/createDataContract#CreateDataContractRequest",
    "testDefinition": "api/tests/createTestDefinition#CreateTestDefinitionRequest",
    "testCase": "api/tests/createTestCase#CreateTestCaseRequest",
    "testSuite": "api/tests/createTestSuite#CreateTestSuiteRequest",
    "ingestionPipeline": (
        "api/services/ingestionPipelines/createIngestionPipeline#CreateIngestionPipelineRequest"
    ),
    "workflow": "api/automations/createWorkflow#CreateWorkflowRequest",
}
"""Create bodies by kind."""

_BODY = (
    "(org.glassfish.jersey.message.internal.ReaderInterceptorExecutor$UnCloseableInputStream); line: 1, "
    "column: 1"
)
_CONVERTED = "UNKNOWN; byte offset: #UNKNOWN"
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str, int, float, bool),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}


def check_body(release: ServerRelease, body: Any, name: str, *, converted: bool = False) -> dict[str, Any]:
    """The body without its nulls; raises ApiError 400 as the server words it.

    ``converted`` is for objects inside a body that the server reads in a second step, such as a pipeline's
    configuration; what they lack is not asked for there.
    """
    checker = _Checker(release, _CONVERTED if converted else _BODY)
    if not isinstance(body, dict):
        raise ApiError(400, f"Cannot deserialize value of type `{java_name(name)}`")
    cleaned = checker.object(body, name, java_name(name), "")
    if checker.broken and not converted:
        raise ApiError(400, f"[{', '.join(checker.broken)}]")
    return cleaned


@cache
def java_name(name: str) -> str:
    """The server's class for an object of the schemas, as its errors name it."""
    path, _, part = name.partition("#")
    folder = path.rpartition("/")[0]
    if path == "entity/data/table" and part not in ("Table",):
        folder = "type"
    part = part.removesuffix("Request") if path.startswith("api/") else part
    return f"org.openmetadata.schema.{folder.replace('/', '.')}.{part}"


class _Checker:
    def __init__(self, release: ServerRelease, source: str) -> None:
        self._release = release
        self._source = source
        self.broken: list[str] = []

    def object(self, body: dict[str, Any], name: str, chain: str, where: str) -> dict[str, Any]:
        """The object without its nulls, every part checked."""
        fields = self._release.fields(name)
        cleaned: dict[str, Any] = {}
        for key, value in body.items():
            if key not in fields:
                if not self._release.is_closed(name):
                    cleaned[key] = value
                    continue
                known = ", ".join(f'"{field}"' for field in fields)
                raise ApiError(
                    400,
                    f'Unrecognized field "{key}" (class {java_name(name)}), not marked as ignorable '
                    f"({len(fields)} known properties: {known[:1000]}])\n at [Source: {self._source}] "
                    f'(through reference chain: {chain}["{key}"])',
                )
            if value is not None:
                inside = f"{where}.{key}" if where else key
                cleaned[key] = self._field(value, fields[key], f'{chain}["{key}"]', inside)
        for key, shape in fields.items():
            if shape.required and key not in cleaned:
                self.broken.append(f"{f'{where}.' if where else ''}{key} must not be null")
        return cleaned

    def _field(self, value: Any, shape: Shape, chain: str, where: str) -> Any:
        if not shape.many:
            return self._value(value, shape.types, chain, where)
        if not isinstance(value, list):
            raise ApiError(
                400,
                "Cannot deserialize value of type `java.util.ArrayList<java.lang.Object>` from "
                f"{_token(value)}\n at [Source: {self._source}] (through reference chain: {chain})",
            )
        return [
            self._value(item, shape.types, f"{chain}->java.util.ArrayList[{index}]", f"{where}[{index}]")
            for index, item in enumerate(value)
            if item is not None
        ]

    def _value(self, value: Any, types: tuple[str, ...], chain: str, where: str) -> Any:
        if "any" in types and len(types) == 1:
            return value
        named = [name for name in types if "#" in name]
        objects = [name for name in named if self._release.fields(name)]
        if isinstance(value, dict) and objects:
            fitting = max(objects, key=lambda name: len(value.keys() & self._release.fields(name).keys()))
            return self.object(value, fitting, f"{chain}->{java_name(fitting)}", where)
        for name in named:
            allowed = self._release.values(name)
            if allowed is not None and value not in allowed and not objects:
                raise ApiError(
                    400,
                    f"Cannot construct instance of `{java_name(name)}`, problem: {value}\n at [Source: "
                    f"{self._source}] (through reference chain: {chain})",
                )
            inner = self._release.inner(name)
            if inner is not None:
                self._limited(value, name, where)
                return self._field(value, inner, chain, where)
        plain = tuple(kind for name in types for kind in _JSON_TYPES.get(name, ()))
        if plain and not named and "any" not in types and not isinstance(value, plain):
            raise ApiError(
                400,
                f"Cannot deserialize value of type `java.lang.{types[0].title()}` from {_token(value)}\n at "
                f"[Source: {self._source}] (through reference chain: {chain})",
            )
        return value

    def _limited(self, value: Any, name: str, where: str) -> None:
        if not isinstance(value, str):
            return
        limits = self._release.limits(name)
        shortest, longest = limits.min_length, limits.max_length
        if (shortest is not None and len(value) < shortest) or (longest is not None and len(value) > longest):
            self.broken.append(f"{where} size must be between {shortest or 0} and {longest or 2147483647}")
        elif limits.pattern is not None and not _pattern(limits.pattern).search(value):
            self.broken.append(f'{where} must match "{limits.pattern}"')


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _token(value: Any) -> str:
    if isinstance(value, dict):
        return "Object value (token `JsonToken.START_OBJECT`)"
    if isinstance(value, list):
        return "Array value (token `JsonToken.START_ARRAY`)"
    return f'String "{value}"'
