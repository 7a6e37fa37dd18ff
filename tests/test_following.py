"""A run is followed for as long as was said, and no longer."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.errors import UnreachableError
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import LogLine, PlanReady, RunFinished, SyncEvent
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.headless.common import follow_or_cancel, renderer


async def until_cancelled(cancel: asyncio.Event) -> AsyncGenerator[SyncEvent, None]:
    """An engine whose run never ends by itself."""
    yield LogLine(source="sync", level="info", text="running")
    await cancel.wait()
    yield RunFinished(
        outcome="cancelled", counts=Counts(), exit_code=ExitCode.INTERRUPTED, text="left", seconds=1.0
    )


async def test_run_that_outlasts_its_limit_is_left_with_exit_code_4() -> None:
    cancel = asyncio.Event()
    with pytest.raises(UnreachableError) as caught:
        await follow_or_cancel(renderer(True), until_cancelled(cancel), PlanReady, cancel, limit_seconds=0.01)
    assert cancel.is_set()
    assert caught.value.exit_code is ExitCode.UNREACHABLE


async def test_run_without_a_limit_ends_by_itself() -> None:
    cancel = asyncio.Event()
    cancel.set()
    _, finished = await follow_or_cancel(renderer(True), until_cancelled(cancel), PlanReady, cancel)
    assert finished.text == "left"


def test_nobody_watching_means_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert Common(json=True).follow_seconds == 7_200
    assert Common(json=True, timeout_minutes=5).follow_seconds == 300
