"""Which table and column a name in SQL means: spellings, twins, types, and what stays out."""

from collections.abc import Sequence

import pytest

from dbtcollate_tui.sql_lineage.column_lineage import SqlJob, SqlLineage, lineage_of
from dbtcollate_tui.sql_lineage.relations import SqlColumn, TableKey

Columns = Sequence[str | SqlColumn]

CUSTOMERS: TableKey = ("wh", "shop", "Customers")
LOWER: TableKey = ("wh", "shop", "customers")
TWINS: list[tuple[TableKey, Columns]] = [(CUSTOMERS, ["id", "only_upper"]), (LOWER, ["id", "only_lower"])]


def read(
    sql: str,
    dialect: str,
    tables: Sequence[tuple[TableKey, Columns]],
    *,
    target: Sequence[str] = (),
    parents: Sequence[tuple[TableKey, TableKey]] = (),
    databases: dict[str, str] | None = None,
) -> SqlLineage:
    job = SqlJob(sql, dialect, "wh", "shop", databases or {}, list(tables), list(parents), list(target))
    return lineage_of(job)


@pytest.mark.parametrize(
    ("dialect", "name", "key"),
    [
        ("mysql", "`shop`.`Customers`", CUSTOMERS),
        ("mysql", "shop.customers", LOWER),
        ("clickhouse", "shop.Customers", CUSTOMERS),
        ("postgres", '"shop"."Customers"', CUSTOMERS),
        ("postgres", "shop.Customers", LOWER),
        ("bigquery", "`wh.shop.customers`", LOWER),
    ],
)
def test_tables_that_differ_in_case_are_distinguished(dialect: str, name: str, key: TableKey) -> None:
    answer = read(f"select id from {name}", dialect, TWINS)
    assert answer.reads == [key]
    assert answer.columns == {"id": [(key, "id")]}


def test_upper_case_dialect_takes_the_upper_twin() -> None:
    upper: TableKey = ("wh", "shop", "CUSTOMERS")
    tables: list[tuple[TableKey, Columns]] = [(upper, ["ID"]), (LOWER, ["id"])]
    assert read("select id from customers", "snowflake", tables).reads == [upper]
    assert read('select "id" from "customers"', "snowflake", tables).reads == [LOWER]


def test_twins_without_an_exact_spelling_are_no_table() -> None:
    assert read("select id from CUSTOMERS", "mysql", TWINS).reads == [("wh", "shop", "CUSTOMERS")]


def test_parent_of_dbt_decides_between_twins() -> None:
    parents = [(("wh", "shop", "CUSTOMERS"), CUSTOMERS)]
    assert read("select id from CUSTOMERS", "mysql", TWINS, parents=parents).reads == [CUSTOMERS]
    assert read("select id from cUSTOMERS", "mysql", TWINS, parents=parents).reads == [CUSTOMERS]


def test_quoted_name_is_never_folded_where_case_counts() -> None:
    tables: list[tuple[TableKey, Columns]] = [(LOWER, ["id"])]
    assert read('select id from "Customers"', "postgres", tables).columns == {"id": []}
    assert read("select id from Customers", "postgres", tables).reads == [LOWER]
    assert read('select id from "Customers"', "trino", tables).reads == [LOWER]


def test_columns_that_differ_in_case_keep_their_own_sources() -> None:
    key: TableKey = ("wh", "shop", "people")
    columns = ["id", "email", "Email", "First Name", "first_name"]
    sql = """with source as (select * from people)
        select id as customer_id, email, "Email", "First Name", first_name as "FIRST_NAME" from source"""
    answer = read(
        sql,
        "postgres",
        [(key, columns)],
        target=["customer_id", "email", "Email", "First Name", "FIRST_NAME"],
    )
    assert answer.columns == {
        "customer_id": [(key, "id")],
        "email": [(key, "email")],
        "Email": [(key, "Email")],
        "First Name": [(key, "First Name")],
        "FIRST_NAME": [(key, "first_name")],
    }


def test_outputs_have_the_spelling_of_the_table_they_build() -> None:
    key: TableKey = ("wh", "shop", "T")
    answer = read(
        "select id as Order_Id, a from t", "snowflake", [(key, ["ID", "A"])], target=["ORDER_ID", "a"]
    )
    assert answer.columns == {"ORDER_ID": [(key, "ID")], "a": [(key, "A")]}


