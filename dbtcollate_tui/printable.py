"""Text that a terminal, a log reader or another program only shows: nothing in it is obeyed.

Servers and dbt projects write names, descriptions and messages, so every text that leaves the program is made
printable here: standard output and error, JSON, reports, the history and the log.
"""

import re

from dbtcollate_tui.redact import redact

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""C0 and C1 controls, line separators, invisible tags, and the characters that turn text's direction."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""Halves of a character alone, which no encoding writes."""
_BREAKS = re.compile(r"[\t\n\r\u2028\u2029\x85]+")


def printable(text: str) -> str:
    """The text without what a terminal would obey; tabs and line feeds stay."""
    return without_surrogates(CONTROL.sub("", text))


def without_surrogates(text: str) -> str:
    """The text with U+FFFD for every half of a surrogate pair, so that it can be written."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def safe(text: str) -> str:
    """The text as it may leave the program: secrets replaced, nothing in it for a terminal to obey."""
    return printable(redact(text))


def one_line(text: str) -> str:
    """The text on one line, so that no server's text passes for a line of this program."""
    return _BREAKS.sub(" ", text)


def json_safe(text: str) -> str:
    """JSON text with its control characters as escapes: the same values, nothing for a terminal to obey."""
    if text.isascii() and "\x7f" not in text:
        return text
    return CONTROL.sub(_escaped, without_surrogates(text))


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in "\n\r":
        return sign
    pairs = sign.encode("utf-16-be").hex()
    return "".join(f"\\u{pairs[at : at + 4]}" for at in range(0, len(pairs), 4))
