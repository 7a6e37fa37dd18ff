"""The checks of one stage of the chain, while a profile is being set up."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import Stage
from dbtcollate_tui.fixes import RETRY, Fix
from dbtcollate_tui.tui.glyphs import GLYPHS
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.prompts import put_prompts

TITLE_WIDTH = 24


class StageChecks(LeavableModal[Fix | Literal["question"] | None]):
    """Gives a fix to carry out, ``question`` to go to the stage's question, or ``None`` for back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "question", "Go to its question"),
        Binding("e", "evidence", "Evidence"),
        Binding("r", "again", "Check again"),
        Binding("escape", "dismiss", "Back"),
    ]
    DEFAULT_CSS = """
    StageChecks { align: center middle; }
    StageChecks > Vertical {
        width: 90; max-width: 96%; height: auto; max-height: 90%; padding: 1 1; background: $panel;
        border: round $border;
    }
    StageChecks .title { padding: 0 1; }
    StageChecks OptionList, StageChecks OptionList:focus {
        height: auto; max-height: 9; border: none; background: transparent; padding: 0 1;
        text-wrap: nowrap; text-overflow: ellipsis; overflow-x: hidden;
    }
    StageChecks CheckCard { height: auto; max-height: 13; }
    """

    def __init__(self, stage: Stage, rows: Sequence[CheckResult]) -> None:
        super().__init__()
        self._stage = stage
        self._rows = sorted(rows, key=lambda row: -row.state.severity)

    def compose(self) -> ComposeResult:
        """The stage's name, its checks, worst first, and the one under the cursor in full."""
        with Vertical():
            yield Static(f"Checks of “{self._stage.value}”", classes="title", markup=False)
            yield OptionList(*(Option(self._line(row)) for row in self._rows))
            yield CheckCard(taken="gery")
        yield KeyFooter()

    def on_mount(self) -> None:
        """The worst check first."""
        self.query_one(OptionList).focus()
        on_theme_change(self, self._redraw)

    def _redraw(self) -> None:
        put_prompts(self.query_one(OptionList), map(self._line, self._rows))

    def _line(self, row: CheckResult) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{GLYPHS.states[row.state]} ", state_colour(self.app, row.state))
        return line.append(f"{row.title.ljust(TITLE_WIDTH)} {row.summary}")

    @on(OptionList.OptionHighlighted)
    async def _moved(self, event: OptionList.OptionHighlighted) -> None:
        await self.query_one(CheckCard).show(self._rows[event.option_index])
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _entered(self) -> None:
        if not self.query_one(CheckCard).focus_fixes():
            self.dismiss("question")

    @on(CheckCard.FixChosen)
    def _fix(self, event: CheckCard.FixChosen) -> None:
        event.stop()
        self.dismiss(event.fix)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Evidence only where there is some."""
        if action == "evidence":
            return self.is_mounted and self.query_one(CheckCard).has_evidence
        return True

    def action_question(self) -> None:
        """Go to the question of the stage."""
        self.dismiss("question")

    def action_again(self) -> None:
        """Look again at the stage."""
        self.dismiss(RETRY)

    def action_evidence(self) -> None:
        """Show the evidence, or take it away."""
        self.query_one(CheckCard).toggle_evidence()

    def on_key(self, event: events.Key) -> None:
        """Fixes by their keys."""
        if event.key not in self.active_bindings and self.query_one(CheckCard).press(event.key):
            event.stop()
