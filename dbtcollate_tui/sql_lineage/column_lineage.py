"""Compiled SQL -> the tables it reads and the columns that each of its columns is made of. No IO.

Run as a module it is a worker: one job a line on standard input, one answer a line on standard output. A
parser can only be stopped from outside by ending its process, so this is how a query gets a time limit.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, json

from dbtcollate_tui.gc_tuning import rarely_from_here_on
from dbtcollate_tui.sql_lineage.relations import CaseRule, KnownTables, Relation, SqlColumn, TableKey

if TYPE_CHECKING:
    from sqlglot import exp

WATCHDOG_SECONDS = 120
"""A worker whose parent is gone ends itself after so long with one query."""

Failure = Literal["", "sql", "time", "crash", "start", "budget"]
"""Why there is no answer: the parser's error, the query's time limit, a worker that it ended, a worker that
did not start, the limit of all queries. The first three come again with the same query and parser."""


class SqlJob(Struct, frozen=True):
    """One query: its defaults for names without database or schema, and the tables that it may read.

    ``databases`` maps a database in the SQL to Collate's name; with ``"*"`` among them a table of any other
    database is the one that has its schema and name, if there is one. A table without columns
    is one whose columns are not known. ``parents`` are the names that dbt gives to tables of Collate, which
    decide where a spelling fits several. ``target`` are the columns of the node's own table.
    """

    sql: str
    dialect: str = ""
    database: str = ""
    schema: str = ""
    databases: dict[str, str] = {}
    tables: list[tuple[TableKey, Sequence[str | SqlColumn]]] = []
    parents: list[tuple[TableKey, TableKey]] = []
    target: list[str] = []


class SqlLineage(Struct, frozen=True):
    """What one query reads: tables, and by output column the columns it is made of.

    Output columns have the spelling of the job's ``target``; lower case where it has none. ``unresolved`` are
    names that were left out, because no column of a known table is certain to be meant. A query that cannot
    be read has an ``error`` and nothing else.
    """

    reads: list[TableKey] = []
    columns: dict[str, list[tuple[TableKey, str]]] = {}
    error: str = ""
    failure: Failure = ""
    unresolved: list[str] = []


def lineage_of(job: SqlJob) -> SqlLineage:
    """Read one query; an unreadable one is an answer with an ``error``, never an exception."""
    try:
        return _lineage_of(job)
    except Exception as error:  # noqa: BLE001 - a parser may raise anything on SQL that it does not know
        return SqlLineage(error=_words(error), failure="sql")


def _lineage_of(job: SqlJob) -> SqlLineage:
    from dbtcollate_tui.sql_lineage.dialects import case_rule
    from dbtcollate_tui.sql_lineage.resolver import Resolver

    query = _parsed(job)
    rule = case_rule(job.dialect)
    tables = KnownTables(
        job.tables,
        job.parents,
        database=job.database,
        schema=job.schema,
        databases=job.databases,
        rule=rule,
        quotes_keep_case=rule is not CaseRule.AS_WRITTEN and job.dialect not in _LOWERED_BY_CONNECTOR,
    )
    reads = _reads(query, tables, rule)
    resolver = Resolver(tables, job.dialect)
    columns = _by_target(resolver.query(query), job.target)
    return SqlLineage(reads, columns, unresolved=list(resolver.unresolved))


_LOWERED_BY_CONNECTOR = frozenset({"oracle"})
"""Dialects that keep the case of quoted names, whose connector in OpenMetadata lowers them."""

_OTHER_PARSERS = ("", "duckdb", "postgres")
"""Tried where the dialect's own parser fails on a word that it lacks, such as a WINDOW clause."""


def _parsed(job: SqlJob) -> exp.Expr:
    """The one query of the SQL; raises ``ValueError`` where there is none, or more than one."""
    from sqlglot import ParseError, exp

    statements = []
    try:
        statements = _statements(job.sql, job.dialect)
    except ParseError:
        from sqlglot.dialects.dialect import Dialect

        if '"' not in Dialect.get_or_raise(job.dialect or None).tokenizer_class._IDENTIFIERS:
            raise
        for other in _OTHER_PARSERS:
            try:
                statements = _statements(job.sql, other)
                break
            except ParseError:
                continue
        else:
            raise
    asides = exp.Set | exp.Use | exp.Command | exp.Declare | exp.Comment | exp.Semicolon
    queries = [found for found in statements if not isinstance(found, asides)]
    query = queries[0] if len(queries) == 1 else None
    if isinstance(query, exp.Create):
        query = query.expression
    if not isinstance(query, exp.Query | exp.Pivot | exp.Values | exp.Table):
        raise ValueError("it is not one query")
    return query


def _statements(sql: str, dialect: str) -> list[exp.Expr]:
    from sqlglot import parse

    return [found for found in parse(sql, dialect=dialect or None) if found is not None]


def _reads(query: exp.Expr, tables: KnownTables, rule: CaseRule) -> list[TableKey]:
    """The tables anywhere in the query, each once."""
    from sqlglot import exp

    found: dict[TableKey, None] = {}
    for table in query.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and (table.args.get("db") or not _is_cte(table, rule)):
            found[tables.key(table)] = None
    return list(found)


def _is_cte(table: exp.Expr, rule: CaseRule) -> bool:
    """Whether a WITH clause that is in force here defines the name."""
    from sqlglot import exp

    name = rule.canonical(table.this).casefold()
    inner, node = table, table.parent
    while node is not None:
        if isinstance(node, exp.With):
            for cte in node.expressions:
                if cte is inner and not (node.args.get("recursive") and cte.alias.casefold() == name):
                    break
                if cte.alias.casefold() == name:
                    return True
        else:
            with_ = node.args.get("with_")
            ctes = with_.expressions if with_ is not None and with_ is not inner else ()
            if any(cte.alias.casefold() == name for cte in ctes):
                return True
        inner, node = node, node.parent
    return False


def _by_target(found: Relation, target: Sequence[str]) -> dict[str, list[tuple[TableKey, str]]]:
    """The output columns by the spelling of the table that the query builds."""
    by_name: dict[str, list[tuple[TableKey, str]]] = {}
    taken: set[str] = set()
    for name, value in found.columns:
        if name and (found.first_wins or name not in by_name):
            by_name.setdefault(name, sorted(value.sources))
        elif by_name.get(name) != sorted(value.sources):
            taken.add(name)
    for name in taken:
        by_name.pop(name, None)
    if not target:
        return _folded_once(by_name)
    wanted = dict.fromkeys(target)
    exact = {name: sources for name, sources in by_name.items() if name in wanted}
    others = _folded_once({name: sources for name, sources in by_name.items() if name not in wanted})
    spellings: dict[str, list[str]] = {}
    for name in target:
        if name not in exact:
            spellings.setdefault(name.casefold(), []).append(name)
    for folded, sources in others.items():
        if len(spellings.get(folded, ())) == 1:
            exact[spellings[folded][0]] = sources
    return exact


def _folded_once(by_name: dict[str, list[tuple[TableKey, str]]]) -> dict[str, list[tuple[TableKey, str]]]:
    """By case-folded name, where one column has it."""
    folded: dict[str, list[list[tuple[TableKey, str]]]] = {}
    for name, sources in by_name.items():
        folded.setdefault(name.casefold(), []).append(sources)
    return {name: values[0] for name, values in folded.items() if len(values) == 1}


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


def main() -> None:
    """Say by an empty line that the parser is loaded, then answer jobs until standard input ends."""
    lineage_of(SqlJob("select 1 as one"))
    rarely_from_here_on()
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
