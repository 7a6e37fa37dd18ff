"""Where the tokens are kept: the ways, chosen over the pane that asks for a token."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.settings.secrets import ENV, KeyringHealth, Side, ways_of_keeping


class KeepingScreen(ModalScreen[str | None]):
    """Gives ``keyring``, ``session``, ``environment``, ``again`` (ask the keyring anew) or ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]
    DEFAULT_CSS = """
    KeepingScreen { align: center middle; }
    KeepingScreen > Vertical {
        width: 76; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    KeepingScreen OptionList { height: auto; border: none; background: transparent; padding: 0; }
    """

    def __init__(self, health: KeyringHealth, side: Side, keeping: str) -> None:
        super().__init__()
        self._health = health
        self._side = side
        self._keeping = keeping

    def compose(self) -> ComposeResult:
        """The ways, the ones that do not work dimmed and with their reason."""
        with Vertical():
            yield Static("Where the tokens are kept", classes="question", markup=False)
            options = []
            for way in ways_of_keeping(self._health, self._side):
                text = Text(way.label, "bold" if way.available else "dim")
                detail = way.detail
                if way.where == "environment":
                    detail = f"{way.detail} It comes before everything kept, and is kept nowhere."
                text.append(f"\n  {detail}", "dim")
                options.append(Option(text, way.where, disabled=not way.available))
            if not self._health.usable:
                text = Text("Ask the keyring again", "bold")
                text.append(f"\n  {self._health.cure()}.", "dim")
                options.append(Option(text, "again"))
            yield OptionList(*options)
            yield Static(
                f"A token is never written into a file. {ENV[self._side]} works for scripts and CI.",
                classes="muted",
                markup=False,
            )

    def on_mount(self) -> None:
        """Put the cursor on the way that is used now."""
        listing = self.query_one(OptionList)
        listing.highlighted = listing.get_option_index(self._keeping)
        listing.focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
