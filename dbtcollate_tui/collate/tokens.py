"""What a JWT says of itself, read without verifying its signature."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import SecretStr

TokenKind = Literal["bot", "personal", "sign_in", "other"]
OWN_ISSUER = "open-metadata.org"
"""Who signs the tokens that the server makes itself, unless it is configured otherwise."""


@dataclass(frozen=True, slots=True)
class JwtFacts:
    """The claims of a token; all empty where it is no JWT. Nobody vouches for them but the server."""

    is_jwt: bool
    name: str = ""
    email: str = ""
    is_bot: bool | None = None
    issuer: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    length: int = 0
    token_type: str = ""

    @property
    def kind(self) -> TokenKind:
        """Whose token it is: a bot's, a person's own, or what a person got by signing in.

        The server's own tokens name their type (``ServiceTokenType``: ``BOT``, ``PERSONAL_ACCESS``,
        ``OM_USER`` for a sign-in with a password); a provider of single sign-on has an issuer of its own.
        """
        if self.is_bot or self.token_type == "BOT":  # noqa: S105
            return "bot"
        if self.token_type == "PERSONAL_ACCESS":  # noqa: S105
            return "personal"
        if self.token_type == "OM_USER" or (self.issuer and self.issuer != OWN_ISSUER):  # noqa: S105
            return "sign_in"
        return "other"

    @property
    def expired(self) -> bool:
        """Whether its time is over by this machine's clock; a token without ``exp`` never ends."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


def read_jwt(secret: SecretStr) -> JwtFacts:
    """The facts of a token: three base64url parts, the first two JSON objects; else ``is_jwt`` is false."""
    text = secret.get_secret_value().strip()
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        return JwtFacts(False, length=len(text))
    header, claims = _json_part(parts[0]), _json_part(parts[1])
    if header is None or claims is None or "alg" not in header:
        return JwtFacts(False, length=len(text))
    bot = claims.get("isBot")
    if bot is None and "tokenType" in claims:
        bot = str(claims["tokenType"]).upper() == "BOT"
    return JwtFacts(
        True,
        name=str(claims.get("sub") or claims.get("preferred_username") or claims.get("email") or ""),
        email=str(claims.get("email") or ""),
        is_bot=bot if isinstance(bot, bool) else None,
        issuer=str(claims.get("iss") or ""),
        issued_at=_moment(claims.get("iat")),
        expires_at=_moment(claims.get("exp")),
        length=len(text),
        token_type=str(claims.get("tokenType") or "").upper(),
    )


def _json_part(part: str) -> dict[str, Any] | None:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(raw)
    except (binascii.Error, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
