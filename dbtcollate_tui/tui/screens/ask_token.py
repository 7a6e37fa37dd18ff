"""Asks for a token that is kept nowhere, when it is first needed."""

from typing import ClassVar

from pydantic import SecretStr
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from dbtcollate_tui.settings.secrets import ENV, LABELS, SecretStore, Side
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.secret_input import SecretInput


class AskToken(LeavableModal[SecretStr | None]):
    """Gives the token, or ``None``; it is used until the program ends or another profile is opened.

    Where the keyring could not be read it says why, and the keyring can be asked again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Go on without"),
        Binding("ctrl+r", "again", "Ask the keyring again", priority=True),
    ]
    DEFAULT_CSS = """
    AskToken { align: center middle; }
    AskToken > Vertical {
        width: 70; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    AskToken Static { height: auto; }
    """

    def __init__(self, side: Side, profile: str, secrets: SecretStore) -> None:
        super().__init__()
        self._side: Side = side
        self._profile = profile
        self._secrets = secrets

    def compose(self) -> ComposeResult:
        """What is asked for and why, and the masked field."""
        with Vertical():
            yield Static(f"{LABELS[self._side]} for {self._profile}", classes="title", markup=False)
            yield Static(self._reason(), id="reason", classes="muted", markup=False)
            yield SecretInput()
        yield KeyFooter()

    def _reason(self) -> str:
        trouble = self._secrets.trouble(self._profile, self._side)
        why = "None is saved" if trouble is None else f"{trouble.as_sentence()} {trouble.fix()}"
        return (
            f"{why}{', and' if trouble is None else '.'} {ENV[self._side]} is not set. A token entered here "
            "is kept in memory until you quit."
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keyring can be asked again where it did not answer."""
        return action != "again" or self._secrets.trouble(self._profile, self._side) is not None

    @work(group="keyring", exclusive=True)
    async def action_again(self) -> None:
        """Ask the keyring again, and use the token that it now gives."""
        found = await self._secrets.get(self._profile, self._side)
        if found is not None:
            self.dismiss(found.secret)
        else:
            self.query_one("#reason", Static).update(self._reason())
            self.refresh_bindings()

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        secret = self.query_one(SecretInput).secret
        if secret.get_secret_value():
            self.dismiss(secret)
