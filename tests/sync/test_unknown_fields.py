"""A server that refuses a field which its version should know: the direct sync says so once and goes on."""

from pathlib import Path

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.events.types import LogLine, SyncEvent
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine
from tests.support.direct_sync import ends, finished


async def test_a_refused_field_is_reported_once_and_kept(tmp_path: Path) -> None:
    """The next sync, over a new connection, neither sends the field nor plans it."""
    state = StateStore(tmp_path / "state")
    async with ends(tmp_path, "odd-build") as both:

        async def sync(collate: CollateClient) -> list[SyncEvent]:
            stream = run_direct(
                Engine(both.profile, both.dbt_cloud, collate, state=state, artifacts=both.artifacts)
            )
            return [event async for event in stream]

        first = await sync(both.collate)
        assert finished(first).counts.failed == 0
        warned = [
            event.text for event in first if isinstance(event, LogLine) and "does not know" in event.text
        ]
        assert len(warned) == 1
        assert "OpenMetadata 2.0.7 does not know the field" in warned[0]
        assert "dbtSourceProject" in warned[0]
        since = len(both.sandbox.requests)
        async with CollateClient(both.sandbox.collate_url, both.sandbox.collate_token) as again:
            await again.connect()
            second = await sync(again)
        assert finished(second).counts.planned == 0
        assert not both.writes(since)
        assert [seen.status for seen in both.sandbox.requests[since:] if seen.status == 400] == []
