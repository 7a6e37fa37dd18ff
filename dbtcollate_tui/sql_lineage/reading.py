"""What the compiled SQL of the matched nodes reads, as tables and columns of Collate."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from dbtcollate_tui.adapters import NO_DATABASE, adapter_of
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.fqn import plain_name, quote_part
from dbtcollate_tui.collate.models import Column, ColumnLineage, Table
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.plan.matching.matches import MatchReport, SqlRead, TableRef
from dbtcollate_tui.plan.matching.nodes import Inventory
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sql_lineage.cache import SqlCache
from dbtcollate_tui.sql_lineage.column_lineage import SqlJob, SqlLineage
from dbtcollate_tui.sql_lineage.relations import SqlColumn, TableKey
from dbtcollate_tui.sql_lineage.workers import OnDone, read_queries

_WORD = re.compile(r"[\w$]+")
_FETCHED_AT_ONCE = 6
_HAS_FIELDS = re.compile(r"(struct|row|record|object|tuple|nested)\s*[<(]", re.IGNORECASE)
"""A type's text that names the fields of a struct."""

Fetch = Callable[[TableRef], Awaitable[Table | None]]
"""Gives a table with its columns."""


class SqlReading:
    """The compiled SQL of the matched nodes, read by worker processes while the program does other things.

    An asynchronous context: entered, it knows how many queries are ``new`` and has begun with them; left, it
    ends its workers. ``only`` are unique ids, ``None`` means all. A table that is read by its name, without
    dbt's ``ref`` or ``source``, is fetched for its columns.
    """

    def __init__(
        self,
        project: Project,
        report: MatchReport,
        inventories: Sequence[Inventory],
        tables: Mapping[str, Table],
        options: SyncOptions,
        fetch: Fetch,
        *,
        only: Collection[str] | None = None,
        cache: SqlCache | None = None,
        on_done: OnDone | None = None,
    ) -> None:
        self.new = 0
        """How many queries no earlier reading has read."""
        self._project = project
        self._catalog = partial(SqlCatalog, report, inventories, tables, options)
        self._fetch = fetch
        self._only = only
        self._cache = cache
        self._on_done = on_done
        self._reading: asyncio.Task[MatchReport] | None = None

    async def __aenter__(self) -> "SqlReading":
        catalog = await asyncio.to_thread(self._catalog)
        jobs = await asyncio.to_thread(catalog.jobs, self._project, self._only)
        found = await asyncio.to_thread(self._cache.read, jobs) if self._cache is not None else {}
        self.new = len(jobs) - len(found)
        self._reading = asyncio.create_task(self._read(catalog, jobs, found))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def report(self) -> MatchReport:
        """The match report with what the SQL reads, once all of it is read; raises ``ActionableError``."""
        if self._reading is None:
            raise RuntimeError("the reading has not begun")
        return await self._reading

    async def _read(
        self, catalog: "SqlCatalog", jobs: Mapping[str, SqlJob], found: dict[str, SqlLineage]
    ) -> MatchReport:
        new = {name: job for name, job in jobs.items() if name not in found}
        found |= await read_queries(new, self._on_done)
        if new and self._cache is not None and self._only is None:
            await asyncio.to_thread(self._cache.write, jobs, found)
        absent = catalog.without_columns(found.values())
        if absent:
            fetched = await bounded(absent, self._fetch, at_once=_FETCHED_AT_ONCE)
            catalog.add(table for table in fetched if table is not None)
            keys = {catalog.key(ref) for ref in absent}
            again = {name for name, answer in found.items() if keys.intersection(answer.reads)}
            found |= await read_queries(await asyncio.to_thread(catalog.jobs, self._project, again))
        return await asyncio.to_thread(catalog.report, found)


