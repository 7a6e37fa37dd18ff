"""What the questions with a list share."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, OptionList

from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.widgets.fields import LineInput
from dbtcollate_tui.tui.widgets.picker import Picker, PickerRow

ANY = "any"
"""The row for the guide's empty filter."""


class PickPane(StepPane):
    """A question answered by a row; subclasses fill the `picker` in `read` and answer in `take`."""

    noun: ClassVar[str]
    reading: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Take it", priority=True),
        Binding("ctrl+n", "next_row", "Choose", key_display="↑↓"),
        Binding("r", "again", "Read again"),
        Binding("ctrl+r", "again", "Read again", show=False),
        Binding("slash", "search", "Search"),
        Binding("o", "open", "Open page"),
        Binding("ctrl+o", "open", "Open page"),
        Binding("y", "copy", "Copy address", show=False),
        Binding("ctrl+y", "copy", "Copy address", show=False),
    ]
    DEFAULT_CSS = """
    PickPane.-failed Picker { display: none; }
    PickPane #status { margin: 0; }
    """

    def fields(self) -> Iterable[Widget]:
        """The list."""
        yield Picker(noun=self.noun)

    @property
    def picker(self) -> Picker:
        """The list."""
        return self.query_one(Picker)

    def first_field(self) -> Widget | None:
        """The search field: typing searches, the arrows move in the list."""
        return self.picker.query_one(Input)

    def typing_field(self) -> LineInput | None:
        """None: the list has its own."""
        return None

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        self._scope: tuple[object, ...] | None = None

    def scope(self) -> tuple[object, ...]:
        """What the rows belong to; once it has changed the former rows are of no use."""
        draft = self.setup.draft
        return (draft.dbt_base_url, draft.account_id, draft.project_id)

    async def enter(self) -> None:
        """Read the rows; where one comes back they are shown at once, and read again."""
        self.picker.reset(rows=self.scope() != self._scope)
        self._scope = self.scope()
        await super().enter()
        self.begin(self.read, self.reading)

    def back_inside(self) -> bool:
        """From a card back to the list."""
        if not self.failed or self.picker.current is None:
            return False
        self.reset_answer()
        return True

    async def read(self) -> None:
        """Fill the list as the rows come."""
        raise NotImplementedError

    async def take(self, row: PickerRow) -> None:
        """Take a row as the answer, then `go_on`."""
        raise NotImplementedError

    def page(self, row: PickerRow) -> str:
        """The row's page in the browser; empty where it has none."""
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A row can be taken while others are still being read."""
        if action == "go_on":
            return self.picker.current is not None and not self.failed
        if action == "again":
            return self._work is not None and not self.busy
        if action == "next_row":
            return not self.failed
        if action == "search":
            return not self.failed and not isinstance(self.screen.focused, Input)
        if action in ("open", "copy"):
            row = self.picker.current
            return row is not None and not self.failed and bool(self.page(row))
        return super().check_action(action, parameters)

    def action_go_on(self) -> None:
        """Take the row under the cursor."""
        self.picker.choose_current()

    def action_again(self) -> None:
        """Read again; an answer that failed is tried again."""
        self.begin(self._work if self.failed and self._work is not None else self.read, self.reading)

    def action_next_row(self) -> None:
        """The next row, for a click on the footer; the arrows do the same."""
        self.picker.query_one(OptionList).action_cursor_down()

    def action_search(self) -> None:
        """Go to the search field."""
        self.picker.focus_search()

    def action_open(self) -> None:
        """Open the row's page."""
        row = self.picker.current
        if row is not None:
            self.app.open_url(self.page(row))

    def action_copy(self) -> None:
        """Copy the row's page's address."""
        row = self.picker.current
        if row is not None:
            copy_text(self, self.page(row), "the page's address")

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        event.stop()
        row = event.row
        self.begin(lambda: self.take(row))

    @on(Picker.Moved)
    def _moved(self, event: Picker.Moved) -> None:
        event.stop()
        self.refresh_bindings()
        self.moved(event.row)

    def moved(self, row: PickerRow) -> None:
        """The cursor moved to another row."""
