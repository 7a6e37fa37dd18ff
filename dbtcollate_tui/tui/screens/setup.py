"""The guided setup: one question a screen, the chain lighting up above it."""

from contextlib import aclosing
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import ContentSwitcher

from dbtcollate_tui.checks.chain import Stage
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Fix, RerunCheck, Retry, SetField, Step
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.setup.answers import load_draft
from dbtcollate_tui.setup.draft import ORDER
from dbtcollate_tui.setup.flow import RAIL, rail_number
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.transport.pacing import Retrying
from dbtcollate_tui.tui.demo_credentials import DemoOffer
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.screens.setup_steps.account_project import AccountPane, ProjectPane
from dbtcollate_tui.tui.screens.setup_steps.address import AddressPane
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane
from dbtcollate_tui.tui.screens.setup_steps.collate import CollatePane
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.job import JobPane
from dbtcollate_tui.tui.screens.setup_steps.options import OptionsPane
from dbtcollate_tui.tui.screens.setup_steps.resume import ResumeScreen
from dbtcollate_tui.tui.screens.setup_steps.review import ReviewPane
from dbtcollate_tui.tui.screens.setup_steps.service import ServicePane
from dbtcollate_tui.tui.screens.setup_steps.status import STEP_OF, lights
from dbtcollate_tui.tui.screens.setup_steps.token import DbtTokenPane
from dbtcollate_tui.tui.screens.setup_steps.token_side import TokenPane
from dbtcollate_tui.tui.screens.stage_checks import StageChecks
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.step_rail import StepRail
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

PANES: dict[Step, type[StepPane]] = {
    pane.step: pane
    for pane in (
        AddressPane,
        DbtTokenPane,
        AccountPane,
        ProjectPane,
        JobPane,
        CollatePane,
        ServicePane,
        OptionsPane,
        ReviewPane,
    )
}


