"""Secrets as people paste them: cleaned, and with a word on what was removed."""

import re
from dataclasses import dataclass

from pydantic import SecretStr

_INVISIBLE = re.compile(r"[\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HEADER = re.compile(r"(?i)^(authorization)\s*:\s*")
_SCHEME = re.compile(r"(?i)^(token|bearer)\s+")
_ASSIGNMENT = re.compile(r"^(?:export\s+)?(DBT_CLOUD_TOKEN|COLLATE_TOKEN)\s*=\s*")
_QUOTES = "\"'`“”‘’«»"


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
    """Take line breaks, spaces, quotes, ``Authorization:``, ``Bearer``/``Token`` off a pasted secret."""
    removed: list[str] = []
    breaks = text.count("\r\n") + text.replace("\r\n", "").count("\n") + text.replace("\r\n", "").count("\r")
    value = re.sub(r"[\r\n]+", "", text) if not _SCHEME.match(text.strip()) else re.sub(r"[\r\n]+", " ", text)
    if breaks:
        removed.append("one line break" if breaks == 1 else f"{breaks} line breaks")
    cleaned = _INVISIBLE.sub("", value)
    if cleaned != value:
        removed.append("invisible characters")
    value = cleaned.strip()
    while True:
        before = value
        if value and (value[0] in _QUOTES or value[-1] in _QUOTES):
            value = value.strip(_QUOTES).strip()
            _once(removed, "quotes")
        for pattern, form in ((_ASSIGNMENT, "{}="), (_HEADER, "{}:"), (_SCHEME, "{} ")):
            match = pattern.match(value)
            if match:
                value = value[match.end() :].strip()
                _once(removed, f'"{form.format(match.group(1))}"')
        if value == before:
            break
    joined = re.sub(r"\s+", "", value)
    if joined != value or (cleaned.strip(" ") != cleaned and not breaks):
        _once(removed, "spaces")
    return PastedSecret(SecretStr(joined), tuple(removed))


def _once(words: list[str], word: str) -> None:
    if word not in words:
        words.append(word)
