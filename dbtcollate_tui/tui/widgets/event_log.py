"""What a running sync writes and says, line by line: bounded, filtered, followed."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.events import types as events
from dbtcollate_tui.events.types import SyncEvent
from dbtcollate_tui.plan.model import Change, LineageChange, TableChange
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, cut_middle
from dbtcollate_tui.tui.widgets.row_list import RowList

LINES_AT_MOST = 20_000
TABLE_SHARE, TABLE_LEAST, TABLE_MOST = 0.34, 18, 48
"""The table's column: its share of the width, and its bounds in cells."""
ALIGNED_FROM, WHAT_SHARE, WHAT_LEAST = 100, 0.26, 26
"""From this width in cells outcomes form a column, after this share of the width."""
LEVELS = {"ok": CheckState.PASS, "warn": CheckState.WARN, "failed": CheckState.FAIL}
_STAMP = re.compile(
    r"^\[\d{4}-\d\d-\d\d[^\]]*\]\s*(?:(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b\s*|\{[^}]*\}\s*|-\s+)*"
)
"""What a worker puts before its words: time, level, place. The line has its own time and sign."""
LOG_STATES = {"warn": CheckState.WARN, "error": CheckState.FAIL}


@dataclass(frozen=True, slots=True, eq=False)
class LogRow:
    """One line: time, table, what, outcome. A line that is of no change has no ``table``.

    ``failure`` is what "failures only" keeps: failures, warnings, skipped changes, repeated requests.
    """

    clock: str
    table: str
    what: str
    state: CheckState | None
    outcome: str = ""
    failure: bool = False
    text: str = ""
    search: str = ""

    def __post_init__(self) -> None:
        """The line for copying, and in lower case for the filter: made once, since it is asked for often."""
        text = "  ".join(part for part in (self.clock, self.table, self.what, self.outcome) if part)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "search", text.lower())


