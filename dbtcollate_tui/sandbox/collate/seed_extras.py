"""What a server holds beside tables: people, tags, a dashboard, test definitions, an old pipeline."""

from __future__ import annotations

from dbtcollate_tui.sandbox.collate.api import BOT
from dbtcollate_tui.sandbox.collate.identity import new_id, now_ms, reference
from dbtcollate_tui.sandbox.collate.pipelines import AIRFLOW_DEFAULTS
from dbtcollate_tui.sandbox.collate.seeder import DAY_MS, Seeder
from dbtcollate_tui.sandbox.collate.store import Entity
from dbtcollate_tui.sandbox.dbt_cloud.content import ACCOUNT_ID, NIGHTLY_ID, PROJECT_ID


def add_people(seeder: Seeder) -> dict[str, Entity]:
    """A team and its people, the administrator and the bot; the users by name."""
    team = seeder.save(
        "team",
        {
            "name": "data-platform",
            "fullyQualifiedName": "data-platform",
            "displayName": "Data platform",
            "teamType": "Group",
            "email": "data-platform@shop.example",
            "isJoinable": True,
            "owners": [],
        },
    )
    found = {}
    for name, shown, bot, admin in (
        ("ana", "Ana Novak", False, False),
        ("bruno", "Bruno Costa", False, False),
        ("chen", "Chen Li", False, False),
        ("admin", "Administrator", False, True),
        (BOT, "Ingestion bot", True, False),
    ):
        found[name] = seeder.save(
            "user",
            {
                "name": name,
                "fullyQualifiedName": name,
                "displayName": shown,
                "email": f"{name}@{'open-metadata.org' if bot else 'shop.example'}",
                "isBot": bot,
                "isAdmin": admin,
                "teams": [] if bot or admin else [reference("team", team)],
                "roles": [],
            },
        )
    return found


def add_tags(seeder: Seeder) -> None:
    """The classifications that a server is delivered with."""
    tags = {
        "Tier": (
            "Tags related to tiering of the data.",
            True,
            [(f"Tier{number}", f"Tier {number} data.") for number in range(1, 6)],
        ),
        "PII": (
            "Personally identifiable information.",
            True,
            [
                ("Sensitive", "PII which if lost could result in harm to an individual."),
                ("NonSensitive", "PII which is easily accessible from public sources."),
                ("None", "Non PII."),
            ],
        ),
    }
    for name, (description, exclusive, members) in tags.items():
        classification = seeder.save(
            "classification",
            {
                "name": name,
                "fullyQualifiedName": name,
                "description": description,
                "provider": "system",
                "mutuallyExclusive": exclusive,
                "disabled": False,
            },
        )
        for tag, text in members:
            seeder.save(
                "tag",
                {
                    "name": tag,
                    "fullyQualifiedName": f"{name}.{tag}",
                    "description": text,
                    "classification": reference("classification", classification),
                    "provider": "system",
                    "mutuallyExclusive": False,
                    "deprecated": False,
                    "disabled": False,
                },
                parent=name,
            )


def add_stale_pipeline(seeder: Seeder, service: Entity) -> None:
    """A dbt pipeline whose last run is nine days old, and which is paused."""
    ended = now_ms() - 9 * DAY_MS
    pipeline = seeder.save(
        "ingestionPipeline",
        {
            "name": "dbt_cloud_sync",
            "fullyQualifiedName": f"{service['fullyQualifiedName']}.dbt_cloud_sync",
            "displayName": "dbt Cloud sync",
            "pipelineType": "dbt",
            "service": reference("databaseService", service),
            "sourceConfig": {"config": _dbt_source()},
            "airflowConfig": AIRFLOW_DEFAULTS | {"scheduleInterval": "0 7 * * *"},
            "loggerLevel": "INFO",
            "raiseOnError": True,
            "enableStreamableLogs": False,
            "provider": "user",
            "deployed": True,
            "enabled": False,
            "owners": [],
        },
        parent=service["fullyQualifiedName"],
        user="ana",
    )
    run_id, fqn = new_id(), pipeline["fullyQualifiedName"]
    seeder.store.save_status(
        fqn,
        {
            "runId": run_id,
            "pipelineState": "success",
            "startDate": ended - 74_000,
            "timestamp": ended - 74_000,
            "endDate": ended,
            "status": [{"name": "Source", "records": 22, "warnings": 0, "errors": 0, "filtered": 0}],
        },
    )
    seeder.store.append_log(fqn, run_id, ["INFO     Workflow finished with the state success"])


