"""What the compiled SQL of the matched nodes reads, as tables and columns of Collate."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from dbtcollate_tui.adapters import adapter_of
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.fqn import quote_part
from dbtcollate_tui.collate.models import ColumnLineage, Table
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.plan.matching.matches import MatchReport, SqlRead, TableRef
from dbtcollate_tui.plan.matching.nodes import Inventory
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sql_lineage.cache import SqlCache
from dbtcollate_tui.sql_lineage.column_lineage import SqlJob, SqlLineage, TableKey
from dbtcollate_tui.sql_lineage.workers import OnDone, read_queries

_WORD = re.compile(r"[\w$]+")
_FETCHED_AT_ONCE = 6

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
    """The server's tables by the names that SQL may call them."""

    def __init__(
        self,
        report: MatchReport,
        inventories: Sequence[Inventory],
        tables: Mapping[str, Table],
        options: SyncOptions,
    ) -> None:
        self._report = report
        self._databases = {name.lower(): there.lower() for name, there in options.database_map.items()}
        self._refs: dict[TableKey, TableRef] = {}
        self._columns: dict[TableKey, dict[str, str]] = {}
        self._by_name: dict[str, list[TableKey]] = defaultdict(list)
        matched = {ref.fqn for ref in report.matched.values()}
        for inventory in inventories:
            for ref in inventory.tables:
                key = self.key(ref)
                there = self._refs.get(key)
                if there is None:
                    self._by_name[key[2]].append(key)
                if there is None or (there.fqn not in matched and ref.fqn in matched):
                    self._refs[key] = ref
        self.add(tables.values())
        self._odd_names = [name for name in self._by_name if not _WORD.fullmatch(name)]

    @staticmethod
    def key(ref: TableRef) -> TableKey:
        """The table's names in lower case."""
        return ref.database.lower(), ref.schema.lower(), ref.name.lower()

    def add(self, tables: Iterable[Table]) -> None:
        """Take in these tables' columns."""
        by_fqn = {ref.fqn: key for key, ref in self._refs.items()}
        for table in tables:
            key = by_fqn.get(table.fullyQualifiedName)
            if key is not None:
                self._columns[key] = _column_fqns(table)

    def jobs(self, project: Project, only: Collection[str] | None) -> dict[str, SqlJob]:
        """A job for each matched node that has compiled SQL, by unique id."""
        dialect = adapter_of(project.adapter_type).dialect
        found = {}
        for unique_id, ref in self._report.matched.items():
            node = project.nodes[unique_id]
            if (only is not None and unique_id not in only) or not _has_sql(node):
                continue
            sql = node.compiled_code or ""
            database, schema, _ = self.key(ref)
            keys = self._mentioned(sql, schema)
            found[unique_id] = SqlJob(
                sql=sql,
                dialect=dialect,
                database=database,
                schema=schema,
                databases=self._databases,
                tables=[(key, list(self._columns[key])) for key in keys if key in self._columns],
            )
        return found

    def _mentioned(self, sql: str, schema: str) -> list[TableKey]:
        """The tables whose name and schema stand somewhere in the SQL, always in the same order."""
        text = sql.lower()
        words = {*_WORD.findall(text), schema}
        names = words & self._by_name.keys() | {name for name in self._odd_names if name in text}
        return sorted(
            key
            for name in names
            for key in self._by_name[name]
            if key[1] in words or (not _WORD.fullmatch(key[1]) and key[1] in text)
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
        )

    def _reads(self, here: TableRef, answer: SqlLineage) -> tuple[SqlRead, ...]:
        targets = self._columns.get(self.key(here), {})
        pairs: dict[TableKey, dict[str, list[str]]] = {key: {} for key in answer.reads}
        for output, sources in answer.columns.items():
            target = targets.get(output)
            if not target:
                continue
            for key, column in sources:
                source = self._columns.get(key, {}).get(column)
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


def _column_fqns(table: Table) -> dict[str, str]:
    """FQN by lower-case name of the table's own columns; "" where two names differ in case only."""
    found: dict[str, str] = {}
    for column in table.columns:
        name = column.name.lower()
        fqn = column.fullyQualifiedName or f"{table.fullyQualifiedName}.{quote_part(column.name)}"
        found[name] = "" if name in found else fqn
    return found
