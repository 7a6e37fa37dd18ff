"""The app: themes, what it owns (the open profile, the running checks, the running sync), how it ends."""

import asyncio
import contextlib
import signal
import traceback
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerFailed, WorkType

from dbtcollate_tui.errors import ActionableError, Cure
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.log import LOGGER, log_path
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.secrets import Side
from dbtcollate_tui.setup.services import Services
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.messages import EventsArrived, RowsChanged
from dbtcollate_tui.tui.offer import DemoOffer
from dbtcollate_tui.tui.screens.home import HomeScreen
from dbtcollate_tui.tui.screens.welcome import WelcomeScreen
from dbtcollate_tui.tui.theme import DARK, LIGHT
from dbtcollate_tui.tui.widgets.error_card import ErrorCard

if TYPE_CHECKING:
    from dbtcollate_tui.dbt_cloud.regions import Region
    from dbtcollate_tui.settings.model import Profile
    from dbtcollate_tui.setup.guided import GuidedSetup
    from dbtcollate_tui.sync.changes import Plan
    from dbtcollate_tui.sync.events import SyncEvent
    from dbtcollate_tui.sync.pipeline_plan import PipelinePlan
    from dbtcollate_tui.tui.bridge import SyncRun
    from dbtcollate_tui.tui.screens.pipeline import Answer
    from dbtcollate_tui.tui.session import ProfileSession

BASE = 1
"""Textual's own blank screen below all others."""
APP_STATE, THEME_KEY = "app", "theme"
LAST_WRITES_SECONDS = 12.0
"""How long leaving waits for a cancelled sync's writes that are under way."""


