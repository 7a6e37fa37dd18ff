"""The app as a program in a terminal: how lines are drawn, pages opened and crashes reported."""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar, cast

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import events, on
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.filter import DimFilter, LineFilter, Monochrome
from textual.geometry import Size
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import MountError
from textual.widgets import Input
from textual.worker import WorkerFailed

from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.log import LOGGER, log_path
from dbtcollate_tui.redact import redact
from dbtcollate_tui.transport.addresses import in_ascii, is_own_page, is_web_page
from dbtcollate_tui.tui.filters import Ascii, Backgrounds, Defused, FewColours, WithoutColour
from dbtcollate_tui.tui.frames import Changes, Frames
from dbtcollate_tui.tui.glyphs import ASCII, GLYPHS
from dbtcollate_tui.tui.pasting import Joined, Paste

QUIET_GROUNDS = ("background", "surface", "panel")
"""The theme's backgrounds that mark nothing."""
EARLY_SECONDS, EARLY_LOOKS = 0.02, 500
"""How often, and how many times at most, a screen that opens is looked at while keys wait for it."""
NEVER_WAIT = frozenset({"ctrl+c", "ctrl+q", "ctrl+z"})
ROW_SHARES = (0.25, 0.4)
"""The shares of the primary colour in the background of a selected row, as app.tcss has them."""
FEW = {"standard": ColorSystem.STANDARD, "windows": ColorSystem.WINDOWS, "256": ColorSystem.EIGHT_BIT}
MOVES = {
    "down": ("cursor_down", "scroll_down"),
    "up": ("cursor_up", "scroll_up"),
    "home": ("first", "scroll_top", "scroll_home"),
    "end": ("last", "scroll_bottom", "scroll_end"),
    "page_down": ("page_down",),
    "page_up": ("page_up",),
}
"""What the letters that move may be called in a widget, the first that it has."""


RESIZE_SECONDS = 0.1
"""Between two layouts for sizes that follow one another."""
TOO_SMALL = "\x1b[0m\x1b[2J\x1b[HWindow too small"
KEY_WORDS = {
    "up": "up",
    "down": "down",
    "left": "left",
    "right": "right",
    "backspace": "backspace",
    "enter": "enter",
}
"""Names of the keys that Textual shows by a sign outside ASCII."""


