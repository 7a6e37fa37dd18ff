import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtcollate_tui.dbt_cloud.crons import explain_cron
from dbtcollate_tui.dbt_cloud.models import Job, Run
from dbtcollate_tui.dbt_cloud.schedules import (
    check_cron,
    missed_times,
    next_times,
    next_times_words,
    propose_schedule,
    shortest_gap,
)
from dbtcollate_tui.errors import UsageError
from tests.dbt_cloud.fake import NOW, job, run


def of_cron(cron: str, *, on: bool = True, **fields: Any) -> Job:
    schedule = {"cron": cron, "date": {"type": "custom_cron", "cron": cron}, "time": {"type": "every_hour"}}
    return Job.model_validate(job(schedule=schedule, triggers={"schedule": on}, **fields))


def lasting(minutes: float) -> Run:
    started = NOW - timedelta(minutes=minutes)
    return Run.model_validate(run(1, 0) | {"started_at": str(started), "finished_at": str(NOW)})


@pytest.mark.parametrize(
    ("cron", "minutes", "proposal", "words"),
    [
        ("0 * * * *", None, "30 * * * *", "hourly at :30"),
        ("0 * * * *", 8, "15 * * * *", "hourly at :15"),
        ("50 * * * *", 8, "5 * * * *", "hourly at :05"),
        ("0 */6 * * *", None, "30 */6 * * *", "every 6 hours at :30"),
        ("4 */6 * * 0,1,2,3,4,5,6", None, "34 */6 * * *", "every 6 hours at :34"),
        ("40 */6 * * *", 70, "55 1,7,13,19 * * *", None),
        ("4 */2 * * 1,2,3,4,5", None, "34 */2 * * 1,2,3,4,5", "every 2 hours at :34 on weekdays"),
        ("0 0,6,12,18 * * *", 20, "25 */6 * * *", "every 6 hours at :25"),
        ("0 6 * * *", None, "0 7 * * *", "daily at 07:00 UTC"),
        ("0 6 * * *", 20, "0 7 * * *", "daily at 07:00 UTC"),
        ("0 6 * * *", 58, "0 8 * * *", "daily at 08:00 UTC"),
        ("0 6 * * *", 150, "0 9 * * *", "daily at 09:00 UTC"),
        ("30 23 * * *", None, "30 0 * * *", "daily at 00:30 UTC"),
        ("0 0,12 * * *", None, "0 1,13 * * *", None),
        ("0 */8 * * *", None, "0 1,9,17 * * *", None),
        ("0 23 * * 6", None, "0 0 * * 0", None),
        ("0 6 * * 1-5", None, "0 7 * * 1-5", None),
        ("0 23 * * 1-5", None, "0 */6 * * *", "every 6 hours"),
        ("0 4 1 * *", None, "0 5 1 * *", None),
        ("*/5 * * * *", None, "*/15 * * * *", "every 15 minutes"),
        ("*/30 * * * *", None, "15,45 * * * *", None),
        ("0 */4 * * *", None, "30 */4 * * *", "every 4 hours at :30"),
        ("0 6,7 * * *", None, "0 7,8 * * *", None),
        ("@daily", None, "0 1 * * *", "daily at 01:00 UTC"),
        ("not a cron", None, "0 */3 * * *", "every 3 hours"),
    ],
)
def test_the_guides_table(cron: str, minutes: float | None, proposal: str, words: str | None) -> None:
    proposed = propose_schedule(of_cron(cron), [] if minutes is None else [lasting(minutes)])
    assert proposed.cron == proposal
    assert words is None or proposed.words == words
    assert proposed.reason.endswith(".")


def test_on_demand_is_every_three_hours() -> None:
    for found in (of_cron("0 6 * * *", on=False), None):
        assert propose_schedule(found).cron == "0 */3 * * *"


@pytest.mark.parametrize(("hours", "cron"), [(1, "0 * * * *"), (6, "0 */6 * * *"), (24, "0 */12 * * *")])
def test_a_chained_job_is_taken_at_the_pace_of_its_runs(hours: int, cron: str) -> None:
    chained = of_cron("0 6 * * *", on=False, job_completion_trigger_condition={"condition": {"job_id": 1}})
    runs = [Run.model_validate(run(n, n * hours)) for n in range(6)]
    proposed = propose_schedule(chained, runs)
    assert proposed.cron == cron
    assert "It is started by another job" in proposed.reason


fields = st.tuples(
    st.sampled_from(["0", "30", "*/5", "*/15", "*/30", "0,20,40", "*", "59"]),
    st.sampled_from(["*", "*/2", "*/6", "*/7", "0", "6", "23", "6,18", "8-17", "22,23"]),
    st.sampled_from(["*", "1", "*/2", "1,15", "31"]),
    st.sampled_from(["*", "1", "*/3"]),
    st.sampled_from(["*", "0", "1-5", "0,6", "7", "MON"]),
)


