"""Queries in the dialects of dbt's adapters, each with its column lineage as a person read it.

`queries.txt` holds the dialect, the query, and the sources of each output column; a column without
sources has none that are certain.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dbtcollate_tui.sql_lineage.column_lineage import SqlJob, lineage_of
from dbtcollate_tui.sql_lineage.relations import SqlColumn, TableKey

COLUMNS = {
    "t": "id a b c ts arr s amount k",
    "u": "id x y k ts",
    "orders": "id customer_id amount status loaded",
    "customers": "id name email parent_id",
    "w": "id q1 q2 q3",
    "j": "id data src",
}
TABLES: list[tuple[TableKey, Sequence[str | SqlColumn]]] = [
    (("db", "sc", name), columns.split()) for name, columns in COLUMNS.items()
]


def queries() -> list[tuple[str, str, str]]:
    text = Path(__file__).with_name("queries.txt").read_text(encoding="utf-8")
    found = []
    for block in text.strip().split("\n\n"):
        dialect, sql, expected = block.split("\n")
        found.append((dialect.strip("[]"), sql, expected.removeprefix("->").strip()))
    return found


PLAIN = """
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader


class PlainSqlglot:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != "sqlglot":
            return None
        finders = (FileFinder(place, (SourceFileLoader, SOURCE_SUFFIXES)) for place in path or sys.path)
        return next(filter(None, (finder.find_spec(name) for finder in finders)), None)


sys.meta_path.insert(0, PlainSqlglot())
import sqlglot.parser
assert sqlglot.parser.__file__.endswith(".py")
from tests.sql_lineage.test_queries import test_query_has_its_column_lineage, queries
for query in queries():
    test_query_has_its_column_lineage(*query)
"""


def test_plain_parser_gives_what_the_compiled_one_gives() -> None:
    """Where sqlglot has no compiled build, its plain one is used."""
    done = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(("dialect", "sql", "expected"), queries())
def test_query_has_its_column_lineage(dialect: str, sql: str, expected: str) -> None:
    answer = lineage_of(SqlJob(sql, dialect, "db", "sc", {}, TABLES))
    assert answer.error == ""
    shown = (
        f"{name}: {' '.join(f'{key[2]}.{column}' for key, column in sources)}".rstrip()
        for name, sources in answer.columns.items()
    )
    assert "; ".join(shown) == expected
