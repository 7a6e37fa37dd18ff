"""One question with named answers, over the screen that asks it."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from dbtcollate_tui.tui.leaving import LeavableModal


class Confirm(LeavableModal[bool]):
    """Gives ``True`` for the act that its first button names, ``False`` for staying; esc stays."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Stay", show=False),
        Binding("left,right", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 64; max-width: 90%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    Confirm Horizontal { height: auto; margin-top: 1; }
    Confirm Button { margin-right: 2; }
    """

    def __init__(self, question: str, act: str, stay: str, *, detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._act = act
        self._stay = stay

    def compose(self) -> ComposeResult:
        """The question, its consequence, two buttons; the harmless one has the focus."""
        with Vertical():
            yield Static(self._question, markup=False)
            if self._detail:
                yield Static(self._detail, markup=False, classes="muted")
            with Horizontal():
                yield Button(self._act, id="act", variant="warning", compact=True)
                yield Button(self._stay, id="stay", compact=True)

    def on_mount(self) -> None:
        """Focus the harmless answer."""
        self.query_one("#stay").focus()

    @on(Button.Pressed)
    def _answered(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "act")
