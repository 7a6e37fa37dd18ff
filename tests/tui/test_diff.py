"""Old and new value side by side: lines that belong together, words that differ marked."""

import pytest
from rich.console import Console, RenderableType

from dbtcollate_tui.tui.widgets.diff import DiffStyles, diff_lines, side_by_side, stacked

STYLES = DiffStyles("red", "green")


def drawn(renderable: RenderableType, width: int = 80) -> list[str]:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().splitlines()]


def differing(pieces: tuple[tuple[str, bool], ...] | None) -> str:
    return "".join(words for words, differs in pieces or () if differs)


def test_words_that_differ_within_a_line_are_marked() -> None:
    (line,) = diff_lines("One row per order.", "One row per order, net of refunds.")
    assert differing(line.old) == ""
    assert differing(line.new) == ", net of refunds"
    assert "".join(words for words, _ in line.new or ()) == "One row per order, net of refunds."


def test_lines_that_share_nothing_are_not_marked_word_by_word() -> None:
    (line,) = diff_lines("cents", "euros")
    assert (line.old, line.new) == ((("cents", False),), (("euros", False),))


@pytest.mark.parametrize(
    ("old", "new"),
    [("", ""), ("a\nb\nc", "a\nc"), ("a\nc", "a\nb\nc"), ("x", ""), ("", "x\ny"), ("a b c", "a b d\nnew")],
)
def test_both_sides_are_whole(old: str, new: str) -> None:
    lines = diff_lines(old, new)
    left = [line.old for line in lines if line.old is not None]
    right = [line.new for line in lines if line.new is not None]
    assert ["".join(words for words, _ in line) for line in left] == old.splitlines()
    assert ["".join(words for words, _ in line) for line in right] == new.splitlines()


def test_one_below_the_other_has_what_goes_before_what_comes() -> None:
    old = "select 1\nfrom old_a\nfrom old_b\nwhere x"
    lines = diff_lines(old, old.replace("old", "new"))
    assert drawn(stacked(lines, STYLES)) == [
        "  select 1",
        "- from old_a",
        "- from old_b",
        "+ from new_a",
        "+ from new_b",
        "  where x",
    ]


def test_side_by_side_keeps_lines_that_belong_together_on_one_height() -> None:
    lines = diff_lines("one\ntwo\nthree", "one\nthree\nfour")
    assert drawn(side_by_side(lines, STYLES, "in Collate", "from dbt"), 40) == [
        "in Collate          from dbt",
        "  one                 one",
        "- two",
        "  three               three",
        "                    + four",
    ]


def test_markup_and_long_words_stay_as_they_are() -> None:
    lines = diff_lines("[bold]a[/bold]", "[red]a[/red] " + "x" * 30)
    text = "".join(drawn(stacked(lines, STYLES), 20))
    assert "[bold]a[/bold]" in text
    assert "x" * 15 in text
