"""The one form of every error: what is broken, causes, evidence, and the fixes as keys."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Copy, Fix, OpenUrl, RerunCheck, Retry, has_key
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.keys import letters_of
from dbtcollate_tui.tui.links import linked

FIX_KEYS = "rbtcisdefghjklm"


def fix_keys(fixes: Sequence[Fix], taken: str = "") -> dict[str, Fix]:
    """A key for each fix that the program can carry out: ``r`` retry, else a letter of its label.

    ``taken`` are keys that do something else where the card is shown.
    """
    keys: dict[str, Fix] = {}
    for fix in fixes:
        if not has_key(fix):
            continue
        wishes = _usual_key(fix)
        wishes += "".join(letter for letter in fix.label.lower() if letter.isalpha()) + FIX_KEYS
        for letter in wishes:
            usual = letter in "roy" and wishes.startswith(letter)
            if letter not in keys and (usual or letter not in f"eqnparoy{taken}"):
                keys[letter] = fix
                break
    return keys


def _usual_key(fix: Fix) -> str:
    match fix:
        case Retry() | RerunCheck():
            return "r"
        case OpenUrl():
            return "o"
        case Copy():
            return "y"
    return ""


class ErrorCard(Vertical):
    """Stands where the error happened and stays until it is fixed."""

    DEFAULT_CSS = """
    ErrorCard { height: auto; border-left: outer $error; padding: 0 1; margin: 1 0 0 0; display: none; }
    ErrorCard.-shown { display: block; }
    ErrorCard .title { text-style: bold; color: $error; height: auto; }
    ErrorCard .body { height: auto; }
    ErrorCard .fixes { height: auto; }
    ErrorCard .row { height: 1; }
    ErrorCard Button {
        min-width: 8; max-width: 100%; margin: 0 2 0 0; text-align: left; content-align: left middle;
    }
    """

    class FixChosen(Message):
        """A fix was chosen by its key or its button."""

        def __init__(self, fix: Fix) -> None:
            super().__init__()
            self.fix = fix

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.error: ActionableError | None = None
        self._keys: dict[str, Fix] = {}

    def compose(self) -> ComposeResult:
        """Title, the causes and evidence, a row of fixes."""
        yield Static(classes="title")
        yield Static(classes="body")
        yield Vertical(classes="fixes")

    async def show(self, error: ActionableError) -> None:
        """Show an error's card in place of the former one."""
        self.error = error
        self._keys = fix_keys(error.fixes, letters_of(self.screen))
        self.query_one(".title", Static).update(Text(f"{GLYPHS.states[CheckState.FAIL]} {error.title}"))
        self.query_one(".body", Static).update(_body(error))
        row = self.query_one(".fixes", Vertical)
        await row.remove_children()
        self.add_class("-shown")
        width = (self.size.width or self._room()) - 2
        await row.mount(*(Horizontal(*buttons, classes="row") for buttons in self._rows(width)))
        self.scroll_visible(animate=False)

    def _room(self) -> int:
        """The card's width before it was ever laid out: its parent's."""
        parent = self.parent
        return parent.content_size.width - 2 if isinstance(parent, Widget) else self.app.size.width - 4

    def _rows(self, width: int) -> list[list[Button]]:
        rows: list[list[Button]] = []
        room = 0
        for key, fix in self._keys.items():
            label = f"{key}  {fix.label}"
            needed = max(8, len(label) + 2) + 2
            if not rows or needed > room:
                rows.append([])
                room = width
            rows[-1].append(Button(Text(label), compact=True, name=key))
            room -= needed
        return rows

    def focus_fixes(self) -> bool:
        """Focus the first fix, so that the keys work; false where none is a key."""
        buttons = self.query(Button)
        if not buttons:
            return False
        buttons.first().focus()
        return True

    def clear(self) -> None:
        """The error is fixed: take the card away."""
        self.error = None
        self._keys = {}
        self.remove_class("-shown")

    def press(self, key: str) -> bool:
        """Choose the fix of a key; false where no fix has it."""
        fix = self._keys.get(key)
        if fix is None:
            return False
        # Textual ends a message's way at the widget that made it. Made by the card it also reaches the app.
        self.call_later(self._choose, fix)
        return True

    def _choose(self, fix: Fix) -> None:
        self.post_message(self.FixChosen(fix))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A click on a fix."""
        event.stop()
        self.press(event.button.name or "")


def _body(error: ActionableError) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=11, no_wrap=True)
    table.add_column(ratio=1)
    for number, cause in enumerate(error.causes):
        word = ("Most likely" if len(error.causes) > 1 else "Cause") if number == 0 else "Or"
        table.add_row(Text(word, "dim"), Text(cause))
    for number, item in enumerate(error.evidence):
        table.add_row(Text("Evidence" if number == 0 else "", "dim"), Text(item, "dim"))
    for fix in error.fixes:
        if not has_key(fix):
            table.add_row(Text("Fix", "dim"), Text(fix.label))
        elif isinstance(fix, OpenUrl):
            table.add_row(Text("Page", "dim"), linked(fix.url))
    return table
