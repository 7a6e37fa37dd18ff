"""Profile names: they become file names, so the rule is narrow and the same on every system."""

import re

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import ProfileField, SetField

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}[a-z0-9]|[a-z0-9]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_RULE = "1 to 64 of a-z, 0-9, '-', '_' and '.', first and last a letter or a digit"


def check_name(name: str) -> str:
    """The name itself where it may be a profile's name.

    Raises ``UsageError`` with the rule and the nearest name that fits it.
    """
    if _NAME.fullmatch(name) and not _RESERVED.fullmatch(name) and ".." not in name:
        return name
    near = suggest_name(name)
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    raise UsageError(
        f"{shown!r} cannot be a profile's name",
        causes=(f"The name is also a file's name: {_RULE}.",),
        fixes=(SetField(f"Use {near!r}", ProfileField.NAME, near),),
    )


def suggest_name(text: str) -> str:
    """The profile name nearest to any text, an account's or a job's name for instance; never empty."""
    value = re.sub(r"[^a-z0-9_.-]+", "-", text.lower())
    value = re.sub(r"\.{2,}", ".", re.sub(r"-{2,}", "-", value)).strip("-_.")[:64].strip("-_.")
    if not value:
        return "default"
    return f"{value.split('.')[0]}-profile" if _RESERVED.fullmatch(value) else value
