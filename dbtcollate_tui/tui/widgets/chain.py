"""The chain from dbt Cloud to the proof: the same on every screen, its links lit by their states."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from dbtcollate_tui.checks.base import CheckState, Link, LinkState
from dbtcollate_tui.tui.glyphs import GLYPHS, STATE_COLOURS, cut_middle
from dbtcollate_tui.tui.theme import CHAIN_GRADIENT

LINKS = tuple(Link)
LAST_WIDTH = 9
"""Cells for the last link, whose captions are short."""
LIT = frozenset({CheckState.PASS, CheckState.WARN, CheckState.SKIPPED})


@dataclass(frozen=True, slots=True)
class ChainView:
    """How the whole chain stands; a link that is not named is waiting, a stale one is drawn grey."""

    links: Mapping[Link, LinkState] = field(default_factory=dict)
    stale: frozenset[Link] = frozenset()

    def of(self, link: Link) -> LinkState:
        """The link's state."""
        return self.links.get(link, LinkState())


class ChainBar(Widget, can_focus=False):
    """Draws a `ChainView`; a click on a link posts `ChainBar.LinkChosen`."""

    DEFAULT_CSS = """
    ChainBar { height: 4; padding: 0 2; width: 1fr; }
    ChainBar.-plain { height: 3; }
    """

    view: reactive[ChainView] = reactive(ChainView())
    frame: reactive[int] = reactive(0)

    class LinkChosen(Message):
        """A link was clicked."""

        def __init__(self, link: Link) -> None:
            super().__init__()
            self.link = link

    def on_mount(self) -> None:
        """Turn the spinner while a link is being worked on, where motion is wanted."""
        if self.app.animation_level != "none":
            self.set_interval(1 / 10, self._turn)

    def _turn(self) -> None:
        if any(self.view.of(link).state is CheckState.RUNNING for link in LINKS):
            self.frame += 1

    def watch_view(self, view: ChainView) -> None:
        """One caption line is enough where no link has a second."""
        self.set_class(all(len(view.of(link).captions) < 2 for link in LINKS), "-plain")

    def _starts(self, width: int) -> list[int]:
        named = sum(len(link.value) for link in LINKS[:-1])
        gap = (width - max(LAST_WIDTH, width // 8) - named) / (len(LINKS) - 1)
        starts, at = [], 0.0
        for link in LINKS:
            starts.append(round(at))
            at += len(link.value) + gap
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
        for number, link in enumerate(LINKS):
            view = self.view.of(link)
            reached = view.state in LIT
            warm = CHAIN_GRADIENT.get_color(starts[number] / width).hex
            line.append(link.value, f"bold {warm}" if view.state is not CheckState.WAITING else muted)
            if number == len(LINKS) - 1:
                break
            space = ends[number] - starts[number] - len(link.value)
            line.append(" ")
            following = self.view.of(LINKS[number + 1]).state
            lit = reached and following is not CheckState.WAITING
            for offset in range(space - 2):
                at = (starts[number] + len(link.value) + 1 + offset) / width
                line.append(
                    GLYPHS.lit if lit else GLYPHS.unlit, CHAIN_GRADIENT.get_color(at).hex if lit else muted
                )
            line.append(" ")
        return line

    def _captions(self, starts: list[int], ends: list[int], row: int) -> Text:
        line = Text(no_wrap=True)
        muted = self._colour("$text-muted")
        for number, link in enumerate(LINKS):
            view, stale = self.view.of(link), link in self.view.stale
            room = ends[number] - starts[number] - 2
            text = view.captions[row] if len(view.captions) > row else ""
            if row == 0:
                glyph = GLYPHS.states[view.state]
                if view.state is CheckState.RUNNING and self.app.animation_level != "none":
                    glyph = GLYPHS.spinner[self.frame % len(GLYPHS.spinner)]
                line.append(f"{glyph} ", muted if stale else self._colour(STATE_COLOURS[view.state]))
            else:
                line.append("  ")
            shown = cut_middle(text, room if link is LINKS[-1] else room - 1)
            line.append(shown.ljust(room), muted if stale or row else "")
        return line

    def _colour(self, variable: str) -> str:
        value = self.app.theme_variables.get(variable.removeprefix("$"), "")
        if value.startswith("#"):
            return value
        return "dim" if "muted" in variable else "default"

    async def _on_click(self, event: events.Click) -> None:
        width = max(self.content_size.width, 60)
        at = event.x - self.gutter.left
        chosen = LINKS[0]
        for start, link in zip(self._starts(width), LINKS, strict=True):
            if at >= start:
                chosen = link
        self.post_message(self.LinkChosen(chosen))
