"""Troubleshooting: from what one sees, along the chain to the broken stage, to its fix, and on from there."""

import asyncio
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.settings.files import write_private
from dbtcollate_tui.troubleshooting.report import SupportMessage, keep, letter_of, report
from dbtcollate_tui.troubleshooting.session import Outcome, TroubleshootingSession, earlier
from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS, WHOLE_CHAIN, Symptom
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_end
from dbtcollate_tui.tui.protocols import app_of
from dbtcollate_tui.tui.screens.fixing import SupportMessageScreen
from dbtcollate_tui.tui.screens.session_fixes import SessionFixes, SessionScreen
from dbtcollate_tui.tui.theme import on_theme_change, state_colour
from dbtcollate_tui.tui.widgets.chain import ChainBar, ChainView
from dbtcollate_tui.tui.widgets.check_card import TAKEN, CheckCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.session_lines import BAD, SessionLines
from dbtcollate_tui.tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from dbtcollate_tui.tui.session import ProfileSession

SEEN_WIDTH = 47
DONE_SHOWN = 4
"""This many of the last findings and fixes are named; the report has all."""
BESIDE_FROM = 110
"""From this many columns on, symptoms and session are side by side."""
GUIDE, BESIDE = "In Collate's guide", "Other symptoms"
OUTCOME_STATES = {
    Outcome.WALKING: CheckState.RUNNING,
    Outcome.BROKEN: CheckState.FAIL,
    Outcome.EXPLAINED: CheckState.WARN,
    Outcome.WARNED: CheckState.WARN,
    Outcome.GOOD: CheckState.PASS,
}


