"""What is being waited for, and what was found, one line each, live."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.theme import on_theme_change, state_colour

SILENT_SECONDS = 2.0
"""A wait shows its seconds after so long."""


@dataclass(frozen=True, slots=True)
class StatusLine:
    """State and columns of one line; ``since`` (monotonic seconds) counts while the state is running."""

    state: CheckState
    columns: tuple[str, ...]
    since: float = 0.0


class StatusLines(Static):
    """Lines of state glyph and columns; takes no room while it is empty."""

    DEFAULT_CSS = """
    StatusLines { height: auto; display: none; margin: 1 0 0 0; }
    StatusLines.-shown { display: block; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: tuple[StatusLine, ...] = ()
        self._frame = 0

    def on_mount(self) -> None:
        """Turn the spinner where motion is wanted; count the seconds anyway."""
        on_theme_change(self, self._draw)
        moving = self.app.animation_level != "none"
        self.set_interval(1 / 10 if moving else 1.0, self._turn)

    def _turn(self) -> None:
        if any(line.state is CheckState.RUNNING for line in self.lines):
            self._frame += 1
            self._draw()

    def show(self, lines: Sequence[StatusLine]) -> None:
        """Show these lines in place of the former ones."""
        self.lines = tuple(lines)
        self.set_class(bool(self.lines), "-shown")
        self._draw()

    def waiting(self, what: str) -> None:
        """Show one line that says what is being waited for."""
        self.show([StatusLine(CheckState.RUNNING, (what,), time.monotonic())])

    def clear(self) -> None:
        """Show nothing."""
        self.show(())

    @property
    def text(self) -> str:
        """The lines as plain text, states as words."""
        return "\n".join("  ".join((line.state.value, *line.columns)) for line in self.lines)

    def _draw(self) -> None:
        table = Table.grid(padding=(0, 2, 0, 0))
        width = max((len(line.columns) for line in self.lines), default=0)
        table.add_column(no_wrap=True)
        for _ in range(width):
            table.add_column()
        for line in self.lines:
            cells = [Text(cell) for cell in line.columns]
            if line.state is CheckState.RUNNING and line.since:
                waited = time.monotonic() - line.since
                if waited >= SILENT_SECONDS and cells:
                    cells[-1].append(f", {waited:.0f} s", "dim")
            table.add_row(self._glyph(line.state), *cells)
        self.update(table)

    def _glyph(self, state: CheckState) -> Text:
        glyph = GLYPHS.states[state]
        if state is CheckState.RUNNING and self.app.animation_level != "none":
            glyph = GLYPHS.spinner[self._frame % len(GLYPHS.spinner)]
        return Text(glyph, state_colour(self.app, state, ""))
