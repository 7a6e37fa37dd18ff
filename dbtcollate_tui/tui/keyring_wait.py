"""Shows that the keyring is being waited for, since its dialog may be open outside the terminal."""

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from dbtcollate_tui.settings.secrets import WAITING, SecretStore
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter


def show_keyring_waits(app: App[Any], secrets: SecretStore) -> None:
    """Wait for the keyring as long as the person needs, with a screen that says so while it lasts."""
    shown: list[KeyringWait] = []

    def show(waiting: bool) -> None:
        if waiting:
            shown.append(KeyringWait(secrets.go_on_without))
            app.push_screen(shown[-1])
        elif shown:
            shown.pop().end()

    secrets.timeout = None
    secrets.on_waiting = show


class KeyringWait(LeavableModal[None]):
    """Stays until the keyring has answered; Escape goes on without it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "go_on", "Go on without")]
    DEFAULT_CSS = """
    KeyringWait { align: center middle; }
    KeyringWait > Vertical {
        width: 64; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    KeyringWait Static { height: auto; }
    """

    def __init__(self, go_on_without: Callable[[], None]) -> None:
        super().__init__()
        self._go_on_without = go_on_without
        self._ended = False

    def compose(self) -> ComposeResult:
        """What is waited for."""
        with Vertical():
            yield Static(WAITING, classes="title", markup=False)
            yield Static(
                "Look for a window of the keyring that asks for its password. A later answer is still used.",
                classes="muted",
                markup=False,
            )
        yield KeyFooter()

    def end(self) -> None:
        """The keyring has answered: close, now or as soon as nothing covers this screen."""
        self._ended = True
        self._close()

    def on_screen_resume(self) -> None:
        """Close where the keyring answered meanwhile."""
        self._close()

    def _close(self) -> None:
        if self._ended and self.is_current:
            self.app.pop_screen()

    def action_go_on(self) -> None:
        """Go on without the keyring's answer."""
        self._go_on_without()
