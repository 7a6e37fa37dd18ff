"""What compiled SQL reads, in the dialects and shapes that dbt writes."""

from collections.abc import Sequence

import pytest

from dbtcollate_tui.adapters import ADAPTERS, adapter_of
from dbtcollate_tui.sql_lineage.column_lineage import SqlJob, SqlLineage, lineage_of
from dbtcollate_tui.sql_lineage.relations import SqlColumn, TableKey

CUSTOMERS: TableKey = ("wh", "raw", "customers")
ORDERS: TableKey = ("wh", "stg", "orders")
TABLES: list[tuple[TableKey, Sequence[str | SqlColumn]]] = [
    (CUSTOMERS, ["customer_id", "first_name", "last_name", "email"]),
    (ORDERS, ["order_id", "customer_id", "amount", "weird name"]),
]


def read(sql: str, dialect: str = "duckdb", databases: dict[str, str] | None = None) -> SqlLineage:
    return lineage_of(SqlJob(sql, dialect, "wh", "stg", databases or {}, TABLES))


def sources(sql: str, dialect: str = "duckdb") -> dict[str, set[str]]:
    """By output column, its sources as ``table.column``."""
    found = read(sql, dialect)
    assert found.error == ""
    return {name: {f"{key[2]}.{column}" for key, column in of} for name, of in found.columns.items()}


def test_an_expression_is_made_of_all_its_columns_whatever_their_case_and_quotes() -> None:
    sql = (
        """select first_name || ' ' || "LAST_NAME" as full_name, Email as "eMail" from "WH"."Raw".customers"""
    )
    assert sources(sql) == {
        "full_name": {"customers.first_name", "customers.last_name"},
        "email": {"customers.email"},
    }


def test_stars_and_ctes_are_followed_to_the_tables() -> None:
    sql = """
        with __dbt__cte__paid as (select customer_id, sum(amount) as paid, max("weird name") as odd
                                  from orders group by 1),
             everyone as (select * from raw.customers)
        select everyone.*, p.paid, p.odd, (select max(order_id) from orders) as newest
        from everyone left join __dbt__cte__paid as p using (customer_id)
        where exists (select 1 from other.audit)
    """
    found = sources(sql)
    assert found == {
        "customer_id": {"customers.customer_id"},
        "first_name": {"customers.first_name"},
        "last_name": {"customers.last_name"},
        "email": {"customers.email"},
        "paid": {"orders.amount"},
        "odd": {"orders.weird name"},
        "newest": {"orders.order_id"},
    }
    assert set(read(sql).reads) == {ORDERS, CUSTOMERS, ("wh", "other", "audit")}


def test_a_union_has_the_columns_of_both_by_place() -> None:
    sql = "select customer_id as id from raw.customers union all select order_id from orders"
    assert sources(sql) == {"id": {"customers.customer_id", "orders.order_id"}}


def test_a_recursive_query_ends() -> None:
    sql = """with recursive r as (select order_id, 1 as n from orders
             union all select order_id, n + 1 from r where n < 3) select order_id, n from r"""
    assert sources(sql) == {"order_id": {"orders.order_id"}, "n": set()}


def test_a_table_whose_columns_are_not_known_is_still_read() -> None:
    found = read("select * from other.t")
    assert (found.reads, found.error) == ([("wh", "other", "t")], "")
    assert not any(found.columns.values())


def test_a_database_of_dbts_has_collates_name() -> None:
    found = read("select email from lake.raw.customers", databases={"lake": "wh"})
    assert found.reads == [CUSTOMERS]
    assert found.columns == {"email": [(CUSTOMERS, "email")]}


