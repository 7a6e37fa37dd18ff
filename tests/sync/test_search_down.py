"""Syncs with a server whose search index is down, or that cannot read one test case of another service."""

from dataclasses import replace
from pathlib import Path

import pytest

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.events.types import Skipped
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.scenarios import HEALTHY
from dbtcollate_tui.sync.reading.test_cases import Unread, read_cases
from tests.support.direct_sync import ends, finished


async def test_what_needs_no_search_is_written_without_it(tmp_path: Path) -> None:
    """Lineage and tests are tried once each, then left out by name; the rest arrives and is verified."""
    async with ends(tmp_path, "search-down") as both:
        events = await both.sync()
        end = finished(events)
        assert (end.outcome, end.exit_code) == ("partial", ExitCode.PARTIAL)
        written = end.counts.written_by_group
        assert {"descriptions", "owners", "tags", "data model"} <= set(written)
        assert "lineage" not in written
        reasons = {event.reason for event in events if isinstance(event, Skipped)}
        assert "Could not write the lineage: Collate's search does not answer" in reasons
        assert end.verification is not None
        descriptions = end.verification.row("descriptions")
        assert descriptions is not None
        assert descriptions.state == "ok"


async def test_a_second_sync_without_search_plans_and_verifies(tmp_path: Path) -> None:
    """What is there is not written again, and results that cannot be read are named."""
    async with ends(tmp_path) as both:
        assert finished(await both.sync()).outcome == "ok"
        both.sandbox._play(replace(HEALTHY, search="down"))
        since = len(both.sandbox.requests)
        end = finished(await both.sync())
        assert (end.counts.failed, both.writes(since)["PUT"], both.writes(since)["POST"]) == (0, 0, 0)
        assert end.verification is not None
        tests = end.verification.row("tests")
        assert tests is not None
        assert tests.state == "warn"
        assert any("cannot read" in gap.found for gap in tests.exceptions)


async def test_an_unreadable_test_of_another_service_is_skipped(tmp_path: Path) -> None:
    async with ends(tmp_path, "unreadable-test") as both:
        assert finished(await both.sync()).outcome == "ok"
        second = finished(await both.sync())
        assert (second.outcome, second.counts.planned) == ("ok", 0)


@pytest.mark.parametrize(("scenario", "down"), [("search-down", True), ("unreadable-test", False)])
async def test_results_that_cannot_be_read_are_named(tmp_path: Path, scenario: str, down: bool) -> None:
    async with ends(tmp_path, "unreadable-test") as both:
        table = "legacy_crm.default.crm.orders"
        both.sandbox._play(
            replace(HEALTHY, unreadable_test_case=True, search="down" if scenario == "search-down" else "on")
        )
        async with CollateClient(both.sandbox.collate_url, both.sandbox.collate_token) as client:
            await client.connect()
            unread = Unread()
            found = await read_cases(client, [table], unread=unread)
        assert [case.name for case in found.values()] == ["total\\net is known"]
        assert unread.search_down is down
        assert len(unread.cases) == 1
