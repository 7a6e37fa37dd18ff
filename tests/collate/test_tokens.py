"""What a JWT says of itself."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from dbtcollate_tui.collate.tokens import read_jwt
from tests.collate.server import jwt


def test_a_bot_without_expiry() -> None:
    facts = read_jwt(jwt(exp=None, email="ingestion-bot@open-metadata.org"))
    assert (facts.is_jwt, facts.name, facts.is_bot, facts.expired) == (True, "ingestion-bot", True, False)
    assert facts.issued_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert facts.expires_at is None
    assert facts.email == "ingestion-bot@open-metadata.org"


@pytest.mark.parametrize(("seconds", "expired"), [(-1, True), (3600, False)])
def test_expiry_is_by_the_clock(seconds: int, expired: bool) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    assert read_jwt(jwt(exp=moment.timestamp())).expired is expired


def test_a_personal_token_is_not_a_bot() -> None:
    assert read_jwt(jwt(isBot=None, tokenType="PERSONAL_ACCESS", sub="ana")).is_bot is False


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({}, "bot"),
        ({"isBot": False, "tokenType": "PERSONAL_ACCESS"}, "personal"),
        ({"isBot": False, "tokenType": "OM_USER"}, "sign_in"),
        ({"isBot": None, "iss": "https://shop.okta.example"}, "sign_in"),
        ({"isBot": None, "iss": "open-metadata.org"}, "other"),
    ],
)
def test_a_token_says_whose_it_is(claims: dict[str, object], kind: str) -> None:
    assert read_jwt(jwt(**claims)).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "a.b.c",
        "dbtc_0123456789",
        jwt().get_secret_value().rsplit(".", 1)[0],
        "e30.e30.x",
        "W10.W10.x",
    ],
)
def test_what_is_no_jwt(text: str) -> None:
    facts = read_jwt(SecretStr(text))
    assert not facts.is_jwt
    assert facts.length == len(text)


@pytest.mark.parametrize("value", ["soon", True, 1e300, [1]])
def test_a_senseless_expiry_is_none(value: object) -> None:
    assert read_jwt(jwt(exp=value)).expires_at is None
