"""The chain at rest: what is in Collate now, what is next, how the last syncs went, what needs a person."""

from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckResult, CheckState
from dbtcollate_tui.checks.words import ago, span
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, cut_middle
from dbtcollate_tui.tui.messages import EventsArrived, RowsChanged
from dbtcollate_tui.tui.owner import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from dbtcollate_tui.sync.history import HistoryRecord
    from dbtcollate_tui.tui.bridge import SyncRun
    from dbtcollate_tui.tui.session import ProfileSession

BARS = "▁▂▃▄▅▆▇█"
SYNCS_SHOWN = 20


class HomeScreen(CardKeys, Screen[None]):
    """Shows at once what the last visit knew, grey with its age, then looks anew, link by link."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "app.sync", "Sync"),
        Binding("v", "app.verify", "Verify"),
        Binding("r", "again", "Look anew"),
        Binding("e", "app.edit_setup", "Edit setup"),
        Binding("p", "app.profiles", "Profiles"),
        Binding("d", "app.pipeline", "In Collate"),
        Binding("q", "app.quit_asking", "Quit", show=False),
    ]
    DEFAULT_CSS = """
    HomeScreen #facts { height: auto; padding: 0 2; }
    HomeScreen #needs-title { height: auto; padding: 1 2 0 2; text-style: bold; display: none; }
    HomeScreen #needs { height: 1fr; padding: 0 1; border: none; background: transparent; display: none; }
    HomeScreen.-needy #needs, HomeScreen.-needy #needs-title { display: block; }
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name_of_profile = name
        self._session: ProfileSession | None = None
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, chain, facts, what needs a person."""
        yield TitleBar(self.name_of_profile, clock=True)
        yield ChainBar()
        yield ErrorCard()
        yield Static(id="facts")
        yield Static("Needs you", id="needs-title")
        yield OptionList(id="needs")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Stand first, then read and look."""
        self.set_interval(20, self._draw)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.run_worker(self._open(), group="open", exclusive=True)

    async def _open(self) -> None:
        app = app_of(self)
        session = app.session
        if session is None or session.profile.name != self.name_of_profile:
            try:
                session = await app.open_session(self.name_of_profile)
            except ActionableError as error:
                await self.query_one(ErrorCard).show(error)
                return
        self._session = session
        self._draw()
        if session.checking_since is None:
            app.start_checks()

    def action_again(self) -> None:
        """Look anew at the whole chain; at the profile's file where that could not be read."""
        if self._session is None:
            self.query_one(ErrorCard).clear()
            self._begin()
        else:
            app_of(self).start_checks()

    def on_rows_changed(self, _: RowsChanged) -> None:
        """A check has begun or ended."""
        self._draw()

    def on_events_arrived(self, _: EventsArrived) -> None:
        """The running sync went on."""
        self._draw()

    def on_screen_resume(self) -> None:
        """Things may have changed meanwhile."""
        self._draw()

    def _draw(self) -> None:
        session = self._session
        if session is None:
            return
        self.query_one(ChainBar).view = session.chain
        self.query_one("#facts", Static).update(self._facts(session))
        self._list_needs(session)

    def _facts(self, session: "ProfileSession") -> Table:
        now = datetime.now(UTC)
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True, style="dim", width=15)
        table.add_column(ratio=1)
        run = app_of(self).sync_run
        if run is not None and app_of(self).is_syncing:
            table.add_row("Syncing now", Text(f"{_progress(run)}   s shows it"))
        table.add_row("In Collate now", Text(_in_collate(session, now)))
        newest = session.rows.get("run.exists")
        if newest is not None and newest.state is not CheckState.SKIPPED:
            table.add_row("Newest run", Text(newest.summary))
        schedule = session.rows.get("pipeline.schedule")
        if schedule is not None and schedule.state in (CheckState.PASS, CheckState.WARN, CheckState.FAIL):
            table.add_row("Next", Text(schedule.summary))
        if session.syncs:
            table.add_row("", "")
            table.add_row("Syncs", self._syncs(session.syncs))
        if session.checking_since is not None and session.chain.stale:
            table.add_row("", "")
            table.add_row("Known", Text(f"{ago(session.seen_at, now)}; looking anew", "dim"))
        return table

    def _syncs(self, syncs: "tuple[HistoryRecord, ...]") -> Text:
        shown = syncs[-SYNCS_SHOWN:]
        longest = max((sync.seconds for sync in shown), default=0.0) or 1.0
        text = Text()
        for sync in shown:
            if sync.outcome == "ok":
                height = min(len(BARS) - 1, round(sync.seconds / longest * (len(BARS) - 1)))
                text.append(BARS[height], self._colour(CheckState.PASS))
            else:
                state = CheckState.FAIL if sync.outcome == "failed" else CheckState.WARN
                text.append(GLYPHS.states[state], self._colour(state))
        failed = sum(sync.outcome == "failed" for sync in shown)
        partial = sum(sync.outcome in ("partial", "cancelled") for sync in shown)
        words = [f"{len(shown)}"]
        if failed:
            words.append(f"{failed} failed")
        if partial:
            words.append(f"{partial} not whole")
        words.append(f"usually {span(median(sync.seconds for sync in shown))}")
        return text.append(f"   {', '.join(words)}")

    def _list_needs(self, session: "ProfileSession") -> None:
        rows = sorted(
            (row for row in session.rows.values() if row.state in (CheckState.FAIL, CheckState.WARN)),
            key=lambda row: -row.state.severity,
        )
        width = self.size.width - 6
        shown = (
            width,
            tuple((row.check_id, row.state, row.summary, row.check_id in session.looked) for row in rows),
        )
        if shown == self._shown:
            return
        self._shown = shown
        self.set_class(bool(rows), "-needy")
        needs = self.query_one("#needs", OptionList)
        at = needs.highlighted
        needs.clear_options()
        needs.add_options(
            Option(self._need(row, width, stale=row.check_id not in session.looked), id=row.check_id)
            for row in rows
        )
        if rows:
            needs.highlighted = min(at or 0, len(rows) - 1)
            if self.focused is None:
                needs.focus()

    def _need(self, row: CheckResult, width: int, *, stale: bool) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{GLYPHS.states[row.state]} ", "dim" if stale else self._colour(row.state))
        room = width - 2
        cause = row.causes[0] if row.causes and row.causes[0].rstrip(".") != row.summary else ""
        first = room * 3 // 5 if cause else room
        line.append(cut_middle(row.summary, first).ljust(first), "dim" if stale else "")
        if cause:
            line.append(f"  {_cut_end(cause, room - first - 2)}", "dim")
        return line

    def _colour(self, state: CheckState) -> str:
        value = self.app.theme_variables.get(STATE_COLOURS[state].removeprefix("$"), "")
        return value if value.startswith("#") else "dim"

    @on(OptionList.OptionSelected, "#needs")
    def _need_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        app_of(self).show_checklist(event.option_id)

    @on(ChainBar.LinkChosen)
    def _link_chosen(self, event: ChainBar.LinkChosen) -> None:
        session = self._session
        if session is not None:
            first = next((row.check_id for row in session.rows.values() if row.link is event.link), None)
            app_of(self).show_checklist(first)


def _cut_end(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - len(GLYPHS.cut)].rstrip() + GLYPHS.cut


def _in_collate(session: "ProfileSession", now: datetime) -> str:
    last = session.syncs[-1] if session.syncs else None
    if last is None:
        return "nothing was synced from here yet"
    at = datetime.fromisoformat(last.at)
    words = f"run #{last.run_id}" if last.run_id is not None else "no run"
    if last.job_name:
        words += f' of "{last.job_name}"'
    words += f", synced {ago(at, now)}"
    if last.outcome != "ok":
        words += f" ({last.outcome}: {last.written} of {last.planned} changes written)"
    return words


def _progress(run: "SyncRun") -> str:
    for event in reversed(run.history):
        done, total = getattr(event, "done", None), getattr(event, "total", None)
        if done is not None:
            return f"{done} of {total} {getattr(event, 'unit', '')}" if total else f"{done}"
        if getattr(event, "phase", None):
            return f"{getattr(event, 'text', '')}"
    return "starting"
