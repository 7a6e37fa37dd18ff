"""Whether a person, and whether a screen, is at the program's standard streams."""

import codecs
import io
import os
import sys
from typing import TextIO

from dbtcollate_tui.ascii_signs import as_ascii

SIGNS = "dbtcollate-signs"
"""The error handler of encodings that replaces a sign by its like."""


def is_terminal() -> bool:
    """Whether both standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def has_screen() -> bool:
    """Whether the app can be drawn: on a terminal, or in the browser's page that `dbtcollate serve` makes.

    ``TERM=dumb`` says that the terminal cannot move its cursor.
    """
    if "TEXTUAL_DRIVER" in os.environ:
        return True
    return is_terminal() and not only_errors_redirected() and os.environ.get("TERM") != "dumb"


def only_errors_redirected() -> bool:
    """Whether a person is at a terminal, but standard error, on which the app draws, goes elsewhere."""
    return "TEXTUAL_DRIVER" not in os.environ and is_terminal() and not sys.stderr.isatty()


def flush_or_discard() -> None:
    """Write out what the standard streams hold; where their terminal is gone, give it up.

    Python's own flush at exit would turn that into exit code 120.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def write_any_sign(*, only_ascii: bool = False) -> None:
    """Have standard output and error take every text: a sign that their encoding lacks is replaced.

    Windows uses cp1252 for a pipe or a file, and a locale may be Latin-1 or ASCII. With ``only_ascii`` every
    sign outside ASCII is replaced. JSON and exports are UTF-8 all the same, see `write_utf8`.
    """
    codecs.register_error(SIGNS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii" if only_ascii else None, errors=SIGNS)


def write_utf8(stream: TextIO) -> None:
    """Write UTF-8 to this stream from here on, as readers of JSON and YAML expect."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace")


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return as_ascii(error.object[error.start : error.end]), error.end
