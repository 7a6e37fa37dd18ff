"""What every drawn line goes through: no terminal control, ASCII where nothing else shows, no colour."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]")
"""C0 and C1 controls, and the characters that turn the direction of text: all of no width."""
NOT_ASCII = re.compile("[^\x00-\x7f]")
PAIRS = {
    "─━╌╴╶╸╺┄┅┈┉═⎯–—▁▂▔▀▄▃": "-",
    "│┃┆┇┊┋║▌▐▏▎▍▕▊▋▉": "|",
    "┌┐└┘╭╮╰╯├┤┬┴┼┏┓┗┛╔╗╚╝╠╣╦╩╬": "+",
    "█▇▆▅■▓▒░": "#",
    "→▸▶►❯›»": ">",
    "←◂◀◄❮‹«": "<",
    "↑▲▴△": "^",
    "↓▼▾▽": "v",
    "…·": ".",
    "•●◆★": "*",
    "○◯◌": "o",
    "✓✔": "+",
    "✗✘✕×": "x",
    "“”„": '"',
    "‘’": "'",
    "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏": "~",
    "\u00a0": " ",
}
ASCII_OF = {ord(sign): shown for signs, shown in PAIRS.items() for sign in signs}
NEAR = 12
"""How far a channel may be from a quiet background to count as one, of 255."""


@lru_cache(4096)
def as_ascii(text: str) -> str:
    """The text in ASCII, cell for cell: lines and signs by their like, letters without accents, else "?"."""

    def one(found: "re.Match[str]") -> str:
        sign = found.group()
        if ord(sign) in ASCII_OF:
            return ASCII_OF[ord(sign)]
        base = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
        width = cell_len(sign)
        return base if len(base) == width else "?" * width

    return NOT_ASCII.sub(one, text)


def without_control(text: str) -> str:
    """The text without what a terminal would obey; tab and line feed stay."""
    return CONTROL.sub("", text)


class Defused(LineFilter):
    """Nothing that a server says reaches the terminal as control: what is drawn is only drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters, in the same cells."""
        if not any(CONTROL.search(segment.text) for segment in segments):
            return segments
        return [Segment(without_control(text), style, control) for text, style, control in segments]


class Ascii(LineFilter):
    """Every character as ASCII, for terminals that have no others."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII, in the same cells."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(as_ascii(text), style, control) for text, style, control in segments]


class WithoutColour(LineFilter):
    """``NO_COLOR``: the terminal's own two colours alone; what stood out by its background is reversed.

    ``quiet`` gives the backgrounds that are no mark of anything.
    """

    def __init__(self, quiet: Callable[[], Iterable[Color]]) -> None:
        super().__init__()
        self._quiet = quiet

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with attributes in place of colours."""
        quiet = tuple(colour.rgb for colour in self._quiet())
        return [
            Segment(text, None if style is None else _colourless(style, quiet), control)
            for text, style, control in segments
        ]


@lru_cache(2048)
def _colourless(style: Style, quiet: tuple[tuple[int, int, int], ...]) -> Style:
    ground = style.bgcolor
    default = RichColor.default()
    plain = Style.from_color(default, default)
    if ground is not None and not ground.is_default:
        rgb = ground.get_truecolor()
        marked = all(
            max(abs(one - other) for one, other in zip(rgb, colour, strict=True)) > NEAR for colour in quiet
        )
        if marked:
            return style + plain + Style(reverse=not style.reverse)
    return style + plain
