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

MOVING = "Up and down or j and k move, g and G go to the ends, ctrl+d and ctrl+u page."
TEXTS: dict[str, tuple[str, str]] = {
    "WelcomeScreen": (
        "Welcome",
        "The chain from dbt Cloud to verified metadata. Setup completes its stages from left to right.",
    ),
    "SetupScreen": (
        "Guided setup",
        "One question per screen. What the URL or token already answers is shown, not asked. esc goes back "
        "and loses nothing; an unfinished setup is saved without its tokens. Nothing is written to dbt "
        f"Cloud or Collate. {PRODUCT_NOTE}",
    ),
    "HomeScreen": (
        "Home",
        "The chain and its state; grey values are from the last visit. enter opens a line of “Needs "
        "attention”, or the checks of a stage (left, right). {pipeline} opens the pipeline in Collate, "
        "{retry} checks again. Nothing is written before you have seen the plan.",
    ),
    "ChecklistScreen": (
        "Verification",
        "Every check of the chain. The selected row is shown in full; its fixes have keys. {retry} repeats "
        "the row and the checks that depend on it. Failed rows move to the top once all are done.",
    ),
    "TroubleshootScreen": (
        "Troubleshooting",
        "Choose what you see; the chain is checked for it up to the first broken stage. Fixes have keys; "
        "after a fix the check continues from there. {letter} shows a support message for the person who "
        "can fix what you cannot, {copy} copies the report, {save} saves it in the current folder; neither "
        "contains a token. pgup and pgdn scroll the card.",
    ),
    "JobRunScreen": (
        "Run the dbt Cloud job",
        "Shows the job, its commands, its environment and whose token starts it; nothing starts before "
        "enter. Then the queue, each step with its duration, and the log. {cancel_run} cancels the run in "
        "dbt Cloud and asks first; esc leaves it running, and coming back follows it again.",
    ),
    "TableIngestionScreen": (
        "Ingest missing tables",
        "Shows dbt's tables that Collate lacks, the database service's metadata agent (last run, schedule, "
        "filters) and what is changed of it; nothing is written before enter. A schema is added to its "
        "filter, none is replaced. Then the run and its log; esc leaves it running in Collate.",
    ),
    "PlanScreen": (
        "Plan",
        "Every change with its old and new value, before anything is written. + is new, ~ replaces, ! "
        "remains unchanged: edited in Collate, or without a table there. {leave_out} leaves out a change "
        "or a whole group; with a filter, {leave_out_shown} leaves out everything shown. {arrange} groups "
        "by kind or by table. {explain} explains the row's table. {runs} chooses another run, for this plan "
        "only. {export} saves the plan in the current folder, as JSON and as text.",
    ),
    "PipelineScreen": (
        "Pipeline in Collate",
        "The ingestion pipeline that runs in Collate, setting by setting, compared with the profile: + is "
        "new, ~ replaces. {run_there} writes, deploys and runs it, {deploy} only deploys; without a "
        "difference nothing is written. Scheduled syncs do not need this machine.",
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
        "The run that the profile's rule selects, then the other latest finished runs. Collate's own "
        "ingestion uses the latest completed run, even a failed one. A run chosen here is used for one "
        "plan.",
    ),
    "SyncScreen": (
        "Sync",
        "The sync in progress. It continues when you leave this screen; the title of every other screen "
        "says so, and {show_sync} comes back. At the end everything is verified in Collate, and "
        "{retry_failed} retries what failed.",
    ),
    "HistoryScreen": (
        "History",
        "Every sync, deployment and verification of the profile for 90 days, latest first. The height of a "
        "bar is the duration of a sync; one that did not succeed shows its sign. enter opens the plan and "
        "the log.",
    ),
    "RecordScreen": (
        "Record",
        "p shows the plan, l the log, f what failed, b what was verified; left and right switch between "
        "them. {export} saves all of it in the current folder, as JSON and as text, without secrets.",
    ),
    "ProfilesScreen": (
        "Profiles",
        "A profile connects one dbt Cloud job with one database service of Collate. Its file contains no "
        "token.",
    ),
    "RequestsScreen": (
        "Requests",
        "The requests sent to dbt Cloud and Collate in the last minutes. {copy} copies a request as curl; "
        "it reads the token from an environment variable.",
    ),
}
"""Title and text by the screen's class; an action in braces becomes its key."""


WIDGETS: dict[str, tuple[str, str]] = {
    "Picker": (
        "This list",
        "Type to search; up and down move, enter chooses. The most likely is first, with the reason.",
    ),
    "SecretInput": (
        "This field",
        "Paste the whole token: line breaks, quotes and Bearer are removed, and named. It is never shown, "
        "copied or cut.",
    ),
    "Input": ("This field", "Type or paste; ctrl+u clears it. F1 shows help where ? is a character."),
    "EventLog": ("This log", "The latest 20,000 lines. Moving up pauses; f or end follows again."),
    "RichLog": ("This log", "Up and down or j and k scroll."),
    "ChangeList": (
        "These changes",
        "Left and right or h and l close and open a group; space leaves a change out.",
    ),
    "RowList": ("This list", MOVING),
    "OptionList": ("This list", f"{MOVING} enter chooses."),
    "DataTable": ("This table", MOVING),
    "Tree": ("This tree", f"{MOVING} enter opens and closes."),
    "Toggles": ("These switches", "Space switches the selected one."),
    "Button": ("This button", "enter presses it; the arrow keys move to the others."),
}
"""Title and text by the focused widget's class, or the nearest of its bases or parents."""


COLUMN = 22
"""Cells for what a key does."""


class HelpScreen(LeavableModal[None]):
    """Over the screen that it explains; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "topics", "Documentation", show=False),
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
            keys = f"{key_of(self, 'topics')}  documentation by topic   esc  close"
            yield Static(keys, classes="muted", markup=False)

    def on_mount(self) -> None:
        """Follow the theme."""
        on_theme_change(self, lambda: self.query_one("#signs", Static).update(self._signs()))

    def action_topics(self) -> None:
        """Open the documentation by topic."""
        from dbtcollate_tui.tui.screens.topics import TopicsScreen

        self.app.push_screen(TopicsScreen())

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