def _dbt_source() -> Entity:
    return {
        "type": "DBT",
        "dbtConfigSource": {
            "dbtConfigType": "cloud",
            "dbtCloudAuthToken": "a token that was revoked",
            "dbtCloudAccountId": str(ACCOUNT_ID),
            "dbtCloudProjectId": str(PROJECT_ID),
            "dbtCloudJobId": str(NIGHTLY_ID),
            "dbtCloudUrl": "https://cloud.getdbt.com",
        },
        "dbtUpdateDescriptions": True,
        "dbtUpdateOwners": True,
        "includeTags": True,
        "dbtClassificationName": "dbtTags",
    }


def add_dashboard(seeder: Seeder) -> None:
    """The dashboard that an exposure of the shop names."""
    seeder.save(
        "dashboard",
        {
            "name": "weekly_sales_board",
            "fullyQualifiedName": "shop_bi.weekly_sales_board",
            "displayName": "Weekly sales board",
            "service": {
                "id": new_id(),
                "type": "dashboardService",
                "name": "shop_bi",
                "fullyQualifiedName": "shop_bi",
                "deleted": False,
            },
            "serviceType": "Metabase",
            "owners": [],
            "tags": [],
        },
        user=BOT,
    )


def add_test_definitions(seeder: Seeder) -> None:
    """Two of the test definitions that a server is delivered with."""
    for name, text in (
        ("columnValuesToBeUnique", "Every value of the column is there once."),
        ("columnValuesToBeNotNull", "The column has no empty value."),
    ):
        seeder.save(
            "testDefinition",
            {
                "name": name,
                "fullyQualifiedName": name,
                "description": text,
                "entityType": "COLUMN",
                "testPlatforms": ["OpenMetadata"],
                "supportedDataTypes": [],
                "parameterDefinition": [],
                "provider": "system",
            },
        )


def add_unreadable_test_case(seeder: Seeder, table_fqn: str) -> None:
    r"""A test case with a ``\`` in its name, of which newer servers cannot read the latest result."""
    table = seeder.store.by_fqn("table", table_fqn)
    definition = seeder.store.by_fqn("testDefinition", "columnValuesToBeNotNull")
    assert table is not None
    assert definition is not None
    suite = seeder.save(
        "testSuite",
        {
            "name": f"{table_fqn}.testSuite",
            "fullyQualifiedName": f"{table_fqn}.testSuite",
            "basic": True,
            "basicEntityReference": reference("table", table),
        },
        parent=table_fqn,
    )
    column = f"{table_fqn}.{table['columns'][0]['name']}"
    seeder.save(
        "testCase",
        {
            "name": "total\\net is known",
            "fullyQualifiedName": f"{column}.total\\net is known",
            "entityLink": f"<#E::table::{table_fqn}::columns::{table['columns'][0]['name']}>",
            "entityFQN": column,
            "testDefinition": reference("testDefinition", definition),
            "testSuite": reference("testSuite", suite),
            "parameterValues": [],
        },
        parent=table_fqn,
        root=suite["fullyQualifiedName"],
    )


