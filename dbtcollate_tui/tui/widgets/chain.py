"""The chain from dbt Cloud to the verification: the same on every screen, its stages lit by their states."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from dbtcollate_tui.checks.chain import CheckState, Stage, StageState
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, cut_middle
from dbtcollate_tui.tui.theme import colour_of, gradient_of

LINKS = tuple(Stage)
LAST_WIDTH = 10
"""Cells for the last stage, whose captions are short."""
LIT = frozenset({CheckState.PASS, CheckState.WARN, CheckState.SKIPPED})


class ChainView(NamedTuple):
    """The state of the whole chain; a stage that is not named is waiting, a stale one is drawn grey."""

    stages: Mapping[Stage, StageState] = MappingProxyType({})
    stale: frozenset[Stage] = frozenset()

    def of(self, stage: Stage) -> StageState:
        """The stage's state."""
        return self.stages.get(stage, StageState())


class ChainBar(Widget, can_focus=False):
    """Draws a `ChainView`; a click on a stage, or enter on the one under the cursor, posts `LinkChosen`.

    It takes the focus where ``links_open`` something; left and right then move between the stages.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", show=False),
        Binding("right", "move(1)", show=False),
        Binding("enter", "choose", "Its checks", show=False),
    ]
    DEFAULT_CSS = """
    ChainBar { height: 4; padding: 0 2; width: 1fr; }
    ChainBar.-plain { height: 3; }
    """

    view: reactive[ChainView] = reactive(ChainView())
    frame: reactive[int] = reactive(0)
    cursor: reactive[int] = reactive(0)

    def __init__(self, *, links_open: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.can_focus = links_open

    class LinkChosen(Message):
        """A stage was clicked, or entered."""

        def __init__(self, stage: Stage) -> None:
            super().__init__()
            self.stage = stage

    def on_mount(self) -> None:
        """Turn the spinner while a stage is being worked on, where motion is wanted."""
        if self.app.animation_level != "none":
            self.set_interval(1 / 10, self._turn)

    def _turn(self) -> None:
        if any(self.view.of(stage).state is CheckState.RUNNING for stage in LINKS):
            self.frame += 1

    def on_focus(self) -> None:
        """Begin at the stage that most needs a person, the first among equals."""
        self.cursor = max(range(len(LINKS)), key=lambda at: (self._severity(at), -at))
        self.refresh()

    def on_blur(self) -> None:
        """The cursor is shown only with the focus."""
        self.refresh()

    def _severity(self, at: int) -> int:
        return self.view.of(LINKS[at]).state.severity

    def action_move(self, by: int) -> None:
        """To the next stage or the one before."""
        self.cursor = max(0, min(self.cursor + by, len(LINKS) - 1))

    def action_choose(self) -> None:
        """Open the checks of the stage under the cursor."""
        self.post_message(self.LinkChosen(LINKS[self.cursor]))

    def watch_view(self, view: ChainView) -> None:
        """One caption line is enough where no stage has a second."""
        self.set_class(all(len(view.of(stage).captions) < 2 for stage in LINKS), "-plain")

    def _starts(self, width: int) -> list[int]:
        named = sum(len(stage.value) for stage in LINKS[:-1])
        gap = (width - max(LAST_WIDTH, width // 8) - named) / (len(LINKS) - 1)
        starts, at = [], 0.0
        for stage in LINKS:
            starts.append(round(at))
            at += len(stage.value) + gap
        return starts

    def render(self) -> Text:
        """Names and connectors on the first line, glyph and captions below."""
        width = max(self.content_size.width, 60)
        starts = self._starts(width)
        ends = [*starts[1:], width]
        lines = [self._names(starts, ends, width)]
        for row in range(2):
            lines.append(self._captions(starts, ends, row))
        return Text("\n").join(lines)

    def _names(self, starts: list[int], ends: list[int], width: int) -> Text:
        line = Text(no_wrap=True)
        muted = self._colour("$text-muted")
        for number, stage in enumerate(LINKS):
            view = self.view.of(stage)
            reached = view.state in LIT
            warm = gradient_of(self.app, starts[number] / width)
            style = f"bold {warm}" if view.state is not CheckState.WAITING else muted
            under_cursor = self.has_focus and number == self.cursor
            line.append(stage.value, f"{style} reverse" if under_cursor else style)
            if number == len(LINKS) - 1:
                break
            space = ends[number] - starts[number] - len(stage.value)
            line.append(" ")
            following = self.view.of(LINKS[number + 1]).state
            lit = reached and following is not CheckState.WAITING
            for offset in range(space - 2):
                at = (starts[number] + len(stage.value) + 1 + offset) / width
                line.append(GLYPHS.lit if lit else GLYPHS.unlit, gradient_of(self.app, at) if lit else muted)
            line.append(" ")
        return line

    def _captions(self, starts: list[int], ends: list[int], row: int) -> Text:
        line = Text(no_wrap=True)
        muted = self._colour("$text-muted")
        for number, stage in enumerate(LINKS):
            view, stale = self.view.of(stage), stage in self.view.stale
            room = ends[number] - starts[number] - 2
            text = view.captions[row] if len(view.captions) > row else ""
            if row == 0:
                glyph = GLYPHS.states[view.state]
                if view.state is CheckState.RUNNING and self.app.animation_level != "none":
                    glyph = GLYPHS.spinner[self.frame % len(GLYPHS.spinner)]
                line.append(f"{glyph} ", muted if stale else self._colour(STATE_COLOURS[view.state]))
            else:
                line.append("  ")
            shown = _cut_words(text, room if stage is LINKS[-1] else room - 1)
            line.append(shown.ljust(room), muted if stale or row else "")
        return line

    def _colour(self, variable: str) -> str:
        return colour_of(self.app, variable, "dim" if "muted" in variable else "default")

    async def _on_click(self, event: events.Click) -> None:
        width = max(self.content_size.width, 60)
        at = event.x - self.gutter.left
        chosen = LINKS[0]
        for start, stage in zip(self._starts(width), LINKS, strict=True):
            if at >= start:
                chosen = stage
        self.cursor = LINKS.index(chosen)
        self.post_message(self.LinkChosen(chosen))


def _cut_words(text: str, width: int) -> str:
    """The text in this width: its first words where they fill half of it; else cut."""
    if len(text) <= width or " " not in text[:width]:
        return cut_middle(text, width)
    words = text[: width + 1].rpartition(" ")[0].rstrip(" ,;:")
    if 2 * len(words) >= width:
        return words
    return text[: max(0, width - len(GLYPHS.cut))].rstrip() + GLYPHS.cut


def small_chain(app: App[Any], states: Iterable[CheckState], *, stale: bool = False) -> Text:
    """The stages' states as glyphs alone, for a list of chains."""
    text, muted = Text(no_wrap=True), colour_of(app, "$text-muted")
    for number, state in enumerate(states):
        if number:
            text.append(GLYPHS.lit if state in LIT else GLYPHS.unlit, muted)
        text.append(GLYPHS.states[state], muted if stale else colour_of(app, STATE_COLOURS[state]))
    return text
