"""The app: themes, what it owns (services, the running sync), how it ends."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterable
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerFailed

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.log import LOGGER, log_path
from dbtcollate_tui.redact import redact
from dbtcollate_tui.setup.services import Services
from dbtcollate_tui.sync.events import SyncEvent
from dbtcollate_tui.tui.bridge import EventsArrived, SyncRun
from dbtcollate_tui.tui.screens.confirm import Confirm
from dbtcollate_tui.tui.theme import DARK, LIGHT


class DbtCollateApp(App[ExitCode]):
    """Owns the services and the one running sync; screens come and go.

    ``crash`` is the line to print after an unexpected error, whose trace is in the log file without locals.
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
        Binding("f1", "help", "Help", show=False),
    ]

    def __init__(self, services: Services, *, animation: bool = True) -> None:
        super().__init__()
        self.services = services
        self.sync_run: SyncRun | None = None
        self.crash = ""
        if not animation:
            self.animation_level = "none"

    def on_mount(self) -> None:
        """Register the themes."""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's commands; quitting goes through the question where a sync is running."""
        for command in super().get_system_commands(screen):
            if command.title == "Quit":
                yield SystemCommand("Quit", "Leave the program", self.action_quit_asking)
            else:
                yield command

    def action_quit_asking(self) -> None:
        """Leave; asks first while a sync is running."""
        if not self.is_syncing:
            self.exit(ExitCode.OK)
            return

        def answered(leave: bool | None) -> None:
            if leave:
                if self.sync_run is not None:
                    self.sync_run.cancel()
                self.exit(ExitCode.INTERRUPTED, return_code=int(ExitCode.INTERRUPTED))

        self.push_screen(
            Confirm(
                "A sync is running. Leave now?",
                "Cancel it and leave",
                "Stay",
                detail="What is written stays written; running the sync again writes the rest.",
            ),
            answered,
        )

    @property
    def is_syncing(self) -> bool:
        """Whether a sync is running."""
        return self.sync_run is not None and self.sync_run.finished is None

    def start_sync(self, title: str, start: Callable[[asyncio.Event], AsyncIterator[SyncEvent]]) -> SyncRun:
        """Run an engine in a worker of the app's own, so that it outlives the screen that began it."""
        run = SyncRun(title, start, self._deliver)
        self.sync_run = run
        self.run_worker(run.drain(), group="sync", exclusive=True, exit_on_error=False)
        return run

    def _deliver(self, run: SyncRun, events: list[SyncEvent]) -> None:
        self.screen.post_message(EventsArrived(run, events))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An engine that dies is a defect: end like any unexpected error."""
        if event.worker.group == "sync" and event.worker.error is not None:
            self._handle_exception(WorkerFailed(event.worker.error))

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