def add_metadata_agent(seeder: Seeder, service: Entity, schemas: list[str]) -> None:
    """The service's metadata agent, which takes these schemas only and ran two days ago."""
    fqn = f"{service['fullyQualifiedName']}.shop_warehouse_metadata"
    seeder.save(
        "ingestionPipeline",
        {
            "name": "shop_warehouse_metadata",
            "fullyQualifiedName": fqn,
            "pipelineType": "metadata",
            "service": reference("databaseService", service),
            "sourceConfig": {
                "config": {
                    "type": "DatabaseMetadata",
                    "schemaFilterPattern": {"includes": schemas, "excludes": []},
                }
            },
            "airflowConfig": AIRFLOW_DEFAULTS | {"scheduleInterval": "0 3 * * 0"},
            "loggerLevel": "INFO",
            "raiseOnError": True,
            "enableStreamableLogs": False,
            "provider": "user",
            "deployed": True,
            "enabled": True,
            "owners": [],
        },
        parent=service["fullyQualifiedName"],
        user="admin",
    )
    ended = now_ms() - 2 * DAY_MS
    seeder.store.save_status(
        fqn,
        {
            "runId": new_id(),
            "pipelineState": "success",
            "startDate": ended - 31_000,
            "timestamp": ended - 31_000,
            "endDate": ended,
        },
    )


def add_dbt_cloud_connector(seeder: Seeder) -> None:
    """OpenMetadata's dbt Cloud connector for the shop's account, with an agent that writes no lineage."""
    service = seeder.save(
        "pipelineService",
        {
            "name": "dbt_cloud_jobs",
            "fullyQualifiedName": "dbt_cloud_jobs",
            "serviceType": "DBTCloud",
            "connection": {
                "config": {
                    "type": "DBTCloud",
                    "host": "https://cloud.getdbt.com",
                    "discoveryAPI": "https://metadata.cloud.getdbt.com/graphql",
                    "accountId": str(ACCOUNT_ID),
                    "token": "*********",
                }
            },
            "owners": [],
            "tags": [],
        },
    )
    seeder.save(
        "ingestionPipeline",
        {
            "name": "dbt_cloud_jobs_metadata",
            "fullyQualifiedName": "dbt_cloud_jobs.dbt_cloud_jobs_metadata",
            "pipelineType": "metadata",
            "service": reference("pipelineService", service),
            "sourceConfig": {"config": {"type": "PipelineMetadata", "includeLineage": False}},
            "airflowConfig": AIRFLOW_DEFAULTS | {"scheduleInterval": "0 * * * *"},
            "loggerLevel": "INFO",
            "raiseOnError": True,
            "enableStreamableLogs": False,
            "provider": "user",
            "deployed": True,
            "enabled": True,
            "owners": [],
        },
        parent="dbt_cloud_jobs",
    )
    ended = now_ms() - 2 * DAY_MS
    seeder.save(
        "pipeline",
        {
            "name": "nightly",
            "fullyQualifiedName": "dbt_cloud_jobs.nightly",
            "service": reference("pipelineService", service),
            "serviceType": "DBTCloud",
            "sourceUrl": f"https://cloud.getdbt.com/deploy/{ACCOUNT_ID}/projects/{PROJECT_ID}/jobs/{NIGHTLY_ID}",
            "tasks": [{"name": "Run", "displayName": "Run"}],
            "pipelineStatus": {
                "timestamp": ended - 3_600_000,
                "executionStatus": "Successful",
                "taskStatus": [{"name": "Run", "executionStatus": "Successful"}],
            },
            "owners": [],
            "tags": [],
        },
        parent="dbt_cloud_jobs",
    )
    seeder.store.save_status(
        "dbt_cloud_jobs.dbt_cloud_jobs_metadata",
        {
            "runId": new_id(),
            "pipelineState": "success",
            "startDate": ended,
            "timestamp": ended,
            "endDate": ended,
        },
    )


def add_ingestion_runner(seeder: Seeder, service: Entity) -> None:
    """The hybrid runner that a service's agents run on: ``ingestionRunner``, in the schemas since 1.7."""
    service["ingestionRunner"] = {
        "id": new_id(),
        "type": "ingestionRunner",
        "name": "eu_runner",
        "fullyQualifiedName": "eu_runner",
        "displayName": "EU runner",
        "deleted": False,
    }
    seeder.store.save("databaseService", service)
