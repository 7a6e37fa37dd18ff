"""Whether a person, and whether a screen, is at the program's standard streams."""

import os
import sys


def is_terminal() -> bool:
    """Whether both standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def has_screen() -> bool:
    """Whether the app can be drawn: on a terminal, or in the browser's page that `dbtcollate serve` makes.

    ``TERM=dumb`` says that the terminal cannot move its cursor.
    """
    if "TEXTUAL_DRIVER" in os.environ:
        return True
    return is_terminal() and os.environ.get("TERM") != "dumb"
