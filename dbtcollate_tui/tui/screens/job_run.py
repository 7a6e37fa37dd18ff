"""Running the dbt Cloud job: what will run, the yes, then queue, steps and log as they come."""

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import RichLog, Static

from dbtcollate_tui import wording
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions, JobRunPlan, JobRunUpdate
from dbtcollate_tui.dbt_cloud.models import CANCELLED, ERROR, SUCCESS, Run, RunStep
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RerunCheck, Retry
from dbtcollate_tui.redact import redact
from dbtcollate_tui.setup.job_runs import JobRunAnswer
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.labels import relabel
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import span

if TYPE_CHECKING:
    from dbtcollate_tui.setup.job_runs import JobRunner

LOG_LINES = 10_000
TICK = 0.5
_ENDS = {SUCCESS: "succeeded", ERROR: "failed", CANCELLED: "was cancelled"}
_STATES = {SUCCESS: CheckState.PASS, ERROR: CheckState.FAIL, CANCELLED: CheckState.SKIPPED}


class JobRunScreen(CardKeys, FittedScreen[JobRunAnswer | None]):
    """Gives the run that was followed, or ``None`` where none was started. Leaving it cancels nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Run it", priority=True),
        Binding("c", "cancel_run", "Cancel the run"),
        Binding("f", "retry_run", "Retry from the failure"),
        Binding("o", "open", "Open in dbt Cloud"),
        Binding("r", "again", "Try again"),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    JobRunScreen #head { height: auto; padding: 0 1; text-style: bold; }
    JobRunScreen #facts, JobRunScreen #steps { height: auto; padding: 0 1; }
    JobRunScreen #steps { max-height: 50%; }
    JobRunScreen RichLog { height: 1fr; padding: 0 1; background: transparent; display: none;
        border-top: solid $border-blurred; scrollbar-size-vertical: 1; }
    JobRunScreen.-started RichLog { display: block; }
    JobRunScreen.-started #facts { display: none; }
    """

    def __init__(
        self, title: str, runner: "JobRunner", options: JobRunOptions, next_words: str = "Sync what it built"
    ) -> None:
        super().__init__()
        self._next_words = next_words
        self._title = title
        self._runner = runner
        self._options = options
        self.plan: JobRunPlan | None = None
        self.run_now: Run | None = None
        self.latest: JobRunUpdate | None = None
        self._caller = ""
        self._seen_at = 0.0

    def compose(self) -> ComposeResult:
        """Title, what will run, the steps with their times, the log."""
        yield TitleBar(self._title, "run the job")
        yield Static("Reading the job", id="head", markup=False)
        yield Static(id="facts", markup=False)
        yield Static(id="steps", markup=False)
        yield ErrorCard()
        yield RichLog(max_lines=LOG_LINES, wrap=True)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read what would run."""
        on_theme_change(self, self._draw)
        self.set_interval(TICK, self._draw)
        self.action_again()

    def action_again(self) -> None:
        """Read what would run; starts nothing."""
        self.query_one(ErrorCard).clear()
        self.plan = self.run_now = self.latest = None
        self.remove_class("-started")
        self.query_one(RichLog).clear()
        self.query_one("#head", Static).update("Reading the job")
        self.run_worker(self._prepare(), group="job", exclusive=True)

    async def _prepare(self) -> None:
        try:
            self._caller = await self._runner.caller()
            self.plan = await self._runner.prepare(self._options)
        except ActionableError as error:
            await self._failed("The job could not be read.", error)
            return
        if self.plan.in_progress is not None:
            await self._follow(self.plan.in_progress)
        else:
            self._draw()

    async def _start(self) -> None:
        plan = self.plan
        if plan is None:
            return
        try:
            run = await self._runner.start(plan)
        except ActionableError as error:
            await self._failed("The job was not started.", error)
            return
        await self._follow(run)

    async def _follow(self, run: Run) -> None:
        self.run_now = run
        self.add_class("-started")
        log = self.query_one(RichLog)
        log.focus()
        self._draw()
        try:
            async with aclosing(self._runner.follow(run)) as updates:
                async for update in updates:
                    self.latest, self.run_now, self._seen_at = update, update.run, time.monotonic()
                    for index, line in update.lines:
                        log.write(Text(f"{index} | {redact(Text.from_ansi(line).plain)}"))
                    self._draw()
        except ActionableError as error:
            await self._failed("The run is no longer followed; it continues in dbt Cloud.", error)

    async def _failed(self, head: str, error: ActionableError) -> None:
        self.query_one("#head", Static).update(head)
        await self.query_one(ErrorCard).show(error)
        self.refresh_bindings()

    # ------------------------------------------------------------------ what is shown

    @property
    def has_ended(self) -> bool:
        """Whether the followed run has ended."""
        return self.latest is not None and self.latest.ended

    def _draw(self) -> None:
        if self.query_one(ErrorCard).error is None:
            self.query_one("#head", Static).update(self._head())
        if self.plan is not None and self.run_now is None:
            self.query_one("#facts", Static).update(self._facts(self.plan))
        self.query_one("#steps", Static).update(self._steps())
        words = "Run it"
        if self.plan is not None and self.plan.retried is not None:
            words = "Retry it"
        relabel(self, "go_on", self._next_words if self.has_ended else words)
        self.refresh_bindings()

    def _head(self) -> str:
        plan, run = self.plan, self.run_now
        if plan is None:
            return "Reading the job"
        if run is None:
            return f"{plan.title}. Nothing is started yet."
        name = f"Run {run.id} of {plan.job.name}"
        if self.has_ended:
            took = f" after {span(run.seconds)}" if run.seconds is not None else ""
            reason = f": {run.reason_words}" if run.reason_words else ""
            return f"{name} {_ENDS.get(run.status, run.outcome)}{took}{reason}."
        ahead = self.latest.ahead if self.latest is not None else None
        if ahead is not None:
            return f"{name} is queued, {wording.count(ahead, 'run')} ahead."
        return f"{name} is {run.outcome}."

    def _facts(self, plan: JobRunPlan) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        for name, value in plan.facts(self._caller):
            table.add_row(Text(name, "dim"), Text(value))
        return table

    def _steps(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        if self.run_now is None:
            return table
        for step in self.run_now.run_steps:
            state = self._state(step)
            glyph = Text(GLYPHS.states[state], state_colour(self.app, state, ""))
            words = Text(
                f"{step.index}  {step.command or step.name}", "dim" if step.started_at is None else ""
            )
            table.add_row(glyph, words, Text(self._seconds(step), "dim"))
        return table

    def _state(self, step: RunStep) -> CheckState:
        if step.status in _STATES:
            return _STATES[step.status]
        return CheckState.WAITING if step.started_at is None else CheckState.RUNNING

    def _seconds(self, step: RunStep) -> str:
        if step.started_at is None:
            return ""
        if step.finished_at is not None:
            return span((step.finished_at - step.started_at).total_seconds())
        newest = [other.finished_at for other in self._all_steps() if other.finished_at is not None]
        begun = max([step.started_at, *newest])
        waited = (begun - step.started_at).total_seconds() + time.monotonic() - self._seen_at
        return span(waited)

    def _all_steps(self) -> tuple[RunStep, ...]:
        return self.run_now.run_steps if self.run_now is not None else ()

    # ------------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        failed = self.is_mounted and self.query_one(ErrorCard).error is not None
        run = self.run_now
        if action == "go_on":
            if self.has_ended:
                return run is not None and run.is_success
            return self.plan is not None and run is None and not failed
        if action == "cancel_run":
            return run is not None and not self.has_ended
        if action == "retry_run":
            return self.has_ended and run is not None and run.can_retry
        if action == "open":
            return run is not None and bool(run.href)
        if action == "again":
            return failed
        return True

    def action_go_on(self) -> None:
        """Start the run; after a good end, go on to the sync."""
        if self.has_ended:
            if self.run_now is not None and self.run_now.is_success:
                self.dismiss(JobRunAnswer(self.run_now, sync=True))
        elif self.plan is not None and self.run_now is None:
            self.run_worker(self._start(), group="job", exclusive=True)

    def action_cancel_run(self) -> None:
        """Stop the run in dbt Cloud, once asked."""
        run = self.run_now
        if run is None:
            return

        def answered(cancel: bool | None) -> None:
            if cancel:
                self.run_worker(self._cancel(run), group="cancel", exclusive=True)

        self.app.push_screen(
            Confirm(
                f"Cancel run {run.id} in dbt Cloud?",
                "Cancel the run",
                "Let it run",
                detail="What finished steps built remains; the other steps do not run.",
            ),
            answered,
        )

    async def _cancel(self, run: Run) -> None:
        try:
            await self._runner.cancel(run)
        except ActionableError as error:
            await self.query_one(ErrorCard).show(error)
            self.refresh_bindings()

    def action_retry_run(self) -> None:
        """Show what a retry of the failed run would run."""
        if self.run_now is not None:
            self._options = JobRunOptions(retry_of=self.run_now.id)
            self.action_again()

    def action_open(self) -> None:
        """Open the run's page."""
        if self.run_now is not None:
            self.app.open_url(self.run_now.href)

    def action_back(self) -> None:
        """Leave; a run goes on in dbt Cloud, and coming back follows it again."""
        run = self.run_now
        if run is not None and not self.has_ended:
            self.app.notify(f"Run {run.id} continues in dbt Cloud.", timeout=4)
        self.dismiss(JobRunAnswer(run, sync=False) if run is not None else None)

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Retry here; every other fix is the app's."""
        if isinstance(message.fix, Retry | RerunCheck):
            message.stop()
            self.action_again()
