"""The plan: every change with its old and new value, before anything is written."""

import asyncio
import difflib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Footer, Input, Static, Tree
from textual.widgets.tree import TreeNode

from dbtcollate_tui.checks.base import CheckState
from dbtcollate_tui.redact import redact
from dbtcollate_tui.sync.changes import GROUPS, Change, Kept, Plan
from dbtcollate_tui.sync.events import PlanReady, SyncEvent
from dbtcollate_tui.sync.matches import Unmatched
from dbtcollate_tui.tui.glyphs import STATE_COLOURS
from dbtcollate_tui.tui.screens.preparing import PreparingScreen
from dbtcollate_tui.tui.screens.runs import Choose, RunsScreen
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.sync_board import SyncBoard
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

Prepare = Callable[[asyncio.Event, int | None], AsyncIterator[SyncEvent]]
"""Makes the plan; the number is the run that was chosen in place of the rule's."""
Entry = Change | tuple[Change, ...] | Kept | Unmatched | str
LEAVES_AT_MOST = 1_000
"""So many changes of a group are listed at once."""
OPEN_AT_MOST = 12
"""A group of so many changes stands open."""


class ChangeTree(Tree[Entry]):
    """The changes by group; space is the screen's, enter opens and closes a group."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "screen.leave_out", "Leave out")]


class PlanScreen(PreparingScreen[frozenset[str] | None]):
    """Makes the plan while one watches, shows it, and gives the keys of the changes to write, or ``None``.

    ``plan`` holds the plan itself once it is ready.
    """

    DOING = "Comparing dbt's run with what Collate holds. Nothing is written."
    UNDONE = "The plan could not be made."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "Write"),
        Binding("slash", "filter", "Filter"),
        Binding("x", "export", "Export", show=False),
        Binding("a", "runs", "Runs"),
        Binding("r", "again", "Try again"),
        Binding("escape", "back", "Back"),
    ]
    DEFAULT_CSS = """
    PlanScreen #head { height: 1; padding: 0 1; text-style: bold; }
    PlanScreen #parts { height: 1fr; display: none; layout: vertical; }
    PlanScreen.-planned #parts { display: block; }
    PlanScreen.-planned SyncBoard { display: none; }
    PlanScreen #changes { width: 1fr; height: 1fr; background: transparent; padding: 0 1; }
    PlanScreen #detail { height: 8; border-top: solid $border-blurred; padding: 0 1; }
    PlanScreen.-wide #parts, PlanScreen.-widest #parts { layout: horizontal; }
    PlanScreen.-wide #detail, PlanScreen.-widest #detail {
        width: 1fr; height: 1fr; border-top: none; border-left: solid $border-blurred;
    }
    PlanScreen #search { display: none; }
    PlanScreen #search.-shown { display: block; }
    """

    def __init__(self, title: str, prepare: Prepare, choose: Choose) -> None:
        super().__init__(title)
        self.plan: Plan | None = None
        self._prepare = prepare
        self._choose = choose
        self._run_id: int | None = None
        self._left_out: set[str] = set()

    def compose(self) -> ComposeResult:
        """Title, chain, progress while it is made, then the changes and the chosen one's values."""
        yield TitleBar(self._title, "plan")
        yield ChainBar()
        yield Static(id="head")
        yield SyncBoard()
        yield ErrorCard()
        with Horizontal(id="parts"):
            tree = ChangeTree("plan", id="changes")
            tree.show_root = False
            tree.guide_depth = 2
            yield tree
            with VerticalScroll(id="detail"):
                yield Static(id="values")
        yield Input(placeholder="filter by table, column or text", id="search", compact=True)
        yield Footer(show_command_palette=False)

    def prepare(self, cancel: asyncio.Event) -> AsyncIterator[SyncEvent]:
        """The plan's events, for the rule's run or the one that was chosen."""
        return self._prepare(cancel, self._run_id)

    def take(self, event: SyncEvent) -> None:
        """Show the plan."""
        if isinstance(event, PlanReady):
            self._show(event.plan)

    def _show(self, plan: Plan) -> None:
        self.plan = plan
        self.add_class("-planned")
        self._say_head()
        self._fill("")
        self.query_one("#changes").focus()

    def _say_head(self) -> None:
        plan = self.plan
        if plan is None:
            return
        run = f" for run #{plan.run.id}" if plan.run is not None else ""
        text = f"Plan{run}   {plan.summary()}"
        count = len(self._chosen())
        self._bindings.key_to_bindings["w"] = [
            Binding("w", "write", f"Write {count} change{'' if count == 1 else 's'}")
        ]
        if self._left_out:
            text += f", {len(self._left_out)} left out"
        self.query_one("#head", Static).update(text)

    def _fill(self, query: str) -> None:
        plan = self.plan
        tree = self._tree
        tree.clear()
        if plan is None:
            return
        wanted = query.lower().split()

        def fits(*texts: str) -> bool:
            whole = " ".join(texts).lower()
            return all(word in whole for word in wanted)

        for group in GROUPS:
            changes = [change for change in plan.of(group) if fits(change.label, change.old, change.new)]
            if changes:
                first = not tree.root.children
                branch = tree.root.add(
                    f"{group}  {len(changes)}",
                    data=tuple(changes),
                    expand=first or len(changes) <= OPEN_AT_MOST or bool(wanted),
                )
                for change in changes[:LEAVES_AT_MOST]:
                    branch.add_leaf(self._label(change), data=change)
                if len(changes) > LEAVES_AT_MOST:
                    more = f"and {len(changes) - LEAVES_AT_MOST} more; / finds them"
                    branch.add_leaf(Text(more, "dim"), data=more)
        kept = [item for item in plan.kept if fits(item.label, item.reason)]
        self._branch("kept as it is in Collate", [(self._mark("!", item.label), item) for item in kept])
        missing = [item for item in plan.match.missing if fits(item.unique_id, item.detail)]
        self._branch("no table in Collate", [(self._mark("!", item.unique_id), item) for item in missing])
        owners = [
            f"{item.owner}: no such user or team in Collate; owner of {', '.join(item.unique_ids)}"
            for item in plan.unmapped_owners
        ]
        self._branch("owners not found", [(self._mark("!", text), text) for text in owners if fits(text)])
        self._branch("notes", [(Text(note), note) for note in plan.notes if fits(note)])
        if not tree.root.children:
            nothing = "Nothing fits the filter." if wanted else "Collate holds all of it already."
            tree.root.add_leaf(Text(nothing, "dim"), data=nothing)
        tree.root.expand()
        tree.cursor_line = 0

    def _branch(self, name: str, leaves: "list[tuple[Text, Entry]]") -> None:
        if leaves:
            branch = self._tree.root.add(f"{name}  {len(leaves)}")
            for label, data in leaves:
                branch.add_leaf(label, data=data)

    @property
    def _tree(self) -> "Tree[Entry]":
        return self.query_one("#changes", Tree)

    def _label(self, change: Change) -> Text:
        out = change.key in self._left_out
        sign = "-" if out else {"add": "+", "replace": "~"}[change.action]
        style = "dim strike" if out else ""
        return Text(f"{sign} {change.label}", style, no_wrap=True)

    def _mark(self, sign: str, label: str) -> Text:
        colour = self.app.theme_variables.get(STATE_COLOURS[CheckState.WARN].removeprefix("$"), "")
        line = Text(no_wrap=True)
        return line.append(f"{sign} ", colour if colour.startswith("#") else "").append(label)

    @on(Tree.NodeHighlighted)
    def _moved(self, event: "Tree.NodeHighlighted[Entry]") -> None:
        self.query_one("#values", Static).update(self._values(event.node))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        planned = self.plan is not None
        if action == "write":
            return planned and bool(self._chosen())
        if action == "leave_out":
            return planned and bool(self._under_cursor())
        if action in ("filter", "export"):
            return planned
        if action == "again":
            return self.query_one(ErrorCard).error is not None
        return True

    def _under_cursor(self) -> tuple[Change, ...]:
        node = self._tree.cursor_node
        if node is None:
            return ()
        if isinstance(node.data, tuple):
            return node.data
        return (node.data,) if isinstance(node.data, Change) else ()

    def _chosen(self) -> frozenset[str]:
        if self.plan is None:
            return frozenset()
        return frozenset(change.key for change in self.plan.changes) - self._left_out

    def action_write(self) -> None:
        """Give the chosen changes to whoever opened the plan."""
        self.dismiss(self._chosen())

    def action_back(self) -> None:
        """Leave without writing; the preparation is cancelled with the screen."""
        search = self.query_one("#search", Input)
        if search.has_class("-shown"):
            search.remove_class("-shown")
            search.value = ""
            self._tree.focus()
            return
        super().action_back()

    def action_runs(self) -> None:
        """Choose another run than the rule's, for this once; the plan is made anew for it."""
        plan = self.plan
        current = plan.run.id if plan is not None and plan.run is not None else None

        async def answered(run_id: int | None) -> None:
            if run_id is not None and run_id != current:
                self._run_id = run_id
                self._left_out = set()
                self.plan = None
                await self.action_again()

        self.app.push_screen(RunsScreen(self._title, self._choose, current), answered)

    def action_leave_out(self) -> None:
        """Leave the change under the cursor out, or a whole group, or take it in again."""
        node = self._tree.cursor_node
        keys = {change.key for change in self._under_cursor()}
        if node is None or not keys:
            return
        if keys <= self._left_out:
            self._left_out -= keys
        else:
            self._left_out |= keys
        for leaf in [node, *node.children]:
            if isinstance(leaf.data, Change):
                leaf.set_label(self._label(leaf.data))
        self._say_head()
        self.refresh_bindings()

    def action_filter(self) -> None:
        """Open the filter."""
        search = self.query_one("#search", Input)
        search.add_class("-shown")
        search.focus()

    @on(Input.Changed, "#search")
    def _filtered(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(Input.Submitted, "#search")
    def _filter_taken(self) -> None:
        self._tree.focus()

    async def action_export(self) -> None:
        """Write the plan as JSON into the current folder and say where."""
        if self.plan is None:
            return
        number = self.plan.run.id if self.plan.run is not None else 0
        path = Path.cwd() / f"plan-run-{number}.json"
        text = redact(json.dumps(self.plan.as_dict(), indent=1, ensure_ascii=False))
        try:
            await asyncio.to_thread(path.write_text, text + "\n", encoding="utf-8")
        except OSError as error:
            self.notify(f"{path} could not be written: {error.strerror}", severity="error")
            return
        self.notify(f"Plan written to {path}", timeout=6)

    def on_error_card_cure_chosen(self, message: ErrorCard.CureChosen) -> None:
        """Retry and the choice of a run here; every other cure is the app's."""
        if message.cure.kind == "go_to_step" and message.cure.value == "run":
            message.stop()
            self.action_runs()
        else:
            super().on_error_card_cure_chosen(message)

    def _values(self, node: TreeNode[Entry]) -> Text:
        if isinstance(node.data, Change):
            return _change(
                node.data, *(self.app.theme_variables.get(name, "") for name in ("success", "error"))
            )
        return _other(node)


def _change(change: Change, added: str, removed: str) -> Text:
    text = Text(f"{change.target}\n", "bold")
    for line in (change.unique_id, change.note):
        if line:
            text.append(f"{line}\n", "not bold dim")
    for line in difflib.ndiff(change.old.splitlines(), change.new.splitlines()):
        if line[:1] != "?":
            style = {"+": f"not bold {added}", "-": f"not bold {removed}"}.get(line[:1], "not bold dim")
            text.append(f"{line[:1]} {line[2:]}\n", style)
    return text


def _other(node: TreeNode[Entry]) -> Text:
    entry = node.data
    text = Text()
    if isinstance(entry, Kept):
        text.append(f"{entry.target}\n", "bold").append(f"{entry.reason}\n")
        text.append(f"in Collate  {entry.server}\n").append(f"in dbt      {entry.dbt}")
        return text
    if isinstance(entry, Unmatched):
        text.append(f"{entry.unique_id}\n", "bold").append(f"looked for  {entry.fqn}\n", "dim")
        text.append(f"{entry.detail}\n")
        if entry.candidates:
            text.append(f"nearest     {', '.join(entry.candidates)}\n")
        return text.append(entry.cure)
    if isinstance(entry, str):
        return Text(entry)
    if isinstance(entry, tuple):
        return Text(f"{len(entry)} changes. space leaves the whole group out, or takes it in again.", "dim")
    return Text(f"{len(node.children)} that stay as they are.", "dim")
