"""Groups, access, versions and deprecation dates reach what a person has made for them."""

from typing import Any

import pytest

from dbtcollate_tui.artifacts.project import DbtGroup, Project
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import CustomProperty
from dbtcollate_tui.plan.model import OwnerRef, Plan
from dbtcollate_tui.plan.rules.model_facts import property_of
from dbtcollate_tui.plan.server_state import MetaState
from dbtcollate_tui.settings.model import SyncOptions
from tests.support.builders import NEWEST, node, of_kind, plan_of, project, table

FINANCE = DbtGroup("group.shop.finance", "finance", ("finance@example.com",))
MODEL: dict[str, Any] = {
    "group": "finance",
    "access": "public",
    "version": "1",
    "latest_version": "2",
    "deprecation_date": "2026-01-31T00:00:00+00:00",
}


def prop(name: str, kind: str = "string", config: object = None) -> CustomProperty:
    limits = {} if config is None else {"customPropertyConfig": {"config": config}}
    value = {"name": name, "propertyType": {"id": "t", "type": "type", "name": kind}, **limits}
    return CustomProperty.model_validate(value)


def planned(
    *properties: CustomProperty,
    options: SyncOptions | None = None,
    dialect: Dialect = NEWEST,
    model: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    **held: Any,
) -> Plan:
    made = node("orders", **{**MODEL, **(model or {})})
    dbt = grouped(project(made))
    if options is not None and options.group_owners:
        dbt = dbt.with_group_owners()
    meta = MetaState(properties={item.name: item for item in properties})
    orders = table("orders", **held)
    return plan_of(dbt, orders, options=options, dialect=dialect, meta=meta, **(state or {}))


def grouped(dbt: Project) -> Project:
    groups = {FINANCE.unique_id: FINANCE}
    return Project(**{**{name: getattr(dbt, name) for name in dbt.__slots__}, "groups": groups})


def written(plan: Plan) -> dict[str, str]:
    return {change.label: change.new for change in of_kind(plan, "custom_property")}


def test_custom_properties_that_exist_are_filled() -> None:
    plan = planned(
        prop("dbt_group"),
        prop("dbtAccess"),
        prop("dbt_version", "integer"),
        prop("latestVersion"),
        prop("dbt_deprecation_date", "date-cp", "dd.MM.yyyy"),
    )
    assert written(plan) == {
        "marts.orders: dbt_group": "finance",
        "marts.orders: dbtAccess": "public",
        "marts.orders: dbt_version": "1",
        "marts.orders: latestVersion": "2",
        "marts.orders: dbt_deprecation_date": "31.01.2026",
    }
    kinds = {item.kind for item in plan.not_written}
    assert kinds.isdisjoint({"groups", "access", "versions", "deprecations"})


def test_what_has_no_property_is_counted_and_none_is_created() -> None:
    plan = planned(prop("costCenter"))
    assert written(plan) == {}
    lines = {item.kind: item.sentence for item in plan.not_written}
    assert lines["deprecations"] == (
        "1 deprecation date not written (orders v1 on 2026-01-31, successor v2): Collate has no custom "
        "property of tables dbt_deprecation_date, and a sync creates none."
    )
    assert {"groups", "access", "versions"} <= lines.keys()


def test_a_property_that_is_equal_is_not_written_again() -> None:
    plan = planned(prop("dbt_access"), extension={"dbt_access": "public"})
    assert (written(plan), plan.unchanged["properties"]) == ({}, 1)


def test_meta_wins_over_what_dbt_says_of_the_model() -> None:
    plan = planned(prop("access"), model={"custom_properties": {"access": "internal"}})
    assert written(plan) == {"marts.orders: access": "internal"}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Access", "dbtAccess"], "dbtAccess"),
        (["DBT_ACCESS"], "DBT_ACCESS"),
        (["access level"], None),
        ([], None),
    ],
)
def test_a_property_is_found_by_its_purpose(names: list[str], found: str | None) -> None:
    assert property_of("access", {name: prop(name) for name in names}) == found


TEAM = OwnerRef("t1", "team", "finance")


@pytest.mark.parametrize(
    ("model", "is_on", "owners"),
    [
        ({}, True, "finance"),
        ({}, False, ""),
        ({"owners": ["ana"]}, True, "ana"),
        ({"group": "sales"}, True, ""),
    ],
)
def test_a_groups_owner_fills_in(model: dict[str, Any], is_on: bool, owners: str) -> None:
    known = {"finance@example.com": TEAM, "ana": OwnerRef("u1", "user", "ana")}
    plan = planned(options=SyncOptions(group_owners=is_on), model=model, state={"owners": known})
    assert ", ".join(change.new for change in of_kind(plan, "owners")) == owners
    assert ("groups" in {item.kind for item in plan.not_written}) != is_on


ON = SyncOptions(deprecated_status=True)


@pytest.mark.parametrize(
    ("options", "version", "date", "held", "new"),
    [
        (ON, "2.0.7", "2026-01-31", "Unprocessed", "Deprecated"),
        (ON, "1.10.0", "2026-01-31T00:00:00+00:00", "", "Deprecated"),
        (ON, "1.9.8", "2026-01-31", "", ""),
        (ON, "2.0.7", "2027-01-31", "Unprocessed", ""),
        (ON, "2.0.7", "2026-01-31", "Deprecated", ""),
        (SyncOptions(), "2.0.7", "2026-01-31", "Unprocessed", ""),
    ],
)
def test_a_table_past_its_date_is_deprecated(
    options: SyncOptions, version: str, date: str, held: str, new: str
) -> None:
    plan = planned(
        options=options,
        dialect=Dialect.of(version),
        model={"deprecation_date": date},
        entityStatus=held,
    )
    assert "".join(change.new for change in of_kind(plan, "status")) == new
    assert plan.conflicts == ()


def test_a_persons_status_stays_as_a_conflict() -> None:
    plan = planned(options=ON, entityStatus="Approved", updatedBy="ana")
    assert of_kind(plan, "status") == []
    (kept,) = plan.conflicts
    assert (kept.label, kept.server, kept.dbt, kept.by) == (
        "marts.orders: status",
        "Approved",
        "Deprecated",
        "ana",
    )
