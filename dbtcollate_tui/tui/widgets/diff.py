"""Old and new value as a diff: word by word within changed lines, as -/+ lines or side by side."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

WORDS_AT_MOST = 3_000
"""Longer lines are compared as a whole: comparing words costs their square."""
LIKE = 0.3
"""Lines that share less than this are not compared word by word: the marks would say nothing."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

Piece = tuple[str, bool]
"""A part of a line, and whether it differs from the other side."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of each side, ``None`` where that side has none; equal lines hold the same."""

    old: tuple[Piece, ...] | None
    new: tuple[Piece, ...] | None

    @property
    def equal(self) -> bool:
        """Whether both sides say the same."""
        return self.old is not None and self.old == self.new


def diff_lines(old: str, new: str) -> tuple[DiffLine, ...]:
    """The lines of both texts side by side; in a changed line the words that differ are marked."""
    left, right = old.splitlines(), new.splitlines()
    found: list[DiffLine] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            found.extend(DiffLine(((text, False),), ((text, False),)) for text in left[a:b])
            continue
        for before, after in zip_longest(left[a:b], right[c:d]):
            found.append(_pair(before, after))
    return tuple(found)


def _pair(old: str | None, new: str | None) -> DiffLine:
    if old is None or new is None:
        whole = (((old if old is not None else new) or "", False),)
        return DiffLine(whole if old is not None else None, whole if new is not None else None)
    before, after = _WORD.findall(old), _WORD.findall(new)
    if max(len(before), len(after)) > WORDS_AT_MOST:
        return DiffLine(((old, False),), ((new, False),))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < LIKE:
        return DiffLine(((old, False),), ((new, False),))
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if a < b:
            left.append(("".join(before[a:b]), tag != "equal"))
        if c < d:
            right.append(("".join(after[c:d]), tag != "equal"))
    return DiffLine(tuple(left), tuple(right))


@dataclass(frozen=True, slots=True)
class DiffStyles:
    """The colours of what goes and what comes; differing words are underlined too."""

    removed: str
    added: str


def _line(pieces: Sequence[Piece] | None, sign: str, style: str) -> Text:
    text = Text(overflow="fold")
    if pieces is None:
        return text
    text.append(f"{sign} ", style)
    for words, differs in pieces:
        text.append(words, f"bold underline {style}" if differs and words.strip() else style)
    return text


def stacked(lines: Sequence[DiffLine], styles: DiffStyles) -> RenderableType:
    """Below one another: a changed block's ``-`` lines, then its ``+`` lines."""
    parts: list[Text] = []
    block: list[DiffLine] = []

    def flush() -> None:
        parts.extend(_line(item.old, "-", styles.removed) for item in block if item.old is not None)
        parts.extend(_line(item.new, "+", styles.added) for item in block if item.new is not None)
        block.clear()

    for item in lines:
        if item.equal:
            flush()
            parts.append(_line(item.old, " ", "dim"))
        else:
            block.append(item)
    flush()
    return Group(*parts)


def side_by_side(lines: Sequence[DiffLine], styles: DiffStyles, old: str, new: str) -> RenderableType:
    """In two columns, with these heads."""
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    table.add_row(Text(old, "dim"), Text(new, "dim"))
    for left, right in _columns(lines, styles):
        table.add_row(left, right)
    return table


def _columns(lines: Sequence[DiffLine], styles: DiffStyles) -> Iterator[tuple[Text, Text]]:
    for item in lines:
        if item.equal:
            yield _line(item.old, " ", "dim"), _line(item.new, " ", "dim")
        else:
            yield _line(item.old, "-", styles.removed), _line(item.new, "+", styles.added)
