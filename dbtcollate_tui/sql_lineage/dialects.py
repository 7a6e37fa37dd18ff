"""What single SQL dialects do in their own way, where column lineage depends on it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot.dialects.dialect import Dialect, NormalizationStrategy

from dbtcollate_tui.sql_lineage.relations import CaseRule

OPEN_CASE = (NormalizationStrategy.CASE_SENSITIVE, NormalizationStrategy.CASE_INSENSITIVE)

ALIASES_USABLE = frozenset(
    {"snowflake", "redshift", "databricks", "spark", "duckdb", "clickhouse", "teradata"}
)
"""Dialects in which an expression may use the aliases to its left."""
RECURSIVE_UNMARKED = frozenset({"tsql", "fabric", "oracle", "snowflake"})
"""Dialects in which a CTE may name itself without RECURSIVE."""
FIRST_OF_EQUAL_NAMES = frozenset({"duckdb", "sqlite", "clickhouse"})
"""Dialects in which a subquery may have two columns of one name; the first keeps it."""
IMPLICIT_LATERAL = frozenset({"duckdb"})
"""Dialects in which every subquery in FROM sees the sources to its left."""
SPARK = frozenset({"spark", "databricks", "hive"})
COLUMNS_FUNCTION = frozenset({"duckdb", "clickhouse"})
ELEMENT_ALIAS = frozenset({"bigquery", "redshift"})
"""Dialects in which ``unnest(x) as y`` names the element, and ``y`` no table."""

FUNCTION_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "flatten": ("SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"),
    "split_to_table": ("SEQ", "INDEX", "VALUE"),
    "splittotable": ("SEQ", "INDEX", "VALUE"),
    "strtok_split_to_table": ("SEQ", "INDEX", "VALUE"),
    "string_split": ("value", "ordinal"),
    "openjson": ("key", "value", "type"),
    "json_each": ("key", "value", "type", "atom", "id", "parent", "fullkey", "path"),
    "json_tree": ("key", "value", "type", "atom", "id", "parent", "fullkey", "path"),
    "jsonb_each": ("key", "value"),
    "json_each_text": ("key", "value"),
    "jsonb_each_text": ("key", "value"),
    "json_array_elements": ("value",),
    "jsonb_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "jsonb_array_elements_text": ("value",),
}


def case_rule(dialect: str) -> CaseRule:
    """How the dialect stores names without quotes."""
    strategy = Dialect.get_or_raise(dialect or None).normalization_strategy
    if strategy in OPEN_CASE:
        return CaseRule.AS_WRITTEN
    return CaseRule.UPPER if strategy is NormalizationStrategy.UPPERCASE else CaseRule.LOWER
