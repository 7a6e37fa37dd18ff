"""The app in its terminal: ASCII, no colour, clipboard, browser, the letters that move, help, palette."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.widget import MountError
from textual.widgets import DataTable, Input, OptionList

from dbtcollate_tui.ascii_signs import as_ascii
from dbtcollate_tui.printable import printable
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.transport.addresses import is_own_page
from dbtcollate_tui.tui import browser, clipboard, terminal
from dbtcollate_tui.tui.app import APP_STATE, THEME_KEY, DbtCollateApp
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.glyphs import ASCII, UNICODE, choose_glyphs, cut_middle
from dbtcollate_tui.tui.theme import DARK, LIGHT
from dbtcollate_tui.tui.widgets.fields import LONGEST, PASTE_WORDS_OF_TERMINAL, LineInput
from dbtcollate_tui.wording import PASTE_WORDS
from tests.support.world import profile_for
from tests.tui.whole import Whole, keep, whole

BACKGROUNDS = ("bgcolor", "color")


@pytest.mark.parametrize(
    ("environment", "ascii_only"),
    [
        ({"LANG": "en_US.UTF-8"}, False),
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "POSIX"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, True),
        ({"LANG": "en_US.UTF-8", "TERM": "dumb"}, True),
        ({"LANG": "C", "DBTCOLLATE_ASCII": "0"}, False),
        ({"LANG": "en_US.UTF-8", "DBTCOLLATE_ASCII": "1"}, True),
    ],
)
def test_the_locale_and_the_terminal_choose_the_signs(environment: dict[str, str], ascii_only: bool) -> None:
    assert choose_glyphs(environment) is (ASCII if ascii_only else UNICODE)


@pytest.mark.parametrize("text", ["─│╭╮ ━╌ ✓ ✗ ▁▂▅█ → …", "Größe", "注文", "🙂 ok", "plain"])
def test_ascii_keeps_every_cell(text: str) -> None:
    assert as_ascii(text).isascii()
    assert cell_len(as_ascii(text)) == cell_len(text)


@pytest.mark.parametrize("text", ["analytics_production_orders", "注文注文注文注文注文注文", "a注b文c注d文"])
def test_a_cut_name_fits_its_cells(text: str) -> None:
    for width in range(12):
        assert cell_len(cut_middle(text, width)) <= width


def test_control_and_direction_marks_are_taken_out_and_nothing_else() -> None:
    assert printable("a\x1b[31mb\x07\u202ec\x9bd\te\nf") == "a[31mbcd\te\nf"


async def test_everything_is_ascii_where_nothing_else_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "GLYPHS", ASCII)
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            assert app.drawn().isascii()
            await app.press("v")
            await app.on("ChecklistScreen")
            assert app.drawn().isascii()
            await app.press("question_mark")
            await app.on("HelpScreen")
            assert app.drawn().isascii()


def colours(app: Whole) -> set[str]:
    strips = app.top._compositor.render_strips(app.app.size)
    styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
    return {str(getattr(style, name)) for style in styles for name in BACKGROUNDS if getattr(style, name)}


async def test_no_color_leaves_the_terminals_own_and_shows_the_cursor_reversed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        await keep(services, sandbox, profile_for(sandbox).model_copy(update={"name": "staging"}))
        async with whole(services, profile="shop") as app:
            await app.press("p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "staging" in app.drawn(), "the list")
            assert all("default" in colour for colour in colours(app))
            strips = app.top._compositor.render_strips(app.app.size)
            reversed_text = "".join(
                segment.text
                for strip in strips
                for segment in strip
                if segment.style is not None and segment.style.reverse
            )
            assert "shop" in reversed_text
            assert "staging" not in reversed_text


async def test_letters_move_in_lists_and_tables() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        for name in ("alpha", "beta", "gamma"):
            await keep(services, sandbox, profile_for(sandbox).model_copy(update={"name": name}))
        async with whole(services, profile="alpha") as app:
            await app.checked()
            await app.press("p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "gamma" in app.drawn(), "the list")
            listing = app.top.query_one(OptionList)
            for key, row in (("G", 2), ("k", 1), ("g", 0), ("j", 1), ("ctrl+d", 2), ("ctrl+u", 0)):
                await app.press(key)
                assert listing.highlighted == row, key
            app.app.action_requests()
            await app.on("RequestsScreen")
            table = app.top.query_one(DataTable)
            for key, row in (("G", table.row_count - 1), ("g", 0), ("j", 1), ("k", 0)):
                await app.press(key)
                assert table.cursor_row == row, key


async def test_a_copy_goes_to_the_terminals_clipboard_and_the_machines_without_control(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put: list[str] = []
    monkeypatch.setattr(clipboard, "put", put.append)
    async with whole() as app:
        copy_text(app.top, "name\x1b[201~; rm\x07\nmore", "a name")
        assert app.app.clipboard == "name[201~; rm\nmore"
        assert put == [app.app.clipboard]


async def test_a_word_in_passing_is_no_markup() -> None:
    app = DbtCollateApp(Services(), animation=False)
    async with app.run_test(notifications=True) as pilot:
        driven = Whole(app, pilot)
        app.notify("[/nowhere] of [bold]x", timeout=60)
        await driven.until(lambda: "[/nowhere] of [bold]x" in driven.drawn(), "the words as they are")


async def test_without_a_browser_the_address_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_page(address: str, *, new_tab: bool) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(browser, "open_page", open_page)
    for name in (*browser.DISPLAYS, "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    address = "https://ab123.eu1.dbt.com/deploy/70403/projects/1/jobs/2"
    monkeypatch.setattr(DbtCollateApp, "own_addresses", lambda app: (address,))
    async with whole() as app:
        app.app.open_url(address)
        await app.on("AddressScreen")
        assert address in app.drawn()
        await app.press("y")
        assert app.app.clipboard == address
        await app.press("escape")
        await app.on("WelcomeScreen")
        monkeypatch.setenv("DISPLAY", ":0")
        app.app.open_url(address)
        await app.until(lambda: opened, "the browser")
        assert opened == [address]


async def test_a_page_of_another_server_is_shown_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "open_page", lambda *_, **__: pytest.fail("it was opened"))
    monkeypatch.setenv("DISPLAY", ":0")
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            assert is_own_page(f"{sandbox.collate_url}/table/x", app.app.own_addresses())
            app.app.open_url("https://evil.test/deploy/1")
            await app.on("AddressScreen")
            assert "neither of the profile's servers" in app.drawn()
            assert "https://evil.test/deploy/1" in app.drawn()


async def test_help_is_for_the_screen_and_for_what_has_the_focus() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=(100, 40)) as app:
            await app.checked()
            app.app.action_requests()
            await app.on("RequestsScreen")
            await app.press("f1")
            await app.on("HelpScreen")
            assert "The requests sent to dbt Cloud" in app.drawn()
            assert "This table" in app.drawn()
            assert "Copy as curl" in app.drawn()


async def test_help_opens_the_documentation_by_topic() -> None:
    async with whole(size=(80, 24)) as app:
        await app.press("f1")
        await app.on("HelpScreen")
        await app.press("t")
        await app.on("TopicsScreen")
        await app.until(lambda: "dbt.reachable" in app.drawn(), "the first topic")
        await app.press("down", "down", "down")
        await app.until(lambda: "Exit codes" in app.drawn(), "another topic")
        await app.press("enter", "end")
        await app.until(lambda: "run-job --sync" in app.drawn(), "the end of its page")
        await app.press("escape")
        await app.on("HelpScreen")


async def test_the_palette_does_what_the_screen_can_do() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            app.app.action_requests()
            await app.on("RequestsScreen")
            titles = [command.title for command in app.app.get_system_commands(app.top)]
            assert titles[:2] == ["Copy as curl (y)", "Read again (r)"]
            assert len(titles) == len(set(titles))
            await app.press("ctrl+p", *"copy as curl")
            await app.pilot.pause(0.3)
            await app.press("enter")
            await app.until(lambda: "curl" in app.app.clipboard, "the copy")


@pytest.mark.parametrize("moving", [False, True])
async def test_the_palettes_cursor_blinks_only_where_motion_is_wanted(moving: bool) -> None:
    async with whole() as app:
        app.app.animation_level = "full" if moving else "none"
        await app.press("ctrl+p")
        await app.on("CommandPalette")
        field = app.top.query_one(Input)
        await app.until(lambda: field.cursor_blink is moving, "the cursor")


def test_a_hanging_clipboard_program_holds_nothing_up() -> None:
    code = (
        "import time\n"
        "from dbtcollate_tui.tui import clipboard\n"
        "clipboard.subprocess.run = lambda *arguments, **options: time.sleep(60)\n"
        "clipboard.put('x')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_a_clipboard_program_cannot_write_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """xclip, where it cannot open its display, ends with an error that pyperclip does not report."""
    program = tmp_path / "xclip"
    program.write_text(f'#!/bin/sh\ncat >{tmp_path}/got\necho "Can\'t open display" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("DISPLAY", ":98")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    clipboard._put("the address")
    assert (tmp_path / "got").read_text() == "the address"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("web", [True, False])
async def test_pasting_says_which_key_the_terminal_has(web: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a browser's page Ctrl+V goes to the terminal in it, whose clipboard is the app's, and empty."""
    said: list[str] = []
    monkeypatch.setattr(DbtCollateApp, "is_web", property(lambda _: web))
    monkeypatch.setattr(DbtCollateApp, "notify", lambda _, text, **__: said.append(text))
    async with whole() as app:
        app.app.action_new_setup()
        await app.until(lambda: isinstance(app.app.focused, LineInput), "the address")
        await app.press("ctrl+v")
        await app.until(lambda: said, "the words")
        assert said == [PASTE_WORDS if web else PASTE_WORDS_OF_TERMINAL]
        app.app.copy_to_clipboard("cloud.getdbt.com")
        await app.press("ctrl+v")
        assert isinstance(app.app.focused, LineInput)
        assert app.app.focused.value == "cloud.getdbt.com"


