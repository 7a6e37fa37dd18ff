"""Recognising what a server says. Each client keeps one table of the phrases that it relies on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

M = TypeVar("M", bound=Enum)


@dataclass(frozen=True, slots=True)
class Phrase(Generic[M]):
    """Words of a server: what they mean, how they are recognised, and where they were seen."""

    meaning: M
    pattern: re.Pattern[str]
    source: str


def phrase(meaning: M, pattern: str, source: str) -> Phrase[M]:
    """A phrase whose pattern ignores case."""
    return Phrase(meaning, re.compile(pattern, re.IGNORECASE), source)


def recognise(phrases: Iterable[Phrase[M]], text: str) -> frozenset[M]:
    """Everything that ``text`` means by this table; empty where it is not known."""
    return frozenset(item.meaning for item in phrases if item.pattern.search(text))
