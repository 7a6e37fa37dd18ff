"""Every sync, deploy and verification of the profile: when, how, what came of it, how long it took."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from dbtcollate_tui.history.records import KEPT_DAYS, HistoryRecord, list_records
from dbtcollate_tui.history.text import what_words
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.tui.glyphs import cut_end
from dbtcollate_tui.tui.messages import EventsArrived, RowsChanged
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.record import RecordScreen, copy_record, export_record
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change
from dbtcollate_tui.tui.widgets.durations import chart, in_words, outcome_mark
from dbtcollate_tui.tui.widgets.filter_line import FilterLine
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.list_and_detail import ListAndDetail
from dbtcollate_tui.tui.widgets.row_list import RowList
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import ago, span

SHOWN_FAILURES = 5
EMPTY = (
    "Nothing yet.\n\nEvery sync, deployment and verification is recorded here, with its plan and its log, "
    f"for {KEPT_DAYS} days. They are files in the state folder of this machine, without secrets.\n\n"
    "esc, then s plans the first sync; v verifies."
)


class RecordList(RowList[HistoryRecord]):
    """One record a row; the least columns go first where it is narrow."""

    def line(self, row: HistoryRecord, width: int) -> Text:
        """Outcome, when, what, run, what came of it, how long it took."""
        began = datetime.fromisoformat(row.at).astimezone()
        text = outcome_mark(self.app, row)
        text.append(f" {began:%a %d %b %H:%M}  ")
        text.append(f"{what_words(row):17}  ")
        if width >= 100:
            text.append(f"{f'#{row.run_id}' if row.run_id is not None else '':16}  ", "dim")
        took = span(row.seconds)
        room = max(8, width - len(text.plain) - len(took) - 2)
        came = row.outcome if row.outcome in ("running", "interrupted", "cancelled") else row.counts
        if row.outcome == "failed" and row.failures and not (row.written or row.checks):
            came = row.failures[0].title
        text.append(cut_end(came, room).ljust(room))
        return text.append(f" {took}", "dim")


class HistoryScreen(FittedScreen[None]):
    """Latest first, a chart on top; enter opens a record to its plan and its log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Plan and log", key_display="enter"),
        Binding("slash", "filter", "Filter"),
        Binding("y", "copy", "Copy"),
        Binding("x", "export", "Export"),
        Binding("r", "again", "Read again", show=False),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    HistoryScreen #chart { height: auto; padding: 1 2 0 2; }
    HistoryScreen #head { height: 1; padding: 0 2; color: $text-muted; }
    HistoryScreen #empty { height: 1fr; padding: 1 4; max-width: 80; display: none; color: $text-muted; }
    HistoryScreen.-empty #empty { display: block; }
    HistoryScreen.-empty #parts, HistoryScreen.-empty #chart, HistoryScreen.-empty #head { display: none; }
    """

    def __init__(self, state: StateStore, profile_name: str) -> None:
        super().__init__()
        self._state = state
        self._profile = profile_name
        self.records: tuple[HistoryRecord, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, chart, filter, rows, the chosen record in short."""
        yield TitleBar(self._profile, "history")
        yield Static(id="chart", markup=False)
        yield Static(id="head", markup=False)
        yield FilterLine("filter: failed, verification, a run ID, a day", "#records")
        with ListAndDetail(id="parts"):
            yield RecordList(id="records")
            with VerticalScroll(id="about", classes="detail", can_focus=False):
                yield Static(markup=False)
        yield Static(EMPTY, id="empty", markup=False)
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Read the records."""
        self._list.focus()
        on_theme_change(self, self._draw_chart)
        await self._read()

    async def on_screen_resume(self) -> None:
        """There may be more now."""
        await self._read()

    async def on_events_arrived(self, message: EventsArrived) -> None:
        """A sync that ended left its record."""
        if message.run.finished is not None:
            await self._read()

    async def on_rows_changed(self, _: RowsChanged) -> None:
        """A verification that ended left its record."""
        session = app_of(self).session
        if session is None or session.checking_since is None:
            await self._read()

    def on_resize(self) -> None:
        """Draw the chart as wide as there is room."""
        self.call_after_refresh(self._draw_chart)

    @property
    def _list(self) -> RecordList:
        return self.query_one(RecordList)

    @property
    def current(self) -> HistoryRecord | None:
        """The record under the cursor."""
        return self._list.current

    async def _read(self) -> None:
        found = await asyncio.to_thread(list_records, self._state, self._profile)
        if found != self.records:
            self.records = found
            self._fill()
        self.set_class(not found, "-empty")
        self.refresh_bindings()

    def _fill(self) -> None:
        words = self.query_one(FilterLine).words.lower().split()
        shown = [record for record in self.records if all(word in _searched(record) for word in words)]
        here = self.current.id if self.current is not None else ""
        at = next((number for number, record in enumerate(shown) if record.id == here), 0)
        self._list.set_rows(shown, at)
        whole = len(self.records)
        head = f"{len(shown)} of {whole} fit" if words else f"{whole} in the last {KEPT_DAYS} days"
        self.query_one("#head", Static).update(head)
        self._draw_chart()

    def _draw_chart(self) -> None:
        room = max(20, self.size.width - 6)
        syncs = [record for record in self.records if record.action == "sync"]
        shown: Sequence[HistoryRecord] = syncs[: min(room, 60)][::-1]
        text = Text()
        if shown:
            text = chart(self.app, shown, 3 if self.size.height >= 28 else 1)
            text.append(f"\nSyncs  {in_words(shown)}", "dim")
        self.query_one("#chart", Static).update(text)

    def on_row_list_moved(self) -> None:
        """Say more of the record under the cursor."""
        record = self.current
        self.query_one("#about Static", Static).update(_about(record) if record is not None else "")
        self.refresh_bindings()

    @on(Input.Changed)
    def _filtered(self) -> None:
        self._fill()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a record there is none to open, copy or export."""
        if action in ("open", "copy", "export"):
            return self.is_mounted and self.current is not None
        return bool(self.records) if action == "filter" else True

    def action_open(self) -> None:
        """Open the record to its plan and its log."""
        if self.current is not None:
            self.app.push_screen(RecordScreen(self._state, self.current))

    def on_row_list_pressed(self) -> None:
        """A click on the record under the cursor."""
        self.action_open()

    def action_filter(self) -> None:
        """Filter by words."""
        self.query_one(FilterLine).open()

    async def action_copy(self) -> None:
        """Copy the record as text, with its plan and its log."""
        if self.current is not None:
            await copy_record(self, self._state, self.current)

    async def action_export(self) -> None:
        """Write the record into the current folder."""
        if self.current is not None:
            await export_record(self, self._state, self.current)

    async def action_again(self) -> None:
        """Read the records again."""
        await self._read()

    def action_back(self) -> None:
        """Filter no more, then back."""
        line = self.query_one(FilterLine)
        if line.is_shown:
            line.close()
        else:
            self.dismiss(None)


