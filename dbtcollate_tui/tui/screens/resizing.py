"""Screens that lay out a new size once, where Textual's own do so three times."""

from textual import events, on
from textual.geometry import Size
from textual.screen import ScreenResultType

from dbtcollate_tui.tui.leaving import LeavableScreen


class FittedScreen(LeavableScreen[ScreenResultType]):
    """Has its width's class before a new size is laid out; Textual gives it after, and lays out again."""

    _left_at: Size | None = None

    @on(events.ScreenSuspend)
    def _note_size(self) -> None:
        self._left_at = self.app.size

    @on(events.ScreenResume)
    def _lay_out_for_new_size(self) -> None:
        """A size that came while another screen was on top reached no widget of this one."""
        if self._left_at is not None and self._left_at != self.app.size:
            size = self.app.size
            self.call_after_refresh(self.post_message, events.Resize(size, size))

    @on(events.Resize)
    def _take_class_of_width(self, event: events.Resize) -> None:
        classes = self.app.HORIZONTAL_BREAKPOINTS or []
        fitting = max((item for item in classes if event.size.width >= item[0]), default=None)
        self.update_classes({item[1]: item == fitting for item in classes}, animate=False)
