"""Compiled SQL -> the tables it reads and the columns that each of its columns is made of. No IO.

Run as a module it is a worker: one job a line on standard input, one answer a line on standard output. A
parser cannot be stopped from outside but by ending its process, so this is how a query gets a time limit.
"""

from __future__ import annotations

import faulthandler
import gc
import sys
from typing import TYPE_CHECKING

from msgspec import Struct, json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp
    from sqlglot.lineage import Node

TableKey = tuple[str, str, str]
"""Database, schema and name of a table in lower case, by Collate's names."""

COLLECTED_AFTER = 5_000
"""So many new objects are looked through at once: a query makes a thousand, and they go together."""
WATCHDOG_SECONDS = 120
"""A worker whose parent is gone ends itself after so long with one query."""


class SqlJob(Struct, frozen=True):
    """One query: its defaults for names without database or schema, and the columns of tables it may read.

    ``databases`` maps a database in the SQL to Collate's name. All names are in lower case.
    """

    sql: str
    dialect: str = ""
    database: str = ""
    schema: str = ""
    databases: dict[str, str] = {}
    tables: list[tuple[TableKey, list[str]]] = []


class SqlLineage(Struct, frozen=True):
    """What one query reads: tables, and by output column (lower case) the columns it is made of.

    A query that cannot be read has an ``error`` and nothing else.
    """

    reads: list[TableKey] = []
    columns: dict[str, list[tuple[TableKey, str]]] = {}
    error: str = ""


def lineage_of(job: SqlJob) -> SqlLineage:
    """Read one query; an unreadable one is an answer with an ``error``, never an exception."""
    reads: dict[TableKey, None] = {}
    try:
        columns = _columns_of(job, reads)
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on SQL that it does not know
        return SqlLineage(list(reads), error=_words(error))
    return SqlLineage(list(reads), columns)


def _columns_of(job: SqlJob, reads: dict[TableKey, None]) -> dict[str, list[tuple[TableKey, str]]]:
    """The columns' sources; fills ``reads`` on the way, which stands even where the columns are not found."""
    from sqlglot import exp, parse
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope
    from sqlglot.schema import MappingSchema

    dialect = f"{job.dialect}, normalization_strategy=case_sensitive" if job.dialect else None
    statements = [found for found in parse(job.sql, dialect=dialect) if found is not None]
    query = statements[0] if len(statements) == 1 else None
    if isinstance(query, exp.Create):
        query = query.expression
    if not isinstance(query, exp.Query):
        raise ValueError("it is not one query")
    for name in query.find_all(exp.Identifier):
        name.set("this", name.name.lower())

    def take(table: exp.Table) -> None:
        if isinstance(table.this, exp.Identifier) and table.name:
            reads[_key(table, job)] = None

    schema = MappingSchema(_known(query, job), dialect=dialect, normalize=False)
    query = qualify(
        query,
        dialect=dialect,
        schema=schema,
        catalog=job.database or None,
        db=job.schema or None,
        validate_qualify_columns=False,
        quote_identifiers=False,
        on_qualify=take,
    )
    scope = build_scope(query)
    if scope is None:
        raise ValueError("it is not one query")
    nodes = lineage(None, query, schema, dialect=dialect, scope=scope, trim_selects=False, copy=False)
    return {name: _sources(node, job) for name, node in nodes.items()}


def _known(query: exp.Query, job: SqlJob) -> dict[str, object]:
    """The columns of the job's tables that the query names, by the names that the query uses."""
    from sqlglot import exp

    columns = dict(job.tables)
    known: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for table in query.find_all(exp.Table):
        found = columns.get(_key(table, job))
        if found is not None:
            schemas = known.setdefault(table.catalog or job.database, {})
            tables = schemas.setdefault(table.db or job.schema, {})
            tables[table.name] = dict.fromkeys(found, "unknown")
    return {**known}


def _words(error: Exception) -> str:
    """What is wrong with the query, in one short line, without the query itself."""
    places = getattr(error, "errors", None)
    if places and places[0].get("description"):
        first = places[0]
        said = str(first["description"]).partition(" but got")[0].rstrip(".")
        return f"{said} (line {first.get('line')}, column {first.get('col')})"[:200]
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _key(table: exp.Table, job: SqlJob) -> TableKey:
    catalog = table.catalog
    return (job.databases.get(catalog, catalog) or job.database, table.db or job.schema, table.name)


def _sources(root: Node, job: SqlJob) -> list[tuple[TableKey, str]]:
    """The columns of real tables at the ends of one output column's graph, each once, sorted."""
    from sqlglot import exp

    found: set[tuple[TableKey, str]] = set()
    for node in _reached(root):
        table = node.expression
        if isinstance(table, exp.Table) and isinstance(table.this, exp.Identifier) and node.name != "*":
            found.add((_key(table, job), _last_part(node.name)))
    return sorted(found)


def _reached(root: Node) -> Iterator[Node]:
    """Every node of the graph once; they are shared, so walking it as a tree could take for ever."""
    seen, stack = {id(root)}, [root]
    while stack:
        node = stack.pop()
        yield node
        for below in reversed(node.downstream):
            if id(below) not in seen:
                seen.add(id(below))
                stack.append(below)


def _last_part(name: str) -> str:
    """The column in ``alias.column``, both perhaps in double quotes."""
    if name.endswith('"'):
        start = name.rfind('."') + 2 if '."' in name else 1
        return name[start:-1].replace('""', '"')
    return name.rpartition(".")[2]


def main() -> None:
    """Say by an empty line that the parser is loaded, then answer jobs until standard input ends."""
    lineage_of(SqlJob("select 1 as one"))
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER)
    read, write = json.Decoder(SqlJob), json.Encoder()
    answers = sys.stdout.buffer
    answers.write(b"\n")
    answers.flush()
    for line in sys.stdin.buffer:
        faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
        answers.write(write.encode(lineage_of(read.decode(line))) + b"\n")
        answers.flush()
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
