"""Fixes that set a field, carried out."""

from typing import Any

from pydantic import ValidationError

from dbtcollate_tui.errors import Fix, UsageError
from dbtcollate_tui.settings.model import Profile

_SHORT = {
    "name": ("name",),
    "base_url": ("dbt_cloud", "base_url"),
    "run_rule": ("dbt_cloud", "run_rule"),
    "service": ("collate", "service"),
    "allow_http": ("collate", "allow_http"),
    "schedule": ("pipeline", "schedule"),
}
"""The fields that fixes name without their table."""


def place_of(assignment: str) -> tuple[tuple[str, ...], str]:
    """The place in a profile and the value that ``field=value`` means."""
    name, _, value = assignment.partition("=")
    return _SHORT.get(name, tuple(name.split("."))), value


def changed_profile(profile: Profile, fix: Fix) -> Profile:
    """The profile with what a ``set_field`` fix sets; raises `UsageError` where that is no good value."""
    place, value = place_of(fix.value)
    values: dict[str, Any] = profile.model_dump()
    table = values
    for name in place[:-1]:
        held = table.get(name)
        if not isinstance(held, dict):
            raise UsageError(f"A profile has no {'.'.join(place)}")
        table = held
    if place[-1] not in table:
        raise UsageError(f"A profile has no {'.'.join(place)}")
    table[place[-1]] = value
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{'.'.join(place)}: {first['msg']}") from None
