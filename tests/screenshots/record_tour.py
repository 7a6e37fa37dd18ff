"""Records the tour: the demo in a real terminal by keys, as an asciicast (version 2).

``python -m tests.screenshots.record_tour [FILE]``; ``asciinema play FILE`` shows it. Stops where the
recording would hold a token.
"""

import json
import re
import sys
import time
from pathlib import Path

from tests.support.terminal import Terminal, terminal

SIZE = (80, 24)
READING_SECONDS = 1.6
GLANCE_SECONDS = 0.5
TOKEN = re.compile(r"dbt[cu]_[A-Za-z0-9]{12,}|eyJ[A-Za-z0-9_-]{12,}\\.")


class Cast:
    """The terminal's output with its times."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._held = b""
        self.events: list[tuple[float, str, str]] = []

    def hear(self, piece: bytes) -> None:
        """Take output in; a character torn between two pieces waits for its rest."""
        held = self._held + piece
        text = held.decode("utf-8", errors="ignore")
        self._held = held[len(text.encode()) :][-3:]
        self.events.append((round(time.monotonic() - self._began, 3), "o", text))

    def write(self, path: Path) -> None:
        """The file: a head, then an event a line. Raises `SystemExit` where a token is in it."""
        if TOKEN.search("".join(text for _, _, text in self.events)):
            raise SystemExit("the tour would show a token")
        head = {
            "version": 2,
            "width": SIZE[0],
            "height": SIZE[1],
            "title": "dbtcollate demo",
            "idle_time_limit": 2.0,
            "env": {"TERM": "xterm-256color"},
        }
        lines = [json.dumps(line, ensure_ascii=False) for line in (head, *self.events)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def go_through(tty: Terminal) -> None:
    """Setup, checklist, plan, sync, home, history, troubleshooting."""
    for words, keys in (
        (("Try it with sample data",), ("s",)),
        (("The URL of any dbt Cloud page",), ("enter",)),
        (("dbt Cloud token",), ("s",)),
        (("Which job describes production?", "latest successful run"), ("enter",)),
        (("Collate's URL and its bot's token",), ("s",)),
        (("reads and writes",), ("enter",)),
        (("Which database service", "of 26"), ("enter",)),
        (("What a sync may change in Collate",), ("enter",)),
        (("Save and verify",), ("enter",)),
        (("Verification", "done: "), ("down", "down", "s")),
        (("Write",), ("down", "right", "down", "down", "w")),
        (("Done", "equal"), ("escape",)),
        (("Verification", "done: "), ("escape",)),
        (("In Collate now",), ("h",)),
        (("history",), ("escape",)),
        (("In Collate now",), ("t",)),
        (("In Collate's guide",), ("down", "down", "down", "enter")),
        (("Check again",), ("escape",)),
    ):
        tty.until(*words)
        tty.rest(READING_SECONDS)
        for key in keys:
            tty.press(key)
            tty.rest(GLANCE_SECONDS)
    tty.rest(READING_SECONDS)


def main(path: Path) -> None:
    """Record and write the tour."""
    cast = Cast()
    with terminal(["--no-animation", "demo"], size=SIZE, heard=cast.hear) as tty:
        go_through(tty)
    cast.write(path)
    print(f"{path.name}: {cast.events[-1][0]:.0f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "screenshots" / "tour.cast")
