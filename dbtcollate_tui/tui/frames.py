"""What the terminal shows, cell by cell, so that only the cells that change are sent.

Textual redraws every line that a change touches, and the whole window after a layout. Over ssh or a serial
line that is 7 to 9 kB for one key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console

GAP = 4
"""Unchanged cells between two changed ones that are sent along: moving the cursor costs as much."""
ERASED, ERASED_AT_END = 15, 6
"""Blanks in a row that cost less erased than written; after those at the end of a run no cursor moves."""
BAR = 3
"""Columns at the end of a line that may be a scroll bar's."""
SCROLLED_LINES, SCROLL_DISTANCE, SCROLL_SAVES = 3, 8, 40
"""Least number of lines that a scroll moves, how far at most, and the cells that it has to save."""
WITHOUT_COMMANDS = frozenset({"", "dumb", "dvtm", "linux", "vt52", "vt100", "vt102", "vt220"})
INDEX, REVERSE_INDEX = "\x1bD", "\x1bM"
"""A line down and up, which scrolls at the end of the region; every terminal since the VT100 has them."""
OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29", "53": "55"}
"""What ends an attribute."""
ON_BLANKS = frozenset({"4", "5", "6", "7", "9", "21", "51", "52", "53"})
"""Attributes that show on a blank."""


def takes_links(terminal: str) -> bool:
    """Whether this kind of terminal takes an unknown command (OSC) for what it is, and does not print it."""
    return terminal.partition("-")[0] not in WITHOUT_COMMANDS


def erases_in_colour(terminal: str, descriptor: int) -> bool:
    """Whether this kind of terminal can erase cells (ECH), and gives them the current background then."""
    try:
        import curses
    except ImportError:
        return False
    try:
        curses.setupterm(terminal or "unknown", descriptor)
        return curses.tigetflag("bce") > 0 and bool(curses.tigetstr("ech"))
    except curses.error:
        return False


