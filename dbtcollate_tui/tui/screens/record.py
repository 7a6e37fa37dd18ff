"""One record of the history whole: its plan, its log, what failed and what was verified."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

from rich.console import Group, RenderableType
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.history.records import (
    HistoryRecord,
    LogEntry,
    RecordAction,
    StoredPlan,
    load_log,
    load_plan,
)
from dbtcollate_tui.history.text import record_text, what_words
from dbtcollate_tui.printable import json_safe, safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.files import write_private
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change
from dbtcollate_tui.tui.widgets.diff import DiffStyles, diff_lines, stacked
from dbtcollate_tui.tui.widgets.filter_line import FilterLine
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.list_and_detail import ListAndDetail
from dbtcollate_tui.tui.widgets.row_list import RowList
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import span

Part = Literal["plan", "log", "failures", "verification"]
TITLES: dict[Part, str] = {"plan": "Plan", "log": "Log", "failures": "Failures", "verification": "Verified"}
LOOKED: dict[RecordAction, dict[Part, str]] = {
    "verify": {"failures": "Failures", "verification": "Checks"},
    "troubleshoot": {"log": "Log", "failures": "Failures", "verification": "Checks"},
}
"""The parts of records that have no plan."""
SIGNS = {"add": "+", "remove": "-"}
LEVELS = {"ok": CheckState.PASS, "warn": CheckState.WARN, "error": CheckState.FAIL}
STATES = {
    "pass": CheckState.PASS,
    "ok": CheckState.PASS,
    "warn": CheckState.WARN,
    "fail": CheckState.FAIL,
    "failed": CheckState.FAIL,
}
NOTHING: dict[Part, str] = {
    "plan": "There was no plan, or it has been deleted.",
    "log": "There is no log, or it has been deleted.",
    "failures": "Nothing failed.",
    "verification": "Nothing was verified.",
}


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One line of a part: a sign with its state's colour, what it says, its whole text, its table's FQN."""

    sign: str
    state: CheckState
    head: str
    text: str
    old: str = ""
    new: str = ""
    more: str = ""
    table: str = ""


class LineList(RowList[RecordLine]):
    """The lines of one part."""

    def line(self, row: RecordLine, width: int) -> Text:
        """Sign, head, text."""
        line = Text(no_wrap=True).append(f"{row.sign} ", self.colour(STATE_COLOURS[row.state]))
        line.append(f"{row.head}  ", "dim")
        return line.append(" ".join(row.text.split()))


