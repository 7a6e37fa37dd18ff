"""What the plan's and the pipeline's screens share: an engine prepares, one watches, nothing is written."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import ClassVar

from textual.screen import ScreenResultType
from textual.widgets import Static

from dbtcollate_tui.events.types import Failed, SyncEvent
from dbtcollate_tui.fixes import RerunCheck, Retry
from dbtcollate_tui.tui.messages import EventsArrived
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.sync_run import SyncRun
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard


class PreparingScreen(CardKeys, FittedScreen[ScreenResultType]):
    """Runs a preparation with the screen, from its start and again after an error.

    The screen has a `ChainBar`, a `SyncBoard`, an `ErrorCard` and a static ``#head``, and the class
    ``-planned`` once what was prepared is shown, ``-undone`` while an error's card has the board's room.
    """

    DEFAULT_CSS = """
    PreparingScreen.-undone SyncBoard { display: none; }
    """

    DOING: ClassVar[str]
    """What the head says meanwhile."""
    UNDONE: ClassVar[str]
    """What the head says where it ended in an error."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._run: SyncRun | None = None

    @abstractmethod
    def prepare(self, cancel: asyncio.Event) -> AsyncIterator[SyncEvent]:
        """The preparation's events."""

    @abstractmethod
    def take(self, event: SyncEvent) -> None:
        """Show what was prepared, if this is the event that brings it."""

    def on_mount(self) -> None:
        """Begin at once."""
        self._begin()

    def _begin(self) -> None:
        self.remove_class("-planned", "-undone")
        self.query_one("#head", Static).update(self.DOING)
        self._run = SyncRun(self._title, self.prepare, self._deliver)
        self.run_worker(self._run.drain(), group="plan", exclusive=True)

    def _deliver(self, run: SyncRun, events: list[SyncEvent]) -> None:
        self.post_message(EventsArrived(run, events))

    async def on_events_arrived(self, message: EventsArrived) -> None:
        """The next events of the preparation."""
        if message.run is not self._run:
            return
        board = self.query_one(SyncBoard)
        board.feed(message.events)
        self.query_one(ChainBar).view = board.chain
        for event in message.events:
            self.take(event)
            if isinstance(event, Failed) and event.change is None:
                self.query_one("#head", Static).update(self.UNDONE)
                self.add_class("-undone")
                await self.query_one(ErrorCard).show(event.error)
        self.refresh_bindings()

    async def action_again(self) -> None:
        """Prepare again."""
        self.query_one(ErrorCard).clear()
        await self.query_one(SyncBoard).remove()
        await self.mount(SyncBoard(), after=self.query_one("#head"))
        self._begin()

    def action_back(self) -> None:
        """Leave; the preparation is cancelled with the screen, and nothing was written."""
        if self._run is not None:
            self._run.cancel()
        self.dismiss(None)

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Retry here; every other fix is the app's."""
        if isinstance(message.fix, Retry | RerunCheck):
            message.stop()
            self.run_worker(self.action_again(), group="again", exclusive=True)
