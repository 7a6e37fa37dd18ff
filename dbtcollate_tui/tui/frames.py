"""What the terminal shows, cell by cell, so that only the cells that change are sent.

Textual redraws every line that a change touches, and the whole window after a layout. Over ssh or a serial
line that is 7 to 9 kB for one key.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console

GAP = 6
"""Unchanged cells between two changed ones that are sent along: moving the cursor costs as much."""


class Look(NamedTuple):
    """Attributes and colours as the terminal is given them, and the address that the cells link to."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""
    link: str = ""


PLAIN = Look()
Cell = tuple[str, Look]
"""A text and its look; an empty text continues the cell before, whose text is wider than one cell."""


class Frames:
    """The cells on the screen. ``forget`` after anything that may have drawn over them."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, Cell]] = {}

    def forget(self) -> None:
        """Send everything with the next update."""
        self._rows.clear()

    def changes(self, update: LayoutUpdate | ChopsUpdate, console: Console) -> str:
        """The update as data for the terminal, without what it shows already."""
        system = console._color_system
        written: list[str] = []
        look: Look = PLAIN
        for x, y, strips in _pieces(update):
            row = self._rows.setdefault(y, {})
            cells = [cell for strip in strips for cell in _cells(strip, system)]
            for start, end in _runs(cells, row, x):
                written.append(f"\x1b[{y + 1};{x + start + 1}H")
                for text, wanted in cells[start:end]:
                    if wanted != look and text:
                        written.append(_switch(look, wanted))
                        look = wanted
                    written.append(text)
            for offset, cell in enumerate(cells):
                row[x + offset] = cell
        if look != PLAIN:
            written.append(_switch(look, PLAIN))
        return "".join(written)


class ChangedCells(CompositorUpdate):
    """An update of Textual's compositor that sends the changed cells alone."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, frames: Frames) -> None:
        self._update = update
        self._frames = frames

    def render_segments(self, console: Console) -> str:
        """The data for the terminal."""
        return self._frames.changes(self._update, console)


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
            for sign in text:
                yield sign, look
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


@lru_cache(4096)
def _switch(before: Look, after: Look) -> str:
    """The shortest way from one look to another."""
    codes = []
    if before.attributes != after.attributes:
        codes = ["0", after.attributes, after.foreground, after.background]
        if not any(codes[1:]):
            codes = ["0"]
    elif before[:3] != after[:3] and not (after.foreground or after.background or after.attributes):
        codes = ["0"]
    else:
        if before.foreground != after.foreground:
            codes.append(after.foreground or "39")
        if before.background != after.background:
            codes.append(after.background or "49")
    switched = f"\x1b[{';'.join(code for code in codes if code)}m" if codes else ""
    if before.link != after.link:
        switched += f"\x1b]8;;{after.link}\x1b\\"
    return switched