class Look(NamedTuple):
    """Attributes and colours as the terminal is given them, and the address that the cells link to."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""
    link: str = ""


PLAIN = Look()
Cell = tuple[str, Look]
"""A text and its look; an empty text continues the cell before, whose text is wider than one cell."""


Row = dict[int, Cell]
"""The cells of a line by their columns."""
Piece = tuple[int, int, list[Cell]]
"""Column, line and cells of a part of a line."""


class Frames:
    """The cells on the screen. ``forget`` after anything that may have drawn over them.

    ``erases`` says that the terminal erases cells in the current background, see `erases_in_colour`;
    ``links`` that it takes links, or passes over them.
    """

    def __init__(self) -> None:
        self.erases = False
        self.links = True
        self._rows: dict[int, Row] = {}

    def forget(self) -> None:
        """Send everything with the next update."""
        self._rows.clear()

    def changes(self, update: LayoutUpdate | ChopsUpdate, console: Console) -> str:
        """The update as data for the terminal, without what it shows already."""
        system = console._color_system
        pieces = [
            (x, y, [cell for strip in strips for cell in self._cells(strip, system)])
            for x, y, strips in _pieces(update)
        ]
        scroll, pieces = self._scroll(pieces)
        written = [scroll]
        look = PLAIN
        for x, y, cells in pieces:
            row = self._rows.setdefault(y, {})
            for start, end in _runs(cells, row, x):
                written.append(f"\x1b[{y + 1};{x + start + 1}H")
                at = start
                while at < end:
                    text, wanted = cells[at]
                    if _is_blank(cells[at]):
                        wanted = _under_blank(look, wanted)
                    if text and wanted != look:
                        written.append(_switch(look, wanted))
                        look = wanted
                    count = self._erasable(cells, at, end)
                    if count:
                        written.append(f"\x1b[{count}X")
                        at += count
                        if at < end:
                            written.append(f"\x1b[{y + 1};{x + at + 1}H")
                    else:
                        written.append(text)
                        at += 1
            for offset, cell in enumerate(cells):
                row[x + offset] = cell
        if look != PLAIN:
            written.append(_switch(look, PLAIN))
        return "".join(written)

    def _scroll(self, pieces: list[Piece]) -> tuple[str, list[Piece]]:
        """Move lines that only change their place; the data for it, and the pieces that are left to write."""
        new: dict[int, Row] = {}
        for x, y, cells in pieces:
            row = new.get(y) or dict(self._rows.get(y, {}))
            row.update(enumerate(cells, x))
            new[y] = row
        found = find_scroll(self._rows, new)
        if found is None:
            return "", pieces
        top, bottom, by = found
        moved = {y: self._rows.get(y + by, {}) for y in range(top, bottom + 1)}
        for y, row in moved.items():
            self._rows[y] = dict(row) if top <= y + by <= bottom else {}
        line, index = (bottom, INDEX) if by > 0 else (top, REVERSE_INDEX)
        scroll = f"\x1b[{top + 1};{bottom + 1}r\x1b[{line + 1}H{index * abs(by)}\x1b[r"
        whole = [(0, y, [new[y][x] for x in range(len(new[y]))]) for y in range(top, bottom + 1)]
        rest = [piece for piece in pieces if not top <= piece[1] <= bottom]
        return scroll, [*rest, *whole]

    def _cells(self, strip: Strip, system: ColorSystem | None) -> Iterator[Cell]:
        for text, look in _cells(strip, system):
            yield text, look if self.links else look._replace(link="")

    def _erasable(self, cells: list[Cell], at: int, end: int) -> int:
        """How many blanks begin here that are better erased than written."""
        if not self.erases or not _is_blank(cells[at]):
            return 0
        after = at + 1
        while after < end and cells[after] == cells[at]:
            after += 1
        return after - at if after - at >= (ERASED_AT_END if after == end else ERASED) else 0


class Changes(CompositorUpdate):
    """Data for the terminal in the place of an update of Textual's compositor."""

    def __init__(self, data: str) -> None:
        self._data = data

    def render_segments(self, console: Console) -> str:
        """The data."""
        return self._data


def find_scroll(old: Mapping[int, Row], new: Mapping[int, Row]) -> tuple[int, int, int] | None:
    """First line, last line and distance (up is positive) of a scroll that saves most of the writing.

    ``new`` has the lines that change, whole. Terminals scroll whole lines, between two of them.
    """
    best: tuple[int, int, int] | None = None
    most = SCROLL_SAVES
    if len(new) < SCROLLED_LINES:
        return None
    shown = {y: _text_cells(row) for y, row in old.items()}
    wanted = {y: _text_cells(row) for y, row in new.items()}
    for by in (way * distance for distance in range(1, SCROLL_DISTANCE + 1) for way in (1, -1)):
        moved = [y for y, row in wanted.items() if row != shown.get(y) and row == shown.get(y + by)]
        if len(moved) < SCROLLED_LINES:
            continue
        top, bottom = min(*moved, min(moved) + by), max(*moved, max(moved) + by)
        lines = range(top, bottom + 1)
        if any(y not in new or not _is_whole(new[y]) for y in lines):
            continue
        saved = sum(_differing(new[y], old.get(y, {})) for y in lines) - sum(
            _differing(new[y], old.get(y + by, {}) if y + by in lines else {}) for y in lines
        )
        if saved > most:
            best, most = (top, bottom, by), saved
    return best


def _text_cells(row: Row) -> list[Cell]:
    """The cells of a line but for the last ones, where a scroll bar is."""
    return list(row.values())[:-BAR]


def _is_whole(row: Row) -> bool:
    return max(row, default=-1) + 1 == len(row)


