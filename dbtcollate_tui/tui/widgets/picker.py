"""A searchable list for accounts, projects, jobs and services, with the chosen row's details below."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rapidfuzz import fuzz, process, utils
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.css.query import NoMatches
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_middle
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.prompts import put_prompts
from dbtcollate_tui.wording import count

MATCHES_AT_MOST = 200
LISTED_AT_MOST = 500
"""This many rows are drawn; the others are there for the search."""
GOOD_MATCH = 60
BESIDE_WIDTH = 90


@dataclass(frozen=True, slots=True)
class PickerRow:
    """One choice. ``facts`` are short columns, most telling first: the last ones go where room is short.

    ``badge`` is a word at the end such as "best" or "CI"; ``dim`` rows are poor choices; ``details`` are
    the lines below the list, ``words`` what the search finds beside name and id. A row that is not
    ``counted`` is a choice beside those that there are ("any job").
    """

    id: str
    name: str
    facts: tuple[str, ...] = ()
    badge: str = ""
    state: CheckState | None = None
    dim: bool = False
    details: tuple[str, ...] = ()
    words: str = ""
    counted: bool = True


def search_rows(rows: Sequence[PickerRow], query: str) -> list[PickerRow]:
    """The rows that match: those that contain the words first, then near ones; all for an empty query."""
    wanted = query.strip().lower()
    if not wanted:
        return list(rows)
    texts = [f"{row.name} {row.id} {row.words}".lower() for row in rows]
    parts = wanted.split()
    literal = [number for number, text in enumerate(texts) if all(part in text for part in parts)]
    starts = [number for number in literal if texts[number].startswith(wanted)]
    order = [*starts, *(number for number in literal if number not in set(starts))]
    if len(order) < MATCHES_AT_MOST:
        seen = set(order)
        near = process.extract(
            wanted,
            texts,
            scorer=fuzz.partial_ratio,
            processor=utils.default_process,
            score_cutoff=GOOD_MATCH + 10,
            limit=MATCHES_AT_MOST,
        )
        order += [number for _, _, number in near if number not in seen]
    return [rows[number] for number in order]


class _SearchInput(Input):
    """Up, down and paging go to the list while one types."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move('cursor_down')", show=False),
        Binding("up", "move('cursor_up')", show=False),
        Binding("pagedown", "move('page_down')", show=False),
        Binding("pageup", "move('page_up')", show=False),
    ]

    def action_move(self, how: str) -> None:
        """Move the list's cursor."""
        picker = self.query_ancestor(Picker)
        getattr(picker.query_one(OptionList), f"action_{how}")()


class _Rows(OptionList):
    """Lays its columns again when its own width changes."""

    def on_resize(self, event: events.Resize) -> None:
        """Tell the picker."""
        self.query_ancestor(Picker).lay(event.size.width)


class _RowMessage(Message):
    def __init__(self, picker: "Picker", row: PickerRow) -> None:
        super().__init__()
        self.picker = picker
        self.row = row

    @property
    def control(self) -> "Picker":
        """The picker, for ``@on`` selectors."""
        return self.picker


