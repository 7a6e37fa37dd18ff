"""What a sync is asked for: schemas, tables, kinds, dbt's selectors."""

import pytest

from dbtcollate_tui.artifacts.project import DbtTest, TestResult
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.selection.graph import Graph
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope, parse_kind
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import column, inventory, node, plan_of, project, table

DBT = project(
    node("stg_orders", schema="staging", description="raw"),
    node("fct_orders", description="whole", tags=["core"], depends_on=["model.shop.stg_orders"]),
    node("fct_items", description="parts", depends_on=["model.shop.fct_orders"]),
    tests=[
        DbtTest(
            "test.shop.u", "u", "generic", "unique", column_name="id", attached_node="model.shop.fct_orders"
        )
    ],
    results=[TestResult("test.shop.u", "pass", completed_at_ms=5)],
)
TABLES = (table("stg_orders", schema="staging"), table("fct_orders", column("id")), table("fct_items"))
STAGING, ORDERS, ITEMS = (f"model.shop.{name}" for name in ("stg_orders", "fct_orders", "fct_items"))


def whole() -> Plan:
    return plan_of(DBT, *TABLES)


def among(scope: Scope) -> frozenset[str] | None:
    return scope.among(match(DBT, inventory(*TABLES), SyncOptions()), scope.nodes(Graph.of(DBT)))


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(schemas=("staging",)), {STAGING}),
        (Scope(schemas=("WH.Marts",)), {ORDERS, ITEMS}),
        (Scope(schemas=("st*", "marts")), {STAGING, ORDERS, ITEMS}),
        (Scope(tables=("pg.wh.marts.fct_orders",)), {ORDERS}),
        (Scope(tables=("marts.FCT_*",)), {ORDERS, ITEMS}),
        (Scope(tables=("fct_items", "wh.staging.stg_orders")), {STAGING, ITEMS}),
        (Scope(schemas=("marts",), tables=("*orders",)), {ORDERS}),
        (Scope(select=("+fct_orders",), schemas=("marts",)), {ORDERS}),
        (Scope(exclude=("fct_orders+",)), {STAGING}),
    ],
)
def test_schemas_and_tables_narrow_what_dbt_selects(scope: Scope, found: set[str]) -> None:
    assert set(among(scope) or ()) == found
    assert scope


def test_nothing_asked_for_is_all() -> None:
    assert not WHOLE
    assert among(WHOLE) is None


@pytest.mark.parametrize(
    ("scope", "title", "fix"),
    [
        (Scope(schemas=("stagin",)), "a table in schema stagin", "schema=staging"),
        (Scope(tables=("marts.fct_order",)), "the table marts.fct_order", "table=marts.fct_orders"),
        (Scope(schemas=("staging",), tables=("fct_items",)), "the table fct_items", ""),
    ],
)
def test_name_without_a_table_offers_the_nearest(scope: Scope, title: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        among(scope)
    assert title in caught.value.title
    if fix:
        assert caught.value.fixes[0].value == fix


@pytest.mark.parametrize(
    ("text", "kind"), [("lineage", "lineage"), ("Data-Model", "data model"), ("test_results", "test results")]
)
def test_a_kind_is_named_as_it_is_shown(text: str, kind: str) -> None:
    assert parse_kind(text) == kind


def test_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        parse_kind("lineag")
    assert caught.value.causes == ("Nearest is lineage.",)
    assert "test-results" in caught.value.fixes[0].label


def test_only_the_kinds_that_are_asked_for_are_planned_and_expected() -> None:
    scope = Scope(kinds=("descriptions",))
    options = scope.options(SyncOptions())
    assert [options.include_lineage, options.include_tests, options.include_tags] == [False] * 3
    plan = scope.of_plan(whole())
    assert set(plan.counts) == {"descriptions"}
    assert len(plan.expected.descriptions) == 3
    assert plan.expected.edges == ()
    lineage = Scope(kinds=("lineage",)).of_plan(whole())
    assert set(lineage.counts) == {"lineage"}
    assert (len(lineage.expected.edges), lineage.expected.descriptions) == (2, {})


def test_a_kind_that_the_profile_switches_off_stays_off() -> None:
    options = Scope(kinds=("lineage",)).options(SyncOptions(include_lineage=False))
    assert not options.include_lineage


def test_results_without_their_new_cases_are_left_out_and_said() -> None:
    plan = Scope(kinds=("test results",)).of_plan(whole())
    assert plan.changes == ()
    assert plan.expected.results == {}
    assert plan.notes[-1] == "1 test results left out: they need tests as well."
    both = Scope(kinds=("tests", "test results")).of_plan(whole())
    assert set(both.counts) == {"tests", "test results"}