def _differing(row: Row, shown: Row) -> int:
    """How many cells there are to write; none for a blank where nothing is known to be shown."""
    return sum(1 for x, cell in row.items() if shown.get(x) != cell and (shown or not _is_blank(cell)))


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, list[Strip]]]:
    """Column, line and strips of each part, as Textual's own updates place them."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            yield update.region.x, y, list(line)
        return
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > last or end <= first:
                continue
            whole = last > x >= first and end <= last
            yield x, y, [strip if whole else strip.crop(0, min(end, last) - x)]


def _cells(strip: Strip, system: ColorSystem | None) -> Iterator[Cell]:
    for segment in strip:
        if segment.control:
            continue
        text = segment.text
        look = PLAIN if segment.style is None else _look(segment.style, system)
        width = segment.cell_length
        if width == len(text):
            blank = _on_blank(look)
            for sign in text:
                yield sign, blank if sign == " " else look
        elif width:
            yield text, look
            for _ in range(width - 1):
                yield "", look


def _runs(cells: list[Cell], row: dict[int, Cell], x: int) -> Iterator[tuple[int, int]]:
    """Where cells change, as beginnings and ends; a wide text is sent whole."""
    start = end = -1
    count = len(cells)
    at = 0
    while at < count:
        if row.get(x + at) == cells[at]:
            at += 1
            continue
        head, tail = at, at + 1
        while head > 0 and not cells[head][0]:
            head -= 1
        while tail < count and not cells[tail][0]:
            tail += 1
        if start >= 0 and head - end <= GAP:
            end = tail
        else:
            if start >= 0:
                yield start, end
            start, end = head, tail
        at = tail
    if start >= 0:
        yield start, end


@lru_cache(4096)
def _look(style: Style, system: ColorSystem | None) -> Look:
    if system is None:
        return Look(link=style.link or "")
    foreground, background = (
        ";".join(colour.downgrade(system).get_ansi_codes(foreground=is_foreground)) if colour else ""
        for colour, is_foreground in ((style.color, True), (style.bgcolor, False))
    )
    attributes = style.without_color._make_ansi_codes(system)
    return Look(attributes, foreground, background, style.link or "")


def _is_blank(cell: Cell) -> bool:
    text, look = cell
    return text == " " and look == (PLAIN.attributes, PLAIN.foreground, look.background, PLAIN.link)


@lru_cache(4096)
def _on_blank(look: Look) -> Look:
    """What of a look shows on a blank: the background alone, but for lines, links and the like."""
    if look.link or not ON_BLANKS.isdisjoint(look.attributes.split(";")):
        return look
    return Look(background=look.background)


@lru_cache(4096)
def _under_blank(before: Look, wanted: Look) -> Look:
    """The look in which to write a blank: what is switched on and does not show on it stays on."""
    if before.link or not ON_BLANKS.isdisjoint(before.attributes.split(";")):
        return wanted
    return before._replace(background=wanted.background)


@lru_cache(4096)
def _switch(before: Look, after: Look) -> str:
    """The shortest way from one look to another."""
    if before[:3] == after[:3]:
        codes = []
    elif after[:3] == PLAIN[:3]:
        codes = ["0"]
    else:
        changed = _attribute_codes(before.attributes, after.attributes)
        if changed is None:
            changed, before = ["0", after.attributes], Look(link=before.link)
        codes = changed
        if before.foreground != after.foreground:
            codes.append(after.foreground or "39")
        if before.background != after.background:
            codes.append(after.background or "49")
    switched = f"\x1b[{';'.join(code for code in codes if code)}m" if codes else ""
    if before.link != after.link:
        switched += f"\x1b]8;;{after.link}\x1b\\"
    return switched


def _attribute_codes(before: str, after: str) -> list[str] | None:
    """What ends and begins the attributes that differ; none where only a reset ends one of them."""
    had, wanted = ([code for code in codes.split(";") if code] for codes in (before, after))
    ended = [code for code in had if code not in wanted]
    if any(code not in OFF for code in ended):
        return None
    off = list(dict.fromkeys(OFF[code] for code in ended))
    kept = [code for code in had if code in wanted and OFF.get(code) not in off]
    return [*off, *(code for code in wanted if code not in kept)]
