"""Durations, counts and lists in words."""

import pytest

from dbtcollate_tui.wording import count, some, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (48, "48 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3_600, "60 min"),
        (7_200, "2 h"),
        (129_599, "36 h"),
        (172_800, "2 d"),
    ],
)
def test_span_takes_the_largest_fitting_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_count_names_one_and_many() -> None:
    assert count(1, "table") == "1 table"
    assert count(0, "table") == "0 tables"
    assert count(7_300, "entry", "entries") == "7,300 entries"


def test_some_says_how_many_more_there_are() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some("abcde") == "a, b, c and 2 more"
