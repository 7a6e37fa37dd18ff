"""Pipelines in the sandbox's Collate really run: deployed, triggered, followed, stopped, over HTTP."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dbtcollate_tui.sandbox.collate.runner import PipelineRunContext, PipelineRunFailed
from dbtcollate_tui.sandbox.scenarios import Scenario, scenario_named
from tests.sandbox.collate_support import Caller, Json, collate, serve

BASE = "services/ingestionPipelines"
FQN = "shop_warehouse.dbt_cloud_sync"
QUICK = Scenario(name="quick", side="none", sentence="", trigger_refusals=0)


class Worker:
    """A worker that logs two lines, waits for leave, and ends as told."""

    def __init__(self, ending: Exception | None = None) -> None:
        self.ending = ending
        self.contexts: list[PipelineRunContext] = []
        self._free = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def __call__(self, context: PipelineRunContext) -> None:
        self.contexts.append(context)
        context.log("first\nsecond")
        context.progress({"updateType": "PROCESSING", "currentEntity": "shop"})
        gate = asyncio.Event()
        self._waiting.append((asyncio.get_running_loop(), gate))
        if not self._free:
            await gate.wait()
        if self.ending is not None:
            raise self.ending
        context.step("dbt", records=3, warnings=1)

    def release(self) -> None:
        """Let the run that waits, and all later ones, go on."""
        self._free = True
        for loop, gate in self._waiting:
            loop.call_soon_threadsafe(gate.set)


def body(server: Caller, **keys: Any) -> Json:
    service = server.get("services/databaseServices/name/shop_warehouse")
    return {
        "name": "dbt_cloud_sync",
        "pipelineType": "dbt",
        "service": {"id": service["id"], "type": "databaseService"},
        "sourceConfig": {
            "config": {
                "type": "DBT",
                "dbtConfigSource": {"dbtConfigType": "cloud", "dbtCloudAuthToken": "dbtc_secret"},
            }
        },
        "airflowConfig": {"scheduleInterval": "0 7 * * *"},
    } | keys


@contextmanager
def deployed(
    folder: Path, worker: Worker | None = None, scenario: Scenario = QUICK
) -> Iterator[tuple[Caller, Json]]:
    with collate(folder, scenario, worker=worker) as server:
        pipeline = server.send("POST", BASE, body(server), 201)
        server.send("POST", f"{BASE}/deploy/{pipeline['id']}")
        yield server, pipeline


def state(server: Caller, run_id: str, *wanted: str) -> Json:
    """The run's status once it is one of those wanted."""
    until = time.monotonic() + 10
    while True:
        found: Json = server.get(f"{BASE}/{FQN}/pipelineStatus/{run_id}")
        if found["pipelineState"] in wanted:
            return found
        assert time.monotonic() < until, found
        time.sleep(0.01)


