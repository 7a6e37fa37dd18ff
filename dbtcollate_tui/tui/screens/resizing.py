"""Screens that lay out a new size once, where Textual's own do so three times."""

from textual import events, on
from textual.screen import ScreenResultType

from dbtcollate_tui.tui.leaving import LeavableScreen


class FittedScreen(LeavableScreen[ScreenResultType]):
    """Has its width's class before a new size is laid out; Textual gives it after, and lays out again."""

    @on(events.Resize)
    def _take_class_of_width(self, event: events.Resize) -> None:
        classes = self.app.HORIZONTAL_BREAKPOINTS or []
        fitting = max((item for item in classes if event.size.width >= item[0]), default=None)
        self.update_classes({item[1]: item == fitting for item in classes}, animate=False)
