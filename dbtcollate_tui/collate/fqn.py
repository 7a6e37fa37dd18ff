"""Fully qualified names: parts joined by dots, a part holding a dot or a quote in double quotes."""

import re
from urllib.parse import quote

_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')


def quote_part(name: str) -> str:
    """One name as a part of an FQN: quoted where it holds a dot or a double quote, else as it is."""
    if "." in name or '"' in name:
        return '"' + name.replace('"', '""') + '"'
    return name


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
