"""Several dbt projects, and several tags, on one table: what this project may write of it."""

from dataclasses import replace
from typing import Any

import pytest

from dbtcollate_tui.artifacts.load import load_project
from dbtcollate_tui.artifacts.project import Column, DbtTest, TestResult
from dbtcollate_tui.collate.models import Column as ServerColumn
from dbtcollate_tui.collate.models import DataModel, TagLabel
from dbtcollate_tui.plan.matching.placing import is_expression, is_linkable
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.rules.ownership import Role, claim_of
from dbtcollate_tui.plan.rules.tags import exclusive_group, tag_problem
from dbtcollate_tui.plan.selection.scope import Scope
from tests.artifacts.making import manifest
from tests.support import builders
from tests.support.builders import column, label, node, plan_of, project, table


def of_kind(plan: Plan, kind: str) -> list[Any]:
    return list(builders.of_kind(plan, kind))


def held(resource_type: str, other: str = "", **more: Any) -> DataModel:
    return DataModel(resourceType=resource_type, dbtSourceProject=other, **more)


MODEL, SOURCE = node("orders"), node("orders", kind="source")
STUB = replace(node("orders"), is_stub=True, package_name="other")


@pytest.mark.parametrize(
    ("nodes", "before", "role"),
    [
        ([MODEL], None, Role.OWNER),
        ([MODEL], held("model", "shop"), Role.OWNER),
        ([MODEL], held("model", "pkg"), Role.OWNER),
        ([MODEL], held("model"), Role.OWNER),
        ([MODEL], held("source", "other"), Role.OWNER),
        ([MODEL], held("model", "other"), Role.RIVAL),
        ([SOURCE], None, Role.OWNER),
        ([SOURCE], held("source", "shop"), Role.OWNER),
        ([SOURCE], held("source"), Role.OWNER),
        ([SOURCE], held("source", "other"), Role.GUEST),
        ([SOURCE], held("model", "other"), Role.GUEST),
        ([SOURCE], held("seed", "pkg"), Role.GUEST),
        ([SOURCE], held("snapshot"), Role.GUEST),
        ([SOURCE], held("model", "shop"), Role.OWNER),
        ([STUB, SOURCE], held("model", "other"), Role.GUEST),
        ([STUB, MODEL], None, Role.OWNER),
        ([STUB], None, None),
        ([STUB], held("model", "other"), None),
    ],
)
def test_role_of_a_project(nodes: list[Any], before: DataModel | None, role: Role | None) -> None:
    claim = claim_of("shop", {"shop", "pkg"}, nodes, before)
    assert (claim.role if claim else None) == role
    if claim:
        assert STUB not in claim.nodes


def test_guest_fills_what_is_empty_and_keeps_the_rest() -> None:
    source = node(
        "orders",
        kind="source",
        description="As read here.",
        columns=[Column("id", "Key here."), Column("note", "Note here.")],
        tags=["nightly"],
    )
    model = held("model", "other", description="As built.")
    there = table(
        "orders",
        column("id", "Key."),
        column("note"),
        description="As built.",
        dataModel=model,
        updatedBy="bot",
    )
    plan = plan_of(project(source), there)
    assert [(c.label, c.new) for c in of_kind(plan, "description")] == [("marts.orders.note", "Note here.")]
    assert of_kind(plan, "data_model") == []
    assert [item.label for item in plan.conflicts] == ["marts.orders", "marts.orders.id"]
    assert any("The dbt project other builds 1 table" in note for note in plan.notes)
    over = Scope(overwrite=True).of_plan(plan)
    assert len(of_kind(over, "description")) == 3


def test_rival_takes_the_data_model_over_when_asked() -> None:
    built = node("orders", compiled_code="select 1")
    plan = plan_of(project(built), table("orders", dataModel=held("model", "other", sql="select 2")))
    assert of_kind(plan, "data_model") == []
    (conflict,) = plan.conflicts
    assert conflict.reason == "the dbt project other builds this table too; its data model stays"
    assert len(of_kind(Scope(overwrite=True).of_plan(plan), "data_model")) == 1


def test_data_model_names_the_root_project() -> None:
    plan = plan_of(project(node("orders", package_name="some_pkg")), table("orders"))
    (change,) = of_kind(plan, "data_model")
    assert change.body["dbtSourceProject"] == "shop"


EXCLUSIVE = frozenset({"Tier", "PII", "Grade.Food"})


@pytest.mark.parametrize(
    ("fqn", "group"),
    [
        ("PII.None", "PII"),
        ("Tier.Tier1", "Tier"),
        ("Grade.Food.A", "Grade.Food"),
        ("Grade.Food", ""),
        ("dbtTags.PII", ""),
        ("PII", ""),
        ('"a.b".c', ""),
    ],
)
def test_exclusive_group_is_the_nearest_above(fqn: str, group: str) -> None:
    assert exclusive_group(fqn, EXCLUSIVE) == group