def _searched(record: HistoryRecord) -> str:
    began = datetime.fromisoformat(record.at).astimezone()
    failures = " ".join(f"{failure.label} {failure.title}" for failure in record.failures)
    return (
        f"{what_words(record)} {record.action} {record.engine} {record.outcome} #{record.run_id or ''} "
        f"{record.job_name} {began:%a %d %b %Y-%m-%d} {record.text} {failures}".lower()
    )


def _about(record: HistoryRecord) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=9, no_wrap=True, style="dim")
    table.add_column(ratio=1)
    began = datetime.fromisoformat(record.at)
    table.add_row(
        "Began", Text(f"{began.astimezone():%Y-%m-%d %H:%M:%S %Z}, {ago(began, datetime.now(UTC))}")
    )
    table.add_row("Outcome", Text(f"{record.outcome}, took {span(record.seconds)}: {record.counts}"))
    if record.text:
        table.add_row("Summary", Text(record.text))
    if record.run_id is not None:
        job = f' of "{record.job_name}"' if record.job_name else ""
        table.add_row("Run", Text(f"#{record.run_id}{job}"))
    for number, failure in enumerate(record.failures[:SHOWN_FAILURES]):
        table.add_row("Failed" if number == 0 else "", Text(f"{failure.label}: {failure.title}"))
    left = record.failed - min(len(record.failures), SHOWN_FAILURES)
    if left > 0 and record.failures:
        table.add_row("", Text(f"and {left} more; enter shows them", "dim"))
    return table
