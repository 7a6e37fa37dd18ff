import json
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dbtcollate_tui.redact import MASK, Redactor, redact, without_credentials

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJpbmdlc3Rpb24tYm90In0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("tried dbtc_MARKED1234567890 on emea", "dbtc_MARKED1234567890"),
        ("https://host/x?token=dbtu_MARKED-12_34=", "dbtu_MARKED-12_34="),
        (f"body {{'jwt': '{JWT}'}}", JWT),
        ("Authorization: Token 0123456789abcdef", "0123456789abcdef"),
        ("{'Authorization': 'Bearer short1'}", "short1"),
        ("[(b'Authorization', b'Bearer short1')]", "short1"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpwYXNz"),
        ("sent Bearer 0123456789abcdef0123", "0123456789abcdef0123"),
        ('{"dbtCloudAuthToken": "plain-words"}', "plain-words"),
        ("{'jwtToken': 'it\"s'}", 'it"s'),
        ("https://me:hunter2@host/path", "hunter2"),
        (json.dumps("two lines\ndbtc_MARKED1234567890"), "dbtc_MARKED1234567890"),
        (json.dumps(f"tab\t{JWT}"), JWT),
        (json.dumps("line\nBearer 0123456789abcdef0123"), "0123456789abcdef0123"),
        ("\x1b[31mdbtc_MARKED1234567890123\x1b[0m", "dbtc_MARKED1234567890123"),
        (f"\x1b[1m{JWT}", JWT),
        (json.dumps(json.dumps({"password": "plain-words"})), "plain-words"),
        (json.dumps(json.dumps(json.dumps({"password": 'pl"ain'}))), "ain"),
        ('dbt run --vars \'{"api_key": "plain-words"}\'', "plain-words"),
        ("dbt run --vars '{token: plain-words}'", "plain-words"),
        ("awsSecretAccessKey='plain-words'", "plain-words"),
        ("DBT_ENV_SECRET_GIT=plain-words dbt run", "plain-words"),
        ("export DBT_ENV_SECRET_GIT='plain words'", "plain words"),
        ('{"DBT_ENV_SECRET_GIT": "plain-words"}', "plain-words"),
        ("env:\n  DBT_ENV_SECRET_GIT: plain-words", "plain-words"),
        ("target:\n  password: plain-words\n  port: 1", "plain-words"),
        ("https://plainwords@host/path", "plainwords"),
        ("git clone https://x-access-token:plain-words@github.com/a/b", "plain-words"),
        ("https://host/?token=plain-words&x=1", "plain-words"),
        ("https://host/#access_token=plain-words", "plain-words"),
        ("https://host/?next=%20dbtc_MARKED1234567890", "dbtc_MARKED1234567890"),
        (f"https://host/?state=%3D{JWT}", JWT),
        ('{"password": "cut in the middl', "cut in the middl"),
        ("-----BEGIN PRIVATE KEY-----\nplain\nwords\n-----END PRIVATE KEY-----", "plain\nwords"),
        ("cloned with ghp_0123456789abcdefghijklmn", "ghp_0123456789abcdefghijklmn"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    masked = Redactor()(text)
    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        'curl -H "Authorization: Bearer ${DBT_CLOUD_TOKEN}" https://cloud.getdbt.com/api/v2/accounts/',
        'curl -H "Authorization: Token $DBT_CLOUD_TOKEN"',
        "service token (dbtc_), 40 characters",
        "Account settings → API tokens → Service tokens",
        "GET /api/v1/tables?after=eyJuYW1lIjoib3JkZXJzIn0 200",
        "postgres://host:5432/db",
        "ssh://git@github.com/acme/shop.git",
        "password: Field required",
        "The token: expired yesterday",
        '{"columns": ["password", "token"], "label": "secret"}',
        "securityConfig:\n  jwtToken: '${COLLATE_TOKEN}'",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor()(text) == text


@pytest.mark.parametrize("secret", ['quo"te12', "back\\slash", "plain1234", "sla/sh&amp"])
def test_a_live_secret_is_masked_however_it_is_written(secret: str) -> None:
    redactor = Redactor([SecretStr(secret)])
    for text in (f"said {secret}", json.dumps({"said": f"x {secret}"}), f"/a?token={quote(secret, safe='')}"):
        masked = redactor(text)
        assert MASK in masked
        for written in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
            assert written not in masked


@pytest.mark.parametrize(
    "text",
    [
        'oops "password": "' + "\\" * 200_000,
        "authorization:" + " " * 200_000,
        "-eyJ" * 50_000,
        "eyJ" + "a" * 200_000,
        '"password": "' * 20_000,
        '"password": \'\\"\n' * 10_000,
        "DBT_ENV_SECRET_" * 20_000,
        "{token: " * 20_000,
        "://" + "a" * 200_000,
        "password:" + " x" * 100_000,
    ],
    ids=range(10),
)
def test_a_hostile_text_is_redacted_at_once(text: str) -> None:
    """Each took minutes to years with a pattern that backtracks."""
    assert "MARKED" not in redact(text + "\ndbtc_MARKED1234567890")


def test_masking_keeps_json_readable() -> None:
    body = {"serviceConnection": {"dbtCloudAuthToken": "plain", "password": "p'w\"x"}, "name": "dbt"}
    masked = json.loads(Redactor()(json.dumps(body)))
    assert masked == {"serviceConnection": {"dbtCloudAuthToken": MASK, "password": MASK}, "name": "dbt"}


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="[]secrt", categories=("L", "N", "P")), min_size=4
    ),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_learnt_secret_is_masked_anywhere(secret: str, before: str, after: str) -> None:
    redactor = Redactor([SecretStr(secret)])
    assert secret not in redactor(f"{before}{secret}{after}")


WORDS = (
    "password",
    "DBT_ENV_SECRET_X",
    "\\",
    "Authorization",
    "Bearer",
    "token",
    "eyJ",
    "dbtc_",
    '"jwtToken"',
    "://",
    MASK,
    "abcdefgh12345678",
)
PIECES = st.sampled_from((*WORDS, *"@:=\"'.$ \n,a{}"))


@given(st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join)))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    redactor = Redactor()
    assert redactor(redactor(text)) == redactor(text)


def test_a_learnt_secret_is_masked_as_an_address_quotes_it() -> None:
    redactor = Redactor([SecretStr("my/pass word")])
    assert redactor("https://host/?t=my%2Fpass%20word") == f"https://host/?t={MASK}"


def test_the_longer_of_two_secrets_goes_first() -> None:
    redactor = Redactor([SecretStr("abcd"), SecretStr("abcd-efgh")])
    assert redactor("x abcd-efgh y abcd") == f"x {MASK} y {MASK}"


def test_a_secret_too_short_to_tell_from_words_is_not_learnt() -> None:
    assert Redactor([SecretStr(""), SecretStr("a"), SecretStr("abc")])("abc a") == "abc a"


def test_secrets_may_be_learnt_while_others_redact() -> None:
    def learn() -> None:
        for number in range(500):
            redact.learn(SecretStr(f"secret-{number}"))

    learning = threading.Thread(target=learn)
    learning.start()
    while learning.is_alive():
        redact("secret-1 and more")
    assert redact("secret-499") == MASK


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://user:p#x@proxy:8080", "http://…@proxy:8080"),
        ("https://user:p/x?y@host", "https://…@host"),
        ("user:p@host", "…@host"),
        ("http://a:b@c@host", "http://…@host"),
        ("https://host/path", "https://host/path"),
    ],
)
def test_a_typed_address_is_shown_without_credentials(address: str, shown: str) -> None:
    assert without_credentials(address) == shown
