"""The main job, a first and a second direct sync, on every server version that the sandbox is asked for."""

from pathlib import Path

import pytest

from dbtcollate_tui.exit_codes import ExitCode
from tests.support.direct_sync import ends, finished
from tests.support.server_versions import IN_CI, OTHERS


@pytest.mark.parametrize(
    "version", [*IN_CI, *(pytest.param(version, marks=pytest.mark.slow) for version in OTHERS)]
)
async def test_the_main_job_on_each_server_version(tmp_path: Path, version: str) -> None:
    """All is written, nothing is refused or left out as unknown, and the second sync writes nothing."""
    async with ends(tmp_path, version=version) as both:
        first = finished(await both.sync())
        assert (first.outcome, first.exit_code, first.counts.failed) == ("ok", ExitCode.OK, 0)
        assert first.counts.written == first.counts.planned > 0
        refused = [
            f"{seen.method} {seen.path} {seen.status}"
            for seen in both.sandbox.requests
            if seen.side == "collate" and seen.status >= 400 and seen.status != 404
        ]
        assert refused == []
        assert both.collate.unknown.dropped == ()
        since = len(both.sandbox.requests)
        second = finished(await both.sync())
        assert (second.outcome, second.counts.planned) == ("ok", 0)
        assert not both.writes(since)
