"""The client against the sandbox's Collate, which accepts nothing that a real server refuses."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import GuardFailedError, NotFoundError
from dbtcollate_tui.collate.models import FINAL_STATES, LineageEdge, StepSummary, Table, TagLabel
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.collate.pipeline_follow import EndedUpdate, LogUpdate, trigger_and_follow
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.collate.pipelines import IngestionPipelines, NoPipelineServiceError
from dbtcollate_tui.collate.run_report import RunReport
from dbtcollate_tui.sandbox.server import Sandbox

SERVICE = "shop_warehouse"
VERSIONS = ["latest", "1.1"]


@pytest_asyncio.fixture(params=VERSIONS)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[CollateClient]:
    async with (
        Sandbox(server_version=request.param) as sandbox,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as found,
    ):
        await found.connect()
        yield found


async def some_tables(client: CollateClient) -> list[Table]:
    (database,) = await client.databases(SERVICE)
    return [table async for table in client.tables(database.fullyQualifiedName)]


async def test_reading(client: CollateClient) -> None:
    tables = await some_tables(client)
    (database,) = await client.databases(SERVICE)
    assert len(tables) == await client.table_count(database.fullyQualifiedName)
    assert all(table.columns for table in tables)
    assert (await client.capabilities()).read_only is False


async def test_a_table_is_changed_once(client: CollateClient) -> None:
    stale = (await some_tables(client))[0]
    await client.put_classification("dbtTags")
    await client.put_tag("dbtTags", "mart")
    ops = TablePatch(stale, client.dialect).set_description("first words").ops()
    await client.patch_table(stale.id, ops)
    fresh = await client.table(stale.fullyQualifiedName)
    assert fresh is not None
    label = TagLabel(tagFQN="dbtTags.mart", labelType="Automated")
    patch = TablePatch(fresh, client.dialect).set_description("second words")
    patch.set_column_description(fresh.columns[0].name, "a column").set_tags([label])
    await client.patch_table(fresh.id, patch.ops())
    again = await client.table(fresh.fullyQualifiedName)
    assert again is not None
    assert again.description == "second words"
    assert again.columns[0].description == "a column"
    assert [tag.tagFQN for tag in again.tags] == ["dbtTags.mart"]
    with pytest.raises(GuardFailedError):
        await client.patch_table(fresh.id, patch.ops())


async def test_lineage_and_data_model(client: CollateClient) -> None:
    first, second, *_ = await some_tables(client)
    edge = LineageEdge(
        fromEntity=first.as_reference(),
        toEntity=second.as_reference(),
        source="DbtLineage",
        sqlQuery="select 1",
    )
    assert await client.edge(first.id, second.id) is None
    await client.put_lineage(edge)
    found = await client.edge(first.id, second.id)
    assert found is not None
    assert (found.source, found.sqlQuery) == ("DbtLineage", "select 1")
    (upstream,) = await client.lineage_upstream(second)
    assert upstream.fromEntity.fullyQualifiedName == first.fullyQualifiedName
    ghost = replace(first.as_reference(), id="00000000-0000-4000-8000-000000000000")
    with pytest.raises(NotFoundError):
        await client.put_lineage(replace(edge, fromEntity=ghost))
    body = {"modelType": "DBT", "resourceType": "model", "dbtSourceProject": "shop", "sql": "select 1"}
    await client.put_data_model(second.id, body)
    table = await client.table(second.fullyQualifiedName)
    assert table is not None
    assert table.dataModel is not None
    assert table.dataModel.sql == "select 1"


async def test_a_test_and_its_result(client: CollateClient) -> None:
    table = (await some_tables(client))[0]
    suite = None
    if client.dialect.needs_test_suite:
        suite = (await client.put_test_suite(table.fullyQualifiedName)).fullyQualifiedName
    definition = await client.put_test_definition("dbt_unique", entity_type="COLUMN", parameters=["unique"])
    case = await client.put_test_case(
        "unique_it",
        definition=definition.fullyQualifiedName or definition.name,
        table_fqn=table.fullyQualifiedName,
        column=table.columns[0].name,
        parameters={"unique": ""},
        suite_fqn=suite,
    )
    now = int(time.time() * 1000)
    value = [{"name": "unique", "value": "1"}]
    result = {"timestamp": now, "testCaseStatus": "Success", "testResultValue": value}
    assert await client.add_test_case_result(case.fullyQualifiedName, result)
    (read,) = await client.test_case_results(case.fullyQualifiedName, now - 1000, now + 1000)
    assert (read.timestamp, read.testCaseStatus) == (now, "Success")
    assert [found.name for found in await client.test_cases(table.fullyQualifiedName)] == ["unique_it"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_pipeline_from_first_to_last(version: str) -> None:
    async with (
        Sandbox("pipeline-service-down" if version == "1.1" else "", version) as sandbox,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as client,
    ):
        await client.connect()
        service = await client.database_service(SERVICE)
        assert service is not None
        pipelines = IngestionPipelines(client)
        spec = DbtPipelineSpec(
            name="dbt_cloud_sync_of_a_test",
            service=service.as_reference(),
            account_id=sandbox.account_id,
            project_id=sandbox.project_id,
            job_id=7,
            base_url=sandbox.dbt_cloud_url,
            token=sandbox.dbt_cloud_token,
            schedule="0 7 * * *",
        )
        before = len(await pipelines.of_service(SERVICE))
        made = await pipelines.create_or_update(spec)
        again = await pipelines.diff(spec)
        assert again.existing is not None
        assert (again.existing.id, again.changes) == (made.id, ())
        assert again.credential == ("same" if version == "1.1" else "hidden")
        await pipelines.create_or_update(spec, again)
        assert len(await pipelines.of_service(SERVICE)) == before + 1
        report = RunReport(client, made.fullyQualifiedName)
        assert await report.start()
        assert await report.finish("success", [StepSummary(name="dbt", records=3)])
        if version == "1.1":
            assert not (await pipelines.service_status()).available
            with pytest.raises(NoPipelineServiceError):
                await pipelines.deploy(made)
            return
        assert (await pipelines.service_status()).available
        await pipelines.deploy(made)
        updates = [
            update
            async for update in trigger_and_follow(
                pipelines, made, poll_seconds=0.1, quiet_seconds=0.2, pause_seconds=0.2
            )
        ]
        assert isinstance(updates[-1], EndedUpdate)
        assert updates[-1].run.pipelineState in FINAL_STATES
        assert any(isinstance(update, LogUpdate) and update.way == "stream" for update in updates)
        runs = await pipelines.statuses(made.fullyQualifiedName)
        assert {report.run_id, updates[-1].run.runId} <= {run.runId for run in runs}
