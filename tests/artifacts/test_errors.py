"""Files that are no artifacts: the error names the file and the place."""

import gc
import gzip
import json
import mmap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.reading import ArtifactError
from tests.artifacts.making import ADDRESS, encoded, generic_test, manifest, model, result, run_results

GOOD = manifest(nodes={**model(columns={"id": {"name": "id"}}), **generic_test()})


def refusal(data: bytes) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        load_project(data)
    return caught.value


def outcome(data: bytes) -> str:
    try:
        load_project(data)
    except ArtifactError as error:
        return f"an error in {error.file}"
    return "a project"


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (b"", "manifest.json is empty"),
        (b"  \n", "manifest.json is empty"),
        (b"<!DOCTYPE html><html>", "manifest.json is a web page, not JSON"),
        (gzip.compress(GOOD), "manifest.json is compressed (gzip), not JSON"),
        (GOOD[: len(GOOD) // 2], "manifest.json is cut off"),
        (b"Internal Server Error", "manifest.json is not valid JSON"),
        (b"\x00\x01\x02", "manifest.json is not valid JSON"),
        (b"[]", "manifest.json has an unexpected value: expected `object`, got `array`"),
        (
            b'{"status": {"code": 404}}',
            "manifest.json has an unexpected value: object missing required field `nodes`",
        ),
        (GOOD + b"x", "manifest.json is not valid JSON"),
    ],
)
def test_what_is_no_manifest_is_named(data: bytes, title: str) -> None:
    error = refusal(data)
    assert error.title.startswith(title)
    assert error.file == "manifest.json"
    assert error.evidence[0].startswith("manifest.json")
    assert error.causes
    assert error.fixes


