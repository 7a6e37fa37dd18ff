"""A session as lines: each stage that it concerns with its state, below it the rows that did not pass."""

import time
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.troubleshooting.session import TroubleshootingSession
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_WORDS, cut_end, cut_middle
from dbtcollate_tui.tui.theme import state_colour
from dbtcollate_tui.wording import count

STAGE_WIDTH = 11
TITLE_WIDTH = 24
SILENT_SECONDS = 2.0
UNDER_WAY = (CheckState.RUNNING, CheckState.WAITING)
BAD = (CheckState.FAIL, CheckState.WARN)


class SessionLines(OptionList):
    """Draws a `Walk` as it goes; ``current`` is the row under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", show=False),
        Binding("up,k", "cursor_up", show=False),
        Binding("pagedown,ctrl+d", "screen.card(1)", show=False),
        Binding("pageup,ctrl+u", "screen.card(-1)", show=False),
    ]
    DEFAULT_CSS = """
    SessionLines, SessionLines:focus {
        height: auto; max-height: 50%; border: none; background: transparent; padding: 0 1;
        overflow-x: hidden;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._walk: TroubleshootingSession | None = None
        self._ids: list[str] = []
        self._frame = 0
        self._compact = False
        self._since: tuple[Stage | None, float] = (None, 0.0)

    @property
    def current(self) -> CheckResult | None:
        """The row under the cursor; for a stage that is good, its first one."""
        walk = self._walk
        at = self.highlighted
        if walk is None or at is None or at >= len(self._ids):
            return None
        wanted = self._ids[at]
        if wanted in walk.rows:
            return walk.rows[wanted]
        rows = walk.of(Stage(wanted))
        return rows[0] if rows and rows[0].state not in UNDER_WAY else None

    def show(self, walk: TroubleshootingSession, *, at: str | None = None, compact: bool = False) -> None:
        """Draw the session; put the cursor on the row ``at``.

        With ``compact`` a session that has ended is drawn without its stages, by the rows that need a person.
        """
        self._walk, self._compact = walk, compact
        finding = walk.finding
        shown = [row for row in walk.rows.values() if row.state in BAD or row is finding]
        width = max(40, self.size.width or self.app.size.width)
        lines: list[tuple[str, Text]] = []
        if compact and shown and not walk.walking:
            lines = [(row.check_id, self._row(row, width, named=True)) for row in shown]
        else:
            for stage in walk.stages:
                lines.append((stage.value, self._stage(walk, stage)))
                lines += [(row.check_id, self._row(row, width)) for row in shown if row.stage is stage]
        ids = [name for name, _ in lines]
        wanted = at or (self._ids[self.highlighted] if self.highlighted is not None and self._ids else None)
        if ids != self._ids:
            self._ids = ids
            with self.prevent(OptionList.OptionHighlighted):
                self.clear_options()
            self.add_options(Option(line, id=name) for name, line in lines)
        else:
            for number, (_, line) in enumerate(lines):
                self.replace_option_prompt_at_index(number, line)
        if wanted in ids:
            self.highlighted = ids.index(wanted)

    def turn(self) -> None:
        """The next frame of what is under way."""
        self._frame += 1
        if self._walk is not None and self._walk.walking:
            self.show(self._walk, compact=self._compact)

    def _stage(self, walk: TroubleshootingSession, stage: Stage) -> Text:
        state = walk.states()[stage].state
        rows = walk.of(stage)
        glyph = GLYPHS.states[state]
        if state is CheckState.RUNNING and self.app.animation_level != "none":
            glyph = GLYPHS.spinner[self._frame % len(GLYPHS.spinner)]
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{glyph} ", self._colour(state))
        line.append(stage.value.ljust(STAGE_WIDTH), "bold" if rows else "dim")
        running = [row.title for row in rows if row.state is CheckState.RUNNING]
        if running:
            words = f"checking {', '.join(running)}"
            if self._since[0] is not stage:
                self._since = (stage, time.monotonic())
            waited = time.monotonic() - self._since[1]
            return line.append(f"{words}, {waited:.0f} s" if waited >= SILENT_SECONDS else words, "dim")
        if not rows or any(row.state is CheckState.WAITING for row in rows):
            return line.append(STATE_WORDS[CheckState.WAITING], "dim")
        return line.append(_counted(rows), "dim")

    def _row(self, row: CheckResult, width: int, *, named: bool = False) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{'' if named else '  '}{GLYPHS.states[row.state]} ", self._colour(row.state))
        if named:
            line.append(row.stage.value.ljust(STAGE_WIDTH), "bold")
        line.append(cut_middle(row.title, TITLE_WIDTH).ljust(TITLE_WIDTH if named else 0))
        line.append("  ")
        return line.append(cut_end(row.summary, width - line.cell_len - 3), "dim")

    def _colour(self, state: CheckState) -> str:
        return state_colour(self.app, state)


def _counted(rows: tuple[CheckResult, ...]) -> str:
    """The states of a stage's checks: "5 checks ok", "4 of 6 checks ok, 1 not reached"."""
    good = sum(row.state is CheckState.PASS for row in rows)
    behind = sum(bool(row.blocked_by) for row in rows)
    skipped = sum(row.state is CheckState.SKIPPED for row in rows) - behind
    if good == len(rows):
        return f"{count(good, 'check')} ok"
    words = f"{good} of {count(len(rows), 'check')} ok"
    if behind:
        words += f", {behind} not reached"
    if skipped:
        words += f", {skipped} not needed"
    return words
