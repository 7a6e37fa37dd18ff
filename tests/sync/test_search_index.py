"""A sync needs nothing from the search index: without one the end state is the same."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from dbtcollate_tui.sandbox.server import Sandbox, Side
from tests.support import direct_sync
from tests.support.direct_sync import ends, finished


class WithoutIndex(Sandbox):
    """A sandbox whose search index is gone."""

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        if "/search/" in scope.get("path", ""):
            body = {"code": 500, "message": "no such index [table_search_index]"}
            await JSONResponse(body, 500)(scope, receive, send)
        else:
            await super().answer(side, scope, receive, send)


async def written(folder: Path) -> Mapping[str, int]:
    async with ends(folder) as both:
        end = finished(await both.sync())
        assert end.outcome == "ok"
        assert (await both.plan()).changes == ()
        return {str(group): count for group, count in end.counts.written_by_group.items()}


async def test_a_missing_search_index_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await written(tmp_path / "with")
    monkeypatch.setattr(direct_sync, "Sandbox", WithoutIndex)
    assert await written(tmp_path / "without") == whole
