"""The shapes that versions and people give a manifest."""

import hashlib
from typing import Any

import pytest

from dbtcollate_tui.artifacts.load import load_project
from dbtcollate_tui.artifacts.project import Node, Project
from tests.artifacts.making import encoded, generic_test, manifest, model


def only_node(*, catalog: bytes | None = None, **fields: Any) -> Node:
    project = load_project(manifest(nodes=model(**fields)), catalog)
    (node,) = project.nodes.values()
    return node


@pytest.mark.parametrize(
    ("meta", "config_meta", "expected"),
    [
        ({"openmetadata": {"owner": "a"}, "owner": "b"}, None, ("a",)),
        ({"owner": "b"}, {"openmetadata": {"owner": "a"}}, ("a",)),
        ({"owner": "b"}, {"owner": "c"}, ("b",)),
        (None, {"owner": ["c", "d", "c"]}, ("c", "d")),
        ({"owner": {"name": "Ann", "email": "ann@x.example"}}, None, ("ann@x.example",)),
        ({"owner": {"name": "Ann"}}, None, ("Ann",)),
        ({"owner": {"email": ["a@x.example", "b@x.example"]}}, None, ("a@x.example", "b@x.example")),
        ({"owner": [{"email": "a@x.example"}, "team", None, {"slack": "#x"}]}, None, ("a@x.example", "team")),
        ({"open_metadata": {"owner": "a"}}, None, ("a",)),
        ({"owner": ""}, None, ("WAREHOUSE_ROLE",)),
        ({"owner": True}, None, ("WAREHOUSE_ROLE",)),
        (None, None, ("WAREHOUSE_ROLE",)),
    ],
)
def test_owners_come_from_the_first_place_that_names_any(
    meta: object, config_meta: object, expected: tuple[str, ...]
) -> None:
    table = {"metadata": {"owner": "WAREHOUSE_ROLE"}, "columns": {}}
    catalog = encoded({"nodes": {"model.shop.orders": table}, "sources": {}})
    assert only_node(meta=meta, config={"meta": config_meta}, catalog=catalog).owners == expected


def test_openmetadata_settings_are_read_in_the_shapes_people_write() -> None:
    settings = {
        "tier": "Tier1",
        "tags": ["PII.Sensitive", "Loose"],
        "glossary": "Shop.Order",
        "domain": "Sales",
        "customProperties": {"cost": 3},
    }
    project = load_project(manifest(nodes=model(meta={"openmetadata": settings})))
    node = project.nodes["model.shop.orders"]
    assert (node.tier, node.meta_tags, node.glossary) == ("Tier.Tier1", ("PII.Sensitive",), ("Shop.Order",))
    assert (node.domain, dict(node.custom_properties)) == ("Sales", {"cost": 3})
    (note,) = project.notes
    assert "without a classification" in note
    assert "'Loose'" in note


def test_an_openmetadata_block_that_is_no_mapping_becomes_a_note() -> None:
    project = load_project(
        manifest(nodes={**model(meta={"openmetadata": "x"}), **model("b", meta={"openmetadata": 1})})
    )
    assert project.notes == (
        "meta.openmetadata is not a mapping and is left out: 2, first at model.shop.orders.",
    )


@pytest.mark.parametrize(
    ("tags", "config_tags", "expected"),
    [
        ("daily", None, ("daily",)),
        (["a", "b", "a"], ["b", "c"], ("a", "b", "c")),
        (None, "x", ("x",)),
        ([2024], [], ("2024",)),
    ],
)
def test_tags_are_a_text_or_a_list_in_either_place(
    tags: object, config_tags: object, expected: tuple[str, ...]
) -> None:
    assert only_node(tags=tags, config={"tags": config_tags}).tags == expected


@pytest.mark.parametrize("absent", ["none", "None", "null", "NULL", "", None])
def test_a_spelt_out_nothing_is_no_database_and_no_schema(absent: str | None) -> None:
    node = only_node(database=absent, schema=absent)
    assert (node.database, node.schema) == (None, None)


def test_a_snapshot_stands_where_its_target_says() -> None:
    config = {"materialized": "snapshot", "target_database": "HIST", "target_schema": "snaps"}
    node = only_node(resource_type="snapshot", config=config)
    assert (node.database, node.schema) == ("HIST", "snaps")


def test_a_source_has_its_name_and_its_table() -> None:
    entry = {"resource_type": "source", "source_name": "raw", "name": "orders", "schema": "s"}
    project = load_project(
        manifest(
            sources={
                "source.shop.raw.orders": {**entry, "identifier": "T_ORDERS"},
                "source.shop.raw.b": entry,
            }
        )
    )
    assert project.nodes["source.shop.raw.orders"].identifier == "T_ORDERS"
    assert project.nodes["source.shop.raw.orders"].name == "orders"
    assert project.nodes["source.shop.raw.b"].identifier == "orders"


