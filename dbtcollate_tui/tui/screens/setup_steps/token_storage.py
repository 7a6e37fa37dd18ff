"""Where the tokens are stored: the ways, chosen over the pane that asks for a token."""

from typing import ClassVar

from rich.console import Group
from rich.padding import Padding
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.settings.secrets import ENV, KeyringHealth, Side, ways_of_keeping
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter


class KeepingScreen(LeavableModal[str | None]):
    """Gives ``keyring``, ``session``, ``environment``, ``again`` (ask the keyring again) or ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take it", priority=True),
        Binding("escape", "dismiss(None)", "Back"),
    ]
    DEFAULT_CSS = """
    KeepingScreen { align: center middle; }
    KeepingScreen > Vertical {
        width: 76; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: round $border;
    }
    KeepingScreen OptionList, KeepingScreen OptionList:focus {
        height: auto; border: none; background: transparent; padding: 0; margin: 1 0;
    }
    """

    def __init__(self, health: KeyringHealth, side: Side, keeping: str) -> None:
        super().__init__()
        self._health = health
        self._side = side
        self._keeping = keeping

    def compose(self) -> ComposeResult:
        """The ways, the ones that do not work dimmed and with their reason."""
        with Vertical():
            yield Static("Where the tokens are stored", classes="question", markup=False)
            options = []
            for way in ways_of_keeping(self._health, self._side):
                label = Text(way.label, "bold" if way.available else "dim")
                detail = way.detail
                if way.where == "environment":
                    detail = f"{way.detail} It comes before a saved token, and is not saved."
                options.append(Option(_with(label, detail), way.where, disabled=not way.available))
            if not self._health.usable:
                again = Text("Ask the keyring again", "bold")
                options.append(Option(_with(again, f"{self._health.fix()}."), "again"))
            yield OptionList(*options)
            yield Static(
                f"A token is never written into a file. {ENV[self._side]} works for scripts and CI.",
                classes="muted",
                markup=False,
            )
        yield KeyFooter()

    def on_mount(self) -> None:
        """Put the cursor on the way that is used now."""
        listing = self.query_one(OptionList)
        listing.highlighted = listing.get_option_index(self._keeping)
        listing.focus()

    def action_take(self) -> None:
        """Take the way under the cursor."""
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)


def _with(label: Text, detail: str) -> Group:
    """The label, the detail indented below it."""
    return Group(label, Padding(Text(detail, "dim"), (0, 0, 0, 2)))
