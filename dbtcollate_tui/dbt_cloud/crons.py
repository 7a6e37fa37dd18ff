"""A cron expression: read, put into words, and its times. In UTC with 0 = Sunday, as dbt Cloud writes it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError
from cronsim.explain import explain

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
A_WEDNESDAY = datetime(2025, 1, 1, tzinfo=UTC)
_EVERY_DAY = frozenset({"0,1,2,3,4,5,6", "1,2,3,4,5,6,7", "0-6", "1-7"})
_DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")
_WORKING_DAYS = frozenset({"1-5", "1,2,3,4,5"})


def scheduled_times(cron: str, after: datetime) -> Iterator[datetime]:
    """The times of a cron in UTC after a moment; raises `UsageError` where it is no cron."""
    text = _MACROS.get(cron.strip().lower(), cron.strip())
    try:
        return iter(CronSim(text, after.astimezone(UTC)))
    except CronSimError as error:
        raise _no_cron(cron, str(error)) from None


def read_cron(cron: str) -> str:
    """The cron as five fields (``@daily`` and the like spelt out); raises `UsageError` where it is none.

    A weekday field that lists all seven days, as dbt Cloud's own editor writes it, becomes ``*``.
    """
    fields = _MACROS.get(cron.strip().lower(), cron.strip()).split()
    if len(fields) != 5:
        raise _no_cron(cron, "it has not five fields")
    if fields[4] in _EVERY_DAY:
        fields[4] = "*"
    text = " ".join(fields)
    scheduled_times(text, A_WEDNESDAY)
    return text


@lru_cache(maxsize=1024)
def explain_cron(cron: str) -> str:
    """A cron in words: "hourly", "every 6 hours at :04", "daily at 07:00 UTC", else a sentence."""
    text = read_cron(cron)
    if text == "*/15 * * * *":
        return "every 15 minutes"
    minute, hour, *date, weekday = text.split()
    days = _days_in_words(weekday)
    if date == ["*", "*"] and minute.isdecimal() and days is not None:
        past = "" if minute == "0" else f" at :{int(minute):02d}"
        if hour == "*":
            return f"hourly{past}{days}"
        step = hour.removeprefix("*/")
        if step != hour and step.isdecimal() and 24 % int(step) == 0:
            return f"every {step} hours{past}{days}"
        if hour.isdecimal() and not days:
            return f"daily at {int(hour):02d}:{int(minute):02d} UTC"
    sentence = explain(text)
    return f"{sentence[:1].lower()}{sentence[1:]} UTC"


def _days_in_words(weekday: str) -> str | None:
    """ " on Mondays, Fridays"; empty for every day, ``None`` for a form that is not a list of numbers."""
    if weekday == "*":
        return ""
    if weekday in _WORKING_DAYS:
        return " on weekdays"
    listed = weekday.split(",")
    if not all(day.isdecimal() for day in listed):
        return None
    return f" on {', '.join(_DAYS[int(day) % 7] for day in listed)}"


def _no_cron(cron: str, why: str) -> UsageError:
    return UsageError(
        f"{cron!r} is not a cron",
        causes=[why],
        fixes=[Advice("Five fields: minute, hour, day, month, weekday. 0 * * * * is hourly.")],
    )
