#!/usr/bin/env bash
# sqlglot's lineage forgets the columns of a window that has a name.
#
# Seen with sqlglot 30.30.0. `lag(amount) over (partition by customer order by day)` depends on three columns,
# and `sqlglot.lineage.lineage` names all three. The same window written as `over w … window w as (…)`, which
# is the same query to the database, gives `amount` alone: the named definition is never looked up.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "sqlglot==30.30.0"
"$folder/venv/bin/python" - <<'PYTHON'
import sqlglot
from sqlglot.lineage import lineage

SCHEMA = {"orders": {"amount": "int", "customer": "int", "day": "date"}}


def sources(sql: str) -> set[str]:
    tree = lineage("previous", sql, schema=SCHEMA, dialect="postgres")
    return {node.name for node in tree.walk() if not node.downstream}


inline = sources("select lag(amount) over (partition by customer order by day) as previous from orders")
named = sources(
    "select lag(amount) over w as previous from orders window w as (partition by customer order by day)"
)
print(f"sqlglot {sqlglot.__version__}: inline {sorted(inline)}, named {sorted(named)}")
assert sqlglot.__version__ == "30.30.0"
assert inline == {"orders.amount", "orders.customer", "orders.day"}
assert named == {"orders.amount"}, "named windows are resolved now"
PYTHON
