"""Every body that the client sends fits OpenMetadata's own schema of the request."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.export import ingestion_config
from dbtcollate_tui.collate.models import (
    ColumnLineage,
    EntityReference,
    FilterPattern,
    LineageEdge,
    StackTraceError,
    StepSummary,
    TagLabel,
)
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.collate.run_report import RunReport
from tests.collate.pipeline_specs import SPEC
from tests.collate.server import FakeCollate, connected, say
from tests.contract.openmetadata_schemas import complaints

DIALECT = Dialect.of("1.13.0")
ID, OTHER = "0b6f0c39-7a4f-4b6e-8f3b-2f7d6f0c9a11", "0b6f0c39-7a4f-4b6e-8f3b-2f7d6f0c9a12"
ROOT = "/services/ingestionPipelines"
FQN = "shop.d.a.orders"
SERVICE = EntityReference(id=ID, type="databaseService", name="shop", fullyQualifiedName="shop")
RICH = replace(
    SPEC,
    service=SERVICE,
    display_name="dbt Cloud",
    schema_filter=FilterPattern(includes=("mart",), excludes=("tmp",)),
    streamable_logs=True,
)
NAMED = {"id": ID, "name": "x", "fullyQualifiedName": "x"}

REQUESTS = {
    "PUT /dataQuality/testDefinitions": "api/tests/createTestDefinition.json",
    "PUT /dataQuality/testSuites/executable": "api/tests/createTestSuite.json",
    "PUT /dataQuality/testCases": "api/tests/createTestCase.json",
    f"POST /dataQuality/testCases/testCaseResults/{FQN}.t": "api/tests/createTestCaseResult.json",
    "PUT /classifications": "api/classification/createClassification.json",
    "PUT /tags": "api/classification/createTag.json",
    "PUT /lineage": "api/lineage/addLineage.json",
    f"PUT /tables/{ID}/dataModel": "entity/data/table.json#/definitions/dataModel",
    f"PUT {ROOT}": "api/services/ingestionPipelines/createIngestionPipeline.json",
    f"PUT {ROOT}/shop.p/pipelineStatus": (
        "entity/services/ingestionPipelines/ingestionPipeline.json#/definitions/pipelineStatus"
    ),
    f"PUT {ROOT}/progress/shop.p/{OTHER}": "entity/services/ingestionPipelines/progressUpdate.json",
}


@pytest_asyncio.fixture
async def sent() -> AsyncIterator[FakeCollate]:
    """A server to which every kind of body was sent."""
    fake = FakeCollate(DIALECT.text, answers={key: say(NAMED) for key in REQUESTS})
    fake.answers |= {f"GET {ROOT}": say({"data": []}), f"GET {ROOT}/{ID}": say(RICH.body(DIALECT, "***"))}
    async with connected(fake) as client:
        await client.put_test_definition(
            "unique", entity_type="COLUMN", description="d", parameters=["unique"]
        )
        await client.put_test_suite(FQN)
        await client.put_test_case(
            "t", definition="unique", table_fqn=FQN, column="id", parameters={"unique": ""}
        )
        result = {
            "timestamp": 1,
            "testCaseStatus": "Aborted",
            "result": "Got 1 result, configured to warn if != 0",
            "testResultValue": [{"name": "unique", "value": "0"}],
        }
        await client.add_test_case_result(f"{FQN}.t", result)
        await client.put_classification("dbtTags")
        await client.put_tag("dbtTags", "mart")
        ends = EntityReference(id=ID, type="table", name="x"), EntityReference(id=OTHER, type="table")
        columns = (ColumnLineage(fromColumns=("a.b",), toColumn="c.d", function="sum"),)
        await client.put_lineage(
            LineageEdge(
                fromEntity=ends[0],
                toEntity=ends[1],
                source="DbtLineage",
                sqlQuery="select 1",
                columnsLineage=columns,
                description="d",
                pipeline=EntityReference(id=OTHER, type="pipeline"),
            )
        )
        tag = TagLabel(tagFQN="dbtTags.mart", labelType="Automated").as_request()
        owner = EntityReference(id=ID, type="user", name="ana").as_request()
        model = {"modelType": "DBT", "resourceType": "model", "dbtSourceProject": "shop", "tags": [tag]}
        await client.put_data_model(ID, {**model, "owners": [owner], "upstream": [FQN]})
        pipelines = IngestionPipelines(client)
        await pipelines.create_or_update(RICH)
        await pipelines.create_or_update(
            replace(SPEC, service=SERVICE, project_id=None, job_id=None, schedule=None)
        )
        report = RunReport(client, "shop.p", OTHER)
        await report.start()
        await report.progress("PROCESSING", "write", "3 of 9")
        failure = StackTraceError(name="orders", error="refused")
        await report.finish("partialSuccess", [StepSummary(name="dbt", records=1, failures=(failure,))])
        yield fake


@pytest.mark.parametrize("request_line", REQUESTS)
async def test_bodies_fit(sent: FakeCollate, request_line: str) -> None:
    bodies = sent.bodies(request_line)
    assert bodies
    for body in bodies:
        assert complaints(REQUESTS[request_line], body) == []


def test_the_exported_workflow_fits() -> None:
    config = ingestion_config(RICH, DIALECT, "https://acme.getcollate.io", report_as_pipeline=True)
    schema = "metadataIngestion/workflow.json#/properties/openMetadataWorkflowConfig"
    assert complaints(schema, config) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("api/tests/createTestCase.json", {"name": "t", "testDefinition": "unique"}),
        ("api/classification/createTag.json", {"name": "t", "description": "d", "zzz": 1}),
        ("entity/data/table.json#/definitions/dataModel", {"modelType": "dbt"}),
    ],
)
def test_the_schemas_refuse_what_they_should(path: str, body: dict[str, Any]) -> None:
    assert complaints(path, body)