class DbtCollateApp(App[ExitCode]):
    """Owns the services, the open profile and the one running sync; screens come and go.

    ``profile`` is the one to open (``None``: the one last used); ``offer`` are the demo's addresses and
    tokens. ``crash`` is the line to print after an unexpected error, whose trace is in the log file without
    locals.
    """

    TITLE = "dbtcollate"
    CSS_PATH = "styles/app.tcss"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-medium"),
        (110, "-wide"),
        (160, "-widest"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit_asking", "Quit", show=False, priority=True),
        Binding("q", "quit_asking", "Quit", show=False),
        Binding("f1", "help", "Help", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def __init__(
        self,
        services: Services,
        *,
        profile: str | None = None,
        offer: DemoOffer | None = None,
        animation: bool = True,
    ) -> None:
        super().__init__()
        self.services = services
        self.offer = offer
        self.session: ProfileSession | None = None
        self.sync_run: SyncRun | None = None
        self.crash = ""
        self._wanted = profile
        if not animation:
            self.animation_level = "none"

    def on_mount(self) -> None:
        """Register the themes; leave in order when a signal says so."""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.push_screen(self._first_screen())
        held = self.services.state.load(APP_STATE, THEME_KEY)
        self.theme = held if isinstance(held, str) and held in self.available_themes else DARK.name
        self.theme_changed_signal.subscribe(self, lambda theme: self._keep_theme(theme.name))
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self._leave_cancelling)

    def _first_screen(self) -> Screen[None]:
        try:
            name = self._wanted or self.services.profiles.default_name()
        except ActionableError as error:
            return WelcomeScreen(self.services, self.offer, error=error)
        if name is not None:
            return HomeScreen(name)
        return WelcomeScreen(self.services, self.offer)

    def _keep_theme(self, name: str) -> None:
        self.run_worker(
            asyncio.to_thread(self.services.state.save, APP_STATE, THEME_KEY, name), exit_on_error=False
        )

    # ------------------------------------------------------------------ the open profile

    async def open_session(self, name: str) -> "ProfileSession":
        """Open a profile in place of the open one; asks no server. Raises `UsageError`."""
        from dbtcollate_tui.tui.session import ProfileSession

        opened = await asyncio.to_thread(ProfileSession.open, self.services, name, self._ask)
        former, self.session = self.session, opened
        self.workers.cancel_group(self, "checks")
        if former is not None:
            await former.aclose()
        self.refresh_bindings()
        return opened

    async def _ask(self, side: Side) -> SecretStr | None:
        """Ask for a token that is kept nowhere; it is used for as long as the profile is open."""
        from dbtcollate_tui.tui.screens.ask_token import AskToken

        name = self.session.profile.name if self.session is not None else ""
        screen = AskToken(side, name)
        try:
            return await self.push_screen_wait(screen)
        except asyncio.CancelledError:
            if self.screen is screen:
                self.pop_screen()
            raise

    async def profile_deleted(self, name: str) -> bool:
        """Close the profile where it is the open one, and go home with another; false for any other."""
        session = self.session
        if session is None or session.profile.name != name:
            return False
        self.workers.cancel_group(self, "checks")
        self.session = self._wanted = None
        await session.aclose()
        self._stand_on(self._first_screen())
        return True

    def go_home(self, name: str | None = None) -> None:
        """Show the home screen of the profile, or the welcome, in place of all others."""
        self._stand_on(WelcomeScreen(self.services, self.offer) if name is None else HomeScreen(name))

    def _stand_on(self, screen: Screen[None]) -> None:
        while len(self.screen_stack) > BASE + 1:
            self.pop_screen()
        self.switch_screen(screen)

    def start_checks(self, ids: Collection[str] | None = None) -> None:
        """Look anew at these checks of the open profile, or at all, in a worker of the app's own."""
        if self.session is not None:
            work: WorkType[None] = partial(self._check, self.session, ids)
            self.run_worker(work, group="checks", exclusive=True)

    async def _check(self, session: "ProfileSession", ids: Collection[str] | None) -> None:
        try:
            async with contextlib.aclosing(session.check(ids)) as rows:
                async for _ in rows:
                    self._tell(RowsChanged)
        finally:
            self._tell(RowsChanged)

    def _tell(self, message: Callable[[], RowsChanged]) -> None:
        for screen in self.screen_stack:
            screen.post_message(message())

    # ------------------------------------------------------------------ going about

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action in ("sync", "verify", "edit_setup", "pipeline"):
            return self.session is not None
        return True

    def action_sync(self) -> None:
        """Show the running sync, or plan a new one."""
        from dbtcollate_tui.tui.screens.plan import PlanScreen
        from dbtcollate_tui.tui.screens.sync import SyncScreen

        session = self.session
        if self.is_syncing and self.sync_run is not None:
            self.push_screen(SyncScreen(self.sync_run))
        elif session is not None:
            plan = PlanScreen(session.profile.name, session.prepare, session.choose_run)

            def answered(keys: frozenset[str] | None) -> None:
                if keys is not None and plan.plan is not None:
                    self._write(plan.plan, keys)

            self.push_screen(plan, answered)

    def _write(self, plan: "Plan", keys: frozenset[str]) -> None:
        from dbtcollate_tui.tui.screens.sync import SyncScreen

        session = self.session
        if session is None:
            return
        run = self.start_sync(session.profile.name, lambda cancel: session.write(plan, keys, cancel), plan)
        self.push_screen(SyncScreen(run))

    def action_pipeline(self) -> None:
        """Compare the pipeline inside Collate, then deploy it, or deploy and run it."""
        from dbtcollate_tui.tui.screens.pipeline import PipelineScreen

        session = self.session
        if session is None:
            return
        if self.is_syncing:
            self.action_sync()
            return
        screen = PipelineScreen(session.profile.name, session.prepare_pipeline)

        def answered(answer: "Answer | None") -> None:
            if answer is not None and screen.plan is not None:
                self._run_pipeline(session, screen.plan, trigger=answer == "run")

        self.push_screen(screen, answered)

    def _run_pipeline(self, session: "ProfileSession", plan: "PipelinePlan", *, trigger: bool) -> None:
        from dbtcollate_tui.tui.bridge import SyncRun
        from dbtcollate_tui.tui.screens.sync import SyncScreen

        run = SyncRun(
            session.profile.name,
            lambda cancel: session.run_pipeline(
                plan, cancel, trigger=trigger, kill_on_cancel=lambda: run.stop_in_collate
            ),
            self._deliver,
            in_collate=True,
        )
        self._own(run)
        self.push_screen(SyncScreen(run))

    def action_verify(self) -> None:
        """Show the checklist, looking anew."""
        self.show_checklist(look=True)

    def show_checklist(self, at: str | None = None, *, look: bool = False) -> None:
        """Show the checklist, at a row."""
        from dbtcollate_tui.tui.screens.checklist import ChecklistScreen

        if self.session is None:
            return
        if look:
            self.start_checks()
        if isinstance(self.screen, ChecklistScreen):
            return
        self.push_screen(ChecklistScreen(self.session, at))

    def action_new_setup(self) -> None:
        """Set up a new profile."""
        from dbtcollate_tui.setup.guided import GuidedSetup

        self._show_setup(GuidedSetup(self.services, regions=self._regions()))

    def action_edit_setup(self) -> None:
        """Change the open profile's answers."""
        if self.session is not None:
            self.edit_profile(self.session.profile.name)

    def edit_profile(self, name: str, step: str | None = None) -> None:
        """Change a profile's answers, at a step."""
        from dbtcollate_tui.setup.guided import GuidedSetup

        try:
            setup = GuidedSetup.edit(self.services, name, regions=self._regions())
        except ActionableError as error:
            self.notify(error.title, severity="error")
            return
        self._show_setup(setup, step)

    def _regions(self) -> "Sequence[Region]":
        """The hosts that a token may be tried on without an address: in the demo the sandbox alone."""
        from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, Region

        if self.offer is None:
            return SHARED_REGIONS
        address = urlsplit(self.offer.answers.dbt_cloud_address)
        return (Region("Sandbox", f"{address.scheme}://{address.netloc}"),)

    def _show_setup(self, setup: "GuidedSetup", step: str | None = None) -> None:
        from dbtcollate_tui.tui.screens.setup import SetupScreen

        self.push_screen(SetupScreen(setup, offer=self.offer, at=step), self._setup_ended)

    def _setup_ended(self, profile: "Profile | None") -> None:
        if profile is not None:
            self.run_worker(self.open_and_verify(profile.name), group="open", exclusive=True)

    async def open_and_verify(self, name: str) -> None:
        """Go home with a new or changed profile, and show its checklist."""
        await self.open_session(name)
        self.go_home(name)
        self.show_checklist(look=True)

    def action_profiles(self) -> None:
        """Show the profiles."""
        from dbtcollate_tui.tui.screens.profiles import ProfilesScreen

        self.push_screen(ProfilesScreen(self.services))

    def action_requests(self) -> None:
        """Show the requests of the last minutes."""
        from dbtcollate_tui.tui.screens.requests import RequestsScreen

        self.push_screen(RequestsScreen(self.services.request_log))

    def action_help(self) -> None:
        """Show what the screen does and its keys."""
        from dbtcollate_tui.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_home(self) -> None:
        """Go home."""
        self.go_home(self.session.profile.name if self.session is not None else None)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The places to go to, then Textual's commands; quitting asks where a sync is running."""
        yield SystemCommand("Home", "The chain at rest", self.action_home)
        if self.session is not None:
            yield SystemCommand("Sync", "Plan a sync, or show the running one", self.action_sync)
            yield SystemCommand("Pipeline in Collate", "Compare, deploy, run it there", self.action_pipeline)
            yield SystemCommand("Verify", "Run the checklist", self.action_verify)
            yield SystemCommand("Edit setup", "Change this profile's answers", self.action_edit_setup)
        yield SystemCommand("New setup", "Set up another profile", self.action_new_setup)
        yield SystemCommand("Profiles", "Open or delete a profile", self.action_profiles)
        yield SystemCommand("Requests", "What was asked of the servers; copy as curl", self.action_requests)
        yield SystemCommand("Help", "This screen, its keys, the signs", self.action_help)
        for command in super().get_system_commands(screen):
            if command.title == "Quit":
                yield SystemCommand("Quit", "Leave the program", self.action_quit_asking)
            else:
                yield command

    # ------------------------------------------------------------------ cures

    def on_error_card_cure_chosen(self, message: ErrorCard.CureChosen) -> None:
        """Carry out a cure that no screen took."""
        self.carry_out(message.cure)

    def carry_out(self, cure: Cure) -> None:
        """Carry out a cure of the open profile."""
        match cure.kind:
            case "open_url":
                self.open_url(cure.value)
            case "copy":
                copy_text(self.screen, cure.value, cure.label)
            case "retry" | "rerun_check":
                self.rerun(cure.value)
            case "go_to_step" if cure.value == "sync":
                self.action_sync()
            case "go_to_step" if cure.value == "pipeline":
                self.action_pipeline()
            case "go_to_step" if self.session is not None:
                self.edit_profile(self.session.profile.name, cure.value)
            case "set_field" if self.session is not None:
                self.run_worker(self._set_field(self.session, cure), group="open", exclusive=True)
            case _:
                pass

    def rerun(self, check_id: str) -> None:
        """Look anew at a check and at all that hang on it; at everything for an empty id."""
        from dbtcollate_tui.checks.registry import dependents_of

        self.start_checks(dependents_of(check_id) if check_id else None)

    async def _set_field(self, session: "ProfileSession", cure: Cure) -> None:
        from dbtcollate_tui.setup.cures import changed_profile

        try:
            profile = changed_profile(session.profile, cure)
            await asyncio.to_thread(self.services.profiles.save, profile)
        except ActionableError as error:
            self.notify(error.title, severity="error")
            return
        await self.open_and_verify(profile.name)
        self.notify(f"{cure.label}: saved in the profile {profile.name}.", timeout=4)

    # ------------------------------------------------------------------ the running sync

    @property
    def is_syncing(self) -> bool:
        """Whether a sync is running."""
        return self.sync_run is not None and self.sync_run.finished is None

    def start_sync(
        self,
        title: str,
        start: "Callable[[asyncio.Event], AsyncIterator[SyncEvent]]",
        plan: "Plan | None" = None,
    ) -> "SyncRun":
        """Run an engine in a worker of the app's own, so that it outlives the screen that began it."""
        from dbtcollate_tui.tui.bridge import SyncRun

        run = SyncRun(title, start, self._deliver, plan)
        self._own(run)
        return run

    def _own(self, run: "SyncRun") -> None:
        self.sync_run = run
        self.run_worker(run.drain(), group="sync", exclusive=True, exit_on_error=False)

    def _deliver(self, run: "SyncRun", events: "list[SyncEvent]") -> None:
        for screen in self.screen_stack:
            screen.post_message(EventsArrived(run, events))
        if run.finished is not None:
            self.call_later(self._after_sync)

    async def _after_sync(self) -> None:
        if self.session is not None:
            await self.session.recall_syncs()
            self.start_checks()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An engine that dies is a defect: end like any unexpected error."""
        if event.worker.group == "sync" and event.worker.error is not None:
            self._handle_exception(WorkerFailed(event.worker.error))

    # ------------------------------------------------------------------ the end

    def action_quit_asking(self) -> None:
        """Leave; asks first while a sync is running."""
        from dbtcollate_tui.tui.screens.confirm import Confirm

        if not self.is_syncing:
            self.exit(ExitCode.OK)
            return
        if isinstance(self.screen, Confirm):
            return

        def answered(leave: bool | None) -> None:
            if leave:
                self._leave_cancelling()

        self.push_screen(
            Confirm(
                "A sync is running. Leave now?",
                "Cancel it and leave",
                "Stay",
                detail="What is written stays written; running the sync again writes the rest.",
            ),
            answered,
        )

    def _leave_cancelling(self) -> None:
        self.run_worker(self._leave(), group="leave", exclusive=True)

    async def _leave(self) -> None:
        run = self.sync_run
        if run is not None and self.is_syncing:
            run.cancel()
            self.notify("Cancelling the sync; the writes under way end first.", timeout=LAST_WRITES_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITES_SECONDS):
                    await run.ended.wait()
        self.exit(ExitCode.INTERRUPTED, return_code=int(ExitCode.INTERRUPTED))

    async def on_unmount(self) -> None:
        """Close the clients."""
        if self.session is not None:
            await self.session.aclose()

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        trace = "".join(traceback.format_exception(cause))
        LOGGER.error("unexpected error\n%s", redact(trace))
        first = redact(str(cause)).splitlines()[:1]
        self.crash = f"{type(cause).__name__}: {first[0] if first else ''}  (details: {log_path()})"
        super()._handle_exception(error)
        self._return_code = int(ExitCode.INTERNAL)

    def _fatal_error(self) -> None:
        self.bell()
        self._close_messages_no_wait()
