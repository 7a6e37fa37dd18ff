"""Following a run: by stream with resume, by polling, by status alone; ended and cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse

from dbtcollate_tui.collate.errors import TokenError
from dbtcollate_tui.collate.pipeline_follow import (
    EndedUpdate,
    LogUpdate,
    NoteUpdate,
    PipelineUpdate,
    ProgressTold,
    StateUpdate,
    StepsUpdate,
    WaitingUpdate,
    follow,
    trigger_and_follow,
)
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.errors import ActionableError
from tests.collate.pipeline_specs import stored
from tests.collate.server import Asked, FakeCollate, Handler, connected, refuse, say

ROOT = "/services/ingestionPipelines"
STATUS = f"GET {ROOT}/shop.dbt_cloud_sync/pipelineStatus"
STREAM = f"GET {ROOT}/logs/shop.dbt_cloud_sync/stream/r1"
PROGRESS = f"GET {ROOT}/progress/shop.dbt_cloud_sync/stream/r1"
PAGES = f"GET {ROOT}/logs/p1/last"
PIPELINE = stored()
STEP = {"name": "dbt", "records": 85, "warnings": 2, "errors": 0, "filtered": 0}


def runs(*states: str, run_id: str = "r1", **more: Any) -> list[Handler]:
    return [
        say({"data": [{"runId": run_id, "pipelineState": state, "timestamp": 9, **more}]}) for state in states
    ]


def stream(*events: dict[str, Any] | str, hang: bool = False) -> Handler:
    """A handler that streams events and then ends, or stays open in silence."""

    async def body() -> AsyncIterator[str]:
        yield ": heartbeat\n\n"
        for event in events:
            yield f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
        if hang:
            await asyncio.sleep(60)

    return lambda _: StreamingResponse(body(), media_type="text/event-stream")


def logs(text: str, after: str) -> dict[str, Any]:
    return {"eventType": "logs", "runId": "r1", "logs": text, "after": after}


async def collect(
    fake: FakeCollate, run_id: str | None = "r1", known: Sequence[str] = ()
) -> list[PipelineUpdate]:
    async with connected(fake) as client:
        updates = follow(
            IngestionPipelines(client),
            PIPELINE,
            run_id,
            known_runs=known,
            poll_seconds=0.02,
            quiet_seconds=0.05,
        )
        return [update async for update in updates]


def lines(updates: list[PipelineUpdate]) -> list[str]:
    return [line for update in updates if isinstance(update, LogUpdate) for line in update.lines]


def states(updates: list[PipelineUpdate]) -> list[str]:
    return [update.run.pipelineState for update in updates if isinstance(update, StateUpdate)]


async def test_a_streamed_run() -> None:
    done = {"eventType": "complete", "runId": "r1", "after": "9", "reason": "runFinished"}
    told = {"runId": "r1", "timestamp": 1, "updateType": "PROCESSING", "stepName": "dbt", "message": "3 of 9"}
    fake = FakeCollate(
        answers={
            STATUS: [*runs("queued", "running"), *runs("success", status=[STEP])],
            STREAM: stream(logs("one\ntwo", "4"), logs("three\n", "8"), done),
            PROGRESS: stream(told, hang=True),
        }
    )
    updates = await collect(fake)
    assert lines(updates) == ["one", "two", "three"]
    assert states(updates) == ["queued", "running", "success"]
    assert [u.steps[0].records for u in updates if isinstance(u, StepsUpdate)] == [85]
    assert [u.progress.message for u in updates if isinstance(u, ProgressTold)] == ["3 of 9"]
    assert isinstance(updates[-1], EndedUpdate)
    assert not fake.bodies(PAGES)


async def test_a_broken_stream_is_resumed_at_its_cursor() -> None:
    def second(asked: Asked) -> Response:
        assert asked.query["after"] == "4"
        done = {"eventType": "complete", "after": "8", "endReason": "runFinished"}
        return stream(logs("two", "8"), done)(asked)  # type: ignore[return-value]

    fake = FakeCollate(
        answers={STATUS: runs("running", "success"), STREAM: [stream(logs("one", "4")), second]}
    )
    assert lines(await collect(fake)) == ["one", "two"]


async def test_raw_lines_of_servers_before_2() -> None:
    fake = FakeCollate(
        "1.12.0",
        answers={
            STATUS: runs("running", "running", "success"),
            STREAM: [stream("INFO one", "INFO two"), refuse(404, "gone")],
            PAGES: say({"dbt_task": "INFO one\nINFO two\nINFO three\n", "total": "1"}),
        },
    )
    assert lines(await collect(fake)) == ["INFO one", "INFO two", "INFO three"]


@pytest.mark.parametrize(
    "refusal",
    [
        stream({"eventType": "error", "message": "no log backend is configured"}),
        refuse(404, "no such call"),
        refuse(500, "HTTP 404 Not Found"),
    ],
)
async def test_without_a_stream_the_log_is_polled(refusal: Handler) -> None:
    fake = FakeCollate(
        answers={
            STATUS: runs("running", "running", "success"),
            STREAM: refusal,
            PAGES: [
                say({"dbt_task": "one\ntw", "total": "1"}),
                say({"dbt_task": "one\ntwo\n", "after": "1", "total": "2"}),
                say({"dbt_task": "three\nfour", "total": "2"}),
            ],
        }
    )
    updates = await collect(fake)
    assert lines(updates) == ["one", "two", "three", "four"]
    assert {update.way for update in updates if isinstance(update, LogUpdate)} == {"poll"}


async def test_an_old_server_is_polled_and_its_run_found_by_being_new() -> None:
    old = {"runId": "r0", "pipelineState": "failed", "timestamp": 1}
    new = {"runId": "r1", "pipelineState": "partialSuccess", "timestamp": 5, "status": [STEP]}
    fake = FakeCollate(
        "1.1.0",
        answers={
            STATUS: [say({"data": [old]}), say({"data": [old]}), say({"data": [old, new]})],
            PAGES: say({"dbt_task": "all of it", "total": "1"}),
        },
    )
    updates = await collect(fake, None, ["r0"])
    assert states(updates) == ["partialSuccess"]
    assert lines(updates) == ["all of it"]
    assert STREAM.split()[1] not in fake.paths()


async def test_no_log_at_all_is_said_once_and_the_run_followed_by_its_status() -> None:
    fake = FakeCollate(
        "1.1.0",
        answers={
            STATUS: [*runs("running"), *runs("running"), *runs("failed")],
            PAGES: refuse(503, "log backend"),
        },
    )
    updates = await collect(fake)
    notes = [update.text for update in updates if isinstance(update, NoteUpdate)]
    assert len(notes) == 1
    assert "No log" in notes[0]
    assert states(updates) == ["running", "failed"]


async def test_silence_is_reported() -> None:
    fake = FakeCollate(
        "1.1.0",
        answers={
            STATUS: [*runs("running") * 12, *runs("success")],
            PAGES: say({"dbt_task": "", "total": "0"}),
        },
    )
    waits = [update for update in await collect(fake) if isinstance(update, WaitingUpdate)]
    assert waits
    assert any("running" in wait.what for wait in waits)
    assert waits[-1].seconds > 0


async def test_secrets_in_a_log_are_removed() -> None:
    text = "connecting with dbtc_PlantedInTheLog0123\n"
    fake = FakeCollate("1.1.0", answers={STATUS: runs("success"), PAGES: say({"dbt_task": text})})
    assert lines(await collect(fake)) == ["connecting with [secret]"]


async def test_a_success_that_becomes_a_failure_is_a_failure() -> None:
    fake = FakeCollate(
        "1.6.0",
        answers={
            STATUS: runs("running", "success", "failed"),
            PAGES: say({"dbt_task": "done", "total": "1"}),
        },
    )
    updates = await collect(fake)
    assert states(updates) == ["running", "success", "failed"]
    last = updates[-1]
    assert isinstance(last, EndedUpdate)
    assert last.run.pipelineState == "failed"


async def test_a_failing_last_look_leaves_the_state_as_it_was() -> None:
    fake = FakeCollate(
        "1.6.0",
        answers={
            STATUS: [*runs("running", "success"), refuse(401, "Expired token!")],
            PAGES: say({"dbt_task": "done", "total": "1"}),
        },
    )
    last = (await collect(fake))[-1]
    assert isinstance(last, EndedUpdate)
    assert last.run.pipelineState == "success"


async def test_a_token_refused_meanwhile_ends_it() -> None:
    fake = FakeCollate("1.1.0", answers={STATUS: [*runs("running"), refuse(401, "Expired token!")]})
    with pytest.raises(TokenError):
        await collect(fake)


async def test_closing_ends_every_request() -> None:
    fake = FakeCollate(answers={STATUS: runs("running"), STREAM: stream(logs("one", "1"), hang=True)})
    async with connected(fake) as client:
        updates = follow(IngestionPipelines(client), PIPELINE, "r1", poll_seconds=0.02, quiet_seconds=0.05)
        async for update in updates:
            if isinstance(update, LogUpdate):
                break
        before = asyncio.all_tasks()
        await updates.aclose()
        assert len(before - {task for task in before if not task.done()}) >= 2
        asked = len(fake.asked)
        await asyncio.sleep(0.06)
        assert len(fake.asked) == asked


async def test_a_whole_run_from_trigger_to_end() -> None:
    refused = refuse(400, "Failed to trigger IngestionPipeline [x]")
    fake = FakeCollate(
        "1.1.0",
        answers={
            STATUS: [*runs("success", run_id="r0"), *runs("running", "success")],
            f"POST {ROOT}/trigger/p1": [refused, say({"code": 200, "platform": "Airflow"})],
            PAGES: say({"dbt_task": "done\n"}),
        },
    )
    async with connected(fake) as client:
        found = trigger_and_follow(
            IngestionPipelines(client), PIPELINE, poll_seconds=0.02, quiet_seconds=0.03, pause_seconds=0.08
        )
        updates = [update async for update in found]
    assert isinstance(updates[0], WaitingUpdate)
    assert "take the run" in updates[0].what
    assert states(updates) == ["running", "success"]
    assert isinstance(updates[-1], EndedUpdate)


DEAD = (
    "[2026-11-30] INFO Starting\nTraceback (most recent call last):\nModuleNotFoundError: no module named dbt"
)


async def test_a_run_that_dies_before_it_reports_is_noticed() -> None:
    """Airflow took it, no status ever comes: its log says so, and is read instead of waiting."""
    fake = FakeCollate(answers={STATUS: say({"data": []}), PAGES: say({"dbt_task": DEAD, "total": "3"})})
    async with connected(fake) as client:
        with pytest.raises(ActionableError) as caught:
            async for _ in follow(IngestionPipelines(client), PIPELINE, poll_seconds=0.01):
                pass
    assert caught.value.title == "The run ended in Collate before it reported anything"
    assert caught.value.evidence[-1] == "ModuleNotFoundError: no module named dbt"


async def test_the_log_of_an_earlier_run_proves_nothing() -> None:
    statuses = [say({"data": []})] * 40 + runs("success", run_id="r2")
    fake = FakeCollate(answers={STATUS: statuses, PAGES: say({"dbt_task": DEAD, "total": "3"})})
    async with connected(fake) as client:
        updates = [
            update
            async for update in follow(
                IngestionPipelines(client), PIPELINE, known_runs=["r1"], poll_seconds=0.01
            )
        ]
    assert isinstance(updates[-1], EndedUpdate)
