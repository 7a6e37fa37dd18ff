"""The client passes against a mock that others' program makes from dbt's own OpenAPI documents.

Prism answers 422 to a request that the document does not allow and 401 to one without its bearer token, and
gives every field that the document names. One call is not tried: ``status__in`` as a JSON list, which is what
dbt Cloud takes and the reference client sends, while the document calls it an array.
"""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.models import RunOrder
from dbtcollate_tui.dbt_cloud.run_choice import NoRun, choose_run
from dbtcollate_tui.transport.pacing import RetryPolicy, Unpaced
from tests.contract.dbt_cloud_mock import mocking

TOKEN = SecretStr("dbtc_ForTheMock0123456789012345678901")
ACCOUNT, PROJECT, JOB, RUN = 70403, 11, 22, 33


def connect(url: str) -> DbtCloudClient:
    return DbtCloudClient(url, TOKEN, pacer=Unpaced(), retries=RetryPolicy(attempts=1))


@pytest.fixture
async def second() -> AsyncIterator[DbtCloudClient]:
    async with mocking(2) as url, connect(url) as client:
        yield client


async def test_version_2(second: DbtCloudClient) -> None:
    assert (await second.account(ACCOUNT)).name
    assert len(await second.jobs(ACCOUNT)) == 1
    jobs = await second.jobs(ACCOUNT, PROJECT)
    assert jobs[0].environment is not None
    assert jobs[0].commands
    assert (await second.job(ACCOUNT, JOB)).schedule_words
    runs = await second.runs(
        ACCOUNT, project_id=PROJECT, job_id=JOB, status_in=(10,), order_by="-finished_at"
    )
    assert runs[0].trigger is not None
    assert runs[0].job is not None
    assert runs[0].job.schedule.cron
    one = await second.run(ACCOUNT, RUN)
    assert one.finished_at is not None
    assert one.run_steps[0].name
    assert await second.artifact_names(ACCOUNT, RUN)
    pieces: list[bytes] = []
    for step in (None, 4):
        assert await second.download_artifact(
            ACCOUNT, RUN, "manifest.json", step, pieces.append, pieces.clear
        )
    statuses = {record.status for record in second.request_log.newest()}
    assert statuses == {200}


@pytest.mark.parametrize(
    "order",
    [
        RunOrder(cause="a test"),
        RunOrder(
            cause="a test",
            generate_docs=True,
            commands=("dbt build", "dbt docs generate"),
            git_branch="main",
            git_sha="0a1b2c3d",
            dbt_version="latest",
        ),
    ],
    ids=["plain", "overrides"],
)
async def test_a_run_is_started(second: DbtCloudClient, order: RunOrder) -> None:
    assert (await second.start_run(ACCOUNT, JOB, order)).outcome
    assert {record.status for record in second.request_log.newest()} == {200}


async def test_a_run_is_cancelled_retried_and_its_steps_read(second: DbtCloudClient) -> None:
    assert (await second.cancel_run(ACCOUNT, RUN)).outcome
    assert (await second.retry_run(ACCOUNT, RUN)).outcome
    assert (await second.step_log(ACCOUNT, 44)).name
    assert {record.status for record in second.request_log.newest()} == {200}


async def test_the_choice_of_a_run(second: DbtCloudClient) -> None:
    with pytest.raises(NoRun):
        await choose_run(second, ACCOUNT, PROJECT, JOB)
    assert {record.status for record in second.request_log.newest()} == {200}


async def test_version_3() -> None:
    async with mocking(3) as url, connect(url) as client:
        assert len(await client.accounts()) == 1
        assert (await client.projects(ACCOUNT))[0].name
        assert (await client.environments(ACCOUNT, PROJECT))[0].name
        assert (await client.connections(ACCOUNT))[0].name
        assert (await client.connection(ACCOUNT, 1)).adapter_version
        assert {record.status for record in client.request_log.newest()} == {200}


@pytest.mark.parametrize("seed", ["a", "b", "c"])
async def test_any_values_that_the_document_allows_are_read(seed: str) -> None:
    async with mocking(2, "--dynamic", "--seed", seed) as url, connect(url) as client:
        for _ in range(5):
            assert (await client.run(ACCOUNT, RUN)).outcome
            for run in await client.runs(ACCOUNT):
                assert run.outcome
            job = await client.job(ACCOUNT, JOB)
            assert job.schedule_words
            assert isinstance(job.is_ci, bool)
            await client.account(ACCOUNT)
