"""Queries in the dialects of dbt's adapters, each with its column lineage as a person read it.

`queries.txt` holds the dialect, the query, and the sources of each output column; a column without
sources has none that are certain.
"""

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


@pytest.mark.parametrize(("dialect", "sql", "expected"), queries())
def test_query_has_its_column_lineage(dialect: str, sql: str, expected: str) -> None:
    answer = lineage_of(SqlJob(sql, dialect, "db", "sc", {}, TABLES))
    assert answer.error == ""
    shown = (
        f"{name}: {' '.join(f'{key[2]}.{column}' for key, column in sources)}".rstrip()
        for name, sources in answer.columns.items()
    )
    assert "; ".join(shown) == expected
