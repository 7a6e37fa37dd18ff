"""Fully qualified names and entity links."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtcollate_tui.collate.fqn import (
    entity_link,
    join_fqn,
    path_segment,
    quote_part,
    split_fqn,
)


def test_a_part_with_a_dot_is_quoted() -> None:
    assert quote_part("odd.name") == '"odd.name"'
    assert join_fqn("shop", "d", "main", "odd.name") == 'shop.d.main."odd.name"'
    assert split_fqn('shop."a.b".c') == ("shop", "a.b", "c")


def test_every_character_is_encoded_in_a_path() -> None:
    assert path_segment('shop.d."odd.name"/ä') == "shop.d.%22odd.name%22%2F%C3%A4"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_joining_and_splitting_are_inverse(parts: list[str]) -> None:
    assert split_fqn(join_fqn(*parts)) == tuple(parts)


@pytest.mark.parametrize("text", ["", "a..b", '"open', 'a."b"c', "a."])
def test_what_is_no_fqn(text: str) -> None:
    with pytest.raises(ValueError, match="fully qualified"):
        split_fqn(text)


def test_entity_links() -> None:
    assert entity_link("s.d.a.orders") == "<#E::table::s.d.a.orders>"
    assert (
        entity_link("s.d.a.orders", "address.street") == "<#E::table::s.d.a.orders::columns::address.street>"
    )
