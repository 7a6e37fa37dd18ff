"""The one redactor: nothing that leaves the program as text goes round it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pydantic import SecretStr


MASK = "[secret]"


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """What secrets look like; compiled when the first text comes, which is after the first screen stands."""
    start = r"(?:\b|(?<=\\[bfnrt]))"  # a line break that JSON wrote as \n is a break too
    return (
        re.compile(rf"{start}dbt[cu]_[A-Za-z0-9_\-=]{{6,}}"),
        re.compile(rf"{start}eyJ[A-Za-z0-9_\-]{{8,}}\.[A-Za-z0-9_\-]{{4,}}(?:\.[A-Za-z0-9_\-]*)?"),
        re.compile(
            r"(?i)(?<=authorization)([\"']?\s*[:=,]\s*b?[\"']?\s*)(?:token|bearer|basic)\s+(?!\$[A-Z{])[^\s\"',}]+"
        ),
        re.compile(rf"(?i){start}(?:bearer|token)\s+[A-Za-z0-9_\-.=+/]{{16,}}"),
        re.compile(
            r"(?i)(?<=[\"'])(dbtCloudAuthToken|jwtToken|password|secretKey|authToken|access_token)([\"']\s*:\s*)([\"'])(?:\\.|(?!\3).)*\3"
        ),
        re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    )


class Redactor:
    """Replaces the live secrets that it was told of, and whatever looks like one, by ``[secret]``."""

    def __init__(self, secrets: Iterable[SecretStr] = ()) -> None:
        self._lock = threading.Lock()
        self._literal: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: SecretStr) -> None:
        """Remember a live secret, also as addresses and JSON quote it; below 4 characters it is none."""
        value = secret.get_secret_value().strip()
        if len(value) >= 4:
            with self._lock:
                self._literal.update((value, quote(value, safe=""), _in_json(value)))

    def __call__(self, text: str) -> str:
        """The text with every known or recognised secret replaced."""
        with self._lock:
            known = sorted(self._literal, key=len, reverse=True)
        for value in known:
            text = text.replace(value, MASK)
        if "dbtc_" in text or "dbtu_" in text:
            text = _patterns()[0].sub(MASK, text)
        if "eyJ" in text:
            text = _patterns()[1].sub(MASK, text)
        lower = text.casefold()
        if "authorization" in lower:
            text = _patterns()[2].sub(rf"\g<1>{MASK}", text)
        if "token" in lower or "bearer" in lower:
            text = _patterns()[3].sub(MASK, text)
        if "token" in lower or "password" in lower or "secretkey" in lower:
            text = _patterns()[4].sub(rf"\g<1>\g<2>\g<3>{MASK}\g<3>", text)
        return _patterns()[5].sub(MASK, text) if "://" in text else text


def _in_json(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


redact = Redactor()
"""The process's redactor: secrets are learnt where they enter (the keyring, the environment, a field)."""
