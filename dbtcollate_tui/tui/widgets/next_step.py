"""One of the ways on, as a line that takes the focus."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static


class WayOn(Static, can_focus=True):
    """A line to choose by enter or mouse; lighter than a button, for the first screen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Choose", show=False)]
    DEFAULT_CSS = """
    WayOn { width: auto; min-width: 34; padding: 0 1; margin: 1 0 0 0; }
    WayOn { background: $panel; text-style: bold; }
    WayOn:focus { background: $primary 40%; }
    """

    class Chosen(Message):
        """The line was chosen; ``way`` is its id."""

        def __init__(self, way: str) -> None:
            super().__init__()
            self.way = way

    def action_choose(self) -> None:
        """Tell that this one was chosen."""
        self.post_message(self.Chosen(self.id or ""))

    def on_click(self) -> None:
        """A click chooses."""
        self.action_choose()