class TerminalApp(App[ExitCode]):
    """Knows the terminal and nothing of dbt or Collate.

    ``crash`` is the line to print after an unexpected error, whose trace is in the log file without locals.
    """

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-medium"),
        (110, "-wide"),
        (160, "-widest"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "Palette", show=False, priority=True),
        Binding("j", "move('down')", show=False),
        Binding("k", "move('up')", show=False),
        Binding("g", "move('home')", show=False),
        Binding("G", "move('end')", show=False),
        Binding("ctrl+l", "redraw", "Redraw", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True),
        Binding("ctrl+d", "move('page_down')", show=False),
        Binding("ctrl+u", "move('page_up')", show=False),
    ]

    def __init__(self, *, animation: bool = True) -> None:
        super().__init__()
        self.crash = ""
        if not animation:
            self.animation_level = "none"
        self._frames = Frames()
        self._drawn_size = Size(0, 0)
        self._early: list[events.Key | events.Paste] = []
        self._replaying = False
        self._backgrounds: tuple[dict[str, str], Backgrounds] | None = None
        self._drawing = self._filters_of_lines()
        self._resized_at = -RESIZE_SECONDS

    def begin_with_theme(self, name: str, *own: Theme) -> None:
        """Register the app's own themes and begin with the named one, else with the first of them.

        Before anything is drawn: setting a theme later styles every widget a second time.
        """
        for theme in own:
            self.register_theme(theme)
        self.set_reactive(App.theme, name if name in self.available_themes else own[0].name)
        for mark, wanted in (("-dark-mode", True), ("-light-mode", False)):
            self.set_class(self.current_theme.dark is wanted, mark, update=False)
        self.add_class(f"-theme-{self.theme}", update=False)
        self.stylesheet.set_variables(self.get_css_variables())

    def get_driver_class(self) -> type[Driver]:
        """Textual's driver, or the one of a POSIX terminal that survives any input."""
        chosen = super().get_driver_class()
        if chosen.__name__ == "LinuxDriver":
            from dbtcollate_tui.tui.driver import TerminalDriver

            return TerminalDriver
        return chosen

    def draw_whole_from_thread(self) -> None:
        """Draw the whole screen again: the terminal did not read for a while, and frames were dropped."""
        with contextlib.suppress(RuntimeError):
            self.call_later(self._draw_whole)

    def _draw_whole(self) -> None:
        self._frames.forget()
        if self._running and self.screen_stack:
            self.screen.refresh()

    def begin_drawing(self, *, erases: bool, links: bool) -> None:
        """Send every cell with the next update: the screen was switched."""
        self._frames.erases, self._frames.links = erases, links
        self._frames.forget()

    def action_redraw(self) -> None:
        """Draw the whole screen again, over whatever another program has written on it."""
        self._draw_whole()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Send the cells that change alone; nothing but a word to a window too small for any layout."""
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            if isinstance(renderable, LayoutUpdate) and self._drawn_size != self.size:
                self._drawn_size = self.size
                self._frames.forget()
            if getattr(self._driver, "is_too_small", False):
                self._frames.forget()
                if self._driver is not None:
                    self._driver.write(TOO_SMALL)
                return
            if self._is_drawing():
                data = self._frames.changes(renderable, self.console)
                cursor = screen.outer_size.clamp_offset(self.cursor_position)
                if not data and cursor == self._previous_cursor_position:
                    self.post_display_hook()
                    return
                renderable = cast(RenderableType, Changes(data))
            super()._display(screen, renderable)
        else:
            super()._display(screen, renderable)

    def _is_drawing(self) -> bool:
        """Whether `App._display` would send an update now."""
        is_open = self._running and not self._closed and not self.is_headless
        return is_open and self._driver is not None and not self._batch_count

    def terminal_closed(self) -> None:
        """Leave: the terminal is gone."""
        self.exit(ExitCode.INTERRUPTED, return_code=int(ExitCode.INTERRUPTED))

    def panic(self, *renderables: RenderableType) -> None:
        """End as by every unexpected error: one line, the details in the log, and exit code 70."""
        with self.console.capture() as shown:
            self.console.print(*renderables)
        LOGGER.error("unexpected error\n%s", redact(shown.get()))
        self.crash = self.crash or f"The app ended unexpectedly  (details: {log_path()})"
        self._return_code = int(ExitCode.INTERNAL)
        self._close_messages_no_wait()

    def get_key_display(self, binding: Binding) -> str:
        """The key's name, of letters where the terminal has no other signs."""
        if GLYPHS is ASCII and not binding.key_display:
            modifiers, key = binding.parse_key()
            if key in KEY_WORDS:
                return "+".join([*modifiers, KEY_WORDS[key]])
        return super().get_key_display(binding)

    def _filters_of_lines(self) -> list[LineFilter]:
        filters: list[LineFilter] = [Defused()]
        if GLYPHS is ASCII:
            filters.append(Ascii())
        if self.no_color:
            filters.append(WithoutColour(self._grounds))
        elif self.console.color_system in FEW:
            filters.append(FewColours(self._grounds, FEW[self.console.color_system]))
        return filters

    def _grounds(self) -> Backgrounds:
        variables = self.theme_variables
        if self._backgrounds is None or self._backgrounds[0] is not variables:
            quiet = [Color.parse(variables[name]) for name in QUIET_GROUNDS]
            primary = Color.parse(variables["primary"])
            marks = [ground.blend(primary, share) for ground in quiet for share in ROW_SHARES]
            muted = variables["text-muted"]
            grounds = Backgrounds(
                tuple(colour.rgb for colour in quiet),
                tuple(colour.rgb for colour in marks),
                Color.parse(variables["foreground"]).rgb,
                Color.parse(muted).rgb if muted.startswith("#") else None,
            )
            self._backgrounds = variables, grounds
        return self._backgrounds[1]

    def _check_resize(self) -> None:
        """Lay out for a new size, at most every `RESIZE_SECONDS`: a window that is dragged changes often.

        Textual lays out after 8 ms each time, so that the screens fall behind the drag by seconds.
        """
        wait = self._resized_at + RESIZE_SECONDS - time.monotonic()
        if self._resize_timer is not None and wait > 0:
            self._resize_timer.stop()
            self._resize_timer = self.set_timer(wait, self._check_resize)
            return
        self._resized_at = time.monotonic()
        super()._check_resize()

    async def on_event(self, event: events.Event) -> None:
        """Handle an event; keys and pastes wait, in their order, until the screen on top can take them."""
        if (
            isinstance(event, events.Key | events.Paste)
            and not event.is_forwarded
            and not self._replaying
            and self._must_wait(event)
        ):
            self._early.append(event)
            if len(self._early) == 1:
                self._wait_for_screen(EARLY_LOOKS)
            return
        if isinstance(event, events.Paste) and not event.is_forwarded and not self.app_focus:
            # A terminal that asks before it pastes (xfce4-terminal, urxvt) sends the text before the focus
            # is reported back; Textual gives the focus back for keys and clicks alone.
            self.app_focus = True
        await super().on_event(event)

    def _must_wait(self, event: events.Key | events.Paste) -> bool:
        if isinstance(event, events.Key) and event.key in NEVER_WAIT:
            return False
        return bool(self._early) or not self._takes_input()

    def _takes_input(self) -> bool:
        if not self._screen_stack:
            return True
        return self.screen.is_mounted and not getattr(self.screen, "is_opening", False)

    def _wait_for_screen(self, looks: int) -> None:
        if looks > 0 and not self._takes_input():
            self.set_timer(EARLY_SECONDS, partial(self._wait_for_screen, looks - 1))
        else:
            self.call_later(self._replay)

    async def _replay(self) -> None:
        """Hand over the first event that waited, then look again: it may have opened the next screen."""
        if not self._early:
            return
        self._replaying = True
        try:
            await self.on_event(self._early[0])
        finally:
            self._replaying = False
            del self._early[0]
        if self._early:
            self._wait_for_screen(EARLY_LOOKS)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through before it is drawn."""
        dropped: tuple[type[LineFilter], ...] = (Monochrome,)
        if self._grounds().muted is not None and self.console.color_system in FEW:
            dropped = (Monochrome, DimFilter)
        own = [line for line in super().get_line_filters() if not isinstance(line, dropped)]
        return [*own, *self._drawing]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a word in passing; what a server said in it is no markup."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def say_pasted(self, part: Paste | Joined) -> None:
        """Say that a paste was refused since its end is missing, or that typed lines were joined."""
        if isinstance(part, Joined):
            self.notify(f"The {part.lines} lines of the paste were joined.", timeout=6)
        else:
            text = "The paste did not arrive whole, so none of it was taken. Paste it again."
            self.notify(text, severity="warning", timeout=10)

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Open the page in the browser, or show its address where there is none.

        Only a web page is opened: a program that is handed anything else may take it for an option or a file.
        A page of another server than those of `own_addresses` is not opened, its address is shown.
        """
        if not is_web_page(url):
            text = f"This is not the address of a web page, so it is not opened: {in_ascii(url)[:200]}"
            self.notify(text, severity="warning")
            return
        if not is_own_page(url, self.own_addresses()):
            from dbtcollate_tui.tui import browser

            self.push_screen(browser.AddressScreen(url, browser.OTHER_SERVER))
            return
        if self.is_web:
            super().open_url(url, new_tab=new_tab)
        else:
            self.run_worker(self._open_page(url, new_tab), group="browser", exit_on_error=False)

    def own_addresses(self) -> Iterable[str]:
        """The addresses of the servers whose pages may be opened, apart from the documentation."""
        return ()

    async def _open_page(self, url: str, new_tab: bool) -> None:
        from dbtcollate_tui.tui import browser

        taken = browser.has_browser() and await asyncio.to_thread(browser.open_page, url, new_tab=new_tab)
        if not taken:
            self.push_screen(browser.AddressScreen(url))

    def action_move(self, where: str) -> None:
        """The letters that move in lists: in whatever has the focus and bound none of them itself."""
        focused = self.focused
        for name in MOVES[where]:
            act = getattr(focused, f"action_{name}", None)
            if act is not None:
                act()
                return

    @on(CommandPalette.Opened)
    def _palette_opened(self) -> None:
        """Its cursor blinks only where motion is wanted, as that of every field."""
        for field in self.screen.query(Input):
            field.cursor_blink = self.animation_level != "none"

    def _handle_exception(self, error: Exception) -> None:
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self._exit and isinstance(cause, MountError | NoMatches | ScreenStackError):
            # The widgets of a screen that is closing go before its workers end.
            LOGGER.info("a screen was closed before its work ended: %s", type(cause).__name__)
            return
        trace = "".join(traceback.format_exception(cause))
        LOGGER.error("unexpected error\n%s", redact(trace))
        first = redact(str(cause)).splitlines()[:1]
        self.crash = f"{type(cause).__name__}: {first[0] if first else ''}  (details: {log_path()})"
        super()._handle_exception(error)
        self._return_code = int(ExitCode.INTERNAL)

    def _fatal_error(self) -> None:
        self.bell()
        self._close_messages_no_wait()
