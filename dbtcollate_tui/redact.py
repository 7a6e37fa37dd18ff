"""The one redactor: every text that leaves the program passes through it.

Servers and dbt projects write these texts, so the work is linear in their length: no pattern below repeats
something without bound and can then still fail. `_closing_quote` reads quoted values.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from pydantic import SecretStr


MASK = "[secret]"

_START = r"(?:\b|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2}))"
"""Where a word begins, also after a character that JSON or an address wrote as an escape."""
_NAMES = (
    r"pass(?:word|wd|phrase|code)|(?:auth|jwt|access|refresh|session|security|bearer|id)[_-]?token"
    r"|(?:secret|api|private|access)[_-]?key|client[_-]?secret|secret|DBT_ENV_SECRET_[A-Za-z0-9_]{0,200}"
)
"""The ends of names whose values are secrets, in JSON, YAML, shells and addresses."""
_QUOTE = r"\\{0,16}[\"']"
_VARIABLE = r"\$(?:\{[A-Za-z_]\w{0,100}\}|[A-Z_][A-Z0-9_]{0,100})(?![\w}])"
"""A reference to an environment variable, which is shown."""


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """The pattern of this name; compiled when the first text needs it, which is after the first screen."""
    return re.compile(_PATTERNS[name])


_PATTERNS = {
    "dbt": rf"{_START}dbt[cu]_[A-Za-z0-9_\-=]{{6,}}|dbt[cu]_[A-Za-z0-9_\-=]{{16,}}",
    "vendor": rf"{_START}(?:gh[opsur]_|github_pat_|glpat-)[A-Za-z0-9_\-]{{16,}}|\bdapi[0-9a-f]{{32}}",
    "jwt characters": r"[A-Za-z0-9_\-.]+",
    "header": (
        rf"(?i)(?<=authorization)(\\{{0,16}}[\"']?\s{{0,16}}[:=,]\s{{0,16}}b?\\{{0,16}}[\"']?\s{{0,16}})"
        rf"(?:(?:token|bearer|basic|digest|apikey)\s{{1,16}}(?!{_VARIABLE}|\[secret\])[^\s\"',}}\\]+"
        rf"|(?!{_VARIABLE}|\[secret\])[^\s\"',}}\\]{{16,}})"
    ),
    "scheme": rf"(?i){_START}(?:bearer|token)\s{{1,16}}[A-Za-z0-9_\-.=+/]{{16,}}",
    "quoted": rf"(?i)(?:{_NAMES}|(?<=[\"'])token){_QUOTE}\s{{0,16}}[:=]\s{{0,16}}b?({_QUOTE})(?!{_VARIABLE})",
    "assigned": (
        rf"(?i)(?:(?:{_NAMES}|token|\bpwd|\bsig|signature)\s{{0,8}}=\s{{0,8}}"
        rf"|DBT_ENV_SECRET_[A-Za-z0-9_]{{0,200}}:\s{{1,8}})(?!{_VARIABLE}|\[secret\])"
        rf"(?:({_QUOTE})|[^\s\"'&,;)}}<>\\]+)"
    ),
    "in braces": (
        rf"(?i)([{{,]\s{{0,8}}(?:\w{{0,80}}?(?:{_NAMES})|token):\s{{1,8}})"
        rf"(?!{_VARIABLE}|\[secret\])[^\s\"'&,;)}}{{<>\\]+"
    ),
    "in YAML": (
        rf"(?im)(^[ \t-]{{0,80}}(?:\w{{0,80}}?(?:{_NAMES})|token):[ \t]{{1,8}})"
        rf"(?!{_VARIABLE}|\[secret\])[^\s\"',{{}}<>\\]{{1,4096}}(?=[ \t\r]{{0,8}}$)"
    ),
    "in an address": r"(?i)(?<=://)(?!git@)[^/\s?#\"'<>\\]{1,2048}(?=@)",
}
_VALUE_WORDS = ("pass", "token", "secret", "key", "pwd", "sig")


class Redactor:
    """Replaces the live secrets that it has learnt, and everything that looks like one, by ``[secret]``."""

    def __init__(self, secrets: Iterable[SecretStr] = ()) -> None:
        self._lock = threading.Lock()
        self._literal: tuple[str, ...] = ()
        """Longest first, since one secret may be a part of another."""
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: SecretStr) -> None:
        """Remember a live secret, also as addresses and JSON quote it; below 4 characters it is none."""
        value = secret.get_secret_value().strip()
        if len(value) >= 4:
            once = json.dumps(value, ensure_ascii=False)[1:-1]
            forms = {value, once, json.dumps(value)[1:-1], json.dumps(once, ensure_ascii=False)[1:-1]}
            forms |= {quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}
            with self._lock:
                self._literal = tuple(sorted(forms.union(self._literal), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text with every known or recognised secret replaced."""
        for value in self._literal:
            text = text.replace(value, MASK)
        if "dbtc_" in text or "dbtu_" in text:
            text = _pattern("dbt").sub(MASK, text)
        if "eyJ" in text:
            text = _pattern("jwt characters").sub(_without_jwt, text)
        if "PRIVATE KEY-----" in text:
            text = _without_private_key(text)
        lower = text.casefold()
        if "gh" in lower or "glpat-" in lower or "dapi" in lower:
            text = _pattern("vendor").sub(MASK, text)
        if "authorization" in lower:
            text = _pattern("header").sub(rf"\g<1>{MASK}", text)
        if "token" in lower or "bearer" in lower:
            text = _pattern("scheme").sub(MASK, text)
        if any(word in lower for word in _VALUE_WORDS):
            text = _without_named(text)
        return _pattern("in an address").sub(MASK, text) if "://" in text else text


