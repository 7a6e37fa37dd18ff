import random

import pyte
import pytest
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from dbtcollate_tui.tui.frames import Frames

STYLES = [
    None,
    *(Style.parse(words) for words in ("red", "bold red on blue", "#ff694a on #14151c", "reverse")),
]
TEXTS = ["table", " ", "─━", "日本", "é", "a", "      "]
COLUMNS, LINES = 24, 6


def console() -> Console:
    """A console of true colours."""
    made = Console(force_terminal=True)
    made._color_system = ColorSystem.TRUECOLOR
    return made


def update(lines: list[list[Segment]]) -> LayoutUpdate:
    """The lines as a whole screen."""
    strips = [Strip(line).adjust_cell_length(COLUMNS) for line in lines]
    return LayoutUpdate([[strip] for strip in strips], Region(0, 0, COLUMNS, LINES))


def random_lines(chance: random.Random) -> list[list[Segment]]:
    """Lines of styled texts, some of them wider than one cell."""
    return [
        [Segment(chance.choice(TEXTS), chance.choice(STYLES)) for _ in range(chance.randint(1, 9))]
        for _ in range(LINES)
    ]


def drawn(data: str) -> list[list[tuple[object, ...]]]:
    """What a terminal shows after the data: text, colours and attributes of each cell."""
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(screen).feed(data)
    return [[tuple(screen.buffer[y][x]) for x in range(COLUMNS)] for y in range(LINES)]


@pytest.mark.parametrize("seed", range(20))
def test_changed_cells_draw_what_whole_lines_draw(seed: int) -> None:
    chance, frames, written = random.Random(seed), Frames(), ""
    lines = random_lines(chance)
    for _ in range(5):
        lines = [
            line if chance.random() < 0.5 else new
            for line, new in zip(lines, random_lines(chance), strict=True)
        ]
        written += frames.changes(update(lines), console())
    assert drawn(written) == drawn(Frames().changes(update(lines), console()))


def test_an_unchanged_screen_sends_nothing() -> None:
    frames, lines = Frames(), random_lines(random.Random(1))
    assert frames.changes(update(lines), console())
    assert frames.changes(update(lines), console()) == ""
    frames.forget()
    assert frames.changes(update(lines), console())


def test_one_changed_cell_sends_a_few_bytes() -> None:
    frames, lines = Frames(), [[Segment("a" * COLUMNS)] for _ in range(LINES)]
    frames.changes(update(lines), console())
    lines[2] = [Segment("a" * 10 + "b" + "a" * (COLUMNS - 11))]
    assert frames.changes(update(lines), console()) == "\x1b[3;11Hb"


def test_a_link_is_opened_and_closed() -> None:
    linked = Style.parse("bold link https://docs.example")
    lines = [[Segment("page", linked), Segment(" end")], *([Segment("x")] for _ in range(LINES - 1))]
    data = Frames().changes(update(lines), console())
    assert "\x1b]8;;https://docs.example\x1b\\page\x1b[0m\x1b]8;;\x1b\\ end" in data
