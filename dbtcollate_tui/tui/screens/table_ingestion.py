"""Missing tables: the database service's metadata agent, what is changed of it, the yes, then its run."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import RichLog, Static

from dbtcollate_tui.collate.pipeline_follow import (
    EndedUpdate,
    LogUpdate,
    NoteUpdate,
    PipelineUpdate,
    StateUpdate,
    WaitingUpdate,
)
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RerunCheck, Retry
from dbtcollate_tui.setup.table_ingestion import GOOD_ENDS
from dbtcollate_tui.tui.labels import relabel
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import span

if TYPE_CHECKING:
    from dbtcollate_tui.setup.table_ingestion import TableIngestion, TableIngestionPlan

LOG_LINES = 10_000


@dataclass(frozen=True, slots=True)
class IngestionAnswer:
    """How many of the missing tables arrived, and whether the sync is next."""

    arrived: int
    sync: bool


class TableIngestionScreen(CardKeys, FittedScreen[IngestionAnswer | None]):
    """Gives how many tables arrived, or ``None`` where the agent did not run. Leaving it cancels nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Run the agent", priority=True),
        Binding("r", "again", "Try again"),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    TableIngestionScreen #head { height: auto; padding: 0 1; text-style: bold; }
    TableIngestionScreen #facts { height: 1fr; padding: 0 1; }
    TableIngestionScreen #facts Static { height: auto; }
    TableIngestionScreen RichLog { height: 1fr; padding: 0 1; background: transparent; display: none;
        border-top: solid $border-blurred; scrollbar-size-vertical: 1; }
    TableIngestionScreen.-started RichLog { display: block; }
    TableIngestionScreen.-started #facts { display: none; }
    """

    def __init__(self, title: str, ingestion: "Callable[[], Awaitable[TableIngestion]]") -> None:
        super().__init__()
        self._title = title
        self._make = ingestion
        self._ingestion: TableIngestion | None = None
        self.plan: TableIngestionPlan | None = None
        self.arrived: int | None = None
        self.is_ingesting = False

    def compose(self) -> ComposeResult:
        """Title, what is missing and what will change, then the run's log."""
        yield TitleBar(self._title, "ingest missing tables")
        yield Static(id="head", markup=False)
        yield ErrorCard()
        with VerticalScroll(id="facts"):
            yield Static(markup=False)
        yield RichLog(max_lines=LOG_LINES, wrap=True)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read what would run."""
        self.action_again()

    def action_again(self) -> None:
        """Read what is missing and what the agent is like; writes nothing."""
        self.query_one(ErrorCard).clear()
        self.plan = self.arrived = None
        self.remove_class("-started")
        self.query_one(RichLog).clear()
        self.query_one("#facts Static", Static).update("")
        self._say("Comparing dbt's tables with Collate's. Nothing is written.")
        self.run_worker(self._prepare(), group="ingest", exclusive=True)

    async def _prepare(self) -> None:
        try:
            self._ingestion = await self._make()
            self.plan = await self._ingestion.prepare()
        except ActionableError as error:
            await self._failed("The missing tables cannot be ingested from here.", error)
            return
        if self.plan is None:
            self._say("Every table that dbt built is in Collate.")
            return
        self._say(f"{self.plan.agent.pipeline.name} will run. Nothing is written yet.")
        self.query_one("#facts Static", Static).update("\n".join(self.plan.lines()))
        self.query_one("#facts").focus()

    async def _run(self, ingestion: "TableIngestion", plan: "TableIngestionPlan") -> None:
        self.is_ingesting = True
        self.add_class("-started")
        name = plan.agent.pipeline.name
        self._say(f"Starting {name}")
        self.query_one(RichLog).focus()
        state = "unknown"
        try:
            await ingestion.start(plan)
            async with aclosing(ingestion.follow(plan)) as updates:
                async for update in updates:
                    self._take(name, update)
                    if isinstance(update, EndedUpdate):
                        state = update.run.pipelineState or state
            if state not in GOOD_ENDS:
                self._say(f"{name} ended as {state}; no table was added for certain.")
                return
            self._say(f"{name} ended as {state}. Comparing the tables again")
            left = await ingestion.missing()
        except ActionableError as error:
            await self._failed(f"{name} is not followed any further.", error)
            return
        finally:
            self.is_ingesting = False
            self.refresh_bindings()
        self.arrived = len(plan.missing) - len(left)
        self._say(f"{self.arrived} of {len(plan.missing)} missing tables are in Collate now.")

    def _take(self, name: str, update: PipelineUpdate) -> None:
        log = self.query_one(RichLog)
        match update:
            case LogUpdate():
                for line in update.lines:
                    log.write(Text.from_ansi(line))
            case NoteUpdate():
                log.write(Text(update.text, "dim"))
            case StateUpdate():
                self._say(f"{name} is {update.run.pipelineState}")
            case WaitingUpdate():
                self._say(f"Waiting for {update.what}, {span(update.seconds)}")
            case _:
                pass

    def _say(self, head: str) -> None:
        self.query_one("#head", Static).update(head)
        relabel(self, "go_on", "Run the agent" if self.arrived is None else "Sync them")
        self.refresh_bindings()

    async def _failed(self, head: str, error: ActionableError) -> None:
        self._say(head)
        await self.query_one(ErrorCard).show(error)
        self.refresh_bindings()

    # ------------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "go_on":
            has_failed = self.is_mounted and self.query_one(ErrorCard).error is not None
            return self.plan is not None and not self.is_ingesting and not has_failed
        if action == "again":
            return not self.is_ingesting
        return True

    def action_go_on(self) -> None:
        """Run the agent; once its tables arrived, go on to the sync."""
        if self.arrived is not None:
            self.dismiss(IngestionAnswer(self.arrived, sync=True))
        elif self.plan is not None and self._ingestion is not None:
            work = self._run(self._ingestion, self.plan)
            self.run_worker(work, group="ingest", exclusive=True)

    def action_back(self) -> None:
        """Leave; a run goes on in Collate."""
        if self.is_ingesting and self.plan is not None:
            self.app.notify(f"{self.plan.agent.pipeline.name} goes on in Collate.", timeout=4)
        self.dismiss(None if self.arrived is None else IngestionAnswer(self.arrived, sync=False))

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Retry here; every other fix is the app's."""
        message.stop()
        if isinstance(message.fix, Retry | RerunCheck):
            self.action_again()
        else:
            app_of(self).carry_out(message.fix)
