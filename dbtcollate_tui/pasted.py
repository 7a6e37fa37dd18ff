"""Secrets as people paste them: cleaned, and with a word on what was removed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr


_BREAKS = re.compile(r"\r\n|[\r\n\u2028\u2029\x85]")
_INVISIBLE = re.compile(
    r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_QUOTES = "\"'`“”‘’«»"
_PREFIXES = (
    (re.compile(r"(--header|-H)\s{1,99}(?=[\"']?\s{0,99}authorization)", re.IGNORECASE), "{} "),
    (
        re.compile(
            r"(?:export\s{1,99}|set\s{1,99}|\$env:)?([A-Z][A-Z0-9_]{0,99}(?:TOKEN|KEY|JWT))\s{0,99}=\s*"
        ),
        "{}=",
    ),
    (re.compile(r"(authorization|dbtCloudAuthToken|jwtToken|token)[\"']?\s{0,99}:\s*", re.IGNORECASE), "{}:"),
    (re.compile(r"(token|bearer)\s+", re.IGNORECASE), "{} "),
)


@dataclass(frozen=True, slots=True)
class PastedSecret:
    """The secret that was meant, and what was taken off, in words ("one line break", '"Bearer "')."""

    secret: SecretStr
    removed: tuple[str, ...]

    @property
    def length(self) -> int:
        """Characters of the cleaned secret."""
        return len(self.secret.get_secret_value())


def clean_secret(text: str) -> PastedSecret:
    """Take line breaks, spaces, quotes and what a token is pasted with off it.

    That is ``Bearer``/``Token``, ``Authorization:``, a shell assignment, curl's ``-H``, a YAML or JSON key,
    and the comma or semicolon after it. What is left is unchanged by a second cleaning.
    """
    from pydantic import SecretStr

    removed: list[str] = []
    breaks = len(_BREAKS.findall(text))
    if breaks:
        removed.append("one line break" if breaks == 1 else f"{breaks} line breaks")
    value = _BREAKS.sub("\n", text)
    if _INVISIBLE.search(value):
        removed.append("invisible characters")
        value = _INVISIBLE.sub("", value)
    if re.search(r"^[^\S\n]|[^\S\n]$", value.strip("\n")):
        removed.append("spaces")
    while True:
        before = value
        value = _undress(value, removed)
        if re.search(r"[^\S\n]", value):
            _once(removed, "spaces")
        value = re.sub(r"\s+", "", value)
        if value == before:
            return PastedSecret(SecretStr(value), tuple(removed))


def _undress(value: str, removed: list[str]) -> str:
    while True:
        before = value
        value = value.strip()
        if value.rstrip(",;") != value:
            value = value.rstrip(",;").strip()
            _once(removed, "punctuation")
        if value.strip(_QUOTES) != value:
            value = value.strip(_QUOTES).strip()
            _once(removed, "quotes")
        for pattern, form in _PREFIXES:
            if match := pattern.match(value):
                value = value[match.end() :].strip()
                _once(removed, f'"{form.format(match.group(1))}"')
        if value == before:
            return value


def _once(words: list[str], word: str) -> None:
    if word not in words:
        words.append(word)
