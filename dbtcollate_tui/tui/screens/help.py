"""What the screen below does, its keys as they work now, and the signs."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from dbtcollate_tui.checks.base import CheckState
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, STATE_WORDS

TEXTS: dict[str, tuple[str, str]] = {
    "WelcomeScreen": (
        "Welcome",
        "The chain from dbt Cloud to the proof, all dark. Setting up lights its links from left to right.",
    ),
    "SetupScreen": (
        "Guided setup",
        "One question a screen. What an address or a token already answers is shown, not asked. esc goes "
        "back and loses nothing; a setup left half-way is kept, without its tokens. Nothing is written to "
        "dbt Cloud or Collate.",
    ),
    "HomeScreen": (
        "Home",
        "The chain at rest. Grey is what the last visit knew; each link is looked at anew. enter on a line "
        "under “Needs you” opens it with its cause and cure. Nothing is written before a plan was shown.",
    ),
    "ChecklistScreen": (
        "Verification",
        "Every check of the chain. The row under the cursor is shown in full; its cures have keys. r looks "
        "anew at the row and at what hangs on it. Failing rows rise once all are done.",
    ),
    "PlanScreen": (
        "Plan",
        "Every change with its old and new value, before anything is written. + is new, ~ replaces, - is "
        "left out, ! is not changed: edited in Collate, or without a table there. a takes another run than "
        "the rule's, for this once. x writes the plan as JSON into the current folder.",
    ),
    "RunsScreen": (
        "Runs",
        "The run that the profile's rule takes, then the others of the newest that ended. Collate's workers "
        "take the newest that ended at all, a failed one too. What is taken here holds for one plan.",
    ),
    "SyncScreen": (
        "Sync",
        "The sync as it runs. It goes on when this screen is left; s on the home screen comes back. At the "
        "end everything is read back from Collate.",
    ),
    "ProfilesScreen": (
        "Profiles",
        "A profile joins one dbt Cloud job to one database service of Collate. Its file holds no token.",
    ),
    "RequestsScreen": (
        "Requests",
        "What was asked of dbt Cloud and Collate in the last minutes. y copies a request as curl; it takes "
        "the token from an environment variable.",
    ),
}
"""Title and text by the screen's class."""


class HelpScreen(ModalScreen[None]):
    """Over the screen that it explains; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter,q", "dismiss", "Close", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 76; max-width: 96%; height: auto; max-height: 92%; padding: 1 2; background: $panel;
        border: round $border; scrollbar-size-vertical: 1;
    }
    HelpScreen Static { height: auto; margin: 0 0 1 0; }
    """

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._title, self._text = TEXTS.get(type(below).__name__, ("Keys", ""))
        self._keys = _keys(below)

    def compose(self) -> ComposeResult:
        """Text, keys, signs."""
        with VerticalScroll():
            yield Static(self._title, classes="title", markup=False)
            if self._text:
                yield Static(self._text, markup=False)
            yield Static(self._table())
            yield Static(self._signs())
            yield Static(
                "ctrl+p  palette: places, themes, keys     esc  close", classes="muted", markup=False
            )

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 3, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for key, words in self._keys:
            table.add_row(key, words)
        return table

    def _signs(self) -> Text:
        text = Text()
        for number, state in enumerate(CheckState):
            colour = self.app.theme_variables.get(STATE_COLOURS[state].removeprefix("$"), "")
            text.append("   " if number else "")
            text.append(GLYPHS.states[state], colour if colour.startswith("#") else "dim")
            text.append(f" {STATE_WORDS[state]}", "dim")
        return text


def _keys(screen: Screen[object]) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.enabled and binding.show and binding.description:
            keys = found.setdefault(binding.description, [])
            shown = screen.app.get_key_display(binding)
            if shown not in keys:
                keys.append(shown)
    return [(", ".join(keys), words) for words, keys in found.items()]