def test_columns_take_order_spelling_type_and_comment_from_the_catalog() -> None:
    documented = {
        "extra": {"name": "extra", "data_type": "int"},
        "amount": {"name": "amount", "description": "In euro", "config": {"tags": ["money"], "meta": {}}},
        "id": {"name": "id", "meta": {"openmetadata": {"glossary": ["Shop.Id"]}}},
    }
    there = {
        "ID": {"name": "ID", "type": "NUMBER", "index": 1, "comment": "Key"},
        "AMOUNT": {"name": "AMOUNT", "type": "FLOAT", "index": 2, "comment": None},
        "HIDDEN": {"name": "HIDDEN", "type": "TEXT", "index": 3},
    }
    table = {"metadata": {"owner": None}, "columns": there}
    node = only_node(
        columns=documented, catalog=encoded({"nodes": {"model.shop.orders": table}, "sources": None})
    )
    assert [(c.name, c.index, c.data_type, c.comment) for c in node.columns] == [
        ("ID", 1, "NUMBER", "Key"),
        ("AMOUNT", 2, "FLOAT", None),
        ("extra", None, "int", None),
    ]
    assert node.columns[1].tags == ("money",)
    assert node.columns[0].glossary == ("Shop.Id",)
    assert node.in_catalog


def test_columns_that_differ_in_case_only_are_told_apart() -> None:
    there = {
        "id": {"name": "id", "type": "INT", "index": 2},
        "ID": {"name": "ID", "type": "TEXT", "index": 1},
    }
    catalog = encoded({"nodes": {"model.shop.orders": {"columns": there}}, "sources": {}, "errors": ["x"]})
    project = load_project(manifest(nodes=model(columns={"id": {"name": "id"}})), catalog)
    (column,) = project.nodes["model.shop.orders"].columns
    assert (column.name, column.data_type) == ("id", "INT")
    assert any("1 errors of dbt docs generate" in note for note in project.notes)


def test_old_names_of_code_and_of_the_project() -> None:
    node = model(raw_sql="select {{ x }}", compiled_sql="select 1")
    metadata = {"project_name": None, "project_id": hashlib.md5(b"shop", usedforsecurity=False).hexdigest()}
    project = load_project(manifest(4, nodes=node, metadata=metadata))
    found = project.nodes["model.shop.orders"]
    assert (found.raw_code, found.compiled_code) == ("select {{ x }}", "select 1")
    assert project.project_name == "shop"


def test_disabled_nodes_are_listed_whatever_the_shape() -> None:
    (unique_id, entry), *_ = model("gone", config={"enabled": False, "materialized": "table"}).items()
    project = load_project(
        manifest(disabled={unique_id: [entry], "macro.shop.x": None, **{"test.shop.t": [{}]}})
    )
    assert list(project.disabled) == [unique_id]
    assert project.nodes == {}
    assert load_project(manifest(nodes={unique_id: entry})).disabled[unique_id].enabled is False
    assert load_project(manifest(disabled=[entry], nodes=model())).disabled == {}


@pytest.mark.parametrize(
    ("version", "words"), [(3, "older than dbt 1.0"), (13, "not known here (newest: v12)"), (21, "not known")]
)
def test_an_unknown_version_is_tried_and_noted(version: int, words: str) -> None:
    project = load_project(manifest(version, nodes=model()))
    assert list(project.nodes) == ["model.shop.orders"]
    assert project.schema_version == version
    assert words in project.notes[0]


def test_a_manifest_without_metadata_is_tried_and_noted() -> None:
    project = load_project(encoded({"nodes": model()}))
    assert list(project.nodes) == ["model.shop.orders"]
    assert (project.schema_version, project.dbt_version) == (0, "")
    assert project.notes == (
        "manifest.json does not tell its schema version: it was read like the newest known.",
    )


def test_not_a_number_in_meta_does_not_stop_the_reading() -> None:
    data = manifest(nodes=model(meta={"limit": float("nan"), "note": 'a "NaN, quoted', "owner": "ann"}))
    assert b"NaN," in data
    assert load_project(data).nodes["model.shop.orders"].owners == ("ann",)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert load_project(b"\xef\xbb\xbf" + manifest(nodes=model())).nodes


