"""What a dbt Cloud token's shape shows before it is tried."""

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

TokenKind = Literal["personal", "service", "legacy", "collate_jwt", "unknown"]

_BODY = re.compile(r"[A-Za-z0-9_\-=]+")
_OLD_SERVICE = re.compile(r"[0-9a-f]{8,64}\.[0-9a-f]{8,128}")
"""Seen in public code. dbt's page on service tokens: those made before 18 July 2023 stay valid."""
_LEGACY = re.compile(r"[0-9a-f]{40}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*")
SHORTEST_TOKEN = 20


@dataclass(frozen=True, slots=True)
class TokenShape:
    """The kind, a label to show ("service token (dbtc_)"), the length, and what looks wrong about it."""

    kind: TokenKind
    label: str
    length: int
    warning: str | None = None


def token_shape(token: SecretStr) -> TokenShape:
    """Tell a token's kind from its prefix; nothing of the token itself is in the answer.

    dbt Labs' own code takes ``dbtu_`` for a personal token; service tokens begin with ``dbtc_``.
    """
    value = token.get_secret_value()
    length = len(value)
    if _JWT.fullmatch(value):
        return TokenShape(
            "collate_jwt",
            "a JWT",
            length,
            "This is a token of Collate's kind. A dbt Cloud token begins with dbtc_ or dbtu_.",
        )
    if value.startswith(("dbtu_", "dbtc_")):
        personal = value.startswith("dbtu_")
        warning = None
        if not _BODY.fullmatch(value):
            warning = "It contains characters that no dbt Cloud token has: something else was copied with it."
        elif length < SHORTEST_TOKEN:
            warning = f"It has {length} characters: part of it is missing."
        return TokenShape(
            "personal" if personal else "service",
            "personal token (dbtu_)" if personal else "service token (dbtc_)",
            length,
            warning,
        )
    if _OLD_SERVICE.fullmatch(value):
        return TokenShape("service", "service token of an older form", length)
    if _LEGACY.fullmatch(value):
        return TokenShape(
            "legacy",
            "token of an older form",
            length,
            "A user API key of this form no longer works; a service token made before July 2023 still does. "
            "New ones are created under Account settings → API tokens.",
        )
    if value.startswith("dbt_cloud_"):
        return TokenShape(
            "unknown",
            "unknown kind (dbt_cloud_)",
            length,
            "Collate's guide shows this form; today's tokens begin with dbtc_ (service) or dbtu_ (personal).",
        )
    warning = "It does not begin with dbtc_ (service) or dbtu_ (personal)."
    if length < SHORTEST_TOKEN:
        warning = f"It has {length} characters only, and does not begin with dbtc_ or dbtu_."
    elif not _BODY.fullmatch(value):
        warning = "It contains characters that no dbt Cloud token has."
    return TokenShape("unknown", "unknown kind", length, warning)
