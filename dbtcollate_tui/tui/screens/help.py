"""What the screen below and its focused widget do, their keys as they work now, and the signs."""

import re
from itertools import zip_longest
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.pages import PRODUCT_NOTE
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_WORDS
from dbtcollate_tui.tui.keys import key_of
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.palette import offered
from dbtcollate_tui.tui.theme import on_theme_change, state_colour

MOVING = "Up and down or j and k move, g and G go to the ends, ctrl+d and ctrl+u by pages."
TEXTS: dict[str, tuple[str, str]] = {
    "WelcomeScreen": (
        "Welcome",
        "The chain from dbt Cloud to the verification. Setup completes its stages from left to right.",
    ),
    "SetupScreen": (
        "Guided setup",
        "One question a screen. What an address or a token already answers is shown, not asked. esc goes "
        "back and loses nothing; a setup left half-way is kept, without its tokens. Nothing is written to "
        f"dbt Cloud or Collate. {PRODUCT_NOTE}",
    ),
    "HomeScreen": (
        "Home",
        "The chain at rest; grey is what the last visit knew. enter opens a line of “Needs you” where it "
        "stands, or a stage's checks (left, right). {pipeline} is the pipeline in Collate, {retry} looks "
        "anew. Nothing is written before a plan was shown.",
    ),
    "ChecklistScreen": (
        "Verification",
        "Every check of the chain. The row under the cursor is shown in full; its fixes have keys. {retry} "
        "looks anew at the row and at what hangs on it. Failing rows rise once all are done.",
    ),
    "TroubleshootScreen": (
        "Troubleshooting",
        "Choose what you see; the chain is walked for it up to the first broken stage. Fixes have keys; "
        "after one the walk goes on from there by itself. {letter} is a text to send to whoever may mend "
        "what you may not, {copy} copies the report, {save} writes it into the current folder; neither "
        "holds a token. pgup and pgdn scroll the card.",
    ),
    "JobRunScreen": (
        "Run the dbt Cloud job",
        "Shows the job, its commands, environment and whose token starts it; nothing starts before enter. "
        "Then the queue, each step with its seconds, and the log as it comes. {cancel_run} cancels the run "
        "in dbt Cloud and asks first; esc leaves it running, and coming back follows it again.",
    ),
    "PlanScreen": (
        "Plan",
        "Every change with its old and new value, before anything is written. + is new, ~ replaces, ! is "
        "kept as it is: edited in Collate, or without a table there. {leave_out} leaves a change or a "
        "whole group out; with a filter, {leave_out_shown} leaves out all that it shows. {arrange} "
        "arranges by kind or by table. {runs} takes another run than the rule's, for this once. {export} "
        "writes the plan into the current folder, as JSON and as text.",
    ),
    "PipelineScreen": (
        "Pipeline in Collate",
        "The ingestion pipeline that Collate's own workers run, setting by setting against the profile: + "
        "is new, ~ replaces. {run_there} writes, deploys and runs it, {deploy} only deploys; without a "
        "difference nothing is written. Syncs by the schedule need nothing of this machine.",
    ),
    "ExplainScreen": (
        "Explain a table",
        "Every node of the run, matched or not. Type a name, FQN or page address; enter explains the table: "
        "what dbt says, what Collate has and who set it, what the next sync does, and its lineage.",
    ),
    "CoverageScreen": (
        "Coverage",
        "How much of what dbt declares is in Collate. enter lists the tables behind a number; each can be "
        "explained. Nothing is written.",
    ),
    "RunsScreen": (
        "Runs",
        "The run that the profile's rule takes, then the others of the newest that ended. Collate's "
        "workers take the newest that ended at all, a failed one too. What is taken here holds for one "
        "plan.",
    ),
    "SyncScreen": (
        "Sync",
        "The sync as it runs. It goes on when this screen is left; the title of every other screen says "
        "so, and {show_sync} comes back. At the end everything is read back from Collate, and "
        "{retry_failed} tries again what failed.",
    ),
    "HistoryScreen": (
        "History",
        "Every sync, deploy and verification of the profile for 90 days, newest first. A bar of the chart "
        "is as high as a sync took long; one that did not end well shows its sign. enter opens plan and "
        "log.",
    ),
    "RecordScreen": (
        "Record",
        "p the plan, l the log, f what failed, b what was read back; left and right turn between them. "
        "{export} writes all of it into the current folder, as JSON and as text, without secrets.",
    ),
    "ProfilesScreen": (
        "Profiles",
        "A profile joins one dbt Cloud job to one database service of Collate. Its file holds no token.",
    ),
    "RequestsScreen": (
        "Requests",
        "What was asked of dbt Cloud and Collate in the last minutes. {copy} copies a request as curl; it "
        "takes the token from an environment variable.",
    ),
}
"""Title and text by the screen's class; an action in braces stands for its key."""


