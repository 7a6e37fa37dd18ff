"""The documentation by topic, over the help that opened it."""

from typing import ClassVar

from rich.markdown import Markdown
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.help import TOPICS, topic_named
from dbtcollate_tui.tui.leaving import LeavableModal


class TopicsScreen(LeavableModal[None]):
    """Topics on the left, the highlighted one on the right; enter moves to the page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "to_list", "Topics", show=False),
        Binding("escape,question_mark,f1,q", "dismiss", "Close", show=False),
    ]
    DEFAULT_CSS = """
    TopicsScreen { align: center middle; }
    TopicsScreen > Vertical {
        width: 110; max-width: 96%; height: 92%; padding: 1 2; background: $panel; border: round $border;
    }
    TopicsScreen Horizontal { height: 1fr; }
    TopicsScreen OptionList {
        width: 19; height: 1fr; border: none; background: transparent; padding: 0;
    }
    TopicsScreen VerticalScroll { width: 1fr; height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    TopicsScreen VerticalScroll:focus { background: $boost; }
    TopicsScreen Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """The list, the page, the keys."""
        with Vertical():
            with Horizontal():
                yield OptionList(*(Option(topic.name, id=topic.name) for topic in TOPICS))
                with VerticalScroll(can_focus=True):
                    yield Static(id="page")
            yield Static("enter  read   left  topics   esc  close", classes="muted", markup=False)

    @on(OptionList.OptionHighlighted)
    def show_page(self, event: OptionList.OptionHighlighted) -> None:
        """Show the highlighted topic from its beginning."""
        page = Markdown(topic_named(event.option_id or "").text(), hyperlinks=False)
        self.query_one("#page", Static).update(page)
        self.query_one(VerticalScroll).scroll_home(animate=False)

    @on(OptionList.OptionSelected)
    def read(self) -> None:
        """Move to the page, which then scrolls."""
        self.query_one(VerticalScroll).focus()

    def action_to_list(self) -> None:
        """Move back to the topics."""
        self.query_one(OptionList).focus()
