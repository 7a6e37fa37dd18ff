"""What every command is told beside its own options."""

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Common:
    """The profile's name, how to speak, and whether a person may be asked."""

    profile: str | None = None
    json: bool = False
    no_input: bool = False
    animation: bool = True

    @property
    def may_ask(self) -> bool:
        """Whether a person is there to answer: a terminal, outside CI, and not forbidden."""
        return not (self.no_input or self.json or os.environ.get("CI")) and is_terminal()


def is_terminal() -> bool:
    """Whether both standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def has_screen() -> bool:
    """Whether the app can be drawn: on a terminal, or in the browser's page that `dbtcollate serve` makes."""
    return is_terminal() or "TEXTUAL_DRIVER" in os.environ
