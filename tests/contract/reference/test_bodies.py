"""Bodies held to the reference's models: what the program sends, and what the sandbox answers.

The models are generated from the server's own schemas and refuse a key that they do not know.
"""

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import LineageEdge, StackTraceError, StepSummary
from dbtcollate_tui.collate.pipeline_follow import trigger_and_follow
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.collate.run_report import RunReport
from dbtcollate_tui.sandbox.collate.kinds import KINDS
from dbtcollate_tui.sandbox.collate.runner import PipelineRunContext
from tests.contract.reference.ends import SERVICE, direct_sync, new_run, spec_of
from tests.contract.reference.interpreter import run_theirs
from tests.contract.reference.recording import Exchange, RecordingSandbox

PAGE = 1000
WORKFLOWS = "/automations/workflows"
REVIEWED_BY_NAME = ("databaseService", "table", "user", "team", "tag", "testDefinition", "ingestionPipeline")


async def worker(context: PipelineRunContext) -> None:
    """A run that says something in every way that there is, and fails at one asset."""
    if context.pipeline["name"].endswith("_long"):
        await asyncio.sleep(600)
    context.log("reading manifest.json")
    context.progress({"updateType": "PROCESSING", "stepName": "dbt", "message": "3 of 9"})
    context.step("dbt", records=9, updated_records=3, warnings=1)
    context.failure("dbt", "fct_orders", "refused")


async def use_pipelines(client: CollateClient, sandbox: RecordingSandbox) -> None:
    """Create, update, deploy, run, follow, pause and kill a pipeline, as the program does."""
    pipelines = IngestionPipelines(client)
    await pipelines.service_status()
    spec = await spec_of(client, sandbox)
    made = await pipelines.create_or_update(spec)
    made = await pipelines.create_or_update(spec)
    await pipelines.deploy(made)
    quick = {"poll_seconds": 0.1, "quiet_seconds": 0.2, "pause_seconds": 0.2}
    async for _ in trigger_and_follow(pipelines, made, **quick):
        pass
    runs = await pipelines.statuses(made.fullyQualifiedName)
    assert runs[0].pipelineState == "partialSuccess"
    assert await pipelines.status(made.fullyQualifiedName, runs[0].runId or "") is not None
    await pipelines.toggle(await pipelines.toggle(made))
    await pipelines.kill(made)
    report = RunReport(client, made.fullyQualifiedName)
    assert await report.start()
    assert await report.log(["one line", "another"])
    assert await report.progress("PROCESSING", "write", "3 of 9")
    steps = [StepSummary(name="dbt", records=1, failures=(StackTraceError(name="orders", error="refused"),))]
    assert await report.steps(steps)
    assert await report.finish("partialSuccess", steps)
    assert report.refusals == []


async def use_the_rest(client: CollateClient) -> None:
    """What neither a sync of the shop nor a pipeline calls."""
    assert not (await client.capabilities()).read_only
    await client.database_services()
    (database,) = await client.databases(SERVICE)
    await client.schemas(database.fullyQualifiedName)
    first, second, *_ = [table async for table in client.tables(database.fullyQualifiedName)]
    edge = LineageEdge(fromEntity=second.as_reference(), toEntity=first.as_reference(), source="DbtLineage")
    await client.put_lineage(edge)
    assert await client.edge(second.id, first.id) is not None
    await client.delete_lineage(edge)
    case = await anext(client.all_test_cases())
    await client.patch_test_case(case.id, [{"op": "add", "path": "/description", "value": "a text"}])
    assert await client.test_case_results(case.fullyQualifiedName, 0, 2_000_000_000_000)
    assert await client.owner("ana") is not None


async def read_everything(client: httpx.AsyncClient) -> None:
    """Every entity of every kind with every field, by list, by id, and some by name."""
    for kind in KINDS.values():
        fields = {"fields": ",".join(sorted(kind.on_request))}
        listed = await client.get(f"/{kind.path}", params={**fields, "limit": PAGE})
        if listed.status_code == httpx.codes.METHOD_NOT_ALLOWED:
            continue
        assert listed.status_code == httpx.codes.OK, (kind.name, listed.text)
        found: list[dict[str, Any]] = listed.json()["data"]
        assert found or kind.name in EMPTY, kind.name
        for entity in found[:30]:
            (await client.get(f"/{kind.path}/{entity['id']}", params=fields)).raise_for_status()
        if kind.name in REVIEWED_BY_NAME:
            name = found[0]["fullyQualifiedName"]
            (await client.get(f"/{kind.path}/name/{name}", params=fields)).raise_for_status()
        if kind.name == "table":
            for table in found:
                params = {"upstreamDepth": 3, "downstreamDepth": 3}
                (await client.get(f"/lineage/table/{table['id']}", params=params)).raise_for_status()


