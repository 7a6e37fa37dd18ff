"""The shapes that versions and people give a manifest."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Column, Node, Project
from tests.artifacts.making import encoded, generic_test, manifest, model, run_results
from tests.support.builders import node, project


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


def test_snapshot_is_in_its_target_schema() -> None:
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


def test_columns_that_differ_in_case_are_distinguished() -> None:
    there = {
        "id": {"name": "id", "type": "INT", "index": 2},
        "ID": {"name": "ID", "type": "TEXT", "index": 1},
    }
    catalog = encoded({"nodes": {"model.shop.orders": {"columns": there}}, "sources": {}, "errors": ["x"]})
    project = load_project(manifest(nodes=model(columns={"id": {"name": "id"}})), catalog)
    (column,) = project.nodes["model.shop.orders"].columns
    assert (column.name, column.data_type) == ("id", "INT")
    assert any("1 error of dbt docs generate" in note for note in project.notes)


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
    ("version", "words"), [(3, "older than dbt 1.0"), (13, "not known here (latest: v12)"), (21, "not known")]
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
        "manifest.json does not state its schema version; it was read as the latest known one.",
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


@pytest.mark.parametrize(
    ("depends_on", "expected"),
    [
        (["model.shop.orders"], "model.shop.orders"),
        (["model.pkg.orders"], "model.pkg.orders"),
        (["model.shop.orders", "model.shop.customers"], "model.shop.orders"),
        ([], "model.pkg.orders"),
    ],
)
def test_attached_node_counts_only_among_the_parents(depends_on: list[str], expected: str) -> None:
    """A package's test runs on the project's model of the same name, though dbt attaches the package's."""
    test = generic_test(attached_node="model.pkg.orders", depends_on={"nodes": depends_on})
    package = {"model.pkg.orders": {**model()["model.shop.orders"], "package_name": "pkg"}}
    project = load_project(manifest(nodes={**model(), **model("customers"), **package, **test}))
    (found,) = project.tests.values()
    assert found.attached_node == expected


@pytest.mark.parametrize("reference", ["ref('orders', v=2)", "ref('shop', 'orders', version='2')"])
def test_reference_names_a_version_of_the_model(reference: str) -> None:
    versions = {
        f"model.shop.orders.v{number}": {**model()["model.shop.orders"], "version": number}
        for number in (1, 2)
    }
    test = generic_test(
        test_metadata={"name": "r", "kwargs": {"model": f"{{{{ get_where_subquery({reference}) }}}}"}},
        depends_on={"nodes": list(versions)},
    )
    (found,) = load_project(manifest(nodes={**versions, **test})).tests.values()
    assert found.attached_node == "model.shop.orders.v2"


@pytest.mark.parametrize(
    ("column_name", "expected"),
    [
        ('"Order Id"', "Order Id"),
        ('"a""b"', 'a"b'),
        ("`x`", "x"),
        ("[y z]", "y z"),
        ('"a" || "b"', '"a" || "b"'),
        ("tags[0]", "tags[0]"),
        ("  ", None),
    ],
)
def test_column_of_a_test_is_unquoted_as_a_whole(column_name: str, expected: str | None) -> None:
    project = load_project(manifest(nodes={**model(), **generic_test(column_name=column_name)}))
    (found,) = project.tests.values()
    assert found.column_name == expected


@pytest.mark.parametrize(
    ("column", "tags", "meta_tags"),
    [
        ({"tags": ["own"]}, ("own",), ()),
        ({"tags": ["nightly"], "config": {"tags": [], "meta": {}}}, (), ()),
        ({"tags": ["nightly", "own"], "config": {"tags": ["own"]}}, ("own",), ()),
        ({"meta": {"openmetadata": {"tags": ["PII.None"]}}, "config": {"meta": {}}}, (), ()),
        ({"config": {"meta": {"openmetadata": {"tags": ["PII.None"]}}}}, (), ("PII.None",)),
    ],
)
def test_column_config_wins_over_inherited_keys(
    column: dict[str, Any], tags: tuple[str, ...], meta_tags: tuple[str, ...]
) -> None:
    """dbt Fusion writes the node's tags and meta into a column's own keys, its own into its config."""
    (found,) = load_project(manifest(nodes=model(columns={"id": column}))).nodes["model.shop.orders"].columns
    assert (found.tags, found.meta_tags) == (tags, meta_tags)


