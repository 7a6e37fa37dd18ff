"""From a job's schedule to a schedule for Collate, as the guide's table has it, in words.

Crons are in UTC with 0 = Sunday, as dbt Cloud writes and Collate takes them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from statistics import median

from cronsim import CronSim

from dbtcollate_tui.dbt_cloud.crons import A_WEDNESDAY, explain_cron, read_cron, scheduled_times
from dbtcollate_tui.dbt_cloud.models import Job, Run
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import ProfileField, SetField
from dbtcollate_tui.wording import span

SHORTEST_MINUTES = 15
"""The guide: no more often than every 15 minutes."""
ON_DEMAND_CRON = "0 */3 * * *"
"""The guide's schedule for a job that only runs on demand."""
UNKNOWN_LAG_MINUTES = 30
"""How long after a frequent job Collate follows while no finished run shows how long it takes."""
SHOWN_TIMES = 5
"""This many of a schedule's next times are shown."""
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_TIMES_A_DAY = 24 * 60 // SHORTEST_MINUTES


@dataclass(frozen=True, slots=True)
class ScheduleProposal:
    """A cron for Collate in UTC, what it means, and why it fits the job."""

    cron: str
    words: str
    reason: str


def propose_schedule(job: Job | None, runs: Sequence[Run] = ()) -> ScheduleProposal:
    """Propose Collate's schedule for a job and its latest runs.

    The guide's table: hourly → hourly, every 6 hours → every 6 hours, daily at 6 → daily at 7, on demand →
    every 3 hours. A job at set hours is followed an hour later, or more where its runs last longer; a more
    frequent one at the same pace, with enough minutes after it starts for a run to finish. A job that another
    one starts is taken at the pace of its latest runs. Never under 15 minutes.
    """
    if job is None:
        return _proposal(
            ON_DEMAND_CRON, "No single job is chosen, so the latest run is checked for every 3 hours."
        )
    if job.deactivated:
        return _proposal(
            ON_DEMAND_CRON, "dbt Cloud has deactivated the job: only runs that a person starts will appear."
        )
    cron = job.cron
    if cron is None:
        return _from_pace(job, runs)
    try:
        cron = read_cron(cron)
    except UsageError:
        return _proposal(ON_DEMAND_CRON, f"The job's schedule ({cron}) could not be read.")
    gap, usual = shortest_gap(cron), _usual_length(runs)
    if gap < timedelta(minutes=SHORTEST_MINUTES):
        return _proposal(
            f"*/{SHORTEST_MINUTES} * * * *",
            f"The job runs more often; Collate's guide allows a sync every {SHORTEST_MINUTES} minutes.",
        )
    if gap <= timedelta(hours=6) and _times_a_day(cron) > 3:
        return _follow(cron, gap, usual)
    hours = 1
    while usual is not None and usual > timedelta(hours=hours, minutes=-5) and hours < 12:
        hours += 1
    shifted = _shift(cron, hours)
    if shifted is None or timedelta(hours=hours) >= max(gap, timedelta(hours=2)):
        return _proposal(
            "0 */6 * * *", f"The job runs {explain_cron(cron)}: every 6 hours keeps waiting times short."
        )
    length = "" if usual is None else f", which usually lasts {span(usual.total_seconds())}"
    return _proposal(shifted, f"{'1 hour' if hours == 1 else f'{hours} hours'} after the job starts{length}.")


def next_times(
    cron: str, n: int, tz: tzinfo | None = None, *, after: datetime | None = None
) -> tuple[datetime, ...]:
    """The next ``n`` times of a cron in UTC, given in ``tz``, by default the person's own time zone.

    Raises `UsageError` where it is no cron.
    """
    times = scheduled_times(cron, after or datetime.now(UTC))
    return tuple(moment.astimezone(tz) for _, moment in zip(range(n), times, strict=False))


