"""Pipelines on the server: written once, deployed, triggered with patience, killed."""

from dataclasses import replace
from typing import Any

import pytest

from dbtcollate_tui.collate.errors import ConflictError, InvalidRequestError
from dbtcollate_tui.collate.pipelines import IngestionPipelines, NoPipelineServiceError
from tests.collate.pipeline_specs import NEW, SECRET, SPEC, stored
from tests.collate.server import FakeCollate, Handler, connected, missing_call, now_ms, refuse, say

ROOT = "/services/ingestionPipelines"
PIPELINE = stored()
RAW: dict[str, Any] = {**SPEC.body(NEW, "*********"), "id": "p1", "fullyQualifiedName": "shop.dbt_cloud_sync"}
REFUSED = refuse(400, "Failed to deploy pipeline [x] due to [Failed to trigger IngestionPipeline [x]]")


async def test_a_pipeline_is_made_once() -> None:
    fake = FakeCollate(
        answers={
            f"GET {ROOT}": [say({"data": [], "paging": {}}), say({"data": [RAW], "paging": {}})],
            f"GET {ROOT}/p1": say(RAW),
            f"PUT {ROOT}": say(RAW, 201),
        }
    )
    async with connected(fake) as client:
        pipelines = IngestionPipelines(client)
        made = await pipelines.create_or_update(SPEC)
        assert made.fullyQualifiedName == "shop.dbt_cloud_sync"
        await pipelines.create_or_update(replace(SPEC, name="another_name"))
    first, second = fake.bodies(f"PUT {ROOT}")
    assert first["name"] == second["name"] == "dbt_cloud_sync"
    for body in (first, second):
        source = body["sourceConfig"]["config"]["dbtConfigSource"]
        assert source["dbtCloudAuthToken"] == SECRET
    logged = " ".join(f"{record.url} {record.body}" for record in client.transport.request_log.newest())
    assert SECRET not in logged
    assert fake.asked[0].query["service"] == "shop"


async def test_deploying() -> None:
    answer = say({"code": 200, "reason": "deployed", "platform": "Airflow", "version": "2.9"})
    fake = FakeCollate(answers={f"POST {ROOT}/deploy/p1": answer, f"POST {ROOT}/kill/p1": say(None)})
    async with connected(fake) as client:
        pipelines = IngestionPipelines(client)
        assert (await pipelines.deploy(PIPELINE)).platform == "Airflow"
        await pipelines.kill(PIPELINE)
    assert fake.paths("POST") == [f"{ROOT}/deploy/p1", f"{ROOT}/kill/p1"]


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (say({"code": 200, "reason": "Pipeline Client Disabled", "platform": ""}), "has no pipeline service"),
        (refuse(400, "Failed to deploy pipeline [x] due to [null]."), "does not answer"),
        (refuse(400, "Failed: java.net.ConnectException: Connection refused"), "does not answer"),
    ],
)
async def test_no_pipeline_service(answer: Handler, title: str) -> None:
    fake = FakeCollate(answers={f"POST {ROOT}/deploy/p1": answer})
    async with connected(fake) as client:
        with pytest.raises(NoPipelineServiceError, match=title) as caught:
            await IngestionPipelines(client).deploy(PIPELINE)
    assert any("direct" in fix.label for fix in caught.value.fixes)


async def test_a_code_inside_a_good_answer_is_heeded() -> None:
    answer = say({"code": 500, "reason": "DAG is broken", "platform": "Airflow"})
    async with connected(FakeCollate(answers={f"POST {ROOT}/deploy/p1": answer})) as client:
        with pytest.raises(InvalidRequestError, match="DAG is broken"):
            await IngestionPipelines(client).deploy(PIPELINE)


async def test_a_trigger_right_after_a_deploy_is_repeated() -> None:
    good = say({"code": 200, "reason": "triggered", "platform": "Airflow", "runId": "r1"})
    fake = FakeCollate(answers={f"POST {ROOT}/trigger/p1": [REFUSED, REFUSED, good]})
    waits: list[float] = []
    async with connected(fake) as client:
        run_id = await IngestionPipelines(client).trigger(PIPELINE, pause_seconds=0.01, on_wait=waits.append)
    assert run_id == "r1"
    assert len(waits) == 2
    assert waits[0] < waits[1]


async def test_patience_ends_and_other_refusals_get_none() -> None:
    fake = FakeCollate(answers={f"POST {ROOT}/trigger/p1": [REFUSED]})
    async with connected(fake) as client:
        pipelines = IngestionPipelines(client)
        with pytest.raises(InvalidRequestError, match="did not start the run"):
            await pipelines.trigger(PIPELINE, patience_seconds=0.5, pause_seconds=0.02)
        assert len(fake.asked) > 1
        fake.asked.clear()
        fake.answers[f"POST {ROOT}/trigger/p1"] = refuse(409, "paused")
        with pytest.raises(ConflictError):
            await pipelines.trigger(PIPELINE, pause_seconds=0.01)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("answer", "available"),
    [
        (say({"code": 200, "platform": "Airflow", "version": "2"}), True),
        (say({"reason": "Failed to get REST status due to [null].", "status": "unhealthy"}), False),
        (say({"code": 200, "reason": "Pipeline Client Disabled"}), False),
        (missing_call(), False),
        (refuse(500, "boom"), False),
    ],
)
async def test_whether_there_is_a_pipeline_service(answer: Handler, available: bool) -> None:
    async with connected(FakeCollate(answers={f"GET {ROOT}/status": answer})) as client:
        assert (await IngestionPipelines(client).service_status()).available is available


async def test_statuses_are_asked_for_with_both_times() -> None:
    runs = [{"runId": "a", "pipelineState": "success", "timestamp": 5}, {"runId": "b", "timestamp": 9}]
    path = f"{ROOT}/shop.dbt_cloud_sync/pipelineStatus"
    fake = FakeCollate(
        answers={
            f"GET {path}": say({"data": runs}),
            f"GET {path}/a": say(runs[0]),
            f"GET {path}/c": say(None, 204),
        }
    )
    async with connected(fake) as client:
        pipelines = IngestionPipelines(client)
        assert [run.runId for run in await pipelines.statuses("shop.dbt_cloud_sync")] == ["b", "a"]
        assert await pipelines.statuses("shop.none") == []
        run = await pipelines.status("shop.dbt_cloud_sync", "a")
        assert run is not None
        assert run.is_final
        assert await pipelines.status("shop.dbt_cloud_sync", "c") is None
        assert await pipelines.status("shop.dbt_cloud_sync", "none") is None
        assert await pipelines.get("shop.none") is None
    query = fake.asked[0].query
    assert int(query["startTs"]) < now_ms() < int(query["endTs"])


async def test_pausing() -> None:
    fake = FakeCollate(
        answers={
            f"POST {ROOT}/toggleIngestion/p1": say({"code": 200, "reason": "paused", "platform": "Airflow"}),
            f"GET {ROOT}/p1": say({**RAW, "enabled": False}),
        }
    )
    async with connected(fake) as client:
        assert not (await IngestionPipelines(client).toggle(PIPELINE)).enabled
