"""Whether a person, and whether a screen, is at the program's standard streams."""

import codecs
import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from dbtcollate_tui.ascii_signs import as_ascii

SIGNS = "dbtcollate-signs"
"""The error handler of encodings that replaces a sign by its like."""
ASCII = "dbtcollate_ascii"
COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
"""What Python may have set ``LC_CTYPE`` to on its own."""
_own_encodings: dict[str, str] = {}
"""What the streams had at the start."""


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


def locale_has_all_signs(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale is one of UTF-8, or none is named. Python itself puts ``C.UTF-8`` in C's place."""
    chosen = environment.get("LC_ALL", "")
    if not chosen:
        named = environment.get("LC_CTYPE", "")
        chosen = (named if named not in COERCED else "") or environment.get("LANG", "")
    if not chosen:
        return True
    return "utf" in chosen.lower() or (chosen not in {"C", "POSIX"} and "." not in chosen)


def write_any_sign(*, only_ascii: bool | None = None) -> None:
    """Have standard output and error take every text: a sign that their encoding lacks is replaced.

    Windows uses cp1252 for a pipe or a file, and a locale may be Latin-1 or ASCII. With ``only_ascii`` every
    sign outside ASCII is replaced; ``None`` leaves that to ``DBTCOLLATE_ASCII``, then to a locale that is
    named and has no others (Python writes UTF-8 in the locale C). JSON and exports are UTF-8 all the same,
    see `write_utf8`.
    """
    if only_ascii is None:
        wanted = os.environ.get("DBTCOLLATE_ASCII")
        only_ascii = wanted != "0" if wanted else _is_narrow_locale()
    codecs.register_error(SIGNS, _replaced)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            own = _own_encodings.setdefault(name, stream.encoding)
            is_narrow = only_ascii or codecs.lookup(own).name == "ascii"
            stream.reconfigure(encoding=ASCII if is_narrow else own, errors=SIGNS)


@codecs.register
def _find_ascii(name: str) -> codecs.CodecInfo | None:
    """ASCII by another name: click takes an ASCII stream for a mistake, and writes UTF-8 past it."""
    if name != ASCII:
        return None
    own = codecs.lookup("ascii")
    parts = (own.streamreader, own.streamwriter, own.incrementalencoder, own.incrementaldecoder)
    return codecs.CodecInfo(own.encode, own.decode, *parts, name=ASCII)


def _is_narrow_locale() -> bool:
    asked = "PYTHONIOENCODING" in os.environ or "PYTHONUTF8" in os.environ
    return os.name == "posix" and not asked and not locale_has_all_signs()


def write_utf8(stream: TextIO) -> None:
    """Write UTF-8 to this stream from here on, as readers of JSON and YAML expect."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace")


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return as_ascii(error.object[error.start : error.end]), error.end