class Picker(Vertical):
    """Search field, list, details; posts ``Picker.Chosen`` on enter or click, ``Picker.Moved`` on a move.

    The details are below the list, or beside it from 90 columns of its own.
    """

    DEFAULT_CSS = """
    Picker { height: 1fr; min-height: 9; }
    Picker .search { height: 1; }
    Picker .search Static { width: 9; color: $text-muted; }
    Picker .search Input { width: 1fr; background: $surface; }
    Picker .count { height: 1; color: $text-muted; }
    Picker .both { height: 1fr; layout: vertical; }
    Picker OptionList {
        height: 1fr; min-height: 3; border: none; padding: 0; background: transparent; overflow-x: hidden;
    }
    Picker OptionList:focus { border: none; }
    Picker .details {
        height: auto; max-height: 8; border-top: solid $border-blurred; scrollbar-size-vertical: 1;
        overflow-x: hidden;
    }
    Picker .details Static { height: auto; width: 1fr; }
    Picker.-beside .both { layout: horizontal; }
    Picker.-beside OptionList { width: 3fr; height: 1fr; }
    Picker.-beside .details {
        width: 2fr; height: 1fr; max-height: 100%; border-top: none;
        border-left: solid $border-blurred; padding: 0 0 0 1;
    }
    """

    class Chosen(_RowMessage):
        """A row was taken."""

    class Moved(_RowMessage):
        """The cursor moved to another row."""

    def __init__(self, *, noun: str = "row", id: str | None = None) -> None:
        super().__init__(id=id)
        self._noun = noun
        self._rows: list[PickerRow] = []
        self._shown: list[PickerRow] = []
        self._loading = ""
        self._extra: tuple[str, ...] = ()
        self._placed: str | None = None
        self._width = 0
        self._laid: tuple[int, int, list[int]] = (0, 0, [])
        self._found = 0
        self.touched = False

    def compose(self) -> ComposeResult:
        """Search field, count, list, details."""
        with Horizontal(classes="search"):
            yield Static("/ search")
            yield _SearchInput(placeholder="type to search", compact=True)
        yield Static(classes="count")
        with Container(classes="both"):
            yield _Rows(markup=False)
            with VerticalScroll(classes="details", can_focus=False):
                yield Static(markup=False)

    def on_mount(self) -> None:
        """Follow the theme."""
        on_theme_change(self, self._recolour)

    def _recolour(self) -> None:
        put_prompts(self.query_one(OptionList), (self._line(row, *self._laid) for row in self._shown))

    @property
    def current(self) -> PickerRow | None:
        """The row under the cursor; ``None`` too where the list is gone, since the screen closes."""
        at = next((listing.highlighted for listing in self.query(OptionList)), None)
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def focus_search(self) -> None:
        """Put the cursor in the search field."""
        self.query_one(Input).focus()

    def set_rows(self, rows: Iterable[PickerRow], *, chosen: str | None = None, loading: str = "") -> None:
        """Show these rows; ``loading`` says what still comes.

        As long as nobody has moved the cursor (``touched``) it goes to ``chosen``; then it stays. Rows that
        come while the screen closes are shown nowhere.
        """
        current = self.current
        self._rows = list(rows)
        self._loading = loading
        stays = current is not None and (self.touched or chosen is None)
        with contextlib.suppress(NoMatches):
            self._fill(current.id if stays and current is not None else chosen)

    def reset(self, *, rows: bool) -> None:
        """No search any more, and nobody has moved the cursor; with ``rows`` no rows either."""
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        if rows:
            self._rows = []
        current = self.current
        self._fill(current.id if current else None)
        self.touched = False

    def set_extra(self, lines: Iterable[str]) -> None:
        """Lines below the details of the row under the cursor; gone when the cursor moves."""
        self._extra = tuple(lines)
        self._show_details()

    def row(self, row_id: str) -> PickerRow | None:
        """The row of that id, shown or not."""
        return next((row for row in self._rows if row.id == row_id), None)

    def _fill(self, wanted: str | None) -> None:
        query = self.query_one(Input).value
        self._shown = self._listed(search_rows(self._rows, query), wanted)
        listing = self.query_one(OptionList)
        width = max(30, listing.scrollable_content_region.width or self.size.width or 76)
        self._width = listing.size.width
        with self.prevent(OptionList.OptionHighlighted):
            listing.clear_options()
            self._laid = (width, *self._columns(width))
            listing.add_options(Option(self._line(row, *self._laid)) for row in self._shown)
            if self._shown:
                ids = [row.id for row in self._shown]
                listing.highlighted = ids.index(wanted) if wanted in ids else 0
        there = sum(row.counted for row in self._rows)
        whole = count(there, self._noun)
        words = f"{self._found:,} of {whole}" if query else whole
        if self._found > LISTED_AT_MOST:
            words = f"{words}, the first {LISTED_AT_MOST} listed: search finds the others"
        if query and there and not self._shown:
            words = f"{words}: no match for “{cut_middle(query, 24)}”, ctrl+u empties the search"
        if self._loading:
            words = f"{words}, {self._loading}"
        self.query_one(".count", Static).update(Text(words))
        self._stand()

    def _stand(self) -> None:
        row = self.current
        if (row.id if row else None) != self._placed:
            self._placed = row.id if row else None
            self._extra = ()
            if row is not None:
                self.post_message(self.Moved(self, row))
            else:
                self.refresh_bindings()
        self._show_details()

    def _listed(self, rows: list[PickerRow], wanted: str | None) -> list[PickerRow]:
        self._found = sum(row.counted for row in rows)
        if len(rows) <= LISTED_AT_MOST:
            return rows
        head, rest = rows[:LISTED_AT_MOST], rows[LISTED_AT_MOST:]
        return [*(row for row in rest if row.id == wanted), *head, *(row for row in rest if not row.counted)]

    def _columns(self, width: int) -> tuple[int, list[int]]:
        """The name's width, and those of the facts that have room."""
        longest = max((len(row.name) for row in self._shown), default=0)
        rows = [row for row in self._shown[:MATCHES_AT_MOST] if row.counted]
        name = min(longest, max(16, width * 2 // 5))
        room = width - name - 3 - max((len(row.badge) + 2 if row.badge else 0 for row in rows), default=0)
        widths: list[int] = []
        for number in range(max((len(row.facts) for row in rows), default=0)):
            wide = max(len(row.facts[number]) for row in rows if len(row.facts) > number)
            room -= wide + 2
            if room < 0:
                break
            widths.append(wide)
        return name, widths

    def _line(self, row: PickerRow, width: int, name_width: int, columns: list[int]) -> Text:
        style = "dim" if row.dim else ""
        line = Text(no_wrap=True, style=style)
        if row.state is not None:
            line.append(GLYPHS.states[row.state], state_colour(self.app, row.state, ""))
            line.append(" ")
        line.append(cut_middle(row.name, name_width).ljust(name_width))
        for fact, wide in zip(row.facts, columns, strict=False):
            line.append("  " + fact.ljust(wide), "dim")
        if not row.counted and not columns:
            line.append("".join(f"  {fact}" for fact in row.facts), "dim")
        if row.badge:
            line.append(" " * max(2, width - line.cell_len - len(row.badge) - 1))
            line.append(row.badge, "bold")
        return line

    def _show_details(self) -> None:
        row = self.current
        lines = (*row.details, *self._extra) if row else ()
        details = self.query_one(".details")
        details.display = bool(lines)
        details.query_one(Static).update("\n".join(lines))

    def on_resize(self, event: events.Resize) -> None:
        """Put the details below or beside the list."""
        self.set_class(event.size.width >= BESIDE_WIDTH, "-beside")

    def lay(self, width: int) -> None:
        """Lay the columns again for this width of the list, in cells."""
        if width != self._width:
            self._width = width
            current = self.current
            self._fill(current.id if current else None)

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self.touched = True
        current = self.current
        self._fill(None if event.value else (current.id if current else None))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.choose_current()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.choose_current()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.touched = True
        self._stand()

    def choose_current(self) -> None:
        """Take the row under the cursor."""
        row = self.current
        if row is not None:
            self.post_message(self.Chosen(self, row))
