"""Fully qualified names: parts joined by dots, a part holding a dot or a quote in double quotes."""

import re
from urllib.parse import quote

_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')


def quote_part(name: str) -> str:
    """One name as a part of an FQN: quoted where it holds a dot or a double quote, else unchanged."""
    if "." in name or '"' in name:
        return '"' + name.replace('"', '""') + '"'
    return name


_RESERVED = {
    "::": "__reserved__colon__",
    ">": "__reserved__arrow__",
    '"': "__reserved__quote__",
    "\n": "__reserved__newline__",
    "\r": "__reserved__carriage_return__",
    "\t": "__reserved__tab__",
}
"""What OpenMetadata's connectors write in names instead of signs that its grammar of links uses.

``metadata/ingestion/models/custom_basemodel_validation.py`` of ``openmetadata-ingestion``.
"""


def stored_name(name: str) -> str:
    """A name of the warehouse as OpenMetadata's connectors send it."""
    for sign, word in _RESERVED.items():
        name = name.replace(sign, word)
    return name


def plain_name(stored: str) -> str:
    """The warehouse's own spelling of a name that a connector has sent."""
    if "__reserved__" in stored:
        for sign, word in _RESERVED.items():
            stored = stored.replace(word, sign)
    return stored


def join_fqn(*parts: str) -> str:
    """The FQN of plain names, outermost first."""
    return ".".join(quote_part(part) for part in parts)


def split_fqn(fqn: str) -> tuple[str, ...]:
    """The plain names of an FQN, quotes taken off; raises ``ValueError`` where it is not one."""
    plain = fqn.split(".")
    if '"' not in fqn and all(plain):
        return tuple(plain)
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(fqn, position)
        if match is None:
            raise ValueError(f"{fqn!r} is not a fully qualified name")
        text = match.group()
        parts.append(text[1:-1].replace('""', '"') if text.startswith('"') else text)
        position = match.end()
        if position == len(fqn):
            return tuple(parts)
        if fqn[position] != ".":
            raise ValueError(f"{fqn!r} is not a fully qualified name")
        position += 1


def path_segment(text: str) -> str:
    """A name or FQN as one segment of a path: everything percent-encoded, slashes too."""
    return quote(text, safe="")


def entity_link(table_fqn: str, column: str | None = None) -> str:
    """OpenMetadata's entity link of a table, or of one of its columns."""
    if column is None:
        return f"<#E::table::{table_fqn}>"
    return f"<#E::table::{table_fqn}::columns::{column}>"
