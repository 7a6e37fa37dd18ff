import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.tokens import token_shape


@pytest.mark.parametrize(
    ("token", "kind", "warns"),
    [
        ("dbtc_" + "aB3-_=" * 6, "service", False),
        ("dbtu_" + "aB3-_=" * 6, "personal", False),
        ("dbtc_abc", "service", True),
        ("dbtu_" + "a" * 30 + "…", "personal", True),
        ("0123456789abcdef0123456789abcdef01234567", "legacy", True),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2ln", "collate_jwt", True),
        ("0123456789." + "ab" * 33, "service", False),
        ("dbt_cloud_abc123def456ghi789jkl", "unknown", True),
        ("something-else-of-some-length", "unknown", True),
        ("short", "unknown", True),
        ("", "unknown", True),
    ],
)
def test_token_kind_follows_from_its_shape(token: str, kind: str, warns: bool) -> None:
    shape = token_shape(SecretStr(token))
    assert shape.kind == kind
    assert (shape.warning is not None) is warns
    assert shape.length == len(token)


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=12, max_size=80))
def test_no_part_of_the_token_is_in_the_answer(tail: str) -> None:
    for prefix in ("dbtc_", "dbtu_", ""):
        shape = token_shape(SecretStr(prefix + tail))
        assert tail not in f"{shape.label} {shape.warning}"
