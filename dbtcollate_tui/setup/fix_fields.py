"""Fixes that set a field, carried out."""

from typing import Any

from pydantic import ValidationError

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import SetField
from dbtcollate_tui.settings.model import Profile


def changed_profile(profile: Profile, fix: SetField) -> Profile:
    """The profile with the field set; raises `UsageError` where the value is not valid."""
    place = fix.field.value.split(".")
    values: dict[str, Any] = profile.model_dump()
    table = values
    for name in place[:-1]:
        held = table.get(name)
        if not isinstance(held, dict):
            raise UsageError(f"A profile has no {'.'.join(place)}")
        table = held
    if place[-1] not in table:
        raise UsageError(f"A profile has no {'.'.join(place)}")
    table[place[-1]] = fix.to
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{'.'.join(place)}: {first['msg']}") from None