@given(parts=fields, minutes=st.one_of(st.none(), st.floats(0, 2000)))
def test_a_proposal_is_a_cron_of_at_least_fifteen_minutes(
    parts: tuple[str, ...], minutes: float | None
) -> None:
    proposed = propose_schedule(of_cron(" ".join(parts)), [] if minutes is None else [lasting(minutes)])
    assert check_cron(proposed.cron) == proposed.cron
    assert shortest_gap(proposed.cron) >= timedelta(minutes=15)
    assert proposed.words == explain_cron(proposed.cron)
    assert len(next_times(proposed.cron, 5)) == 5


def test_next_times_cross_a_clock_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    times = next_times("0 7 * * *", 5, berlin, after=datetime(2026, 10, 23, 12, tzinfo=UTC))
    assert [time.strftime("%d %H:%M %Z") for time in times] == [
        "24 09:00 CEST",
        "25 08:00 CET",
        "26 08:00 CET",
        "27 08:00 CET",
        "28 08:00 CET",
    ]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 */6 * * *", "Fri 23 Oct 14:00, 20:00; Sat 24 02:00, 08:00, 14:00 CEST"),
        ("0 7 * * *", "Sat 24 Oct 09:00; Sun 25 08:00; Mon 26 08:00; Tue 27 08:00; Wed 28 08:00 CET"),
        ("0 7 * * 1-5", "Mon 26 Oct, Tue 27, Wed 28, Thu 29, Fri 30 at 08:00 CET"),
        ("0 0 1 * *", "Sun 1 Nov, Tue 1 Dec, Fri 1 Jan, Mon 1 Feb, Mon 1 Mar at 01:00 CET"),
    ],
)
def test_the_next_five_times_in_words(cron: str, words: str) -> None:
    after = datetime(2026, 10, 23, 10, tzinfo=UTC)
    assert next_times_words(cron, tz=ZoneInfo("Europe/Berlin"), after=after) == words


def test_the_persons_own_zone_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert (
            next_times_words("0 7 * * *", 1, after=datetime(2026, 10, 23, tzinfo=UTC))
            == "Fri 23 Oct 16:00 JST"
        )
    finally:
        monkeypatch.undo()
        time.tzset()


def test_sunday_is_day_0() -> None:
    first = next_times("0 3 * * 0", 1, UTC, after=NOW)[0]
    assert first.strftime("%A") == "Sunday"


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 31 2 *", "x y z a b"])
def test_no_cron_is_said(cron: str) -> None:
    with pytest.raises(UsageError, match="is not a cron"):
        check_cron(cron)


def test_too_often_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(UsageError) as caught:
        check_cron("*/10 * * * *")
    assert caught.value.fixes[0].value == "pipeline.schedule=*/15 * * * *"
    assert check_cron(" @hourly ") == "0 * * * *"


def test_missed_times_are_counted_and_bounded() -> None:
    assert missed_times("0 * * * *", NOW - timedelta(hours=3), NOW + timedelta(seconds=1)) == 3
    assert missed_times("* * * * *", NOW - timedelta(days=300), NOW) == 100


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [("4 */6 * * 0,1,2,3,4,5,6", None), ("0 * * * *", 8), ("40 */6 * * *", 70), ("6 */12 * * *", None)],
)
def test_the_proposal_comes_after_the_job(cron: str, minutes: float | None) -> None:
    length = timedelta(minutes=minutes or 0)
    proposed = propose_schedule(of_cron(cron), [] if minutes is None else [lasting(minutes)])
    for started in next_times(cron, 6, UTC, after=NOW):
        synced = next_times(proposed.cron, 1, UTC, after=started)[0]
        assert synced - started > length
        assert synced - started < shortest_gap(cron)


@pytest.mark.parametrize(
    ("cron", "hours", "words"),
    [
        ("6 */12 * * 0,1,2,3,4,5,6", 12, "every 12 hours at :06"),
        ("4 */6 * * 0,1,2,3,4,5,6", 6, "every 6 hours at :04"),
        ("0 */2 * * 1,3", 2, "every 2 hours on Mondays, Wednesdays"),
    ],
)
def test_an_interval_cron_is_read(cron: str, hours: int, words: str) -> None:
    schedule = {
        "cron": cron,
        "date": {"type": "interval_cron", "days": [0, 1, 2, 3, 4, 5, 6], "cron": cron},
        "time": {"type": "every_hour", "interval": hours},
    }
    assert Job.model_validate(job(schedule=schedule)).schedule_words == words


def test_a_deactivated_job_has_no_schedule_to_follow() -> None:
    off = of_cron("0 6 * * *", deactivated=True, run_failure_count=100)
    assert off.cron is None
    assert "deactivated" in propose_schedule(off).reason