def chain(**parents: list[str]) -> Project:
    """Models by name with their parents; names that begin with e are ephemeral."""
    nodes: dict[str, object] = {}
    for name, above in parents.items():
        config = {"materialized": "ephemeral" if name.startswith("e") else "table"}
        nodes |= model(
            name, config=config, depends_on={"nodes": [f"model.shop.{parent}" for parent in above]}
        )
    return load_project(manifest(nodes=nodes))


def test_ephemeral_parents_are_bridged_in_order_and_once() -> None:
    project = chain(a=[], b=[], c=[], e1=["a", "e2"], e2=["b", "a"], top=["e1", "c", "b", "missing"])
    assert project.upstreams("model.shop.top") == ("model.shop.a", "model.shop.b", "model.shop.c")


def test_a_cycle_ends_and_nothing_is_above_itself() -> None:
    project = chain(e1=["e2", "top"], e2=["e1", "a"], a=["top"], top=["e1", "top"])
    assert project.upstreams("model.shop.top") == ("model.shop.a",)
    assert project.upstreams("model.shop.a") == ("model.shop.top",)
    assert project.upstreams("model.shop.unknown") == ()


def test_a_long_line_of_ephemerals_is_bridged() -> None:
    length = 5_000
    parents = {f"e{i}": [f"e{i + 1}"] for i in range(length)} | {f"e{length}": ["a"], "a": [], "top": ["e0"]}
    assert chain(**parents).upstreams("model.shop.top") == ("model.shop.a",)


RELATIONSHIPS = {
    "name": "relationships",
    "kwargs": {
        "model": "{{ get_where_subquery(ref('orders')) }}",
        "to": "ref('customers')",
        "column_name": '"Id"',
    },
}
PARENT_FIRST = {"nodes": ["model.shop.customers", "model.shop.orders"]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attached_node": "model.shop.orders", "test_metadata": {"name": "relationships"}},
        {"test_metadata": {"name": "relationships", "kwargs": {"to": "ref('customers')", "field": "id"}}},
        {"test_metadata": {"name": "r", "kwargs": {"model": "{{ ref('shop', 'orders') }}"}}},
        {"test_metadata": {"name": "r", "namespace": "dbt_utils", "kwargs": {"model": "ref('orders', v=2)"}}},
    ],
)
def test_a_relationships_test_belongs_to_the_referring_table(changes: dict[str, Any]) -> None:
    test = generic_test(**{"test_metadata": RELATIONSHIPS, "depends_on": PARENT_FIRST, **changes})
    project = load_project(manifest(nodes={**model(), **model("customers"), **test}))
    (found,) = project.tests.values()
    assert found.attached_node == "model.shop.orders"
    assert found.depends_on == ("model.shop.customers", "model.shop.orders")
    assert "model" not in found.kwargs


def test_a_source_test_is_found_by_both_its_names() -> None:
    sources = {
        f"source.shop.{part}.orders": {"resource_type": "source", "source_name": part, "name": "orders"}
        for part in ("crm", "erp")
    }
    kwargs = {"model": "{{ get_where_subquery(source('erp', 'orders')) }}", "column_name": "`Order Id`"}
    test = generic_test(
        column_name=None,
        test_metadata={"name": "unique", "kwargs": kwargs},
        depends_on={"nodes": list(sources)},
    )
    (found,) = load_project(manifest(nodes=test, sources=sources)).tests.values()
    assert (found.attached_node, found.column_name, dict(found.kwargs)) == (
        "source.shop.erp.orders",
        "Order Id",
        {},
    )


def test_kinds_severities_and_descriptions_of_tests() -> None:
    singular = {
        "test.shop.paid": {
            "resource_type": "test",
            "name": "paid",
            "config": {"severity": "WARN", "meta": {"description": "Paid orders"}},
            "depends_on": {"nodes": ["model.shop.e", "model.shop.orders"]},
        }
    }
    unit = {"unit_test.shop.orders.sums": {"name": "sums", "model": "orders", "depends_on": PARENT_FIRST}}
    off = generic_test("off", config={"enabled": False})
    nodes = {
        **model(),
        **model("customers"),
        **model("e", config={"materialized": "ephemeral"}),
        **singular,
        **off,
    }
    project = load_project(manifest(nodes=nodes, unit_tests=unit))
    paid, sums = project.tests["test.shop.paid"], project.tests["unit_test.shop.orders.sums"]
    assert (paid.kind, paid.test_name, paid.severity, paid.description) == (
        "singular",
        "paid",
        "warn",
        "Paid orders",
    )
    assert paid.attached_node == "model.shop.orders"
    assert (sums.kind, sums.attached_node, sums.severity) == ("unit", "model.shop.orders", "error")
    assert len(project.tests) == 2