ODD_VALUE = "manifest.json has unexpected values, which are left out: 1, first at {}."
ODD_ENTRY = "manifest.json has entries that cannot be read and are left out: 1, first at {}."


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        ({"nodes": {"model.shop.a": "x"}}, ODD_ENTRY.format('$.nodes["model.shop.a"]')),
        ({"nodes": {"model.shop.a": None}}, ODD_ENTRY.format('$.nodes["model.shop.a"]')),
        ({"nodes": model("a", columns=[])}, ODD_VALUE.format('$.nodes["model.shop.a"].columns')),
        ({"nodes": model("a", schema={})}, ODD_ENTRY.format('$.nodes["model.shop.a"].schema')),
        ({"nodes": model("a", schema=True)}, ODD_ENTRY.format('$.nodes["model.shop.a"].schema')),
        ({"nodes": model("a", tags={"x": 1})}, ODD_VALUE.format('$.nodes["model.shop.a"].tags')),
        ({"nodes": model("a", tags=["x", ["y"]])}, ODD_VALUE.format('$.nodes["model.shop.a"].tags[1]')),
        ({"nodes": model("a", description=[])}, ODD_VALUE.format('$.nodes["model.shop.a"].description')),
        ({"nodes": model("a", meta=[])}, ODD_VALUE.format('$.nodes["model.shop.a"].meta')),
        ({"nodes": model("a", config=[])}, ODD_VALUE.format('$.nodes["model.shop.a"].config')),
        (
            {"nodes": model("a", config={"enabled": "maybe"})},
            ODD_ENTRY.format('$.nodes["model.shop.a"].config.enabled'),
        ),
        (
            {"nodes": model("a", depends_on=["model.shop.orders"])},
            ODD_ENTRY.format('$.nodes["model.shop.a"].depends_on'),
        ),
        (
            {"nodes": model("a", columns={"id": {"description": {}}})},
            ODD_VALUE.format('$.nodes["model.shop.a"].columns["id"].description'),
        ),
        (
            {"nodes": model("a", columns={"id": 5})},
            ODD_VALUE.format('$.nodes["model.shop.a"].columns["id"]'),
        ),
        (
            {"nodes": generic_test("a", test_metadata={"name": None})},
            ODD_ENTRY.format('$.nodes["test.shop.a.abc"].test_metadata'),
        ),
        (
            {"sources": {"source.shop.a.b": {"tags": {}}}},
            ODD_VALUE.format('$.sources["source.shop.a.b"].tags'),
        ),
        ({"sources": []}, ODD_VALUE.format("$.sources")),
        ({"exposures": "none"}, ODD_VALUE.format("$.exposures")),
        ({"disabled": {"model.shop.a": [{}, 3]}}, ODD_ENTRY.format('$.disabled["model.shop.a"][1]')),
        ({"disabled": 3}, ODD_VALUE.format("$.disabled")),
        ({"unit_tests": {"unit_test.shop.a": None}}, ODD_ENTRY.format('$.unit_tests["unit_test.shop.a"]')),
        ({"metrics": {"metric.shop.a": []}}, ODD_ENTRY.format('$.metrics["metric.shop.a"]')),
        ({"metadata": {"adapter_type": []}}, ODD_VALUE.format("$.metadata.adapter_type")),
    ],
)
def test_odd_value_is_left_out_and_placed(parts: dict[str, Any], note: str) -> None:
    nodes = parts.get("nodes", {})
    project = load_project(manifest(**{**parts, "nodes": {**model(), **nodes}}))
    assert project.notes == (note,)
    assert project.nodes["model.shop.orders"].schema == "marts"
    if "model.shop.a" in nodes and note.startswith(ODD_VALUE[:30]):
        assert project.nodes["model.shop.a"].schema == "marts"
    odd = {key for key in nodes if not key.endswith(".orders")}
    assert odd <= project.unreadable


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"schema": 2024}, {"schema": "2024"}),
        ({"description": 5}, {"description": "5"}),
        ({"alias": 7.5}, {"identifier": "7.5"}),
        ({"config": {"enabled": "TRUE", "materialized": "view"}}, {"materialized": "view"}),
        ({"config": None}, {"materialized": None}),
        ({"columns": None}, {"columns": ()}),
        ({"depends_on": {"nodes": [None, "source.shop.a.b"]}}, {"depends_on": ("source.shop.a.b",)}),
    ],
)
def test_number_or_null_is_read_for_a_text(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    node = load_project(manifest(nodes=model(**fields))).nodes["model.shop.orders"]
    assert {name: getattr(node, name) for name in expected} == expected


def test_manifest_without_a_mapping_of_nodes_is_an_error() -> None:
    error = refusal(manifest(nodes=[]))
    assert error.place == "$.nodes"
    assert "got `array`" in error.title


def test_another_artifact_under_the_manifest_s_name() -> None:
    error = refusal(manifest(metadata={"dbt_schema_version": ADDRESS.format("catalog", 1)}))
    assert error.title == "manifest.json holds another artifact: catalog"


def test_unreadable_optional_file_becomes_a_note() -> None:
    steps = [StepResults(4, run_results(result("pass"))), StepResults(7, b'{"results": {}}')]
    project = load_project(GOOD, b"<html>", steps, b"")
    assert project.notes == (
        "catalog.json is a web page, not JSON: it is left out, with the columns' types and the owners in it"
        " (catalog.json).",
        "run_results.json (step 7) has an unexpected value: expected `array`, got `object`: it is left out,"
        " with the results in it (run_results.json (step 7), $.results).",
        "sources.json is empty: it is left out, with the freshness in it (sources.json).",
    )
    assert not project.has_catalog
    assert len(project.results) == 1


@pytest.mark.parametrize(
    ("entry", "note"),
    [
        ({"status": None}, "run_results.json has entries that cannot be read and are left out"),
        ({"unique_id": None}, "run_results.json has entries that cannot be read and are left out"),
        ({"message": {"x": 1}}, "run_results.json has unexpected values, which are left out"),
        ({"failures": True}, "run_results.json has unexpected values, which are left out"),
        ({"adapter_response": "OK"}, "run_results.json has unexpected values, which are left out"),
        ({"timing": "soon"}, "run_results.json has unexpected values, which are left out"),
    ],
)
def test_odd_result_costs_itself_alone(entry: dict[str, Any], note: str) -> None:
    other = generic_test("other")
    odd = {**result("fail", failures=2), **entry}
    project = load_project(
        manifest(nodes={**model(), **generic_test(), **other}),
        run_results=[StepResults(None, run_results(odd, result("pass", unique_id=next(iter(other)))))],
    )
    assert project.results[next(iter(other))].status == "pass"
    (said,) = project.notes
    assert said.startswith(f"{note}: 1, first at $.results[0]")
    if "cannot be read" not in note:
        assert project.results["test.shop.not_null_orders_id.abc"].status == "fail"


def test_odd_values_of_the_catalog_cost_themselves_alone() -> None:
    columns = {
        "a": {"name": "a", "type": None, "index": "2", "comment": 2024},
        "b": {"name": "b", "type": [], "index": 1.0},
        "c": 5,
    }
    catalog = {
        "metadata": {"dbt_schema_version": ADDRESS.format("catalog", 1)},
        "nodes": {"model.shop.orders": {"metadata": {"owner": 1001}, "columns": columns}, "model.shop.x": 3},
        "errors": {"message": "x"},
    }
    documented = {name: {"name": name} for name in columns}
    project = load_project(manifest(nodes={**model(columns=documented), **model("x")}), encoded(catalog))
    node = project.nodes["model.shop.orders"]
    assert node.owners == ("1001",)
    assert [(c.name, c.data_type, c.index, c.comment) for c in node.columns] == [
        ("b", None, 1, None),
        ("a", None, 2, "2024"),
        ("c", None, None, None),
    ]
    assert project.notes == (
        "catalog.json holds 1 error of dbt docs generate: some tables lack their columns' types.",
        "catalog.json has unexpected values, which are left out: 2, first at"
        ' $.nodes["model.shop.orders"].columns["b"].type.',
        'catalog.json has entries that cannot be read and are left out: 1, first at $.nodes["model.shop.x"].',
    )


def test_odd_source_freshness_costs_itself_alone() -> None:
    time = "2026-01-01T00:00:00Z"
    odd = {"unique_id": "source.shop.a.b", "status": 5.5, "criteria": [], "snapshotted_at": time}
    good = {"unique_id": "source.shop.a.c", "status": "pass", "snapshotted_at": time}
    metadata = {"dbt_schema_version": ADDRESS.format("sources", 3)}
    data = encoded({"metadata": metadata, "results": [3, odd, good]})
    project = load_project(GOOD, sources=data)
    assert {key: item.status for key, item in project.freshness.items()} == {
        "source.shop.a.b": "runtime error",
        "source.shop.a.c": "pass",
    }
    assert "sources.json has unexpected values, which are left out: 1, first at $.results[1].criteria." in (
        project.notes
    )


def bomb(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
@pytest.mark.parametrize(("opening", "middle", "closing"), [("[", "", "]"), ('{"a":', "1", "}")])
def test_a_nesting_bomb_is_refused_with_its_place(
    depth: int, opening: str, middle: str, closing: str
) -> None:
    inside = opening * depth + middle + closing * depth
    skipped = json.dumps({"nodes": {}, "unused": "@"}).replace('"@"', inside)
    kept = json.dumps({"nodes": model(meta={"owner": "@"})}).replace('"@"', inside)
    for data in (skipped, kept):
        error = refusal(data.encode())
        assert error.title == "manifest.json is nested too deep to be a dbt artifact"
        place = int(error.place.removeprefix("byte ").replace(",", ""))
        assert data.index(inside) < place < data.index(inside) + len(opening) * 500
    for data in (inside, json.dumps({"nodes": {}}).replace("{}", inside)):
        assert refusal(data.encode()).place


def test_ten_levels_are_no_bomb_in_meta_and_a_wrong_type_elsewhere() -> None:
    deep = json.loads(bomb(10))
    assert load_project(manifest(nodes=model(meta={"anything": deep, "owner": deep}))).nodes
    assert refusal(manifest(nodes=deep)).place == "$.nodes"


@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        (
            generic_test("a", test_metadata={"name": "x", "kwargs": {"values": json.loads(bomb(200))}}),
            '$.nodes["test.shop.a.abc"].test_metadata.kwargs',
        ),
        (
            model("a", meta={"openmetadata": {"customProperties": {"x": json.loads(bomb(200))}}}),
            '$.nodes["model.shop.a"].meta.openmetadata.customProperties',
        ),
        (model("a", description="m\udcff"), '$.nodes["model.shop.a"]'),
    ],
)
def test_entry_out_of_all_reason_is_left_out(nodes: dict[str, Any], place: str) -> None:
    data = manifest(nodes={**model(), **nodes}).replace(b"\\udcff", b"\xff")
    project = load_project(data)
    assert project.notes == (ODD_ENTRY.format(place),)
    assert list(project.nodes) == ["model.shop.orders"]
    assert not project.tests
    assert project.unreadable == set(nodes)


