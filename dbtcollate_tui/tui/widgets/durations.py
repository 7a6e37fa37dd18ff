"""Small charts of the last syncs: how long they took, how they ended, how much Collate held then."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.text import Text
from textual.app import App

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.history.records import HistoryRecord
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.theme import state_colour
from dbtcollate_tui.wording import span

EIGHTHS = "▁▂▃▄▅▆▇█"
OUTCOMES = {
    "ok": CheckState.PASS,
    "warn": CheckState.WARN,
    "partial": CheckState.WARN,
    "failed": CheckState.FAIL,
    "cancelled": CheckState.SKIPPED,
    "interrupted": CheckState.FAIL,
    "running": CheckState.RUNNING,
}
"""An outcome's state: its glyph and its colour."""
WHOLE = frozenset({"ok", "warn"})


def outcome_mark(app: App[Any], record: HistoryRecord) -> Text:
    """The outcome's glyph in its colour."""
    state = OUTCOMES[record.outcome]
    return Text().append(GLYPHS.states[state], state_colour(app, state))


def chart(app: App[Any], records: Sequence[HistoryRecord], height: int = 1) -> Text:
    """One column a record, oldest left: a bar as high as it took long, in its outcome's colour.

    One that did not end well has its outcome's glyph on the lowest line, so that nothing depends on colour.
    """
    longest = max((record.seconds for record in records), default=0.0) or 1.0
    steps = len(EIGHTHS)
    lines = []
    for level in reversed(range(height)):
        line = Text(no_wrap=True)
        for record in records:
            state = OUTCOMES[record.outcome]
            colour = state_colour(app, state)
            if level == 0 and record.outcome not in WHOLE:
                line.append(GLYPHS.states[state], f"bold {colour}")
                continue
            eighths = max(1, round(record.seconds / longest * steps * height)) - level * steps
            line.append(EIGHTHS[min(eighths, steps) - 1] if eighths > 0 else " ", colour)
        lines.append(line)
    return Text("\n").join(lines)


def trend(records: Sequence[HistoryRecord]) -> str:
    """One column a sync that counted: a bar as high as Collate's share of what dbt declares, then both ends.

    Empty where fewer than two counted.
    """
    shares = [share for record in records if (share := record.percent) is not None]
    if len(shares) < 2:
        return ""
    low = min(0.9 * min(shares), 90.0)
    bars = [EIGHTHS[min(7, int(8 * (share - low) / (100.0 - low)))] for share in shares]
    return f"{''.join(bars)}  {shares[0]:.0f} to {shares[-1]:.0f} % in {len(shares)} syncs"


def in_words(records: Sequence[HistoryRecord]) -> str:
    """How many, how many of them did not end well, and how long one usually takes."""
    words = [f"{len(records)}"]
    for outcomes, word in (
        (("failed", "interrupted"), "failed"),
        (("partial", "warn"), "partial"),
        (("cancelled",), "cancelled"),
    ):
        found = sum(record.outcome in outcomes for record in records)
        if found:
            words.append(f"{'one' if found == 1 else found} {word}")
    took = [record.seconds for record in records if record.outcome in WHOLE]
    if took:
        words.append(f"usually {span(median(took))}")
    return ", ".join(words)
