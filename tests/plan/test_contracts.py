"""A contract that a person edited stays as a conflict; only what differs is written."""

from typing import Any

import pytest

from dbtcollate_tui.artifacts.project import Column, Constraint, Project, TestResult
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import DataContract
from dbtcollate_tui.plan.changes.contracts import ContractChange, ContractResultChange
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import NEWEST, column, node, of_kind, plan_of, project, table

ON = SyncOptions(include_contracts=True)
ORDERS = table("orders", column("ID"), column("amount"))
TEXT = "dbt enforces the names and types of the columns of orders.\n- Not null: id"
SCHEMA = [
    {"name": "ID", "dataType": "INT", "constraint": "NOT_NULL"},
    {"name": "amount", "dataType": "INT"},
]


def dbt(build: str = "", **more: Any) -> Project:
    model = node(
        "orders",
        columns=[Column("id"), Column("amount"), Column("gone")],
        constraints=(Constraint("not_null", ("id",)),),
        has_contract=True,
        **more,
    )
    made = project(model)
    if not build:
        return made
    result = TestResult(model.unique_id, build, message="no", completed_at_ms=7)  # type: ignore[arg-type]
    return Project(
        **{**{name: getattr(made, name) for name in made.__slots__}, "builds": {model.unique_id: result}}
    )


def planned(
    there: dict[str, Any] | None = None, build: str = "", dialect: Dialect = NEWEST, **more: Any
) -> Plan:
    contracts = {}
    if there is not None:
        whole = {"id": "c1", "name": "dbt_orders", "entity": {"id": ORDERS.id, "type": "table"}, **there}
        contracts[ORDERS.id] = DataContract.model_validate(whole)
    names = frozenset({"bot"})
    return plan_of(
        dbt(build, **more), ORDERS, options=ON, dialect=dialect, contracts=contracts, own_names=names
    )


def test_a_new_contract_has_the_columns_that_collate_has() -> None:
    (change,) = of_kind(planned(), "contract")
    assert isinstance(change, ContractChange)
    assert change.body["schema"] == SCHEMA
    assert change.body["description"] == TEXT
    assert "qualityExpectations" not in change.body
    assert change.fqn == "pg.wh.marts.orders.dataContract_dbt_orders"


@pytest.mark.parametrize("by", ["bot", ""])
def test_a_contract_that_is_equal_is_not_written(by: str) -> None:
    plan = planned({"description": TEXT, "schema": SCHEMA, "updatedBy": by})
    assert of_kind(plan, "contract") == []
    assert plan.unchanged["contracts"] == 1


def test_only_the_fields_that_differ_are_written() -> None:
    plan = planned({"description": "old", "schema": SCHEMA, "updatedBy": "bot"})
    (change,) = of_kind(plan, "contract")
    assert isinstance(change, ContractChange)
    assert change.fields == (("description", "old", TEXT),)
    assert (change.id, change.action) == ("c1", "replace")


def test_an_edited_contract_stays_as_a_conflict() -> None:
    plan = planned({"description": "By ana", "schema": SCHEMA, "updatedBy": "ana"})
    assert of_kind(plan, "contract") == []
    (kept,) = plan.conflicts
    assert (kept.group, kept.by, kept.reason) == ("contracts", "ana", "edited in Collate by ana")
    assert kept.change is not None
    assert of_kind(plan.take_in({kept.change.key}), "contract") == [kept.change]


def test_a_contract_of_another_name_is_counted() -> None:
    plan = planned({"name": "mine", "updatedBy": "ana"})
    assert of_kind(plan, "contract") == []
    (line,) = [item for item in plan.not_written if item.kind == "contracts"]
    assert "(orders): the table has a contract already" in line.sentence


@pytest.mark.parametrize(
    ("build", "version", "found"),
    [
        ("pass", "2.0.7", ("Success", "")),
        ("error", "2.0.7", ("Failed", "no")),
        ("skipped", "2.0.7", None),
        ("", "2.0.7", None),
        ("pass", "1.8.0", None),
    ],
)
def test_a_build_gives_a_result(build: str, version: str, found: tuple[str, str] | None) -> None:
    results = [
        change
        for change in of_kind(planned(build=build, dialect=Dialect.of(version)), "contract_result")
        if isinstance(change, ContractResultChange)
    ]
    assert [(item.status, item.text) for item in results] == ([] if found is None else [found])
    assert all(item.requires for item in results)


def test_a_result_that_is_there_is_not_written() -> None:
    held = {"description": TEXT, "schema": SCHEMA, "latestResult": {"timestamp": 7, "status": "Success"}}
    assert of_kind(planned(held, build="pass"), "contract_result") == []
