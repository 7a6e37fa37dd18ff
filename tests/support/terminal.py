"""The program in a real terminal: a pseudo-terminal, its output drawn by pyte, keys as bytes."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyte

WITHIN_SECONDS = 40.0
QUIET_SECONDS = 0.25
KEYS = {
    "enter": b"\r",
    "escape": b"\x1b",
    "down": b"\x1b[B",
    "up": b"\x1b[A",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "tab": b"\t",
    "space": b" ",
}


class Terminal:
    """One process in a terminal; ``heard`` gets every piece of its output."""

    def __init__(
        self, process: int, descriptor: int, size: tuple[int, int], heard: Callable[[bytes], object]
    ) -> None:
        self._process = process
        self._descriptor = descriptor
        self._heard = heard
        self.pressed = 0
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.resize(*size)

    @property
    def descriptor(self) -> int:
        """The terminal's side that reads and types."""
        return self._descriptor

    def resize(self, columns: int, lines: int) -> None:
        """Another size, told to the process."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def press(self, *keys: str) -> None:
        """Press keys by name or letter."""
        for key in keys:
            self.pressed += 1
            os.write(self._descriptor, KEYS.get(key, key.encode()))

    def send(self, data: bytes) -> None:
        """Bytes as a terminal sends them."""
        os.write(self._descriptor, data)

    def kill(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self._process, number)

    def close(self) -> None:
        """Close the window: the process gets SIGHUP and can no longer write."""
        os.close(self._descriptor)
        self._descriptor = -1

    def exit_code(self) -> int:
        """Wait for the process's end without reading what it writes."""
        end = time.monotonic() + WITHIN_SECONDS
        while time.monotonic() < end:
            process, status = os.waitpid(self._process, os.WNOHANG)
            if process:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.05)
        raise AssertionError("the process did not end")

    def paste(self, text: str) -> None:
        """A bracketed paste; counts as one press."""
        self.pressed += 1
        left = f"\x1b[200~{text}\x1b[201~".encode()
        while left:
            left = left[os.write(self._descriptor, left[:4096]) :]

    def read(self, seconds: float) -> bool:
        """Take what the process wrote within the time; false where it has ended."""
        if select.select([self._descriptor], [], [], max(0.0, seconds))[0]:
            try:
                piece = os.read(self._descriptor, 65536)
            except OSError:
                return False
            self._heard(piece)
            self._stream.feed(piece)
            return bool(piece)
        return True

    def drawn(self) -> str:
        """The screen as text."""
        return "\n".join(self.screen.display)

    def settle(self) -> None:
        """Look on until nothing was written for a while, as who reads before pressing a key."""
        while select.select([self._descriptor], [], [], QUIET_SECONDS)[0]:
            if not self.read(0):
                return

    def until(self, *words: str) -> str:
        """Wait until the screen shows all of the words."""
        end = time.monotonic() + WITHIN_SECONDS
        while not all(word in self.drawn() for word in words):
            if time.monotonic() > end or not self.read(0.2):
                raise AssertionError(f"never came: {words}\n{self.drawn()}")
        self.settle()
        return self.drawn()

    def rest(self, seconds: float) -> None:
        """Look on for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.read(left):
            pass

    def ended(self) -> int:
        """Wait for the process's end; its exit code."""
        while self.read(0.2):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])


@contextmanager
def terminal(
    arguments: Sequence[str],
    *,
    size: tuple[int, int] = (80, 24),
    environment: Mapping[str, str] | None = None,
    heard: Callable[[bytes], object] = len,
    errors: int | None = None,
) -> Iterator[Terminal]:
    """``python -m dbtcollate_tui`` with these arguments, killed at the end where it still runs.

    ``errors`` is the descriptor of its standard error, where that is not the terminal.
    """
    shown = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **(environment or {})}
    process, descriptor = pty.fork()
    if process == 0:
        if errors is not None:
            os.dup2(errors, 2)
        command = [sys.executable, "-m", "dbtcollate_tui", *arguments]
        os.execve(sys.executable, command, {**os.environ, **shown})
    made = Terminal(process, descriptor, size, heard)
    try:
        yield made
    finally:
        try:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        if made._descriptor >= 0:
            os.close(descriptor)
