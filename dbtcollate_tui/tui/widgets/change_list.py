"""The plan's outline as a list, and the chosen entry's values beside it."""

from collections.abc import Iterable
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from dbtcollate_tui import wording
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.plan.matching.matches import Unmatched
from dbtcollate_tui.plan.model import Change, Conflict, Plan
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, cut_end, cut_middle
from dbtcollate_tui.tui.theme import on_theme_change
from dbtcollate_tui.tui.widgets.change_rows import (
    Arrangement,
    BranchRow,
    Leaf,
    LeafRow,
    OutlineRow,
    PlanOutline,
)
from dbtcollate_tui.tui.widgets.diff import DiffStyles, diff_lines, side_by_side, stacked
from dbtcollate_tui.tui.widgets.row_list import RowList

NOTE_ROOM = 16
VALUE_AT_MOST = 400
"""This many characters of a value are looked at for its beginning on one line."""
NAMED_OF_BRANCH = 100
"""This many changes of a branch are shown with their values beside it."""
"""Cells that a note needs at the end of a row."""


class ChangeList(RowList[OutlineRow]):
    """The rows of a `PlanOutline`; ``left_out`` are the keys of changes that are not to be written.

    ``overwritten`` are conflicts by their change's key that are decided for dbt.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "fold(False)", "Close", show=False),
        Binding("right,l", "fold(True)", "Open", show=False),
        Binding("enter", "toggle_branch", "Open or close", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.outline: PlanOutline | None = None
        self.left_out: set[str] = set()
        self.overwritten: dict[str, Conflict] = {}

    def show(self, plan: Plan) -> None:
        """Show this plan, arranged, folded and filtered as before."""
        before = self.outline
        self.outline = PlanOutline(plan, self.overwritten)
        if before is not None:
            self.outline.take_over(before)
        self._fill()

    def filter(self, query: str) -> None:
        """Show what fits."""
        if self.outline is not None:
            self.outline.filter(query)
            self._fill()

    def arrange_by(self, arrangement: Arrangement) -> None:
        """By kind or by table."""
        if self.outline is not None:
            self.outline.arrangement = arrangement
            self._fill()

    def _fill(self) -> None:
        if self.outline is None:
            return
        named = _name(self.current)
        rows = self.outline.rows()
        self.empty = "Nothing fits the filter." if self.outline.leaves else "Collate already has all of it."
        at = next((number for number, row in enumerate(rows) if _name(row) == named), 0)
        self.set_rows(rows, at)

    @property
    def entry(self) -> Leaf | None:
        """The entry under the cursor, where no branch is."""
        row = self.current
        return row.leaf if isinstance(row, LeafRow) else None

    def leave_out(self, keys: Iterable[str]) -> None:
        """Leave these changes out, or take them in again where all of them are left out."""
        wanted = set(keys)
        if wanted <= self.left_out:
            self.left_out -= wanted
        else:
            self.left_out |= wanted
        self.refresh()

    def action_fold(self, is_open: bool) -> None:
        """Open or close the branch under the cursor, or close the one that the row is in."""
        row = self.current
        if isinstance(row, LeafRow) and not is_open:
            above = range(self.cursor - 1, -1, -1)
            self.go_to(next((at for at in above if isinstance(self.rows[at], BranchRow)), self.cursor))
            row = self.current
        if isinstance(row, BranchRow) and self.outline is not None and row.is_open is not is_open:
            self.outline.fold(row, is_open)
            self._fill()

    def action_toggle_branch(self) -> None:
        """Open or close the branch under the cursor."""
        row = self.current
        if isinstance(row, BranchRow):
            self.action_fold(not row.is_open)

    def on_row_list_pressed(self) -> None:
        """A click on a branch."""
        self.action_toggle_branch()

    def line(self, row: OutlineRow, width: int) -> Text:
        """A branch with its counts, or an entry with its sign."""
        return self._branch(row) if isinstance(row, BranchRow) else self._leaf(row, width)

    def _branch(self, row: BranchRow) -> Text:
        text = Text("  " * row.depth)
        text.append(f"{GLYPHS.open if row.is_open else GLYPHS.pointer} ", "dim")
        text.append(row.title, "bold" if not row.depth else "")
        keys = row.keys
        kept, others = row.others[True], row.others.total()
        parts = [str(len(keys))] if keys or not others else []
        if others:
            parts.append(f"{kept} kept" if kept else str(others))
        if out := len(keys & self.left_out):
            parts.append(f"{out} left out")
        return text.append(f"  {', '.join(parts)}", "dim")

    def _leaf(self, row: LeafRow, width: int) -> Text:
        entry = row.leaf.entry
        indent = "  " * row.depth
        text = Text(indent)
        note = ""
        if isinstance(entry, Change):
            if row.leaf.key in self.left_out:
                sign, note = GLYPHS.states[CheckState.SKIPPED], "left out"
                text.append(f"{sign} {row.label}", "dim strike")
            else:
                over = self.overwritten.get(row.leaf.key)
                colour = self.colour(STATE_COLOURS[CheckState.WARN]) if over is not None else ""
                text.append(f"{_sign(entry)} ", f"bold {colour}").append(row.label)
                note = over_words(over) if over is not None else entry.note or _first_words(entry)
        elif isinstance(entry, Conflict):
            text.append("! ", self.colour(STATE_COLOURS[CheckState.WARN])).append(row.label)
            note = entry.words
        elif isinstance(entry, Unmatched):
            text.append("! ", self.colour(STATE_COLOURS[CheckState.WARN])).append(row.label)
            note = entry.detail
        else:
            text.append(f"  {row.label}")
        room = width - text.cell_len - 3
        if note and room >= NOTE_ROOM:
            text.append(f"  {cut_end(note, room)}", "dim")
        return text


def over_words(kept: Conflict) -> str:
    """What a decided conflict does."""
    if kept.is_removal:
        return "to remove what dbt no longer has"
    return f"over what {kept.by} edited in Collate" if kept.by else "over another text in Collate"


def _first_words(change: Change) -> str:
    """The beginning of what is written, or of what is removed, on one line."""
    return " ".join((change.new or change.old)[:VALUE_AT_MOST].split())


def _sign(change: Change) -> str:
    return {"add": "+", "replace": "~"}.get(change.action, "-")


def _name(row: OutlineRow | None) -> object:
    if isinstance(row, BranchRow):
        return row.name
    return (row.leaf.section, row.leaf.label) if isinstance(row, LeafRow) else None


class ChangeDetail(VerticalScroll):
    """The values of one entry in full; ``beside`` shows old and new side by side."""

    DEFAULT_CSS = """
    ChangeDetail { scrollbar-size-vertical: 1; overflow-x: hidden; }
    ChangeDetail Static { height: auto; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._row: OutlineRow | None = None
        self._left_out = False
        self._over = ""
        self.beside = False

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static(id="values")

    def on_mount(self) -> None:
        """Follow the theme."""
        on_theme_change(self, self._draw)

    def show(self, row: OutlineRow | None, *, left_out: bool = False, over: str = "") -> None:
        """Show this row's values; ``over`` says what a decided conflict overwrites."""
        if row is not self._row:
            self.scroll_home(animate=False)
        self._row, self._left_out, self._over = row, left_out, over
        self._draw()

    def lay(self, *, beside: bool) -> None:
        """Side by side, or below one another."""
        if beside is not self.beside:
            self.beside = beside
            self._draw()

    def on_resize(self, _: events.Resize) -> None:
        """Keep to the width."""
        self._draw()

    def _draw(self) -> None:
        row = self._row
        body: RenderableType = Text("")
        if isinstance(row, BranchRow):
            body = self._branch(row)
        elif isinstance(row, LeafRow):
            body = self._entry(row.leaf)
        self.query_one("#values", Static).update(body)

    def _branch(self, row: BranchRow) -> Text:
        """What can be done with all of it, then its first changes with their values."""
        text = Text(_branch_words(row), "dim")
        width = max(20, self.size.width - 2)
        for leaf in row.leaves[:NAMED_OF_BRANCH]:
            if not isinstance(leaf.entry, Change):
                continue
            label = cut_middle(leaf.label, max(16, width // 2))
            text.append(f"\n{_sign(leaf.entry)} {label}", "not dim")
            room = width - len(label) - 5
            if room >= NOTE_ROOM and (words := _first_words(leaf.entry)):
                text.append(f"  {cut_end(words, room)}", "dim")
        return text

    def _entry(self, leaf: Leaf) -> RenderableType:
        entry = leaf.entry
        if isinstance(entry, Change):
            left = "Left out: it is not written." if self._left_out else ""
            note = self._over or entry.note
            return self._values(entry.target, (entry.unique_id, note, left), entry.old, entry.new)
        if isinstance(entry, Conflict):
            key = "u writes dbt's over it." if entry.change is not None else ""
            return self._values(entry.target, (entry.reason, key), entry.server, entry.dbt)
        if isinstance(entry, Unmatched):
            text = Text()
            text.append(f"{entry.unique_id}\n", "bold").append(f"looked for  {entry.fqn}\n", "dim")
            text.append(f"{entry.detail}\n")
            if entry.candidates:
                text.append(f"nearest     {', '.join(entry.candidates)}\n")
            return text.append(entry.fix)
        return Text(entry)

    def _values(self, target: str, notes: tuple[str, ...], old: str, new: str) -> RenderableType:
        head = Text(target, "bold", overflow="fold")
        for note in notes:
            if note:
                head.append(f"\n{note}", "not bold dim")
        variables = self.app.theme_variables
        styles = DiffStyles(variables.get("error", "red"), variables.get("success", "green"))
        lines = diff_lines(old, new)
        if self.beside and old and new:
            return Group(head, Text(""), side_by_side(lines, styles, "in Collate", "from dbt"))
        return Group(head, stacked(lines, styles))


def _branch_words(row: BranchRow) -> str:
    keys, kept = row.keys, row.others[True]
    parts = []
    if keys:
        count = len(keys)
        parts.append(f"{wording.count(count, 'change')}. space leaves all of it out, or includes it again.")
    if kept:
        parts.append(f"{kept} unchanged in Collate{'; u writes dbt over them' if row.conflicts else ''}.")
    if not parts:
        parts.append(f"{len(row.leaves)} that remain unchanged.")
    return " ".join(parts)
