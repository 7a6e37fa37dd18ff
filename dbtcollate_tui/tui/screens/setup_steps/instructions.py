"""What Collate's guide says about a question, and what is so today."""

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from dbtcollate_tui.setup.help_links import GuideDifference
from dbtcollate_tui.tui.leaving import LeavableModal


class GuideScreen(LeavableModal[None]):
    """Over the question; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("enter,g,ctrl+g,q", "dismiss", show=False),
    ]
    DEFAULT_CSS = """
    GuideScreen { align: center middle; }
    GuideScreen > VerticalScroll {
        width: 76; max-width: 95%; height: auto; max-height: 90%; padding: 1 2; background: $panel;
        border: round $border; scrollbar-size-vertical: 1;
    }
    GuideScreen Static { height: auto; }
    """

    def __init__(self, differences: Sequence[GuideDifference]) -> None:
        super().__init__()
        self._differences = differences

    def compose(self) -> ComposeResult:
        """Each sentence of the guide with today's."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for difference in self._differences:
            table.add_row(Text("Guide", "dim"), Text(difference.guide, "dim"))
            table.add_row(Text("Today"), Text(f"{difference.today}\n"))
        with VerticalScroll():
            yield Static("Where Collate's guide is out of date", classes="title", markup=False)
            yield Static()
            yield Static(table)
            yield Static("esc  back", classes="muted", markup=False)
