"""Sentences are cut at the end of a word, names in the middle."""

import pytest

from dbtcollate_tui.tui.glyphs import cut_end, cut_middle


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, "The token is read-only: it cannot write"),
        (30, "The token is read-only: it…"),
        (24, "The token is read-only…"),
        (20, "The token is…"),
        (9, "The toke…"),
        (4, "The…"),
    ],
)
def test_a_sentence_is_cut_after_a_whole_word(width: int, shown: str) -> None:
    assert cut_end("The token is read-only: it cannot write", width) == shown


def test_one_long_word_is_cut_within() -> None:
    assert cut_end("model.shop.stg_payments_of_orders", 12) == "model.shop.…"


def test_a_name_keeps_both_ends() -> None:
    shown = cut_middle("analytics_warehouse_orders", 16)
    assert shown.startswith("analy")
    assert shown.endswith("orders")
    assert len(shown) == 16
