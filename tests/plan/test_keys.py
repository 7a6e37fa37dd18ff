"""dbt's primary, unique and foreign keys become constraints of tables that have none of that kind."""

from dataclasses import replace
from typing import Any

import pytest

from dbtcollate_tui.artifacts.project import Constraint
from dbtcollate_tui.collate import models
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import TableConstraint
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.plan.changes.tables import KeysChange
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.sync.writing.bodies import with_keys
from dbtcollate_tui.sync.writing.drift import standing
from tests.support.builders import NEWEST, column, node, of_kind, plan_of, project, table

CUSTOMERS = table("customers", column("ID"))


def key(kind: str, *columns: str, **more: Any) -> Constraint:
    return Constraint(kind, columns, **more)


def held(kind: str, *columns: str, referred: tuple[str, ...] = ()) -> TableConstraint:
    return TableConstraint(constraintType=kind, columns=columns, referredColumns=referred)


def foreign(**more: Any) -> Constraint:
    values: dict[str, Any] = {"to_node": "model.shop.customers", "to_columns": ("id",), **more}
    return key("foreign_key", "cid", **values)


def planned(
    *keys: Constraint, there: models.Table | None = None, dialect: Dialect = NEWEST, with_other: bool = True
) -> Plan:
    orders = there or table("orders", column("id"), column("cid"))
    dbt = project(
        node("orders", constraints=keys), node("customers", constraints=(key("primary_key", "id"),))
    )
    tables = [orders, CUSTOMERS] if with_other else [orders]
    return plan_of(dbt, *tables, dialect=dialect)


def keys_of(plan: Plan) -> dict[str, str]:
    changes = [change for change in of_kind(plan, "keys") if change.table_fqn == "pg.wh.marts.orders"]
    return {change.label: change.new for change in changes}


def test_keys_of_each_kind_are_planned_by_the_servers_names() -> None:
    plan = planned(key("primary_key", "ID"), key("unique", "id", "cid"), foreign())
    assert keys_of(plan) == {
        "marts.orders: primary key": "id",
        "marts.orders: unique": "id, cid",
        "marts.orders: foreign key": "cid -> marts.customers.ID",
    }
    (change,) = [item for item in of_kind(plan, "keys") if item.label == "marts.orders: foreign key"]
    assert isinstance(change, KeysChange)
    assert change.after[0].as_request() == {
        "constraintType": "FOREIGN_KEY",
        "columns": ["cid"],
        "referredColumns": ["pg.wh.marts.customers.ID"],
        "relationshipType": "MANY_TO_ONE",
    }
    assert (change.group, change.action) == ("keys", "add")


def test_a_relation_is_named_from_1_6_on() -> None:
    plan = planned(foreign(), dialect=Dialect.of("1.5.0"))
    (change,) = [item for item in of_kind(plan, "keys") if item.label.startswith("marts.orders")]
    assert isinstance(change, KeysChange)
    assert "relationshipType" not in change.after[0].as_request()


@pytest.mark.parametrize(
    "there",
    [
        {"tableConstraints": [held("UNIQUE", "cid", "id")]},
        {"tableConstraints": [held("UNIQUE", "cid"), held("UNIQUE", "id", "cid")]},
    ],
)
def test_a_key_that_is_there_is_not_written_again(there: dict[str, Any]) -> None:
    orders = table("orders", column("id"), column("cid"), **there)
    plan = planned(key("unique", "id", "cid"), there=orders)
    assert (keys_of(plan), plan.unchanged["keys"], plan.conflicts) == ({}, 1, ())


def test_a_key_that_the_connector_put_on_a_column_counts() -> None:
    marked = replace(column("id"), constraint="PRIMARY_KEY")
    plan = planned(key("primary_key", "id"), there=table("orders", marked, column("cid")))
    assert (keys_of(plan), plan.unchanged["keys"]) == ({}, 1)
    plan = planned(key("primary_key", "cid"), there=table("orders", marked, column("cid")))
    (kept,) = plan.conflicts
    assert (kept.server, kept.dbt, kept.change) == ("id", "cid", None)
    assert kept.reason == "the table has a primary key already"


def test_another_key_of_that_kind_stays_as_a_conflict() -> None:
    mine = held("PRIMARY_KEY", "cid")
    orders = table("orders", column("id"), column("cid"), tableConstraints=[mine], updatedBy="ana")
    plan = planned(key("primary_key", "id"), key("unique", "cid"), there=orders)
    assert keys_of(plan) == {"marts.orders: unique": "cid"}
    (kept,) = plan.conflicts
    assert (kept.group, kept.label, kept.server, kept.dbt, kept.by) == (
        "keys",
        "marts.orders: primary key",
        "cid",
        "id",
        "ana",
    )
    assert kept.change is not None
    decided = plan.take_in({kept.change.key})
    assert keys_of(decided) == {"marts.orders: primary key": "id", "marts.orders: unique": "cid"}


@pytest.mark.parametrize(
    ("lost", "with_other", "reason"),
    [
        (foreign(), False, "foreign key of orders (cid): customers has no table in Collate"),
        (foreign(to_node=None), True, "what it refers to is no model or source that dbt names"),
        (foreign(to_columns=("no",)), True, "Collate has no column no of customers"),
        (foreign(to_columns=("id", "id")), True, "it refers to another number of columns"),
        (key("unique", "gone"), True, "unique of orders (gone): Collate has no column gone of orders"),
        (key("unique"), True, "unique of orders: it names no columns"),
    ],
)
def test_a_key_that_has_no_place_is_counted(lost: Constraint, with_other: bool, reason: str) -> None:
    plan = planned(lost, with_other=with_other)
    assert keys_of(plan) == {}
    (line,) = [item for item in plan.not_written if item.kind == "keys"]
    assert line.count == 1
    assert reason in line.sentence


def test_a_foreign_key_without_columns_refers_to_the_primary_key() -> None:
    assert keys_of(planned(foreign(to_columns=()))) == {
        "marts.orders: foreign key": "cid -> marts.customers.ID"
    }


def test_only_keys_of_the_changed_kind_are_replaced() -> None:
    unique, primary = held("UNIQUE", "cid"), held("PRIMARY_KEY", "id")
    orders = table("orders", column("id"), column("cid"), tableConstraints=[unique])
    plan = planned(key("primary_key", "id"), there=orders)
    (change,) = [item for item in of_kind(plan, "keys") if item.table_fqn == orders.fullyQualifiedName]
    assert isinstance(change, KeysChange)
    assert with_keys(orders.tableConstraints, change) == [unique, primary]
    ops = TablePatch(orders, NEWEST).set_constraints(with_keys(orders.tableConstraints, change)).ops()
    assert ops == [
        {"op": "test", "path": "/tableConstraints/0/columns", "value": ["cid"]},
        {
            "op": "add",
            "path": "/tableConstraints",
            "value": [unique.as_request(), primary.as_request()],
        },
    ]
    assert standing(orders, change) == "old"
    assert standing(orders.model_copy(update={"tableConstraints": (unique, primary)}), change) == "new"
    other = orders.model_copy(update={"tableConstraints": (held("PRIMARY_KEY", "cid"),)})
    assert standing(other, change) == "else"
