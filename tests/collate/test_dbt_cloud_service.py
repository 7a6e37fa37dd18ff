"""OpenMetadata's own dbt Cloud connector, as a pipeline service of this account."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dbtcollate_tui.collate.dbt_cloud_service import Connector, SeenRun, connector_of
from tests.collate.server import FakeCollate, connected, refuse, say

SERVICES = "GET /services/pipelineServices"
AGENTS = "GET /services/ingestionPipelines"
AGENT: dict[str, Any] = {
    "id": "p1",
    "name": "jobs_metadata",
    "fullyQualifiedName": "jobs.jobs_metadata",
    "pipelineType": "metadata",
    "pipelineStatuses": {"runId": "r", "pipelineState": "success", "timestamp": 5_000},
    "sourceConfig": {"config": {"type": "PipelineMetadata", "includeLineage": False}},
}


def service(account: object, kind: str = "DBTCloud") -> dict[str, Any]:
    return {
        "id": "s1",
        "name": "jobs",
        "fullyQualifiedName": "jobs",
        "serviceType": kind,
        "connection": {"config": {"accountId": account, "token": "*********"}},
    }


def job(name: str, ran_at: int) -> dict[str, Any]:
    status = {"pipelineStatus": {"executionStatus": "Failed", "timestamp": ran_at}} if ran_at else {}
    return {"id": name, "name": name, **status}


async def test_the_connector_of_the_account_is_found() -> None:
    fake = FakeCollate(
        answers={
            SERVICES: say({"data": [service("2"), service(1)]}),
            AGENTS: say({"data": [AGENT]}),
            f"{AGENTS}/p1": say(AGENT),
            "GET /pipelines": say({"data": [job("old", 1_000), job("nightly", 3_600_000), job("new", 0)]}),
        }
    )
    async with connected(fake) as client:
        found = await connector_of(client, 1)
    assert found is not None
    assert (found.name, found.writes_lineage) == ("jobs", False)
    assert found.ran_at == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert found.seen == SeenRun("nightly", "Failed", datetime(1970, 1, 1, 1, tzinfo=UTC))


async def test_jobs_that_cannot_be_listed_leave_the_rest() -> None:
    fake = FakeCollate(
        answers={
            SERVICES: say({"data": [service(1)]}),
            AGENTS: say({"data": []}),
            "GET /pipelines": refuse(403, "operations [ViewAll] not allowed"),
        }
    )
    async with connected(fake) as client:
        assert await connector_of(client, 1) == Connector("jobs", None, writes_lineage=True)


@pytest.mark.parametrize(
    "answer",
    [
        say({"data": []}),
        say({"data": [service("2")]}),
        say({"data": [service("1", "Airflow")]}),
        say({"data": [{"id": "s1", "name": "jobs", "serviceType": "DBTCloud"}]}),
        refuse(403, "operations [ViewAll] not allowed"),
        refuse(500, "boom"),
    ],
)
async def test_no_connector_is_no_error(answer: Any) -> None:
    async with connected(FakeCollate(answers={SERVICES: answer})) as client:
        assert await connector_of(client, 1) is None


async def test_a_server_without_the_connector_is_not_asked() -> None:
    fake = FakeCollate("1.4.8")
    async with connected(fake) as client:
        assert await connector_of(client, 1) is None
    assert fake.asked == []