class SetupScreen(FittedScreen[Profile | None]):
    """Gives the saved profile, or ``None`` where the setup was left; its answers are kept then.

    ``setup`` is a new one, one to edit a profile, or one with answers; the screen closes it at the end.
    With ``offer_resume`` a draft that was left half-way is offered first. A profile is edited from its
    review, or ``at`` the step that a fix names.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("escape", "leave", "Leave"),
    ]
    DEFAULT_CSS = """
    SetupScreen #below { height: 1fr; }
    SetupScreen ContentSwitcher { width: 1fr; height: 1fr; }
    SetupScreen StepRail { display: none; }
    SetupScreen.-medium StepRail, SetupScreen.-wide StepRail, SetupScreen.-widest StepRail { display: block; }
    """

    def __init__(
        self,
        setup: GuidedSetup,
        *,
        offer: DemoOffer | None = None,
        offer_resume: bool = True,
        at: Step | None = None,
    ) -> None:
        super().__init__()
        self._at = at
        self.context = SetupContext(setup, offer)
        self._offer_resume = offer_resume and not setup.editing and setup.step is Step.ADDRESS
        self._entry = (self._at or Step.REVIEW) if setup.editing else Step.ADDRESS
        self._shown: Step | None = None
        self._stands = False
        self._before = setup.profile() if setup.editing else None

    @property
    def setup(self) -> GuidedSetup:
        """The setup without a screen."""
        return self.context.setup

    @property
    def is_opening(self) -> bool:
        """Whether the first question is not shown yet, so that keys would be lost."""
        return not self._stands

    @property
    def pane(self) -> StepPane | None:
        """The current question."""
        if self._shown is None:
            return None
        return self.query_one(f"#step-{self._shown.value}", StepPane)

    def own_addresses(self) -> tuple[str, ...]:
        """The servers of the answers so far."""
        return tuple(filter(None, (self.setup.draft.dbt_base_url, self.setup.draft.collate_base_url)))

    def compose(self) -> ComposeResult:
        """Title, chain, rail and question, keys."""
        yield TitleBar(self.setup.editing or "new profile")
        yield ChainBar(links_open=True)
        with Horizontal(id="below"):
            yield StepRail()
            yield ContentSwitcher()
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Offer what was left half-way."""
        self.setup.dbt_cloud.on_retry = self._held
        draft = load_draft(self.setup.answers.services) if self._offer_resume else None
        if draft is not None and draft.reached is not Step.ADDRESS:
            self.app.push_screen(ResumeScreen(draft), self._resume_answered)
        elif draft is not None and draft.address_text:
            self.setup.answers.draft = draft
            await self.show_step()
        elif self.setup.editing:
            self._open_kept()
        else:
            await self.show_step()

    def _held(self, event: Retrying) -> None:
        pane = self.pane
        if pane is not None:
            pane.held(event)

    async def on_unmount(self) -> None:
        """Close the clients; the draft stays."""
        await self.setup.aclose()

    @on(TokenPane.KeyringNeeded)
    def _keyring_needed(self, event: TokenPane.KeyringNeeded) -> None:
        event.stop()
        self._ask_keyring()

    @work(group="keyring", exclusive=True)
    async def _ask_keyring(self) -> None:
        self.context.health = await self.setup.answers.services.secrets.probe(quiet=True)
        pane = self.pane
        if isinstance(pane, TokenPane):
            pane.say_kept()
        elif isinstance(pane, ReviewPane):
            pane.say_places()
        self.refresh_bindings()

    def _resume_answered(self, answer: str | None) -> None:
        if answer == "resume":
            self._resume()
        elif answer == "restart":
            self.setup.discard()
            self._start_over()
        else:
            self.dismiss(None)

    @work(group="kept")
    async def _start_over(self) -> None:
        await self.show_step()

    @work(group="kept")
    async def _open_kept(self) -> None:
        await self._use_kept_tokens()

    @work(group="kept")
    async def _resume(self) -> None:
        draft = load_draft(self.setup.answers.services)
        if draft is not None:
            self.setup.answers.draft = draft
        self.context.resumed = True
        await self._use_kept_tokens()

    async def _use_kept_tokens(self) -> None:
        """Open with the tokens that are there already, and show the first open question."""
        refused: ActionableError | None = None
        try:
            await self.setup.use_kept_tokens()
        except ActionableError as error:
            refused = error
        editing = bool(self.setup.editing)
        whole = self.setup.answers.has_token("dbt_cloud") and self.setup.answers.has_token("collate")
        self.setup.step = open_at = self.setup.first_open()
        if editing and (whole or (self._at is not None and ORDER.index(self._at) < ORDER.index(open_at))):
            self.setup.step = self._at or Step.REVIEW
        if self.setup.answers.has_token("dbt_cloud"):
            self.context.resumed = False
        await self.show_step()
        pane = self.pane
        if refused is not None and pane is not None and pane.step is open_at:
            await pane.show_error(refused)

    async def show_step(self) -> None:
        """Show the question of the setup's step; its pane is made when it is first needed."""
        step = self.setup.step
        before = self.pane
        if before is not None and before.step is not step:
            before.leave()
        switcher = self.query_one(ContentSwitcher)
        pane_id = f"step-{step.value}"
        if not self.query(f"#{pane_id}"):
            await switcher.add_content(PANES[step](self.context))
            if not self.is_attached:
                return
        self._shown = step
        switcher.current = pane_id
        pane = self.query_one(f"#{pane_id}", StepPane)
        self.query_one(TitleBar).where = f"step {rail_number(step)} of {len(RAIL)}"
        rail = self.query_one(StepRail)
        rail.reached = self.setup.draft.reached
        rail.step = step
        await pane.enter()
        self._stands = True
        if self.is_attached:
            if step is Step.REVIEW and self.context.health is None and self.setup.tokens_to_keep:
                self._ask_keyring()
            self._light()
            self._check()

    @work(group="checks", exclusive=True)
    async def _check(self) -> None:
        """Look at what the answers now allow to be looked at; the next question begins it again."""
        async with aclosing(self.context.checks.look()) as results:
            async for _ in results:
                self._light()
        self._light()

    def _light(self) -> None:
        if not self.is_attached:
            return
        pane = self.pane
        if pane is not None:
            self.query_one(ChainBar).view = lights(
                self.context, pane.step, busy=pane.busy, failed=pane.failed
            )
        self.refresh_bindings()

    @on(StepPane.Changed)
    def _changed(self, event: StepPane.Changed) -> None:
        event.stop()
        self._light()

    @on(StepPane.Answered)
    async def _answered(self, event: StepPane.Answered) -> None:
        event.stop()
        if isinstance(event, ReviewPane.Saved):
            self.dismiss(event.profile)
        else:
            await self.show_step()

    @on(StepPane.Wanted)
    async def _wanted(self, event: StepPane.Wanted) -> None:
        event.stop()
        await self.go_to(event.step)

    @on(StepRail.Chosen)
    async def _rail_chosen(self, event: StepRail.Chosen) -> None:
        await self.go_to(event.step)

    @on(ChainBar.LinkChosen)
    async def _link_chosen(self, event: ChainBar.LinkChosen) -> None:
        event.stop()
        step = STEP_OF[event.stage]
        rows = self.context.checks.rows(event.stage)
        if not rows:
            await self._revisit(step)
            return

        async def answered(answer: Fix | Literal["question"] | None) -> None:
            if answer == "question":
                await self._revisit(step)
            elif answer is not None:
                await self._carry_out(answer, event.stage)

        self.app.push_screen(StageChecks(event.stage, rows), answered)

    async def _carry_out(self, fix: Fix, stage: Stage) -> None:
        if isinstance(fix, Retry | RerunCheck):
            self.context.checks.forget(stage)
            self._light()
            self._check()
        elif isinstance(fix, SetField):
            self.setup.apply(fix)
            await self.show_step()
        elif self.pane is not None:
            self.pane.fix(fix)

    async def _revisit(self, step: Step) -> None:
        if step is not self._shown and ORDER.index(step) <= ORDER.index(self.setup.draft.reached):
            await self.go_to(step)

    async def go_to(self, step: Step) -> None:
        """Go to a question that was reached before."""
        self.setup.go_to(step)
        await self.show_step()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """At the first question esc leaves, and where one came in to change an answer."""
        if action in ("back", "leave"):
            return (self._shown in (None, Step.ADDRESS, self._entry)) is (action == "leave")
        return True

    async def action_back(self) -> None:
        """Go back one question; the answers stay."""
        pane = self.pane
        if pane is not None and not pane.back_inside():
            pane.keep()
            self.setup.back()
            await self.show_step()

    def action_leave(self) -> None:
        """Leave; a new setup's answers are kept for the next time, changes of a profile are not."""
        pane = self.pane
        if pane is not None:
            if pane.back_inside():
                return
            pane.keep()
        if not self._is_changed():
            self.dismiss(None)
            return

        def answered(leave: bool | None) -> None:
            if leave:
                self.dismiss(None)

        self.app.push_screen(
            Confirm(f"The changes of {self.setup.editing} are not saved.", "Leave without them", "Stay"),
            answered,
        )

    def _is_changed(self) -> bool:
        if self._before is None:
            return False
        try:
            return self.setup.profile() != self._before
        except ActionableError:
            return True
