"""The progress of a sync: one gradient bar, its phases, and what is being waited for."""

import time
from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from dbtcollate_tui import wording
from dbtcollate_tui.checks.chain import CheckState, Stage, StageState
from dbtcollate_tui.events import types as events
from dbtcollate_tui.events.types import PHASES, Phase, SyncEvent
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.tui.glyphs import GLYPHS, cut_end
from dbtcollate_tui.tui.theme import gradient_of, state_colour
from dbtcollate_tui.tui.widgets.chain import ChainView
from dbtcollate_tui.wording import span

LINK_OF_PHASE: dict[Phase, Stage] = {
    "run": Stage.RUN,
    "artifacts": Stage.ARTIFACTS,
    "tables": Stage.TABLES,
    "plan": Stage.PIPELINE,
    "write": Stage.PIPELINE,
    "verification": Stage.VERIFICATION,
}
LEVEL_STATES = {"ok": CheckState.PASS, "warn": CheckState.WARN, "failed": CheckState.FAIL}
SILENCE_SECONDS = 2.0


class SyncBoard(Widget):
    """Fed with a run's events by `feed`; draws itself again twice a second while the run lasts.

    A ``plan`` that was made before shows what its phases gave.
    """

    DEFAULT_CSS = """
    SyncBoard { height: 6; padding: 0 1; }
    """

    tick: reactive[int] = reactive(0)

    def __init__(self, plan: Plan | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.states: dict[Phase, CheckState] = dict.fromkeys(PHASES, CheckState.WAITING)
        self.texts: dict[Phase, str] = dict.fromkeys(PHASES, "")
        self._engine = ""
        self._done = 0
        self._total: int | None = None
        self._unit = ""
        self._rate: float | None = None
        self._left: float | None = None
        self._current: Phase = "run"
        self._waiting = ""
        self._began = time.monotonic()
        self._heard = time.monotonic()
        self._heard_at = datetime.now().astimezone()
        self._cancelling = ""
        self._took: float | None = None
        self._whole = False
        self._dbt_cloud = CheckState.WAITING
        if plan is not None:
            self._know(plan)

    def _know(self, plan: Plan) -> None:
        """The phases before the plan are past."""
        self._dbt_cloud = CheckState.PASS
        self.states |= dict.fromkeys(("run", "artifacts", "tables", "plan"), CheckState.PASS)
        if plan.run is not None:
            self.texts["run"] = f"#{plan.run.id} {plan.run.outcome}"
        if plan.match.missing:
            self.states["tables"] = CheckState.WARN
        self.texts["tables"] = f"{len(plan.match.matched)} of {plan.match.expected} tables"
        self.texts["plan"] = f"{wording.count(len(plan.changes), 'change')}"

    def on_mount(self) -> None:
        """Draw again while time passes."""
        self.set_interval(0.5, self._pass_time)

    def _pass_time(self) -> None:
        if self._took is None:
            self.tick += 1

    def feed(self, batch: Iterable[SyncEvent]) -> None:
        """Take the next events in."""
        for event in batch:
            if not isinstance(event, events.Waiting):
                self._heard, self._heard_at = time.monotonic(), datetime.now().astimezone()
                self._waiting = ""
            self._take(event)
        self.refresh()

    def cancelling(self, words: str) -> None:
        """Say that a cancel was asked for, in these words."""
        self._cancelling = words
        self.refresh()

    def _take(self, event: SyncEvent) -> None:
        match event:
            case events.RunStarted():
                self._engine = event.engine
                if self._dbt_cloud is CheckState.WAITING:
                    self._dbt_cloud = CheckState.RUNNING
            case events.PhaseStarted():
                self._begin(event.phase, event.text)
            case events.PhaseFinished():
                self.states[event.phase] = LEVEL_STATES[event.level]
                self.texts[event.phase] = event.text
                if event.phase == "run" and event.level != "failed":
                    self._dbt_cloud = CheckState.PASS
            case events.Progress():
                self._current = event.phase
                self._done, self._total, self._unit = event.done, event.total, event.unit
                self._rate, self._left = event.rate, event.seconds_left
                self.texts[event.phase] = _progress_words(event)
            case events.Waiting():
                self._waiting = f"{event.what}, {event.seconds:.0f} s"
            case events.Retrying():
                self._waiting = f"{event.what}: {event.reason}; again in {event.wait_seconds:.0f} s"
            case events.RunFinished():
                self._end(event)
            case _:
                pass

    def _begin(self, phase: Phase, text: str) -> None:
        self._current = phase
        self.states[phase] = CheckState.RUNNING
        self.texts[phase] = text
        self._done, self._total = 0, None
        self._rate = self._left = None

    def _end(self, event: events.RunFinished) -> None:
        self._took = event.seconds or time.monotonic() - self._began
        self._whole = event.outcome in ("ok", "partial")
        proved = self.states["verification"] is not CheckState.WAITING
        for phase, state in self.states.items():
            if state is CheckState.RUNNING:
                self.states[phase] = CheckState.SKIPPED if event.outcome == "cancelled" else CheckState.FAIL
            elif state is CheckState.WAITING and self._whole and proved:
                self.states[phase] = CheckState.SKIPPED
        if self._dbt_cloud is CheckState.RUNNING:
            self._dbt_cloud = CheckState.PASS if self._whole else CheckState.FAIL

    @property
    def chain(self) -> ChainView:
        """The same as a chain: light moving from dbt Cloud to the verification."""
        stages = {Stage.DBT_CLOUD: StageState(self._dbt_cloud)}
        for phase in PHASES:
            stage = LINK_OF_PHASE[phase]
            if phase == "write" and self.states[phase] is CheckState.WAITING:
                continue
            stages[stage] = StageState(self.states[phase], self._captions(phase))
        return ChainView(stages)

    def _captions(self, phase: Phase) -> tuple[str, ...]:
        """Few words for the chain: a count, a name, the text before the first comma."""
        if self.states[phase] not in (CheckState.PASS, CheckState.WARN) or phase == "verification":
            return ()
        words = self.texts[phase]
        for end in (",", " tables", " (", " in "):
            words = words.partition(end)[0]
        if words.startswith("#"):
            words = words.partition(" ")[2].removeprefix("success")
        return (words,) if words else ()

    def render(self) -> Table:
        """The bar, the phases in two columns, the waiting line."""
        width = self.content_size.width
        page = Table.grid(expand=True)
        page.add_row(self._bar(width))
        phases = Table.grid(expand=True, padding=(0, 1))
        phases.add_column(ratio=1, no_wrap=True)
        phases.add_column(ratio=1, no_wrap=True)
        half = width // 2 - 2
        for left, right in zip(PHASES[:3], PHASES[3:], strict=True):
            phases.add_row(self._phase(left, half), self._phase(right, half))
        page.add_row(phases)
        page.add_row(self._silence())
        return page

    def _bar(self, width: int) -> Text:
        seconds = self._took if self._took is not None else time.monotonic() - self._began
        clock = f"{int(seconds) // 60}:{int(seconds) % 60:02}"
        amount = self._amount() if self._took is None else ""
        head = f"{self._engine or 'direct'} "
        room = max(8, width - len(head) - len(amount) - len(clock) - 4)
        share = 1.0 if self._whole else (self._done / self._total if self._total else 0.0)
        lit = round(room * min(1.0, share))
        line = Text(no_wrap=True)
        line.append(head, "dim")
        for cell in range(room):
            if cell < lit:
                line.append(GLYPHS.lit, gradient_of(self.app, cell / room))
            else:
                line.append(GLYPHS.unlit, "dim")
        line.append(f"  {amount}  {clock}")
        return line

    def _amount(self) -> str:
        """How much is done, how fast, and how long it takes yet."""
        if not self._total:
            return ""
        if self._unit == "bytes":
            parts = [f"{self._done / 1e6:.1f} of {self._total / 1e6:.1f} MB"]
            parts += [f"{self._rate / 1e6:.1f} MB a second"] if self._rate else []
        else:
            parts = [f"{self._done:,} of {self._total:,} {self._unit}"]
            parts += [f"{self._rate:.0f} a second"] if self._rate and self._rate >= 1 else []
        if self._left is not None and self._done < self._total:
            seconds = max(1, round(self._left))
            parts.append(f"{seconds} s left" if seconds < 90 else f"{span(seconds)} left")
        return ", ".join(parts)

    def _phase(self, phase: Phase, width: int) -> Text:
        state = self.states[phase]
        line = Text(no_wrap=True)
        line.append(GLYPHS.states[state], state_colour(self.app, state))
        line.append(f" {phase:10}", "bold" if state is CheckState.RUNNING else "")
        line.append(cut_end(self.texts[phase], max(4, width - 13)), "dim")
        return line

    def _silence(self) -> Text:
        if self._took is not None:
            return Text("")
        silent = time.monotonic() - self._heard
        if self._cancelling:
            return Text(self._cancelling, "bold")
        since = f"since {self._heard_at:%H:%M:%S}"
        if self._waiting:
            return Text(f"waiting {since}: {self._waiting}", "dim")
        if silent >= SILENCE_SECONDS:
            doing = self.texts[self._current] or self._current
            return Text(f"waiting {since}: {doing}, no response for {silent:.0f} s", "dim")
        return Text("")


def _progress_words(event: events.Progress) -> str:
    """What a phase does: the text says how far it is where it counts itself, as the writer's does."""
    if event.unit == "bytes" or event.text_has_count:
        return event.text
    amount = f"{event.done:,} of {event.total:,}" if event.total else f"{event.done:,} {event.unit}"
    return f"{event.text} {amount}".strip()
