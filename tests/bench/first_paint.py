"""Time to first paint against an empty Textual app: ``python -m tests.bench.first_paint [ROUNDS]``.

Each run is a process of its own in a pseudo-terminal; the clock runs from its start to the first whole screen
(the end of the first synchronised update that holds text). The two take turns, so that the machine's other
work meets both.
"""

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time

EMPTY = """
from textual.app import App
from textual.widgets import Label

class Empty(App):
    def compose(self):
        yield Label("ready")

Empty().run()
"""
OURS = "from dbtcollate_tui.__main__ import main\nmain()\n"
MARKS = {"empty": b"ready", "dbtcollate": b"Set up"}
WITHIN_SECONDS = 30.0
SIZE = struct.pack("HHHH", 24, 80, 0, 0)


def first_paint(code: str, mark: bytes, folder: str) -> float:
    """Seconds from the start of the process to the drawn screen."""
    environment = {
        **os.environ,
        **{f"DBTCOLLATE_{kind}_DIR": f"{folder}/{kind}" for kind in ("CONFIG", "STATE", "CACHE", "LOG")},
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPATH": os.getcwd(),  # noqa: PTH109
    }
    started = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, SIZE)
    seen = b""
    try:
        while mark not in seen:
            left = started + WITHIN_SECONDS - time.monotonic()
            ready, _, _ = select.select([terminal], [], [], max(0.0, left))
            if not ready:
                raise SystemExit(f"no screen within {WITHIN_SECONDS:.0f} s: {seen[-500:]!r}")
            seen += os.read(terminal, 65536)
        return time.monotonic() - started
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def main(rounds: int) -> None:
    """Print both medians and their ratio."""
    codes = {"empty": EMPTY, "dbtcollate": OURS}
    took: dict[str, list[float]] = {name: [] for name in codes}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, code in codes.items():
                seconds = first_paint(code, MARKS[name], folder)
                if number:
                    took[name].append(seconds)
    for name, times in took.items():
        middle, shortest = statistics.median(times) * 1000, min(times) * 1000
        print(f"{name:11} median {middle:5.0f} ms   least {shortest:5.0f} ms")
    pairs = zip(took["dbtcollate"], took["empty"], strict=True)
    ratio = statistics.median(ours / empty for ours, empty in pairs)
    of_least = min(took["dbtcollate"]) / min(took["empty"])
    print(f"ratio       median {ratio:.2f}   of the least {of_least:.2f}   {rounds} rounds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
