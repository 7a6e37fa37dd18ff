"""What every drawn line goes through: no terminal control, ASCII where nothing else shows, no colour."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from dbtcollate_tui.ascii_signs import as_ascii
from dbtcollate_tui.printable import CONTROL, printable

NEAR = 12
"""How far a channel may be from a quiet background to count as one, of 255."""
SAME = 4
"""How far a channel may be from a mark's background to count as one, of 255: blending rounds."""


class Defused(LineFilter):
    """Nothing that a server says reaches the terminal as control: what is drawn is only drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters, in the same cells."""
        if not any(CONTROL.search(segment.text) for segment in segments):
            return segments
        return [Segment(printable(text), style, control) for text, style, control in segments]


class Ascii(LineFilter):
    """Every character as ASCII, for terminals that have no others."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII, in the same cells."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(as_ascii(text), style, control) for text, style, control in segments]


Grounds = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Backgrounds:
    """A theme's backgrounds: the ``quiet`` ones mark nothing, the ``marks`` always mark a row.

    ``text`` and ``muted`` are its colours of text; ``muted`` is none where the theme blends it.
    """

    quiet: Grounds
    marks: Grounds
    text: tuple[int, int, int] = (255, 255, 255)
    muted: tuple[int, int, int] | None = None

    def marked(self, ground: RichColor) -> bool:
        """Whether a background marks something: a row, a key, a selection."""
        rgb = ground.get_truecolor()
        return _distance(rgb, self.marks) <= SAME or _distance(rgb, self.quiet) > NEAR


def _distance(rgb: tuple[int, int, int], colours: Grounds) -> int:
    return min(
        (max(abs(one - other) for one, other in zip(rgb, colour, strict=True)) for colour in colours),
        default=255,
    )


class WithoutColour(LineFilter):
    """``NO_COLOR``: the terminal's own two colours alone; what is set off by its background is reversed."""

    def __init__(self, grounds: Callable[[], Backgrounds]) -> None:
        super().__init__()
        self._grounds = grounds

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with attributes in place of colours."""
        grounds = self._grounds()
        return [
            Segment(text, None if style is None else _colourless(style, grounds), control)
            for text, style, control in segments
        ]


@lru_cache(2048)
def _colourless(style: Style, grounds: Backgrounds) -> Style:
    ground = style.bgcolor
    default = RichColor.default()
    plain = Style.from_color(default, default)
    if ground is not None and not ground.is_default and grounds.marked(ground):
        return style + plain + Style(reverse=not style.reverse)
    return style + plain


class FewColours(LineFilter):
    """Reverses what differs by a background that the terminal shows in the colour of a quiet one.

    With 16 colours that is every such background: blends end in black or grey, which many palettes show
    alike. Dimmed text is in the theme's muted colour there, since no palette has a blend of two others.
    """

    def __init__(self, grounds: Callable[[], Backgrounds], system: ColorSystem) -> None:
        super().__init__()
        self._grounds = grounds
        self._system = system

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, their marks still visible."""
        grounds = self._grounds()
        return [
            Segment(text, None if style is None else _visible(style, grounds, self._system), control)
            for text, style, control in segments
        ]


@lru_cache(2048)
def _visible(style: Style, grounds: Backgrounds, system: ColorSystem) -> Style:
    if style.dim and grounds.muted is not None:
        style += Style.from_color(RichColor.from_rgb(*grounds.muted)) + Style(dim=False)
    ground = style.bgcolor
    if ground is None or ground.is_system_defined or not grounds.marked(ground):
        return style
    if system is ColorSystem.EIGHT_BIT:
        lost = {RichColor.from_rgb(*colour).downgrade(system).number for colour in grounds.quiet}
        if ground.downgrade(system).number not in lost:
            return style
    # Colours that are named: the terminal's own two, reversed, may be those of the quiet background.
    colours = Style.from_color(RichColor.from_rgb(*grounds.quiet[0]), RichColor.from_rgb(*grounds.text))
    return style + colours + Style(reverse=False)