WIDGETS: dict[str, tuple[str, str]] = {
    "Picker": (
        "This list",
        "Typing searches it; up and down choose, enter takes the row. The likeliest is first, with why.",
    ),
    "SecretInput": (
        "This field",
        "A token is pasted whole: line breaks, quotes and Bearer are taken off and named. It is never shown, "
        "and neither copy nor cut gives it away.",
    ),
    "Input": ("This field", "Typing and pasting fill it; ctrl+u empties it. F1 is help where ? is a letter."),
    "EventLog": ("This log", "The newest 20,000 lines. Moving up stands still; f or end follows again."),
    "RichLog": ("This log", "Up and down, j and k scroll it."),
    "ChangeList": (
        "These changes",
        "Left and right, h and l close and open a group; space leaves a change out.",
    ),
    "RowList": ("This list", MOVING),
    "OptionList": ("This list", f"{MOVING} enter chooses."),
    "DataTable": ("This table", MOVING),
    "Tree": ("This tree", f"{MOVING} enter opens and closes."),
    "Toggles": ("These switches", "Space turns the one under the cursor."),
    "Button": ("This button", "enter presses it; the arrow keys go to the others."),
}
"""Title and text by the focused widget's class, or the nearest of its bases or parents."""


COLUMN = 22
"""Cells for what a key does."""


class HelpScreen(LeavableModal[None]):
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
        self._title, text = TEXTS.get(type(below).__name__, ("Keys", ""))
        self._text = re.sub(r"\{(\w+)\}", lambda found: key_of(below, found[1]), text)
        self._widget = _words_of(below.focused)
        self._keys = _keys(below)

    def compose(self) -> ComposeResult:
        """The screen, the widget that has the focus, their keys, the signs."""
        with VerticalScroll():
            yield Static(self._title, classes="title", markup=False)
            if self._text:
                yield Static(self._text, markup=False)
            if self._widget is not None:
                title, text = self._widget
                yield Static(Text.assemble((f"{title}  ", "bold"), text))
            yield Static(self._table())
            yield Static(self._signs(), id="signs")
            yield Static("esc  close", classes="muted", markup=False)

    def on_mount(self) -> None:
        """Follow the theme."""
        on_theme_change(self, lambda: self.query_one("#signs", Static).update(self._signs()))

    def _table(self) -> Table:
        """Two keys a row, read downwards."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(2):
            table.add_column(style="bold", no_wrap=True)
            table.add_column(no_wrap=True, min_width=COLUMN)
        half = (len(self._keys) + 1) // 2
        for left, right in zip_longest(self._keys[:half], self._keys[half:], fillvalue=("", "")):
            table.add_row(*(Text(words) for words in (*left, *right)))
        return table

    def _signs(self) -> Text:
        text = Text()
        for number, state in enumerate(CheckState):
            text.append("   " if number else "")
            text.append(GLYPHS.states[state], state_colour(self.app, state))
            text.append(f" {STATE_WORDS[state]}", "dim")
        return text


def _words_of(focused: DOMNode | None) -> tuple[str, str] | None:
    for node in focused.ancestors_with_self if focused is not None else ():
        if isinstance(node, Screen):
            return None
        found = next(
            (WIDGETS[kind.__name__] for kind in type(node).__mro__ if kind.__name__ in WIDGETS), None
        )
        if found is not None:
            return found
    return None


def _keys(screen: Screen[object]) -> list[tuple[str, str]]:
    """Keys and words of all that works now, what the footer shows first."""
    found: dict[str, list[str]] = {}
    for _, binding in offered(screen):
        keys = found.setdefault(binding.description, [])
        shown = screen.app.get_key_display(binding)
        if shown not in keys:
            keys.append(shown)
    return [(", ".join(keys), words) for words, keys in found.items()]