def next_times_words(
    cron: str, n: int = SHOWN_TIMES, tz: tzinfo | None = None, *, after: datetime | None = None
) -> str:
    """`next_times` as one line; empty where there are none.

    "Wed 25 Nov, Thu 26, Fri 27 at 07:00 CET", or "Wed 25 Nov 13:00, 19:00; Thu 26 01:00 CET".
    """
    times = next_times(cron, n, tz, after=after)
    if not times:
        return ""
    by_day: dict[date, list[str]] = {}
    for moment in times:
        by_day.setdefault(moment.date(), []).append(f"{moment:%H:%M}")
    days: list[str] = []
    month = 0
    for day in by_day:
        name = "" if day.month == month else f" {_MONTHS[day.month - 1]}"
        days.append(f"{_WEEKDAYS[day.weekday()]} {day.day}{name}")
        month = day.month
    hours = list(by_day.values())
    if len(days) > 1 and all(one == hours[0] for one in hours):
        words = f"{', '.join(days)} at {', '.join(hours[0])}"
    else:
        words = "; ".join(f"{day} {', '.join(at)}" for day, at in zip(days, hours, strict=True))
    return f"{words} {times[-1]:%Z}"


def check_cron(cron: str) -> str:
    """A cron that a person entered, as five fields; raises `UsageError` for none, or one under 15 minutes."""
    text = read_cron(cron)
    gap = shortest_gap(text)
    if gap < timedelta(minutes=SHORTEST_MINUTES):
        raise UsageError(
            f"{text} runs every {gap.total_seconds() / 60:.0f} minutes",
            causes=[f"Collate's guide allows one ingestion every {SHORTEST_MINUTES} minutes at most."],
            fixes=[
                SetField(
                    f"Use */{SHORTEST_MINUTES} * * * *",
                    ProfileField.SCHEDULE,
                    f"*/{SHORTEST_MINUTES} * * * *",
                )
            ],
        )
    return text


@lru_cache(maxsize=1024)
def shortest_gap(cron: str) -> timedelta:
    """The shortest time between two of a cron's times, looked at over a month or 400 of its times."""
    times: list[datetime] = []
    for moment in scheduled_times(cron, A_WEDNESDAY):
        times.append(moment)
        if len(times) >= 400 or (len(times) > 2 and moment - A_WEDNESDAY > timedelta(days=31)):
            break
    return min((later - sooner for sooner, later in pairwise(times)), default=timedelta(days=366))


def missed_times(cron: str, since: datetime, until: datetime, most: int = 100) -> int:
    """How many of a cron's times lie between two moments, counted up to ``most``."""
    count = 0
    for moment in scheduled_times(cron, since):
        if moment >= until or count >= most:
            break
        count += 1
    return count


def _proposal(cron: str, reason: str) -> ScheduleProposal:
    return ScheduleProposal(cron, explain_cron(cron), reason)


def _usual_length(runs: Sequence[Run]) -> timedelta | None:
    lengths = [run.seconds for run in runs if run.is_completed and run.seconds is not None]
    return timedelta(seconds=median(lengths)) if lengths else None


def _from_pace(job: Job, runs: Sequence[Run]) -> ScheduleProposal:
    starts = sorted(run.created_at for run in runs if run.created_at is not None)
    started_by = "It is started by another job" if job.is_chained else "It has no schedule of its own"
    if job.is_chained and len(starts) >= 4:
        gaps = [(later - sooner).total_seconds() / 3600 for sooner, later in pairwise(starts)]
        usual = median(gaps)
        for hours in (1, 2, 3, 6, 12):
            if usual <= hours * 1.25:
                cron = "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
                return _proposal(cron, f"{started_by}; its latest runs are {_hours_words(usual)} apart.")
        return _proposal("0 */12 * * *", f"{started_by}; its latest runs are {_hours_words(usual)} apart.")
    return _proposal(
        ON_DEMAND_CRON, f"{started_by}: the schedule that Collate's guide gives for jobs that run on demand."
    )


