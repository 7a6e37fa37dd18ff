"""The selected row stands out in every list, in every theme, with few colours and with none."""

from pathlib import Path

import pytest
from rich.color import ColorSystem
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable, Input, OptionList

import dbtcollate_tui.tui
from dbtcollate_tui.tui.terminal import TerminalApp
from dbtcollate_tui.tui.theme import DARK, LIGHT
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.row_list import RowList
from dbtcollate_tui.tui.widgets.secret_input import SecretInput

WORDS = ("first", "second", "third")


class Words(RowList[str]):
    """Rows of one word, each with colours of its own."""

    def line(self, row: str, width: int) -> Text:
        return Text(row, self.colour("success")).append(" ok", "bold")


class Lists(TerminalApp):
    """One list of each kind."""

    CSS_PATH = Path(dbtcollate_tui.tui.__file__).parent / "styles" / "app.tcss"
    CSS = "Words, OptionList, DataTable { height: 6; }"

    def __init__(self) -> None:
        super().__init__(animation=False)
        self.begin_with_theme(DARK.name, DARK, LIGHT)

    def compose(self) -> ComposeResult:
        yield Words()
        yield OptionList(*WORDS)
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        self.query_one(Words).set_rows(WORDS)
        table = self.query_one(DataTable)
        table.add_column("word")
        for word in WORDS:
            table.add_row(word)


def style_of(app: TerminalApp, widget: Widget, word: str) -> Style:
    """How the terminal is sent the word, past the filters of lines."""
    strips = app.screen._compositor.render_strips(app.size)
    region = widget.region
    for strip in strips[region.y : region.bottom]:
        for filter_ in app.get_line_filters():
            strip = strip.apply_filter(filter_, app.screen.background_colors[1])
        for segment in strip:
            if word in segment.text:
                return segment.style or Style()
    raise AssertionError(f"{word} is not shown in {widget}")


def ground(style: Style, system: ColorSystem) -> object:
    """What tells the row from others: its background as the terminal has it, and whether it is reversed."""
    colour = style.bgcolor
    shown = "default" if colour is None or colour.is_default else colour.downgrade(system).number
    if system is ColorSystem.TRUECOLOR and colour is not None and not colour.is_default:
        shown = str(colour.get_truecolor().hex)
    return shown, bool(style.reverse)


@pytest.mark.parametrize("colours", ["truecolor", "256", "standard", "none"])
async def test_the_selected_row_is_visible(colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if colours == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.setattr("textual.constants.COLOR_SYSTEM", colours)
    system = {"256": ColorSystem.EIGHT_BIT, "standard": ColorSystem.STANDARD}.get(
        colours, ColorSystem.TRUECOLOR
    )
    app = Lists()
    missed = []
    async with app.run_test(size=(40, 30)) as pilot:
        await pilot.pause()
        for theme in app.available_themes:
            app.theme = theme
            await pilot.pause()
            for widget in (Words, OptionList, DataTable):
                for focused in (True, False):
                    shown = app.query_one(widget)
                    other = app.query_one(OptionList if widget is not OptionList else DataTable)
                    (shown if focused else other).focus()
                    await pilot.pause()
                    selected, plain = (
                        ground(style_of(app, shown, word), system) for word in ("first", "third")
                    )
                    if selected == plain:
                        missed.append((theme, widget.__name__, focused))
    assert not missed, repr(missed)


class Fields(TerminalApp):
    """A masked and a clear field, each with more than it has room for."""

    CSS_PATH = Lists.CSS_PATH

    def compose(self) -> ComposeResult:
        yield SecretInput()
        yield Input()
        yield KeyFooter()

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.value = "x" * 500


async def test_fields_and_footer_have_no_scroll_bar() -> None:
    app = Fields()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for widget in (*app.query(Input), app.query_one(KeyFooter)):
            assert widget.scrollbar_size_horizontal == 0
        strips = app.screen._compositor.render_strips(app.size)
        lines = ["".join(part.text for part in strip) for strip in strips]
        assert "•" * 70 in lines[1]
        assert "x" * 70 in lines[4]