EMPTY = frozenset(
    {
        "apiEndpoint",
        "dataContract",
        "domain",
        "glossary",
        "glossaryTerm",
        "metric",
        "mlmodel",
        "pipeline",
        "pipelineService",
    }
)
"""Kinds of which the shop's server has none."""
SENT = {
    "AddLineageRequest",
    "CreateClassificationRequest",
    "CreateIngestionPipelineRequest",
    "CreateTagRequest",
    "CreateTestCaseRequest",
    "CreateTestCaseResult",
    "CreateTestDefinitionRequest",
    "CreateWorkflowRequest",
    "DataModel",
    "EntityReferenceList",
    "PipelineStatus",
    "ProgressUpdate",
    "TagLabel",
}
TOLD = {
    "Classification",
    "Dashboard",
    "Database",
    "DatabaseSchema",
    "DatabaseService",
    "EntityLineage",
    "IngestionPipeline",
    "LineageDetails",
    "LogStreamEvent",
    "OpenMetadataServerVersion",
    "PipelineServiceClientResponse",
    "PipelineStatus",
    "ProgressUpdate",
    "ResourcePermission",
    "Table",
    "Tag",
    "Team",
    "TestCase",
    "TestCaseResult",
    "TestDefinition",
    "TestSuite",
    "User",
    "Workflow",
}


async def try_a_connection(sandbox: RecordingSandbox, client: httpx.AsyncClient) -> None:
    """An automation that asks dbt Cloud from the server's side."""
    config = {
        "type": "DBTCloud",
        "host": sandbox.dbt_cloud_url,
        "discoveryAPI": sandbox.dbt_cloud_url,
        "accountId": str(sandbox.account_id),
        "token": sandbox.dbt_cloud_token.get_secret_value(),
    }
    request = {"connection": {"config": config}, "serviceType": "Pipeline"}
    body = {"name": "a_connection", "workflowType": "TEST_CONNECTION", "request": request}
    made = (await client.post(WORKFLOWS, json=body)).raise_for_status().json()
    (await client.post(f"{WORKFLOWS}/trigger/{made['id']}")).raise_for_status()
    until = time.monotonic() + 10
    while (found := (await client.get(f"{WORKFLOWS}/{made['id']}")).json())["status"] in (
        "Pending",
        "Running",
    ):
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    assert found["status"] == "Successful"


async def test_every_body_fits_the_references_models(tmp_path: Path) -> None:
    async with (
        RecordingSandbox(run_seconds=0.3, worker=worker) as sandbox,
        CollateClient(sandbox.collate_url, sandbox.collate_token) as client,
        httpx.AsyncClient(
            base_url=f"{sandbox.collate_url}/api/v1",
            headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
            timeout=30,
        ) as reader,
    ):
        await new_run(sandbox)
        assert (await direct_sync(sandbox, sandbox, tmp_path)).outcome == "ok"
        await client.connect()
        await use_pipelines(client, sandbox)
        await use_the_rest(client)
        await try_a_connection(sandbox, reader)
        await read_everything(reader)
        exchanges = sandbox.of_collate()
    told = await held_to_the_models(tmp_path, exchanges)
    assert told["complaints"] == []
    assert told["unknown"] == []
    assert {name.removesuffix(" sent") for name in told["checked"] if name.endswith(" sent")} == SENT
    assert {name.removesuffix(" told") for name in told["checked"] if name.endswith(" told")} == TOLD


async def test_the_models_refuse_what_they_should(tmp_path: Path) -> None:
    def put(path: str, sent: Any, told: Any, status: int = 200, method: str = "PUT") -> Exchange:
        return Exchange("collate", method, f"/api/v1/{path}", "", status, json.dumps(sent), json.dumps(told))

    tag = {"name": "core", "description": "d", "classification": "dbtTags"}
    patch = [{"op": "add", "path": "/owners", "value": [{"id": "no uuid", "type": "user"}]}]
    told = await held_to_the_models(
        tmp_path,
        [
            put("tags", tag | {"zzz": 1}, tag | {"id": "0b6f0c39-7a4f-4b6e-8f3b-2f7d6f0c9a11"}),
            put("tags/name/dbtTags.core", None, tag | {"deleted": False}, method="GET"),
            put("tables/x", patch, {"name": "a table without columns"}, method="PATCH"),
            put("lineage", None, {"responseMessage": "in another shape"}, 500),
            put("nobody/knows", {}, {}),
        ],
    )
    places = [complaint.split(":")[0] for complaint in told["complaints"]]
    assert places == [
        "PUT tags (200) request",
        "PUT tags (200) answer",
        "GET tags/name/dbtTags.core (200) answer",
        "PATCH tables/x (200) patch",
        "PATCH tables/x (200) answer",
        "PUT lineage (500)",
    ]
    assert told["unknown"] == ["PUT nobody/knows"]


async def held_to_the_models(folder: Path, exchanges: list[Exchange]) -> Any:
    """What the reference's models say of these exchanges."""
    file = folder / "exchanges.json"
    file.write_text(json.dumps([asdict(exchange) for exchange in exchanges]), encoding="utf-8")
    return await run_theirs("models.py", str(file))
