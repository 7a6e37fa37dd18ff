"""State glyphs and line characters, with an ASCII set for terminals that have no others."""

import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.standard_streams import locale_has_all_signs


class Glyphs(NamedTuple):
    """One set of characters; ``spinner`` has one frame where nothing may move."""

    states: dict[CheckState, str]
    lit: str
    unlit: str
    pointer: str
    open: str
    dot: str
    arrow: str
    cut: str
    spinner: str


UNICODE = Glyphs(
    states={
        CheckState.PASS: "✓",
        CheckState.WARN: "!",
        CheckState.FAIL: "✗",
        CheckState.RUNNING: "⠋",
        CheckState.WAITING: "○",
        CheckState.SKIPPED: "–",
    },
    lit="━",
    unlit="╌",
    pointer="▸",
    open="▾",
    dot="•",
    arrow="→",
    cut="…",
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
)
ASCII = Glyphs(
    states={
        CheckState.PASS: "+",
        CheckState.WARN: "!",
        CheckState.FAIL: "x",
        CheckState.RUNNING: "~",
        CheckState.WAITING: "o",
        CheckState.SKIPPED: "-",
    },
    lit="=",
    unlit="-",
    pointer=">",
    open="v",
    dot="*",
    arrow="->",
    cut="..",
    spinner="|/-\\",
)

STATE_COLOURS = {
    CheckState.PASS: "$success",
    CheckState.WARN: "$warning",
    CheckState.FAIL: "$error",
    CheckState.RUNNING: "$accent",
    CheckState.WAITING: "$text-muted",
    CheckState.SKIPPED: "$text-muted",
}
"""The theme variable of each state."""

STATE_WORDS = {
    CheckState.PASS: "ok",
    CheckState.WARN: "warn",
    CheckState.FAIL: "failed",
    CheckState.RUNNING: "checking",
    CheckState.WAITING: "waiting",
    CheckState.SKIPPED: "skipped",
}


def choose_glyphs(environment: Mapping[str, str] = os.environ) -> Glyphs:
    """The Unicode set, or ASCII where the terminal or the locale has no other characters.

    ``DBTCOLLATE_ASCII`` (1 or 0, set by ``--ascii`` and ``--no-ascii``) decides where it is there; then
    ``TERM=linux`` and ``dumb``, standard output's encoding, and the locale that the environment names.
    """
    wanted = environment.get("DBTCOLLATE_ASCII")
    if wanted:
        return UNICODE if wanted == "0" else ASCII
    if environment.get("TERM") in {"linux", "dumb"}:
        return ASCII
    encoding = (getattr(sys.__stdout__, "encoding", None) or "utf-8").lower().replace("-", "")
    return UNICODE if encoding.startswith("utf") and locale_has_all_signs(environment) else ASCII


GLYPHS = choose_glyphs()


def cut_middle(text: str, width: int) -> str:
    """The text in at most ``width`` cells, long ones cut in the middle."""
    if cell_len(text) <= width:
        return text
    if width <= len(GLYPHS.cut):
        return set_cell_size(text, max(0, width)).rstrip()
    keep = width - len(GLYPHS.cut)
    head = set_cell_size(text, (keep + 1) // 2).rstrip()
    tail = text[::-1] if keep - cell_len(head) > 0 else ""
    return f"{head}{GLYPHS.cut}{set_cell_size(tail, keep - cell_len(head)).rstrip()[::-1]}"


def cut_end(text: str, width: int) -> str:
    """Fit a sentence into this width, cut after a whole word where one ends in the second half."""
    if cell_len(text) <= width:
        return text
    room = max(0, width - len(GLYPHS.cut))
    kept = set_cell_size(text, room)
    if not text[len(kept) : len(kept) + 1].isspace():
        words = kept.rpartition(" ")[0]
        if cell_len(words) >= room // 2:
            kept = words
    return kept.rstrip(" ,;:") + GLYPHS.cut