def _hours_words(hours: float) -> str:
    return span(hours * 3600)


def _follow(cron: str, gap: timedelta, usual: timedelta | None) -> ScheduleProposal:
    """The same pace, later than the job by its usual length, so that each sync finds the run it waits for."""
    minutes = int(gap.total_seconds() // 60)
    lag = UNKNOWN_LAG_MINUTES if usual is None else math.ceil((usual.total_seconds() / 60 + 5) / 5) * 5
    lag = max(SHORTEST_MINUTES, lag) if minutes > UNKNOWN_LAG_MINUTES else SHORTEST_MINUTES
    lag %= minutes
    later = _later(cron, lag)
    if later is None:
        return _proposal(
            _every(cron, gap), f"The job runs {_pace_words(gap)}, and Collate follows at the same pace."
        )
    return _proposal(
        later, f"The job runs {_pace_words(gap)}; Collate follows {lag} minutes after it starts."
    )


def _later(cron: str, lag: int) -> str | None:
    """The cron ``lag`` minutes later; ``None`` where five fields cannot say that."""
    parsed = CronSim(cron, A_WEDNESDAY)
    minutes, hours = sorted(parsed.minutes), sorted(parsed.hours)
    _, _, day, month, weekday = cron.split()
    carries = {(minute + lag) // 60 for minute in minutes}
    moved = [(minute + lag) % 60 for minute in minutes]
    days = f"{day} {month} {weekday}"
    if len(hours) == 24:
        return f"{','.join(str(minute) for minute in sorted(moved))} * {days}"
    if len(carries) > 1:
        return None
    carry = carries.pop()
    later = [hour + carry for hour in hours]
    if later[-1] > 23 and (day, weekday) != ("*", "*"):
        return None
    return f"{','.join(str(minute) for minute in sorted(moved))} {_hours([h % 24 for h in later])} {days}"


def _hours(hours: Sequence[int]) -> str:
    """An hour field: ``*/6`` for 0, 6, 12 and 18, else a list."""
    ordered = sorted(set(hours))
    for step in (2, 3, 4, 6, 8, 12):
        if ordered == list(range(0, 24, step)):
            return f"*/{step}"
    return ",".join(str(hour) for hour in ordered)


def _pace_words(gap: timedelta) -> str:
    minutes = int(gap.total_seconds() // 60)
    if minutes == 60:
        return "hourly"
    return f"every {minutes // 60} hours" if minutes % 60 == 0 else f"every {minutes} minutes"


def _every(cron: str, gap: timedelta) -> str:
    minutes = int(gap.total_seconds() // 60)
    fields = cron.split()
    days = " ".join(fields[2:])
    if minutes < 60:
        return f"*/{max(SHORTEST_MINUTES, minutes)} * {days}"
    hours = minutes // 60
    while 24 % hours:
        hours -= 1
    return f"0 * {days}" if hours == 1 else f"0 */{hours} {days}"


def _shift(cron: str, hours: int) -> str | None:
    """The cron this many hours later; ``None`` where that moves it to days that cannot be written simply."""
    parsed = CronSim(cron, A_WEDNESDAY)
    minute, _, day, month, weekday = cron.split()
    if not minute.isdecimal():
        minute = str(max(parsed.minutes))
    moved = [hour + hours for hour in sorted(parsed.hours)]
    over = [hour > 23 for hour in moved]
    if any(over) and (day, weekday) != ("*", "*"):
        if not all(over) or day != "*" or not all(part.isdecimal() for part in weekday.split(",")):
            return None
        weekday = ",".join(str((int(part) + 1) % 7) for part in weekday.split(","))
    later = ",".join(str(hour) for hour in sorted({hour % 24 for hour in moved}))
    return f"{minute} {later} {day} {month} {weekday}"


def _times_a_day(cron: str) -> int:
    parsed = CronSim(cron, A_WEDNESDAY)
    return len(parsed.hours) * len(parsed.minutes)
