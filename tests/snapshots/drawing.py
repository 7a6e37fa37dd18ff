"""A screen as text that a person can compare: its lines, then the styles of each line, dark and light."""

import re
from collections.abc import Iterator
from typing import Any

import rich.color
from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex
from textual.color import Color
from textual.screen import Screen
from textual.widgets import Input

from dbtcollate_tui.tui.theme import DARK, LIGHT
from tests.snapshots.frozen import plain
from tests.tui.whole import Whole

ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")
THEMES = (DARK, LIGHT)
STATES_OF_DARK = [
    Color.parse(colour) for colour in (DARK.success, DARK.warning, DARK.error, DARK.accent) if colour
]


class ScreenFiles(SingleFileSnapshotExtension):
    """One text file a screen and size."""

    _write_mode = WriteMode.TEXT
    file_extension = "screen"

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """The picture's own name."""
        return str(index)


async def picture(app: Whole) -> str:
    """The screen as it stands, in both of the app's themes; its lines are the same in both."""
    parts = []
    lines = ""
    for theme in THEMES:
        app.app.theme = theme.name
        await app.pilot.pause()
        for field in app.top.query(Input):
            field.cursor_blink = False
            field._cursor_visible = field.has_focus
        await app.pilot.pause()
        drawn = plain(app.drawn())
        assert not lines or drawn == lines, f"{app.name} shows other text in {theme.name}\n{lines}\n{drawn}"
        lines = drawn
        styles = "\n".join(_styles(app.top))
        left = {colour for colour in re.findall(r"(#[0-9a-f]{6})/", styles) if _is_dark_state(colour)}
        assert theme is DARK or not left, f"{app.name} keeps {left} of the dark theme in the light one"
        parts.append(f"{theme.name}\n{styles}")
    app.app.theme = DARK.name
    await app.pilot.pause()
    framed = "\n".join(f"|{line}|" for line in lines.split("\n"))
    return "\n\n".join([framed, *parts]) + "\n"


def _is_dark_state(colour: str) -> bool:
    """Whether it is a state's colour in the dark theme, but for what blending rounds."""
    red, green, blue = Color.parse(colour).rgb
    return any(abs(red - c.r) + abs(green - c.g) + abs(blue - c.b) <= 3 for c in STATES_OF_DARK)


def _styles(screen: Screen[Any]) -> Iterator[str]:
    for number, strip in enumerate(screen._compositor.render_strips(screen.app.size)):
        runs: list[tuple[int, int, str]] = []
        at = 0
        for segment in strip:
            width, words = segment.cell_length, _words(segment.style)
            if runs and runs[-1][2] == words:
                runs[-1] = (runs[-1][0], at + width, words)
            else:
                runs.append((at, at + width, words))
            at += width
        yield f"{number + 1:2} " + ", ".join(f"{start}-{end} {words}" for start, end, words in runs)


def _words(style: Style | None) -> str:
    if style is None:
        return "-"
    attributes = [name for name in ATTRIBUTES if getattr(style, name)]
    return " ".join([*attributes, f"{_hex(style.color)}/{_hex(style.bgcolor)}"])


def _hex(colour: rich.color.Color | None) -> str:
    if colour is None or colour.is_default:
        return "default"
    return colour.get_truecolor().hex
