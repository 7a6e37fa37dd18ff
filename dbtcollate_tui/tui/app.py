"""The app: themes, what it owns (the open profile, the running checks, the running sync), how it ends."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker, WorkerFailed, WorkType

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Fix
from dbtcollate_tui.platforms import leave_signals, on_signals
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.keyring_wait import show_keyring_waits
from dbtcollate_tui.tui.messages import RowsChanged
from dbtcollate_tui.tui.navigation import Places
from dbtcollate_tui.tui.protocols import OwningApp, WithServers
from dbtcollate_tui.tui.running_syncs import Running
from dbtcollate_tui.tui.theme import themes_for
from dbtcollate_tui.tui.widgets.chain import ChainBar

if TYPE_CHECKING:
    from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions
    from dbtcollate_tui.fixes import Step
    from dbtcollate_tui.tui.demo_credentials import DemoOffer
    from dbtcollate_tui.tui.protocols import Ended, RunEnded, TablesIngested, Then
    from dbtcollate_tui.tui.session import ProfileSession
    from dbtcollate_tui.tui.sync_run import SyncRun
    from dbtcollate_tui.tui.widgets.error_card import ErrorCard

APP_STATE, THEME_KEY = "app", "theme"
NEED_A_PROFILE = frozenset(
    {
        "history",
        "explain",
        "coverage",
        "sync",
        "verify",
        "edit_setup",
        "pipeline",
        "troubleshoot",
        "run_job",
        "ingest_tables",
    }
)


class DbtCollateApp(OwningApp):
    """The app itself; screens come and go.

    ``profile`` is the one to open (``None``: the one last used); ``offer`` are the demo's addresses and
    tokens.
    """

    TITLE = "dbtcollate"
    CSS_PATH = "styles/app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit_asking", "Quit", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True),
        Binding("q", "quit_asking", "Quit", show=False),
        Binding("f1", "help", "Help", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("s", "show_sync", "Running sync", show=False),
    ]

    def __init__(
        self,
        services: Services,
        *,
        profile: str | None = None,
        offer: "DemoOffer | None" = None,
        animation: bool = True,
    ) -> None:
        super().__init__(animation=animation)
        self.services = services
        self.offer = offer
        self.session: ProfileSession | None = None
        self.running = Running(self)
        self.places = Places(self, self.running)
        self._wanted = profile
        self._waiting: Callable[[], None] | None = None
        self._leaving = self._stands = False
        held = services.state.load(APP_STATE, THEME_KEY)
        dark, light = themes_for(self.console.color_system)
        self.begin_with_theme(held if isinstance(held, str) else dark.name, dark, light)

    def on_mount(self) -> None:
        """Show the first screen; leave in order when a signal says so."""
        self.push_screen(self.places.first(self._wanted))
        self.theme_changed_signal.subscribe(self, lambda theme: self._theme_changed(theme.name))
        self._stands = True
        if self._leaving:
            self._leave_cancelling()
        show_keyring_waits(self, self.services.secrets)

    def _theme_changed(self, name: str) -> None:
        """Keep it for the next start."""
        self.run_worker(
            asyncio.to_thread(self.services.state.save, APP_STATE, THEME_KEY, name), exit_on_error=False
        )

    # ------------------------------------------------------------------ the open profile

    async def open_session(self, name: str) -> "ProfileSession":
        """Open a profile in place of the open one; asks no server. Raises `UsageError`."""
        from dbtcollate_tui.tui.session import ProfileSession

        opened = await asyncio.to_thread(ProfileSession.open, self.services, name, self.places.ask_token)
        former, self.session = self.session, opened
        self.workers.cancel_group(self, "checks")
        if former is not None:
            await former.aclose()
        self.refresh_bindings()
        return opened

    def opening_ended(self) -> None:
        """Run the action of the last key that waited for the profile, where it is open."""
        self.opening = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None and self.session is not None:
            waiting()
        self.refresh_bindings()

    def _once_open(self, action: "Callable[[], None]") -> None:
        """Run the action now, or once home has opened its profile."""
        if self.session is None and self.opening:
            self._waiting = action
        else:
            action()

    async def profile_deleted(self, name: str) -> bool:
        """Close the profile where it is the open one, and go home with another; false for any other."""
        session = self.session
        if session is None or session.profile.name != name:
            return False
        self.workers.cancel_group(self, "checks")
        self.session = self._wanted = None
        await session.aclose()
        self.places.stand_on(self.places.first(None))
        return True

    def start_checks(self, ids: Collection[str] | None = None, *, asked: bool = False) -> None:
        """Look again at these checks of the open profile, or at all, in a worker of the app's own.

        A look at all that a person ``asked`` for leaves a record in the history.
        """
        if self.session is not None:
            work: WorkType[None] = partial(self._check, self.session, ids, asked)
            self.run_worker(work, group="checks", exclusive=True)

    async def _check(self, session: "ProfileSession", ids: Collection[str] | None, asked: bool) -> None:
        try:
            async with contextlib.aclosing(session.check(ids, asked=asked)) as rows:
                async for _ in rows:
                    self._tell_rows()
        finally:
            self._tell_rows()

    def own_addresses(self) -> Iterator[str]:
        """The servers of the open profile, of a setup that is on, and of the demo."""
        if self.session is not None:
            profile = self.session.profile
            yield from (profile.dbt_cloud.base_url, profile.collate.base_url)
        for screen in self.screen_stack:
            if isinstance(screen, WithServers):
                yield from screen.own_addresses()

    def _tell_rows(self) -> None:
        for screen in self.screen_stack:
            screen.post_message(RowsChanged())

    # ------------------------------------------------------------------ going about

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action in NEED_A_PROFILE:
            return self.session is not None or self.opening
        if action == "show_sync":
            return self.is_syncing
        return True

    def action_sync(self) -> None:
        """Show the running sync, or plan a new one."""
        self._once_open(self.show_sync)

    def action_show_sync(self) -> None:
        """Show the running sync, from any screen."""
        if self.is_syncing:
            self.show_sync()

    def show_sync(
        self, *, run_id: int | None = None, direct: bool = False, then: "Then | None" = None
    ) -> None:
        """Show the running sync, or the plan of a new one."""
        self.places.sync(run_id=run_id, direct=direct, then=then)

    def action_pipeline(self) -> None:
        """Compare the pipeline inside Collate, then deploy it, or deploy and run it."""
        self._once_open(self.show_pipeline)

    def show_pipeline(self, *, then: "Then | None" = None) -> None:
        """Show the pipeline inside Collate, compared, or the sync that is running."""
        self.places.pipeline(then=then)

    def action_run_job(self) -> None:
        """Run the profile's dbt Cloud job, or follow the run in progress."""
        from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions

        self._once_open(lambda: self.show_job_run(JobRunOptions()))

    def show_job_run(self, options: "JobRunOptions", *, then: "RunEnded | None" = None) -> None:
        """Show what running the profile's dbt Cloud job would do, then the run."""
        self.places.job_run(options, then=then)

    def action_ingest_tables(self) -> None:
        """Let the database service's metadata agent bring missing tables."""
        self._once_open(self.show_table_ingestion)

    def show_table_ingestion(self, *, then: "TablesIngested | None" = None) -> None:
        """Show the missing tables and what their metadata agent needs, then its run."""
        self.places.table_ingestion(then=then)

    def action_troubleshoot(self) -> None:
        """Walk the chain from a symptom to its cause and fix."""
        self._once_open(self.show_troubleshooting)

    def show_troubleshooting(self, check_id: str | None = None) -> None:
        """Show the symptoms, or at once the session that a check's row is about."""
        self.places.troubleshoot(check_id)

    def action_verify(self) -> None:
        """Show the checklist, looking again."""
        self._once_open(lambda: self.places.checklist(look=True))

    def show_checklist(self, at: str | None = None, *, look: bool = False) -> None:
        """Show the checklist, at a row."""
        self.places.checklist(at, look=look)

    def action_new_setup(self) -> None:
        """Set up a new profile."""
        self.new_setup()

    def new_setup(self) -> None:
        """Set up a new profile."""
        self.places.new_setup()

    def action_edit_setup(self) -> None:
        """Change the open profile's answers."""
        self._once_open(self._edit_open)

    def _edit_open(self) -> None:
        if self.session is not None:
            self.edit_setup(self.session.profile.name)

    def edit_setup(self, name: str, step: "Step | None" = None, *, then: "Ended | None" = None) -> None:
        """Change a profile's answers, at a step."""
        self.places.edit_setup(name, step, then=then)

    def action_profiles(self) -> None:
        """Show the profiles."""
        self.places.profiles()

    def action_history(self) -> None:
        """Show what syncs, deploys and verifications left."""
        self._once_open(self.places.history)

    def action_explain(self, wanted: str = "") -> None:
        """Search the run's tables, and explain one."""
        self._once_open(lambda: self.places.explain(wanted))

    def explain_tables(self, unique_ids: Collection[str], title: str) -> None:
        """List the tables of these nodes, to explain them; one alone is explained at once."""
        self._once_open(lambda: self.places.explain(only=unique_ids, title=title))

    def action_coverage(self) -> None:
        """Show how much of what dbt declares is in Collate."""
        self._once_open(self.places.coverage)

    def action_requests(self) -> None:
        """Show the requests of the last minutes."""
        self.places.requests()

    def action_help(self) -> None:
        """Show what the screen does and its keys."""
        self.places.help()

    def action_home(self) -> None:
        """Go home."""
        self.go_home(self.session.profile.name if self.session is not None else None)

    def go_home(self, name: str | None = None) -> None:
        """Show the home screen of the profile, or the welcome, in place of all others."""
        self.places.home(name)

    async def open_and_verify(self, name: str) -> None:
        """Go home with a new or changed profile, and show its checklist."""
        await self.open_session(name)
        self.go_home(name)
        self.show_checklist(look=True)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The screen's actions, the places to go to, then Textual's commands."""
        from dbtcollate_tui.tui.palette import commands_of

        return commands_of(screen, super().get_system_commands(screen))

    def on_error_card_fix_chosen(self, message: "ErrorCard.FixChosen") -> None:
        """Carry out a fix that no screen took."""
        self.carry_out(message.fix)

    def on_chain_bar_link_chosen(self, message: ChainBar.LinkChosen) -> None:
        """Open a stage's checks, on a screen that has no other use for it."""
        self.places.stage(message.stage)

    def carry_out(self, fix: Fix) -> None:
        """Carry out a fix of the open profile."""
        from dbtcollate_tui.tui import fixes as fixes

        fixes.carry_out(self, fix)

    def rerun(self, check_id: str) -> None:
        """Run a check and all that depend on it again; every check for an empty id."""
        from dbtcollate_tui.tui import fixes as fixes

        fixes.rerun(self, check_id)

    # ------------------------------------------------------------------ the running sync

    @property
    def sync_run(self) -> "SyncRun | None":
        """The running sync, or the last one."""
        return self.running.run

    @property
    def is_syncing(self) -> bool:
        """Whether a sync is running."""
        return self.running.is_running

    def retry(self, run: "SyncRun") -> "SyncRun | None":
        """Write what an ended direct run did not write."""
        return self.running.retry(run)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An engine that dies is a defect: end like any unexpected error."""
        if event.worker.group == "sync" and event.worker.error is not None:
            self._handle_exception(WorkerFailed(event.worker.error))

    # ------------------------------------------------------------------ the end

    def action_interrupt(self) -> None:
        """Copy what is selected; with no selection leave, as `action_quit_asking`."""
        focused = self.focused
        if isinstance(focused, Input) and not focused.selection.is_empty:
            focused.action_copy()
        elif self.screen.get_selected_text():
            self.screen.action_copy_text()
        else:
            self.action_quit_asking()

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
                detail="What has been written remains; running the sync again writes the rest.",
            ),
            answered,
        )

    def _leave_cancelling(self) -> None:
        self.run_worker(self._leave(), group="leave", exclusive=True)

    def terminal_closed(self) -> None:
        """Leave in order, with the running sync cancelled and its record written."""
        self._leave_cancelling()

    async def run_async(self, **options: Any) -> ExitCode | None:
        """Run the app; a signal that comes before the first screen is obeyed once that is shown."""
        on_signals(leave_signals(), self._leave_when_mounted)
        return await super().run_async(**options)

    def _leave_when_mounted(self) -> None:
        self._leaving = True
        if self._stands:
            self._leave_cancelling()

    async def _leave(self) -> None:
        await self.running.end()
        self.exit(ExitCode.INTERRUPTED, return_code=int(ExitCode.INTERRUPTED))

    async def on_unmount(self) -> None:
        """Close the clients."""
        if self.session is not None:
            await self.session.aclose()
