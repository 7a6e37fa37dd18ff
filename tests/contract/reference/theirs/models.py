"""Runs in the reference's environment: bodies held to the pydantic models made from the server's own schemas.

The file that is named holds a list of exchanges (``method``, ``path``, ``status``, ``request``, ``answer``).
Prints one JSON object on the last line: ``checked`` (how many bodies each model took), ``complaints``, and
``unknown`` (requests that no line of the table below is about).
"""

import importlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = "metadata.generated.schema."
NOTHING = ""
"""There is no body, or none that the reference has a model for."""

Line = tuple[str, str, str, str]
ENTITIES = {
    "services/databaseServices": "entity.services.databaseService:DatabaseService",
    "services/pipelineServices": "entity.services.pipelineService:PipelineService",
    "pipelines": "entity.data.pipeline:Pipeline",
    "databases": "entity.data.database:Database",
    "databaseSchemas": "entity.data.databaseSchema:DatabaseSchema",
    "tables": "entity.data.table:Table",
    "users": "entity.teams.user:User",
    "teams": "entity.teams.team:Team",
    "classifications": "entity.classification.classification:Classification",
    "tags": "entity.classification.tag:Tag",
    "glossaries": "entity.data.glossary:Glossary",
    "glossaryTerms": "entity.data.glossaryTerm:GlossaryTerm",
    "domains": "entity.domains.domain:Domain",
    "dashboards": "entity.data.dashboard:Dashboard",
    "metrics": "entity.data.metric:Metric",
    "dataContracts": "entity.data.dataContract:DataContract",
    "mlmodels": "entity.data.mlmodel:MlModel",
    "apiEndpoints": "entity.data.apiEndpoint:APIEndpoint",
    "dataQuality/testDefinitions": "tests.testDefinition:TestDefinition",
    "dataQuality/testSuites": "tests.testSuite:TestSuite",
    "dataQuality/testCases": "tests.testCase:TestCase",
    "services/ingestionPipelines": "entity.services.ingestionPipelines.ingestionPipeline:IngestionPipeline",
    "automations/workflows": "entity.automations.workflow:Workflow",
}
CREATES = {
    "tables": "api.data.createTable:CreateTableRequest",
    "classifications": "api.classification.createClassification:CreateClassificationRequest",
    "tags": "api.classification.createTag:CreateTagRequest",
    "dataQuality/testDefinitions": "api.tests.createTestDefinition:CreateTestDefinitionRequest",
    "dataQuality/testSuites": "api.tests.createTestSuite:CreateTestSuiteRequest",
    "dataQuality/testSuites/basic": "api.tests.createTestSuite:CreateTestSuiteRequest",
    "dataQuality/testSuites/executable": "api.tests.createTestSuite:CreateTestSuiteRequest",
    "dataQuality/testCases": "api.tests.createTestCase:CreateTestCaseRequest",
    "services/ingestionPipelines": (
        "api.services.ingestionPipelines.createIngestionPipeline:CreateIngestionPipelineRequest"
    ),
    "automations/workflows": "api.automations.createWorkflow:CreateWorkflowRequest",
}
RESULT = "tests.basic:TestCaseResult"
STATUS = "entity.services.ingestionPipelines.ingestionPipeline:PipelineStatus"
PROGRESS = "entity.services.ingestionPipelines.progressUpdate:ProgressUpdate"
CLIENT = "entity.services.ingestionPipelines.pipelineServiceClientResponse:PipelineServiceClientResponse"
PERMISSION = "entity.policies.accessControl.resourcePermission:ResourcePermission"
PIPELINES = "services/ingestionPipelines"
RESULTS = "dataQuality/testCases/testCaseResults"

SPECIAL: tuple[Line, ...] = (
    ("GET", "system/version", NOTHING, "api.openMetadataServerVersion:OpenMetadataServerVersion"),
    ("GET", "users/loggedInUser", NOTHING, "entity.teams.user:User"),
    ("GET", "permissions", NOTHING, f"data {PERMISSION}"),
    ("GET", "permissions/.+", NOTHING, PERMISSION),
    ("GET", "metadata/types/name/[^/]+", NOTHING, "entity.type:Type"),
    ("GET", "search/.+", NOTHING, NOTHING),
    ("GET", "tables/(name/)?[^/]+/columns", NOTHING, "data entity.data.table:Column"),
    ("PUT", "tables/[^/]+/dataModel", "entity.data.table:DataModel", "entity.data.table:Table"),
    ("PUT", "lineage", "api.lineage.addLineage:AddLineageRequest", NOTHING),
    ("PUT", "lineage/table/name/.+", "type.entityLineage:LineageDetails", NOTHING),
    ("GET", "lineage/getLineageEdge/.+", NOTHING, "edge type.entityLineage:LineageDetails"),
    ("GET", "lineage/.+", NOTHING, "type.entityLineage:EntityLineage"),
    ("PATCH", "lineage/.+", "patch", NOTHING),
    (
        "POST",
        "dataQuality/testCases/createMany",
        "each api.tests.createTestCase:CreateTestCaseRequest",
        "each tests.testCase:TestCase",
    ),
    ("POST", f"{RESULTS}/[^/]+", "api.tests.createTestCaseResult:CreateTestCaseResult", RESULT),
    ("GET", f"{RESULTS}/search/latest", NOTHING, RESULT),
    ("GET", f"{RESULTS}/.+", NOTHING, f"data {RESULT}"),
    ("GET", f"{PIPELINES}/status", NOTHING, CLIENT),
    ("POST", f"{PIPELINES}/(deploy|trigger|kill|toggleIngestion)/[^/]+", NOTHING, CLIENT),
    ("PUT", f"{PIPELINES}/[^/]+/pipelineStatus", STATUS, ENTITIES[PIPELINES]),
    ("GET", f"{PIPELINES}/[^/]+/pipelineStatus", NOTHING, f"data {STATUS}"),
    ("GET", f"{PIPELINES}/[^/]+/pipelineStatus/[^/]+", NOTHING, STATUS),
    ("PUT", f"{PIPELINES}/progress/.+", PROGRESS, NOTHING),
    ("GET", f"{PIPELINES}/progress/.+/stream/.+", NOTHING, f"events {PROGRESS}"),
    (
        "GET",
        f"{PIPELINES}/logs/.+/stream/.+",
        NOTHING,
        "events entity.services.ingestionPipelines.logStreamEvent:LogStreamEvent",
    ),
    ("GET", f"{PIPELINES}/logs/.+", NOTHING, NOTHING),
    ("POST", f"{PIPELINES}/logs/.+", NOTHING, NOTHING),
    ("POST", "automations/workflows/trigger/[^/]+", NOTHING, NOTHING),
)


