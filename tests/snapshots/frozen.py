"""What would differ from run to run stands still: the time of day, what took how long, ports, folders."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine

from dbtcollate_tui import wording as words
from dbtcollate_tui.checks import runner
from dbtcollate_tui.tui.screens import checklist
from dbtcollate_tui.tui.widgets import session_lines as walk_lines
from dbtcollate_tui.tui.widgets import status_lines, sync_board

NOW = datetime(2026, 1, 15, 14, 2, tzinfo=UTC)
PORT = re.compile(r"127\.0\.0\.1:\d{5}")
SECONDS = re.compile(r"\b0\.\d(\d?) s\b")


def still(seconds: float) -> str:
    """`words.span` for what is longer than a test; the same words for anything shorter."""
    if seconds < 90:
        return "0.3 s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


@contextmanager
def frozen(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """Two minutes past two in UTC in every module, and the program's folders without a name of their own."""
    monkeypatch.chdir(folder)
    for kind in ("CONFIG", "STATE", "CACHE", "LOG"):
        monkeypatch.setenv(f"DBTCOLLATE_{kind}_DIR", kind.lower())
    monkeypatch.setattr(words.span, "__code__", still.__code__)
    for module in (runner, checklist, status_lines, sync_board, walk_lines):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with time_machine.travel(NOW, tick=False):
        yield
    monkeypatch.delenv("TZ")
    time.tzset()


def plain(text: str) -> str:
    """The text with ports and measured seconds made equal, cell for cell."""
    return SECONDS.sub(
        lambda found: "0.03 s" if found.group(1) else "0.3 s", PORT.sub("127.0.0.1:40000", text)
    )
