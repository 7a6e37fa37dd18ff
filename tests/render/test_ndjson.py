"""One event a line, however long: a plan in parts, without its secrets, by a thread of its own."""

import io
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import PlanReady, RunFinished, SyncEvent
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.common import follow
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.model import DescriptionChange, Plan
from dbtcollate_tui.render.ndjson import PART, NdjsonRenderer

SECRET = "dbtc_MARKED1234567890abcdef"


class Pieces(io.StringIO):
    """Notes each write, and who wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.threads: set[int] = set()

    def write(self, text: str, /) -> int:
        self.pieces.append(text)
        self.threads.add(threading.get_ident())
        return super().write(text)


@pytest.mark.parametrize("count", [0, 1, PART, PART + 1, 3 * PART])
def test_a_list_of_any_length_is_read_back_as_it_was(count: int) -> None:
    values: dict[str, Any] = {
        "first": [{"n": number, "text": 'ä "quoted"\n'} for number in range(count)],
        "between": {"a": None, "long": list(range(count)), "z": []},
        "none": {},
        "last": "word",
    }
    stream = Pieces()
    NdjsonRenderer(stream).facts("status", values)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {"schema": 1, "event": "status", **values}
    assert max(map(len, stream.pieces)) < 60 * PART


def test_a_secret_in_a_part_is_not_written() -> None:
    stream = Pieces()
    values = [{"password": "p4ssw0rd-of-somebody", "text": SECRET}] * (2 * PART)
    NdjsonRenderer(stream).facts("status", {"items": values})
    assert "MARKED" not in stream.getvalue()
    assert "p4ssw0rd" not in stream.getvalue()
    assert len(json.loads(stream.getvalue())["items"]) == 2 * PART


async def test_a_plan_is_written_by_another_thread_and_in_its_turn() -> None:
    table = TableRef("1", "s.d.m.t", "s", "d", "m", "t")
    plan = Plan(
        tuple(
            DescriptionChange(table=table, column=f"c{number}", before="", after="text")
            for number in range(2 * PART)
        ),
        MatchReport({}, ()),
    )
    ended = RunFinished(outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text="done", seconds=1.0)

    async def events() -> AsyncIterator[SyncEvent]:
        yield PlanReady(plan=plan)
        yield ended

    stream = Pieces()
    found, finished = await follow(NdjsonRenderer(stream), events(), PlanReady)
    assert found is not None
    assert finished is ended
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [item["event"] for item in told] == ["plan", "run_finished"]
    assert len(told[0]["plan"]["changes"]) == 2 * PART
    assert len(stream.threads) == 2