def _lines() -> list[Line]:
    lines = list(SPECIAL)
    for path, model in ENTITIES.items():
        lines += [
            ("GET", path, NOTHING, f"data {model}"),
            ("GET", f"{path}/(name/)?[^/]+", NOTHING, model),
            ("PATCH", f"{path}/(name/)?[^/]+", "patch", model),
        ]
    for path, create in CREATES.items():
        answer = ENTITIES[path.removesuffix("/basic").removesuffix("/executable")]
        lines.append(("PUT|POST", path, create, answer))
    return lines


PATCH_VALUES = {
    "dataModel": "entity.data.table:DataModel",
    "owners": "type.entityReferenceList:EntityReferenceList",
    "tags": "type.tagLabel:TagLabel",
}
"""What stands at a path that ends so, or in one place of the list there."""


def _model(name: str) -> Any:
    module, _, kind = name.partition(":")
    return getattr(importlib.import_module(ROOT + module), kind)


def _documents(shape: str, body: str) -> list[Any]:
    """The values in a body that the model is about."""
    match shape:
        case "data":
            return list(json.loads(body)["data"])
        case "each":
            return list(json.loads(body))
        case "edge":
            found = json.loads(body)
            return [found.get("edge", found)]
        case "events":
            return [json.loads(line[5:]) for line in body.splitlines() if line.startswith("data:")]
        case _:
            return [json.loads(body)]


def _patch_values(body: str) -> list[tuple[str, Any]]:
    """The values that a JSON patch sets, each with the model it must fit."""
    found: list[tuple[str, Any]] = []
    for step in json.loads(body):
        tail = [part for part in step["path"].split("/") if part and part != "-" and not part.isdigit()]
        name = PATCH_VALUES.get(tail[-1]) if tail else None
        if name is None or step["op"] not in ("add", "replace") or "value" not in step:
            continue
        value = step["value"]
        if tail[-1] == "owners":
            found.append((name, value if isinstance(value, list) else [value]))
        else:
            found += [(name, label) for label in (value if isinstance(value, list) else [value])]
    return found


class Checker:
    """Holds exchanges to the table of models."""

    def __init__(self) -> None:
        self.lines = [
            (re.compile(methods), re.compile(path), asked, answered)
            for methods, path, asked, answered in _lines()
        ]
        self.checked: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.unknown: set[str] = set()

    def exchange(self, exchange: dict[str, Any]) -> None:
        """Hold both bodies of one exchange to their models."""
        method, status = exchange["method"], exchange["status"]
        path = exchange["path"].removeprefix("/api/v1/").rstrip("/")
        where = f"{method} {path} ({status})"
        if status >= 400:
            error = json.loads(exchange["answer"])
            if not {"code", "message"} <= set(error):
                self.complaints.append(f"{where}: an error without code and message")
            return
        models = self.models(method, path)
        if models is None:
            if method != "DELETE":
                self.unknown.add(f"{method} {path}")
            return
        asked, answered = models
        if asked == "patch":
            for name, value in _patch_values(exchange["request"]):
                self.fit(f"{where} patch", name, value)
        elif asked:
            shape, _, name = asked.rpartition(" ")
            for document in _documents(shape, exchange["request"]):
                self.fit(f"{where} request", name, document)
        if answered and exchange["answer"]:
            shape, _, name = answered.rpartition(" ")
            for document in _documents(shape, exchange["answer"]):
                self.fit(f"{where} answer", name, document)

    def models(self, method: str, path: str) -> tuple[str, str] | None:
        """What the two bodies of such a request must fit; ``None`` for a request that is not in the table."""
        for methods, pattern, asked, answered in self.lines:
            if methods.fullmatch(method) and pattern.fullmatch(path):
                return asked, answered
        return None

    def fit(self, where: str, name: str, document: Any) -> None:
        """Hold one value to one model."""
        self.checked[name.partition(":")[2] + (" sent" if not where.endswith("answer") else " told")] += 1
        try:
            _model(name).model_validate_json(json.dumps(document))
        except ValueError as error:
            self.complaints.append(f"{where}: {' '.join(str(error).split())[:700]}")


def main(path: str) -> dict[str, Any]:
    """Check the exchanges in that file."""
    checker = Checker()
    for exchange in json.loads(Path(path).read_text(encoding="utf-8")):
        checker.exchange(exchange)
    return {
        "checked": dict(checker.checked),
        "complaints": checker.complaints,
        "unknown": sorted(checker.unknown),
    }


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
