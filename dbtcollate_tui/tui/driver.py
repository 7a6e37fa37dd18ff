"""Textual's driver for POSIX terminals, made to survive any input and a terminal that stops reading.

Each part names what in Textual it replaces; tried with Textual 8.2. Remove a part when Textual does the same.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from textual import events
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import ScreenStackError
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.widgets import Input

from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.tui.frames import erases_in_colour, takes_links
from dbtcollate_tui.tui.pasting import ESCAPE, Joined, Part, Paste, PasteReader

if TYPE_CHECKING:
    from textual.message import Message

    from dbtcollate_tui.tui.terminal import TerminalApp

QUEUED = 30
"""Frames that wait for the terminal before the next ones are dropped."""
MODE_LENGTH = 64
"""Longest sequence that switches a mode of the terminal; these are never dropped, longer ones are frames."""
MODES = 200
SMALLEST = (40, 8)
"""Columns and lines below which a line says that the window is too small."""
CLOSE_SECONDS = 1.0
"""How long leaving waits for a terminal that does not read."""
SYNC = ("\x1b[?2026h", "\x1b[?2026l")
KEYPAD_ON, KEYPAD_OFF = "\x1b[?1h\x1b=", "\x1b[?1l\x1b>"
"""Application mode, in which st sends its Delete key as every other terminal does (not as F1)."""
TITLE = "\x1b[22;0t\x1b]0;{}\x07"
TITLE_BACK = "\x1b[23;0t"
READ = 4096
IDLE_SECONDS, WAIT_SECONDS = 0.1, 0.02
"""How long the input is waited for, and while a part of it waits for its rest."""


class DroppingWriter(WriterThread):
    """Never makes its caller wait: while the terminal does not read, frames are dropped.

    Textual's writer has a queue of 30 and waits for room in it, in the event loop (Textualize/textual,
    ``drivers/_writer_thread.py``). Mode switches are kept. ``caught_up`` is called from the thread when the
    terminal reads again after a drop: the screen has to be drawn whole then.
    """

    def __init__(self, file: IO[str], caught_up: Callable[[], None]) -> None:
        super().__init__(file)
        self._caught_up = caught_up
        self._descriptor = file.fileno()
        self._encoding = getattr(file, "encoding", None) or "utf-8"
        self._texts: deque[str] = deque()
        self._modes: deque[str] = deque(maxlen=MODES)
        self._ready = threading.Condition()
        self._behind = False
        self._ending = False

    def write(self, text: str) -> None:
        """Queue the text, or drop it where the terminal is behind."""
        with self._ready:
            if self._behind or len(self._texts) >= QUEUED:
                self._behind = True
                if len(text) <= MODE_LENGTH and text not in SYNC:
                    self._modes.append(text)
                return
            self._texts.append(text)
            self._ready.notify()

    def run(self) -> None:
        """Write what is queued until the end; past Python's buffers, whose locks an exit would wait for."""
        while True:
            with self._ready:
                while not self._texts and not self._behind and not self._ending:
                    self._ready.wait()
                behind = self._behind and not self._texts
                if behind:
                    self._texts.extend((SYNC[1], *self._modes))
                    self._modes.clear()
                    self._behind = False
                elif not self._texts:
                    return
                data = "".join(self._texts).encode(self._encoding, "replace")
                if not behind and len(self._texts) > 1:
                    data = self._texts.popleft().encode(self._encoding, "replace")
                else:
                    self._texts.clear()
            if not self._put(data):
                return
            if behind:
                self._caught_up()

    def _put(self, data: bytes) -> bool:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                return False
        return True

    def stop(self) -> None:
        """Write what is left; a terminal that does not read is not waited for."""
        with self._ready:
            self._ending = True
            self._ready.notify()
        self.join(CLOSE_SECONDS)


