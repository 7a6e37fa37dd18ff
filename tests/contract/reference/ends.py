"""The two ways into a sandbox's Collate: the reference's workflow, and the direct sync."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.export import ingestion_yaml
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.events.types import PlanReady, RunFinished, SyncEvent
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.sync.direct import prepare_direct, run_direct
from dbtcollate_tui.sync.engine import Engine
from tests.contract.reference.interpreter import run_theirs

SERVICE = "shop_warehouse"
PIPELINE = "dbt_cloud_sync"
_SUCCESS = 10


async def spec_of(client: CollateClient, sandbox: Sandbox) -> DbtPipelineSpec:
    """A pipeline of the sandbox's nightly job, on its database service."""
    service = await client.database_service(SERVICE)
    assert service is not None
    return DbtPipelineSpec(
        name=PIPELINE,
        service=service.as_reference(),
        account_id=sandbox.account_id,
        project_id=sandbox.project_id,
        job_id=sandbox.job_id,
        base_url=sandbox.dbt_cloud_url,
        token=sandbox.dbt_cloud_token,
        schedule="0 7 * * *",
    )


async def new_run(sandbox: Sandbox) -> None:
    """Run the nightly job, so that its newest run is a green one that ends in ``dbt docs generate``."""
    token = sandbox.dbt_cloud_token.get_secret_value()
    account = f"{sandbox.dbt_cloud_url}/api/v2/accounts/{sandbox.account_id}"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        answer = await client.post(f"{account}/jobs/{sandbox.job_id}/run/", json={"cause": "a contract"})
        run = answer.raise_for_status().json()["data"]["id"]
        until = time.monotonic() + 30
        while time.monotonic() < until:
            told = (await client.get(f"{account}/runs/{run}/")).raise_for_status().json()["data"]
            if told["is_complete"]:
                assert told["status"] == _SUCCESS
                return
            await asyncio.sleep(0.05)
    raise AssertionError("the run did not end within 30 s")


async def reference_sync(sandbox: Sandbox, folder: Path, *, report: bool = False) -> dict[str, Any]:
    """Run the reference's workflow on the YAML that this program exports; what became of it.

    With ``report`` it shows itself in Collate as a run of the ingestion pipeline.
    """
    async with CollateClient(sandbox.collate_url, sandbox.collate_token) as client:
        await client.connect()
        spec = await spec_of(client, sandbox)
        text = ingestion_yaml(spec, client.dialect, sandbox.collate_url, report_as_pipeline=report)
    file = folder / "dbt_cloud.yaml"
    file.write_text(text, encoding="utf-8")
    tokens = {
        "DBT_CLOUD_TOKEN": sandbox.dbt_cloud_token.get_secret_value(),
        "COLLATE_TOKEN": sandbox.collate_token.get_secret_value(),
    }
    told: dict[str, Any] = await run_theirs("workflow.py", str(file), env=tokens)
    return told


async def direct_sync(dbt: Sandbox, collate: Sandbox, folder: Path) -> RunFinished:
    """Sync that dbt Cloud's newest completed run into that Collate, as the program does it."""
    last = (await _events(dbt, collate, folder, write=True))[-1]
    assert isinstance(last, RunFinished)
    return last


async def direct_plan(dbt: Sandbox, collate: Sandbox, folder: Path) -> Plan:
    """What a direct sync of that run would change in that Collate."""
    events = await _events(dbt, collate, folder, write=False)
    (ready,) = [event for event in events if isinstance(event, PlanReady)]
    return ready.plan


async def _events(dbt: Sandbox, collate: Sandbox, folder: Path, *, write: bool) -> list[SyncEvent]:
    profile = Profile(
        name="shop",
        dbt_cloud=DbtCloudSettings(
            base_url=dbt.dbt_cloud_url,
            account_id=dbt.account_id,
            project_id=dbt.project_id,
            job_id=dbt.job_id,
            run_rule="newest_completed",
        ),
        collate=CollateSettings(base_url=collate.collate_url, service=SERVICE),
    )
    async with (
        DbtCloudClient(dbt.dbt_cloud_url, dbt.dbt_cloud_token) as source,
        CollateClient(collate.collate_url, collate.collate_token) as target,
    ):
        await target.connect()
        way = run_direct if write else prepare_direct
        return [
            event
            async for event in way(Engine(profile, source, target, artifacts=ArtifactStore(folder / "cache")))
        ]
