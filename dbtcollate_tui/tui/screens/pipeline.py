"""The ingestion pipeline inside Collate: each setting that deploying would change, before it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Literal

from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.events.types import PipelinePlanReady, SyncEvent
from dbtcollate_tui.plan.pipeline import PipelinePlan
from dbtcollate_tui.tui.screens.preparing import PreparingScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

Answer = Literal["run", "deploy", "direct"]
CREDENTIAL_WORDS = {
    "new": "dbt Cloud's token is stored with it",
    "same": "the stored token is the same",
    "differs": "another token is stored; this one replaces it",
    "hidden": "Collate hides the stored token, so it cannot be compared",
}


class PipelineScreen(PreparingScreen[Answer | None]):
    """Compares the pipeline with what is there; gives "run" (deploy and run), "deploy", or ``None``.

    ``plan`` holds the comparison once it is ready.
    """

    DOING = "Comparing the pipeline with what Collate has. Nothing is written."
    UNDONE = "The pipeline could not be compared."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "run_there", "Deploy and run"),
        Binding("D", "deploy", "Deploy only", key_display="D"),
        Binding("i", "sync_directly", "Sync from here instead"),
        Binding("o", "open", "Open in Collate"),
        Binding("r", "again", "Try again"),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    PipelineScreen #head { height: auto; padding: 0 1; text-style: bold; }
    PipelineScreen #settings { height: 1fr; display: none; padding: 0 1; }
    PipelineScreen.-planned #settings { display: block; }
    PipelineScreen.-planned SyncBoard { display: none; }
    PipelineScreen #settings Static { height: auto; }
    """

    def __init__(
        self,
        title: str,
        prepare: Callable[[asyncio.Event], AsyncIterator[SyncEvent]],
        *,
        chosen_by_default: bool = False,
    ) -> None:
        super().__init__(title)
        self._chosen_by_default = chosen_by_default
        self.plan: PipelinePlan | None = None
        self._prepare = prepare

    def compose(self) -> ComposeResult:
        """Title, chain, progress while it is compared, then the settings."""
        yield TitleBar(self._title, "pipeline in Collate")
        yield ChainBar()
        yield Static(id="head", markup=False)
        yield SyncBoard()
        yield ErrorCard()
        with VerticalScroll(id="settings"):
            yield Static()
        yield KeyFooter()

    def prepare(self, cancel: asyncio.Event) -> AsyncIterator[SyncEvent]:
        """The comparison's events."""
        return self._prepare(cancel)

    def take(self, event: SyncEvent) -> None:
        """Show the comparison."""
        if isinstance(event, PipelinePlanReady):
            self._show(event.plan)

    def _show(self, plan: PipelinePlan) -> None:
        self.plan = plan
        self.add_class("-planned")
        why = "Sync in Collate, because this profile has a deployed pipeline.\n"
        self.query_one("#head", Static).update(f"{why if self._chosen_by_default else ''}{plan.summary()}.")
        self.query_one("#settings Static", Static).update(_settings(self.app, plan))
        self.query_one("#settings").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "sync_directly":
            return self._chosen_by_default
        if action == "run_there":
            return self.plan is not None
        if action == "deploy":
            return self.plan is not None and self.plan.has_work
        if action == "open":
            return self.plan is not None and bool(self.plan.page)
        if action == "again":
            return self.query_one(ErrorCard).error is not None
        return True

    def on_mount(self) -> None:
        """Follow the theme."""
        on_theme_change(self, self._draw_settings)

    def _draw_settings(self) -> None:
        if self.plan is not None:
            self.query_one("#settings Static", Static).update(_settings(self.app, self.plan))

    def action_run_there(self) -> None:
        """Deploy what differs, run it, follow it."""
        self.dismiss("run")

    def action_sync_directly(self) -> None:
        """Plan a direct sync instead."""
        self.dismiss("direct")

    def action_deploy(self) -> None:
        """Write and deploy; Collate's schedule runs it."""
        self.dismiss("deploy")

    def action_open(self) -> None:
        """Open the pipeline's page in Collate."""
        if self.plan is not None:
            self.app.open_url(self.plan.page)


def _settings(app: App[Any], plan: PipelinePlan) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(max_width=30, overflow="ellipsis", no_wrap=True)
    table.add_column(ratio=1)
    for change in plan.changes:
        value = Text()
        if change.old:
            value.append(f"- {change.old}\n", state_colour(app, CheckState.FAIL))
        value.append(f"+ {change.new}", state_colour(app, CheckState.PASS))
        table.add_row(Text(change.field), value)
    if not plan.changes:
        table.add_row(Text("settings", "dim"), Text("equal", "dim"))
    table.add_row(Text("token", "dim"), Text(CREDENTIAL_WORDS[plan.diff.credential], "dim"))
    if plan.run is not None:
        table.add_row(
            Text("run", "dim"), Text(f"Collate's own ingestion would use run #{plan.run.id}", "dim")
        )
    if plan.active_run is not None:
        table.add_row(Text("!"), Text("A run of this pipeline is in progress."))
    for other in plan.diff.others:
        table.add_row(Text("!"), Text(f"{other.name} is another dbt pipeline of the same job."))
    for note in plan.notes:
        table.add_row(Text("note", "dim"), Text(note))
    return table
