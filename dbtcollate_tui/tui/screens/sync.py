"""The sync as it runs, and its end: what was written, what was not and why, what was read back."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from dbtcollate_tui.checks.base import CheckState
from dbtcollate_tui.sync.events import Failed, RunFinished, SyncEvent
from dbtcollate_tui.sync.outcome import Proof, ProofRow
from dbtcollate_tui.tui.bridge import EventsArrived, SyncRun
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.event_log import EventLog
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

PROOF_STATES = {
    "ok": CheckState.PASS,
    "warn": CheckState.WARN,
    "failed": CheckState.FAIL,
    "skipped": CheckState.SKIPPED,
}
EXCEPTIONS_SHOWN = 20


class SyncScreen(Screen[None]):
    """Shows a `SyncRun` that the app owns: leaving the screen does not stop it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("c", "cancel", "Cancel"),
        Binding("l", "failures", "Failures only"),
        Binding("f", "follow", "Follow"),
        Binding("y", "copy", "Copy log"),
        Binding("o", "open", "Open in Collate"),
    ]
    DEFAULT_CSS = """
    SyncScreen EventLog { height: 1fr; min-height: 3; border-top: solid $border-blurred; padding: 0 1; }
    SyncScreen #end { height: auto; max-height: 14; display: none; padding: 0 1; }
    SyncScreen #end.-shown { display: block; border-top: solid $border-blurred; }
    SyncScreen #end Static { height: auto; }
    """

    def __init__(self, run: SyncRun) -> None:
        super().__init__()
        self.run = run
        self._url = ""

    def compose(self) -> ComposeResult:
        """Title, chain, board, the end once it is there, log."""
        yield TitleBar(self.run.title, "sync")
        yield ChainBar()
        yield SyncBoard()
        yield ErrorCard()
        with VerticalScroll(id="end"):
            yield Static(id="proof")
        yield EventLog()
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        """Show what happened before the screen stood."""
        await self._take(list(self.run.history))
        self.query_one(EventLog).focus()

    async def on_events_arrived(self, message: EventsArrived) -> None:
        """The next events of the run."""
        if message.run is self.run:
            await self._take(list(message.events))

    async def _take(self, batch: list[SyncEvent]) -> None:
        board = self.query_one(SyncBoard)
        board.feed(batch)
        self.query_one(ChainBar).view = board.chain
        self.query_one(EventLog).feed(batch)
        for event in batch:
            if isinstance(event, Failed) and event.change is None:
                await self.query_one(ErrorCard).show(event.error)
            elif isinstance(event, RunFinished):
                self._show_end(event)
        self.refresh_bindings()

    def _show_end(self, event: RunFinished) -> None:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=2)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        state = {"ok": CheckState.PASS, "partial": CheckState.WARN, "cancelled": CheckState.WARN}.get(
            event.outcome, CheckState.FAIL
        )
        table.add_row(self._glyph(state), Text(event.outcome, "bold"), Text(event.text))
        for group, count in event.counts.written_by_group.items():
            table.add_row("", Text(group, "dim"), Text(f"{count} written", "dim"))
        if event.proof is not None:
            self._proof_rows(table, event.proof)
            self._url = event.proof.tables_url
        self.query_one("#proof", Static).update(table)
        self.query_one("#end").add_class("-shown")

    def _proof_rows(self, table: Table, proof: Proof) -> None:
        for row in proof.rows:
            table.add_row(self._glyph(PROOF_STATES[row.state]), row.title, Text(row.summary))
            for line in _exceptions(row):
                table.add_row("", "", Text(line, "dim"))

    def _glyph(self, state: CheckState) -> Text:
        colour = self.app.theme_variables.get(STATE_COLOURS[state].removeprefix("$"), "")
        return Text(GLYPHS.states[state], colour if colour.startswith("#") else "dim")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "cancel":
            return self.run.finished is None and not self.run.cancelling
        if action == "open":
            return bool(self._url)
        return True

    def action_leave(self) -> None:
        """Back; a running sync goes on in the background."""
        if self.run.finished is None:
            self.notify("The sync goes on. Home shows when it has ended.", timeout=4)
        self.dismiss(None)

    def action_cancel(self) -> None:
        """Ask, then stop between two writes."""

        def answered(stop: bool | None) -> None:
            if stop:
                self.run.cancel()
                self.refresh_bindings()

        self.app.push_screen(
            Confirm(
                "Cancel the sync?",
                "Cancel it",
                "Go on",
                detail="What is written stays written; running the sync again writes the rest.",
            ),
            answered,
        )

    def action_failures(self) -> None:
        """Failures alone, or every line."""
        log = self.query_one(EventLog)
        log.show_failures_only(not log.failures_only)

    def action_follow(self) -> None:
        """Follow the newest line, or stand still."""
        log = self.query_one(EventLog)
        log.auto_scroll = not log.auto_scroll
        self.notify("Following the newest line." if log.auto_scroll else "Standing still.", timeout=2)
        if log.auto_scroll:
            log.scroll_end(animate=False)

    def action_copy(self) -> None:
        """Copy every kept line."""
        copy_text(self, self.query_one(EventLog).as_text(), "the log")

    def action_open(self) -> None:
        """Open the service in Collate."""
        self.app.open_url(self._url)


def _exceptions(row: ProofRow) -> list[str]:
    lines = [
        f"{item.target}: expected {item.expected}, found {item.found}"
        for item in row.exceptions[:EXCEPTIONS_SHOWN]
    ]
    left = len(row.exceptions) - len(lines)
    if left > 0:
        lines.append(f"and {left} more")
    return lines
