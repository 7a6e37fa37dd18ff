"""What servers answer that the sandbox does not: the sync says the truth and ends its disagreement."""

from pathlib import Path
from typing import Any

import pytest

from dbtcollate_tui.collate.errors import InvalidRequestError
from dbtcollate_tui.sandbox.collate import quality, tables
from dbtcollate_tui.sandbox.collate.api import ApiError
from tests.cases.runner import cases, load_case

GOLD = {
    "tagLabel": {
        "tagFQN": "Certification.Gold",
        "source": "Classification",
        "labelType": "Manual",
        "state": "Confirmed",
    },
    "appliedDate": 1790000000000,
    "expiryDate": 1890000000000,
}


async def test_certification_survives_a_data_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of 1.13.0 to OpenMetadata PR 31007 take it away with the data model's write."""
    put = tables.put_data_model

    def put_data_model(call: Any) -> Any:
        answer = put(call)
        table = call.store.by_id("table", call.params["id"])
        call.store.save("table", {key: table[key] for key in table if key != "certification"})
        return answer

    monkeypatch.setattr(tables, "put_data_model", put_data_model)
    async with cases() as world:
        place = world.place(tmp_path)
        case = load_case("certified")
        await place.prepare(case)
        ((name, table),) = (await place.tables()).items()
        op = {"op": "add", "path": "/certification", "value": GOLD}
        await world.collate.patch_table(table["id"], [op])
        first = await place.sync(case)
        assert first.failures == []
        assert "data_model main.m1" in first.changes
        kept = await world.collate.table(f"{place.service}.{name}", ("certification",))
        assert kept is not None
        assert kept.certification["tagLabel"]["tagFQN"] == "Certification.Gold"


async def test_long_test_name_says_what_to_shorten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = quality.build_case

    def build_case(call: Any, body: Any) -> Any:
        if len(body["name"]) > 256:
            raise ApiError(
                500,
                "An exception with message [value too long for type character varying(256)] was thrown while "
                "processing request.",
            )
        return build(call, body)

    monkeypatch.setattr(quality, "build_case", build_case)
    async with cases() as world:
        place = world.place(tmp_path)
        case = load_case("long-test-name")
        await place.prepare(case)
        found = (await place.sync(case)).failures
    assert found
    assert "a name or a text is too long for this server" in found[0]


async def test_case_is_tried_again_where_the_suite_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = quality.build_case
    seen: set[str] = set()

    def build_case(call: Any, body: Any) -> Any:
        table = body["entityLink"].split("::")[2]
        if table not in seen:
            seen.add(table)
            raise ApiError(404, f"testSuite instance for {table}.testSuite not found")
        return build(call, body)

    monkeypatch.setattr(quality, "build_case", build_case)
    async with cases() as world:
        place = world.place(tmp_path)
        case = load_case("mesh-a")
        await place.prepare(case)
        first = await place.sync(case)
        assert first.failures == []
        assert (await place.sync(case)).changes == []


async def test_tags_that_the_data_model_delivered_did_not_fail(tmp_path: Path) -> None:
    """Each patch of the table is refused, as where a constraint names a column that is gone."""
    async with cases() as world:
        place = world.place(tmp_path)
        case = load_case("mesh-a")
        await place.prepare(case)
        patch = world.collate.patch_table

        async def refuse(*given: Any, **named: Any) -> Any:
            del given, named
            raise refusal

        words = "Invalid column name gone"
        refusal = InvalidRequestError(f"Could not change the table: {words}", status=400, message=words)
        world.collate.patch_table = refuse  # type: ignore[method-assign]
        first = await place.sync(case)
        world.collate.patch_table = patch  # type: ignore[method-assign]
        failed = [line for line in first.failures if "dbtTags" in line or "owners" in line]
        assert failed == []
        assert first.failures
        kinds = {change.split()[0] for change in (await place.sync(case)).changes}
    assert kinds == {"description"}
