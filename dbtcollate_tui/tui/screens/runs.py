"""The runs that a sync can take: the rule's choice first, then the others that ended."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui import wording
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.models import Run
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.dbt_cloud.run_notes import is_ci_run, notes_of_run
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RerunCheck, Retry
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_end
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.prompts import put_prompts
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import ago

Choose = Callable[[], Awaitable[RunChoice]]

LEAST_REASON = 12
"""Cells that the reason of a failure needs to be shown at all."""


class RunsScreen(CardKeys, FittedScreen[int | None]):
    """Gives the id of the run to take, or ``None`` where the choice stays unchanged."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take it", priority=True),
        Binding("o", "open", "Open in dbt Cloud"),
        Binding("r", "again", "Read again"),
        Binding("escape", "dismiss(None)", "Back"),
    ]
    DEFAULT_CSS = """
    RunsScreen #head { height: auto; padding: 0 1; }
    RunsScreen OptionList, RunsScreen OptionList:focus {
        height: 1fr; border: none; background: transparent; overflow-x: hidden;
    }
    RunsScreen.-failed OptionList, RunsScreen.-failed #notes { display: none; }
    RunsScreen #notes { height: auto; max-height: 8; padding: 0 1; border-top: solid $border-blurred; }
    """

    def __init__(self, title: str, choose: Choose, current: int | None = None) -> None:
        super().__init__()
        self._title = title
        self._choose = choose
        self._current = current
        self._choice: RunChoice | None = None
        self._runs: tuple[Run, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, the rule's reason, the runs, what is to be known about the one under the cursor."""
        yield TitleBar(self._title, "runs")
        yield Static("Reading the runs", id="head", markup=False)
        yield ErrorCard()
        yield OptionList()
        yield Static(id="notes", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read them."""
        on_theme_change(self, self._redraw)
        self.action_again()

    def action_again(self) -> None:
        """Read the runs again."""
        self.query_one(ErrorCard).clear()
        self.remove_class("-failed")
        self.run_worker(self._read(), group="runs", exclusive=True)

    async def _read(self) -> None:
        try:
            choice = await self._choose()
        except ActionableError as error:
            self.query_one("#head", Static).update("The runs could not be read.")
            self.add_class("-failed")
            await self.query_one(ErrorCard).show(error)
            self.refresh_bindings()
            return
        self._choice = choice
        self._runs = (choice.run, *choice.alternatives)
        others = len(choice.alternatives)
        self.query_one("#head", Static).update(
            f"#{choice.run.id} is the {choice.reason}. "
            f"{wording.count(others, 'other')} of the latest runs have finished; any can be used once."
        )
        listing = self.query_one(OptionList)
        listing.clear_options()
        listing.add_options(Option(self._line(run), id=str(run.id)) for run in self._runs)
        ids = [run.id for run in self._runs]
        listing.highlighted = ids.index(self._current) if self._current in ids else 0
        listing.focus()
        self.refresh_bindings()

    def _redraw(self) -> None:
        put_prompts(self.query_one(OptionList), map(self._line, self._runs))

    def _line(self, run: Run) -> Text:
        state = CheckState.PASS if run.is_success else CheckState.FAIL
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{GLYPHS.states[state]} ", state_colour(self.app, state, ""))
        line.append(f"#{run.id}  {run.outcome:<9}")
        line.append(f"{ago(run.finished_at, datetime.now(UTC)):>11}  ", "dim")
        line.append(run.job.name if run.job is not None else f"job {run.job_id}")
        marks = ["CI"] if is_ci_run(run) else []
        if self._choice is not None and run.id == self._choice.run.id:
            marks.append("by the rule")
        reference = self._choice.reference_run if self._choice is not None else None
        if reference is not None and run.id == reference.id:
            marks.append("Collate's own ingestion")
        if marks:
            line.append(f"   {', '.join(marks)}", "bold")
        room = self.app.size.width - 4 - line.cell_len - 3
        if run.reason_words and room >= LEAST_REASON:
            line.append(f"   {cut_end(run.reason_words, room)}", "dim")
        return line

    @property
    def current(self) -> Run | None:
        """The run under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._runs[at] if at is not None and at < len(self._runs) else None

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        run = self.current
        if run is None or self._choice is None:
            return
        own = run.id == self._choice.run.id
        notes = self._choice.notes if own else notes_of_run(run)
        ended = f"{run.finished_at.astimezone():%Y-%m-%d %H:%M %Z}" if run.finished_at is not None else "?"
        lines = [f"#{run.id}, ended {ended}"]
        lines.extend(f"{'! ' if note.level == 'warn' else ''}{note.text}" for note in notes)
        self.query_one("#notes", Static).update("\n".join(lines))
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_take()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        run = self.current
        if action == "take":
            return run is not None and not self.has_class("-failed")
        if action == "open":
            return run is not None and bool(run.href) and not self.has_class("-failed")
        return True

    def action_take(self) -> None:
        """Give the run under the cursor."""
        run = self.current
        if run is not None:
            self.dismiss(run.id)

    def action_open(self) -> None:
        """Open its page."""
        run = self.current
        if run is not None and run.href:
            self.app.open_url(run.href)

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Retry here; every other fix is the app's."""
        if isinstance(message.fix, Retry | RerunCheck):
            message.stop()
            self.action_again()