def events(server: Caller, run_id: str, after: str = "", stop: int = 10_000) -> list[Json]:
    """The log's events, at most ``stop`` of them."""
    found: list[Json] = []
    with server.client.stream(
        "GET", f"{BASE}/logs/{FQN}/stream/{run_id}", params={"after": after} if after else None
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            assert not line.startswith("event:")
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == stop:
                    break
    return found


def text(found: list[Json]) -> str:
    return "\n".join(event["logs"] for event in found if event["eventType"] == "logs")


def test_created_once_changed_by_put_and_never_with_its_secret(tmp_path: Path) -> None:
    with collate(tmp_path) as server:
        made = server.send("POST", BASE, body(server), 201)
        assert server.refused("POST", BASE, body(server)) == (409, "Entity already exists")
        assert made["fullyQualifiedName"] == FQN
        assert (made["deployed"], made["enabled"], made["airflowConfig"]["concurrency"]) == (False, True, 1)
        masked = made["sourceConfig"]["config"]["dbtConfigSource"]["dbtCloudAuthToken"]
        assert masked == "*********"
        changed = body(
            server, sourceConfig=made["sourceConfig"], airflowConfig={"scheduleInterval": "0 8 * * *"}
        )
        after = server.send("PUT", BASE, changed)
        assert after["version"] == pytest.approx(0.2)
        assert after["airflowConfig"]["scheduleInterval"] == "0 8 * * *"
        patched = server.patch(f"{BASE}/{made['id']}", {"op": "add", "path": "/displayName", "value": "dbt"})
        assert "dbtc_secret" not in json.dumps(patched)
        assert "dbtc_secret" not in json.dumps(server.get(BASE, service="shop_warehouse", fields="*"))
        assert server.get(BASE, service="legacy_crm")["data"] == []
        assert server.get(BASE, pipelineType="metadata")["data"] == []


@pytest.mark.parametrize(
    ("keys", "status", "message"),
    [
        ({"pipelineType": "DBT"}, 400, "problem: DBT"),
        ({"airflowConfig": None}, 400, "[airflowConfig must not be null]"),
        ({"cron": "x"}, 400, 'Unrecognized field "cron"'),
        ({"service": {"id": "nope", "type": "databaseService"}}, 404, "databaseService instance for nope"),
    ],
)
def test_pipelines_that_are_refused(tmp_path: Path, keys: Json, status: int, message: str) -> None:
    with collate(tmp_path) as server:
        found = server.refused("POST", BASE, body(server) | keys)
        assert found[0] == status
        assert message in found[1]


def test_a_run_from_trigger_to_success_followed_live(tmp_path: Path) -> None:
    worker = Worker()
    with deployed(tmp_path, worker) as (server, pipeline):
        answer = server.send("POST", f"{BASE}/trigger/{pipeline['id']}")
        run_id = answer["runId"]
        assert answer["code"] == 200
        state(server, run_id, "running")
        live = events(server, run_id, stop=1)
        while "second" not in text(live):
            live += events(server, run_id, after=live[-1]["after"], stop=1)
        busy = server.refused("POST", f"{BASE}/trigger/{pipeline['id']}")
        assert busy[0] == 400
        assert "Failed to trigger IngestionPipeline" in busy[1]
        worker.release()
        rest = events(server, run_id, after=live[-1]["after"])
        assert rest[-1]["eventType"] == "complete"
        assert rest[-1]["reason"] == "runFinished"
        assert "second" not in text(rest)
        assert "state success" in text(rest)

        status = state(server, run_id, "success")
        assert status["status"] == [
            {"name": "dbt", "records": 3, "updated_records": 0, "warnings": 1, "errors": 0, "filtered": 0}
        ]
        assert status["endDate"] >= status["startDate"]
        listed = server.get(f"{BASE}/name/{FQN}", fields="pipelineStatuses")["pipelineStatuses"]
        assert [item["runId"] for item in listed] == [run_id]
        whole = server.client.get(f"{BASE}/logs/{pipeline['id']}/last/download").text
        assert text(live) in whole
        context = worker.contexts[0]
        config = context.pipeline["sourceConfig"]["config"]["dbtConfigSource"]
        assert config["dbtCloudAuthToken"] == "dbtc_secret"
        assert context.collate_url == server.url


def test_logs_by_pages(tmp_path: Path) -> None:
    worker = Worker()
    worker.release()
    with deployed(tmp_path, worker) as (server, pipeline):
        path = f"{BASE}/logs/{pipeline['id']}/last"
        assert server.refused("GET", path)[0] == 400
        run_id = server.send("POST", f"{BASE}/trigger/{pipeline['id']}")["runId"]
        state(server, run_id, "success")
        pages = [server.get(path, limit=2)]
        while "after" in pages[-1]:
            pages.append(server.get(path, limit=2, after=pages[-1]["after"]))
        lines = "\n".join(page["dbt_task"] for page in pages).splitlines()
        assert len(lines) == int(pages[0]["total"])
        assert server.get(path)["dbt_task"].splitlines() == lines
        assert server.get(f"{BASE}/logs/{FQN}")["runs"] == [run_id]


def test_progress_is_streamed_until_the_run_ends(tmp_path: Path) -> None:
    worker = Worker()
    worker.release()
    with deployed(tmp_path, worker) as (server, pipeline):
        run_id = server.send("POST", f"{BASE}/trigger/{pipeline['id']}")["runId"]
        answer = server.client.get(f"{BASE}/progress/{FQN}/stream/{run_id}")
        updates = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        assert [update["updateType"] for update in updates] == [
            "DISCOVERY",
            "PROCESSING",
            "PIPELINE_COMPLETE",
        ]


@pytest.mark.parametrize(
    ("error", "said"), [(PipelineRunFailed("no run found"), "no run found"), (KeyError("nodes"), "KeyError")]
)
def test_a_worker_that_fails_leaves_its_reason(tmp_path: Path, error: Exception, said: str) -> None:
    worker = Worker(error)
    worker.release()
    with deployed(tmp_path, worker) as (server, pipeline):
        run_id = server.send("POST", f"{BASE}/trigger/{pipeline['id']}")["runId"]
        status = state(server, run_id, "failed")
        assert status["status"][0]["errors"] == 1
        assert said in json.dumps(status["status"]) + text(events(server, run_id))


def test_a_killed_run_is_stopped(tmp_path: Path) -> None:
    with deployed(tmp_path, Worker()) as (server, pipeline):
        run_id = server.send("POST", f"{BASE}/trigger/{pipeline['id']}")["runId"]
        state(server, run_id, "running")
        server.send("POST", f"{BASE}/kill/{pipeline['id']}")
        state(server, run_id, "stopped")
        assert "The run was stopped." in text(events(server, run_id))


def test_a_trigger_right_after_a_deploy_is_refused(tmp_path: Path) -> None:
    worker = Worker()
    worker.release()
    with collate(tmp_path, worker=worker) as server:
        pipeline = server.send("POST", BASE, body(server), 201)
        path = f"{BASE}/trigger/{pipeline['id']}"
        assert server.refused("POST", path)[0] == 400
        server.send("POST", f"{BASE}/deploy/{pipeline['id']}")
        assert server.get(f"{BASE}/{pipeline['id']}")["deployed"] is True
        status, message = server.refused("POST", path)
        assert status == 400
        assert "due to [Failed to trigger IngestionPipeline]" in message
        state(server, server.send("POST", path)["runId"], "success")


def test_a_run_from_outside_reports_itself(tmp_path: Path) -> None:
    with deployed(tmp_path) as (server, _):
        run_id = "11111111-2222-3333-4444-555555555555"
        path = f"{BASE}/{FQN}/pipelineStatus"
        assert server.get(f"{path}/{run_id}", status=204) is None
        started = {"runId": run_id, "pipelineState": "running", "startDate": 10, "timestamp": 10}
        server.send("PUT", path, started)
        server.send("POST", f"{BASE}/logs/{FQN}/{run_id}", {"logs": "a\nb", "connectorId": "dbtcollate"})
        server.send("PUT", f"{BASE}/progress/{FQN}/{run_id}", started | {"x": 1}, 400)
        server.send(
            "PUT", path, {"runId": run_id, "pipelineState": "success", "timestamp": 10, "endDate": 20}
        )
        server.send("POST", f"{BASE}/logs/{FQN}/{run_id}/close")
        assert server.get(f"{path}/{run_id}") == started | {"pipelineState": "success", "endDate": 20}
        assert text(events(server, run_id)) == "[dbtcollate] a\nb"
        assert server.get(path, startTs=11, endTs=99)["data"] == []
        assert "problem: done" in server.refused("PUT", path, started | {"pipelineState": "done"})[1]


def test_a_server_without_a_pipeline_service(tmp_path: Path) -> None:
    with deployed(tmp_path, scenario=scenario_named("no-pipeline-service")) as (server, pipeline):
        assert server.get(f"{BASE}/status") == {"code": 200, "reason": "Pipeline Client Disabled"}
        for verb in ("deploy", "trigger", "kill"):
            answer = server.send("POST", f"{BASE}/{verb}/{pipeline['id']}")
            assert answer == {"code": 200, "reason": "Pipeline Client Disabled"}
        assert server.get(f"{BASE}/{pipeline['id']}")["deployed"] is False
        assert [event["eventType"] for event in events(server, "x")] == ["error"]
        assert server.refused("GET", f"{BASE}/progress/{FQN}/stream/x")[0] == 503


def test_scenarios_of_pipelines(tmp_path: Path) -> None:
    failing = tmp_path / "failing"
    failing.mkdir()
    with deployed(failing, Worker(), scenario_named("pipeline-fails")) as (server, pipeline):
        path = f"{BASE}/trigger/{pipeline['id']}"
        assert server.refused("POST", path)[0] == 400
        run_id = server.send("POST", path)["runId"]
        state(server, run_id, "failed")
        assert "401 Unauthorized" in text(events(server, run_id))
    full = tmp_path / "full"
    full.mkdir()
    with collate(full, scenario_named("plan-limit")) as server:
        assert server.refused("POST", BASE, body(server))[0] == 429
    stale = tmp_path / "stale"
    stale.mkdir()
    with collate(stale, scenario_named("stale")) as server:
        pipeline = server.get(f"{BASE}/name/{FQN}", fields="pipelineStatuses")
        assert pipeline["enabled"] is False
        age = time.time() * 1000 - pipeline["pipelineStatuses"][0]["endDate"]
        assert 8.9 < age / 86_400_000 < 9.1


def test_pausing_and_deleting(tmp_path: Path) -> None:
    with deployed(tmp_path) as (server, pipeline):
        server.send("POST", f"{BASE}/toggleIngestion/{pipeline['id']}")
        assert server.get(f"{BASE}/{pipeline['id']}")["enabled"] is False
        assert "dbtc_secret" not in json.dumps(server.send("DELETE", f"{BASE}/{pipeline['id']}"))
        assert server.refused("GET", f"{BASE}/{pipeline['id']}")[0] == 404


def test_an_automation_asks_dbt_cloud_from_the_servers_side(tmp_path: Path) -> None:
    async def dbt_cloud(request: Request) -> JSONResponse:
        right = request.headers["authorization"] == "Bearer dbtc_right"
        return JSONResponse({"data": []}, 200 if right else 401)

    path = "automations/workflows"
    with collate(tmp_path) as server, serve(Starlette(routes=[Route("/{path:path}", dbt_cloud)])) as url:
        for name, token, expected in (("good", "dbtc_right", "Successful"), ("bad", "dbtc_no", "Failed")):
            config = {
                "type": "DBTCloud",
                "host": url,
                "discoveryAPI": url,
                "accountId": "1",
                "token": token,
            }
            request = {"connection": {"config": config}, "serviceType": "Pipeline"}
            made = server.send(
                "POST", path, {"name": name, "workflowType": "TEST_CONNECTION", "request": request}, 201
            )
            assert token not in json.dumps(made)
            server.send("POST", f"{path}/trigger/{made['id']}")
            until = time.monotonic() + 10
            while (found := server.get(f"{path}/{made['id']}"))["status"] == "Running":
                assert time.monotonic() < until
                time.sleep(0.01)
            assert found["status"] == expected
            steps = {step["name"]: step["passed"] for step in found["response"]["steps"]}
            assert steps == dict.fromkeys(("CheckAccess", "GetJobs", "GetRuns"), expected == "Successful")
            server.send("DELETE", f"{path}/{made['id']}")
