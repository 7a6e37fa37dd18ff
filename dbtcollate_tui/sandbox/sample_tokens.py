"""The sandbox's tokens: random at each start, in the shape of real ones, and worth nothing elsewhere."""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field

from pydantic import SecretStr

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class DbtCloudTokens:
    """Three tokens of the sandbox's account, each with other rights.

    ``service`` may do all that a sync needs, and start jobs; ``personal`` is one of a read-only licence to
    whom artifacts are closed (403); ``metadata`` is a service token for metadata only, which answers 403
    everywhere but in the list of accounts.
    """

    service: SecretStr = field(default_factory=lambda: _dbt_token("dbtc_"))
    personal: SecretStr = field(default_factory=lambda: _dbt_token("dbtu_"))
    metadata: SecretStr = field(default_factory=lambda: _dbt_token("dbtc_"))


def _dbt_token(prefix: str) -> SecretStr:
    return SecretStr(f"{prefix}{secrets.token_urlsafe(40)[:35]}")


def bot_jwt(*, expired: bool = False) -> SecretStr:
    """A JWT with the claims of OpenMetadata's ingestion bot, signed with noise.

    It does not expire, as a bot's by default, or has expired yesterday.
    """
    now = int(time.time())
    header = {"kid": secrets.token_hex(16), "typ": "JWT", "alg": "RS256"}
    claims = {
        "iss": "open-metadata.org",
        "sub": "ingestion-bot",
        "email": "ingestion-bot@open-metadata.org",
        "isBot": True,
        "tokenType": "BOT",
        "iat": now - 30 * DAY_SECONDS,
        "exp": now - DAY_SECONDS if expired else None,
    }
    return _jwt(header, claims)


def person_jwt(*, sign_in: bool = False) -> SecretStr:
    """A JWT of the user ana: a personal access token of thirty days, or an hour's one of a sign-on."""
    now = int(time.time())
    header = {"kid": secrets.token_hex(16), "typ": "JWT", "alg": "RS256"}
    claims: dict[str, object] = {
        "iss": "https://shop.okta.example" if sign_in else "open-metadata.org",
        "sub": "ana",
        "email": "ana@shop.example",
        "iat": now,
        "exp": now + (3_600 if sign_in else 30 * DAY_SECONDS),
    }
    if not sign_in:
        claims |= {"isBot": False, "tokenType": "PERSONAL_ACCESS"}
    return _jwt(header, claims)


def _jwt(header: object, claims: object) -> SecretStr:
    """Both as a JWT, signed with noise."""
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
    parts.append(secrets.token_bytes(256))
    return SecretStr(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))