def without_credentials(address: str) -> str:
    """An address that a person typed, without user and password, whatever characters these hold."""
    head, at, host = address.rpartition("@")
    scheme, colon, _ = head.partition("://")
    return f"{scheme}{colon}…@{host}" if at and colon else f"…@{host}" if at else address


def _without_named(text: str) -> str:
    """The text without the values of names that hold secrets."""
    if '"' in text or "'" in text:
        text = _masked_values(_pattern("quoted"), text)
    if "=" in text or "DBT_ENV_SECRET_" in text:
        text = _masked_values(_pattern("assigned"), text)
    if ":" in text:
        text = _pattern("in braces").sub(rf"\g<1>{MASK}", text)
        text = _pattern("in YAML").sub(rf"\g<1>{MASK}", text)
    return text


def _masked_values(pattern: re.Pattern[str], text: str) -> str:
    """Replace the value of each match: the quoted text that it opens, or the bare word that it ends with."""
    pieces: list[str] = []
    done = 0
    while found := pattern.search(text, done):
        opening = found[1]
        if opening is None:
            name = re.match(r"[^=:]{0,300}[=:]\s{0,8}", found[0])
            begin, end = found.start() + (name.end() if name else 0), found.end()
        else:
            begin, end = found.end(), _closing_quote(text, found.end(), opening)
        pieces += (text[done:begin], MASK if end > begin else "")
        done = end
    return "".join((*pieces, text[done:]))


def _closing_quote(text: str, begin: int, opening: str) -> int:
    """Where the quoted value ends; at the line's end where nothing closes it.

    In JSON that is itself a string in JSON the quotes are escaped, once or more: what closes a value has as
    many backslashes as what opened it, and a quote within it has more.
    """
    sign, depth = opening[-1], len(opening) - 1
    at = text.find(sign, begin)
    while at >= 0:
        backslashes = 0
        while at - backslashes > begin and text[at - backslashes - 1] == "\\":
            backslashes += 1
        if backslashes < depth or backslashes % (2 * (depth + 1)) == depth:
            return at - min(depth, backslashes)
        begin, at = at + 1, text.find(sign, at + 1)
    line = text.find("\n", begin)
    return len(text) if line < 0 else line


def _without_jwt(run: re.Match[str]) -> str:
    """The characters of a JWT's alphabet, found together, with each JWT among them replaced."""
    characters = run[0]
    if "eyJ" not in characters or "." not in characters:
        return characters
    before = run.string[run.start() - 1] if run.start() else ""
    escape = 0
    if before == "\\":
        escape = 5 if characters[0] == "u" else 1
    elif before == "%":
        escape = 2
    parts = characters.split(".")
    shown: list[str] = []
    number = 0
    while number < len(parts):
        part = parts[number]
        signed = number + 1 < len(parts) and parts[number + 1].startswith("eyJ")
        begin = part.find("eyJ") if signed else _jwt_start(part, escape if number == 0 else 0)
        if begin >= 0 and number + 1 < len(parts) and len(parts[number + 1]) >= 4:
            shown.append(part[:begin] + MASK)
            number += 3
        else:
            shown.append(part)
            number += 1
    return ".".join(shown)


def _jwt_start(part: str, escape: int) -> int:
    at = part.find("eyJ")
    while at >= 0:
        if len(part) - at < 11:
            return -1
        if at in (0, escape) or part[at - 1] == "-":
            return at
        at = part.find("eyJ", at + 1)
    return -1


def _without_private_key(text: str) -> str:
    pieces: list[str] = []
    done = 0
    while (begin := text.find("PRIVATE KEY-----", done)) >= 0:
        begin += len("PRIVATE KEY-----")
        end = text.find("-----END", begin)
        end = len(text) if end < 0 else end
        pieces += (text[done:begin], MASK)
        done = text.find("PRIVATE KEY-----", end)
        done = len(text) if done < 0 else done + len("PRIVATE KEY-----")
        pieces.append(text[end:done])
    return "".join((*pieces, text[done:]))


redact = Redactor()
"""The process's redactor: secrets are learnt where they enter (the keyring, the environment, a field)."""
