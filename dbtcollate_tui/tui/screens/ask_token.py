"""Asks for a token that is kept nowhere, when it is first needed."""

from typing import ClassVar

from pydantic import SecretStr
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from dbtcollate_tui.settings.secrets import ENV, LABELS, Side
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.secret_input import SecretInput


class AskToken(LeavableModal[SecretStr | None]):
    """Gives the token, or ``None``; it is used until the program ends or another profile is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go on without")]
    DEFAULT_CSS = """
    AskToken { align: center middle; }
    AskToken > Vertical {
        width: 70; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    AskToken Static { height: auto; }
    """

    def __init__(self, side: Side, profile: str) -> None:
        super().__init__()
        self._side: Side = side
        self._profile = profile

    def compose(self) -> ComposeResult:
        """What is asked for and why, and the masked field."""
        with Vertical():
            yield Static(f"{LABELS[self._side]} for {self._profile}", classes="title", markup=False)
            yield Static(
                f"None is kept, and {ENV[self._side]} is not set. It is used until the program ends, and "
                "written nowhere.",
                classes="muted",
                markup=False,
            )
            yield SecretInput()
        yield KeyFooter()

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        secret = self.query_one(SecretInput).secret
        if secret.get_secret_value():
            self.dismiss(secret)
