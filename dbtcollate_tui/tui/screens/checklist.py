"""The verification checklist: the rows with their states, the chosen one in full with its fixes as keys."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_WORDS, cut_end, cut_middle
from dbtcollate_tui.tui.messages import RowsChanged
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import ago, span

if TYPE_CHECKING:
    from dbtcollate_tui.tui.session import ProfileSession

TITLE_WIDTH = 26
SILENT_SECONDS = 2.0
TIMES_FROM, LEAST_TOLD = 60, 0.05
"""Rows of this width tell how long a check took, where it took this many seconds."""
ORDER = tuple(check.id for check in ALL_CHECKS)
UNDER_WAY = (CheckState.WAITING, CheckState.RUNNING)


class ChecklistScreen(FittedScreen[None]):
    """Shows the open profile's checks; ``at`` is the row to begin at."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "app.sync", "Sync"),
        Binding("d", "app.pipeline", "Pipeline", show=False),
        Binding("r", "again", "Retry"),
        Binding("R", "all_again", "All", key_display="R"),
        Binding("t", "troubleshoot", "Troubleshoot"),
        Binding("e", "evidence", "Evidence"),
        Binding("slash", "app.explain", "Find a table", show=False),
        Binding("y", "copy", "Copy", show=False),
        Binding("left,right", "chain", show=False),
        Binding("escape", "back", "Back"),
        Binding("x", "explain", "Explain"),
    ]
    DEFAULT_CSS = """
    ChecklistScreen #head { height: 1; padding: 0 1; text-style: bold; }
    ChecklistScreen #parts { height: 1fr; layout: vertical; }
    ChecklistScreen #rows { height: 1fr; border: none; background: transparent; padding: 0 1; }
    ChecklistScreen CheckCard { max-height: 60%; }
    ChecklistScreen.-narrow CheckCard #fixes, ChecklistScreen.-medium CheckCard #fixes {
        dock: bottom; background: $background;
    }
    ChecklistScreen.-wide #parts, ChecklistScreen.-widest #parts { layout: horizontal; }
    ChecklistScreen.-wide #rows, ChecklistScreen.-widest #rows { width: 3fr; height: 1fr; }
    ChecklistScreen.-wide CheckCard, ChecklistScreen.-widest CheckCard {
        width: 2fr; height: 1fr; max-height: 100%; border-top: none; border-left: solid $border-blurred;
    }
    """

    def __init__(self, session: "ProfileSession", at: str | None = None) -> None:
        super().__init__()
        self.session = session
        self._order: list[str] = list(ORDER)
        self._at = at
        self._frame = 0

    def compose(self) -> ComposeResult:
        """Title, chain, head, rows, the chosen row in full."""
        yield TitleBar(self.session.profile.name, "verification")
        yield ChainBar(links_open=True)
        yield Static(id="head", markup=False)
        with Horizontal(id="parts"):
            yield OptionList(id="rows")
            yield CheckCard(keeps_height=True)
        yield KeyFooter()

    async def on_mount(self) -> None:
        """Show what is known, in its order."""
        on_theme_change(self, self._draw)
        rows = self._list
        rows.add_options(Option(Text(""), id=check_id) for check_id in self._order)
        if self.session.checking_since is None:
            self._raise_failing()
        rows.focus()
        rows.highlighted = self._order.index(self._at) if self._at in self._order else 0
        self._draw()
        self.set_interval(0.1 if self.app.animation_level != "none" else 1.0, self._pass_time)

    @property
    def _list(self) -> OptionList:
        return self.query_one("#rows", OptionList)

    @property
    def current(self) -> str:
        """The id of the check under the cursor."""
        at = self._list.highlighted
        return self._order[at if at is not None else 0]

    async def on_rows_changed(self, _: RowsChanged) -> None:
        """A check has begun or ended, or all have; after a retry of some the rows stay in their places."""
        if self.session.checking_since is None and self.session.checking_all:
            self._raise_failing()
        self._draw()
        await self._show_card()

    def on_resize(self) -> None:
        """Cut the lines again."""
        self.call_after_refresh(self._draw)

    def _pass_time(self) -> None:
        if self.session.checking_since is not None:
            self._frame += 1
            self._draw(running_only=True)

    def _raise_failing(self) -> None:
        """Failing rows to the top, in one move, once all are done; the cursor stays on its row."""
        here = self.current

        def severity(check_id: str) -> int:
            row = self.session.shown(check_id)
            if row is None or row.state not in (CheckState.FAIL, CheckState.WARN):
                return 0
            return row.state.severity

        wanted: list[str] = sorted(ORDER, key=lambda check_id: -severity(check_id))
        if wanted == self._order:
            return
        untouched = self._order == list(ORDER) and self._list.highlighted == 0 and self._at is None
        self._order = wanted
        rows = self._list
        rows.clear_options()
        rows.add_options(Option(Text(""), id=check_id) for check_id in wanted)
        rows.highlighted = 0 if untouched else wanted.index(here)

    def _draw(self, *, running_only: bool = False) -> None:
        width = self._list.size.width or self.size.width
        for index, check_id in enumerate(self._order):
            if running_only and check_id not in self.session.active:
                continue
            self._list.replace_option_prompt_at_index(index, self._line(check_id, width - 5))
        self.query_one(ChainBar).view = self.session.chain
        self.query_one("#head", Static).update(self._head())
        self.refresh_bindings()

    def _head(self) -> str:
        session = self.session
        total = len(ORDER)
        since = session.checking_since
        if since is not None:
            done = total - len(session.active)
            return f"Verification   {done} of {total} done, {span(time.monotonic() - since)}"
        states = [row.state for row in session.rows.values()]
        parts = [
            f"{states.count(state)} {words}"
            for state, words in (
                (CheckState.FAIL, "failed"),
                (CheckState.WARN, "to look at"),
                (CheckState.PASS, "ok"),
                (CheckState.SKIPPED, "skipped"),
            )
            if state in states
        ]
        when = f", {ago(session.seen_at, datetime.now(UTC))}" if session.seen_at is not None else ""
        took = f", took {span(session.checking_took)}" if session.checking_took else when
        summary = f"{len(states)} of {total} done: {', '.join(parts)}{took}"
        heading = f"Verification   {summary}"
        return heading if len(heading) <= self.size.width - 2 else summary

    def _line(self, check_id: str, width: int) -> Text:
        row = self.session.shown(check_id)
        under_way = self.session.active.get(check_id)
        line = Text(no_wrap=True, overflow="ellipsis")
        if row is None:
            check = next(check for check in ALL_CHECKS if check.id == check_id)
            return line.append(f"{GLYPHS.states[CheckState.WAITING]} {check.title}", "dim")
        state = under_way[0] if under_way is not None else row.state
        glyph = GLYPHS.states[state]
        if state is CheckState.RUNNING and self.app.animation_level != "none":
            glyph = GLYPHS.spinner[self._frame % len(GLYPHS.spinner)]
        stale = check_id not in self.session.looked
        line.append(f"{glyph} ", self._colour(state))
        line.append(cut_middle(row.title, TITLE_WIDTH).ljust(TITLE_WIDTH + 1), "dim" if stale else "")
        if under_way is not None:
            waited = time.monotonic() - under_way[1]
            word = STATE_WORDS[state]
            if state is CheckState.RUNNING and waited >= SILENT_SECONDS:
                word += f", {waited:.0f} s"
            return line.append(word, "dim")
        took = f"{span(row.seconds):>7}" if width >= TIMES_FROM and row.seconds >= LEAST_TOLD else ""
        if took:
            width -= len(took) + 1
        quiet = stale or row.state in (CheckState.SKIPPED, CheckState.WAITING)
        summary = cut_end(row.summary, room := max(8, width - TITLE_WIDTH - 3))
        line.append(summary.ljust(room) if took else summary, "dim" if quiet else "")
        return line.append(f" {took}" if took else "", "dim")

    def _colour(self, state: CheckState) -> str:
        return state_colour(self.app, state)

    @on(OptionList.OptionHighlighted)
    async def _moved(self) -> None:
        await self._show_card()

    async def _show_card(self) -> None:
        row = self.session.shown(self.current)
        await self.query_one(CheckCard).show(row, self.session.age_note(self.current))
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _go_on(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        row = self.session.shown(self.current)
        if row is not None and row.state in (CheckState.FAIL, CheckState.WARN):
            self.query_one(CheckCard).focus_fixes()
        elif self.session.checking_since is None:
            app_of(self).show_sync()

    @on(ChainBar.LinkChosen)
    def _link_chosen(self, event: ChainBar.LinkChosen) -> None:
        event.stop()
        worst = self.session.worst_of(event.stage)
        of_stage = (at for at, check_id in enumerate(self._order) if _stage(check_id) == event.stage)
        self._list.highlighted = self._order.index(worst) if worst is not None else next(of_stage, 0)
        self._list.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "again":
            return self.session.checking_since is None
        if action == "troubleshoot":
            row = self.query_one(CheckCard).row if self.is_mounted else None
            return row is not None and row.state in (CheckState.FAIL, CheckState.WARN)
        if action == "evidence":
            row = self.query_one(CheckCard).row if self.is_mounted else None
            return row is not None and bool(row.evidence or row.exceptions)
        if action == "explain":
            row = self.query_one(CheckCard).row if self.is_mounted else None
            return row is not None and bool(row.tables)
        return True

    def action_chain(self) -> None:
        """Go to the chain's stages."""
        self.query_one(ChainBar).focus()

    def action_again(self) -> None:
        """Run the check under the cursor again, and those that depend on it."""
        app_of(self).rerun(self.current)

    def action_troubleshoot(self) -> None:
        """Walk the chain for what the row under the cursor shows."""
        app_of(self).show_troubleshooting(self.current)

    def action_explain(self) -> None:
        """Explain the tables that the row under the cursor is about."""
        row = self.query_one(CheckCard).row
        if row is not None and row.tables:
            app_of(self).explain_tables(row.tables, row.title)

    def action_all_again(self) -> None:
        """Look again at everything."""
        app_of(self).start_checks(asked=True)

    def action_evidence(self) -> None:
        """Show the evidence, or take it away."""
        self.query_one(CheckCard).toggle_evidence()

    def action_copy(self) -> None:
        """Copy the whole checklist as text."""
        rows = [row for check_id in self._order if (row := self.session.shown(check_id)) is not None]
        copy_text(self, report(self.session.profile.name, rows), "the report")

    def action_back(self) -> None:
        """From a fix back to the rows, then back to where one came from."""
        if self.focused is not None and self.focused is not self._list:
            self._list.focus()
        else:
            self.dismiss(None)

    @on(CheckCard.FixChosen)
    def _fix(self, event: CheckCard.FixChosen) -> None:
        event.stop()
        app_of(self).carry_out(event.fix)

    def on_key(self, event: events.Key) -> None:
        """Fixes by their keys."""
        if isinstance(self.focused, Input) or event.key in self.active_bindings:
            return
        if self.query_one(CheckCard).press(event.key):
            event.stop()


def _stage(check_id: str) -> object:
    return next(check.stage for check in ALL_CHECKS if check.id == check_id)


def report(profile: str, rows: list[CheckResult]) -> str:
    """The checklist as text, to send to somebody; the clipboard's way out removes secrets."""
    lines = [f"dbtcollate verification of {profile}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"]
    for row in rows:
        lines.append(f"{STATE_WORDS[row.state]:8} {row.title}: {row.summary}")
        if row.state not in (CheckState.FAIL, CheckState.WARN):
            continue
        lines.extend(f"         cause: {cause}" for cause in row.causes)
        lines.extend(f"         evidence: {item}" for item in row.evidence)
        lines.extend(f"         fix: {fix.label} {fix.value}".rstrip() for fix in row.fixes)
        lines.extend(f"         - {item}" for item in row.exceptions)
    return "\n".join(lines)
