"""How the chain stands at rest: what is in Collate against dbt's newest run, and what comes next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.last_seen import LastSeen, load_last_seen, save_last_seen
from dbtcollate_tui.checks.summary import (
    Arrival,
    PipelineFacts,
    RunFacts,
    Summary,
    clock,
    in_collate,
    next_sync,
)
from dbtcollate_tui.settings.state import StateStore

NOW = datetime(2026, 11, 25, 13, 38, tzinfo=UTC)
ENDED = NOW - timedelta(hours=3)
HOURLY = PipelineFacts(True, "dbt_cloud_sync", True, True, "0 * * * *", "UTC", "success", NOW)


def arrived(run_id: int = 98431, *, whole: bool = True) -> Arrival:
    return Arrival(ENDED + timedelta(minutes=38), "collate", run_id, "nightly", ENDED, whole)


def test_what_is_not_looked_at_is_not_said() -> None:
    assert in_collate(Summary(), NOW) is None
    assert next_sync(Summary(), NOW) is None


def test_the_newest_run_in_collate() -> None:
    said = in_collate(Summary(RunFacts(98431, "nightly", "success", ENDED), None, arrived()), NOW)
    assert said is not None
    assert said.state is CheckState.PASS
    assert said.text == 'run #98431 of "nightly", 38 min after it ended'
    assert said.more == "by Collate's pipeline 2 h ago, the latest run"


def test_a_newer_run_makes_it_stale() -> None:
    newer = RunFacts(98440, "nightly", "success", NOW - timedelta(minutes=12))
    said = in_collate(Summary(newer, None, arrived()), NOW)
    assert said is not None
    assert said.state is CheckState.WARN
    assert said.more == "stale: run #98440 ended 12 min ago and is not there"
    assert said.way == "sync"


def test_a_run_that_collate_took_and_the_rule_would_not_is_not_stale() -> None:
    older = RunFacts(98430, "nightly", "success", ENDED - timedelta(hours=1))
    said = in_collate(Summary(older, None, arrived()), NOW)
    assert said is not None
    assert said.state is CheckState.PASS
    assert "stale" not in said.more


def test_what_came_in_part_is_said_to_be_part() -> None:
    said = in_collate(Summary(RunFacts(98431, finished_at=ENDED), None, arrived(whole=False)), NOW)
    assert said is not None
    assert said.state is CheckState.WARN
    assert "not all of it" in said.more


def test_nothing_came_yet() -> None:
    said = in_collate(Summary(nothing_came=True), NOW)
    assert said is not None
    assert said.text == "nothing from this profile yet: no sync has run"


def test_next_time_is_in_the_users_time_zone() -> None:
    said = next_sync(Summary(pipeline=HOURLY), NOW, ZoneInfo("Europe/Berlin"))
    assert said is not None
    assert said.state is CheckState.PASS
    assert said.text == "15:00 CET, by Collate's own schedule (hourly), in 22 min"


def test_a_pipeline_s_own_zone_holds_for_its_schedule() -> None:
    facts = PipelineFacts(True, "p", True, True, "0 6 * * *", "America/New_York", "success", NOW)
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.text.startswith("tomorrow 11:00 UTC")


def test_missed_times_are_counted() -> None:
    facts = PipelineFacts(
        True, "p", True, True, "0 * * * *", "UTC", "success", NOW - timedelta(hours=5, minutes=8)
    )
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.state is CheckState.FAIL
    assert said.more == "5 scheduled times passed without a run since the last one, 5 h ago"


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (PipelineFacts(False), CheckState.SKIPPED, "cannot run pipelines"),
        (PipelineFacts(True), CheckState.SKIPPED, "no pipeline in Collate yet"),
        (PipelineFacts(True, "p"), CheckState.WARN, "p is written, but not deployed"),
        (PipelineFacts(True, "p", True, ended_at=ENDED), CheckState.FAIL, "p is paused in Collate, last run"),
        (PipelineFacts(True, "p", True, True), CheckState.SKIPPED, "p has no schedule"),
        (PipelineFacts(True, "p", True, True, "not a cron"), CheckState.WARN, "cannot be read"),
    ],
)
def test_why_nothing_comes(facts: PipelineFacts, state: CheckState, words: str) -> None:
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.state is state
    assert words in said.text
    assert said.way in ("sync", "pipeline")


def test_a_failing_pipeline_is_said() -> None:
    facts = PipelineFacts(True, "p", True, True, "0 * * * *", "UTC", "failed", NOW - timedelta(minutes=30))
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.state is CheckState.FAIL
    assert said.more == "its last run failed 30 min ago"


def test_a_failing_pipeline_without_a_schedule_is_said_too() -> None:
    facts = PipelineFacts(True, "p", True, True, "", "UTC", "failed", NOW - timedelta(minutes=30))
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.state is CheckState.FAIL
    assert said.more == "its last run failed 30 min ago"


def test_a_day_is_named_where_it_is_not_near() -> None:
    assert clock(NOW + timedelta(days=2), NOW, UTC) == "Fri 27 Nov 13:38 UTC"


def test_what_was_seen_is_remembered() -> None:
    state = StateStore()
    row = CheckResult(CheckId.RUN_EXISTS, "dbt Cloud run exists", Stage.RUN, CheckState.PASS, "#98431")
    seen = LastSeen(NOW, {"run.exists": row}, Summary(RunFacts(98431, finished_at=ENDED), HOURLY, arrived()))
    save_last_seen(state, "shop", seen)
    assert load_last_seen(state, "shop") == seen
    assert load_last_seen(state, "other") is None
    held = state.load("shop", "last_seen")
    assert isinstance(held, dict)
    assert isinstance(held["rows"], list)
    held["rows"].append({"check_id": "a.check.of.another.version"})
    state.save("shop", "last_seen", held)
    assert load_last_seen(state, "shop") == seen
    state.save("shop", "last_seen", {"at": NOW.isoformat(), "rows": [], "standing": {"run": 3}})
    assert load_last_seen(state, "shop") is None


@pytest.mark.parametrize(
    ("facts", "brief"),
    [
        (HOURLY, "next 14:00 UTC"),
        (PipelineFacts(False), "synced manually"),
        (PipelineFacts(True), "synced manually"),
        (PipelineFacts(True, "p"), "not deployed"),
        (PipelineFacts(True, "p", True), "paused"),
        (PipelineFacts(True, "p", True, True, "nonsense"), "schedule cannot be read"),
    ],
)
def test_next_sync_has_a_brief_form(facts: PipelineFacts, brief: str) -> None:
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.brief == brief


def test_next_sync_names_an_unknown_time_zone() -> None:
    facts = PipelineFacts(True, "p", True, True, "0 * * * *", "Mars/Olympus", "success", NOW)
    said = next_sync(Summary(pipeline=facts), NOW, UTC)
    assert said is not None
    assert said.text.endswith("read as UTC: the time zone Mars/Olympus is not known here")
