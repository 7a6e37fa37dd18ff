#!/usr/bin/env bash
# sqlglot's lineage pairs the branches of UNION ALL BY NAME by position.
#
# Seen with sqlglot 30.30.0. DuckDB and Snowflake match the columns of `union all by name` by their names, so
# `id` below comes from `a.id` and from `b.id`. The parser marks the union (`by_name=True`), and
# `sqlglot.lineage.lineage` still takes the first column of both branches: it answers a.id and b.label.
# A catalog that draws column lineage from it shows an edge that is false, and misses the one that is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "sqlglot==30.30.0"
"$folder/venv/bin/python" - <<'PYTHON'
import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage

SQL = "select id, label from a union all by name select label, id from b"
SCHEMA = {"a": {"id": "int", "label": "text"}, "b": {"label": "text", "id": "int"}}

union = sqlglot.parse_one(SQL, dialect="duckdb")
assert isinstance(union, exp.Union) and union.args.get("by_name") is True
leaves = {node.name for node in lineage("id", SQL, schema=SCHEMA, dialect="duckdb").walk() if not node.downstream}
print(f"sqlglot {sqlglot.__version__}: sources of id: {sorted(leaves)}")
assert sqlglot.__version__ == "30.30.0"
assert leaves == {"a.id", "b.label"}, "the branches are no longer paired by position"
PYTHON
