import asyncio
import json

import pytest
from pydantic import SecretStr

from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.stream import EventEmitter, Work, stream
from dbtcollate_tui.events.types import (
    Event,
    Failed,
    LogLine,
    PhaseFinished,
    PhaseStarted,
    PlanReady,
    RunFinished,
    SyncEvent,
    Waiting,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.redact import redact
from tests.support.builders import node, plan_of, project, table


async def test_bounded_work_keeps_its_order_and_its_bound() -> None:
    running, most = 0, 0

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return item * 2

    assert await bounded(range(20), work, at_once=3) == [item * 2 for item in range(20)]
    assert most == 3


async def test_the_first_error_ends_bounded_work_and_is_raised_as_it_is() -> None:
    started = []

    async def work(item: int) -> None:
        started.append(item)
        if item == 2:
            raise ActionableError("broken")
        await asyncio.sleep(0)

    with pytest.raises(ActionableError, match="broken"):
        await bounded(range(100), work, at_once=2)
    assert len(started) < 100


def test_events_are_json_and_hold_no_secret() -> None:
    redact.learn(SecretStr("planted-secret-value"))
    plan = plan_of(project(node("a", description="new")), table("a"))
    events: list[Event] = [
        LogLine(source="Collate", level="info", text="token planted-secret-value"),
        PlanReady(plan=plan),
        Failed(error=ActionableError("no"), change=plan.changes[0]),
        RunFinished(outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text="done"),
    ]
    for event in events:
        line = json.dumps(event.as_dict())
        assert "planted-secret-value" not in line
        assert json.loads(line)["event"] == event.kind


async def _all(work: Work, cancel: asyncio.Event | None = None) -> list[SyncEvent]:
    return [event async for event in stream(work, cancel or asyncio.Event(), "The test")]


async def test_an_unknown_error_ends_the_stream_with_its_place_in_the_log() -> None:
    async def work(emitter: EventEmitter) -> RunFinished:
        emitter(PhaseStarted(phase="tables", text="reading"))
        raise KeyError("x")

    events = await _all(work)
    assert isinstance(events[1], PhaseFinished)
    assert events[1].level == "failed"
    assert isinstance(events[-2], Failed)
    assert "KeyError" in events[-2].error.title
    assert isinstance(events[-1], RunFinished)
    assert events[-1].exit_code == ExitCode.INTERNAL


async def test_a_silence_is_filled_with_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbtcollate_tui.events.stream.SILENCE_SECONDS", 0.01)

    async def work(emitter: EventEmitter) -> RunFinished:
        emitter(PhaseStarted(phase="tables", text="reading Collate's tables"))
        await asyncio.sleep(0.05)
        return RunFinished(outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text="done")

    waits = [event for event in await _all(work) if isinstance(event, Waiting)]
    assert len(waits) >= 2
    assert {event.what for event in waits} == {"reading Collate's tables"}
    assert waits[0].seconds < waits[1].seconds
