"""Constraints of models, and parents that only a foreign key names."""

from typing import Any

import pytest

from dbtcollate_tui.artifacts.load import load_project
from dbtcollate_tui.artifacts.project import Project
from tests.artifacts.making import manifest, model

CUSTOMERS = "model.shop.customers"
RELATION = '"wh"."main"."customers"'


def key(to: str = RELATION, **more: Any) -> dict[str, Any]:
    return {"type": "foreign_key", "to": to, "to_columns": ["id"], **more}


def on_column(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"customer_id": {"name": "customer_id", "constraints": list(keys)}}


def calls(*names: str, package: str | None = None, version: int | None = None) -> list[dict[str, Any]]:
    return [{"name": name, "package": package, "version": version} for name in names]


def shop(parents: tuple[str, ...] = (CUSTOMERS,), **orders: Any) -> Project:
    others = model("customers", alias="customers", relation_name=RELATION) | model("items")
    return load_project(
        manifest(nodes=others | model("orders", **{"depends_on": {"nodes": list(parents)}, **orders}))
    )


@pytest.mark.parametrize(
    "to", [RELATION, "ref('customers')", 'ref("shop", "customers")', "`WH`.main.customers"]
)
@pytest.mark.parametrize(("entries", "reads"), [(1, ()), (2, (CUSTOMERS,)), (3, (CUSTOMERS,))])
def test_foreign_key_alone_is_no_upstream(to: str, entries: int, reads: tuple[str, ...]) -> None:
    found = shop(refs=calls(*["customers"] * entries), columns=on_column(key(to)))
    assert found.upstreams("model.shop.orders") == reads
    (constraint,) = found.nodes["model.shop.orders"].constraints
    assert (constraint.to_node, constraint.columns, constraint.to_columns) == (
        CUSTOMERS,
        ("customer_id",),
        ("id",),
    )
    assert found.resources["model.shop.orders"].depends_on == (CUSTOMERS,)


@pytest.mark.parametrize(("entries", "reads"), [(2, ()), (3, (CUSTOMERS,))])
def test_several_keys_to_one_table_are_each_subtracted(entries: int, reads: tuple[str, ...]) -> None:
    found = shop(
        refs=calls(*["customers"] * entries),
        constraints=[key(columns=["a"])],
        columns=on_column(key(), {"type": "not_null"}),
    )
    assert found.upstreams("model.shop.orders") == reads


def test_foreign_key_leaves_other_parents() -> None:
    found = shop((CUSTOMERS, "model.shop.items"), refs=calls("items", "customers"), columns=on_column(key()))
    assert found.upstreams("model.shop.orders") == ("model.shop.items",)


@pytest.mark.parametrize(("entries", "reads"), [(1, ()), (2, ("source.shop.crm.people",))])
@pytest.mark.parametrize("to", ["source('crm', 'people')", "wh.crm.people_raw"])
def test_foreign_key_to_a_source_is_no_upstream(to: str, entries: int, reads: tuple[str, ...]) -> None:
    source = {
        "resource_type": "source",
        "name": "people",
        "source_name": "crm",
        "identifier": "people_raw",
        "relation_name": "wh.crm.people_raw",
    }
    orders = model(
        sources=[["crm", "people"]] * entries,
        columns=on_column(key(to)),
        depends_on={"nodes": ["source.shop.crm.people"]},
    )
    found = load_project(manifest(nodes=orders, sources={"source.shop.crm.people": source}))
    assert found.upstreams("model.shop.orders") == reads


@pytest.mark.parametrize(
    ("entries", "raw_code", "reads"),
    [
        (2, "select 1", ()),
        (1, "select 1", ()),
        (2, "select * from {{ ref('customers') }}", (CUSTOMERS,)),
        (3, "select 1", (CUSTOMERS,)),
    ],
)
def test_versioned_model_counts_its_key_twice(entries: int, raw_code: str, reads: tuple[str, ...]) -> None:
    """dbt-core adds a versioned model's keys twice, dbt Fusion once."""
    found = shop(refs=calls(*["customers"] * entries), columns=on_column(key()), version=2, raw_code=raw_code)
    assert found.upstreams("model.shop.orders") == reads


@pytest.mark.parametrize("version", [1, None])
def test_foreign_key_names_one_version(version: int | None) -> None:
    versions: dict[str, Any] = {}
    for number in (1, 2):
        fields = {"version": number, "latest_version": 2, "relation_name": f"wh.main.dim_v{number}"}
        versions[f"model.shop.dim.v{number}"] = model("dim", **fields)["model.shop.dim"]
    named, other = ("v1", "v2") if version else ("v2", "v1")
    to = f"ref('dim', v={version})" if version else "ref('dim')"
    orders = model(
        depends_on={"nodes": list(versions)},
        refs=[*calls("dim", version=version), *calls("dim", version=int(other[1:]))],
        columns=on_column(key(to)),
    )
    found = load_project(manifest(nodes=versions | orders))
    assert found.upstreams("model.shop.orders") == (f"model.shop.dim.{other}",)
    assert found.nodes["model.shop.orders"].constraints[0].to_node == f"model.shop.dim.{named}"


def test_own_package_wins_where_a_name_is_there_twice() -> None:
    foreign = {"package_name": "vendor", "relation_name": "wh.vendor.customers"}
    others = {"model.vendor.customers": model("customers", **foreign)["model.shop.customers"]}
    others |= model("customers", relation_name=RELATION)
    orders = model(
        depends_on={"nodes": list(others)},
        refs=[*calls("customers"), *calls("customers", package="vendor")],
        columns=on_column(key("wh.vendor.customers")),
    )
    assert load_project(manifest(nodes=others | orders)).upstreams("model.shop.orders") == (CUSTOMERS,)


def test_ephemeral_model_does_not_read_its_key() -> None:
    others = model("customers", relation_name=RELATION) | model(
        "base",
        config={"materialized": "ephemeral"},
        depends_on={"nodes": [CUSTOMERS]},
        refs=calls("customers"),
        columns=on_column(key()),
    )
    found = load_project(manifest(nodes=others | model(depends_on={"nodes": ["model.shop.base"]})))
    assert found.upstreams("model.shop.orders") == ()


def test_manifest_without_calls_decides_by_the_sql() -> None:
    for sql, reads in (("select * from wh.main.CUSTOMERS", (CUSTOMERS,)), ("select customers_id", ())):
        found = shop(columns=on_column(key()), compiled_code=sql)
        assert found.upstreams("model.shop.orders") == reads
