"""What a sync may change, which run it takes, and when Collate runs it on its own."""

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import ValidationError
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, RadioButton, RadioSet, Static

from dbtcollate_tui.dbt_cloud.schedules import ScheduleProposal, check_cron, next_times_words
from dbtcollate_tui.errors import ActionableError, UsageError
from dbtcollate_tui.fixes import ProfileField, SetField, Step
from dbtcollate_tui.settings.model import PipelineReads, PipelineSettings, SyncOptions
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.widgets.fields import LineInput
from dbtcollate_tui.tui.widgets.toggles import Choice, Switch
from dbtcollate_tui.wording import ago

SWITCHES: tuple[tuple[str, str], ...] = (
    ("update_descriptions", "Descriptions, except those edited in Collate (off: only empty ones)"),
    ("update_owners", "Owners: dbt's owners, where Collate knows them"),
    ("include_tags", "Tags: added, none removed"),
    ("include_tests", "Tests and their results"),
    ("include_lineage", "Lineage between the tables"),
)
"""The options of `SyncOptions` that the guide has as switches, with what each does."""

READS: tuple[tuple[PipelineReads, str], ...] = (
    ("job", "this job's latest run"),
    ("each_job", "each of these jobs, with one pipeline per job"),
    ("project", "the project's latest completed run, whichever job it is of"),
)
"""The ways in which Collate reads a profile of several jobs."""


class FieldRow(Horizontal):
    """A word and its field on one line."""

    def __init__(self, word: str, field: Widget) -> None:
        super().__init__(Static(word, markup=False), field, classes="row")