class TroubleshootScreen(SessionScreen):
    """List the symptoms, then check the chain for the chosen one; a given ``symptom`` is checked at once.

    ``walk`` is the session that is shown. `SessionFixes` carries out fixes, then calls `go_on`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Check again"),
        Binding("e", "evidence", "Evidence"),
        Binding("m", "letter", "Support message"),
        Binding("y", "copy", "Copy"),
        Binding("w", "save", "Save"),
        Binding("escape", "back", "Back"),
        Binding("x", "explain", "Explain"),
    ]
    DEFAULT_CSS = """
    TroubleshootScreen #head { height: auto; max-height: 2; padding: 0 1; text-style: bold; }
    TroubleshootScreen #parts { height: 1fr; }
    TroubleshootScreen #symptoms > .option-list--option-disabled { color: $text-muted; text-style: bold; }
    TroubleshootScreen #symptoms, TroubleshootScreen #symptoms:focus {
        width: 1fr; height: 1fr; border: none; background: transparent; padding: 0 1;
    }
    TroubleshootScreen #walk { width: 1fr; height: 1fr; display: none; }
    TroubleshootScreen #done { height: auto; max-height: 4; padding: 0 1 0 3; color: $text-muted; }
    TroubleshootScreen #hint { height: auto; padding: 0 1; display: none; }
    TroubleshootScreen CheckCard { height: 1fr; }
    TroubleshootScreen CheckCard #fixes { dock: bottom; background: $background; }
    TroubleshootScreen.-widest CheckCard #fixes { dock: none; }
    TroubleshootScreen.-walked #symptoms { display: none; }
    TroubleshootScreen.-walked #walk { display: block; }
    TroubleshootScreen.-wide #symptoms, TroubleshootScreen.-widest #symptoms { display: block; width: 48; }
    TroubleshootScreen.-wide #walk, TroubleshootScreen.-widest #walk {
        display: block; border-left: solid $border-blurred;
    }
    TroubleshootScreen.-fresh #hint { display: block; }
    TroubleshootScreen.-fresh CheckCard, TroubleshootScreen.-fresh SessionLines { display: none; }
    """

    def __init__(self, symptom: Symptom | None = None) -> None:
        super().__init__(classes="-fresh")
        self.walk: TroubleshootingSession | None = None
        self.run_id: int | None = None
        self.reopened = False
        self._first = symptom
        self._checks: CheckContext | None = None
        self._of: ProfileSession | None = None

    def compose(self) -> ComposeResult:
        """Title, chain, state, symptoms, the session with its card."""
        yield TitleBar("", "troubleshooting")
        yield ChainBar()
        yield Static("What do you see?", id="head", markup=False)
        with Horizontal(id="parts"):
            yield OptionList(id="symptoms")
            with Vertical(id="walk"):
                yield Static(id="hint")
                yield SessionLines()
                yield Static(id="done", markup=False)
                yield CheckCard(taken=f"{TAKEN}mwt")
        yield KeyFooter()

    def on_mount(self) -> None:
        """List the symptoms, and begin where one was given."""
        on_theme_change(self, self._draw)
        session = self.session
        self.query_one(TitleBar).subject = session.profile.name if session is not None else ""
        listing = self.query_one("#symptoms", OptionList)
        width = self.app.size.width
        for heading, in_guide in ((GUIDE, True), (BESIDE, False)):
            listing.add_option(Option(Text(heading), disabled=True))
            found = [symptom for symptom in SYMPTOMS if symptom.from_guide is in_guide]
            listing.add_options(Option(_seen(symptom, width), id=symptom.id) for symptom in found)
        first = self._first or SYMPTOMS[0]
        listing.highlighted = listing.get_option_index(first.id)
        listing.focus()
        if session is not None:
            self.query_one(ChainBar).view = session.chain
        self.set_interval(0.1 if self.app.animation_level != "none" else 1.0, self._pass_time)
        if self._first is not None:
            self.begin(self._first)

    @property
    def session(self) -> "ProfileSession | None":
        """The open profile; a fix may have opened it again."""
        return app_of(self).session

    @property
    def context(self) -> CheckContext | None:
        """What the checks of this session share; made again with the session and with another run."""
        session = self.session
        if session is None:
            return None
        if self._checks is None or self._of is not session:
            self._of = session
            self._checks = CheckContext(
                session.profile, session.connections, session.services, run_id=self.run_id
            )
        return self._checks

    # ------------------------------------------------------------------ the session

    def begin(self, symptom: Symptom) -> None:
        """Walk the chain for a symptom, from its first stage."""
        self.walk = TroubleshootingSession(symptom)
        self.take_run(None)
        self.add_class("-walked")
        self.remove_class("-fresh")
        self.query_one(SessionLines).focus()
        self.go_on("")

    def take_run(self, run_id: int | None) -> None:
        """Walk with this run in place of the rule's, or with the rule's again."""
        self.run_id = run_id
        self._checks = None

    def go_on(self, origin: str) -> None:
        """Walk on from the stage of a check; from the first for an empty id."""
        self.run_worker(self._go(origin), group="walk", exclusive=True)

    async def _go(self, origin: str) -> None:
        walk, context = self.walk, self.context
        if walk is None or context is None:
            return
        self.app.workers.cancel_group(self.app, "checks")
        await self.query_one(CheckCard).show(None)
        self._draw()
        try:
            async with aclosing(walk.go(context, origin)) as rows:
                async for _ in rows:
                    self._draw()
        finally:
            await context.settle()
        await asyncio.to_thread(keep, walk, app_of(self).services.state, context.profile)
        await self.show_end()

    async def show_end(self) -> None:
        """Put the cursor on what was found, and show its card."""
        walk = self.walk
        if walk is None:
            return
        row = walk.finding
        self._draw(at=row.check_id if row is not None else None)
        await self._show_card()
        if not self.query_one("#symptoms").has_focus or not self.query_one("#symptoms").display:
            self.query_one(SessionLines).focus()

    def _draw(self, *, at: str | None = None) -> None:
        walk = self.walk
        if walk is None or not self.is_mounted:
            return
        self.query_one(ChainBar).view = ChainView(walk.states())
        self.query_one(SessionLines).show(walk, at=at, compact=self._is_narrow)
        self.query_one("#head", Static).update(self._head(walk))
        width = max(20, self.query_one("#walk").size.width - 6)
        lines = [
            f"{GLYPHS.states[entry.state or CheckState.PASS]} {cut_end(entry.text, width)}"
            for entry in walk.story[-DONE_SHOWN:]
        ]
        self.query_one("#done", Static).update("\n".join(lines))
        self.query_one("#done").display = bool(lines)
        self.refresh_bindings()

    @property
    def _is_narrow(self) -> bool:
        return self.app.size.width < BESIDE_FROM

    def on_resize(self) -> None:
        """Cut the lines again."""
        self.call_after_refresh(self._draw)
        listing, width = self.query_one("#symptoms", OptionList), self.app.size.width
        for symptom in SYMPTOMS:
            listing.replace_option_prompt(symptom.id, _seen(symptom, width))

    def _head(self, walk: TroubleshootingSession) -> Text:
        state = OUTCOME_STATES[walk.outcome]
        text = Text(overflow="fold")
        if walk.outcome is Outcome.WALKING:
            return text.append(f"“{walk.symptom.seen}”  ").append("checking the chain", "not bold dim")
        text.append(f"{GLYPHS.states[state]} ", state_colour(self.app, state, ""))
        return text.append(walk.summary())

    def _pass_time(self) -> None:
        if self.walk is not None and self.walk.walking:
            self.query_one(SessionLines).turn()

    async def _show_card(self) -> None:
        walk = self.walk
        await self.query_one(CheckCard).show(
            self.query_one(SessionLines).current if walk is not None and not walk.walking else None
        )
        self.refresh_bindings()

    # ------------------------------------------------------------------ what the person does

    @on(OptionList.OptionHighlighted, "#symptoms")
    def _symptom_moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        symptom = next((item for item in SYMPTOMS if item.id == event.option_id), WHOLE_CHAIN)
        self.query_one("#hint", Static).update(_hint(symptom))

    @on(OptionList.OptionSelected, "#symptoms")
    def _symptom_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.begin(next((item for item in SYMPTOMS if item.id == event.option_id), WHOLE_CHAIN))

    @on(OptionList.OptionHighlighted, "SessionLines")
    async def _row_moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        await self._show_card()

    @on(OptionList.OptionSelected, "SessionLines")
    def _row_chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.query_one(CheckCard).focus_fixes()

    @on(ChainBar.LinkChosen)
    def _link_chosen(self, event: ChainBar.LinkChosen) -> None:
        event.stop()
        if self.walk is not None and event.stage in self.walk.stages:
            row = next(iter(self.walk.of(event.stage)), None)
            at = row.check_id if row is not None and self._is_narrow else event.stage.value
            self.query_one(SessionLines).show(self.walk, at=at, compact=self._is_narrow)

    def action_card(self, by: int) -> None:
        """Scroll the card by a page."""
        card = self.query_one(CheckCard)
        card.scroll_relative(y=by * max(1, card.size.height - 2), animate=False)

    @on(CheckCard.FixChosen)
    def _fix(self, event: CheckCard.FixChosen) -> None:
        event.stop()
        if self.walk is not None and not self.walk.walking:
            SessionFixes(self).carry_out(event.fix, event.row)

    def on_key(self, event: events.Key) -> None:
        """Fixes by their keys."""
        if event.key not in self.active_bindings and self.query_one(CheckCard).press(event.key):
            event.stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        walk = self.walk
        still = self.has_class("-walked") and walk is not None and not walk.walking and bool(walk.rows)
        row = self.query_one(CheckCard).row if self.is_mounted and still else None
        if action in ("again", "copy", "save"):
            return still
        if action == "letter":
            session = self.session
            return session is not None and row is not None and self._letter(session, row) is not None
        if action == "evidence":
            return row is not None and bool(row.evidence or row.exceptions)
        if action == "explain":
            return row is not None and bool(row.tables)
        return True

    def action_again(self) -> None:
        """Look again, from the first row that did not pass; where all did, from the first stage."""
        if self.walk is not None:
            self.go_on(earlier(*(row.check_id for row in self.walk.rows.values() if row.state in BAD)))

    def action_evidence(self) -> None:
        """Show the evidence, or take it away."""
        card = self.query_one(CheckCard)
        card.toggle_evidence()
        if card.evidence:
            self.call_after_refresh(
                card.scroll_to_widget, card.query_one("#card-evidence"), top=True, animate=False
            )

    def action_explain(self) -> None:
        """Explain the tables that the row under the cursor is about."""
        row = self.query_one(CheckCard).row
        if row is not None and row.tables:
            app_of(self).explain_tables(row.tables, row.title)

    def action_letter(self) -> None:
        """Show the support message for the person who can fix the row."""
        session, row = self.session, self.query_one(CheckCard).row
        letter = self._letter(session, row) if session is not None and row is not None else None
        if letter is not None:
            self.app.push_screen(SupportMessageScreen(letter))

    def _letter(self, session: "ProfileSession", row: CheckResult) -> SupportMessage | None:
        return letter_of(self.walk, session.profile, row) if self.walk is not None else None

    def action_copy(self) -> None:
        """Copy the report."""
        if self.walk is not None and self.session is not None:
            copy_text(self, report(self.walk, self.session.profile), "the report")

    async def action_save(self) -> None:
        """Write the report into the current folder and say where."""
        walk, session = self.walk, self.session
        if walk is None or session is None:
            return
        name = session.profile.name
        path = Path.cwd() / f"troubleshooting-{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.md"
        try:
            await asyncio.to_thread(write_private, path, report(walk, session.profile))
        except OSError as error:
            self.notify(f"{path} could not be written: {error.strerror}", severity="error")
            return
        self.notify(f"Report written to {path}", timeout=8)

    def action_back(self) -> None:
        """From a fix back to the walk, from the walk back to the symptoms, then to where one came from."""
        lines = self.query_one(SessionLines)
        if self.focused is not None and self.focused in self.query_one(CheckCard).query("Button"):
            lines.focus()
        elif self.has_class("-walked") and self._first is None:
            self.workers.cancel_group(self, "walk")
            self.remove_class("-walked")
            self.query_one("#head", Static).update("What do you see?")
            self.query_one("#symptoms").focus()
            self.refresh_bindings()
        else:
            self._leave()

    def _leave(self) -> None:
        app, session = app_of(self), self.session
        if self.reopened and session is not None:
            app.go_home(session.profile.name)
            return
        self.dismiss(None)
        if self.walk is not None:
            app.start_checks()

    def shows(self, check_id: str) -> bool:
        """Put the cursor on a row of the session that needs a person; false where it is none."""
        row = self.walk.rows.get(check_id) if self.walk is not None else None
        if row is None or row.state not in BAD:
            return False
        self._draw(at=check_id)
        return True

    def fixed(self, row: CheckResult, words: str, origin: str = "") -> None:
        """Note what was done about a row, and walk on from there."""
        if self.walk is not None:
            self.walk.did(words)
            self.go_on(origin or row.check_id)


def _seen(symptom: Symptom, width: int) -> Text:
    line = Text("  ", no_wrap=True, overflow="ellipsis")
    line.append(symptom.seen)
    room = width - SEEN_WIDTH - 5
    if width < BESIDE_FROM:
        line.append(" " * (SEEN_WIDTH - line.cell_len)).append(cut_end(symptom.issue, room), "dim")
    return line


def _hint(symptom: Symptom) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=10, no_wrap=True, style="dim")
    table.add_column(ratio=1)
    table.add_row("Symptom", Text(symptom.seen, "bold"))
    table.add_row("", Text(symptom.issue))
    if symptom.from_guide:
        table.add_row("Guide", Text(f"Cause: {symptom.cause}. Fix: {symptom.solution}."))
    stages = ", ".join(stage.value for stage in TroubleshootingSession(symptom).stages)
    table.add_row("Checked", Text(f"{stages}: {len(symptom.checks)} checks, up to the first broken one"))
    return table
