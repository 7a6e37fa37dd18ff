"""The chain at rest: what is in Collate now, what is next, how the last syncs went, what needs a person."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.collate.links import pipeline_service_page
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Retry
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_end
from dbtcollate_tui.tui.keys import key_of
from dbtcollate_tui.tui.messages import EventsArrived, RowsChanged
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.card_keys import CardKeys
from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.check_card import CheckCard
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.title_bar import TitleBar
from dbtcollate_tui.wording import ago, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbtcollate_tui.checks.summary import StatusLine
    from dbtcollate_tui.history.records import HistoryRecord
    from dbtcollate_tui.tui.session import ProfileSession
    from dbtcollate_tui.tui.sync_run import SyncRun

SYNCS_SHOWN = 20
LIST_SHOWN = 8
"""Syncs that are named beside the chart where there is room."""
LABEL_WIDTH = 15
RESIZED_SECONDS = 0.1
"""A window that is drawn larger changes its size many times a second; the last one counts."""
WAYS = {"sync": "syncs now", "pipeline": "sets it up", "open_connector": "opens it"}
"""The key of each way on, for a line without a row of its own under "Needs attention"."""


class HomeScreen(CardKeys, FittedScreen[None]):
    """Shows at once what the last visit knew, grey with its age, then looks again, stage by stage."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "app.sync", "Sync"),
        Binding("v", "app.verify", "Verify"),
        Binding("t", "app.troubleshoot", "Troubleshoot"),
        Binding("h", "app.history", "History"),
        Binding("e", "evidence", "Evidence"),
        Binding("e", "app.edit_setup", "Edit setup"),
        Binding("p", "app.profiles", "Profiles"),
        Binding("d", "app.pipeline", "Pipeline in Collate", show=False),
        Binding("slash", "app.explain", "Find a table", show=False),
        Binding("c", "app.coverage", "Coverage", show=False),
        Binding("i", "app.ingest_tables", "Ingest missing tables", show=False),
        Binding("o", "open_connector", "Open the dbt Cloud connector", show=False),
        Binding("r", "again", "Check again", show=False),
        Binding("left,right", "chain", show=False),
        Binding("down,up", "needs", show=False),
        Binding("escape", "close", show=False),
        Binding("q", "app.quit_asking", "Quit", show=False),
    ]
    DEFAULT_CSS = """
    HomeScreen #parts { height: 1fr; layout: vertical; }
    HomeScreen #left { height: 1fr; layout: vertical; }
    HomeScreen #rest { height: auto; padding: 0 2; }
    HomeScreen #rest Static { height: auto; }
    HomeScreen #needing { height: 1fr; display: none; }
    HomeScreen #needs-title { height: auto; padding: 1 2 0 2; text-style: bold; }
    HomeScreen #needs { height: auto; max-height: 1fr; padding: 0 1; border: none; background: transparent; }
    HomeScreen CheckCard { height: 1fr; display: none; }
    HomeScreen.-needy #needing { display: block; }
    HomeScreen.-opened #rest { display: none; }
    HomeScreen.-opened #left { height: auto; max-height: 40%; }
    HomeScreen.-opened #needing { height: auto; }
    HomeScreen.-opened CheckCard { display: block; }
    HomeScreen.-narrow CheckCard #fixes, HomeScreen.-medium CheckCard #fixes {
        dock: bottom; background: $background;
    }
    HomeScreen.-wide #parts, HomeScreen.-widest #parts { layout: horizontal; }
    HomeScreen.-wide.-opened #rest, HomeScreen.-widest.-opened #rest { display: block; }
    HomeScreen.-wide #left { width: 3fr; height: 1fr; max-height: 100%; }
    HomeScreen.-widest #left { width: 2fr; height: 1fr; max-height: 100%; layout: horizontal; }
    HomeScreen.-widest #rest { width: 1fr; }
    HomeScreen.-widest #needing { width: 1fr; height: 1fr; }
    HomeScreen.-widest #needs-title { padding: 0 2; }
    HomeScreen.-wide CheckCard, HomeScreen.-widest CheckCard {
        width: 2fr; border-top: none; border-left: solid $border-blurred;
    }
    HomeScreen.-widest CheckCard { width: 1fr; }
    HomeScreen.-wide.-needy CheckCard, HomeScreen.-widest.-needy CheckCard { display: block; }
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name_of_profile = name
        self._session: ProfileSession | None = None
        self._shown: tuple[object, ...] = ()
        self._fitted = (False, 0)
        self._fitting: Timer | None = None

    def compose(self) -> ComposeResult:
        """Title, chain, what is, what needs a person, and one of that in full."""
        yield TitleBar(self.name_of_profile, clock=True, switch=True)
        yield ChainBar(links_open=True)
        yield ErrorCard()
        with Horizontal(id="parts"):
            with Vertical(id="left"):
                with Vertical(id="rest"):
                    yield Static(id="facts", markup=False)
                    yield Static(id="syncs", markup=False)
                with Vertical(id="needing"):
                    yield Static("Needs attention", id="needs-title", markup=False)
                    yield OptionList(id="needs")
            yield CheckCard(taken="svthedpiorqy", opened_first=True)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Stand first, then read and look."""
        self.set_interval(20, self._draw)
        on_theme_change(self, self._draw)
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
                app.opening_ended()
                await self.query_one(ErrorCard).show(error)
                return
        self._session = session
        if self.focused is None:
            self.query_one(ChainBar).focus()
        self._draw()
        if session.checking_since is None:
            app.start_checks()
        app.opening_ended()

    # ------------------------------------------------------------------ what changes it

    def on_rows_changed(self, _: RowsChanged) -> None:
        """A check has begun or ended; a screen that is hidden draws when it is shown again."""
        if not self._is_hidden:
            self._draw()

    def on_events_arrived(self, _: EventsArrived) -> None:
        """The running sync went on."""
        if not self._is_hidden:
            self._draw()

    @property
    def _is_hidden(self) -> bool:
        """Whether a screen that fills the window is above this one."""
        stack = self.app.screen_stack
        above = stack[stack.index(self) + 1 :] if self in stack else stack
        return any(not screen.is_modal for screen in above)

    def on_screen_resume(self) -> None:
        """Things may have changed meanwhile."""
        self._draw()

    def on_resize(self) -> None:
        """Lay out again what depends on the size, once that stays."""
        if self._fitting is not None:
            self._fitting.stop()
        self._fitting = self.set_timer(RESIZED_SECONDS, self._fit)

    # ------------------------------------------------------------------ drawing

    def _draw(self) -> None:
        session = self._session
        if session is None:
            return
        self.query_one(ChainBar).view = session.chain
        self.query_one("#facts", Static).update(self._facts(session))
        syncs = self.query_one("#syncs", Static)
        syncs.display = bool(session.syncs)
        self._fitted = self._room
        syncs.update(self._syncs(session))
        self._list_needs(session)

    @property
    def _room(self) -> tuple[bool, int]:
        """Whether there is width for more than a line of the syncs, and the height."""
        return self.has_class("-wide") or self.has_class("-widest"), self.size.height

    def _fit(self) -> None:
        session = self._session
        if session is None:
            return
        if self._room != self._fitted:
            self._fitted = self._room
            self.query_one("#syncs", Static).update(self._syncs(session))
        self._list_needs(session)

    def _facts(self, session: "ProfileSession") -> Table:
        from dbtcollate_tui.checks.summary import connector_line, in_collate, next_sync

        now, looked = datetime.now(UTC), session.looked
        table = _grid()
        run = app_of(self).sync_run
        if run is not None and app_of(self).is_syncing:
            table.add_row("Syncing now", Text(f"{_progress(run)}   s shows it"))
        said = in_collate(session.standing, now)
        self._say(table, "In Collate now", said, stale="verification.ingestion" not in looked)
        self._say(
            table, "Next", next_sync(session.standing, now), stale="pipeline.exists" not in looked, way=True
        )
        connector = connector_line(session.standing, now)
        if connector is not None:
            self._say(table, "dbt connector", connector, stale="pipeline.exists" not in looked, way=True)
        if (line := _coverage_line(session.syncs)) is not None:
            table.add_row("Coverage", line.append(f"   {key_of(self, 'coverage')} shows it", "dim"))
        if session.checking_since is not None and session.chain.stale and session.seen_at is not None:
            table.add_row("Known", Text(f"{ago(session.seen_at, now)}; checking again", "dim"))
        return table

    def _say(
        self, table: Table, label: str, said: "StatusLine | None", *, stale: bool, way: bool = False
    ) -> None:
        if said is None:
            table.add_row(label, Text("not checked yet", "dim"))
            return
        marked = said.state in (CheckState.WARN, CheckState.FAIL)
        line = Text(style="dim" if stale else "")
        mark = Text(f"{GLYPHS.states[said.state]} ", "dim" if stale else self._colour(said.state))
        if marked and not said.more:
            line.append_text(mark)
        line.append(said.text)
        if way and said.way and said.state is not CheckState.PASS:
            line.append(f"   {key_of(self, said.way)} {WAYS[said.way]}", "dim")
        if said.more:
            line.append("\n")
            if marked:
                line.append_text(mark)
            line.append(said.more, "" if marked else "dim")
        table.add_row(label, line)

    def _syncs(self, session: "ProfileSession") -> Table:
        from dbtcollate_tui.tui.widgets.durations import chart, in_words

        shown = session.syncs[-SYNCS_SHOWN:]
        roomy, height = self._room
        table = _grid()
        table.add_row("", "")
        drawn = chart(self.app, shown, 3 if roomy and height >= 30 else 1)
        drawn.append(f"{chr(10) if roomy else '   '}{in_words(shown)}", "" if not roomy else "dim")
        table.add_row("Syncs", drawn)
        if roomy:
            table.add_row("", "")
            self._name_syncs(table, session)
        return table

    def _name_syncs(self, table: Table, session: "ProfileSession") -> None:
        """The latest syncs by name, as many as there is height for."""
        from dbtcollate_tui.tui.widgets.durations import outcome_mark

        now = datetime.now(UTC)
        most = min(LIST_SHOWN, max(0, self.size.height - 24))
        for record in session.syncs[: -most - 1 : -1] if most else ():
            line = outcome_mark(self.app, record).append(f" {span(record.seconds):>6}   ")
            where = "in Collate" if record.engine == "collate" else "from here"
            line.append(f"{where}, {record.counts}")
            table.add_row(ago(datetime.fromisoformat(record.at), now), line)

    def _list_needs(self, session: "ProfileSession") -> None:
        rows = sorted(
            (row for row in session.rows.values() if row.state in (CheckState.FAIL, CheckState.WARN)),
            key=lambda row: -row.state.severity,
        )
        # One cause is one line: a later row with the causes of an earlier one says nothing new.
        first_of: dict[tuple[str, ...], CheckResult] = {}
        for row in rows:
            first_of.setdefault(row.causes or (row.summary,), row)
        rows = list(first_of.values())
        needs = self.query_one("#needs", OptionList)
        width = (needs.size.width or self.size.width) - 4
        shown = (
            width,
            self.app.theme,
            tuple((row.check_id, row.state, row.summary, row.check_id in session.looked) for row in rows),
        )
        if shown == self._shown:
            return
        self._shown = shown
        self.set_class(bool(rows), "-needy")
        if not rows:
            self.remove_class("-opened")
        at = self.current_need if needs.highlighted else None
        known = needs.option_count
        needs.clear_options()
        needs.add_options(
            Option(self._need(row, width, stale=row.check_id not in session.looked), id=row.check_id)
            for row in rows
        )
        ids: list[str] = [row.check_id for row in rows]
        if rows:
            needs.highlighted = ids.index(at) if at in ids else 0
            if self.focused is None or (isinstance(self.focused, ChainBar) and not known):
                needs.focus()
        elif self.focused is None:
            self.query_one(ChainBar).focus()
        self.call_after_refresh(self._show_card)

    def _need(self, row: CheckResult, width: int, *, stale: bool) -> Text:
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{GLYPHS.states[row.state]} ", "dim" if stale else self._colour(row.state))
        room = width - 2
        fix = next((fix.label for fix in row.fixes if not isinstance(fix, Retry)), "")
        wide = self.has_class("-wide") or self.has_class("-widest")
        if wide or not fix or len(row.summary) > room - 12:
            return line.append(cut_end(row.summary, room), "dim" if stale else "")
        line.append(row.summary, "dim" if stale else "")
        return line.append(f"   {cut_end(fix, room - len(row.summary) - 3)}", "dim")

    def _colour(self, state: CheckState) -> str:
        return state_colour(self.app, state)

    async def _show_card(self) -> None:
        session, need = self._session, self.current_need
        if session is not None:
            row = session.rows.get(need) if need is not None else None
            await self.query_one(CheckCard).show(row, session.age_note(need) if need is not None else "")
        self.refresh_bindings()

    # ------------------------------------------------------------------ keys and mouse

    @property
    def current_need(self) -> str | None:
        """The id of the check under the cursor of "Needs attention"."""
        needs = self.query_one("#needs", OptionList)
        at = needs.highlighted
        return needs.get_option_at_index(at).id if at is not None and at < needs.option_count else None

    @property
    def _on_card(self) -> bool:
        focused = self.focused
        return focused is not None and self.query_one(CheckCard) in focused.ancestors

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown: the evidence while one is at a card, else the setup."""
        if action == "evidence":
            card = self.query_one(CheckCard) if self.is_mounted else None
            opened = self.has_class("-opened") or (self.is_mounted and self._on_card)
            return opened and card is not None and card.row is not None and card.has_evidence
        if action == "close":
            return self.has_class("-opened") or self._on_card
        if action == "needs":
            return self.has_class("-needy") and not isinstance(self.focused, OptionList)
        if action == "open_connector":
            return self._session is not None and self._session.standing.connector is not None
        return True

    def action_again(self) -> None:
        """Look again at the whole chain; at the profile's file where that could not be read."""
        if self._session is None:
            self.query_one(ErrorCard).clear()
            self._begin()
        else:
            app_of(self).start_checks()

    def action_open_connector(self) -> None:
        """Open the page of OpenMetadata's own dbt Cloud connector."""
        session = self._session
        if session is not None and session.standing.connector is not None:
            name = session.standing.connector.name
            self.app.open_url(pipeline_service_page(session.profile.collate.base_url, name))

    def action_chain(self) -> None:
        """Go to the chain's stages."""
        self.query_one(ChainBar).focus()

    def action_needs(self) -> None:
        """Go to what needs a person."""
        self.query_one("#needs", OptionList).focus()

    def action_evidence(self) -> None:
        """Show the card's evidence, or take it away."""
        self.query_one(CheckCard).toggle_evidence()

    def action_close(self) -> None:
        """From the card back to the list, then back to what is."""
        if self._on_card:
            self.query_one("#needs", OptionList).focus()
        if not self._on_card or not (self.has_class("-wide") or self.has_class("-widest")):
            self.remove_class("-opened")
        self.refresh_bindings()

    @on(OptionList.OptionHighlighted, "#needs")
    async def _need_reached(self) -> None:
        await self._show_card()

    @on(OptionList.OptionSelected, "#needs")
    async def _need_chosen(self, event: OptionList.OptionSelected) -> None:
        """Open it in place: its cause, evidence and fixes; the first fix has the focus."""
        event.stop()
        self.add_class("-opened")
        await self._show_card()
        self.query_one(CheckCard).focus_fixes()
        self.refresh_bindings()

    @on(CheckCard.FixChosen)
    def _fix(self, event: CheckCard.FixChosen) -> None:
        event.stop()
        app_of(self).carry_out(event.fix)

    @on(ChainBar.LinkChosen)
    def _link_chosen(self, event: ChainBar.LinkChosen) -> None:
        if self._session is not None:
            event.stop()
            app_of(self).show_checklist(self._session.worst_of(event.stage))

    @on(TitleBar.SwitchChosen)
    async def _switch(self) -> None:
        await self.run_action("app.profiles")

    def on_key(self, event: events.Key) -> None:
        """The fixes of the card in sight, by their keys."""
        super().on_key(event)
        card = self.query_one(CheckCard)
        if card.display and event.key not in self.active_bindings and card.press(event.key):
            event.stop()


def _coverage_line(syncs: "Sequence[HistoryRecord]") -> Text | None:
    """What Collate held of all that dbt declares after the latest sync that counted it."""
    from dbtcollate_tui.plan.explanation.coverage import FACTS, TITLES

    record = next((record for record in reversed(syncs) if record.percent is not None), None)
    if record is None or record.percent is None:
        return None
    line = Text(f"{record.percent:.0f} % of what dbt declares")
    gaps = [
        (declared - held, TITLES[fact], f"{held} of {declared}")
        for fact in FACTS
        if (declared := record.coverage.get(fact, (0, 0))[0]) > (held := record.coverage.get(fact, (0, 0))[1])
    ]
    if gaps:
        _, title, numbers = max(gaps)
        line.append(f", largest gap: {title} {numbers}")
    return line


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, style="dim", width=LABEL_WIDTH)
    table.add_column(ratio=1)
    return table


def _progress(run: "SyncRun") -> str:
    for event in reversed(run.history):
        done, total = getattr(event, "done", None), getattr(event, "total", None)
        if done is not None:
            return f"{done} of {total} {getattr(event, 'unit', '')}" if total else f"{done}"
        if getattr(event, "phase", None):
            return f"{getattr(event, 'text', '')}"
    return "starting"
