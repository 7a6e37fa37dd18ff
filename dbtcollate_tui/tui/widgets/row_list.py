"""A list that draws only the lines in sight, so that thousands of rows cost what a screenful does."""

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from dbtcollate_tui.tui.theme import colour_of

Row = TypeVar("Row")


class RowList(ScrollView, Generic[Row], can_focus=True):
    """One line a row, with a cursor; posts `Moved` on a move and `Pressed` on a click on the cursor's row.

    Subclasses draw a row in `line`. Rows are set or appended, never held as widgets.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,ctrl+d", "page(1)", show=False),
        Binding("pageup,ctrl+u", "page(-1)", show=False),
        Binding("home,g", "first", show=False),
        Binding("end,G", "last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--cursor"}
    DEFAULT_CSS = """
    RowList { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; background: transparent; }
    RowList .row-list--cursor { background: $primary 25%; }
    RowList:focus .row-list--cursor { background: $primary 40%; }
    """

    class Moved(Message):
        """The cursor is on another row, or on other contents."""

    class Pressed(Message):
        """The row under the cursor was clicked."""

    empty = ""
    """What is shown while there are no rows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[Row] = []
        self.cursor = 0

    def line(self, row: Row, width: int) -> Text:
        """The row as one line of this width."""
        raise NotImplementedError

    @property
    def rows(self) -> Sequence[Row]:
        """The rows in their order."""
        return self._rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    def set_rows(self, rows: Sequence[Row], cursor: int = 0) -> None:
        """Show these rows, the cursor on that one."""
        self._rows = list(rows)
        self.cursor = max(0, min(cursor, len(self._rows) - 1))
        self._resized()
        self._in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def append_rows(self, rows: Sequence[Row], at_most: int) -> None:
        """Add rows at the end; of more than ``at_most`` the oldest tenth goes."""
        self._rows.extend(rows)
        if len(self._rows) > at_most:
            gone = len(self._rows) - at_most * 9 // 10
            del self._rows[:gone]
            self.cursor = max(0, self.cursor - gone)
        self._resized()
        self.refresh()

    def go_to(self, at: int) -> None:
        """Put the cursor on a row and bring it in sight."""
        at = max(0, min(at, len(self._rows) - 1))
        if at != self.cursor:
            before, self.cursor = self.cursor, at
            self.refresh_line(before)
            self.refresh_line(at)
            self.post_message(self.Moved())
        self._in_sight()

    def _resized(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows))

    def _in_sight(self) -> None:
        height = self.scrollable_content_region.height
        if height:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

    def on_resize(self, _: events.Resize) -> None:
        """Lay the lines out again."""
        self._resized()
        self._in_sight()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line ``y`` of what is in sight."""
        width = self.scrollable_content_region.width
        number = self.scroll_offset.y + y
        if number >= max(1, len(self._rows)):
            return Strip.blank(width, self.rich_style)
        text = self.line(self._rows[number], width) if self._rows else Text(self.empty, "dim")
        if "\n" in text.plain:
            text = Text(" ").join(text.split("\n"))
        text.no_wrap, text.end = True, ""
        text.truncate(width, overflow="ellipsis")
        style = self.rich_style
        strip = Strip(Segment.apply_style(text.render(self.app.console), style))
        strip = strip.adjust_cell_length(width, style)
        if number == self.cursor and self._rows:
            # Over the row's own styles: `Strip.apply_style` would lay it under their backgrounds.
            bar = Style(bgcolor=self.get_component_rich_style("row-list--cursor").bgcolor)
            strip = Strip(Segment.apply_style(strip, post_style=bar), width)
        return strip

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.go_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by what is in sight."""
        self.go_to(self.cursor + by * max(1, self.scrollable_content_region.height - 1))

    def action_first(self) -> None:
        """To the first row."""
        self.go_to(0)

    def action_last(self) -> None:
        """To the last row."""
        self.go_to(len(self._rows) - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the click was; a click on the cursor's row presses it."""
        at = self.scroll_offset.y + event.get_content_offset_capture(self).y
        if 0 <= at < len(self._rows):
            again = at == self.cursor
            self.go_to(at)
            if again:
                self.post_message(self.Pressed())

    def colour(self, variable: str) -> str:
        """The theme's colour as rich has it; "dim" where it has none."""
        return colour_of(self.app, variable)
