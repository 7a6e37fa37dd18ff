"""A check's result in full, in the form of every error: what, cause, evidence, and the fixes as keys."""

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Button, Static

from dbtcollate_tui import wording
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.fixes import Fix, OpenUrl, Retry, has_key
from dbtcollate_tui.tui.glyphs import STATE_WORDS
from dbtcollate_tui.tui.keys import key_of, letters_of
from dbtcollate_tui.tui.links import linked
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.error_card import fix_keys

TAKEN = "rReysqpt"
"""Keys that mean something else beside a card on the checklist: they are no fix's."""
EXCEPTIONS_SHOWN = 200


class CheckCard(VerticalScroll):
    """Shows the row under the cursor; `toggle_evidence` shows requests and exceptions too.

    ``taken`` are the keys of the screen's own, ``evidence_keys`` those that toggle the evidence there. One
    that ``keeps_height`` does not shrink from row to row: the list above it would move with each step.
    """

    DEFAULT_CSS = """
    CheckCard { height: auto; padding: 0 1; border-top: solid $border-blurred;
        scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    CheckCard Static { height: auto; width: 1fr; }
    CheckCard #fixes { height: auto; width: 1fr; }
    CheckCard Button {
        min-width: 8; max-width: 100%; margin: 0 2 0 0; text-align: left; content-align: left middle;
    }
    """

    class FixChosen(Message):
        """A fix was chosen by its key or its button."""

        def __init__(self, row: CheckResult, fix: Fix) -> None:
            super().__init__()
            self.row = row
            self.fix = fix

    def __init__(
        self,
        *,
        taken: str = TAKEN,
        opened_first: bool = False,
        keeps_height: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id, can_focus=False)
        self._keeps_height = keeps_height
        self._window = Size(0, 0)
        self._taken = taken
        self._opened_first = opened_first
        self.row: CheckResult | None = None
        self.evidence = False
        self._note = ""
        self._shown: tuple[CheckResult | None, str] = (None, "")
        self._keys: dict[str, Fix] = {}

    def compose(self) -> ComposeResult:
        """The title, the card's lines, the fixes, the evidence."""
        yield Static(id="card-title", markup=False)
        yield Static(id="card-body", markup=False)
        yield Vertical(id="fixes")
        yield Static(id="card-evidence", markup=False)

    def on_mount(self) -> None:
        """Follow the theme."""
        on_theme_change(self, self._draw)

    def on_resize(self) -> None:
        """Keep the height until the window has another."""
        if not self._keeps_height:
            return
        is_below = self.styles.height is not None and self.styles.height.is_auto
        if self._window != self.app.size or not is_below:
            self._window = self.app.size
            self.styles.min_height = None
        elif not self.evidence:
            self.styles.min_height = self.outer_size.height

    async def show(self, row: CheckResult | None, note: str = "") -> None:
        """Show a row in place of the former one; ``note`` says how old it is, where that matters."""
        shown = (row, note)
        if shown == self._shown:
            return
        self._shown, self._note = shown, note
        moved = row is None or self.row is None or row.check_id != self.row.check_id
        self.row = row
        before, self._keys = self._keys, _keys(row, self._taken + letters_of(self.screen))
        self._draw()
        if before != self._keys:
            fixes = self.query_one("#fixes")
            await fixes.remove_children()
            await fixes.mount(
                *(
                    Button(Text(f"{key}  {fix.label}"), compact=True, name=key)
                    for key, fix in self._keys.items()
                )
            )
        if moved:
            self.scroll_home(animate=False)

    @property
    def has_evidence(self) -> bool:
        """Whether there is any to show."""
        return self.row is not None and bool(self.row.evidence or self.row.exceptions)

    def toggle_evidence(self) -> None:
        """Show the evidence, from its first line where the card is too low for all of it, or take it away."""
        self.evidence = not self.evidence
        self.styles.min_height = None
        self._draw()
        self.call_after_refresh(self._to_evidence if self.evidence else self.scroll_home, animate=False)

    def _to_evidence(self, *, animate: bool) -> None:
        lines = self.query_one("#card-evidence")
        if lines.virtual_region.bottom > self.scroll_offset.y + self.scrollable_content_region.height:
            self.scroll_to_widget(lines, top=True, animate=animate)

    def _evidence_keys(self) -> str:
        key = key_of(self, "evidence")
        return f"enter, then {key}" if self._opened_first else key

    def focus_fixes(self) -> bool:
        """Focus the first fix; false where there is none."""
        buttons = self.query(Button)
        if not buttons:
            return False
        buttons.first().focus()
        return True

    def press(self, key: str) -> bool:
        """Choose the fix of a key; false where no fix has it."""
        fix = self._keys.get(key)
        if fix is None or self.row is None:
            return False
        self.post_message(self.FixChosen(self.row, fix))
        return True

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A click on a fix."""
        event.stop()
        self.press(event.button.name or "")

    def _draw(self) -> None:
        title, row = Text(), self.row
        if row is not None:
            title.append(f"{row.title}  ", "bold")
            title.append(STATE_WORDS[row.state], state_colour(self.app, row.state))
            if row.seconds >= 0.05:
                title.append(f"  {row.seconds:.1f} s", "dim")
            if self._note:
                title.append(f"  {self._note}", "dim")
        self.query_one("#card-title", Static).update(title)
        self.query_one("#card-body", Static).update(self._body(row) if row is not None else "")
        self.query_one("#card-evidence", Static).update(self._evidence(row) if row is not None else "")

    def _body(self, row: CheckResult) -> Table:
        table = _grid()
        if row.summary:
            table.add_row("Broken" if row.state is CheckState.FAIL else "Found", Text(row.summary))
        if row.detail:
            table.add_row("", Text(row.detail))
        for number, cause in enumerate(row.causes):
            first = "Most likely" if len(row.causes) > 1 else "Cause"
            table.add_row(first if number == 0 else "Or", Text(cause))
        for fix in row.fixes:
            if not has_key(fix):
                table.add_row("Fix", Text(fix.label))
            elif isinstance(fix, OpenUrl):
                table.add_row("Page", linked(fix.url))
        return table

    def _evidence(self, row: CheckResult) -> Table:
        table = _grid()
        if not self.evidence:
            parts = []
            if row.evidence:
                parts.append(f"{wording.count(len(row.evidence), 'line')}")
            if row.exceptions:
                parts.append(f"{len(row.exceptions)} named")
            if parts:
                table.add_row(
                    "Evidence", Text(f"{', '.join(parts)}   {self._evidence_keys()} shows it", "dim")
                )
            return table
        for number, item in enumerate(row.evidence):
            table.add_row("Evidence" if number == 0 else "", Text(item, "dim", overflow="fold"))
        for number, item in enumerate(row.exceptions[:EXCEPTIONS_SHOWN]):
            table.add_row("Named" if number == 0 else "", Text(item, overflow="fold"))
        left = len(row.exceptions) - EXCEPTIONS_SHOWN
        if left > 0:
            key = key_of(self, "copy")
            table.add_row("", Text(f"and {left} more" + (f"; {key} copies all" if key else ""), "dim"))
        return table


def _grid() -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=11, no_wrap=True, style="dim")
    table.add_column(ratio=1)
    return table


def _keys(row: CheckResult | None, taken: str) -> dict[str, Fix]:
    """The fixes' keys: what `r` does already is none, and no key of the screen's own is taken."""
    if row is None:
        return {}
    wanted = fix_keys([fix for fix in row.fixes if not isinstance(fix, Retry)])
    kept = {key for key in wanted if key not in taken}
    keys: dict[str, Fix] = {}
    for key, fix in wanted.items():
        keys[key if key in kept else _free(fix, {*keys, *kept}, taken)] = fix
    return keys


def _free(fix: Fix, keys: set[str], taken: str) -> str:
    wishes = f"{fix.label.lower()}bcfilmnouwxyzadeghjkpqrstv"
    return next(key for key in wishes if key.isalpha() and key not in taken and key not in keys)
