"""Counts the steps of a backtracking matcher, to compare how a pattern's work grows without a clock."""

import random
import re
from collections.abc import Callable, Iterator
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

TOO_MANY = 400_000
SMALL = 12
MOST_PARTS = 8


class TooMuchWork(Exception):
    """The matcher took more steps than any linear pattern takes on texts of this size."""


class Matcher:
    """A pattern of `re`, matched as `re` does it, step by step."""

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self.tree = parser.parse(pattern, flags)
        self.flags = self.tree.state.flags
        self.steps = 0

    def match(self, text: str) -> int:
        """The steps of ``match``, and of ``fullmatch`` where the text's end is refused."""
        self.steps = 0
        for end, _ in self._sequence(list(self.tree), 0, text, 0, {}):
            if end == len(text):
                break
        return self.steps

    def search_all(self, text: str) -> int:
        """The steps of finding every match from the left, as ``sub`` and ``finditer`` do."""
        self.steps = 0
        at = 0
        while at <= len(text):
            self._count()
            end = next(self._sequence(list(self.tree), 0, text, at, {}), None)
            at = at + 1 if end is None or end[0] <= at else end[0]
        return self.steps

    def _count(self) -> None:
        self.steps += 1
        if self.steps > TOO_MANY:
            raise TooMuchWork

    def _sequence(
        self, items: list[Any], number: int, text: str, at: int, groups: dict[int, tuple[int, int]]
    ) -> Iterator[tuple[int, dict[int, tuple[int, int]]]]:
        if number == len(items):
            yield at, groups
            return
        for end, held in self._item(items[number], text, at, groups):
            yield from self._sequence(items, number + 1, text, end, held)

    def _item(
        self, item: tuple[Any, Any], text: str, at: int, groups: dict[int, tuple[int, int]]
    ) -> Iterator[tuple[int, dict[int, tuple[int, int]]]]:
        self._count()
        kind, value = item
        if kind in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY):
            if at < len(text) and self._takes(item, text[at]):
                yield at + 1, groups
        elif kind is sre.BRANCH:
            for branch in value[1]:
                first: Any = branch[0] if len(branch) else None
                literal = first is not None and first[0] is sre.LITERAL
                if literal and (at >= len(text) or not self._takes(first, text[at])):
                    continue
                yield from self._sequence(list(branch), 0, text, at, groups)
        elif kind is sre.SUBPATTERN:
            for end, held in self._sequence(list(value[3]), 0, text, at, groups):
                yield end, held if value[0] is None else {**held, value[0]: (at, end)}
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield from self._repeat(kind, value, text, at, groups)
        elif kind is sre.ATOMIC_GROUP:
            first = next(self._sequence(list(value), 0, text, at, groups), None)
            if first is not None:
                yield first
        elif kind in (sre.ASSERT, sre.ASSERT_NOT):
            direction, inner = value
            low, _ = inner.getwidth()
            begin = at if direction > 0 else at - low
            found = begin >= 0 and next(self._sequence(list(inner), 0, text, begin, groups), None) is not None
            if found == (kind is sre.ASSERT):
                yield at, groups
        elif kind is sre.AT:
            if self._at(value, text, at):
                yield at, groups
        elif kind is sre.GROUPREF:
            begin, end = groups.get(value, (0, 0))
            if text.startswith(text[begin:end], at):
                yield at + end - begin, groups
        else:
            raise NotImplementedError(kind)

    def _repeat(
        self, kind: Any, value: Any, text: str, at: int, groups: dict[int, tuple[int, int]]
    ) -> Iterator[tuple[int, dict[int, tuple[int, int]]]]:
        low, high, inner = value
        if high is not sre.MAXREPEAT:  # a bound that the pattern states is a constant, however large
            low, high = min(low, SMALL), min(high, SMALL)
        items = list(inner)
        single = len(items) == 1 and items[0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.ANY)
        if single and kind is not sre.MIN_REPEAT:
            end = at
            while end < len(text) and end - at < high and self._takes(items[0], text[end]):
                self._count()
                end += 1
            lowest = end if kind is sre.POSSESSIVE_REPEAT else at + low
            for stop in range(end, lowest - 1, -1):
                self._count()
                yield stop, groups
            return
        if kind is sre.POSSESSIVE_REPEAT:
            done = 0
            while done < high:
                step = next(self._sequence(items, 0, text, at, groups), None)
                if step is None or step[0] == at:
                    break
                at, groups = step
                done += 1
            if done >= low:
                yield at, groups
            return
        yield from self._again(kind, items, low, high, text, at, groups, 0)

    def _again(
        self,
        kind: Any,
        items: list[Any],
        low: int,
        high: int,
        text: str,
        at: int,
        groups: dict[int, tuple[int, int]],
        done: int,
    ) -> Iterator[tuple[int, dict[int, tuple[int, int]]]]:
        self._count()
        if kind is sre.MIN_REPEAT and done >= low:
            yield at, groups
        if done < high:
            for end, held in self._sequence(items, 0, text, at, groups):
                if end > at or done < low:
                    yield from self._again(kind, items, low, high, text, end, held, done + 1)
        if kind is sre.MAX_REPEAT and done >= low:
            yield at, groups

    def _takes(self, item: tuple[Any, Any], sign: str) -> bool:
        kind, value = item
        if kind is sre.ANY:
            return sign != "\n" or bool(self.flags & re.DOTALL)
        signs = {sign, sign.lower(), sign.upper()} if self.flags & re.IGNORECASE else {sign}
        if kind is sre.LITERAL:
            return any(ord(one) == value for one in signs if len(one) == 1)
        if kind is sre.NOT_LITERAL:
            return all(ord(one) != value for one in signs if len(one) == 1)
        negated = value[0][0] is sre.NEGATE
        found = any(_member(part, one) for part in value for one in signs if len(one) == 1)
        return bool(found != negated)

    def _at(self, what: Any, text: str, at: int) -> bool:
        if what in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            lines = what is sre.AT_BEGINNING and self.flags & re.MULTILINE
            return at == 0 or bool(lines and text[at - 1] == "\n")
        if what in (sre.AT_END, sre.AT_END_STRING):
            lines = what is sre.AT_END and self.flags & re.MULTILINE
            return at == len(text) or bool(lines and text[at] == "\n") or text[at:] == "\n"
        before = at > 0 and _is_word(text[at - 1])
        after = at < len(text) and _is_word(text[at])
        return (before != after) == (what is sre.AT_BOUNDARY)


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    sre.CATEGORY_DIGIT: str.isdigit,
    sre.CATEGORY_NOT_DIGIT: lambda sign: not sign.isdigit(),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda sign: not sign.isspace(),
    sre.CATEGORY_WORD: _is_word,
    sre.CATEGORY_NOT_WORD: lambda sign: not _is_word(sign),
}


