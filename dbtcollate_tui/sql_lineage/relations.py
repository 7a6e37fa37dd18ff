"""What a query's FROM clause offers: relations, their columns, and what each column is made of. No IO."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from sqlglot import exp

TableKey = tuple[str, str, str]
"""Database, schema and name of a table, in Collate's spelling."""

Sources = frozenset[tuple[TableKey, str]]
"""Columns of real tables."""

NO_SOURCES: Sources = frozenset()


class SqlColumn(Struct, frozen=True, array_like=True):
    """A column with what is known of its type: the fields of a struct, or of the structs in an array.

    Where only the type's text is known, ``fields`` is empty and the parser reads ``type``.
    """

    name: str
    fields: list[SqlColumn] = []
    type: str = ""


class CaseRule(enum.Enum):
    """How a SQL dialect stores a name that is not quoted."""

    LOWER = enum.auto()
    UPPER = enum.auto()
    AS_WRITTEN = enum.auto()

    def canonical(self, name: exp.Expr) -> str:
        """The spelling under which the warehouse knows an identifier."""
        text = name.name
        if name.args.get("quoted") or self is CaseRule.AS_WRITTEN:
            return text
        return text.lower() if self is CaseRule.LOWER else text.upper()


class Coverage(enum.IntEnum):
    """Whether a relation may have columns that are not listed."""

    COMPLETE = 0
    """The query itself names every column."""
    STORED = 1
    """They are those of a table in Collate, which may be older than the query."""
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression is made of; ``fields`` are those of a struct where they are known."""

    sources: Sources = NO_SOURCES
    fields: Mapping[str, Value] | None = None

    def field(self, name: str) -> Value:
        """One field of a struct; the whole struct's sources where its fields are not known."""
        if self.fields is None:
            return Value(self.sources)
        found = pick(self.fields, name)
        return found if found is not None else NOTHING


NOTHING = Value()


def pick(named: Mapping[str, Value], name: str) -> Value | None:
    """The value of that name, or of the only one that differs in case only."""
    if name in named:
        return named[name]
    folded = name.casefold()
    found = [value for key, value in named.items() if key.casefold() == folded]
    return found[0] if len(found) == 1 else None


@dataclass(slots=True)
class Relation:
    """Named columns in order.

    ``ordered`` is false where a column's place is not certain. ``hidden`` are values that have a name but are
    no part of ``*``. ``rest`` is what every column that is not listed is made of, where that is known.
    """

    columns: list[tuple[str, Value]] = field(default_factory=list)
    coverage: Coverage = Coverage.COMPLETE
    ordered: bool = True
    hidden: dict[str, Value] = field(default_factory=dict)
    rest: Sources | None = None
    first_wins: bool = False
    _exact: dict[str, Value | None] = field(default_factory=dict)
    _folded: dict[str, Value | None] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """The column of that name; one that differs in case only where it is the only one."""
        if len(self._exact) == 0 and self.columns:
            self._index()
        if name in self._exact:
            return self._exact[name]
        found = self._folded.get(name.casefold())
        return found if found is not None else pick(self.hidden, name)

    def _index(self) -> None:
        for name, value in self.columns:
            known = self._exact.get(name)
            if name not in self._exact:
                self._exact[name] = value
            elif not self.first_wins and known != value:
                self._exact[name] = None
        spellings: dict[str, list[str]] = {}
        for name in self._exact:
            spellings.setdefault(name.casefold(), []).append(name)
        for folded, names in spellings.items():
            self._folded[folded] = self._exact[names[0]] if len(names) == 1 or self.first_wins else None

    def all_sources(self) -> Sources:
        """The sources of a whole row."""
        return NO_SOURCES.union(*(value.sources for _, value in self.columns), self.rest or NO_SOURCES)

    def renamed(self, names: Sequence[str]) -> Relation:
        """The same columns with these names, given by position, as in ``alias(a, b)``."""
        if not self.ordered or len(names) > len(self.columns):
            rest = Value(self.rest) if self.rest is not None and not self.columns else NOTHING
            return Relation([(name, rest) for name in names])
        kept = [
            (names[place] if place < len(names) else name, value)
            for place, (name, value) in enumerate(self.columns)
        ]
        coverage = self.coverage if len(names) < len(self.columns) else Coverage.COMPLETE
        return Relation(kept, coverage, first_wins=self.first_wins)


UNKNOWN_RELATION = Relation(coverage=Coverage.UNKNOWN, ordered=False)


