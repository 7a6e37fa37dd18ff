"""The sync as it runs, and its end: what was written, what was not and why, what was verified."""

from typing import ClassVar
from urllib.parse import urlsplit

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, OptionList, Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.events.types import Failed, RunFinished, SyncEvent
from dbtcollate_tui.fixes import RerunCheck, Retry
from dbtcollate_tui.plan.model import GROUPS
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.labels import relabel
from dbtcollate_tui.tui.links import linked
from dbtcollate_tui.tui.messages import EventsArrived
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.screens.stop_in_collate import StopInCollate
from dbtcollate_tui.tui.sync_run import SyncRun
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.event_log import EventLog
from dbtcollate_tui.tui.widgets.filter_line import FilterLine
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard
from dbtcollate_tui.tui.widgets.sync_end import SyncEnd, end_lines
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import span

OUTCOMES = {
    "ok": (CheckState.PASS, "Done"),
    "partial": (CheckState.WARN, "Partial"),
    "failed": (CheckState.FAIL, "Failed"),
    "cancelled": (CheckState.WARN, "Cancelled"),
}


class SyncScreen(CardKeys, FittedScreen[None]):
    """Shows a `SyncRun` that the app owns: leaving the screen does not stop it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry_failed", "Retry what failed"),
        Binding("o", "open", "Open in Collate"),
        Binding("y", "copy", "Copy log"),
        Binding("tab", "log", "Log", priority=True),
        Binding("l", "failures", "Failures only"),
        Binding("f", "follow", "Follow"),
        Binding("slash", "filter", "Filter"),
        Binding("escape", "leave", "Back"),
    ]
    DEFAULT_CSS = """
    SyncScreen EventLog { height: 1fr; min-height: 3; border-top: solid $border-blurred; padding: 0 1; }
    SyncScreen #outcome { height: auto; padding: 0 1; display: none; }
    SyncScreen #groups { height: auto; padding: 0 3 1 3; display: none; }
    SyncScreen SyncEnd { display: none; }
    SyncScreen #whole { height: 4; padding: 0 1; border-top: solid $border-blurred; display: none; }
    SyncScreen.-ended #outcome, SyncScreen.-ended #groups, SyncScreen.-ended SyncEnd,
    SyncScreen.-ended #whole { display: block; }
    SyncScreen.-ended SyncBoard, SyncScreen.-ended EventLog { display: none; }
    SyncScreen.-ended #search { display: none; }
    SyncScreen.-ended.-log #search.-shown { display: block; }
    SyncScreen.-ended.-log SyncEnd, SyncScreen.-ended.-log #whole { display: none; }
    SyncScreen.-ended.-log EventLog { display: block; }
    """

    def __init__(self, run: SyncRun) -> None:
        super().__init__()
        self.run = run
        self._tables_url = ""

    def compose(self) -> ComposeResult:
        """Title, chain, board, log; at the end the outcome and its lines in their place."""
        yield TitleBar(self.run.title, "sync", of_sync=True)
        yield ChainBar(links_open=True)
        yield SyncBoard(self.run.plan)
        yield ErrorCard()
        yield Static(id="outcome")
        yield Static(id="groups", classes="muted", markup=False)
        yield SyncEnd()
        yield Static(id="whole", markup=False)
        yield EventLog(id="log")
        yield FilterLine("filter by table, kind, text or outcome", "#log", id="search")
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Show what happened before the screen was shown."""
        self.query_one(EventLog).focus()
        on_theme_change(self, self._draw_end)
        if self.run.cancelling:
            self._say_cancelling()
        self._name_keys()
        await self._take(list(self.run.history))

    def _draw_end(self) -> None:
        if self.run.finished is not None:
            self.query_one("#outcome", Static).update(self._outcome(self.run.finished))
            self.query_one(SyncEnd).redraw()

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
                self._name_keys()

    def _show_end(self, event: RunFinished) -> None:
        self.add_class("-ended")
        self.query_one("#outcome", Static).update(self._outcome(event))
        by_group = event.counts.written_by_group
        parts = [f"{group} {by_group[group]}" for group in GROUPS if by_group.get(group)]
        self.query_one("#groups", Static).update(_folded(parts, self.size.width - 6))
        end = self.query_one(SyncEnd)
        end.show(end_lines(event, self.run.plan, self.run.history))
        end.focus()
        if event.verification is not None:
            self._tables_url = event.verification.tables_url

    def _outcome(self, event: RunFinished) -> Text:
        state, word = OUTCOMES[event.outcome]
        counts = event.counts
        text = Text()
        text.append(f"{GLYPHS.states[state]} {word}  ", f"bold {state_colour(self.app, state, '')}")
        parts = [f"{counts.written} of {counts.planned} changes written"] if counts.planned else []
        for number, name in (
            (counts.partly, "of them in part"),
            (counts.failed, "failed"),
            (counts.unsure, "not known"),
            (counts.skipped, "skipped"),
            (counts.cancelled, "not tried"),
        ):
            if number:
                parts.append(f"{number} {name}")
        if not counts.planned:
            parts.append(event.text.rstrip("."))
        if counts.unchanged:
            parts.append(f"{counts.unchanged} equal already")
        text.append(f"{', '.join(parts)}, in {span(event.seconds)}")
        return text

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        ended = self.run.finished is not None
        if action == "cancel":
            return not ended and not self.run.cancelling
        log_in_sight = not ended or self.has_class("-log")
        if action in ("failures", "follow", "filter"):
            return log_in_sight
        if action == "log":
            return ended
        if action == "open":
            return ended and not log_in_sight and bool(self._url())
        if action == "retry_failed":
            return self.run.can_retry
        return True

    def _name_keys(self) -> None:
        """Say what the keys do just now."""
        log = self.query_one(EventLog)
        relabel(self, "failures", "All lines" if log.failures_only else "Failures")
        relabel(self, "follow", "Still" if log.follow else "Follow")
        in_log = self.run.finished is None or self.has_class("-log")
        relabel(self, "log", "Result" if in_log else "Log")
        line = self.query_one(SyncEnd).current
        link = not in_log and line is not None and bool(line.url)
        elsewhere = (
            link and line is not None and urlsplit(line.url).netloc != urlsplit(self._tables_url).netloc
        )
        relabel(self, "open", "Open in dbt Cloud" if elsewhere else "Open in Collate")
        relabel(self, "copy", "Copy link" if link else "Copy log" if in_log else "Copy result")
        count = len(self.run.left.unwritten)
        finished = self.run.finished
        cancelled = finished is not None and finished.outcome == "cancelled"
        relabel(
            self, "retry_failed", f"Write the other {count}" if cancelled else f"Retry {count} not written"
        )
        self.refresh_bindings()

    def _url(self) -> str:
        line = self.query_one(SyncEnd).current
        return line.url if line is not None and line.url else self._tables_url

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        line = self.query_one(SyncEnd).current
        whole = Text()
        if line is not None and not line.is_heading:
            whole.append(f"{line.title}  ", "bold").append(line.text)
            whole.append("\n").append(linked(line.url, "dim"))
        self.query_one("#whole", Static).update(whole)
        self._name_keys()

    @on(EventLog.Scrolled)
    def _stood(self) -> None:
        self._name_keys()

    @on(Input.Changed, "#search")
    def _filtered(self, event: Input.Changed) -> None:
        self.query_one(EventLog).filter(event.value)

    @on(OptionList.OptionSelected)
    @on(SyncEnd.Left)
    def _selected(self) -> None:
        self.dismiss(None)

    def action_leave(self) -> None:
        """Back, from the filter, from the log, from the screen; a running sync goes on in the background."""
        search = self.query_one(FilterLine)
        if search.is_shown and (self.run.finished is None or self.has_class("-log")):
            search.close()
        elif self.has_class("-log"):
            self.action_log()
        else:
            if self.run.finished is None:
                self.notify("The sync continues; s shows it again.", timeout=4)
            self.dismiss(None)

    def action_cancel(self) -> None:
        """Ask once, then stop; a run inside Collate goes on there, or is stopped there too."""
        if self.run.in_collate:
            self.app.push_screen(StopInCollate(), self._stop_in_collate)
            return

        def answered(stop: bool | None) -> None:
            if stop:
                self._cancel()

        self.app.push_screen(
            Confirm(
                "Cancel the sync?",
                "Cancel it",
                "Go on",
                detail="What has been written remains; running the sync again writes the rest.",
            ),
            answered,
        )

    def _cancel(self, *, in_collate: bool = False) -> None:
        if self.run.finished is None:
            self.run.cancel(in_collate=in_collate)
            self._say_cancelling()
            self.refresh_bindings()

    def _say_cancelling(self) -> None:
        words = "cancelling: writes in progress finish first"
        if self.run.in_collate:
            words = (
                "stopping the run in Collate" if self.run.stop_in_collate else "no longer following the run"
            )
        self.query_one(SyncBoard).cancelling(words)

    def _stop_in_collate(self, answer: str | None) -> None:
        if answer is not None:
            self._cancel(in_collate=answer == "there")

    def action_failures(self) -> None:
        """Failures alone, or every line."""
        log = self.query_one(EventLog)
        log.show_failures_only(not log.failures_only)
        self._name_keys()

    def action_log(self) -> None:
        """The log in place of the end, or the end again."""
        self.toggle_class("-log")
        if self.has_class("-log"):
            self.query_one(EventLog).focus()
        else:
            self.query_one(SyncEnd).focus()
        self._name_keys()

    def action_follow(self) -> None:
        """Follow the latest line, or stop following."""
        log = self.query_one(EventLog)
        log.set_follow(not log.follow)
        self._name_keys()

    def action_filter(self) -> None:
        """Open the log's filter."""
        self.query_one(FilterLine).open()

    def action_copy(self) -> None:
        """Copy the chosen line's address; or the end and every kept line of the log."""
        finished, end = self.run.finished, self.query_one(SyncEnd)
        log = self.query_one(EventLog).as_text()
        if finished is None or self.has_class("-log"):
            copy_text(self, log, "the sync's log")
        elif end.current is not None and end.current.url:
            copy_text(self, end.current.url, "the page's address")
        else:
            copy_text(self, f"{finished.text}\n{end.as_text()}", "how the sync ended")

    def action_retry_failed(self) -> None:
        """Write again what was not written; the new run takes this one's place on the screen."""
        run = app_of(self).retry(self.run)
        if run is not None:
            self.app.switch_screen(SyncScreen(run))

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Trying again is a new plan; every other fix is the app's."""
        if isinstance(message.fix, Retry | RerunCheck):
            message.stop()
            self.dismiss(None)
            app = app_of(self)
            app.show_pipeline() if self.run.in_collate else app.show_sync(direct=True)

    def action_open(self) -> None:
        """Open the chosen line's page in Collate, else the service's."""
        self.app.open_url(self._url())


def _folded(parts: list[str], width: int) -> str:
    """The parts side by side, in as many lines as they need, none of them torn."""
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]}   {part}" if lines[-1] else part
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)
