"""dbt's selectors: the same nodes as dbt's own ``ls``, and what is said where one matches nothing.

``dbt_ls.json`` holds what dbt-core 1.10.23 answers for the sandbox's project (``dbt ls --select … --exclude …
--output json``), without ephemeral models, tests and exposures.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbtcollate_tui.artifacts.load import load_project
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.plan.selection.graph import Graph
from dbtcollate_tui.plan.selection.selectors import select_nodes
from dbtcollate_tui.sandbox.shop_data import load_runs
from tests.support.builders import node, project

CASES = json.loads(Path(__file__).with_name("dbt_ls.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shop() -> Project:
    recorded = next(run for run in load_runs() if run.name == "nightly-success")
    manifest = recorded.artifact(6, "manifest.json")
    assert manifest is not None
    return load_project(manifest)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['select']}-{case['exclude']}")
def test_selects_what_dbt_selects(shop: Project, case: dict[str, Any]) -> None:
    graph = Graph.of(shop)
    if case["found"]:
        assert sorted(select_nodes(graph, case["select"], case["exclude"]) or ()) == case["found"]
    else:
        with pytest.raises(UsageError):
            select_nodes(graph, case["select"], case["exclude"])


def selected(graph: Graph, text: str) -> set[str]:
    return set(select_nodes(graph, [text]) or ())


def test_nothing_said_is_everything(shop: Project) -> None:
    assert select_nodes(Graph.of(shop)) is None
    assert select_nodes(Graph.of(shop), [""], [" "]) is None


@pytest.mark.parametrize(
    ("text", "title", "fix"),
    [
        ("fct_order", "nothing named fct_order", "select=fct_orders"),
        ("+fct_order+1", "nothing named fct_order", "select=+fct_orders+1"),
        ("tag:finanse", "nothing with tag finanse", "select=tag:finance"),
        ("path:models/stagings", "nothing with path models/stagings", "select=path:models/staging"),
        ("resource_type:models", "nothing with resource_type models", "select=resource_type:model"),
        ("source:row", "nothing with source row", ""),
        ("package:dbt_utils", "nothing with package dbt_utils", ""),
        ("state:modified", "method state: cannot be used here", ""),
        ("tags:finance", "dbt has no method tags:", ""),
        ("version:newest", "cannot be read", ""),
        ("selector:nightly", "selectors.yml has no selector nightly", ""),
        ("config:view", "dbt has no method config:", ""),
        ("tag:mart,tag:finance", "in all of tag:mart, tag:finance", ""),
        ("tag:mart,", "has an empty part", ""),
        ("+", "names nothing", ""),
        ("tag:", "names nothing", ""),
        ("@fct_orders+", "both @ and a +", ""),
        ("int_order_payments", "Nothing with a table is left", ""),
    ],
)
def test_selector_without_a_match_offers_the_nearest(shop: Project, text: str, title: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        select_nodes(Graph.of(shop), [text])
    assert title in caught.value.title
    assert caught.value.fixes
    if fix:
        assert caught.value.fixes[0].value == fix


def test_exclusion_without_a_match_is_reported(shop: Project) -> None:
    with pytest.raises(UsageError, match="fct_order"):
        select_nodes(Graph.of(shop), ["tag:mart"], ["fct_order"])


def test_beyond_dbt_a_word_is_a_unique_id_a_relation_or_a_source() -> None:
    dbt = project(
        node("orders", kind="source", source_name="erp", schema="raw"),
        node("fct_orders", identifier="ORDERS_V2"),
    )
    graph = Graph.of(dbt)
    for text in ("source.shop.orders", "erp.orders", "orders", "erp.*"):
        assert selected(graph, text) == {"source.shop.orders"}
    for text in ("model.shop.fct_orders", "ORDERS_V2", "fct_*"):
        assert selected(graph, text) == {"model.shop.fct_orders"}


def test_a_versioned_model_is_named_with_and_without_its_version() -> None:
    dbt = project(
        node("dim_v1", fqn=("shop", "marts", "dim", "v1"), versioned=True),
        node("dim_v2", fqn=("shop", "marts", "dim", "v2"), versioned=True),
    )
    graph = Graph.of(dbt)
    assert selected(graph, "dim") == {"model.shop.dim_v1", "model.shop.dim_v2"}
    assert selected(graph, "dim.v2") == selected(graph, "dim_v2") == {"model.shop.dim_v2"}


def test_a_cycle_in_the_graph_ends() -> None:
    graph = Graph.of(project(node("a", depends_on=["model.shop.b"]), node("b", depends_on=["model.shop.a"])))
    assert selected(graph, "+a") == selected(graph, "@b") == {"model.shop.a", "model.shop.b"}


def test_paths_of_windows_are_read_as_others() -> None:
    graph = Graph.of(
        project(
            node("a", original_file_path="models\\x\\a.sql"), node("b", original_file_path="models/y/b.sql")
        )
    )
    assert selected(graph, "models/x/") == selected(graph, "a.sql") == {"model.shop.a"}


DBT_112 = json.loads(Path(__file__).with_name("dbt_ls_112.json").read_text(encoding="utf-8"))
"""A manifest of dbt-core 1.12.6 with groups, versions, packages and metrics, and its ``dbt ls``."""

BEYOND_DBT = {
    "erp.orders": ["source.shop.erp.orders"],
    "source.shop.erp.orders": ["source.shop.erp.orders"],
    "crm_orders": ["model.shop.stg_crm_orders"],
    "m_*": ["model.shop.m.v1", "model.shop.m.v2", "model.shop.m.v3"],
}
"""Words that dbt finds nothing for: a source's table, a unique id, relations' names."""


@pytest.fixture(scope="module")
def graph_112() -> Graph:
    return Graph.of(load_project(json.dumps(DBT_112["manifest"]).encode()))


@pytest.mark.parametrize("case", DBT_112["cases"], ids=lambda case: f"{case['select']}-{case['exclude']}")
def test_selector_selects_what_dbt_112_selects(graph_112: Graph, case: dict[str, Any]) -> None:
    select = [case["select"]] if case["select"] else []
    exclude = [case["exclude"]] if case["exclude"] else []
    tables = {uid for uid in case["found"] if uid in graph_112.tables}
    expected = sorted(tables) or BEYOND_DBT.get(case["select"], [])
    if expected and exclude != ["nope"]:
        assert sorted(select_nodes(graph_112, select, exclude) or ()) == expected
    else:
        with pytest.raises(UsageError):
            select_nodes(graph_112, select, exclude)


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("1.10.23", {"uses_udf"}),
        ("1.11.15", {"uses_udf"}),
        ("1.11.16", {"uses_udf", "uses_m"}),
        ("1.12.5", {"uses_udf"}),
        ("1.12.6", {"uses_udf", "uses_m"}),
        ("2.0.0-preview.196", {"uses_udf", "uses_m"}),
        ("2026.4.14+9a1", {"uses_udf", "uses_m"}),
    ],
)
def test_lone_wildcard_follows_the_rule_of_the_version(version: str, found: set[str]) -> None:
    dbt = project(node("uses_udf", fqn=("shop", "uses_udf")), node("uses_m", fqn=("shop", "marts", "uses_m")))
    graph = Graph.of(replace(dbt, dbt_version=version))
    assert selected(graph, "uses_*") == {f"model.shop.{name}" for name in found}


NIGHTLY = {"method": "tag", "value": "nightly", "children": True, "children_depth": 1}
DEFINITIONS: dict[str, object] = {
    "text": {"name": "text", "definition": "tag:nightly"},
    "short": {"definition": {"tag": "nightly"}},
    "whole": {"definition": NIGHTLY},
    "union": {"definition": {"union": [NIGHTLY, {"method": "fqn", "value": "d"}, {"exclude": ["c"]}]}},
    "both": {"definition": {"intersection": ["a+", {"method": "fqn", "value": "b"}]}},
    "less": {"definition": {"method": "fqn", "value": "*", "exclude": [{"tag": "nightly"}, "nobody"]}},
    "nested": {"definition": {"method": "selector", "value": "text"}},
    "loop": {"definition": {"method": "selector", "value": "loop"}},
    "none": {"definition": {"method": "tag", "value": "nobody"}},
    "odd": {"definition": {"union": "a"}},
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("text", "a"),
        ("short", "a"),
        ("whole", "ab"),
        ("union", "abd"),
        ("both", "b"),
        ("less", "bcd"),
        ("nested", "a"),
        ("te*", "a"),
        ("loop", None),
        ("none", None),
        ("odd", None),
    ],
)
def test_selector_of_selectors_yml(name: str, found: str | None) -> None:
    dbt = project(
        node("a", tags=["nightly"]),
        node("b", depends_on=["model.shop.a"]),
        node("c", depends_on=["model.shop.b"]),
        node("d"),
    )
    graph = Graph.of(replace(dbt, selectors=DEFINITIONS))
    if found is None:
        with pytest.raises(UsageError):
            selected(graph, f"selector:{name}")
    else:
        assert selected(graph, f"selector:{name}") == {f"model.shop.{letter}" for letter in found}


def test_path_of_a_package_needs_the_same_path_in_the_project() -> None:
    """dbt looks for paths on the project's disk, where packages lie elsewhere."""
    dbt = project(
        node("a", original_file_path="models/marts/a.sql"),
        node("b", original_file_path="models/marts/b.sql", package_name="other"),
    )
    graph = Graph.of(dbt)
    assert selected(graph, "models/marts") == {"model.shop.a", "model.shop.b"}
    assert selected(graph, "models/marts/*") == selected(graph, "models/**/*.sql") == {"model.shop.a"}
    with pytest.raises(UsageError):
        selected(graph, "models/marts/b.sql")