class EventLog(RowList[LogRow]):
    """Shows each change as it is written, failed or skipped, and every line that an engine says.

    While ``follow`` holds the latest line stays in sight; moving up stops following.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("end,G", "follow_on", show=False)]
    DEFAULT_CSS = """
    EventLog { border-title-color: $text-muted; border-title-style: none; }
    """

    class Scrolled(Message):
        """Following began or ended by a move."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: deque[LogRow] = deque(maxlen=LINES_AT_MOST)
        self._words: list[str] = []
        self.failures_only = False
        self.follow = True
        self.empty = "Nothing is written yet."

    def feed(self, batch: Iterable[SyncEvent]) -> None:
        """Append the lines of these events."""
        fresh = [row for event in batch if (row := log_row(event)) is not None]
        if not fresh:
            return
        self._all.extend(fresh)
        self.append_rows([row for row in fresh if self._fits(row)], LINES_AT_MOST)
        if self.follow:
            self._to_end()
        self._say()

    def show_failures_only(self, only: bool) -> None:
        """Keep failures and warnings alone in sight, or everything again."""
        self.failures_only = only
        self._refill()

    def filter(self, words: str) -> None:
        """Keep the lines that hold each of these words."""
        self._words = words.lower().split()
        self._refill()

    def set_follow(self, follow: bool) -> None:
        """Follow the latest line, or stop following."""
        self.follow = follow
        if follow:
            self._to_end()
        self._say()

    def action_follow_on(self) -> None:
        """To the latest line, and follow it."""
        self.set_follow(True)
        self.post_message(self.Scrolled())

    def action_move(self, by: int) -> None:
        """Move; up stops following."""
        self._stand(by)
        super().action_move(by)

    def action_page(self, by: int) -> None:
        """Move by a page; up stops following."""
        self._stand(by)
        super().action_page(by)

    def action_first(self) -> None:
        """To the oldest line, and stop following."""
        self._stand(-1)
        super().action_first()

    def on_mouse_scroll_up(self) -> None:
        """Scrolling up stops following."""
        self._stand(-1)

    def _stand(self, by: int) -> None:
        if by < 0 and self.follow:
            self.follow = False
            self._say()
            self.post_message(self.Scrolled())

    def as_text(self) -> str:
        """Every kept line, for copying."""
        return "\n".join(row.text for row in self._all)

    def _fits(self, row: LogRow) -> bool:
        if self.failures_only and not row.failure:
            return False
        return all(word in row.search for word in self._words)

    def _refill(self) -> None:
        rows = [row for row in self._all if self._fits(row)]
        current = self.current
        at = len(rows) - 1 if self.follow else 0
        if not self.follow and current is not None and current in rows:
            at = rows.index(current)
        self.set_rows(rows, at)
        self._say()

    def _to_end(self) -> None:
        self.go_to(len(self.rows) - 1)

    def _say(self) -> None:
        """Say in the border what is in sight."""
        shown, whole = len(self.rows), len(self._all)
        words = f"{whole:,} lines" if shown == whole else f"{shown:,} of {whole:,} lines"
        if self.failures_only:
            words += ", failures only"
        if not self.follow:
            words += ", paused"
        self.border_title = words
        self.empty = "No line fits." if whole else "Nothing is written yet."

    def line(self, row: LogRow, width: int) -> Text:
        """Time, table, what, outcome; a line without a table goes across."""
        text = Text(f"{row.clock}  ", "dim")
        colour = self.colour(STATE_COLOURS[row.state]) if row.state is not None else "dim"
        outcome = Text()
        if row.outcome and row.state is not None:
            outcome.append(f"{GLYPHS.states[row.state]} ", colour).append(row.outcome, colour)
        if not row.table:
            if row.state is not None:
                text.append(f"{GLYPHS.states[row.state]} ", colour)
            text.append(" ".join(row.what.split()), "" if row.state is not None else "dim")
            text.truncate(width, overflow="ellipsis")
            return text
        column = max(TABLE_LEAST, min(TABLE_MOST, int(width * TABLE_SHARE)))
        text.append(cut_middle(row.table, column).ljust(column) + "  ")
        room = width - text.cell_len
        shown = min(outcome.cell_len, max(10, room // 2 if row.failure else room))
        what = max(4, room - shown - 2)
        if width >= ALIGNED_FROM:
            what = min(what, max(WHAT_LEAST, int(width * WHAT_SHARE)))
        text.append(cut_middle(row.what, what).ljust(what) + "  ", "dim")
        outcome.truncate(max(2, width - text.cell_len), overflow="ellipsis")
        return text.append_text(outcome)


def log_row(event: SyncEvent) -> LogRow | None:
    """The line that an event makes; ``None`` for one that makes none."""
    clock = f"{event.at.astimezone():%H:%M:%S}"
    match event:
        case events.Applied() if event.lacks:
            outcome = f"written without {', '.join(event.lacks)}"
            return _change(clock, event.change, CheckState.WARN, outcome, failure=True)
        case events.Applied():
            return _change(clock, event.change, CheckState.PASS, "written")
        case events.Skipped():
            return _change(clock, event.change, CheckState.SKIPPED, f"skipped: {event.reason}", failure=True)
        case events.Failed() if event.change is not None and event.unsure:
            outcome = f"not known: {event.error.title}"
            return _change(clock, event.change, CheckState.WARN, outcome, failure=True)
        case events.Failed() if event.change is not None:
            return _change(clock, event.change, CheckState.FAIL, event.error.title, failure=True)
        case events.Failed():
            return LogRow(clock, "", event.error.title, CheckState.FAIL, failure=True)
        case events.LogLine() if event.level != "debug":
            source = "" if event.source in ("", "sync") else f"{event.source}: "
            state = LOG_STATES.get(event.level)
            said = _STAMP.sub("", event.text)
            return LogRow(clock, "", f"{source}{said}", state, failure=state is not None)
        case events.Retrying():
            again = f"attempt {event.attempt} in {event.wait_seconds:.1f} s"
            return LogRow(clock, "", f"{event.what}: {event.reason}; {again}", CheckState.WARN, failure=True)
        case events.Cancelled():
            return LogRow(clock, "", event.text, CheckState.WARN, failure=True)
        case events.PhaseFinished():
            state = LEVELS[event.level]
            return LogRow(clock, "", f"{event.phase}  {event.text}", state, failure=event.level != "ok")
        case _:
            return None


def _change(clock: str, change: Change, state: CheckState, outcome: str, *, failure: bool = False) -> LogRow:
    table, what = "", change.label if change.label != change.target else ""
    if isinstance(change, TableChange):
        table = change.table.short
        what = change.label.removeprefix(table).lstrip(".: ")
    elif isinstance(change, LineageChange):
        table, what = change.downstream.short, f"from {change.upstream.short}"
    return LogRow(clock, table or change.target, f"{change.group}  {what}".strip(), state, outcome, failure)