class TerminalDriver(LinuxDriver):
    """Drops input that is no UTF-8, and ends in order when the terminal is gone."""

    _app: TerminalApp
    is_too_small = False

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size to lay out for: Textual fails on some widgets of fewer columns than `SMALLEST`.

        The terminal's own, which changes with the window; Textual takes ``COLUMNS`` and ``LINES`` first, and
        then keeps the size at which a shell exported them.
        """
        try:
            size = os.get_terminal_size(self.fileno)
        except OSError:
            size = os.terminal_size((0, 0))
        found = size if size.columns and size.lines else super()._get_terminal_size()
        return self._laid_out(*found)

    def _laid_out(self, columns: int, lines: int) -> tuple[int, int]:
        least_columns, least_lines = SMALLEST
        is_too_small = columns < least_columns or lines < least_lines
        if is_too_small or self.is_too_small:
            self.is_too_small = is_too_small
            self._app.draw_whole_from_thread()
        self._size = max(columns, least_columns), max(lines, least_lines)
        return self._size

    def process_message(self, message: Message) -> None:
        """Take a message of the terminal; a size that it reports among the keys is one to lay out for."""
        if isinstance(message, events.Resize):
            size = Size(*self._laid_out(*message.size))
            message = events.Resize(size, size, size, message.pixel_size)
        super().process_message(message)

    def start_application_mode(self) -> None:
        """Switch the screen; the keypad's keys and the window's title are the app's then."""
        app = self._app
        kind = os.environ.get("TERM", "")
        app.begin_drawing(erases=erases_in_colour(kind, self.fileno), links=takes_links(kind))
        kept = linux_driver.WriterThread  # type: ignore[attr-defined]

        def writer(file: IO[str]) -> DroppingWriter:
            return DroppingWriter(file, app.draw_whole_from_thread)

        linux_driver.WriterThread = writer  # type: ignore[attr-defined, assignment]
        try:
            super().start_application_mode()  # type: ignore[no-untyped-call]
        finally:
            linux_driver.WriterThread = kept  # type: ignore[attr-defined]
        if self._writer_thread is not None:
            self.write(KEYPAD_ON)
            self.write(TITLE.format(app.title))

    def stop_application_mode(self) -> None:
        """Switch back what `start_application_mode` switched."""
        if self._writer_thread is not None:
            self.write(KEYPAD_OFF)
            self.write(TITLE_BACK)
            super().stop_application_mode()

    def _run_input_thread(self) -> None:
        """Textual's own ends the app by `App.panic`, with exit code 0 and nothing in the log."""
        try:
            self.run_input_thread()
        except Exception as error:  # noqa: BLE001 - the app ends by it as by every unexpected error
            self._app.call_later(self._app._handle_exception, error)

    def run_input_thread(self) -> None:
        """Read keys and pastes; Textual's own decodes strictly, so that one byte of Latin-1 ends the app."""
        decode = getincrementaldecoder("utf-8")("ignore").decode
        parser = XTermParser(self._debug)
        reader = PasteReader(self._types_into_field)
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                text = ""
                if selector.select(WAIT_SECONDS if reader.waits else IDLE_SECONDS):
                    try:
                        data = os.read(self.fileno, READ)
                    except OSError:
                        data = b""
                    if not data:
                        if self.input_tty:
                            self._app.call_later(self._app.terminal_closed)
                        return
                    text = decode(data)
                now = time.monotonic()
                try:
                    for part in (*reader.feed(text, now), *reader.tick(now)):
                        self._take(part, parser)
                    for event in parser.tick():
                        self.process_message(event)
                except (ParseError, ValueError, IndexError, KeyError, OverflowError) as error:
                    LOGGER.info("input that is no key was dropped: %s", type(error).__name__)
                    parser = XTermParser(self._debug)

    def _take(self, part: Part, parser: XTermParser) -> None:
        match part:
            case Paste(text, is_whole=True):
                self.process_message(events.Paste(text))
            case Paste() | Joined():
                self._app.call_later(self._app.say_pasted, part)
            case _ if part == ESCAPE:
                self.process_message(events.Key("escape", ESCAPE))
            case _:
                for event in parser.feed(part):
                    self.process_message(event)

    def _types_into_field(self) -> bool:
        """Whether keys are typed into a field now. Read from the input's thread, changed by the app's."""
        try:
            return isinstance(self._app.screen.focused, Input)
        except ScreenStackError:
            return False
