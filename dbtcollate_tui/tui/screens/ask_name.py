"""Asks for a profile's name, over the screen that needs one."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.settings.names import check_name
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter


class AskName(LeavableModal[str | None]):
    """Gives a name that may be a profile's and is not in ``taken``, or ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]
    DEFAULT_CSS = """
    AskName { align: center middle; }
    AskName > Vertical {
        width: 64; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    AskName Static { height: auto; }
    """

    def __init__(self, question: str, taken: tuple[str, ...], value: str = "") -> None:
        super().__init__()
        self._question = question
        self._taken = taken
        self._value = value

    def compose(self) -> ComposeResult:
        """The question, the field, what is wrong with the name."""
        with Vertical():
            yield Static(self._question, classes="title", markup=False)
            yield Input(self._value, select_on_focus=True)
            yield Static(id="wrong", classes="broken", markup=False)
        yield KeyFooter()

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        wrong = self.query_one("#wrong", Static)
        try:
            check_name(name)
        except UsageError as error:
            wrong.update(f"{error.title}. {error.causes[0]}")
            return
        if name in self._taken:
            wrong.update(f"There is already a profile {name}.")
            return
        self.dismiss(name)
