"""What every pane of the setup does: one question, its work, its error card, going on and back."""

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, assert_never

from textual import events
from textual import work as in_worker
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import (
    Advice,
    Argument,
    ChooseRun,
    Copy,
    DeployPipeline,
    EnterToken,
    Fix,
    GoOnWithoutRun,
    GoToStep,
    IngestTables,
    OpenUrl,
    ProfileField,
    RerunCheck,
    Retry,
    RunJob,
    SetField,
    Step,
    SyncNow,
    UseProfile,
)
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.setup.help_links import GuideDifference
from dbtcollate_tui.transport.pacing import Retrying
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.instructions import GuideScreen
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.fields import EDITING_KEYS, LineInput
from dbtcollate_tui.tui.widgets.status_lines import StatusLines

STEP_WORDS = {
    "token": Step.DBT_TOKEN,
    "dbt_cloud_token": Step.DBT_TOKEN,
    "collate_token": Step.COLLATE,
    "run": Step.JOB,
}
"""Names that fixes use for a step beside the step's own."""

SOURCES: dict[str, str] = {
    "address": "from the URL",
    "token": "the only one the token can see",
    "only one": "the only one",
    "environment": "from the environment",
    "kept": "saved before",
}
"""What answered a question that was not asked."""

Work = Callable[[], Awaitable[None]]


class StepPane(VerticalScroll, can_focus=False):
    """One question. Subclasses yield their fields in `fields` and answer in `action_go_on`.

    Work runs in the pane's own worker group and ends when the pane is left. An `ActionableError` of it
    becomes the card, where it happened.
    """

    step: ClassVar[Step]
    question: ClassVar[str]
    answered_before: ClassVar[tuple[Step, ...]] = ()
    """The steps whose answers are shown here where they were not asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Go on", priority=True),
        Binding("ctrl+g", "guide", show=False),
        Binding("r", "again", "Try again"),
        Binding("ctrl+r", "again", "Try again"),
    ]
    DEFAULT_CSS = """
    StepPane { padding: 0 2; height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }
    StepPane .question { text-style: bold; height: auto; }
    StepPane .hint { color: $text-muted; height: auto; }
    StepPane .answered { color: $text-muted; height: auto; display: none; }
    StepPane .answered.-shown { display: block; }
    StepPane .cleared { color: $warning; height: auto; display: none; }
    StepPane .cleared.-shown { display: block; }
    StepPane Static { width: 1fr; }
    StepPane.-failed #status { display: none; }
    """

    class Answered(Message):
        """The question is answered, and the setup has gone on to its next one."""

    class Changed(Message):
        """Something that the chain shows has changed."""

    class Wanted(Message):
        """A fix leads to another step."""

        def __init__(self, step: Step) -> None:
            super().__init__()
            self.step = step

    def __init__(self, context: SetupContext) -> None:
        super().__init__(id=f"step-{self.step.value}")
        self.context = context
        self.busy = False
        self._work: Work | None = None
        self._turn = 0

    @property
    def setup(self) -> GuidedSetup:
        """The setup without a screen."""
        return self.context.setup

    @property
    def failed(self) -> bool:
        """Whether a card is shown."""
        return self.query_one(ErrorCard).error is not None

    def compose(self) -> ComposeResult:
        """Question, fields, what is going on, the card."""
        yield Static(self.question, classes="question", markup=False)
        yield Static(classes="answered", markup=False)
        yield Static(classes="cleared", markup=False)
        yield from self.fields()
        yield StatusLines(id="status")
        yield ErrorCard()

    def fields(self) -> Iterable[Widget]:
        """The widgets that answer the question."""
        raise NotImplementedError

    def first_field(self) -> Widget | None:
        """What gets the focus when the pane is entered."""
        return None

    def typing_field(self) -> LineInput | None:
        """Where typing and pasting go that happens elsewhere on the pane."""
        field = self.first_field()
        return field if isinstance(field, LineInput) else None

    @property
    def status(self) -> StatusLines:
        """What is being waited for, or what was found."""
        return self.query_one("#status", StatusLines)

    async def enter(self) -> None:
        """The pane is shown, for the first time or again."""
        self.say_answered()
        self.say_cleared()
        self.focus_field()

    def say_answered(self) -> None:
        """Say what was answered without a question since the one before, and by what."""
        shown = [item for item in self.setup.answered() if item.step in self.answered_before]
        by: dict[str, list[str]] = {}
        for item in shown:
            by.setdefault(SOURCES[item.source], []).append(
                f"{item.label.lower()} {item.value.split(' (')[0]}"
            )
        words = "; ".join(f"{', '.join(answers)}, {source}" for source, answers in by.items())
        line = self.query_one(".answered", Static)
        line.update(f"{words[:1].upper()}{words[1:]}.")
        line.set_class(bool(words), "-shown")

    def differences(self) -> tuple[GuideDifference, ...]:
        """Where Collate's guide is out of date on this question."""
        return ()

    def action_guide(self) -> None:
        """Show where Collate's guide is out of date."""
        self.app.push_screen(GuideScreen(self.differences()))

    def held(self, event: Retrying) -> None:
        """A request waits: say why, and how long, where the person waits for it."""
        if self.busy:
            seconds = f"{event.wait_seconds:.0f} s"
            why = event.reason if event.attempt == 1 else f"{event.record.host} {event.reason}"
            again = "goes on" if event.attempt == 1 else f"attempt {event.attempt}"
            self.status.waiting(f"{why[:1].upper()}{why[1:]}: {again} in {seconds}")

    def leave(self) -> None:
        """The pane is left: end its work."""
        self._turn += 1
        self.busy = False
        self.workers.cancel_node(self)
        if self._is_waiting():
            self.status.clear()

    def _is_waiting(self) -> bool:
        return any(line.since for line in self.status.lines)

    def focus_field(self) -> None:
        """Put the cursor where one types."""
        field = self.first_field()
        if field is not None:
            field.focus()

    def say_cleared(self) -> None:
        """Say what the last answer made void, and what the servers' answers give to know."""
        words = "\n".join(text for text in (self.setup.answers.cleared, *self.setup.answers.notes) if text)
        self.setup.answers.cleared = ""
        self.setup.answers.notes.clear()
        line = self.query_one(".cleared", Static)
        line.update(words)
        line.set_class(bool(words), "-shown")

    def begin(self, work: Work, waiting: str = "") -> None:
        """Do this in the background; ``r`` does it again after an error."""
        self._work = work
        self._turn += 1
        if self.failed:
            self.query_one(ErrorCard).clear()
            self.focus_field()
        self.remove_class("-failed")
        if waiting:
            self.status.waiting(waiting)
        self.busy = True
        self._guarded(work, self._turn)
        self.post_message(self.Changed())

    @in_worker(group="work", exclusive=True)
    async def _guarded(self, work: Work, turn: int) -> None:
        try:
            await work()
        except ActionableError as error:
            if turn == self._turn:
                if self._is_waiting():
                    self.status.clear()
                await self.show_error(error)
        finally:
            if turn == self._turn:
                self.busy = False
                self.post_message(self.Changed())

    async def show_error(self, error: ActionableError) -> None:
        """Show the error's card on the pane, its keys ready."""
        card = self.query_one(ErrorCard)
        self.add_class("-failed")
        await card.show(error)
        if not card.focus_fixes():
            self.focus_field()
        self.post_message(self.Changed())

    async def go_on(self) -> None:
        """To be called last in a work: go on to the next question."""
        await self.setup.advance()
        self.status.clear()
        self.post_message(self.Answered())

    def keep(self) -> None:
        """Keep what was entered and not yet taken: the pane is left by esc. Nothing is asked of a server."""

    def back_inside(self) -> bool:
        """Whether going back was within the pane, and is done."""
        return False

    def action_go_on(self) -> None:
        """Answer with what the fields hold."""
        raise NotImplementedError

    def action_again(self) -> None:
        """Do the failed work again."""
        if self._work is not None:
            self.begin(self._work, "Trying again")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "guide":
            return bool(self.differences())
        if action == "again":
            return self.failed and self._work is not None
        if action == "go_on":
            return not self.busy and not isinstance(self.screen.focused, Button)
        return True

    def set_field(self, field: ProfileField, value: str) -> bool:
        """Carry out a ``set_field`` fix; false where the pane has no such field."""
        return False

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Carry out a fix."""
        message.stop()
        self.fix(message.fix)

    def fix(self, fix: Fix) -> None:
        """Carry out a fix here, or ask for another step."""
        match fix:
            case Retry() | RerunCheck():
                self.action_again()
            case OpenUrl():
                self.app.open_url(fix.url)
            case Copy():
                copy_text(self, fix.text, fix.label)
            case SetField():
                if not self.set_field(fix.field, fix.to):
                    self.notify(fix.label, timeout=6)
            case GoOnWithoutRun():
                self.go_on_without_run()
            case GoToStep() | EnterToken():
                self._go_to(fix.step)
            case ChooseRun():
                self._go_to(Step.JOB)
            case (
                Advice()
                | Argument()
                | UseProfile()
                | RunJob()
                | SyncNow()
                | DeployPipeline()
                | IngestTables()
            ):
                self.notify(fix.label, timeout=6)
            case _:
                assert_never(fix)

    def go_on_without_run(self) -> None:
        """Take the answer although it has no run yet."""

    def _go_to(self, step: Step) -> None:
        if step is self.step:
            self.reset_answer()
        else:
            self.post_message(self.Wanted(step))

    def reset_answer(self) -> None:
        """Take the card away and let the field be filled in again."""
        self.clear_error()
        field = self.first_field()
        if isinstance(field, Input):
            field.select_all()
        self.focus_field()

    def clear_error(self) -> None:
        """The error is fixed, or its cause is being changed."""
        if self.failed:
            self.query_one(ErrorCard).clear()
            self.status.clear()
            self.remove_class("-failed")
            self.post_message(self.Changed())

    def on_key(self, event: events.Key) -> None:
        """Fixes by their keys; what else is typed goes into the field."""
        focused = self.screen.focused
        if isinstance(focused, Input):
            return
        card = self.query_one(ErrorCard)
        if card.error is not None and card.press(event.key):
            event.stop()
            return
        field = self.typing_field()
        if field is None or field.disabled or event.key in self.screen.active_bindings:
            return
        if event.is_printable or event.key in EDITING_KEYS:
            event.stop()
            field.take_key(event)

    def on_paste(self, event: events.Paste) -> None:
        """A paste beside the field goes into it."""
        field = self.typing_field()
        if field is not None and not field.disabled:
            event.stop()
            field.focus()
            field.take_paste(event.text)
