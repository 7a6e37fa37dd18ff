"""Every field of an entity that a server answers, replaced by every odd value: read or left out, no crash."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from dbtcollate_tui.checks.pipeline import ended, old_address
from dbtcollate_tui.collate.dbt_cloud_service import Connector, JobPipeline, PipelineService
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.entity import read_entity
from dbtcollate_tui.collate.models import (
    Column,
    DatabaseService,
    Domain,
    EntityReference,
    IngestionPipeline,
    LineageEdge,
    Metric,
    PipelineStatus,
    ServiceStatus,
    Table,
    TestCase,
    TestCaseResult,
    TestDefinition,
    User,
)
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec, diff_pipeline
from dbtcollate_tui.collate.reader import read_data, read_one
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.transport.client import Answer
from dbtcollate_tui.transport.request_log import RequestRecord
from dbtcollate_tui.wording import ago
from tests.support.odd_values import ODD, odd_ones

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REFERENCE = {"id": "u1", "type": "user", "name": "ana", "fullyQualifiedName": "ana", "deleted": False}
TAG = {"tagFQN": "Tier.Tier1", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
COLUMN = {
    "name": "address",
    "dataType": "STRUCT",
    "dataLength": 16777216,
    "ordinalPosition": 1,
    "constraint": "NULL",
    "tags": [TAG],
    "children": [{"name": "street", "dataType": "VARCHAR", "description": "Street"}],
    "extension": {"n": 1},
}
RUN = {
    "runId": "6a3c7bc4-0000-0000-0000-000000000001",
    "pipelineState": "failed",
    "startDate": 1703082125205,
    "timestamp": 1703082125205,
    "endDate": 1703082130278,
    "status": [
        {
            "name": "Source",
            "records": 8,
            "updated_records": 0,
            "warnings": 0,
            "errors": 5,
            "failures": [{"name": "t", "error": "e", "stackTrace": None}],
        }
    ],
}
RESULT = {
    "timestamp": 1700000000000,
    "testCaseStatus": "Failed",
    "result": "3 rows",
    "testResultValue": [{"name": "n", "value": "3"}],
    "passedRows": 1,
    "failedRows": 2,
}
SAMPLES: dict[type[Any], dict[str, Any]] = {
    Table: {
        "id": "t",
        "name": "orders",
        "fullyQualifiedName": "s.d.m.orders",
        "description": "Orders",
        "version": 0.3,
        "updatedAt": 1703082125205,
        "columns": [COLUMN],
        "owners": [REFERENCE],
        "tags": [TAG],
        "domains": [REFERENCE],
        "extension": {"n": 1, "l": ["a"]},
        "dataModel": {"modelType": "DBT", "sql": "select 1", "owners": [REFERENCE], "columns": [COLUMN]},
        "testSuite": REFERENCE,
        "tableConstraints": [{"constraintType": "PRIMARY_KEY", "columns": ["id"]}],
        "changeDescription": {
            "changeSummary": {"description": {"changedBy": "ana", "changeSource": "Manual"}}
        },
    },
    IngestionPipeline: {
        "id": "1",
        "name": "dbt",
        "pipelineType": "dbt",
        "service": REFERENCE,
        "sourceConfig": {
            "config": {
                "type": "DBT",
                "dbtConfigSource": {
                    "dbtConfigType": "cloud",
                    "dbtCloudAuthToken": "*********",
                    "dbtCloudAccountId": "1",
                    "dbtCloudJobId": None,
                    "dbtCloudUrl": "https://cloud.getdbt.com",
                },
                "catalogMapping": {"a": "b"},
                "tableFilterPattern": {"includes": ["a.*"], "excludes": None},
            }
        },
        "airflowConfig": {"pausePipeline": False, "retries": 0, "scheduleInterval": "0 7 * * *"},
        "deployed": True,
        "enabled": True,
        "pipelineStatuses": RUN,
        "updatedAt": 1703082125205,
    },
    PipelineStatus: RUN,
    TestCase: {
        "id": "c",
        "name": "not_null",
        "fullyQualifiedName": "s.d.m.orders.id.not_null",
        "entityLink": "<#E::table::s.d.m.orders::columns::id>",
        "testDefinition": REFERENCE,
        "parameterValues": [{"name": "min", "value": 5}],
        "tags": [TAG],
        "testCaseResult": RESULT,
    },
    TestCaseResult: RESULT,
    TestDefinition: {"id": "d", "name": "n", "testPlatforms": ["DBT"], "entityType": "COLUMN"},
    DatabaseService: {
        "id": "s",
        "name": "bq",
        "serviceType": "BigQuery",
        "connection": {
            "config": {
                "type": "BigQuery",
                "hostPort": "bigquery.googleapis.com",
                "credentials": {"gcpConfig": {"projectId": ["a", "b"]}},
            }
        },
        "ingestionRunner": REFERENCE,
    },
    ServiceStatus: {"code": 200, "reason": "Airflow status: OK", "platform": "Airflow", "version": "3.0.1"},
    User: {"id": "u", "name": "ingestion-bot", "email": "i@x.org", "isBot": True, "isAdmin": False},
    Domain: {"id": "d", "name": "sales", "fullyQualifiedName": "sales"},
    Metric: {
        "id": "m",
        "name": "revenue",
        "metricExpression": {"language": "SQL", "code": "sum(x)"},
        "owners": [REFERENCE],
        "dimensions": [{"name": "day", "type": "TIME"}],
        "version": 0.1,
    },
    LineageEdge: {
        "fromEntity": REFERENCE,
        "toEntity": REFERENCE,
        "columnsLineage": [{"fromColumns": ["a"], "toColumn": "b"}],
        "pipeline": REFERENCE,
    },
    PipelineService: {
        "id": "p",
        "name": "dbt_cloud",
        "serviceType": "DBTCloud",
        "connection": {"config": {"type": "DBTCloud", "accountId": "7"}},
    },
    JobPipeline: {
        "id": "j",
        "name": "nightly",
        "pipelineStatus": {"executionStatus": "Failed", "timestamp": 1703082125205},
    },
}
SPEC = DbtPipelineSpec(
    "dbt", EntityReference(id="s", type="databaseService"), 1, "https://ab1.us1.dbt.com", SecretStr("x")
)


def use(read: Any) -> None:
    """What the program asks of an entity."""
    for name, member in vars(type(read)).items():
        if isinstance(member, property):
            getattr(read, name)
    if isinstance(read, Table):
        for _, _, column in read.walk_columns():
            assert isinstance(column, Column)
        read.as_reference()
    if isinstance(read, PipelineStatus):
        ago(ended(read), NOW)
        ago(Connector("c", read, writes_lineage=True).ran_at, NOW)
    if isinstance(read, IngestionPipeline):
        old_address(read, "https://ab1.us1.dbt.com")
        with suppress(UsageError):
            diff_pipeline(SPEC, [read], Dialect.of("2.0.7"))
        if read.pipelineStatuses is not None:
            use(read.pipelineStatuses)
    if isinstance(read, JobPipeline) and read.pipelineStatus is not None:
        moment = read.pipelineStatus.timestamp
        assert moment is None or datetime.fromtimestamp(moment / 1000, UTC)
    if isinstance(read, TestCaseResult):
        assert datetime.fromtimestamp(read.timestamp / 1000, UTC)
    if isinstance(read, LineageEdge):
        json.dumps(read.as_request())


def answer(values: Any) -> Answer:
    url = "https://h/api/v1/things"
    record = RequestRecord("GET", url, "h", "/api/v1/things", NOW, status=200)
    return Answer(200, {"content-type": "application/json"}, json.dumps(values).encode(), record)


@pytest.mark.parametrize("model", SAMPLES, ids=lambda model: model.__name__)
def test_an_odd_value_is_read_or_refused_as_such(model: type[Any]) -> None:
    use(read_entity(model, SAMPLES[model]))
    tried = refused = 0
    for _, body in odd_ones(SAMPLES[model]):
        tried += 1
        try:
            read = read_entity(model, body)
        except ValidationError:
            refused += 1
            continue
        use(read)
    assert 0 < refused < tried


@pytest.mark.parametrize("model", SAMPLES, ids=lambda model: model.__name__)
def test_an_odd_entity_costs_itself_alone(model: type[Any]) -> None:
    good = SAMPLES[model]
    bodies = [*ODD, *(body for _, body in odd_ones(good))]
    for at in range(0, len(bodies), 50):
        read = read_data(model, answer({"data": [good, *bodies[at : at + 50], good]}), "list things")
        assert read[0] == read[-1] == read_entity(model, good)
    for body in (one for one in ODD if not isinstance(one, dict)):
        with pytest.raises(ActionableError, match="Could not show it"):
            read_one(model, answer(body), "show it")
