"""``dbtcollate troubleshoot`` as a script sees it: rows, result, report, letter, exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.history.records import list_records
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.settings.store import ProfileStore
from tests.e2e.commands import events, run, tokens
from tests.support.world import profile_for


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    running = Sandbox("wrong-service")
    running.start()
    ProfileStore().save(profile_for(running))
    yield running
    running.stop()


def test_a_symptom_is_walked_to_its_broken_link_with_report_and_letter(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "report.md"
    done = run("troubleshoot", "no-lineage", "--support-message", "--report", str(place), **tokens(sandbox))
    assert done.returncode == ExitCode.FAILED
    assert "Broken at tables: None of dbt's 26 nodes" in done.stdout
    assert "To: the person who maintains the ingestion" in done.stdout
    assert "analytics_duckdb is the database service" in done.stdout
    assert "Lineage appears" not in done.stdout
    text = place.read_text(encoding="utf-8")
    assert text.startswith("# dbtcollate troubleshooting: shop")
    assert place.stat().st_mode & 0o077 == 0
    listed = run("history", "--action", "troubleshoot")
    (record,) = list_records(StateStore(), "shop", action="troubleshoot")
    assert record.id in listed.stdout
    assert "Broken at tables: None of dbt's 26 nodes" in record.text
    shown = run("history", "show", record.id)
    assert record.text in shown.stdout
    for token in tokens(sandbox).values():
        assert token not in done.stdout + done.stderr + text + shown.stdout


def test_json_ends_with_the_walk_and_a_word_that_is_no_symptom_names_the_nearest(sandbox: Sandbox) -> None:
    done = run("troubleshoot", "invalid-token", "--json", **tokens(sandbox))
    assert done.returncode == ExitCode.OK
    *rows, end = events(done)
    assert [row["id"] for row in rows] == ["dbt.reachable", "dbt.token", "dbt.account", "dbt.permissions"]
    assert (end["event"], end["symptom"], end["outcome"]) == ("troubleshooting", "invalid-token", "good")
    assert end["letter"] is None
    wrong = run("troubleshoot", "lineage")
    assert wrong.returncode == ExitCode.USAGE
    assert "Nearest: dbtcollate troubleshoot no-lineage" in wrong.stderr
    listed = run("troubleshoot", "--list", "--json")
    ids = [json.loads(line)["id"] for line in listed.stdout.splitlines()]
    assert ids[0] == "invalid-token"
    assert ids[-1] == "not-sure"
