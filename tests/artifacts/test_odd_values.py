"""Every odd value at every place of a small project: it costs itself alone, and a note names its place."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Project
from tests.artifacts.making import encoded, generic_test, manifest, model, result, run_results

Path = tuple[str | int, ...]
MISSING = object()
KNOWN = "test.shop.not_null_orders_id.abc"
HALF = "\ud800"
SHAPELESS = [["x"]]
"""What no field of a known type takes."""
ANY_SHAPE = {"customProperties", "latest_version_pointer", "warn_after"}
"""Below these a project may write what it likes."""
ODD: list[Any] = [
    None, 5, -1.5, True, "", "x", HALF, float("nan"), float("-inf"), 10**30, 1e308, [], {}, [None], [5],
    [{}], {"a": None}, {"a": {"b": [1]}}, {"": []}, SHAPELESS, MISSING,
]  # fmt: skip

COLUMN = {
    "name": "id",
    "description": "Key",
    "data_type": "int",
    "tags": ["pii"],
    "meta": {"owner": "a"},
    "config": {"meta": {"openmetadata": {"tier": "Tier.Tier1"}}, "tags": ["b"]},
    "constraints": [{"type": "foreign_key", "columns": ["id"], "to": "ref('orders')", "to_columns": ["id"]}],
}
ODD_ONES: dict[str, dict[str, Any]] = {
    "nodes": {
        **model(
            "odd",
            alias="Odd",
            description="Text",
            tags=["t"],
            meta={
                "openmetadata": {
                    "owner": ["a", "b"],
                    "tier": "Tier.Tier2",
                    "tags": ["A.b"],
                    "glossary": ["G.t"],
                    "domain": "Sales",
                    "dataProducts": ["p"],
                    "customProperties": {"k": 1},
                }
            },
            columns={"id": COLUMN},
            depends_on={"nodes": ["model.shop.orders"]},
            compiled_code="select 1",
            raw_code="select 1",
            version=2,
            latest_version=2,
            fqn=["shop", "odd"],
            access="public",
            group="g",
            contract={"enforced": True},
            deprecation_date="2027-01-01",
            patch_path="shop://models/odd.yml",
            original_file_path="models/odd.sql",
            relation_name='"a"."b"',
            constraints=[{"type": "primary_key", "columns": ["id"]}],
            config={
                "materialized": "table",
                "enabled": True,
                "tags": ["u"],
                "meta": {"open_metadata": {"tier": "Tier.Tier2"}},
                "latest_version_pointer": {"enabled": True},
                "group": "g",
                "contract": {"enforced": True},
            },
        ),
        **generic_test(
            "odd_test", config={"severity": "warn", "where": "id > 1", "meta": {"a": 1}}, fqn=["t"]
        ),
    },
    "sources": {
        "source.shop.raw.odd": {
            "resource_type": "source",
            "name": "odd",
            "source_name": "raw",
            "identifier": "odd",
            "database": "ANALYTICS",
            "schema": "raw",
            "description": "Text",
            "freshness": {"warn_after": {"count": 1, "period": "day"}},
            "columns": {"id": {"name": "id"}},
        }
    },
    "exposures": {
        "exposure.shop.odd": {
            "resource_type": "exposure",
            "name": "odd",
            "type": "dashboard",
            "label": "Odd",
            "url": "https://bi.example/1",
            "maturity": "high",
            "owner": {"name": "a", "email": "a@b.example"},
            "depends_on": {"nodes": ["model.shop.orders"]},
        }
    },
    "unit_tests": {
        "unit_test.shop.odd.u": {
            "resource_type": "unit_test",
            "name": "u",
            "model": "orders",
            "depends_on": {"nodes": ["model.shop.orders"]},
        }
    },
    "groups": {"group.shop.g": {"resource_type": "group", "name": "g", "owner": {"email": ["a@b.example"]}}},
    "metrics": {
        "metric.shop.odd": {
            "resource_type": "metric",
            "name": "odd",
            "label": "Odd",
            "type": "simple",
            "type_params": {
                "measure": {"name": "m", "filter": {"where_filters": [{"where_sql_template": "x"}]}}
            },
            "depends_on": {"nodes": ["semantic_model.shop.odd"]},
        }
    },
    "semantic_models": {
        "semantic_model.shop.odd": {
            "resource_type": "semantic_model",
            "name": "odd",
            "model": "ref('orders')",
            "node_relation": {"relation_name": '"ANALYTICS"."marts"."orders"'},
            "measures": [{"name": "m", "agg": "sum", "expr": "id"}],
            "dimensions": [{"name": "d", "type": "time", "expr": "d"}],
            "depends_on": {"nodes": ["model.shop.orders"]},
        }
    },
}
GOOD = {**model(description="Fine", columns={"id": {"name": "id"}}), **generic_test()}


def places(value: Any, place: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from places(inner, (*place, key))


def changed(whole: Any, place: Path, odd: object) -> Any:
    found = copy.deepcopy(whole)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    if odd is MISSING:
        del inner[place[-1]]
    else:
        inner[place[-1]] = odd
    return found


def load(parts: dict[str, Any], results: bytes | None = None) -> Project:
    nodes = {**GOOD, **parts["nodes"]}
    found = results or run_results(result("pass"), result("fail", unique_id="test.shop.odd_test.abc"))
    project = load_project(manifest(**{**parts, "nodes": nodes}), None, [StepResults(1, found)])
    json.dumps(project.notes).encode()
    repr((project.nodes, project.tests, project.results, project.metrics, project.exposures)).encode()
    return project


def facts(project: Project) -> tuple[object, ...]:
    return (
        *(project.nodes, project.ephemeral, project.disabled, project.tests, project.exposures),
        *(project.metrics, project.semantic_models, project.groups, project.results),
    )


@pytest.mark.parametrize("part", ODD_ONES)
def test_odd_value_in_the_manifest_costs_itself_alone(part: str) -> None:
    whole = load(ODD_ONES)
    for place in places(ODD_ONES[part]):
        for odd in ODD:
            if odd is MISSING and isinstance(place[-1], int):
                continue
            project = load({**ODD_ONES, part: changed(ODD_ONES[part], place, odd)})
            where = f"{place} = {odd!r:.40}"
            assert project.nodes["model.shop.orders"] == whole.nodes["model.shop.orders"], where
            assert project.tests[KNOWN] == whole.tests[KNOWN], where
            assert project.results[KNOWN] == whole.results[KNOWN], where
            others = {name for one in ODD_ONES if one != part for name in ODD_ONES[one]}
            assert not others & project.unreadable, where
            if odd is SHAPELESS and not ANY_SHAPE & {*place} and facts(project) != facts(whole):
                added = [note for note in project.notes if note not in whole.notes]
                assert any(str(place[0]) in note for note in added), (where, added)


def test_odd_value_in_a_result_costs_its_result() -> None:
    odd_one = result("fail", unique_id="test.shop.odd_test.abc", failures=3, message="Got 3")
    good, whole = result("pass"), load(ODD_ONES)
    for place in places(odd_one):
        for odd in ODD:
            if odd is MISSING and isinstance(place[-1], int):
                continue
            changed_one = changed(odd_one, place, odd)
            project = load(ODD_ONES, run_results(changed_one, good))
            assert project.results[KNOWN] == whole.results[KNOWN], f"{place} = {odd!r:.40}"
            if odd is SHAPELESS and place in (("status",), ("unique_id",)):
                assert any(
                    "run_results.json (step 1)" in note and "$.results[0]" in note for note in project.notes
                )


def test_entries_that_are_no_results_are_placed() -> None:
    project = load(ODD_ONES, encoded({**json.loads(run_results()), "results": [5, None, result("pass")]}))
    assert set(project.results) == {KNOWN}
    assert any("2, first at $.results[0]" in note for note in project.notes), project.notes
