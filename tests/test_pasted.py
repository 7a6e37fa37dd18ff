import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtcollate_tui.pasted import clean_secret

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "_-"
TOKENS = st.one_of(
    st.text(TOKEN_CHARACTERS, min_size=20, max_size=60).map(lambda tail: f"dbtc_{tail}"),
    st.text(TOKEN_CHARACTERS, min_size=20, max_size=60).map(lambda tail: f"dbtu_{tail}="),
    st.text("0123456789abcdef", min_size=40, max_size=40),
    st.tuples(*[st.text(TOKEN_CHARACTERS, min_size=8, max_size=40)] * 3).map(lambda p: "eyJ" + ".".join(p)),
)
SPACE = st.text(" \t\r\n\u00a0\u200b\ufeff\u2028", max_size=4)
BLANK = st.sampled_from([" ", "  ", "\t", "\n", "\r\n", " \n "])
QUOTES = st.sampled_from([("'", "'"), ('"', '"'), ("`", "`"), ("“", "”"), ("‘", "’"), ("«", "»")])
VARIABLES = st.sampled_from(["DBT_CLOUD_TOKEN", "COLLATE_TOKEN", "DBT_API_KEY"])


@st.composite
def decorations(draw: st.DrawFn) -> tuple[str, str]:
    """A token, and the token as a person may paste it."""
    token = draw(TOKENS)
    text = token
    if draw(st.booleans()):
        places = draw(st.sets(st.integers(1, len(token) - 1), max_size=3))
        separator = draw(st.sampled_from(["\n", "\r\n", " ", "\u200b"]))
        text = "".join(separator + c if i in places else c for i, c in enumerate(token))
    steps = draw(
        st.lists(
            st.sampled_from(["space", "quote", "comma", "bearer", "header", "assign", "key"]), max_size=4
        )
    )
    for step in steps:
        if step == "space":
            text = draw(SPACE) + text + draw(SPACE)
        elif step == "quote":
            left, right = draw(QUOTES)
            text = left + text + right
        elif step == "comma":
            text += draw(st.sampled_from([",", ";", " ,"]))
        elif step == "bearer":
            text = draw(st.sampled_from(["Bearer", "bearer", "Token", "TOKEN"])) + draw(BLANK) + text
        elif step == "header":
            text = draw(st.sampled_from(["Authorization: ", "authorization:", "-H 'Authorization: "])) + text
        elif step == "assign":
            prefix = draw(st.sampled_from(["", "export ", "set ", "$env:"]))
            text = f"{prefix}{draw(VARIABLES)} = {text}"
        else:
            text = draw(st.sampled_from(['"jwtToken": ', "dbtCloudAuthToken: ", "token: "])) + text
    return token, text


@given(decorations())
def test_any_decoration_of_a_token_gives_the_token_back(pair: tuple[str, str]) -> None:
    token, text = pair
    assert clean_secret(text).secret.get_secret_value() == token


WORDS = ("Bearer", "token", "Authorization", ":", "=", "-H", "export", "DBT_CLOUD_TOKEN", "abc", "dbtc_x")
PIECES = st.sampled_from((*WORDS, *"\"'«,; \n\t\u200b"))


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_secret(text)
    twice = clean_secret(once.secret.get_secret_value())
    assert twice.secret == once.secret
    assert twice.removed == ()


@given(TOKENS)
def test_a_bare_token_is_left_alone_and_nothing_is_said(token: str) -> None:
    pasted = clean_secret(token)
    assert pasted.secret.get_secret_value() == token
    assert pasted.removed == ()
    assert pasted.length == len(token)


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        ("\ndbtc_abcdefgh", ("one line break",)),
        ("dbtc_ab\ncdef\ngh\n", ("3 line breaks",)),
        ("  dbtc_abcdefgh", ("spaces",)),
        ("dbtc_abcd efgh", ("spaces",)),
        ("Bearer dbtc_abcdefgh", ('"Bearer "',)),
        ("Token\ndbtc_abcdefgh", ("one line break", '"Token "')),
        ('"dbtc_abcdefgh",', ("punctuation", "quotes")),
        ("export DBT_CLOUD_TOKEN='dbtc_abcdefgh'", ("quotes", '"DBT_CLOUD_TOKEN="')),
        ("Authorization: Token dbtc_abcdefgh", ('"Authorization:"', '"Token "')),
        ("dbtc_abcd\u200befgh", ("invisible characters",)),
    ],
)
def test_what_was_removed_is_said(text: str, removed: tuple[str, ...]) -> None:
    pasted = clean_secret(text)
    assert pasted.secret.get_secret_value() == "dbtc_abcdefgh"
    assert pasted.removed == removed


@pytest.mark.parametrize("text", ["", "\n", '""', "  ' ' "])
def test_nothing_but_decoration_is_an_empty_secret(text: str) -> None:
    assert clean_secret(text).length == 0


def test_the_secret_does_not_show_in_the_value() -> None:
    assert "dbtc_abcdefgh" not in repr(clean_secret("Bearer dbtc_abcdefgh"))
