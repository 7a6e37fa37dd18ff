"""What the sandbox's pipeline service runs: the dbt workflow, by the program's own direct sync."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from dbtcollate_tui.sandbox.collate.runner import PipelineRunContext, PipelineRunFailed
from dbtcollate_tui.transport.addresses import is_loopback

if TYPE_CHECKING:
    from dbtcollate_tui.events.types import SyncEvent
    from dbtcollate_tui.settings.model import Profile

SOURCE, SINK = "dbt Cloud", "OpenMetadata"
REPORT_EVERY = 20


async def sync_worker(context: PipelineRunContext) -> None:
    """Do the sync that the pipeline is configured for; logs a line for each change, counts records.

    It takes the latest run that ended, as Collate's workers do. Raises `PipelineRunFailed` with the reason
    where the sync fails: a token that dbt Cloud refuses, no run, no table.
    """
    from dbtcollate_tui.collate.client import CollateClient
    from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
    from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
    from dbtcollate_tui.errors import ActionableError
    from dbtcollate_tui.sync.direct import run_direct
    from dbtcollate_tui.sync.engine import Engine

    config = _config(context.pipeline)
    if config["dbtConfigSource"].get("dbtConfigType", "cloud") != "cloud":
        raise PipelineRunFailed("the sandbox's workers read dbt Cloud only")
    address = str(config["dbtConfigSource"]["dbtCloudUrl"])
    if not is_loopback(urlsplit(address).hostname or ""):
        raise PipelineRunFailed(f"{address} is not on this machine, and no other can be reached from here")
    token = SecretStr(str(config["dbtConfigSource"]["dbtCloudAuthToken"]))
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="dbtcollate-worker-")
    status = _Telling(context)
    try:
        profile = _profile(context, config)
        async with (
            DbtCloudClient(profile.dbt_cloud.base_url, token) as dbt_cloud,
            CollateClient(context.collate_url, context.collate_token) as collate,
        ):
            await collate.connect()
            events = run_direct(
                Engine(
                    profile, dbt_cloud, collate, artifacts=ArtifactStore(Path(folder.name)), report_runs=False
                )
            )
            async for event in events:
                status.take(event)
    except ActionableError as error:
        context.log_level("ERROR", error.as_text())
        raise PipelineRunFailed(error.title) from error
    finally:
        await asyncio.to_thread(folder.cleanup)


class _Telling:
    """Turns a sync's events into the run's log, step counts and progress."""

    def __init__(self, context: PipelineRunContext) -> None:
        self._context = context
        self._written = 0
        context.step(SOURCE)
        context.step(SINK)

    def take(self, event: "SyncEvent") -> None:
        from dbtcollate_tui.events import types as events

        context = self._context
        match event:
            case events.PhaseStarted():
                context.log(event.text)
                context.progress({"updateType": "PROCESSING", "stepName": event.phase, "message": event.text})
            case events.PhaseFinished():
                context.log_level(
                    "INFO" if event.level == "ok" else "WARNING", f"{event.phase}: {event.text}"
                )
            case events.PlanReady():
                context.step(SOURCE, records=len(event.plan.match.matched))
                context.step(SOURCE, filtered=len(event.plan.match.missing))
                context.report()
            case events.LogLine() if event.level != "debug":
                context.log_level("WARNING" if event.level == "warn" else event.level.upper(), event.text)
            case events.Applied():
                self._written += 1
                context.log(f"{event.change.group} of {event.change.label} written")
                context.step(SINK, records=self._written)
                if self._written % REPORT_EVERY == 0:
                    context.report()
            case events.Skipped():
                context.log_level("WARNING", f"{event.change.label}: {event.reason}")
                context.step(SINK, warnings=context.step(SINK)["warnings"] + 1)
            case events.Failed() if event.change is not None:
                context.log_level("ERROR", f"{event.change.label}: {event.error.title}")
                context.failure(SINK, event.change.label, event.error.title)
            case events.Failed():
                context.log_level("ERROR", event.error.as_text())
            case events.RunFinished():
                context.log(event.text)
                if event.outcome == "failed":
                    raise PipelineRunFailed(event.text)


def _config(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    config = pipeline["sourceConfig"]["config"]
    if config.get("type") != "DBT":
        raise PipelineRunFailed(f"the sandbox has no worker for {config.get('type')} pipelines")
    found: dict[str, Any] = config
    return found


def _profile(context: PipelineRunContext, config: Mapping[str, Any]) -> "Profile":
    from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile, SyncOptions

    source = config["dbtConfigSource"]
    return Profile(
        name=context.pipeline["name"],
        dbt_cloud=DbtCloudSettings(
            base_url=source["dbtCloudUrl"],
            account_id=int(source["dbtCloudAccountId"]),
            project_id=_number(source.get("dbtCloudProjectId")),
            job_id=_number(source.get("dbtCloudJobId")),
            run_rule="newest_completed",
        ),
        collate=CollateSettings(
            base_url=context.collate_url, service=context.pipeline["service"]["fullyQualifiedName"]
        ),
        options=SyncOptions(
            update_descriptions=config.get("dbtUpdateDescriptions", False),
            update_owners=config.get("dbtUpdateOwners", False),
            include_tags=config.get("includeTags", True),
            classification=config.get("dbtClassificationName") or "dbtTags",
            search_across_services=config.get("searchAcrossDatabases", False),
            database_map=config.get("catalogMapping") or {},
        ),
    )


def _number(text: object) -> int | None:
    return int(str(text)) if text else None