class RecordScreen(FittedScreen[None]):
    """The parts one after the other (left, right or their letters), each to be filtered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", show=False),
        Binding("right,tab", "turn(1)", "Next part", key_display="←→"),
        Binding("p", "part('plan')", show=False),
        Binding("l", "part('log')", show=False),
        Binding("f", "part('failures')", show=False),
        Binding("b", "part('verification')", show=False),
        Binding("i", "explain", "Explain table"),
        Binding("slash", "filter", "Filter"),
        Binding("y", "copy", "Copy"),
        Binding("x", "export", "Export"),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    RecordScreen #facts { height: auto; padding: 1 2 0 2; }
    RecordScreen #tabs { height: auto; padding: 1 2 0 2; }
    """

    def __init__(self, state: StateStore, record: HistoryRecord) -> None:
        super().__init__()
        self.record = record
        self.part: Part = next(iter(self.titles))
        self._state = state
        self._lines: dict[Part, list[RecordLine]] = {}
        self._head = ""

    def compose(self) -> ComposeResult:
        """Title, facts, the parts' names, the lines of one, the chosen line whole."""
        began = datetime.fromisoformat(self.record.at).astimezone()
        yield TitleBar(self.record.profile, f"{what_words(self.record)}, {began:%a %d %b %H:%M}")
        yield Static(id="facts", markup=False)
        yield Static(id="tabs", markup=False)
        yield FilterLine("words", "#lines")
        with ListAndDetail(id="parts"):
            yield LineList(id="lines")
            with VerticalScroll(id="whole", classes="detail", can_focus=False):
                yield Static(markup=False)
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Read plan and log; begin with what failed, else with the plan, else with the log."""
        self.query_one(LineList).focus()
        on_theme_change(self, self._draw_whole)
        plan = await asyncio.to_thread(load_plan, self._state, self.record)
        log = await asyncio.to_thread(load_log, self._state, self.record)
        self._head = plan.summary if plan is not None else ""
        self._lines = {
            "plan": _plan_lines(plan),
            "log": _log_lines(log),
            "failures": _failure_lines(self.record),
            "verification": _verification_lines(self.record),
        }
        order: tuple[Part, ...] = ("failures", "plan", "log", "verification")
        has = [part for part in order if part in self.titles]
        self.part = next((part for part in has if self._lines[part]), has[-1])
        self._draw()

    @property
    def titles(self) -> dict[Part, str]:
        """The parts that a record of this kind has, with their names."""
        return LOOKED.get(self.record.action, TITLES)

    @property
    def lines(self) -> Sequence[RecordLine]:
        """The lines in sight."""
        return self.query_one(LineList).rows

    def _draw(self) -> None:
        record = self.record
        facts = Text(f"{record.outcome}, took {span(record.seconds)}: {record.counts}\n")
        if record.text and record.text != record.counts:
            facts.append(f"{record.text}\n", "dim")
        run = f"run #{record.run_id}" + (f' of "{record.job_name}"' if record.job_name else "")
        ends = [run] if record.run_id is not None else []
        ends.append(f"{record.service} at {record.server}")
        facts.append(", ".join(ends), "dim")
        self.query_one("#facts", Static).update(facts)
        tabs = Text()
        for number, (part, title) in enumerate(self.titles.items()):
            tabs.append("   " if number else "")
            shown = f"{title} {len(self._lines.get(part, ()))}"
            tabs.append(f" {shown} ", "reverse" if part == self.part else "dim")
        self.query_one("#tabs", Static).update(tabs)
        self._fill()

    def _fill(self) -> None:
        words = self.query_one(FilterLine).words.lower().split()
        fitting = [
            line
            for line in self._lines.get(self.part, ())
            if all(word in f"{line.head} {line.text}".lower() for word in words)
        ]
        self.query_one(LineList).set_rows(fitting)

    @on(LineList.Moved)
    def _moved(self) -> None:
        self._draw_whole()
        self.query_one("#whole").scroll_home(animate=False)
        self.refresh_bindings()

    def _draw_whole(self) -> None:
        line = self.query_one(LineList).current
        whole = self._whole(line) if line is not None else Text(NOTHING[self.part], "dim")
        self.query_one("#whole Static", Static).update(whole)

    def _whole(self, line: RecordLine) -> RenderableType:
        head = Text().append(f"{line.head}  ", "dim").append(line.text)
        if line.old or line.new:
            variables = self.app.theme_variables
            styles = DiffStyles(variables.get("error", "red"), variables.get("success", "green"))
            return Group(head, stacked(diff_lines(line.old, line.new), styles))
        return Group(head, Text(line.more, "dim")) if line.more else head

    @on(Input.Changed)
    def _filtered(self) -> None:
        self._fill()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "explain":
            line = self.query_one(LineList).current if self.is_mounted else None
            return line is not None and bool(line.table)
        return True

    def action_explain(self) -> None:
        """Explain the table of the line under the cursor, as both systems have it now."""
        line = self.query_one(LineList).current
        if line is not None and line.table:
            app_of(self).action_explain(line.table)

    def action_part(self, part: Part) -> None:
        """Show this part, where the record has it."""
        if part in self.titles:
            self.part = part
            self._draw()

    def action_turn(self, by: int) -> None:
        """Show the next part, or the one before."""
        parts = list(self.titles)
        self.action_part(parts[(parts.index(self.part) + by) % len(parts)])

    def action_filter(self) -> None:
        """Filter the lines by words."""
        self.query_one(FilterLine).open()

    async def action_copy(self) -> None:
        """Copy the record as text."""
        await copy_record(self, self._state, self.record)

    async def action_export(self) -> None:
        """Write the record into the current folder."""
        await export_record(self, self._state, self.record)

    def action_back(self) -> None:
        """Filter no more, then back."""
        line = self.query_one(FilterLine)
        if line.is_shown:
            line.close()
        else:
            self.dismiss(None)


async def copy_record(screen: Screen[None], state: StateStore, record: HistoryRecord) -> None:
    """Copy the record as text, with its plan and its log."""
    copy_text(screen, await asyncio.to_thread(_text, state, record), "the record")


async def export_record(screen: Screen[None], state: StateStore, record: HistoryRecord) -> None:
    """Write the record into the current folder, whole as JSON and as text to read, and say where."""
    base = Path.cwd() / f"dbtcollate-{record.profile}-{record.id}"
    try:
        await asyncio.to_thread(_write, state, record, base)
    except OSError as error:
        screen.notify(f"{base}.json could not be written: {error.strerror}", severity="error")
        return
    screen.notify(f"Record written to {base}.json and {base.name}.txt", timeout=6)


def _write(state: StateStore, record: HistoryRecord, base: Path) -> None:
    plan, log = load_plan(state, record), load_log(state, record)
    values = {
        "record": record.as_dict(),
        "plan": plan.as_dict() if plan is not None else None,
        "log": [entry.as_dict() for entry in log],
    }
    text = json_safe(redact(json.dumps(values, indent=1, ensure_ascii=False)))
    write_private(Path(f"{base}.json"), text + "\n")
    write_private(Path(f"{base}.txt"), safe(record_text(record, plan, log)))


def _text(state: StateStore, record: HistoryRecord) -> str:
    return record_text(record, load_plan(state, record), load_log(state, record))


def _plan_lines(plan: StoredPlan | None) -> list[RecordLine]:
    if plan is None:
        return []
    lines = [
        RecordLine(
            SIGNS.get(change.action, "~"),
            CheckState.WAITING,
            f"{change.kind.replace('_', ' '):14}",
            change.label,
            old=change.old,
            new=change.new,
            table=change.table,
        )
        for change in plan.changes
    ]
    if plan.left_out:
        more = f"and {plan.left_out} more that were not kept"
        lines.append(RecordLine(GLYPHS.cut, CheckState.WAITING, " " * 14, more))
    return lines


def _log_lines(log: Sequence[LogEntry]) -> list[RecordLine]:
    lines = []
    for entry in log:
        state = LEVELS.get(entry.level, CheckState.WAITING)
        sign = GLYPHS.states[state] if entry.level in LEVELS else " "
        at = datetime.fromisoformat(entry.at).astimezone()
        lines.append(RecordLine(sign, state, f"{at:%H:%M:%S}  {entry.source:9}", entry.text))
    return lines


def _failure_lines(record: HistoryRecord) -> list[RecordLine]:
    sign = GLYPHS.states[CheckState.FAIL]
    lines = [
        RecordLine(
            sign,
            CheckState.FAIL,
            f"{failure.kind.replace('_', ' '):12}",
            f"{failure.label}: {failure.title}",
            more="\n".join(failure.causes),
            table=failure.table,
        )
        for failure in record.failures
    ]
    left = record.failed - len(record.failures)
    if left > 0 and lines:
        lines.append(
            RecordLine(GLYPHS.cut, CheckState.WAITING, " " * 12, f"and {left} more; the log has them")
        )
    return lines


def _verification_lines(record: HistoryRecord) -> list[RecordLine]:
    lines = []
    for row in record.verification:
        state = STATES.get(row.state, CheckState.SKIPPED)
        lines.append(RecordLine(GLYPHS.states[state], state, f"{row.title:26}", row.summary))
    return lines