class SqlCatalog:
    """The server's tables by the names that SQL may call them, in the warehouse's spelling."""

    def __init__(
        self,
        report: MatchReport,
        inventories: Sequence[Inventory],
        tables: Mapping[str, Table],
        options: SyncOptions,
    ) -> None:
        self._report = report
        self._database_map = options.database_map
        self._refs: dict[TableKey, TableRef] = {}
        self._fqns: dict[TableKey, dict[str, str]] = {}
        self._columns: dict[TableKey, list[str | SqlColumn]] = {}
        self._by_name: dict[str, list[TableKey]] = defaultdict(list)
        matched = {ref.fqn for ref in report.matched.values()}
        for inventory in inventories:
            for ref in inventory.tables:
                key = self.key(ref)
                there = self._refs.get(key)
                if there is None:
                    self._by_name[key[2].lower()].append(key)
                if there is None or (there.fqn not in matched and ref.fqn in matched):
                    self._refs[key] = ref
        self._only_default = any(
            tuple(name.casefold() for name in inventory.databases) == (NO_DATABASE,)
            for inventory in inventories
        )
        self.add(tables.values())
        self._odd_names = [name for name in self._by_name if not _WORD.fullmatch(name)]

    @staticmethod
    def key(ref: TableRef) -> TableKey:
        """The table's names as the warehouse spells them."""
        return plain_name(ref.database), plain_name(ref.schema), plain_name(ref.name)

    def add(self, tables: Iterable[Table]) -> None:
        """Take in these tables' columns."""
        by_fqn = {ref.fqn: key for key, ref in self._refs.items()}
        for table in tables:
            key = by_fqn.get(table.fullyQualifiedName)
            if key is not None:
                self._fqns[key] = {
                    plain_name(column.name): column.fullyQualifiedName
                    or f"{table.fullyQualifiedName}.{quote_part(column.name)}"
                    for column in table.columns
                }
                self._columns[key] = [_sql_column(column) for column in table.columns]

    def jobs(self, project: Project, only: Collection[str] | None) -> dict[str, SqlJob]:
        """A job for each matched node that has compiled SQL, by unique id."""
        adapter = adapter_of(project.adapter_type)
        databases = self._databases(project, any_database=not adapter.has_database or self._only_default)
        types = self._catalog_types(project)
        found = {}
        for unique_id, ref in self._report.matched.items():
            node = project.nodes[unique_id]
            if (only is not None and unique_id not in only) or not _has_sql(node):
                continue
            sql = node.compiled_code or ""
            own = self.key(ref)
            keys = self._mentioned(sql, own[1].lower())
            found[unique_id] = SqlJob(
                sql=sql,
                dialect=adapter.dialect,
                database=own[0],
                schema=own[1],
                databases=databases,
                tables=[(key, self._typed(key, types)) for key in keys],
                parents=self._parents(project, unique_id),
                target=list(self._fqns.get(own, ())),
            )
        return found

    def _databases(self, project: Project, *, any_database: bool) -> dict[str, str]:
        """Collate's name of each database that SQL may name: what matching found, the person's mapping."""
        seen: dict[str, set[str]] = defaultdict(set)
        for unique_id, ref in self._report.matched.items():
            database = project.nodes[unique_id].database
            if database:
                seen[database.casefold()].add(plain_name(ref.database))
        found = {name: next(iter(there)) for name, there in sorted(seen.items()) if len(there) == 1}
        found |= {name.casefold(): there for name, there in self._database_map.items() if name}
        return found | {"*": ""} if any_database else found

    def _parents(self, project: Project, unique_id: str) -> list[tuple[TableKey, TableKey]]:
        """The tables of the node's parents by dbt's own names, for SQL that spells them as dbt does."""
        found: dict[TableKey, TableKey] = {}
        for parent in project.upstreams(unique_id):
            ref = self._report.matched.get(parent)
            if ref is not None:
                node = project.nodes[parent]
                found[node.database or "", node.schema or "", node.identifier] = self.key(ref)
        return list(found.items())

    def _catalog_types(self, project: Project) -> dict[TableKey, dict[str, str]]:
        """The types of dbt's catalog that name fields, where Collate's columns do not tell them."""
        found: dict[TableKey, dict[str, str]] = {}
        for unique_id, ref in self._report.matched.items():
            for column in project.nodes[unique_id].columns:
                if column.data_type and _HAS_FIELDS.search(column.data_type):
                    found.setdefault(self.key(ref), {})[column.name.casefold()] = column.data_type
        return found

    def _typed(self, key: TableKey, types: Mapping[TableKey, Mapping[str, str]]) -> list[str | SqlColumn]:
        columns = self._columns.get(key, [])
        by_dbt = types.get(key)
        if not by_dbt:
            return columns
        return [
            SqlColumn(column, type=by_dbt[column.casefold()])
            if isinstance(column, str) and column.casefold() in by_dbt
            else column
            for column in columns
        ]

    def _mentioned(self, sql: str, schema: str) -> list[TableKey]:
        """The tables whose name and schema are somewhere in the SQL, always in the same order."""
        text = sql.lower()
        words = {*_WORD.findall(text), schema}
        names = words & self._by_name.keys() | {name for name in self._odd_names if _stands_in(name, text)}
        return sorted(
            key
            for name in names
            for key in self._by_name[name]
            if (there := key[1].lower()) in words or (not _WORD.fullmatch(there) and _stands_in(there, text))
        )

    def without_columns(self, answers: Iterable[SqlLineage]) -> list[TableRef]:
        """The server's tables that were read and whose columns are not known."""
        keys = {key for answer in answers for key in answer.reads if key not in self._columns}
        return [self._refs[key] for key in sorted(keys) if key in self._refs]

    def report(self, answers: Mapping[str, SqlLineage]) -> MatchReport:
        """The match report with these answers in Collate's names."""
        matched = self._report.matched
        return replace(
            self._report,
            reads={name: self._reads(matched[name], answer) for name, answer in answers.items()},
            unread={name: answer.error for name, answer in answers.items() if answer.error},
            unresolved={
                name: tuple(answer.unresolved) for name, answer in answers.items() if answer.unresolved
            },
        )

    def _reads(self, here: TableRef, answer: SqlLineage) -> tuple[SqlRead, ...]:
        targets = self._fqns.get(self.key(here), {})
        pairs: dict[TableKey, dict[str, list[str]]] = {key: {} for key in answer.reads}
        for output, sources in answer.columns.items():
            target = targets.get(output)
            if not target:
                continue
            for key, column in sources:
                source = self._fqns.get(key, {}).get(column)
                if source:
                    pairs.setdefault(key, {}).setdefault(target, []).append(source)
        return tuple(
            SqlRead(
                self._refs[key],
                tuple(
                    ColumnLineage(fromColumns=tuple(sources), toColumn=target)
                    for target, sources in columns.items()
                ),
            )
            for key, columns in pairs.items()
            if key in self._refs
        )


def _has_sql(node: Node) -> bool:
    return bool((node.compiled_code or "").strip()) and not node.original_file_path.endswith(".py")


def _stands_in(name: str, text: str) -> bool:
    """Whether a name with odd signs is in lower-case SQL, where a quote in it may be doubled."""
    return name in text or ('"' in name and name.replace('"', '""') in text)


def _sql_column(column: Column) -> str | SqlColumn:
    """A column for the parser, with the fields that Collate knows of it."""
    name = plain_name(column.name)
    if column.children:
        return SqlColumn(name, _sql_fields(column.children))
    if _HAS_FIELDS.search(column.dataTypeDisplay):
        return SqlColumn(name, type=column.dataTypeDisplay)
    return name


def _sql_fields(columns: Iterable[Column]) -> list[SqlColumn]:
    return [SqlColumn(plain_name(column.name), _sql_fields(column.children)) for column in columns]
