"""Pastes told apart from keys in what a terminal sends, however it is cut into pieces.

Textual's parser (``textual._xterm_parser``) waits 0.1 s for the rest of an escape sequence. On a slow
connection the marks around a paste are cut by longer pauses: it then types the first mark's rest, or never
sees the end and swallows every later key. And a terminal without bracketed paste (GNU screen's own buffer,
dvtm) types the lines of a paste, so that the first line's end is taken for Enter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

START, END = "\x1b[200~", "\x1b[201~"
ESCAPE = "\x1b"
ESCAPE_SECONDS = 0.1
"""After which a lone escape is the key, as Textual has it."""
MARK_SECONDS = 2.0
"""How long the rest of a mark may take."""
SILENT_SECONDS = 5.0
"""Without anything new for so long, a paste that has not ended is given up."""
NEXT_SECONDS = 0.1
"""A paste that begins so soon after another one is its next piece."""
LONGEST = 100_000
"""Characters of a paste that are kept."""
TYPED_TOGETHER, TYPED_SECONDS = 8, 0.03
"""So many characters with no longer pause between them are typed by a terminal, not by a person."""
LINE_SECONDS = 0.3
"""How long a line's end waits for a next line before it is Enter."""


class Paste(NamedTuple):
    """A paste as a whole; ``is_whole`` is false for one whose end did not come, whose text is dropped."""

    text: str
    is_whole: bool = True


class Joined(NamedTuple):
    """Lines that were typed by the terminal, their ends left out."""

    lines: int


Part = str | Paste | Joined
"""A text is for the parser; `ESCAPE` alone is the key."""


class PasteReader:
    """Cuts the terminal's input into pastes and all else.

    ``joins`` says whether lines that the terminal types are joined now: where one types into a field.
    """

    def __init__(self, joins: Callable[[], bool]) -> None:
        self._joins = joins
        self._held = ""
        self._pasted: list[str] | None = None
        self._length = 0
        self._is_open = False
        self._was_refused = False
        self._at = 0.0
        self._burst = 0
        self._typed_at = 0.0
        self._line_at: float | None = None
        self._lines = 0

    @property
    def waits(self) -> bool:
        """Whether `tick` will have something to say soon."""
        return bool(self._held or self._lines) or self._pasted is not None or self._line_at is not None

    def feed(self, text: str, now: float) -> Iterator[Part]:
        """Take what the terminal sent."""
        if not text:
            return
        text, self._held = self._held + text, ""
        self._at = now
        if self._was_refused and not self._is_open:
            text = self._without_rest(text)
        while text:
            if self._is_open:
                text = self._take_pasted(text)
                continue
            if self._pasted is not None and not text.startswith(START):
                if START.startswith(text):
                    self._held = text
                    return
                yield self._finished()
            before, mark, after = text.partition(START)
            if mark:
                yield from self._typed(before, now)
                self._is_open, text = True, after
                if self._pasted is None:
                    self._pasted, self._length = [], 0
                continue
            cut = _begun(text, START)
            self._held = text[len(text) - cut :]
            yield from self._typed(text[: len(text) - cut], now)
            return

    def tick(self, now: float) -> Iterator[Part]:
        """What waited long enough."""
        silent = now - self._at
        if self._is_open and silent > SILENT_SECONDS:
            self._is_open, self._pasted, self._held, self._was_refused = False, None, "", True
            yield Paste("", is_whole=False)
        elif self._pasted is not None and not self._is_open and silent > NEXT_SECONDS:
            yield self._finished()
        limit = ESCAPE_SECONDS if self._held == ESCAPE else MARK_SECONDS
        if self._held and not self._is_open and self._pasted is None and silent > limit:
            held, self._held = self._held, ""
            yield held
        if now - max(self._typed_at, self._line_at or 0.0) > LINE_SECONDS:
            yield from self._end_of_line()

    def _without_rest(self, text: str) -> str:
        """The text without the late rest of a paste that was given up."""
        rest, mark, after = text.partition(END)
        if mark and START not in rest:
            self._was_refused = False
            return after
        return text

    def _take_pasted(self, text: str) -> str:
        before, mark, after = text.partition(END)
        cut = 0 if mark else _begun(text, END)
        if not mark:
            before = text[: len(text) - cut]
            self._held = text[len(text) - cut :]
        if self._pasted is not None and self._length < LONGEST:
            self._pasted.append(before[: LONGEST - self._length])
            self._length += len(before)
        if mark:
            self._is_open = False
        return after

    def _finished(self) -> Paste:
        text, self._pasted = "".join(self._pasted or ()), None
        return Paste(text.replace("\x00", ""))

    def _typed(self, text: str, now: float) -> Iterator[Part]:
        """Keys; the ends of lines that the terminal types one after another are left out."""
        passed: list[str] = []
        for sign in text:
            pause = now - self._typed_at
            if self._lines and pause > LINE_SECONDS:
                yield from self._end_of_line()
            if sign in "\r\n":
                is_typed = self._burst >= TYPED_TOGETHER and pause <= TYPED_SECONDS and self._joins()
                if is_typed or self._lines or self._line_at is not None:
                    self._line_at = now
                else:
                    passed.append(sign)
            elif sign.isprintable():
                if self._line_at is not None:
                    self._line_at = None
                    self._lines += 1
                self._burst = self._burst + 1 if pause <= TYPED_SECONDS else 1
                self._typed_at = now
                passed.append(sign)
            else:
                if passed:
                    yield "".join(passed)
                    passed.clear()
                yield from self._end_of_line()
                self._burst = 0
                passed.append(sign)
        if passed:
            yield "".join(passed)

    def _end_of_line(self) -> Iterator[Part]:
        """The lines have ended: the last one's end is Enter where there was but one."""
        lines, self._lines = self._lines, 0
        is_enter, self._line_at = self._line_at is not None and not lines, None
        if is_enter:
            yield "\r"
        if lines:
            yield Joined(lines + 1)


def _begun(text: str, mark: str) -> int:
    """How many characters at the end of a text may begin the mark."""
    return next((size for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), 0)
