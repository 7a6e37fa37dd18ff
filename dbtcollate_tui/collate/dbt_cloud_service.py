"""OpenMetadata's own dbt Cloud connector: a pipeline service that shows an account's job runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import model_validator

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.entity import Entity
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


@dataclass(frozen=True, slots=True)
class Connector:
    """The connector of an account on this server: its last run, and whether it writes lineage."""

    name: str
    last_run: PipelineStatus | None
    writes_lineage: bool

    def sentence(self) -> str:
        """What a person should know of it."""
        run = "has not run yet"
        if self.last_run is not None:
            run = f"last run: {self.last_run.pipelineState or 'unknown'}"
        lineage = "writes lineage of its own" if self.writes_lineage else "writes no lineage"
        return (
            f"OpenMetadata's dbt Cloud connector {self.name} shows this account's job runs ({run}; it "
            f"{lineage}). It brings no descriptions, tags or test results, so both can stay."
        )


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
        pipelines = IngestionPipelines(client)
        agents = await pipelines.of_service(found.fullyQualifiedName or found.name)
        agent = next((item for item in agents if item.pipelineType == "metadata"), None)
        if agent is None:
            return Connector(found.name, None, writes_lineage=True)
        doing = "show the connector's agent"
        answer = await client.call("GET", f"{ROOT}/{path_segment(agent.id)}", doing=doing)
        config = (read_object(answer, doing).get("sourceConfig") or {}).get("config") or {}
        return Connector(found.name, agent.pipelineStatuses, config.get("includeLineage") is not False)
    except (CollateError, ForbiddenError):
        return None