@given(st.integers(0, len(GOOD) - 1))
def test_a_manifest_cut_anywhere_is_refused(length: int) -> None:
    assert refusal(GOOD[:length]).file == "manifest.json"


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_byte_never_crashes(position: int, damage: bytes) -> None:
    data = GOOD[:position] + damage + GOOD[position + 1 :]
    assert outcome(data) in ("a project", "an error in manifest.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "nodes",
                        "metadata",
                        "config",
                        "meta",
                        "columns",
                        "tags",
                        "openmetadata",
                        "owner",
                        "test_metadata",
                        "kwargs",
                        "name",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_project_or_an_error(value: object) -> None:
    nodes = {f"{kind}.shop.a": value for kind in ("model", "source", "test")}
    for data in (value, {"nodes": value}, {"nodes": nodes}, {"nodes": {}, "disabled": nodes}):
        assert outcome(encoded(data)) in ("a project", "an error in manifest.json")


@pytest.mark.parametrize("content", [GOOD, GOOD[:-40], manifest(nodes=[]), bomb(20_000).encode()])
def test_a_mapped_file_can_be_closed_after_success_and_after_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if content == GOOD:
            assert "model.shop.orders" in load_project(mapped).nodes
            mapped.close()
        else:
            with pytest.raises(ArtifactError) as caught:
                load_project(mapped)
            mapped.close()
            assert caught.value.file == "manifest.json"
    assert mapped.closed


@pytest.mark.parametrize("content", [GOOD, GOOD[:-40]])
def test_the_cycle_collector_works_again_afterwards(content: bytes) -> None:
    outcome(content)
    assert gc.isenabled()


@pytest.mark.parametrize("half", [r"\ud800", r"\uDFFF", r"\udc00\ud800", r"\\\ud83d!"])
def test_half_a_character_costs_itself_alone(half: str) -> None:
    """Python's JSON writer, and so dbt's, writes half a surrogate pair that a YAML file holds."""
    text = manifest(nodes=model(description="a @ b \U0001f600 \\ud800 in words")).replace(b"@", half.encode())
    project = load_project(text)
    shown = {r"\\\ud83d!": "\\�!", r"\udc00\ud800": "��"}.get(half, "�")
    assert project.nodes["model.shop.orders"].description == f"a {shown} b \U0001f600 \\ud800 in words"
    assert project.notes == ()
