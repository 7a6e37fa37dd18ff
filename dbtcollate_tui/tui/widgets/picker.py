"""A searchable list for accounts, projects, jobs and services, with the chosen row's details below."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rapidfuzz import fuzz, process, utils
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckState
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, cut_middle

MATCHES_AT_MOST = 200
GOOD_MATCH = 60


@dataclass(frozen=True, slots=True)
class PickerRow:
    """One choice. ``facts`` are short columns, most telling first: the last ones go where room is short.

    ``badge`` is a word at the end such as "best" or "CI"; ``dim`` rows are poor choices; ``details`` are
    the lines below the list.
    """

    id: str
    name: str
    facts: tuple[str, ...] = ()
    badge: str = ""
    state: CheckState | None = None
    dim: bool = False
    details: tuple[str, ...] = ()
    words: str = ""


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


class Picker(Vertical):
    """Search field, list, details; posts ``Picker.Chosen`` on enter or click, ``Picker.Moved`` on a move."""

    DEFAULT_CSS = """
    Picker { height: 1fr; }
    Picker Input { height: 3; }
    Picker OptionList { height: 1fr; min-height: 3; border: none; padding: 0; background: transparent; }
    Picker .count { height: 1; color: $text-muted; padding: 0 1; }
    Picker .details { height: auto; max-height: 8; padding: 0 1; border-top: solid $border-blurred; }
    """

    class Chosen(Message):
        """A row was taken."""

        def __init__(self, picker: "Picker", row: PickerRow) -> None:
            super().__init__()
            self.picker = picker
            self.row = row

        @property
        def control(self) -> "Picker":
            """The picker, for ``@on`` selectors."""
            return self.picker

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, picker: "Picker", row: PickerRow) -> None:
            super().__init__()
            self.picker = picker
            self.row = row

        @property
        def control(self) -> "Picker":
            """The picker, for ``@on`` selectors."""
            return self.picker

    def __init__(self, *, search: str = "search", noun: str = "rows", id: str | None = None) -> None:
        super().__init__(id=id)
        self._search_word = search
        self._noun = noun
        self._rows: list[PickerRow] = []
        self._shown: list[PickerRow] = []
        self._loading = ""

    def compose(self) -> ComposeResult:
        """Search field, count, list, details."""
        yield _SearchInput(placeholder=self._search_word)
        yield Static(classes="count")
        yield OptionList(markup=False)
        yield Static(classes="details", markup=False)

    @property
    def current(self) -> PickerRow | None:
        """The row under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._shown[at] if at is not None and at < len(self._shown) else None

    def focus_search(self) -> None:
        """Put the cursor in the search field."""
        self.query_one(Input).focus()

    def set_rows(self, rows: Iterable[PickerRow], *, chosen: str | None = None, loading: str = "") -> None:
        """Show these rows, the cursor on ``chosen`` or where it stood; ``loading`` says what still comes."""
        current = self.current
        self._rows = list(rows)
        self._loading = loading
        self._fill(chosen or (current.id if current else None))

    def _fill(self, wanted: str | None) -> None:
        query = self.query_one(Input).value
        self._shown = search_rows(self._rows, query)
        listing = self.query_one(OptionList)
        width = max(30, listing.scrollable_content_region.width or self.size.width or 76)
        listing.clear_options()
        listing.add_options(Option(self._line(row, width)) for row in self._shown)
        if self._shown:
            ids = [row.id for row in self._shown]
            listing.highlighted = ids.index(wanted) if wanted in ids else 0
        count = (
            f"{len(self._shown)} of {len(self._rows)} {self._noun}"
            if query
            else f"{len(self._rows)} {self._noun}"
        )
        if self._loading:
            count = f"{count}, {self._loading}"
        self.query_one(".count", Static).update(Text(count))
        self._show_details()

    def _line(self, row: PickerRow, width: int) -> Text:
        style = "dim" if row.dim else ""
        name_width = min(34, max(16, width * 2 // 5))
        line = Text(no_wrap=True, style=style)
        if row.state is not None:
            colour = self.app.theme_variables.get(STATE_COLOURS[row.state].removeprefix("$"), "")
            line.append(GLYPHS.states[row.state], colour if colour.startswith("#") else "")
            line.append(" ")
        line.append(cut_middle(row.name, name_width).ljust(name_width))
        room = width - line.cell_len - (len(row.badge) + 2 if row.badge else 0) - 1
        for fact in row.facts:
            cell = max(len(fact), 12) + 2
            if cell > room:
                break
            line.append("  " + fact.ljust(cell - 2), "dim")
            room -= cell
        if row.badge:
            line.append(" " * max(1, room))
            line.append(row.badge, "bold")
        return line

    def _show_details(self) -> None:
        row = self.current
        details = self.query_one(".details", Static)
        details.display = bool(row and row.details)
        details.update("\n".join(row.details) if row else "")

    def on_resize(self, _: events.Resize) -> None:
        """Lay the columns anew."""
        current = self.current
        self._fill(current.id if current else None)

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
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
        self._show_details()
        row = self.current
        if row is not None:
            self.post_message(self.Moved(self, row))

    def choose_current(self) -> None:
        """Take the row under the cursor."""
        row = self.current
        if row is not None:
            self.post_message(self.Chosen(self, row))
