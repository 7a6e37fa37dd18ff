"""The rail of the setup's seven names: what is answered, where one is, what comes."""

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.setup.flow import RAIL, rail_number
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.theme import state_colour


class StepRail(Widget, can_focus=False):
    """One line a step; a click on an answered one posts `StepRail.Chosen`. Away below 100 columns."""

    DEFAULT_CSS = """
    StepRail { width: 16; height: 1fr; padding: 1 1 0 2; border-right: solid $border-blurred; }
    """

    step: reactive[Step] = reactive(Step.ADDRESS)
    reached: reactive[Step] = reactive(Step.ADDRESS)

    class Chosen(Message):
        """A step that was reached before was clicked."""

        def __init__(self, step: Step) -> None:
            super().__init__()
            self.step = step

    def render(self) -> Text:
        """Check mark, pointer or nothing, then the name."""
        good = state_colour(self.app, CheckState.PASS, "")
        at, reached = rail_number(self.step), rail_number(self.reached)
        text = Text(no_wrap=True)
        for number, (name, _) in enumerate(RAIL, 1):
            if number == at:
                text.append(f"{GLYPHS.pointer} {name}\n", "bold")
            elif number < reached or number < at:
                text.append(f"{GLYPHS.states[CheckState.PASS]} ", good)
                text.append(f"{name}\n")
            else:
                text.append(f"  {name}\n", "dim")
        return text

    def on_click(self, event: events.Click) -> None:
        """A click on a name."""
        row = event.y - self.gutter.top
        if 0 <= row < len(RAIL) and row + 1 <= rail_number(self.reached):
            self.post_message(self.Chosen(RAIL[row][1][0]))
