"""Domains and custom properties that ``meta.openmetadata`` names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from dbtcollate_tui.artifacts.project import Column, Project
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import CustomProperty, DataProduct, EntityReference, Table
from dbtcollate_tui.plan.build import build_plan
from dbtcollate_tui.plan.matching.custom_properties import UnfitError, fit, same
from dbtcollate_tui.plan.matching.nodes import match
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.plan.server_state import MetaState
from dbtcollate_tui.settings.model import SyncOptions
from dbtcollate_tui.sync.reading.server import Part, read_details, read_tables
from tests.support.builders import node, of_kind, plan_of, project, table
from tests.support.direct_sync import FIELDS, MARTS, SERVICE, Ends, ends, finished

SALES = EntityReference(id="d1", type="domain", name="Sales", fullyQualifiedName="Sales")
ANA = EntityReference(id="u1", type="user", name="ana", fullyQualifiedName="ana")


def prop(kind: str, config: object = None, name: str = "p") -> CustomProperty:
    limits = {} if config is None else {"customPropertyConfig": {"config": config}}
    return CustomProperty.model_validate(
        {"name": name, "propertyType": {"id": "t", "type": "type", "name": kind}, **limits}
    )


@pytest.mark.parametrize(
    ("kind", "config", "value", "stored"),
    [
        ("string", None, "a", "a"),
        ("integer", None, 3, 3),
        ("number", None, 1.5, 1.5),
        ("email", None, "ana@shop.example", "ana@shop.example"),
        ("duration", None, "P1D", "P1D"),
        ("timestamp", None, 1000, 1000),
        ("date-cp", "yyyy-MM-dd", "2026-11-25", "2026-11-25"),
        ("dateTime-cp", "dd MMM yyyy HH:mm", "25 Nov 2026 01:00", "25 Nov 2026 01:00"),
        ("timeInterval", None, {"start": 1, "end": 2}, {"start": 1, "end": 2}),
        ("enum", {"values": ["a", "b"], "multiSelect": False}, "a", ["a"]),
        ("enum", {"values": ["a", "b"], "multiSelect": True}, ["b", "c"], ["b"]),
        ("table-cp", {"columns": ["x"]}, {"columns": ["x"], "rows": [{"x": 1}]}, None),
    ],
)
def test_a_value_that_fits_is_stored(kind: str, config: object, value: object, stored: object) -> None:
    assert fit(prop(kind, config), value, {}) == (value if stored is None else stored)


@pytest.mark.parametrize(
    ("kind", "config", "value", "words"),
    [
        ("string", None, 1, "a text is wanted, not a number"),
        ("integer", None, True, "a whole number is wanted, not a truth value"),
        ("number", None, "1", "a number is wanted, not a text"),
        ("email", None, "ana", "an e-mail address is wanted"),
        ("duration", None, "1 day", "an ISO 8601 duration such as P1DT12H is wanted"),
        ("timestamp", None, -1, "a time in milliseconds since 1970 is wanted"),
        ("date-cp", "yyyy-MM-dd", "25.11.2026", "the form yyyy-MM-dd is wanted"),
        ("timeInterval", None, {"start": 2, "end": 1}, "it ends before it starts"),
        ("enum", {"values": ["a", "b"], "multiSelect": False}, ["a"], "one of a, b is wanted, not a list"),
        ("enum", {"values": ["a"], "multiSelect": True}, ["c"], "one of a is wanted"),
        ("table-cp", {"columns": ["x"]}, {"columns": ["y"]}, "the columns x are wanted"),
        ("table-cp", None, {"columns": ["x"], "rows": [{"y": 1}]}, "a row has other columns"),
        ("entityReference", ["team"], {"type": "user", "fqn": "ana"}, "an entity of type team is wanted"),
        ("entityReference", None, {"type": "user", "fqn": "bo"}, "the server has no user bo"),
        ("entityReferenceList", None, "ana", "a list of entities is wanted"),
        ("hyperlink-cp", None, "x", "the property type hyperlink-cp is not known here"),
        ("string", None, None, "it has no value"),
    ],
)
def test_a_value_that_does_not_fit_says_why(kind: str, config: object, value: object, words: str) -> None:
    with pytest.raises(UnfitError) as caught:
        fit(prop(kind, config), value, {("user", "ana"): ANA, ("user", "bo"): None})
    assert str(caught.value) == words


def test_a_reference_is_stored_as_the_servers_entity() -> None:
    found = fit(prop("entityReferenceList"), [{"type": "user", "fqn": "ana"}], {("user", "ana"): ANA})
    assert found == [{"id": "u1", "type": "user", "name": "ana", "fullyQualifiedName": "ana"}]
    assert same([{"id": "u1", "type": "user", "displayName": "Ana", "href": "x"}], found)
    assert not same([{"id": "u2", "type": "user"}], found)
    assert not same({"a": 1, "b": 2}, {"a": 1})


def planned(held: Table, meta: MetaState, **more: Any) -> Plan:
    return plan_of(project(node("orders", **more)), held, meta=meta)


def test_a_domain_is_set_in_place_of_another_and_not_twice() -> None:
    meta = MetaState(domains={"Sales": SALES})
    other = EntityReference(id="d2", type="domain", fullyQualifiedName="Ops")
    (change,) = of_kind(planned(table("orders", domains=[other]), meta, domain="Sales"), "domain")
    assert (change.old, change.new, change.group, change.action) == ("Ops", "Sales", "properties", "replace")
    plan = planned(table("orders", domains=[SALES]), meta, domain="Sales")
    assert (of_kind(plan, "domain"), plan.unchanged["properties"]) == ([], 1)


def test_what_collate_does_not_have_is_a_note() -> None:
    meta = MetaState(domains={"Sales": None}, properties={"rank": prop("integer", name="rank")})
    plan = planned(
        table("orders"),
        meta,
        domain="Sales",
        custom_properties={"rank": "first", "costCenter": "12"},
        compiled_code="select 1",
    )
    assert [*of_kind(plan, "domain"), *of_kind(plan, "custom_property")] == []
    assert list(plan.notes) == [
        "Collate has no domain Sales: left out on 1 (first: marts.orders). "
        "It is created in Collate, not by a sync.",
        "Collate has no custom property of tables costCenter: left out on 1 (first: marts.orders). "
        "It is created in Collate, not by a sync.",
        "1 custom property left out, since the value does not fit "
        "(first: marts.orders.rank: a whole number is wanted, not a text).",
    ]


def test_only_the_properties_that_differ_are_changed() -> None:
    meta = MetaState(properties={name: prop("string", name=name) for name in ("a", "b", "c")})
    held = table("orders", extension={"a": "1", "b": "old", "mine": "kept"})
    plan = planned(held, meta, custom_properties={"a": "1", "b": "2", "c": "3"})
    assert {c.key: (c.old, c.new) for c in of_kind(plan, "custom_property")} == {
        "custom_property:pg.wh.marts.orders:b": ("old", "2"),
        "custom_property:pg.wh.marts.orders:c": ("", "3"),
    }


RETAIL = DataProduct(id="p1", name="Retail", fullyQualifiedName="Retail", domains=(SALES,))
OPS = DataProduct(
    id="p2", name="Ops", fullyQualifiedName="Ops", domains=(EntityReference(id="d2", type="domain"),)
)


def test_data_products_are_added_to_those_that_are_there() -> None:
    meta = MetaState(domains={"Sales": SALES}, data_products={"Retail": RETAIL})
    mine = EntityReference(id="p9", type="dataProduct", name="Mine", fullyQualifiedName="Mine")
    held = table("orders", dataProducts=[mine])
    plan = planned(held, meta, domain="Sales", data_products=("Retail",))
    (change,) = of_kind(plan, "data_products")
    assert (change.old, change.new, change.action) == ("Mine", "Mine, Retail", "add")
    assert change.requires == ("domain:pg.wh.marts.orders",)
    held = table("orders", domains=[SALES], dataProducts=[mine, RETAIL.as_reference()])
    assert of_kind(planned(held, meta, data_products=("Retail",)), "data_products") == []


def test_a_data_product_of_another_domain_is_a_note() -> None:
    """A server refuses it at each sync, so it is not sent."""
    meta = MetaState(domains={"Sales": SALES}, data_products={"Ops": OPS, "Gone": None})
    plan = planned(
        table("orders"), meta, domain="Sales", data_products=("Ops", "Gone"), compiled_code="select 1"
    )
    assert of_kind(plan, "data_products") == []
    assert list(plan.notes) == [
        "Collate has no data product Gone: left out on 1 (first: marts.orders). "
        "It is created in Collate, not by a sync.",
        "The data product Ops is left out on 1 (first: marts.orders): it belongs to another domain than the "
        "table, which OpenMetadata does not allow.",
    ]


def test_a_columns_properties_that_differ_are_changed() -> None:
    meta = MetaState(column_properties={name: prop("string", name=name) for name in ("a", "b")})
    held = table("orders", columns=[{"name": "ID", "dataType": "INT", "extension": {"a": "1", "mine": "x"}}])
    column = Column("id", custom_properties={"a": "1", "b": "2", "c": "3"})
    plan = planned(held, meta, columns=(column,), compiled_code="select 1")
    (change,) = of_kind(plan, "custom_property")
    assert (change.key, change.label) == ("custom_property:pg.wh.marts.orders.ID:b", "marts.orders.ID: b")
    assert list(plan.notes) == [
        "Collate has no custom property of columns c: left out on 1 (first: marts.orders.ID). "
        "It is created in Collate, not by a sync."
    ]


def test_column_properties_on_an_older_server_are_a_note() -> None:
    column = Column("id", custom_properties={"a": "1"})
    held = table("orders", columns=[{"name": "id", "dataType": "INT"}])
    dbt = project(node("orders", columns=(column,), compiled_code="select 1"))
    plan = plan_of(dbt, held, dialect=Dialect.of("1.11.0"))
    assert list(plan.notes) == [
        "1 custom property of a column left out, since this server has none (OpenMetadata has since 1.12; "
        "first: marts.orders.id.a)."
    ]


@dataclass
class Shop:
    both: Ends

    async def plan(self, dbt: Project) -> Plan:
        collate, options = self.both.collate, SyncOptions()
        found = await read_tables(collate, SERVICE, dbt, options)
        report = match(dbt, found.inventories, options)
        state = await read_details(collate, Part(dbt, report, options), found.tables)
        return build_plan(dbt, state, report, options, collate.dialect)

    async def table(self) -> Table:
        found = await self.both.collate.table(
            f"{MARTS}.fct_orders", (*FIELDS, "domains", "dataProducts", "extension")
        )
        assert found is not None
        return found

    async def patch(self, *ops: dict[str, Any]) -> None:
        await self.both.collate.patch_table((await self.table()).id, ops)


@asynccontextmanager
async def shop(folder: Path, version: str = "latest") -> AsyncIterator[Shop]:
    """A server that has a domain Sales and custom properties of tables."""
    async with (
        ends(folder, version=version) as both,
        httpx.AsyncClient(
            base_url=f"{both.sandbox.collate_url}/api/v1",
            headers={"Authorization": f"Bearer {both.sandbox.collate_token.get_secret_value()}"},
        ) as admin,
    ):
        if version == "latest":
            body = {"name": "Sales", "description": "d", "domainType": "Aggregate"}
            (await admin.put("/domains", json=body)).raise_for_status()
            product = {"name": "Retail", "description": "d", "domains": ["Sales"]}
            (await admin.put("/dataProducts", json=product)).raise_for_status()
            kind = (await admin.get("/metadata/types/name/tableColumn")).json()["id"]
            field = (await admin.get("/metadata/types/name/string")).json()["id"]
            added = {"name": "grade", "description": "d", "propertyType": {"id": field, "type": "type"}}
            (await admin.put(f"/metadata/types/{kind}", json=added)).raise_for_status()
        kind = (await admin.get("/metadata/types/name/table")).json()["id"]
        for name, of in (("costCenter", "string"), ("steward", "entityReference"), ("mine", "string")):
            field = (await admin.get(f"/metadata/types/name/{of}")).json()["id"]
            added = {"name": name, "description": "d", "propertyType": {"id": field, "type": "type"}}
            (await admin.put(f"/metadata/types/{kind}", json=added)).raise_for_status()
        yield Shop(both)


DBT = project(
    node(
        "fct_orders",
        database="shop",
        domain="Sales",
        data_products=("Retail",),
        custom_properties={"costCenter": "12/4", "steward": {"type": "user", "fqn": "ana"}},
        columns=(Column("order_id", custom_properties={"grade": "gold"}),),
    )
)


@pytest.mark.parametrize("version", ["latest", "1.1"])
async def test_they_are_written_once_and_a_persons_property_stays(tmp_path: Path, version: str) -> None:
    async with shop(tmp_path, version) as at:
        await at.patch({"op": "add", "path": "/extension", "value": {"mine": "a person's"}})
        plan = await at.plan(DBT)
        kinds = {change.kind for change in plan.of("properties")}
        assert kinds == {"custom_property", *(("domain", "data_products") if version == "latest" else ())}
        end = finished(await at.both.sync(plan=plan))
        assert (end.outcome, end.counts.failed) == ("ok", 0)
        held = await at.table()
        steward = held.extension["steward"]
        assert (held.extension["costCenter"], held.extension["mine"]) == ("12/4", "a person's")
        assert (steward["type"], steward["name"]) == ("user", "ana")
        assert [domain.name for domain in held.domains] == (["Sales"] if version == "latest" else [])
        assert [item.name for item in held.dataProducts] == (["Retail"] if version == "latest" else [])
        graded = {column.name: column.extension for column in held.columns if column.extension}
        assert graded == ({"order_id": {"grade": "gold"}} if version == "latest" else {})
        assert (await at.plan(DBT)).changes == ()


async def test_a_property_that_a_person_changes_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    async with shop(tmp_path) as at:
        await at.patch({"op": "add", "path": "/extension", "value": {"costCenter": "9"}})
        plan = await at.plan(DBT)
        await at.patch({"op": "replace", "path": "/extension/costCenter", "value": "mine"})
        end = finished(await at.both.sync(plan=plan))
        assert (end.outcome, end.counts.failed) == ("partial", 1)
        held = await at.table()
        assert held.extension["costCenter"] == "mine"
        assert [domain.name for domain in held.domains] == ["Sales"]
