"""Bytes that actions send to the terminal: ``python -m tests.bench.bytes_per_action``.

The demo runs in a pseudo-terminal of 80x24, in true colour and without motion. Each line is one action, from
the key to the last change; a list is stepped through, and its costliest step is shown. The first screen is
compared with that of an empty Textual app of two buttons.
"""

import os
import pty
import select
import signal
import sys
import time
from collections.abc import Sequence

from tests.support.terminal import Terminal, terminal

EMPTY = """
from textual.app import App
from textual.widgets import Button

class Empty(App):
    def compose(self):
        yield Button("one")
        yield Button("two")

Empty().run()
"""
SIZE = (80, 24)
FIRST_RATIO, STEP_BYTES, CHECKLIST_BYTES = 1.3, 1_500, 40_000
QUIET_SECONDS = 0.5
STEPS = 12


class Meter:
    """A terminal whose output is counted, and what was measured in it."""

    def __init__(self, app: Terminal, heard: list[int]) -> None:
        self.app = app
        self._heard = heard
        self.missed = 0

    def took(self, *keys: str, until: Sequence[str] = ()) -> int:
        """Press keys; the bytes until the screen shows the words and nothing changes any more."""
        self._heard.clear()
        self.app.press(*keys)
        if until:
            self.app.until(*until)
        while select.select([self.app.descriptor], [], [], QUIET_SECONDS)[0] and self.app.read(0):
            pass
        return sum(self._heard)

    def shown(self, action: str, count: int, aim: float | None = None) -> None:
        """Print a measured action beside its aim."""
        missed = aim is not None and count > aim
        self.missed += missed
        verdict = "" if aim is None else f"aim {aim:6,.0f}  {'missed' if missed else 'met'}"
        print(f"{action:44} {count:7,}  {verdict}".rstrip(), flush=True)

    def steps(self, name: str, key: str = "down", back: str = "up") -> None:
        """Step through a list, there and back."""
        costs = [self.took(pressed) for pressed in [key] * STEPS + [back] * STEPS]
        if max(costs) == 0 and name not in ("profiles", "history"):
            raise SystemExit(f"{name}: no list took {key}\n{self.app.drawn()}")
        self.shown(f"{name}: {key}, most of {len(costs)}", max(costs), STEP_BYTES)

    def tabs(self, name: str, count: int = 3) -> None:
        """Move the focus."""
        self.shown(f"{name}: tab, most of {count}", max(self.took("tab") for _ in range(count)), STEP_BYTES)


def empty_first_screen() -> int:
    """Bytes of the first screen of an empty Textual app."""
    child, descriptor = pty.fork()
    if child == 0:
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execve(sys.executable, [sys.executable, "-c", EMPTY], environment)
    heard: list[int] = []
    app = Terminal(child, descriptor, SIZE, lambda data: heard.append(len(data)))
    app.until("one", "two")
    app.rest(1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(descriptor)
    return sum(heard)


def welcome(meter: Meter) -> None:
    """The welcome screen and what opens over it."""
    meter.tabs("welcome")


def checklist(meter: Meter) -> None:
    """The checklist, from the welcome screen."""
    meter.shown("checklist opened", meter.took("l", until=("25 of 25",)), CHECKLIST_BYTES)
    meter.steps("checklist")
    meter.tabs("checklist")
    meter.steps("chain", "right", "left")


def help_screens(meter: Meter) -> None:
    """Help and its topics, over any screen."""
    meter.shown("help opened", meter.took("?"))
    meter.steps("help")
    meter.took("t", until=("exit-codes",))
    meter.steps("help topics")
    meter.tabs("help topics")
    meter.took("escape")
    meter.took("escape")


def palette(meter: Meter) -> None:
    """The command palette."""
    meter.took("\x10", until=("Search",))
    meter.steps("palette")
    meter.took("escape")


def plan_and_sync(meter: Meter) -> None:
    """The plan, the sync and its record, from the checklist."""
    meter.took("s", until=("Write", "changes"))
    meter.steps("plan")
    meter.tabs("plan")
    meter.shown("sync", meter.took("w", until=("Done", "equal")))
    meter.steps("sync's end")
    meter.shown("log in place of the result", meter.took("tab", until=("lines",)))
    meter.steps("sync's log", "up", "down")
    while "In Collate now" not in meter.app.drawn():
        meter.took("escape")


def home(meter: Meter) -> None:
    """Home and the screens that open from it."""
    meter.tabs("home", 5)
    meter.steps("home")
    for name, key, word in (
        ("explain", "/", "marts.fct_orders"),
        ("coverage", "c", "tables matched"),
        ("history", "h", "in the last 90 days"),
        ("profiles", "p", "Files in"),
    ):
        meter.shown(f"{name} opened", meter.took(key, until=(word,)))
        if name == "explain":
            meter.steps("explain: finding", "tab", "tab")
        meter.steps(name)
        meter.took("escape")
    meter.took("t", until=("What do you see?",))
    meter.steps("symptoms")
    meter.took("escape")


def main() -> int:
    """Print what every action sends; 1 where an aim is missed."""
    heard: list[int] = []
    started = time.monotonic()
    with terminal(("--no-animation", "demo"), size=SIZE, heard=lambda data: heard.append(len(data))) as app:
        meter = Meter(app, heard)
        app.until("Set up")
        app.rest(1)
        first, empty = sum(heard), empty_first_screen()
        meter.shown("empty Textual app: first screen", empty)
        meter.shown("first screen", first, FIRST_RATIO * empty)
        for part in (welcome, checklist, help_screens, palette, plan_and_sync, home):
            part(meter)
    print(f"{meter.missed} missed, {time.monotonic() - started:.0f} s")
    return 1 if meter.missed else 0


if __name__ == "__main__":
    sys.exit(main())
