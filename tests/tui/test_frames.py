import random
from io import StringIO

import pyte
import pytest
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from dbtcollate_tui.tui.frames import Frames, takes_links
from dbtcollate_tui.tui.links import linked

STYLES = [
    None,
    *map(
        Style.parse,
        (
            "red",
            "bold red on blue",
            "dim bold red",
            "dim",
            "underline on blue",
            "#ff694a on #14151c",
            "bold reverse",
            "reverse",
            "on blue",
        ),
    ),
]
TEXTS = ["table", " ", "─━", "日本", "é", "a", "      ", " " * 20]
COLUMNS, LINES = 40, 6


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
    """What a terminal shows after the data: text, and the colours and attributes that show on it."""
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(screen).feed(data)
    return [[shown(screen.buffer[y][x]) for x in range(COLUMNS)] for y in range(LINES)]


def shown(char: "pyte.screens.Char") -> tuple[object, ...]:
    """A cell, without what does not show on a blank."""
    if char.data == " " and not (char.underscore or char.reverse):
        return (" ", char.bg)
    return tuple(char)


@pytest.mark.parametrize("erases", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_changed_cells_draw_what_whole_lines_draw(seed: int, erases: bool) -> None:
    chance, frames, written = random.Random(seed), Frames(), ""
    frames.erases = erases
    lines = random_lines(chance)
    for _ in range(5):
        lines = [
            line if chance.random() < 0.5 else new
            for line, new in zip(lines, random_lines(chance), strict=True)
        ]
        written += frames.changes(update(lines), console())
    assert drawn(written) == drawn(Frames().changes(update(lines), console()))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("by", [1, -1, 2, -3])
def test_lines_that_move_are_scrolled(seed: int, by: int) -> None:
    chance, frames = random.Random(seed), Frames()
    lines = [line for _ in range(3) for line in random_lines(chance)]
    first, second = LINES, LINES + by
    written = [frames.changes(update(lines[at : at + LINES]), console()) for at in (first, second)]
    changed = [*lines[second : second + LINES - 1], random_lines(chance)[0]]
    written.append(frames.changes(update(changed), console()))
    assert written[1].count("\x1bD" if by > 0 else "\x1bM") == abs(by)
    assert drawn("".join(written)) == drawn(Frames().changes(update(changed), console()))


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


def test_a_word_that_goes_is_erased() -> None:
    """By one sequence, in the background that is switched on."""
    style, frames = Style.parse("red on blue"), Frames()
    frames.erases = True
    texts = ("a" * COLUMNS, "a" + " " * (COLUMNS - 2) + "b", " " * COLUMNS)
    updates = [update([[Segment(text, style)]] * LINES) for text in texts]
    written = [frames.changes(one, console()) for one in updates]
    assert written[1].startswith(f"\x1b[1;2H\x1b[44m\x1b[{COLUMNS - 2}X\x1b[1;{COLUMNS}H\x1b[31mb")
    assert drawn("".join(written)) == drawn(Frames().changes(updates[-1], console()))


def test_a_link_is_opened_and_closed() -> None:
    linked = Style.parse("bold link https://docs.example")
    lines = [[Segment("page", linked), Segment(" end")], *([Segment("x")] for _ in range(LINES - 1))]
    data = Frames().changes(update(lines), console())
    assert "\x1b]8;;https://docs.example\x1b\\page\x1b[0m\x1b]8;;\x1b\\ end" in data
    plain = Frames()
    plain.links = False
    assert "\x1b]" not in plain.changes(update(lines), console())


@pytest.mark.parametrize(
    ("terminal", "links"),
    [("xterm-256color", True), ("xterm", True), ("foot", True), ("linux", False), ("linux-16color", False)],
)
def test_links_go_to_terminals_that_pass_over_them(terminal: str, links: bool) -> None:
    assert takes_links(terminal) is links


def test_an_address_is_a_link_on_each_of_its_lines() -> None:
    address = "https://collate.example/table/" + "a" * 60
    shown = Console(width=40, record=True, file=StringIO())
    spans = [part.style.link for part in shown.render(linked(address)) if part.style and part.text.strip()]
    assert spans == [address] * 3


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://a.example/\x1b]8;;x", "file:///etc", ""])
def test_no_other_address_is_a_link(address: str) -> None:
    assert linked(address).spans == []
