"""OpenMetadata's releases as data: the shapes of their bodies, and answers that no schema shows.

The shapes come from ``releases.json``, which ``tests/schemas/read_releases.py`` reads from the published
schemas of every release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import msgspec

from dbtcollate_tui.errors import UsageError

NEWEST = "2.0.7"
SERVER_VERSIONS = (
    "1.1.0",
    "1.2.5",
    "1.3.1",
    "1.4.8",
    "1.5.0",
    "1.6.0",
    "1.6.1",
    "1.6.2",
    "1.7.0",
    "1.8.0",
    "1.9.7",
    "1.9.8",
    "1.10.0",
    "1.11.3",
    "1.11.4",
    "1.12.0",
    "1.13.0",
    "2.0.5",
    NEWEST,
)
"""The releases that ``--help`` names; any published release is spoken."""


_CLOSED = "$closed"


def numbers_of(version: str) -> tuple[int, ...]:
    """A release as numbers, for order."""
    return tuple(int(part) for part in version.split("."))


@dataclass(frozen=True, slots=True)
class Shape:
    """What one field may hold: names of objects, enums and texts of the table, or JSON types."""

    types: tuple[str, ...]
    many: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text must be like."""

    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None


class SchemaTable:
    """The table of every release's schemas."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.releases: tuple[str, ...] = tuple(content["releases"])
        self.objects: Mapping[str, Any] = content["objects"]
        self.enums: Mapping[str, Any] = content["enums"]
        self.texts: Mapping[str, Any] = content["texts"]

    def has(self, ranges: str, release: str) -> bool:
        """Whether a release is within ``ranges``, a text such as ``1.6.2.0..,..1.1.0.5``."""
        if not ranges:
            return True
        wanted = numbers_of(release)
        for part in ranges.split(","):
            start, _, end = part.partition("..")
            after_start = not start or numbers_of(start) <= wanted
            if after_start and (not end or wanted <= numbers_of(end)):
                return True
        return False

    def field_releases(self, name: str, field: str) -> tuple[str, ...]:
        """Every release in which the object ``name`` has ``field``."""
        entry = self.objects.get(name, {}).get(field)
        return () if entry is None else tuple(r for r in self.releases if self.has(entry["in"], r))

    def value_releases(self, name: str, value: str) -> tuple[str, ...]:
        """Every release in which the enum ``name`` has ``value``."""
        ranges = self.enums.get(name, {}).get(value)
        return () if ranges is None else tuple(r for r in self.releases if self.has(ranges, r))


@cache
def schema_table() -> SchemaTable:
    """The table that ships with the sandbox."""
    path = files("dbtcollate_tui.sandbox.collate").joinpath("releases.json")
    return SchemaTable(msgspec.json.decode(path.read_bytes()))


class ServerRelease:
    """One release of the server.

    ``text`` is three numbers; the schemas are those of the first client of that version, which was built
    with the server, or of the release ``client`` of it. ``refuses`` are fields that this one build lacks.
    """

    def __init__(
        self, text: str, table: SchemaTable, client: str = "", refuses: frozenset[str] = frozenset()
    ) -> None:
        self.text = text
        self._refuses = refuses
        self.numbers = numbers_of(text)
        self._table = table
        first = next((r for r in table.releases if numbers_of(r)[:3] == self.numbers), "")
        self._client = client or first
        if not self._client:
            raise UsageError(
                f"OpenMetadata {text} is not a published release",
                causes=(f"Known are {table.releases[0]} to {table.releases[-1]}, such as {NEWEST}.",),
            )
        self._objects: dict[str, Mapping[str, Shape]] = {}

    @property
    def version_text(self) -> str:
        """What ``GET system/version`` answers; the real 1.1.0 was a snapshot."""
        return f"{self.text}-SNAPSHOT" if self.numbers == (1, 1, 0) else self.text

    def since(self, *numbers: int) -> bool:
        """Whether the server is of this version or newer."""
        return self.numbers >= numbers

    @cached_property
    def is_newest(self) -> bool:
        """Whether the stored form needs no translation."""
        return self.text == NEWEST and not self._refuses

    def without(self, *fields: str) -> ServerRelease:
        """A build of this release that lacks these fields."""
        return ServerRelease(self.text, self._table, self._client, frozenset(fields))

    def fields(self, name: str) -> Mapping[str, Shape]:
        """The fields of an object in this release; none where the release does not have it."""
        found = self._objects.get(name)
        if found is None:
            found = {}
            for field, entry in self._table.objects.get(name, {}).items():
                if field != _CLOSED and field not in self._refuses and self._has(entry["in"]):
                    kind = next(kind for kind, ranges in entry["types"].items() if self._has(ranges))
                    found[field] = Shape(
                        tuple(kind.removeprefix("*").split("|")),
                        kind.startswith("*"),
                        "required" in entry and self._has(entry["required"]),
                    )
            self._objects[name] = found
        return found

    def is_closed(self, name: str) -> bool:
        """Whether an object refuses fields that its schema does not name."""
        ranges = self._table.objects.get(name, {}).get(_CLOSED)
        return ranges is not None and self._has(ranges)

    def values(self, name: str) -> frozenset[str] | None:
        """The values of an enum; ``None`` where ``name`` is no enum."""
        entry = self._table.enums.get(name)
        return (
            None
            if entry is None
            else frozenset(value for value, ranges in entry.items() if self._has(ranges))
        )

    def inner(self, name: str) -> Shape | None:
        """What a named list or text is made of; ``None`` where ``name`` is neither."""
        entry = self._table.texts.get(name, {})
        for many in ("many", "one"):
            for kind, ranges in entry.get(many, {}).items():
                if self._has(ranges):
                    return Shape(tuple(kind.split("|")), many == "many", False)
        return None

    def limits(self, name: str) -> Limits:
        """Pattern and length of a named text."""
        entry = self._table.texts.get(name, {})

        def value(key: str) -> str | None:
            return next((text for text, ranges in entry.get(key, {}).items() if self._has(ranges)), None)

        shortest, longest = value("min_length"), value("max_length")
        return Limits(
            value("pattern"),
            int(shortest) if shortest is not None else None,
            int(longest) if longest is not None else None,
        )

    def _has(self, ranges: str) -> bool:
        return self._table.has(ranges, self._client)

    # What no schema shows; each from a real server, or from the client of that release.

    @property
    def wraps_routing_errors(self) -> bool:
        """Whether 404, 405 and 415 of unknown paths arrive inside a 500 (seen on 1.1 and 1.6)."""
        return not self.since(1, 7)

    @property
    def names_error_type(self) -> bool:
        """Whether a 500 has ``errorType`` and no ``code`` (seen on 1.6)."""
        return self.since(1, 6)

    @property
    def searches_results(self) -> bool:
        """Whether the latest result of a test case comes from the search index (seen on 1.6, not on 1.1)."""
        return self.since(1, 6)


@cache
def release_of(version: str) -> ServerRelease:
    """The release that ``--server-version`` means: three numbers, fewer for the first such, or ``latest``.

    ``newest`` is the former name of ``latest``.
    """
    table = schema_table()
    if version in ("latest", "newest"):
        return ServerRelease(NEWEST, table)
    try:
        wanted = numbers_of(version)
    except ValueError:
        raise UsageError(
            f"No server version {version!r}", causes=(f"Give one such as {', '.join(SERVER_VERSIONS[-4:])}.",)
        ) from None
    if len(wanted) < 3:
        known = sorted({numbers_of(r)[:3] for r in table.releases})
        first = next((numbers for numbers in known if numbers[: len(wanted)] == wanted), None)
        version = ".".join(map(str, first)) if first is not None else version
    return ServerRelease(version, table)
