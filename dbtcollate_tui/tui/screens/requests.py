"""The requests of the last minutes, and each as a curl command."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.settings.secrets import token_variable
from dbtcollate_tui.transport.request_log import RequestLog, RequestRecord
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import cut_middle
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

SHOWN = 200
FIXED_WIDTH = 50
"""Cells of all columns but the path's."""


class RequestsScreen(FittedScreen[None]):
    """Latest first: time, method, path, status, seconds, size; no secret is in any of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy as curl"),
        Binding("r", "again", "Read again"),
        Binding("escape", "dismiss", "Back"),
    ]
    DEFAULT_CSS = """
    RequestsScreen DataTable { height: 1fr; background: transparent; overflow-x: hidden; }
    RequestsScreen #whole { height: 5; padding: 0 1; border-top: solid $border-blurred; }
    """

    def __init__(self, log: RequestLog) -> None:
        super().__init__()
        self._log = log
        self._records: list[RequestRecord] = []

    def compose(self) -> ComposeResult:
        """Title, table, the chosen request in full."""
        yield TitleBar("requests", "latest first")
        yield DataTable[Text](cursor_type="row", zebra_stripes=False)
        yield Static(id="whole", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Fill the table."""
        on_theme_change(self, self._fill)
        self._fill()
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """Cut the paths again."""
        self._fill()

    def _fill(self) -> None:
        table = self.query_one(DataTable)
        at = table.cursor_row
        table.clear(columns=True)
        room = max(16, self.size.width - FIXED_WIDTH)
        for label, width in (("time", 8), ("", 6), ("path", room), ("status", 7), ("took", 7), ("size", 8)):
            table.add_column(label, width=width)
        self._records = self._log.newest(SHOWN)
        for record in self._records:
            table.add_row(
                Text(f"{record.at.astimezone():%H:%M:%S}", "dim"),
                Text(record.method),
                Text(cut_middle(record.path, room)),
                self._status(record),
                Text(f"{record.seconds:.2f} s", "dim", justify="right"),
                Text(_size(record.received), "dim", justify="right"),
            )
        if self._records:
            table.move_cursor(row=min(at, len(self._records) - 1))
        else:
            whole = self.query_one("#whole", Static)
            whole.update("No request yet in this session.", layout=False)
        self.refresh_bindings()

    def _status(self, record: RequestRecord) -> Text:
        if record.failure is not None or record.status is None:
            word, state = ("failed", CheckState.FAIL) if record.failure else ("…", CheckState.RUNNING)
            return Text(word, self._colour(state))
        state = CheckState.PASS if record.status < 400 else CheckState.FAIL
        return Text(str(record.status), self._colour(state))

    def _colour(self, state: CheckState) -> str:
        return state_colour(self.app, state, "")

    @property
    def current(self) -> RequestRecord | None:
        """The request under the cursor."""
        at = self.query_one(DataTable).cursor_row
        return self._records[at] if 0 <= at < len(self._records) else None

    def on_data_table_row_highlighted(self, _: DataTable.RowHighlighted) -> None:
        """Show the chosen request in full."""
        record = self.current
        if record is not None:
            lines = Text(f"{record.method} {record.url}", overflow="fold")
            if record.failure:
                lines.append(f"\nNo answer: {record.failure}", self._colour(CheckState.FAIL))
            self.query_one("#whole", Static).update(lines, layout=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a request there is none to copy."""
        return bool(self._records) if action == "copy" else True

    def action_copy(self) -> None:
        """Copy the request as curl, with the token's variable in its place."""
        record = self.current
        if record is not None:
            variable = token_variable(record.path)
            copy_text(self, record.as_curl(variable), f"curl; it takes the token from ${variable}")

    def action_again(self) -> None:
        """Read the log again."""
        self._fill()


def _size(received: int) -> str:
    if received < 1000:
        return f"{received} B"
    if received < 1_000_000:
        return f"{received / 1000:.1f} kB"
    return f"{received / 1e6:.1f} MB"
