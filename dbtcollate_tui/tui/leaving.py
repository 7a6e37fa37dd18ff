"""Screens whose workers end before their widgets do."""

from collections.abc import Iterator

from textual.await_remove import AwaitRemove
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.worker import NoActiveWorker, Worker, get_current_worker


class LeavableScreen(Screen[ScreenResultType]):
    """A screen that can be left at any time.

    Textual removes the widgets of a screen first and cancels its workers last. A worker that resumes in
    between asks for a widget that is gone, which ends the app. Here the workers go first.
    """

    def remove(self) -> AwaitRemove:
        """Remove the screen, its workers first."""
        for worker in _workers_of(self):
            worker.cancel()
        return super().remove()


class LeavableModal(ModalScreen[ScreenResultType]):
    """A dialog that can be left at any time, as `LeavableScreen`."""

    def remove(self) -> AwaitRemove:
        """Remove the dialog, its workers first."""
        for worker in _workers_of(self):
            worker.cancel()
        return super().remove()


def _workers_of(screen: Screen[ScreenResultType]) -> Iterator[Worker[object]]:
    """The workers of a screen and its widgets, without the one that is removing the screen."""
    try:
        current: Worker[object] | None = get_current_worker()
    except NoActiveWorker:
        current = None
    nodes = set(screen.walk_children(with_self=True))
    for worker in list(screen.workers):
        if worker is not current and worker.node in nodes:
            yield worker
