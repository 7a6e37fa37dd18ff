"""OpenMetadata's own dbt Cloud connector: a pipeline service that shows an account's job runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import model_validator

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.entity import Entity, MaybeMs
from dbtcollate_tui.collate.errors import CollateError, ForbiddenError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import PipelineStatus
from dbtcollate_tui.collate.pipelines import ROOT, IngestionPipelines
from dbtcollate_tui.collate.reader import read_object

SERVICE_TYPE = "DBTCloud"


class PipelineService(Entity):
    """A pipeline service; ``account_id`` is the dbt Cloud account that its connection names, no secret."""

    id: str
    name: str
    fullyQualifiedName: str = ""
    serviceType: str = ""
    account_id: str = ""

    @model_validator(mode="before")
    @classmethod
    def _read_connection(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        values = dict(data)
        connection = values.pop("connection", None)
        config = connection.get("config") if isinstance(connection, Mapping) else None
        if isinstance(config, Mapping):
            values.setdefault("account_id", str(config.get("accountId") or ""))
        return values


class JobRunStatus(Entity):
    """The latest run of a job that the connector has read."""

    executionStatus: str = ""
    timestamp: MaybeMs = None


class JobPipeline(Entity):
    """A dbt Cloud job, as the connector shows it."""

    id: str
    name: str
    displayName: str = ""
    pipelineStatus: JobRunStatus | None = None


@dataclass(frozen=True, slots=True)
class SeenRun:
    """The latest job run that the connector shows."""

    job: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Connector:
    """The connector of an account on this server: its last run, what it has seen, and its lineage setting."""

    name: str
    last_run: PipelineStatus | None
    writes_lineage: bool
    seen: SeenRun | None = None

    @property
    def ran_at(self) -> datetime | None:
        """When its agent last ran."""
        run = self.last_run
        moment = run and (run.endDate or run.timestamp or run.startDate)
        return datetime.fromtimestamp(moment / 1000, UTC) if moment else None


async def connector_of(client: CollateClient, account_id: int) -> Connector | None:
    """The connector of an account; ``None`` where there is none, or the token may not see it."""
    if client.dialect.dbt_cloud_connection({}) is None:
        return None
    try:
        pages = client.pages(PipelineService, "/services/pipelineServices", doing="list pipeline services")
        services = [service async for page in pages for service in page]
        found = next(
            (
                service
                for service in services
                if service.serviceType == SERVICE_TYPE and service.account_id == str(account_id)
            ),
            None,
        )
        if found is None:
            return None
        fqn = found.fullyQualifiedName or found.name
        pipelines = IngestionPipelines(client)
        agents = await pipelines.of_service(fqn)
        seen = await _last_seen(client, fqn)
        agent = next((item for item in agents if item.pipelineType == "metadata"), None)
        if agent is None:
            return Connector(fqn, None, writes_lineage=True, seen=seen)
        doing = "show the connector's agent"
        answer = await client.call("GET", f"{ROOT}/{path_segment(agent.id)}", doing=doing)
        config = (read_object(answer, doing).get("sourceConfig") or {}).get("config") or {}
        lineage = config.get("includeLineage") is not False
        return Connector(fqn, agent.pipelineStatuses, lineage, seen)
    except (CollateError, ForbiddenError):
        return None


async def _last_seen(client: CollateClient, service: str) -> SeenRun | None:
    """The latest job run among the pipelines of the connector's service; ``None`` where none can be read."""
    found: list[SeenRun] = []
    params = {"service": service, "fields": "pipelineStatus"}
    try:
        async for page in client.pages(JobPipeline, "/pipelines", params=params, doing="list pipelines"):
            found += [
                SeenRun(
                    job.displayName or job.name,
                    job.pipelineStatus.executionStatus,
                    datetime.fromtimestamp(job.pipelineStatus.timestamp / 1000, UTC),
                )
                for job in page
                if job.pipelineStatus is not None and job.pipelineStatus.timestamp
            ]
    except (CollateError, ForbiddenError):
        return None
    return max(found, key=lambda run: run.at, default=None)
