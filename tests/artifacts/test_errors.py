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
from tests.artifacts.making import ADDRESS, encoded, generic_test, manifest, model, run_results

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
    assert error.cures


@pytest.mark.parametrize(
    ("parts", "place", "words"),
    [
        ({"nodes": []}, "$.nodes", "expected `object | null`, got `array`"),
        ({"nodes": {"model.shop.a": "x"}}, '$.nodes["model.shop.a"]', "expected `object`, got `str`"),
        ({"nodes": model(name="a", columns=[])}, '$.nodes["model.shop.a"].columns', "got `array`"),
        (
            {"nodes": model(schema=5)},
            '$.nodes["model.shop.orders"].schema',
            "expected `str | null`, got `int`",
        ),
        (
            {"nodes": model(columns={"id": {"description": {}}})},
            '$.nodes["model.shop.orders"].columns[...].description',
            "got `object`",
        ),
        ({"sources": {"source.shop.a.b": {"tags": {}}}}, '$.sources["source.shop.a.b"].tags', "got `object`"),
        ({"disabled": {"model.shop.a": [{}, 3]}}, '$.disabled["model.shop.a"][1]', "got `int`"),
        ({"unit_tests": {"unit_test.shop.a": None}}, '$.unit_tests["unit_test.shop.a"]', "got `null`"),
        ({"metadata": {"generated_at": 5}}, "$.metadata.generated_at", "got `int`"),
    ],
)
def test_a_wrong_type_is_placed(parts: dict[str, Any], place: str, words: str) -> None:
    error = refusal(manifest(**parts))
    assert error.place == place
    assert words in error.title
    assert f"manifest.json, {place}" in error.evidence


def test_another_artifact_under_the_manifest_s_name() -> None:
    error = refusal(manifest(metadata={"dbt_schema_version": ADDRESS.format("catalog", 1)}))
    assert error.title == "manifest.json holds another artifact: catalog"


def test_other_files_are_named_with_their_step() -> None:
    with pytest.raises(ArtifactError) as caught:
        load_project(
            GOOD, None, [StepResults(4, run_results()), StepResults(7, b'{"results": [{"status": 1}]}')]
        )
    assert (caught.value.file, caught.value.place) == ("run_results.json (step 7)", "$.results[0].status")
    with pytest.raises(ArtifactError) as caught:
        load_project(GOOD, b'{"nodes": {"model.shop.orders": {"columns": {"ID": {"index": "1"}}}}}')
    assert (caught.value.file, caught.value.place) == (
        "catalog.json",
        '$.nodes["model.shop.orders"].columns[...].index',
    )
    with pytest.raises(ArtifactError) as caught:
        load_project(GOOD, sources=b'{"results": {}}')
    assert (caught.value.file, caught.value.place) == ("sources.json", "$.results")


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
            generic_test(test_metadata={"name": "x", "kwargs": {"values": json.loads(bomb(200))}}),
            '$.nodes["test.shop.not_null_orders_id.abc"].test_metadata.kwargs',
        ),
        (
            model(meta={"openmetadata": {"customProperties": {"x": json.loads(bomb(200))}}}),
            '$.nodes["model.shop.orders"].meta.openmetadata.customProperties',
        ),
    ],
)
def test_a_kept_value_is_not_kept_deeper_than_anyone_writes(nodes: dict[str, object], place: str) -> None:
    error = refusal(manifest(nodes=nodes))
    assert (error.title, error.place) == ("manifest.json has a value nested over 64 levels deep", place)


def test_invalid_text_is_placed() -> None:
    error = refusal(GOOD.replace(b'"marts"', b'"m\xffrts"'))
    assert error.title.startswith("manifest.json is not valid JSON")
    assert error.place == '$.nodes["model.shop.orders"]'


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


@pytest.mark.parametrize(
    "content", [GOOD, GOOD[:-40], manifest(nodes=model(schema=5)), bomb(20_000).encode()]
)
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
