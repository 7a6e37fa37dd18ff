"""The messages from the app to its screens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from dbtcollate_tui.events.types import SyncEvent
    from dbtcollate_tui.tui.sync_run import SyncRun


class EventsArrived(Message):
    """The next events of a run, in order."""

    def __init__(self, run: "SyncRun", events: "Sequence[SyncEvent]") -> None:
        super().__init__()
        self.run = run
        self.events = tuple(events)


class RowsChanged(Message):
    """Rows of the open profile's checklist changed; several that wait are handled as one."""

    def can_replace(self, message: Message) -> bool:
        """Whether the next message in the queue makes this one unnecessary."""
        return isinstance(message, RowsChanged)
