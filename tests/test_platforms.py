import asyncio
import signal

import pytest

from dbtcollate_tui.platforms import STOP_SIGNALS, leave_signals, on_signals


def test_leave_signals_without_a_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no SIGHUP; the app has to start there all the same."""
    monkeypatch.delattr(signal, "SIGHUP")
    assert leave_signals() == (signal.SIGTERM,)


def test_leave_signals_with_a_hang_up() -> None:
    assert leave_signals() == (signal.SIGTERM, signal.SIGHUP)


async def test_on_signals_where_the_loop_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
    on_signals(STOP_SIGNALS, lambda: None)


async def test_on_signals_calls_back() -> None:
    came = asyncio.Event()
    on_signals((signal.SIGUSR1,), came.set)
    signal.raise_signal(signal.SIGUSR1)
    await asyncio.wait_for(came.wait(), 5)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
