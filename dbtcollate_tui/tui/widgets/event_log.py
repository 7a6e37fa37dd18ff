"""The lines of a running sync: bounded, written in batches, filtered to failures at a key."""

from collections import deque
from collections.abc import Iterable

from rich.text import Text
from textual.widgets import RichLog

from dbtcollate_tui.checks.base import CheckState
from dbtcollate_tui.sync import events
from dbtcollate_tui.sync.events import SyncEvent
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS

LINES_AT_MOST = 2_000


class EventLog(RichLog):
    """Shows each change as it is written, failed or skipped, and every line that an engine says."""

    DEFAULT_CSS = """
    EventLog { overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(max_lines=LINES_AT_MOST, wrap=False, markup=False, id=id)
        self._lines: deque[tuple[bool, Text]] = deque(maxlen=LINES_AT_MOST)
        self.failures_only = False
        self.can_focus = True

    def feed(self, batch: Iterable[SyncEvent]) -> None:
        """Append the lines of these events."""
        fresh = [line for event in batch if (line := self._line(event)) is not None]
        self._lines.extend(fresh)
        self._write_all(fresh)

    def show_failures_only(self, only: bool) -> None:
        """Keep failures and warnings alone in sight, or everything again."""
        self.failures_only = only
        self.clear()
        self._write_all(self._lines)

    def as_text(self) -> str:
        """Every kept line, for copying."""
        return "\n".join(line.plain for _, line in self._lines)

    def _write_all(self, lines: Iterable[tuple[bool, Text]]) -> None:
        shown = [line for failure, line in lines if failure or not self.failures_only]
        if shown:
            self.write(Text("\n").join(shown))

    def _line(self, event: SyncEvent) -> tuple[bool, Text] | None:
        clock = f"{event.at.astimezone():%H:%M:%S}  "
        match event:
            case events.Applied():
                return False, self._change(clock, event.change.label, event.change.group, CheckState.PASS, "")
            case events.Skipped():
                label, group = event.change.label, event.change.group
                return True, self._change(clock, label, group, CheckState.SKIPPED, event.reason)
            case events.Failed() if event.change is not None:
                title = event.error.title
                return True, self._change(
                    clock, event.change.label, event.change.group, CheckState.FAIL, title
                )
            case events.Failed():
                return True, Text(clock + event.error.title, self._colour(CheckState.FAIL))
            case events.LogLine() if event.level != "debug":
                warn = event.level in ("warn", "error")
                state = {"warn": CheckState.WARN, "error": CheckState.FAIL}.get(event.level)
                return warn, Text(f"{clock}{event.text}", self._colour(state) if state else "dim")
            case events.Retrying():
                text = f"{clock}{event.what}: {event.reason}; attempt {event.attempt}"
                return True, Text(f"{text} in {event.wait_seconds:.1f} s", self._colour(CheckState.WARN))
            case events.Cancelled():
                return True, Text(clock + event.text, self._colour(CheckState.WARN))
            case events.PhaseFinished():
                state = {"ok": CheckState.PASS, "warn": CheckState.WARN, "failed": CheckState.FAIL}[
                    event.level
                ]
                line = Text(clock, "dim")
                line.append(f"{GLYPHS.states[state]} ", self._colour(state)).append(
                    f"{event.phase}  ", "bold"
                )
                return event.level != "ok", line.append(event.text)
            case _:
                return None

    def _change(self, clock: str, label: str, group: str, state: CheckState, note: str) -> Text:
        line = Text(clock, "dim", no_wrap=True)
        line.append(f"{GLYPHS.states[state]} ", self._colour(state))
        line.append(f"{group:13} ", "dim").append(label, "")
        if note:
            line.append(f"  {note}", self._colour(state))
        return line

    def _colour(self, state: CheckState) -> str:
        value = self.app.theme_variables.get(STATE_COLOURS[state].removeprefix("$"), "")
        return value if value.startswith("#") else "dim"