@pytest.mark.parametrize(
    ("there", "sent", "wanted", "after"),
    [
        (["PII.Sensitive"], ["PII.Sensitive"], ["PII.None"], {"PII.None"}),
        (["PII.Sensitive"], [], ["PII.None"], None),
        (["PII.Sensitive", "PII.None"], ["PII.None"], ["PII.None"], {"PII.None"}),
        ([], [], ["PII.None", "PII.Sensitive"], {"PII.None"}),
        (["PII.None"], ["PII.None"], ["PII.None", "PII.Sensitive"], None),
        (["Tier.Tier1"], ["Tier.Tier1"], ["Tier.Tier2", "PII.None"], {"Tier.Tier2", "PII.None"}),
    ],
)
@pytest.mark.parametrize("of_column", [False, True])
def test_exclusive_tag_that_dbt_set_gives_way(
    there: list[str], sent: list[str], wanted: list[str], after: set[str] | None, of_column: bool
) -> None:
    automated = [TagLabel(tagFQN=fqn, labelType="Automated") for fqn in there]
    known = [label(fqn) for fqn in sent]
    if of_column:
        dbt = node("orders", columns=[Column("id", meta_tags=tuple(wanted))])
        model = held("model", "shop", columns=[ServerColumn(name="id", tags=tuple(known))])
        held_table = table("orders", column("id", tags=automated), dataModel=model)
    else:
        dbt = node("orders", meta_tags=tuple(wanted))
        model = held("model", "shop", tags=known)
        held_table = table("orders", tags=automated, dataModel=model)
    tags = frozenset({"PII.None", "PII.Sensitive", "Tier.Tier1", "Tier.Tier2"})
    plan = plan_of(project(dbt), held_table, tags=tags, exclusive=EXCLUSIVE)
    changes = of_kind(plan, "tags")
    if after is None:
        assert changes == []
        assert len([item for item in plan.conflicts if item.group == "tags"]) == 1
    else:
        (change,) = changes
        assert set(change.new.split(", ")) == after


@pytest.mark.parametrize(
    ("name", "problem"),
    [("a.b", ""), ("a:b", ""), ("a::b", '"::" in it'), ("x" * 256, ""), ("x" * 257, "over 256 characters")],
)
def test_tag_names_are_known_to_be_refused(name: str, problem: str) -> None:
    assert tag_problem(name) == problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country || '-' || id", True),
        ("(country, id)", True),
        ("coalesce(id, 0)", True),
        ("payload:id", True),
        ("amount::int", True),
        ("amount / 100", True),
        ("deleted_at is null", True),
        ("not deleted", True),
        ("id", False),
        ("address.city", False),
        ("Order Items", False),
        ("größe", False),
        ("a > b", False),
    ],
)
def test_expression_differs_from_a_column(text: str, expected: bool) -> None:
    documented = node("orders", columns=[Column("a > b")])
    assert is_expression(text, documented) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("a|b", False), ("x > y", False), ("a::b", False), ("a:b", True), ("a.b", True)]
)
def test_entity_link_holds_a_name(name: str, expected: bool) -> None:
    assert is_linkable(name) is expected


def check(name: str, column_name: str | None = None, on: str = "model.shop.orders", **more: Any) -> DbtTest:
    return DbtTest(
        f"test.shop.{name}.{on}",
        name,
        "generic",
        "unique",
        column_name=column_name,
        attached_node=on,
        depends_on=(on,),
        **more,
    )


def test_column_that_no_link_can_name_has_a_table_test() -> None:
    dbt = project(node("orders"), tests=[check("t", "a|b"), check("u", "lower(id)")])
    plan = plan_of(dbt, table("orders", column("a|b"), column("id")))
    cases = of_kind(plan, "test_case")
    assert [(case.name, case.column, case.definition) for case in cases] == [
        ("t", "", "unique_table"),
        ("u", "", "unique_table"),
    ]
    assert cases[1].parameters == (("unique", "column_name=lower(id)"),)
    assert plan.conflicts == ()


@pytest.mark.parametrize("order", [("fail", "pass"), ("pass", "fail"), ("pass", "warn"), ("warn", "error")])
def test_shared_case_has_the_worse_result(order: Any) -> None:
    seed, source = node("orders", kind="seed"), node("orders", kind="source")
    tests = [check("t", "id", one.unique_id) for one in (seed, source)]
    results = [
        TestResult(test.unique_id, status, completed_at_ms=n)
        for n, (test, status) in enumerate(zip(tests, order, strict=True), 1)
    ]
    plan = plan_of(project(seed, source, tests=tests, results=results), table("orders", column("id")))
    (result,) = of_kind(plan, "test_result")
    expected = "Failed" if {"fail", "error"} & set(order) else "Aborted"
    assert result.status == expected
    assert any("the worse result counts" in note for note in plan.notes)


