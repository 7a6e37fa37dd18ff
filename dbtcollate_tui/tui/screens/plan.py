"""The plan: every change with its old and new value, before anything is written."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from dbtcollate_tui import wording
from dbtcollate_tui.events.types import PlanReady, SyncEvent
from dbtcollate_tui.fixes import ChooseRun
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.rules.text import plan_text
from dbtcollate_tui.printable import json_safe, safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.files import write_private
from dbtcollate_tui.tui.labels import relabel
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.preparing import PreparingScreen
from dbtcollate_tui.tui.screens.runs import Choose, RunsScreen
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.change_list import ChangeDetail, ChangeList, over_words
from dbtcollate_tui.tui.widgets.change_rows import BranchRow, LeafRow
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.filter_line import FilterLine
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

Prepare = Callable[[asyncio.Event, int | None], AsyncIterator[SyncEvent]]
"""Makes the plan; the number is the run that was chosen in place of the rule's."""
ROOMY_FROM = 100
"""All keys have room on the footer from this width."""
BESIDE_FROM = 110
"""List and values, and old and new, are side by side from this width."""


class PlanScreen(PreparingScreen[frozenset[str] | None]):
    """Makes the plan while one watches, shows it, and gives the keys of the changes to write, or ``None``.

    ``plan`` holds the plan itself once it is ready, with the conflicts that were decided for dbt.
    """

    DOING = "Comparing dbt's run with Collate. Nothing is written."
    UNDONE = "The plan could not be made."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "Write"),
        Binding("space", "leave_out", "Leave out"),
        Binding("minus", "leave_out_shown", "Leave out all shown", key_display="-"),
        Binding("u", "overwrite", "Use dbt's"),
        Binding("slash", "filter", "Filter"),
        Binding("i", "explain", "Explain"),
        Binding("x", "export", "Export", show=False),
        Binding("t", "arrange", "By table", show=False),
        Binding("a", "runs", "Runs", show=False),
        Binding("r", "again", "Try again"),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    PlanScreen #head { height: auto; padding: 0 1; text-style: bold; }
    PlanScreen #rule { height: auto; padding: 0 1; color: $text-muted; display: none; }
    PlanScreen.-planned #rule { display: block; }
    PlanScreen #parts { height: 1fr; display: none; layout: vertical; }
    PlanScreen.-planned #parts { display: block; }
    PlanScreen.-planned SyncBoard { display: none; }
    PlanScreen ChangeList { width: 1fr; height: 1fr; padding: 0 1; }
    PlanScreen ChangeDetail { height: 40%; min-height: 7; border-top: solid $border-blurred; padding: 0 1; }
    PlanScreen.-wide #parts, PlanScreen.-widest #parts { layout: horizontal; }
    PlanScreen.-wide ChangeList, PlanScreen.-widest ChangeList { width: 2fr; }
    PlanScreen.-wide ChangeDetail, PlanScreen.-widest ChangeDetail {
        width: 3fr; height: 1fr; border-top: none; border-left: solid $border-blurred;
    }
    """

    def __init__(self, title: str, prepare: Prepare, choose: Choose) -> None:
        super().__init__(title)
        self.plan: Plan | None = None
        self._prepare = prepare
        self._choose = choose
        self._run_id: int | None = None
        self._made: Plan | None = None
        self._overwritten: set[str] = set()

    def compose(self) -> ComposeResult:
        """Title, chain, progress while it is made, then the changes and the chosen one's values."""
        yield TitleBar(self._title, "plan")
        yield ChainBar()
        yield Static(id="head", markup=False)
        yield Static(id="rule", markup=False)
        yield SyncBoard()
        yield ErrorCard()
        with Horizontal(id="parts"):
            yield ChangeList(id="changes")
            yield ChangeDetail(id="detail")
        yield FilterLine("filter by kind, table, column or text", "#changes", id="search")
        yield KeyFooter()

    def prepare(self, cancel: asyncio.Event) -> AsyncIterator[SyncEvent]:
        """The plan's events, for the rule's run or the one that was chosen."""
        return self._prepare(cancel, self._run_id)

    def take(self, event: SyncEvent) -> None:
        """Show the plan."""
        if isinstance(event, PlanReady):
            self._made = event.plan
            self.add_class("-planned")
            self._decide()
            self.changes.focus()

    def _decide(self) -> None:
        """Show the plan with the conflicts as decided."""
        made = self._made
        if made is None:
            return
        conflicts = {item.change.key: item for item in made.conflicts if item.change is not None}
        self._overwritten &= conflicts.keys()
        self.plan = made.take_in(self._overwritten)
        self.changes.left_out &= {change.key for change in self.plan.changes}
        self.changes.overwritten = {key: conflicts[key] for key in self._overwritten}
        self.changes.show(self.plan)
        self._say_head()

    @property
    def changes(self) -> ChangeList:
        """The list."""
        return self.query_one("#changes", ChangeList)

    def _say_head(self) -> None:
        plan = self.plan
        if plan is None:
            return
        run = f" for run #{plan.run.id}" if plan.run is not None else ""
        text = f"Plan{run}   {plan.summary()}"
        if left_out := self.changes.left_out:
            text += f", {len(left_out)} left out"
        if self._query:
            text += f"; {self._count_shown()} shown"
        self.query_one("#head", Static).update(text)
        said = []
        if plan.run is not None and plan.run.reason:
            said.append(f"The {plan.run.reason}; a takes another.")
        if conflicts := sum(item.change is not None for item in plan.conflicts):
            said.append(f"{wording.count(conflicts, 'conflict')} kept.")
        self.query_one("#rule", Static).update(" ".join(said))
        self._name_keys()

    def _name_keys(self) -> None:
        count = self._count_chosen()
        shown = self._keys_shown()
        out = bool(shown) and shown <= self.changes.left_out
        relabel(self, "write", f"Write {wording.count(count, 'change')}")
        row = self.changes.current
        conflicts = row.conflicts if row is not None else frozenset()
        decided = bool(conflicts) and conflicts <= self._overwritten
        roomy = self.size.width >= ROOMY_FROM or not conflicts
        relabel(
            self, "leave_out_shown", f"Include {len(shown)}" if out else f"All {len(shown)} shown", show=roomy
        )
        relabel(self, "overwrite", "Keep Collate's" if decided else "Use dbt's")
        relabel(self, "filter", "Filter", show=not self._query)
        self.refresh_bindings()

    @property
    def _query(self) -> str:
        return self.query_one(FilterLine).words

    def _count_shown(self) -> int:
        outline = self.changes.outline
        return len(outline.shown) if outline is not None else 0

    def _keys_shown(self) -> frozenset[str]:
        outline = self.changes.outline
        return outline.shown_keys if outline is not None else frozenset()

    def on_row_list_moved(self) -> None:
        """Show the values of the row under the cursor."""
        row = self.changes.current
        keys = row.keys if row is not None else frozenset()
        left_out = bool(keys) and keys <= self.changes.left_out
        key = row.leaf.key if isinstance(row, LeafRow) else ""
        over = self.changes.overwritten.get(key)
        said = f"Written {over_words(over)}; u keeps that." if over is not None else ""
        self.query_one(ChangeDetail).show(row, left_out=left_out, over=said)
        self._name_keys()

    def on_resize(self, event: events.Resize) -> None:
        """Old and new side by side where there is room."""
        self.query_one(ChangeDetail).lay(beside=event.size.width >= BESIDE_FROM)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        planned = self.plan is not None
        if action == "write":
            return self._count_chosen() > 0
        if action == "leave_out":
            return planned and bool(self._keys_under_cursor())
        if action == "overwrite":
            row = self.changes.current
            return planned and row is not None and bool(row.conflicts)
        if action == "leave_out_shown":
            typing = isinstance(self.focused, FilterLine)
            return planned and not typing and bool(self._query) and bool(self._keys_shown())
        if action == "explain":
            return planned and bool(self._table_under_cursor())
        if action in ("filter", "export", "arrange"):
            return planned
        if action == "again":
            return self.query_one(ErrorCard).error is not None
        return True

    def _keys_under_cursor(self) -> frozenset[str]:
        row = self.changes.current
        return row.keys if row is not None else frozenset()

    def _table_under_cursor(self) -> str:
        """The FQN or name of the table of the row under the cursor; empty where the row names none."""
        row = self.changes.current
        if row is None:
            return ""
        leaves = row.leaves if isinstance(row, BranchRow) else (row.leaf,)
        names = {leaf.named_table for leaf in leaves}
        return names.pop() if len(names) == 1 else ""

    def _count_chosen(self) -> int:
        """How many changes are to be written; those left out are all of the plan's, see `_decide`."""
        return len(self.plan.changes) - len(self.changes.left_out) if self.plan is not None else 0

    def _chosen(self) -> frozenset[str]:
        if self.plan is None:
            return frozenset()
        return frozenset(change.key for change in self.plan.changes) - self.changes.left_out

    def action_explain(self) -> None:
        """Explain the table of the row under the cursor."""
        if name := self._table_under_cursor():
            app_of(self).action_explain(name)

    def action_write(self) -> None:
        """Give the chosen changes to the caller of the screen."""
        self.dismiss(self._chosen())

    def action_back(self) -> None:
        """Leave the filter, else leave without writing; the preparation is cancelled with the screen."""
        search = self.query_one(FilterLine)
        if search.is_shown:
            search.close()
        else:
            super().action_back()

    def action_runs(self) -> None:
        """Choose another run than the rule's, for this once; the plan is made again for it."""
        plan = self.plan
        current = plan.run.id if plan is not None and plan.run is not None else None

        async def answered(run_id: int | None) -> None:
            if run_id is not None and run_id != current:
                self._run_id = run_id
                self.changes.left_out, self._overwritten = set(), set()
                self.plan = self._made = None
                await self.action_again()

        self.app.push_screen(RunsScreen(self._title, self._choose, current), answered)

    def action_leave_out(self) -> None:
        """Leave the change under the cursor out, or all of its branch, or take them in again."""
        self._leave_out(self._keys_under_cursor())

    def action_leave_out_shown(self) -> None:
        """Leave out all that fits the filter, or take it in again."""
        self._leave_out(self._keys_shown())

    def _leave_out(self, keys: frozenset[str]) -> None:
        if keys:
            self.changes.leave_out(keys)
            self._say_head()
            self.on_row_list_moved()

    def action_overwrite(self) -> None:
        """Write dbt's value over one that was edited in Collate, or keep that after all."""
        row = self.changes.current
        conflicts = row.conflicts if row is not None else frozenset()
        if conflicts:
            if conflicts <= self._overwritten:
                self._overwritten -= conflicts
            else:
                self._overwritten |= conflicts
            self._decide()

    def action_arrange(self) -> None:
        """By kind, or by table."""
        outline = self.changes.outline
        if outline is not None:
            self.changes.arrange_by("table" if outline.arrangement == "kind" else "kind")

    def action_filter(self) -> None:
        """Open the filter."""
        self.query_one(FilterLine).open()
        outline = self.changes.outline
        if outline is not None:
            self.run_worker(asyncio.to_thread(outline.read_texts), group="texts")

    @on(Input.Changed, "#search")
    def _filtered(self, event: Input.Changed) -> None:
        self.changes.filter(event.value)
        self._say_head()

    async def action_export(self) -> None:
        """Write the plan into the current folder, as JSON and as text to read, and say where."""
        if self.plan is None:
            return
        number = self.plan.run.id if self.plan.run is not None else 0
        left_out = frozenset(self.changes.left_out)
        base = Path.cwd() / f"plan-run-{number}"
        try:
            await asyncio.to_thread(_export, self.plan, left_out, base)
        except OSError as error:
            self.notify(f"{base}.json could not be written: {error.strerror}", severity="error")
            return
        self.notify(f"Plan written to {base}.json and {base.name}.txt", timeout=6)

    def on_error_card_fix_chosen(self, message: ErrorCard.FixChosen) -> None:
        """Retry and the choice of a run here; every other fix is the app's."""
        if isinstance(message.fix, ChooseRun):
            message.stop()
            self.action_runs()
        else:
            super().on_error_card_fix_chosen(message)


def _export(plan: Plan, left_out: frozenset[str], base: Path) -> None:
    values = {**plan.as_dict(), "left_out": sorted(left_out)}
    text = json_safe(redact(json.dumps(values, indent=1, ensure_ascii=False)))
    write_private(base.with_suffix(".json"), text + "\n")
    write_private(base.with_suffix(".txt"), safe(plan_text(plan, left_out)))
