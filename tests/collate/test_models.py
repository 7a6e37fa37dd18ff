"""OpenMetadata's answers as values."""

from dbtcollate_tui.collate.entity import read_entity
from dbtcollate_tui.collate.models import (
    DatabaseService,
    IngestionPipeline,
    PipelineStatus,
    ServiceStatus,
    Table,
    TestCase,
)


def test_a_table_of_either_dialect() -> None:
    old = Table.model_validate(
        {
            "id": "t",
            "name": "o",
            "fullyQualifiedName": "s.d.a.o",
            "owner": {"id": "u", "type": "user"},
            "tags": None,
        }
    )
    new = Table.model_validate(
        {
            "id": "t",
            "name": "o",
            "fullyQualifiedName": "s.d.a.o",
            "owners": [{"id": "u", "type": "user"}],
            "zzz": 1,
        }
    )
    assert old == new
    assert old.owners[0].id == "u"
    assert old.description == ""


def test_nested_columns_have_pointers_and_dotted_names() -> None:
    table = Table.model_validate(
        {
            "id": "t",
            "name": "o",
            "fullyQualifiedName": "s.d.a.o",
            "columns": [
                {"name": "id", "dataType": "INT"},
                {"name": "address", "dataType": "STRUCT", "children": [{"name": "street"}, {"name": "zip"}]},
                {"name": "at"},
            ],
        }
    )
    assert [(pointer, name) for pointer, name, _ in table.walk_columns()] == [
        ("/columns/0", "id"),
        ("/columns/1", "address"),
        ("/columns/1/children/0", "address.street"),
        ("/columns/1/children/1", "address.zip"),
        ("/columns/2", "at"),
    ]


def test_a_services_password_is_not_kept() -> None:
    service = DatabaseService.model_validate(
        {
            "id": "s",
            "name": "shop",
            "serviceType": "Postgres",
            "connection": {
                "config": {
                    "hostPort": "db:5432",
                    "database": "shop",
                    "authType": {"password": "hunter2-planted"},
                }
            },
        }
    )
    assert (service.host, service.database) == ("db:5432", "shop")
    assert "hunter2-planted" not in service.model_dump_json()
    assert "hunter2-planted" not in repr(service)


def test_a_pipelines_secrets_are_not_shown() -> None:
    pipeline = IngestionPipeline.model_validate(
        {
            "id": "p",
            "name": "dbt",
            "pipelineType": "dbt",
            "sourceConfig": {"config": {"dbtConfigSource": {"dbtCloudAuthToken": "dbtc_PlantedInPipeline0"}}},
            "openMetadataServerConnection": {"securityConfig": {"jwtToken": "eyJ.planted.jwt"}},
            "pipelineStatuses": [{"runId": "r", "pipelineState": "success"}],
        }
    )
    assert "Planted" not in repr(pipeline)
    assert "planted" not in pipeline.model_dump_json()
    assert pipeline.pipelineStatuses is not None
    assert pipeline.pipelineStatuses.is_final


def test_whether_a_pipeline_service_can_run_anything() -> None:
    assert ServiceStatus(code=200, platform="Airflow", version="2.9").available
    assert not ServiceStatus(code=200, reason="Pipeline Client Disabled").available
    assert not ServiceStatus(status="unhealthy", platform="Airflow").available
    assert ServiceStatus(status="healthy", platform="Argo").available


def test_an_odd_field_of_a_pipeline_costs_nothing_else() -> None:
    source = {"dbtCloudAccountId": 70403103922125, "dbtCloudUrl": "https://ab123.us1.dbt.com"}
    mapping = [{"manifestDb": "a", "ingestedDb": "b"}]
    pipeline = read_entity(
        IngestionPipeline,
        {
            "id": "1",
            "name": "dbt",
            "pipelineType": "dbt",
            "sourceConfig": {"config": {"dbtConfigSource": source, "catalogMapping": mapping}},
            "pipelineStatuses": {"runId": "r", "pipelineState": "killed", "endDate": 2},
        },
    )
    assert pipeline.config is not None
    assert pipeline.config.dbtConfigSource.dbtCloudAccountId == "70403103922125"
    assert pipeline.config.catalogMapping == {"a": "b"}
    assert pipeline.pipelineStatuses is not None
    assert (pipeline.pipelineStatuses.pipelineState, pipeline.pipelineStatuses.is_final) == ("killed", True)
    paused = read_entity(PipelineStatus, {"runId": "r", "pipelineState": "paused"})
    assert not paused.is_final
    case = {
        "id": "c",
        "name": "x",
        "fullyQualifiedName": "f",
        "parameterValues": [{"name": "min", "value": 5}],
    }
    assert read_entity(TestCase, case).parameterValues[0].value == "5"