@dataclass(slots=True)
class Source:
    """A relation in a FROM clause: its alias, or the table's names from the left, with its columns.

    A source that is not ``visible`` (the right side of a semi join) is reached by its alias only.
    """

    names: tuple[str, ...]
    relation: Relation
    visible: bool = True

    def is_called(self, parts: Sequence[str], same: Callable[[str, str], bool]) -> bool:
        """Whether a column's qualifier means this source: ``orders``, ``raw.orders``, ``wh.raw.orders``."""
        if not parts or len(parts) > len(self.names):
            return False
        return all(same(given, own) for given, own in zip(parts, self.names[-len(parts) :], strict=True))


@dataclass(slots=True)
class Scope:
    """The names that expressions of one SELECT may use."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Value] = field(default_factory=dict)
    """Columns of USING and NATURAL joins, by case-folded name: the value is made of both sides."""
    merged_names: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, Value] = field(default_factory=dict)
    """Columns of the select list so far, for dialects that let an expression use them."""
    windows: dict[str, exp.Expr] = field(default_factory=dict)
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    scalars: Mapping[str, exp.Expr] = field(default_factory=dict)
    """What ClickHouse names by ``WITH expression AS name``."""
    alias_first: bool = False

    def visible(self) -> Iterator[Source]:
        """The sources whose columns need no qualifier."""
        return (source for source in self.sources if source.visible)

    def called(self, parts: Sequence[str]) -> Source | None:
        """The source that a qualifier names, the spelling as written first."""
        for same in (str.__eq__, _same_but_for_case):
            found = [source for source in self.sources if source.is_called(parts, same)]
            if len(found) == 1:
                return found[0]
            if found:
                return None
        return None

    def is_complete(self) -> bool:
        """Whether no source can have a column that is not listed, so that a name may be an outer one."""
        return all(
            source.relation.coverage is Coverage.COMPLETE and source.relation.rest is None
            for source in self.sources
        )


def _same_but_for_case(given: str, own: str) -> bool:
    return given.casefold() == own.casefold()


class KnownTables:
    """The tables of Collate that a query may name."""

    def __init__(
        self,
        tables: Iterable[tuple[TableKey, Sequence[SqlColumn | str]]],
        parents: Iterable[tuple[TableKey, TableKey]],
        *,
        database: str,
        schema: str,
        databases: Mapping[str, str],
        quotes_keep_case: bool,
        rule: CaseRule,
    ) -> None:
        self._columns = dict(tables)
        self._folded: dict[TableKey, list[TableKey]] = {}
        for key in self._columns:
            self._folded.setdefault(_folded(key), []).append(key)
        self._parents = dict(parents)
        self._folded_parents: dict[TableKey, set[TableKey]] = {}
        for name, key in self._parents.items():
            self._folded_parents.setdefault(_folded(name), set()).add(key)
        self._database, self._schema = database, schema
        self._databases = {name.casefold(): there for name, there in databases.items()}
        self._quotes_keep_case = quotes_keep_case
        self._rule = rule

    def key(self, table: exp.Expr) -> TableKey:
        """Collate's table that this name means; the name itself where Collate has none, or several."""
        catalog, schema, name = (table.args.get(part) for part in ("catalog", "db", "this"))
        written = tuple(
            self._rule.canonical(part) if part is not None else "" for part in (catalog, schema, name)
        )
        mapped = self._databases.get(written[0].casefold()) if written[0] else self._database
        anywhere = mapped is None and "*" in self._databases
        if mapped is None:
            mapped = written[0]
        wanted = (mapped, written[1] or self._schema, written[2])
        for known in ((written[0], wanted[1], wanted[2]), wanted):
            if known in self._parents:
                return self._parents[known]
        if wanted in self._columns:
            return wanted
        for known in ((written[0], wanted[1], wanted[2]), wanted):
            by_dbt = self._folded_parents.get(_folded(known), set())
            if len(by_dbt) == 1:
                return next(iter(by_dbt))
        found = self._folded.get(_folded(wanted), [])
        if anywhere:
            found = [key for key in self._columns if _folded(key)[1:] == _folded(wanted)[1:]]
        if len(found) > 1:
            chosen = [key for key in found if key in self._parents.values()]
            found = chosen or found
        if len(found) != 1:
            return wanted
        if self._quotes_keep_case and any(
            part is not None and part.args.get("quoted") and text != there
            for part, text, there in zip((schema, name), wanted[1:], found[0][1:], strict=True)
        ):
            return wanted
        return found[0]

    def columns(self, key: TableKey) -> Sequence[SqlColumn | str]:
        """The table's columns; empty where they are not known."""
        return self._columns.get(key, ())


def _folded(key: TableKey) -> TableKey:
    return key[0].casefold(), key[1].casefold(), key[2].casefold()