def _member(part: tuple[Any, Any], sign: str) -> bool:
    kind, value = part
    if kind is sre.LITERAL:
        return bool(ord(sign) == value)
    if kind is sre.RANGE:
        return bool(value[0] <= ord(sign) <= value[1])
    return kind is sre.CATEGORY and _CATEGORIES[value](sign)


def sample(tree: Any, draw: random.Random) -> str:
    """A text that the pattern's items would take one after another."""
    text = ""
    for kind, value in tree:
        if kind is sre.LITERAL:
            text += chr(value)
        elif kind is sre.NOT_LITERAL:
            text += "x" if value != ord("x") else "y"
        elif kind is sre.ANY:
            text += "x"
        elif kind is sre.IN:
            text += _one_of(value, draw)
        elif kind is sre.BRANCH:
            text += sample(draw.choice(value[1]), draw)
        elif kind is sre.SUBPATTERN:
            text += sample(value[3], draw)
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            low, high, inner = value
            count = min(low, SMALL) + draw.choice((0, 0, 1, 2))
            text += "".join(sample(inner, draw) for _ in range(min(count, int(high))))
        elif kind is sre.ATOMIC_GROUP:
            text += sample(value, draw)
        elif kind is sre.ASSERT and value[0] < 0:
            text += sample(value[1], draw)
    return text


def _one_of(parts: Any, draw: random.Random) -> str:
    if parts[0][0] is sre.NEGATE:
        return next(sign for sign in 'x y-\\"é' if not any(_member(part, sign) for part in parts))
    kind, value = draw.choice(parts)
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.RANGE:
        return chr(draw.randint(*value))
    return next(sign for sign in "7 x-" if _CATEGORIES[value](sign))


def pieces(tree: Any, draw: random.Random) -> list[str]:
    """What the pattern repeats or begins with: the parts of which an adversary makes a long text."""
    found = [sample(tree, draw) for _ in range(4)]
    for kind, value in tree:
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            found += [sample(value[2], draw) for _ in range(3)]
            found += pieces(value[2], draw)
        elif kind is sre.SUBPATTERN:
            found += pieces(value[3], draw)
        elif kind is sre.BRANCH:
            found += [one for branch in value[1] for one in pieces(branch, draw)]
    return [one for one in dict.fromkeys(found) if one]


def _flat(tree: Any) -> list[Any]:
    found: list[Any] = []
    for item in tree:
        found += _flat(item[1][3]) if item[0] is sre.SUBPATTERN else [item]
    return found


def worst_growth(
    pattern: str | bytes, flags: int, *, anchored: bool = False, length: int = 64
) -> tuple[float, str]:
    """How many times the work grows when the worst text found is doubled, and what that text repeats.

    2 is linear, 4 quadratic; infinite stands for a pattern whose work could not be counted to the end.
    """
    draw = random.Random(1)
    matcher = Matcher(pattern, flags)
    count_of = matcher.match if anchored else matcher.search_all
    parts = sorted(pieces(matcher.tree, draw), key=len)[:MOST_PARTS]
    whole = [sample(matcher.tree, draw) for _ in range(3)]
    items = _flat(matcher.tree)
    cuts = [count for count, item in enumerate(items) if count == 0 or item[0] is not sre.LITERAL]
    starts = [sample(items[:count], draw) for count in cuts][:MOST_PARTS] + whole[:1]
    signs = dict.fromkeys(sign for text in whole for sign in text)
    worst = (0.0, "")
    for part in dict.fromkeys([*parts, *list(signs)[:6], "-" + whole[0][:4], " ", "\\"]):
        for start in dict.fromkeys(starts):
            work = []
            for size in (length, 2 * length):
                try:
                    work.append(count_of(start + (part * size)[:size] + "\x00"))
                except TooMuchWork:
                    return float("inf"), f"{start!r}, then {part!r} repeated"
            growth = work[1] / max(work[0], 1)
            if growth > worst[0]:
                worst = (growth, f"{start!r}, then {part!r} repeated")
    return worst