@pytest.mark.parametrize(
    ("adapter", "sql"),
    [
        (
            "snowflake",
            'select FIRST_NAME as "Name" from WH.RAW.CUSTOMERS qualify row_number() over (order by 1) = 1',
        ),
        ("bigquery", "select first_name as name from `wh.raw.customers`"),
        ("bigquery", "select first_name as name from `wh`.`raw`.`customers`"),
        ("sqlserver", "select top 5 [first_name] as name from [wh].[raw].[customers]"),
        ("redshift", 'select "first_name" as name from "wh"."raw"."customers"'),
        (
            "databricks",
            "select first_name as name from `wh`.`raw`.`customers` lateral view explode(array(1)) e",
        ),
        ("trino", 'select try_cast(first_name as varchar) as name from "wh"."raw"."customers"'),
        ("mysql", "select `first_name` as name from `raw`.`customers`"),
        ("clickhouse", "select first_name as name from raw.customers final"),
    ],
)
def test_the_warehouses_own_words_are_read(adapter: str, sql: str) -> None:
    assert sources(sql, adapter_of(adapter).dialect) == {"name": {"customers.first_name"}}


EVENTS: list[tuple[TableKey, Sequence[str | SqlColumn]]] = [
    (("wh", "raw", "events"), ["id", "payload", "ts", "user_id", "items", "amount", "kind"]),
    (("wh", "raw", "users"), ["id", "name"]),
]


@pytest.mark.parametrize(
    ("adapter", "sql", "found"),
    [
        (
            "snowflake",
            "select e.payload:user.id::int as uid, f.value:sku::string as sku "
            "from wh.raw.events e, lateral flatten(input => e.items) f",
            {"uid": {"payload"}, "sku": {"items"}},
        ),
        (
            "bigquery",
            "select id, item.sku, payload.user.id as uid from `wh.raw.events`, unnest(items) as item",
            {"id": {"id"}, "sku": {"items"}, "uid": {"payload"}},
        ),
        (
            "spark",
            "select id, i from wh.raw.events lateral view explode(items) t as i",
            {"id": {"id"}, "i": {"items"}},
        ),
        (
            "snowflake",
            "select id, row_number() over (partition by user_id order by ts) as rn "
            "from raw.events qualify rn = 1",
            {"id": {"id"}, "rn": {"user_id", "ts"}},
        ),
        (
            "duckdb",
            "with a as (select * exclude (payload, ts, items, kind, user_id) from raw.events) "
            "select *, amount * 2 as double from a",
            {"id": {"id"}, "amount": {"amount"}, "double": {"amount"}},
        ),
        (
            "postgres",
            "select e.id, (select name from raw.users u where u.id = e.user_id) as name, "
            "sum(amount) filter (where kind = 'a') as s from raw.events e group by 1, 2",
            {"id": {"id"}, "name": {"name"}, "s": {"amount", "kind"}},
        ),
        ("postgres", "select v.* from (values (1, 2)) as v(x, y)", {"x": set(), "y": set()}),
        (
            "sqlserver",
            "select top 10 id, name as [The Name] from raw.users with (nolock)",
            {"id": {"id"}, "the name": {"name"}},
        ),
    ],
)
def test_what_warehouses_add_to_sql_is_followed(adapter: str, sql: str, found: dict[str, set[str]]) -> None:
    answer = lineage_of(SqlJob(sql, adapter_of(adapter).dialect, "wh", "raw", {}, EVENTS))
    assert answer.error == ""
    assert {name: {column for _, column in of} for name, of in answer.columns.items()} == found


def test_every_dialect_is_one_that_the_parser_has() -> None:
    for dialect in {adapter.dialect for adapter in ADAPTERS.values()}:
        assert sources("select email from raw.customers", dialect) == {"email": {"customers.email"}}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select from from", "Expected table name (line 1"),
        ("", "it is not one query"),
        ("select 1; select 2", "it is not one query"),
        ("grant select on t to u", "it is not one query"),
        (f"select {'(' * 5000}1{')' * 5000}", ""),
    ],
)
def test_sql_that_cannot_be_read_is_an_answer(sql: str, words: str) -> None:
    found = read(sql)
    assert found.error
    assert found.error.startswith(words)
    assert (found.reads, found.columns) == ([], {})
