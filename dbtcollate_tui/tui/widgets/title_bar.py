"""The first line of every screen: program, what it is about, where one is, the time."""

from datetime import datetime

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_middle
from dbtcollate_tui.tui.theme import gradient_of

SWITCH = "▾"
SYNC_SECONDS = 0.5
"""How often the running sync is looked at."""


class TitleBar(Widget):
    """``dbtcollate    subject        where``, over a rule.

    With ``switch`` the subject has a ▾, and a click on it posts `SwitchChosen`. While a sync is running it
    says so and how far it is, on every screen but the sync's own (``of_sync``); a click there shows it.
    """

    DEFAULT_CSS = """
    TitleBar { height: 2; border-bottom: solid $border-blurred; padding: 0 1; }
    """

    subject: reactive[str] = reactive("")
    where: reactive[str] = reactive("")
    clock: reactive[bool] = reactive(False)
    syncing: reactive[str] = reactive("")

    class SwitchChosen(Message):
        """The subject was clicked, to take another."""

    def __init__(
        self,
        subject: str = "",
        where: str = "",
        *,
        clock: bool = False,
        switch: bool = False,
        of_sync: bool = False,
    ) -> None:
        super().__init__()
        self._switch = switch
        self._of_sync = of_sync
        self.set_reactive(TitleBar.subject, subject)
        self.set_reactive(TitleBar.where, where)
        self.set_reactive(TitleBar.clock, clock)

    def on_mount(self) -> None:
        """Follow the clock only where it is shown; look whether a sync is running."""
        if self.clock:
            self.set_interval(20, self.refresh)
        if not self._of_sync:
            self.set_interval(SYNC_SECONDS, self._look)
            self._look()

    def _look(self) -> None:
        running = getattr(self.app, "running", None)
        run = running.run if running is not None and running.is_running else None
        self.syncing = f"sync running {run.amount}".strip() if run is not None else ""

    def render(self) -> Text:
        """One line, the subject cut in the middle where it is too long."""
        right = self.where
        if self.clock:
            right = f"{right}   {datetime.now().astimezone():%H:%M}".strip()
        sign = f"{GLYPHS.states[CheckState.RUNNING]} {self.syncing}  s" if self.syncing else ""
        width = self.content_size.width
        line = Text(no_wrap=True)
        warm, cool = (f"bold {gradient_of(self.app, at)}" for at in (0, 1))
        line.append("dbt", warm).append("collate", cool)
        line.append("   ")
        room = max(4, width - len("dbtcollate") - 3 - len(right) - len(sign) - 4)
        if self._switch:
            line.append(cut_middle(self.subject, room - 2)).append(f" {SWITCH}", "dim")
        else:
            line.append(cut_middle(self.subject, room))
        line.append(" " * max(1, width - len(line.plain) - len(right) - (len(sign) + 3 if sign else 0)))
        if sign:
            line.append(sign, cool).append("   ")
        line.append(right, "dim")
        return line

    def on_click(self, event: events.Click) -> None:
        """A click on the subject, or on the running sync."""
        if self.syncing and event.y == 0 and event.x >= self.size.width // 2:
            self.run_worker(self.app.run_action("show_sync"))
            return
        if self._switch and event.y == 0 and len("dbtcollate") < event.x < self.size.width // 2:
            self.post_message(self.SwitchChosen())
