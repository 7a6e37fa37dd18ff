"""Collate's address as people paste it."""

import pytest

from dbtcollate_tui.collate.addresses import read_collate_address
from dbtcollate_tui.errors import UsageError


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("https://acme.getcollate.io", "https://acme.getcollate.io"),
        ("https://acme.getcollate.io/", "https://acme.getcollate.io"),
        ("https://acme.getcollate.io/api", "https://acme.getcollate.io"),
        ("https://acme.getcollate.io/api/v1/", "https://acme.getcollate.io"),
        ("https://ACME.getcollate.io:443/my-data", "https://acme.getcollate.io"),
        ("acme.getcollate.io/settings/bots", "https://acme.getcollate.io"),
        (
            "  https://acme.getcollate.io/table/svc.db.public.orders/schema?x=1#top \n",
            "https://acme.getcollate.io",
        ),
        ("our Collate is at https://acme.getcollate.io/explore, ask Ana", "https://acme.getcollate.io"),
        ("<https://acme.getcollate.io/>.", "https://acme.getcollate.io"),
        ("https://data.acme.com/openmetadata/api", "https://data.acme.com/openmetadata"),
        ("https://data.acme.com/openmetadata/table/a.b.c.d", "https://data.acme.com/openmetadata"),
        ("https://data.acme.com:8443/unknown-page", "https://data.acme.com:8443"),
        ("localhost:8585", "http://localhost:8585"),
        ("http://127.0.0.1:8585/api", "http://127.0.0.1:8585"),
        ("http://[::1]:8585/signin", "http://[::1]:8585"),
        ("http://[::1]", "http://[::1]"),
    ],
)
def test_base_address(text: str, base: str) -> None:
    assert read_collate_address(text) == base


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", "No address of Collate"),
        ("the address of Ana", "No address of Collate"),
        ("http://acme.getcollate.io", "is not encrypted"),
        ("https://acme.getcollate.io:99999", "not a valid address"),
        ("ftp://acme", "No address of Collate"),
    ],
)
def test_no_usable_address_says_what_to_do(text: str, title: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_collate_address(text)
    assert title in caught.value.title
    assert caught.value.fixes


def test_a_pasted_token_is_not_repeated() -> None:
    secret = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib3QifQ"
    with pytest.raises(UsageError) as caught:
        read_collate_address(secret)
    assert "token" in caught.value.title
    assert secret not in caught.value.as_text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://collate.com@evil.example", "evil.example"),
        ("https://collate.com:443@evil.example/explore", "evil.example"),
        ("https://collate.com%2f@evil.example", "evil.example"),
        ("https://collate.com\\@evil.example", "evil.example"),
        ("https://@evil.example", "evil.example"),
        ("https://ana:secret@acme.example:8585/", "acme.example:8585"),
        ("https://c\u043ellate.com/explore", "xn--cllate-wqf.com"),
        ("https://collate\u3002com", "collate.com"),
    ],
)
def test_address_of_another_host_is_refused_in_ascii(text: str, shown: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_collate_address(text)
    assert shown in caught.value.title
    assert caught.value.as_text().isascii()
    assert "secret" not in caught.value.as_text()


@pytest.mark.parametrize("text", ["collate.com@evil.example", "c\u043ellate.com", "https://\u24d2ollate.com"])
def test_host_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_collate_address(text)
