"""The first line of every screen: program, what it is about, where one is, the time."""

from datetime import datetime

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from dbtcollate_tui.tui.glyphs import cut_middle
from dbtcollate_tui.tui.theme import COLLATE_VIOLET, DBT_ORANGE

SWITCH = "▾"


class TitleBar(Widget):
    """``dbtcollate    subject        where``, over a rule.

    With ``switch`` the subject has a ▾, and a click on it posts `SwitchChosen`.
    """

    DEFAULT_CSS = """
    TitleBar { height: 2; border-bottom: solid $border-blurred; padding: 0 1; }
    """

    subject: reactive[str] = reactive("")
    where: reactive[str] = reactive("")
    clock: reactive[bool] = reactive(False)

    class SwitchChosen(Message):
        """The subject was clicked, to take another."""

    def __init__(
        self, subject: str = "", where: str = "", *, clock: bool = False, switch: bool = False
    ) -> None:
        super().__init__()
        self._switch = switch
        self.set_reactive(TitleBar.subject, subject)
        self.set_reactive(TitleBar.where, where)
        self.set_reactive(TitleBar.clock, clock)

    def on_mount(self) -> None:
        """Follow the clock only where it is shown."""
        if self.clock:
            self.set_interval(20, self.refresh)

    def render(self) -> Text:
        """One line, the subject cut in the middle where it is too long."""
        right = self.where
        if self.clock:
            right = f"{right}   {datetime.now().astimezone():%H:%M}".strip()
        width = self.content_size.width
        line = Text(no_wrap=True)
        line.append("dbt", f"bold {DBT_ORANGE}").append("collate", f"bold {COLLATE_VIOLET}")
        line.append("   ")
        room = max(4, width - len("dbtcollate") - 3 - len(right) - 2)
        if self._switch:
            line.append(cut_middle(self.subject, room - 2)).append(f" {SWITCH}", "dim")
        else:
            line.append(cut_middle(self.subject, room))
        line.append(" " * max(1, width - len(line.plain) - len(right)))
        line.append(right, "dim")
        return line

    def on_click(self, event: events.Click) -> None:
        """A click on the subject."""
        if self._switch and event.y == 0 and len("dbtcollate") < event.x < self.size.width // 2:
            self.post_message(self.SwitchChosen())