async def test_a_file_pasted_by_mistake_is_cut() -> None:
    async with whole() as app:
        app.app.action_new_setup()
        await app.until(lambda: isinstance(app.app.focused, LineInput), "the address")
        await app.paste("x" * 1_000_000)
        assert isinstance(app.app.focused, LineInput)
        assert len(app.app.focused.value) == LONGEST


async def test_the_kept_theme_is_there_from_the_first_paint() -> None:
    services = Services()
    async with whole(services) as app:
        assert app.app.theme == DARK.name
        app.app.theme = LIGHT.name
        await app.until(lambda: services.state.load(APP_STATE, THEME_KEY) == LIGHT.name, "the saved theme")
    async with whole(services) as app:
        assert app.app.theme == LIGHT.name
        assert app.app.has_class("-light-mode")
        assert not app.app.has_class("-dark-mode")
        assert app.top.styles.background.hex == LIGHT.background


@pytest.mark.parametrize("is_leaving", [True, False])
async def test_work_of_a_closing_screen_is_no_crash(is_leaving: bool) -> None:
    """A worker that mounts into a screen whose widgets are gone: an error only while the app stays."""
    app = terminal.TerminalApp(animation=False)
    async with app.run_test() as pilot:
        await pilot.pause()
        app._exit = is_leaving
        with contextlib.suppress(MountError):
            app._handle_exception(MountError("not mounted"))
        assert bool(app.crash) is not is_leaving
        assert app.return_code == (None if is_leaving else 70)
        app._exception = None
