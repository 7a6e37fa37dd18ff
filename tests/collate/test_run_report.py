"""A run from outside, told to the server."""

from dbtcollate_tui.collate.models import StackTraceError, StepSummary
from dbtcollate_tui.collate.run_report import RunReport
from tests.collate.server import FakeCollate, connected, refuse, say

ROOT = "/services/ingestionPipelines"
FQN = "shop.dbt_cloud_sync"
STEP = StepSummary(
    name="dbt",
    records=5,
    errors=1,
    failures=(StackTraceError(name="x", error="Bearer dbtc_PlantedInError00"),),
)


async def test_a_run_with_progress_and_log() -> None:
    fake = FakeCollate()
    async with connected(fake) as client:
        report = RunReport(client, FQN)
        status, progress = f"{ROOT}/{FQN}/pipelineStatus", f"{ROOT}/progress/{FQN}/{report.run_id}"
        log = f"{ROOT}/logs/{FQN}/{report.run_id}"
        fake.answers |= {f"PUT {status}": say({}), f"PUT {progress}": say(None)}
        fake.answers |= {f"POST {log}": say(None), f"POST {log}/close": say({})}
        assert await report.start()
        assert await report.progress("PROCESSING", "write", "3 of 9")
        assert await report.log(["one", "token dbtc_PlantedInOurLog000"])
        assert await report.steps([STEP])
        assert await report.finish("partialSuccess", [STEP])
    states = [body["pipelineState"] for body in fake.bodies(f"PUT {status}")]
    assert states == ["running", "running", "partialSuccess"]
    last = fake.bodies(f"PUT {status}")[-1]
    assert last["endDate"] >= last["startDate"]
    assert last["status"][0]["records"] == 5
    sent = str([asked.body for asked in fake.asked])
    assert "Planted" not in sent
    assert fake.bodies(f"POST {log}")[0]["lineCount"] == 2
    assert fake.paths()[-1] == f"{log}/close"
    assert report.refusals == []


async def test_what_is_refused_is_not_sent_again() -> None:
    fake = FakeCollate()
    async with connected(fake) as client:
        report = RunReport(client, FQN, "r1")
        fake.answers |= {
            f"PUT {ROOT}/{FQN}/pipelineStatus": refuse(
                403, "operations [EditIngestionPipelineStatus] not allowed"
            ),
            f"POST {ROOT}/logs/{FQN}/r1": refuse(500, "no log storage"),
        }
        assert not await report.start()
        assert not await report.log(["one"])
        assert not await report.log(["two"])
        assert not await report.finish("success")
    assert len(fake.bodies(f"PUT {ROOT}/{FQN}/pipelineStatus")) == 1
    assert len(fake.bodies(f"POST {ROOT}/logs/{FQN}/r1")) == 1
    assert any("EditIngestionPipelineStatus" in text for text in report.refusals)


async def test_an_old_server_gets_the_state_alone() -> None:
    fake = FakeCollate("1.1.0", answers={f"PUT {ROOT}/{FQN}/pipelineStatus": say({})})
    async with connected(fake) as client:
        report = RunReport(client, FQN)
        assert await report.start()
        assert not await report.progress("PROCESSING", "write", "x")
        assert not await report.log(["x"])
        assert await report.finish("success", [STEP])
    assert set(fake.paths()) == {f"{ROOT}/{FQN}/pipelineStatus"}
    assert all("status" not in asked.body for asked in fake.asked)