def test_database_that_is_none_in_collate_is_passed_over() -> None:
    key: TableKey = ("default", "shop", "t")
    sql = 'select id from "awsdatacatalog"."shop"."t"'
    assert read(sql, "athena", [(key, ["id"])], databases={"*": ""}).reads == [key]
    assert read(sql, "athena", [(key, ["id"])]).columns == {"id": []}
    twice: list[tuple[TableKey, Columns]] = [(key, ["id"]), (("other", "shop", "t"), ["id"])]
    assert read(sql, "athena", twice, databases={"*": ""}).columns == {"id": []}


EVENTS: TableKey = ("wh", "shop", "events")
TYPED: list[tuple[TableKey, Columns]] = [
    (
        EVENTS,
        [
            "event_date",
            SqlColumn("event_params", type="ARRAY<STRUCT<key STRING, value STRUCT<string_value STRING>>>"),
            SqlColumn("geo", [SqlColumn("city"), SqlColumn("country")]),
        ],
    )
]


def test_fields_of_known_types_are_columns() -> None:
    sql = "select event_date, key, value.string_value, geo.* from events, unnest(event_params)"
    assert read(sql, "bigquery", TYPED).columns == {
        "event_date": [(EVENTS, "event_date")],
        "key": [(EVENTS, "event_params")],
        "string_value": [(EVENTS, "event_params")],
        "city": [(EVENTS, "geo")],
        "country": [(EVENTS, "geo")],
    }


def test_fields_of_unknown_types_leave_the_other_columns() -> None:
    plain: list[tuple[TableKey, Columns]] = [(EVENTS, ["event_date", "event_params", "geo"])]
    answer = read("select event_date, key, geo.* from events, unnest(event_params)", "bigquery", plain)
    assert answer.columns == {"event_date": [(EVENTS, "event_date")], "key": []}
    assert answer.unresolved == ["key"]


@pytest.mark.parametrize(
    "condition", ["key = 'page'", "ep.key = 'page'"], ids=["without an alias", "with an alias"]
)
def test_scalar_unnest_is_made_of_its_array(condition: str) -> None:
    alias = " as ep" if condition.startswith("ep") else ""
    value = "ep.value" if alias else "value"
    scalar = f"select {value}.string_value from unnest(event_params){alias} where {condition}"
    sql = f"select event_date, ({scalar}) as p from events"
    plain: list[tuple[TableKey, Columns]] = [(EVENTS, ["event_date", "event_params"])]
    for tables in (TYPED, plain):
        assert read(sql, "bigquery", tables).columns == {
            "event_date": [(EVENTS, "event_date")],
            "p": [(EVENTS, "event_params")],
        }


def test_column_with_a_dot_in_its_name_is_one_column() -> None:
    key: TableKey = ("wh", "shop", "Orders Raw")
    sql = "select id, items.sku as skus from `Orders Raw`"
    found = read(sql, "clickhouse", [(key, ["id", "items.sku", "items.price"])]).columns
    assert found == {"id": [(key, "id")], "skus": [(key, "items.sku")]}
    assert read(sql, "clickhouse", [(key, ["id", "items"])]).columns["skus"] == [(key, "items")]


def test_union_of_columns_that_do_not_pair_adds_nothing_false() -> None:
    tables: list[tuple[TableKey, Columns]] = [
        (("wh", "shop", "old"), ["id", "email"]),
        (("wh", "shop", "new"), ["id", "phone", "email"]),
    ]
    found = read("select * from old union all select * from new", "postgres", tables).columns
    assert found == {
        "id": [(("wh", "shop", "new"), "id"), (("wh", "shop", "old"), "id")],
        "email": [(("wh", "shop", "old"), "email")],
    }


def test_inner_name_that_is_missing_is_not_taken_from_outside() -> None:
    tables: list[tuple[TableKey, Columns]] = [
        (("wh", "shop", "orders"), ["id", "total"]),
        (("wh", "shop", "lines"), ["order_id", "price"]),
    ]
    sql = "select id, (select sum(total) from lines where order_id = id) as total from orders"
    answer = read(sql, "postgres", tables)
    assert answer.columns == {"id": [(("wh", "shop", "orders"), "id")], "total": []}
    assert answer.unresolved == ["total"]


def test_word_that_the_dialects_parser_lacks_costs_nothing() -> None:
    sql = "select id, sum(a) over w as s from t window w as (partition by k)"
    key: TableKey = ("wh", "shop", "t")
    assert read(sql, "snowflake", [(key, ["id", "a", "k"])]).columns == {
        "id": [(key, "id")],
        "s": [(key, "a"), (key, "k")],
    }