def test_parents_without_a_table_are_passed_through() -> None:
    def reading(*names: str) -> dict[str, Any]:
        return {"depends_on": {"nodes": list(names)}}

    project = load_project(
        manifest(
            nodes={**model(), **model("uses_f", **reading("function.shop.f"))},
            functions={"function.shop.f": reading("model.shop.orders")},
            semantic_models={"semantic_model.shop.s": reading("model.shop.orders")},
            metrics={"metric.shop.m": reading("semantic_model.shop.s", "metric.shop.m")},
            saved_queries={"saved_query.shop.q": reading("metric.shop.m")},
            exposures={"exposure.shop.e": reading("saved_query.shop.q")},
        )
    )
    assert project.upstreams("model.shop.uses_f") == ("model.shop.orders",)
    assert project.upstreams("exposure.shop.e") == ("model.shop.orders",)


def test_compiled_sql_comes_from_the_step_that_compiled_it() -> None:
    """The manifest's own stays; then the run results, the last step first, then other steps' manifests."""
    names = ("mine", "ran", "earlier", "nowhere")
    nodes = {key: value for name in names for key, value in model(name).items()}
    nodes["model.shop.mine"]["compiled_code"] = "select 1"
    earlier: dict[str, Any] = {key: {"compiled_code": f"earlier {key}"} for key in nodes}
    earlier["model.shop.nowhere"] = {"compiled_code": 5}
    steps = [
        run_results(
            {"unique_id": f"model.shop.{name}", "status": "success", "compiled_code": f"{step} {name}"},
            invocation=step,
            which="run",
        )
        for step, name in (("first", "mine"), ("first", "ran"), ("second", "ran"))
        if (step, name) != ("first", "mine")
    ]
    project = load_project(
        manifest(nodes=nodes),
        run_results=[StepResults(number, data) for number, data in enumerate(steps, 1)],
        compiled=[b"<html>", manifest(nodes=earlier)],
    )
    assert {node.name: node.compiled_code for node in project.nodes.values()} == {
        "mine": "select 1",
        "ran": "second ran",
        "earlier": "earlier model.shop.earlier",
        "nowhere": None,
    }


def test_source_with_limits_and_no_freshness_is_listed() -> None:
    limits = {"warn_after": {"count": 1, "period": "day"}}
    sources = {
        "source.shop.a.checked": {"freshness": limits},
        "source.shop.a.gone": {"config": {"freshness": limits}},
        "source.shop.a.free": {"freshness": {"warn_after": {"count": None, "period": None}}},
    }
    time = "2026-01-01T00:00:00Z"
    checked = {"unique_id": "source.shop.a.checked", "status": "pass", "snapshotted_at": time}
    data = encoded({"metadata": {}, "results": [checked]})
    project = load_project(manifest(sources=sources), sources=data)
    assert project.unchecked_sources == ("source.shop.a.gone",)
    assert load_project(manifest(sources=sources)).unchecked_sources == ()


def test_manifest_without_nodes_says_so() -> None:
    (note,) = load_project(manifest()).notes
    assert note == "manifest.json has no model, seed, snapshot or source: dbt built nothing to sync."


def test_node_with_an_empty_file_path_is_a_stub() -> None:
    nodes = {**model(original_file_path=""), **model("own", original_file_path="models/own.sql")}
    found = load_project(manifest(nodes=nodes)).nodes
    assert {node.name: node.is_stub for node in found.values()} == {"orders": True, "own": False}


@pytest.mark.parametrize(
    ("has_catalog", "indexes", "is_bare"),
    [
        (True, (None, None), True),
        (True, (1, None), False),
        (True, (), False),
        (False, (None, None), False),
    ],
)
def test_catalog_without_positions_is_bare(
    has_catalog: bool, indexes: tuple[int | None, ...], is_bare: bool
) -> None:
    columns = tuple(Column(f"c{number}", index=index) for number, index in enumerate(indexes))
    found = replace(project(node("a", columns=columns)), has_catalog=has_catalog)
    assert found.catalog_is_bare is is_bare