class OptionsPane(StepPane):
    """The defaults are sensible: enter goes on."""

    step = Step.OPTIONS
    question = "What a sync may change in Collate"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Go on", priority=True),
        Binding("down", "app.focus_next", "Choose", key_display="↑↓"),
        Binding("up", "app.focus_previous", "Choose", show=False),
    ]
    DEFAULT_CSS = """
    OptionsPane Checkbox, OptionsPane RadioSet, OptionsPane RadioButton {
        border: none; padding: 0; height: auto; background: transparent; width: 1fr;
    }
    OptionsPane RadioButton { height: 1; }
    OptionsPane .row { height: 1; }
    OptionsPane .row Checkbox { width: auto; }
    OptionsPane .row Static { width: auto; padding: 0 1 0 4; color: $text-muted; }
    OptionsPane .row Input { width: 1fr; max-width: 32; background: $surface; }
    OptionsPane .head { text-style: bold; height: auto; }
    OptionsPane #cron, OptionsPane #other-jobs, OptionsPane #collate-reads { display: none; }
    OptionsPane #other-jobs, OptionsPane #collate-reads { height: auto; }
    OptionsPane.-other-jobs #other-jobs { display: block; }
    OptionsPane.-several-jobs #collate-reads { display: block; }
    OptionsPane.-own #cron { display: block; }
    """

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        self._proposal: ScheduleProposal | None = None
        self._proposed_for: tuple[object, ...] | None = None
        self._proposed = False
        self._pressed = "by-hand"
        self._other_jobs: tuple[int, ...] | None = None

    def fields(self) -> Iterable[Widget]:
        """Switches, the classification's name, the run rule, further jobs, the schedule."""
        yield Static("space changes a line, tab goes to the next group", classes="hint", markup=False)
        options, draft = self.setup.draft.options, self.setup.draft
        for name, label in SWITCHES:
            yield Switch(label, getattr(options, name), id=name, compact=True)
            if name == "include_tags":
                with_name = LineInput(options.classification, id="classification", compact=True)
                yield FieldRow("in the classification", with_name)
        yield Static("Which run is used", classes="head", markup=False)
        newest = draft.run_rule == "newest_successful"
        yield RadioSet(
            Choice("the latest successful, as Collate's guide says", newest, id="newest_successful"),
            Choice(
                "the latest completed, failed or not, as Collate's own ingestion does",
                not newest,
                id="newest_completed",
            ),
            id="rule",
            compact=True,
        )
        with Vertical(id="other-jobs"):
            yield Static("Also read the latest runs of", classes="head", markup=False)
        with Vertical(id="collate-reads"):
            yield Static("Collate's own pipeline reads", classes="head", markup=False)
            reads = draft.pipeline.reads
            yield RadioSet(
                *(Choice(label, name == reads, id=f"reads-{name}") for name, label in READS),
                id="reads",
                compact=True,
            )
        yield Static("When Collate syncs automatically", classes="head", markup=False)
        yield Static(id="why", classes="hint", markup=False)
        yield RadioSet(
            Choice("as proposed", id="proposed"),
            Choice("never: syncs are started manually or by a script", id="by-hand"),
            Choice("by another cron expression, in UTC", id="own"),
            id="schedule",
            compact=True,
        )
        yield LineInput(placeholder="minute hour day month weekday", id="cron", compact=True)
        yield Static(id="next", classes="hint", markup=False)

    def first_field(self) -> Widget | None:
        """The first switch."""
        return self.query_one("#update_descriptions", Checkbox)

    def typing_field(self) -> LineInput | None:
        """None: letters are not for a switch."""
        return None

    async def enter(self) -> None:
        """Propose a schedule for the job that is chosen now."""
        await super().enter()
        draft = self.setup.draft
        key = (draft.account_id, draft.job_id, draft.collate_base_url)
        if key != self._proposed_for:
            self._proposed_for = key
            self._proposed = False
            if self._work != self._take or not self.busy:
                self.begin(self._propose, "Reading the job's schedule")

    async def _propose(self) -> None:
        await self._show_other_jobs()
        await self._show_proposal()
        self._proposed = True

    async def _show_other_jobs(self) -> None:
        """A switch for each job that has what the chosen one lacks, and for each that is read already."""
        held = self.setup.draft.jobs
        try:
            found = await self.setup.dbt_cloud.other_jobs()
        except ActionableError:
            found = ()
        words = {
            offer.job.id: f"{offer.job.name}: {', '.join(offer.parts)} of run {offer.run.id}, "
            f"{ago(offer.run.finished_at, datetime.now(UTC))}"
            for offer in found
        }
        words |= {job_id: f"job {job_id}" for job_id in held if job_id not in words}
        place = self.query_one("#other-jobs", Vertical)
        await place.query(Switch).remove()
        await place.mount_all(
            Switch(label, job_id in held, id=f"job-{job_id}", compact=True) for job_id, label in words.items()
        )
        self._other_jobs = tuple(words)
        self.set_class(bool(words), "-other-jobs")
        self._show_reads()

    @on(Checkbox.Changed)
    def _show_reads(self) -> None:
        """Ask what Collate's pipeline reads once there is a further job, or where it is not the usual."""
        several = bool(self._chosen_jobs()) or self.setup.draft.pipeline.reads != "job"
        self.set_class(several, "-several-jobs")

    def _chosen_jobs(self) -> list[int]:
        return [job for job in self._other_jobs or () if self.query_one(f"#job-{job}", Switch).value]

    async def _show_proposal(self) -> None:
        facts = self.setup.collate.facts
        available = facts is None or facts.pipeline_service.available
        self.query_one("#schedule", RadioSet).disabled = not available
        why = self.query_one("#why", Static)
        if not available:
            why.update("This Collate has no pipeline service: syncs run from here, or by cron.")
            self._press("by-hand")
            self.status.clear()
            return
        try:
            self._proposal = await self.setup.dbt_cloud.schedule_proposal()
        except ActionableError as error:
            self._proposal = None
            why.update(f"The job's schedule is not known: {error.title}.")
        self.status.clear()
        proposal, kept = self._proposal, self.setup.draft.pipeline.schedule
        if proposal is not None:
            label = f"{proposal.words}, {proposal.cron} (UTC)"
            self.query_one("#proposed", RadioButton).label = label
            why.update(proposal.reason)
        if kept is not None and (proposal is None or kept != proposal.cron):
            self.query_one("#cron", LineInput).value = kept
            self._press("own")
        else:
            self._press("proposed" if proposal is not None else "by-hand")
        self._say_next()

    def _press(self, name: str) -> None:
        self._pressed = name
        self.query_one(f"#{name}", RadioButton).value = True

    @on(RadioSet.Changed, "#schedule")
    def _schedule_changed(self, event: RadioSet.Changed) -> None:
        self._pressed = event.pressed.id or "by-hand"
        own = self._pressed == "own"
        self.set_class(own, "-own")
        if own and event.radio_set.has_focus:
            self.query_one("#cron", LineInput).focus()
        self._say_next()

    @on(Input.Changed)
    def _typed(self) -> None:
        self.clear_error()
        self._say_next()

    def _say_next(self) -> None:
        """Say when the chosen schedule comes next, in the person's own time zone."""
        words = ""
        with contextlib.suppress(UsageError):
            cron = self._schedule()
            words = "" if cron is None else f"Next: {next_times_words(cron)}"
        self.query_one("#next", Static).update(words)

    def options(self) -> SyncOptions:
        """The switches and the name; raises `UsageError` for a name that none can be."""
        held = self.setup.draft.options.model_dump()
        held |= {name: self.query_one(f"#{name}", Checkbox).value for name, _ in SWITCHES}
        held["classification"] = self.query_one("#classification", LineInput).value
        try:
            return SyncOptions.model_validate(held)
        except ValidationError as error:
            raise _wrong("The classification's name", error, ProfileField.CLASSIFICATION, "dbtTags") from None

    def pipeline(self) -> PipelineSettings:
        """The schedule; raises `UsageError` for a wrong cron expression."""
        held = self.setup.draft.pipeline.model_dump() | {"schedule": self._schedule(), "reads": self._reads()}
        try:
            return PipelineSettings.model_validate(held)
        except ValidationError as error:
            raise _wrong("The schedule", error, ProfileField.SCHEDULE, "0 * * * *") from None

    def _reads(self) -> PipelineReads:
        pressed = self.query_one("#reads", RadioSet).pressed_button
        return next(
            (name for name, _ in READS if pressed is not None and pressed.id == f"reads-{name}"), "job"
        )

    def _schedule(self) -> str | None:
        if self._pressed == "proposed" and self._proposal is not None:
            return self._proposal.cron
        if self._pressed == "own":
            return check_cron(self.query_one("#cron", LineInput).value)
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter always goes on here: left to the switch that has the focus, it would change it."""
        if action == "go_on":
            return not isinstance(self.screen.focused, Button)
        return super().check_action(action, parameters)

    def action_go_on(self) -> None:
        """Take the options."""
        if not self.busy or self._work != self._take:
            self.begin(self._take)

    async def _take(self) -> None:
        """Take the values, and the proposal where one went on before it had come."""
        if not self._proposed:
            await self._propose()
        self.setup.set_options(self.options())
        self.setup.set_pipeline(self.pipeline())
        self._take_rule()
        await self.go_on()

    def keep(self) -> None:
        """The switches, the rule, the schedule; what cannot be taken stays as it was."""
        if not self.busy:
            with contextlib.suppress(UsageError):
                self.setup.set_options(self.options())
            with contextlib.suppress(UsageError):
                self.setup.set_pipeline(self.pipeline())
            self._take_rule()

    def _take_rule(self) -> None:
        pressed = self.query_one("#rule", RadioSet).pressed_button
        completed = pressed is not None and pressed.id == "newest_completed"
        self.setup.dbt_cloud.set_run_rule("newest_completed" if completed else "newest_successful")
        if self._other_jobs is not None:
            self.setup.dbt_cloud.set_jobs(self._chosen_jobs())

    def set_field(self, field: ProfileField, value: str) -> bool:
        """A name or a schedule that a fix proposes."""
        target = {ProfileField.CLASSIFICATION: "#classification", ProfileField.SCHEDULE: "#cron"}.get(field)
        if target is None:
            return False
        line = self.query_one(target, LineInput)
        line.value = value
        line.focus()
        return True


def _wrong(what: str, error: ValidationError, field: ProfileField, value: str) -> UsageError:
    reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return UsageError(f"{what} {reason}", fixes=[SetField(f"Use {value}", field, value)])
