"""Both sizes of the window, and a clock that stands still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.snapshots.frozen import frozen
from tests.tui.whole import SIZES


@pytest.fixture(params=SIZES, ids=["80x24", "140x40"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    found: tuple[int, int] = request.param
    return found


@pytest.fixture
async def still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[None]:
    with frozen(monkeypatch, tmp_path):
        yield