def test_tests_without_a_place_are_counted_in_notes() -> None:
    ephemeral = node("e", materialized="ephemeral", depends_on=["model.shop.orders"])
    unit = DbtTest("unit_test.shop.u", "u", "unit", "u", attached_node="model.shop.orders")
    singular = DbtTest("test.shop.s", "s", "singular", "s", depends_on=("model.shop.e",))
    tests = [check("on_e", "id", "model.shop.e"), check("a::b"), unit, singular]
    results = [TestResult(test.unique_id, "fail", completed_at_ms=1) for test in tests]
    dbt = project(
        node("orders", compiled_code="select 1"), ephemeral=[ephemeral], tests=tests, results=results
    )
    plan = plan_of(dbt, table("orders", column("id")))
    assert [case.name for case in of_kind(plan, "test_case")] == ["s"]
    assert plan.expected.missing_results == ()
    said = "\n".join(plan.notes)
    assert "1 unit test: 1 failed; OpenMetadata has no place for it." in said
    assert "1 test of ephemeral models left out, since these have no table (first: on_e)." in said
    assert 'first: a::b: Collate refuses a test with "::" in its name' in said


def test_columns_that_differ_in_case_keep_their_texts() -> None:
    dbt = node("orders", columns=[Column("id", "Lower."), Column("ID", "Upper."), Column("Name", "N.")])
    plan = plan_of(project(dbt), table("orders", column("id"), column("ID"), column("NAME")))
    texts = {change.column: change.new for change in of_kind(plan, "description")}
    assert texts == {"id": "Lower.", "ID": "Upper.", "NAME": "N."}
    (model,) = of_kind(plan, "data_model")
    assert [item["name"] for item in model.body["columns"]] == ["id", "ID", "NAME"]


def test_column_with_a_dot_is_in_the_data_model() -> None:
    dbt = node("orders", columns=[Column("a.b", "Dotted."), Column("s.x", "Nested.")])
    struct = ServerColumn(name="s", dataType="STRUCT", children=(ServerColumn(name="x", dataType="INT"),))
    plan = plan_of(project(dbt), table("orders", column("a.b"), struct))
    (model,) = of_kind(plan, "data_model")
    assert [item["name"] for item in model.body["columns"]] == ["a.b"]


def test_project_owner_wins_over_the_warehouses() -> None:
    seed = replace(node("orders", kind="seed", owners=["role"]), owned_in_catalog=True)
    source = node("orders", kind="source", owners=["ana"])
    plan = plan_of(project(seed, source), table("orders"), owners={"ana": None, "role": None})
    assert [owner.owner for owner in plan.unmapped_owners] == ["ana"]


def test_view_on_the_latest_version_gets_its_texts() -> None:
    """It stands in no artifact: the model's configuration enables it, and Collate has the table."""
    entry: dict[str, Any] = {
        "name": "dim",
        "database": "wh",
        "schema": "marts",
        "description": "Customers.",
        "latest_version": 2,
        "columns": {"id": {"name": "id", "description": "Key."}},
        "compiled_code": "select 1 as id",
        "config": {"materialized": "table", "latest_version_pointer": {"enabled": True}},
    }
    nodes = {f"model.shop.dim.v{n}": {**entry, "version": n, "alias": f"dim_v{n}"} for n in (1, 2)}
    dbt = load_project(manifest(nodes=nodes))
    there = [table(name, column("id")) for name in ("dim_v1", "dim_v2", "dim")]
    plan = plan_of(dbt, *there)
    assert plan.match.missing == ()
    texts = {change.label: change.new for change in of_kind(plan, "description")}
    assert (texts["marts.dim"], texts["marts.dim.id"]) == ("Customers.", "Key.")
    assert [change.label for change in of_kind(plan, "lineage")] == ["marts.dim from marts.dim_v2"]
    (note,) = [note for note in plan_of(dbt, *there[:2]).notes if "SQL" in note] or [""]
    assert note == ""
    assert plan_of(dbt, *there[:2]).match.missing == ()


def test_view_on_the_latest_version_yields_to_a_node() -> None:
    entry: dict[str, Any] = {
        "name": "dim",
        "database": "wh",
        "schema": "marts",
        "version": 1,
        "latest_version": 1,
        "alias": "dim_v1",
        "description": "Versioned.",
        "config": {"latest_version_pointer": True},
    }
    other = {"name": "old", "alias": "dim", "database": "wh", "schema": "marts", "description": "Old."}
    dbt = load_project(manifest(nodes={"model.shop.dim.v1": entry, "model.shop.old": other}))
    plan = plan_of(dbt, table("dim_v1"), table("dim"))
    texts = {change.label: change.new for change in of_kind(plan, "description")}
    assert texts == {"marts.dim_v1": "Versioned.", "marts.dim": "Old."}
