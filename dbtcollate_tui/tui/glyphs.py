"""State glyphs and line characters, with an ASCII set for terminals that have no others."""

import os
import sys
from dataclasses import dataclass

from dbtcollate_tui.checks.base import CheckState


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of characters; ``spinner`` has one frame where nothing may move."""

    states: dict[CheckState, str]
    lit: str
    unlit: str
    pointer: str
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


def choose_glyphs() -> Glyphs:
    """The Unicode set, or ASCII under ``DBTCOLLATE_ASCII``, ``TERM=linux``/``dumb`` or another encoding."""
    if os.environ.get("DBTCOLLATE_ASCII") or os.environ.get("TERM") in {"linux", "dumb"}:
        return ASCII
    encoding = (getattr(sys.__stdout__, "encoding", None) or "utf-8").lower().replace("-", "")
    return UNICODE if encoding.startswith("utf") else ASCII


GLYPHS = choose_glyphs()


def cut_middle(text: str, width: int) -> str:
    """The text in at most ``width`` cells, long ones cut in the middle."""
    if len(text) <= width:
        return text
    if width <= len(GLYPHS.cut):
        return text[:width]
    keep = width - len(GLYPHS.cut)
    head = (keep + 1) // 2
    tail = keep - head
    return f"{text[:head]}{GLYPHS.cut}{text[len(text) - tail :] if tail else ''}"
