"""The first screen without a profile: what the program does, the empty chain, and the choices."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Copy, OpenUrl, RerunCheck, Retry
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.next_step import WayOn
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from dbtcollate_tui.tui.demo_credentials import DemoOffer
    from dbtcollate_tui.tui.widgets.error_card import ErrorCard

WHAT = (
    "dbtcollate copies descriptions, owners, tags, lineage and test results from dbt Cloud to the tables in "
    "Collate or OpenMetadata. It verifies that they arrived, and finds the cause where they did not."
)
AFTER_PAINT_SECONDS = 0.1
NEEDED = "Needed: a dbt Cloud token that can read the account, the URL of Collate, and its bot's token."
SAMPLE = "Demo: a dbt Cloud and a Collate run on this machine with the data of a small shop."
ELSEWHERE = "To try it with sample data first: leave with q, then run dbtcollate demo."


class WelcomeScreen(CardKeys, FittedScreen[None]):
    """Set up, resume a setup, or (in the demo) try it with sample data."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "set_up", "Set up"),
        Binding("l", "look_round", "Try it"),
        Binding("p", "app.profiles", "Profiles"),
        Binding("up,left", "app.focus_previous", show=False),
        Binding("down,right", "app.focus_next", show=False),
        Binding("q", "app.quit_asking", "Quit"),
    ]
    DEFAULT_CSS = """
    WelcomeScreen #middle { padding: 1 2; height: 1fr; }
    WelcomeScreen #middle Static { max-width: 76; height: auto; }
    WelcomeScreen #scenario { color: $warning; }
    WelcomeScreen .choice { color: $text-muted; padding: 0 0 0 2; }
    """

    def __init__(
        self, services: Services, offer: "DemoOffer | None" = None, *, error: ActionableError | None = None
    ) -> None:
        super().__init__()
        self._services = services
        self._offer = offer
        self._error = error

    def compose(self) -> ComposeResult:
        """Title, chain, what it is, the choices."""
        yield TitleBar("sample data" if self._offer is not None else "", clock=True)
        yield ChainBar()
        with VerticalScroll(id="middle", can_focus=False):
            yield Static(WHAT, markup=False)
            yield Static(NEEDED if self._offer is None else SAMPLE, markup=False, classes="muted")
            if self._offer is not None and self._offer.answers.scenario:
                yield Static(self._offer.answers.scenario, markup=False, id="scenario")
            yield WayOn("s  Set up", id="set_up", markup=False)
            yield Static("Seven questions, one per screen. Nothing is written to a server.", classes="choice")
            if self._offer is not None:
                yield WayOn("l  Try it with sample data", id="look_round", markup=False)
                yield Static("Answers every question with the sample data, then verifies.", classes="choice")
            else:
                yield Static(f"\n{ELSEWHERE}", markup=False, classes="muted")
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Focus the first choice; say what keeps the profiles from being read."""
        self.query_one("#set_up").focus()
        if self._error is not None:
            await (await self._card()).show(self._error)

    async def _card(self) -> "ErrorCard":
        """The card, made with the lines of a setup under way when it is first needed."""
        from dbtcollate_tui.tui.widgets.error_card import ErrorCard
        from dbtcollate_tui.tui.widgets.status_lines import StatusLines

        if not self.query(ErrorCard):
            await self.query_one("#middle").mount(StatusLines(), ErrorCard())
        return self.query_one(ErrorCard)

    def _look_for_draft(self) -> None:
        self.run_worker(self._offer_draft(), group="draft", exclusive=True)

    async def _offer_draft(self) -> None:
        if await asyncio.to_thread(self._is_left_halfway):
            self.query_one("#set_up", WayOn).update("s  Resume the setup")

    def _is_left_halfway(self) -> bool:
        from dbtcollate_tui.fixes import Step
        from dbtcollate_tui.setup.answers import load_draft

        draft = load_draft(self._services)
        return draft is not None and draft.reached is not Step.ADDRESS

    def on_screen_resume(self) -> None:
        """A setup may have been left half-way; nothing is read before the screen is shown."""
        self.set_timer(AFTER_PAINT_SECONDS, self._look_for_draft)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        return self._offer is not None if action == "look_round" else True

    def action_set_up(self) -> None:
        """Begin the guided setup."""
        app_of(self).new_setup()

    def action_look_round(self) -> None:
        """Answer everything with the demo's answers, then show the checklist."""
        self.run_worker(self._look_round(), group="sample", exclusive=True)

    async def _look_round(self) -> None:
        from dbtcollate_tui.setup.guided import GuidedSetup
        from dbtcollate_tui.setup.unattended import answer_all, answers_of
        from dbtcollate_tui.tui.widgets.status_lines import StatusLines

        offer = self._offer
        if offer is None:
            return
        card = await self._card()
        status = self.query_one(StatusLines)
        card.clear()
        status.waiting("Setting up with the sample answers")
        try:
            async with GuidedSetup(self._services) as setup:
                profile = await answer_all(
                    setup,
                    answers_of(offer.answers),
                    offer.dbt_cloud_token,
                    offer.collate_token,
                    on_step=lambda step, words: status.waiting(f"{step.value.replace('_', ' ')}: {words}"),
                )
        except ActionableError as error:
            status.clear()
            await card.show(error)
            return
        app = app_of(self)
        app.run_worker(app.open_and_verify(profile.name), group="open", exclusive=True)

    def on_error_card_fix_chosen(self, message: "ErrorCard.FixChosen") -> None:
        """Try again here; a fix that changes an answer opens the setup, which has kept the other answers."""
        if isinstance(message.fix, OpenUrl | Copy):
            return
        message.stop()
        if isinstance(message.fix, Retry | RerunCheck) and self._offer is not None:
            self.action_look_round()
        else:
            self.action_set_up()

    @on(WayOn.Chosen)
    async def _chosen(self, event: WayOn.Chosen) -> None:
        event.stop()
        await self.run_action(event.way)
