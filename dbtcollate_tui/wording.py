"""Spans, ages and counts in words: every number with its unit and its whole."""

from collections.abc import Iterable
from datetime import datetime

PASTE_WORDS = "Paste with Ctrl+Shift+V (Cmd+V on a Mac)."
"""In a browser; Ctrl+V goes to the terminal in the page, which has no clipboard of its own."""


def span(seconds: float) -> str:
    """A duration in its largest fitting unit: "0.3 s", "48 s", "3 min", "2 h", "9 d"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} d"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago it was ("38 min ago"); empty for ``None``."""
    if moment is None:
        return ""
    seconds = max(0.0, (now - moment).total_seconds())
    return f"{seconds:.0f} s ago" if seconds < 90 else f"{span(seconds)} ago"


def count(number: int, singular: str, plural: str = "") -> str:
    """The number with its noun: "1 table", "7,300 columns"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def some(names: Iterable[str], most: int = 3) -> str:
    """The first names, and how many more there are: "a, b, c and 9 more"."""
    listed = list(names)
    shown = ", ".join(listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown
