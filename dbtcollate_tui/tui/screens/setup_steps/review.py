"""Everything in full before it is saved, each line a way back to its question."""

import contextlib
from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from dbtcollate_tui import wording
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import ProfileField, Step
from dbtcollate_tui.settings.model import PipelineReads, Profile
from dbtcollate_tui.setup.draft import SetupDraft
from dbtcollate_tui.setup.flow import RAIL
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.options import FieldRow
from dbtcollate_tui.tui.widgets.fields import LineInput

OPTION_WORDS = (
    ("update_descriptions", "descriptions"),
    ("update_owners", "owners"),
    ("include_tags", "tags"),
    ("include_tests", "tests"),
    ("include_lineage", "lineage"),
)

PIPELINES: dict[PipelineReads, str] = {
    "job": "",
    "each_job": ", one pipeline per job",
    "project": ", one pipeline for the project",
}


def answer_lines(draft: SetupDraft) -> tuple[tuple[int, str, str], ...]:
    """The answers: the number of their step on the rail, a word, the answer with its ids in full."""
    options = draft.options
    on_words = [word for name, word in OPTION_WORDS if getattr(options, name)]
    off_words = [word for name, word in OPTION_WORDS if not getattr(options, name)]
    sync = ", ".join(on_words) or "nothing"
    if options.include_tags:
        sync = sync.replace("tags", f"tags ({options.classification})")
    if off_words:
        sync += f"; not {', '.join(off_words)}"
    rule = "latest successful run" if draft.run_rule == "newest_successful" else "latest completed run"
    project = f"{draft.project_name}  #{draft.project_id}" if draft.project_id is not None else "any project"
    job = f"{draft.job_name}  #{draft.job_id}" if draft.job_id is not None else "any job"
    if draft.jobs:
        job += f", and the latest runs of {wording.count(len(draft.jobs), 'further job')}"
    schedule = f"{draft.pipeline.schedule} UTC" if draft.pipeline.schedule else "manual"
    schedule += PIPELINES[draft.pipeline.reads]
    return (
        (1, "dbt Cloud", draft.dbt_base_url),
        (2, "Account", f"{draft.account_name}  #{draft.account_id}"),
        (3, "Project", project),
        (3, "Job", f"{job}, {rule}"),
        (4, "Collate", draft.collate_base_url),
        (5, "Service", draft.service),
        (6, "Sync", sync),
        (6, "Schedule", schedule),
    )


class ReviewPane(StepPane):
    """Saving keeps the accepted tokens, writes the profile, and ends the setup with it."""

    step = Step.REVIEW
    question = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Save and verify", priority=True),
        Binding("n", "name", "Name"),
        *(
            Binding(str(number), f"change({number})", f"Change {RAIL[number - 1][0]}", show=False)
            for number in range(1, 7)
        ),
    ]
    DEFAULT_CSS = """
    ReviewPane #answers, ReviewPane #places { height: auto; }
    ReviewPane .row { height: 1; }
    ReviewPane .row Static { width: 13; color: $text-muted; }
    ReviewPane .row Input { width: 1fr; background: $surface; }
    ReviewPane #save { margin: 1 0 0 3; }
    """

    class Saved(StepPane.Answered):
        """The profile is saved."""

        def __init__(self, profile: Profile) -> None:
            super().__init__()
            self.profile = profile

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)

    def fields(self) -> Iterable[Widget]:
        """The answers, the name, where it is kept, the button."""
        yield Static("1 to 6 change an answer, n the profile's name", classes="hint", markup=False)
        yield Static(id="answers")
        yield FieldRow("n  Profile  ", LineInput(id="name", compact=True))
        yield Static(id="places")
        yield Button("Save and verify", id="save", variant="primary", compact=True)

    def first_field(self) -> Widget | None:
        """The button: enter saves."""
        return self.query_one("#save", Button)

    def typing_field(self) -> LineInput | None:
        """None: the letters are keys."""
        return None

    async def enter(self) -> None:
        """Show the answers as they are now."""
        await super().enter()
        offer = self.context.offer
        field = self.query_one("#name", LineInput)
        if offer is not None and not field.value and not self.setup.editing:
            self.setup.set_name(offer.answers.profile_name)
        field.value = self.setup.draft.profile_name
        self._show()

    def _show(self) -> None:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, width=9)
        table.add_column(overflow="fold")
        before = 0
        for number, word, answer in answer_lines(self.setup.draft):
            table.add_row(
                Text(str(number) if number != before else " ", "dim"), Text(word, "dim"), Text(answer)
            )
            before = number
        self.query_one("#answers", Static).update(table)
        self.say_places()

    def say_places(self) -> None:
        """Say where the tokens and the profile will be."""
        words = ""
        environment = [side for side, origin in self.setup.answers.origins.items() if origin == "environment"]
        if environment and len(environment) == len(self.setup.answers.origins):
            words += "in the environment, not saved"
        elif self.context.health is not None:
            words += self.context.keeping_words("dbt_cloud")
        try:
            path = str(self.setup.answers.services.profiles.path(self.query_one("#name", LineInput).value))
        except UsageError:
            path = ""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, width=9)
        table.add_column(overflow="fold")
        table.add_row(" ", Text("Tokens", "dim"), Text(words))
        if path:
            table.add_row(" ", Text("File", "dim"), Text(f"{path}, without a token"))
        self.query_one("#places", Static).update(table)

    @on(Input.Changed, "#name")
    def _name_changed(self) -> None:
        self.clear_error()
        self.say_places()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter saves from anywhere but a fix's button."""
        if action == "go_on":
            focused = self.screen.focused
            return not self.busy and (not isinstance(focused, Button) or focused.id == "save")
        return super().check_action(action, parameters)

    def action_name(self) -> None:
        """Change the profile's name."""
        field = self.query_one("#name", LineInput)
        field.focus()
        field.select_all()

    def action_change(self, number: int) -> None:
        """Go to the question of that number on the rail."""
        self.post_message(self.Wanted(RAIL[number - 1][1][-1 if number == 3 else 0]))

    def on_click(self, event: events.Click) -> None:
        """A click on an answer goes to its question."""
        answers = self.query_one("#answers", Static)
        if event.widget is answers:
            lines = answer_lines(self.setup.draft)
            if 0 <= event.y < len(lines):
                self.action_change(lines[event.y][0])

    @on(Button.Pressed, "#save")
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_go_on()

    def action_go_on(self) -> None:
        """Save; asks first where another profile has that name."""
        name = self.query_one("#name", LineInput).value.strip()
        if name != self.setup.editing and name in self.setup.answers.services.profiles.names():

            def answered(replace: bool | None) -> None:
                if replace:
                    self.begin(self._save, "Saving")

            self.app.push_screen(
                Confirm(f"A profile {name} exists already.", "Replace it", "Choose another name"), answered
            )
        else:
            self.begin(self._save, "Saving")

    async def _save(self) -> None:
        self.setup.set_name(self.query_one("#name", LineInput).value.strip())
        if self.context.health is None and self.setup.tokens_to_keep:
            self.context.health = await self.setup.answers.services.secrets.probe()
        profile = await self.setup.save(self.context.keeping)
        self.status.clear()
        self.post_message(self.Saved(profile))

    def keep(self) -> None:
        """The profile's name, where it can be one."""
        with contextlib.suppress(UsageError):
            self.setup.set_name(self.query_one("#name", LineInput).value.strip())

    def set_field(self, field: ProfileField, value: str) -> bool:
        """A name that a fix proposes."""
        if field is not ProfileField.NAME:
            return False
        self.query_one("#name", LineInput).value = value
        self.action_go_on()
        return True
