"""From a symptom to its fix by explaining one table: the verdict names the cause, the fix makes it good."""

import json
import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.plan.explanation.explain import Explanation
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.setup.fix_fields import changed_profile
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.explain import explain_table
from tests.support.world import World, engine_of, world
from tests.troubleshooting.walks import LIFTED, Case, field_fix_of, lift, walk_for

GOOD = "Everything dbt says about this table is in Collate."


async def explained(here: World, name: str) -> Explanation:
    found = await explain_table(await engine_of(here), name, levels=1)
    assert found.explanation is not None, found.lookup
    return found.explanation


async def synced(here: World, scope: Scope = WHOLE) -> None:
    async for _ in run_direct(await engine_of(here), scope=scope):
        pass


UNREADABLE = [case for case in LIFTED if case.scenario not in ("missing-catalog", "not-ingested")]
"""Symptoms of a whole system: nothing can be explained, and the error names the cause."""
READ_ONLY = "collate-read-only"


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.scenario)
async def test_error_of_a_system_names_its_cause_until_fixed(case: Case) -> None:
    async with world(case.scenario) as here:
        if case.scenario == READ_ONLY:
            await synced(here)
            assert not (await explained(here, "stg_orders")).is_good
        else:
            with pytest.raises(ActionableError) as caught:
                await explained(here, "stg_orders")
            told = (caught.value.title, *caught.value.causes)
            assert any(case.cause in text for text in told), told
        lift(here)
        await synced(here)
        found = await explained(here, "stg_orders")
    assert (found.verdict, found.is_good) == (GOOD, True)


@pytest.mark.parametrize(
    ("scenario", "name", "words"),
    [
        ("missing-catalog", "stg_orders", "The run has no catalog.json"),
        ("stale", "stg_orders", "finished 9 d ago"),
        ("not-ingested", "seed.shop.orders", "schema not ingested or filtered out"),
        ("not-ingested", "stg_orders", "Lineage is incomplete: 1 of 1 upstream table is not in Collate"),
        ("step-ignored", "stg_orders", "5 of 5 tests have no result in the run"),
        ("wrong-service", "stg_orders", "no schema staging in it"),
    ],
)
async def test_verdict_names_the_cause_until_it_is_gone(scenario: str, name: str, words: str) -> None:
    async with world(scenario) as here:
        await synced(here) if scenario != "wrong-service" else None
        found = await explained(here, name)
        assert words in found.verdict
        assert not found.is_good
        if scenario == "wrong-service":
            walk, _ = await walk_for(here, "no-lineage")
            assert walk.finding is not None
            here.profile = changed_profile(here.profile, field_fix_of(walk.finding, "service="))
        else:
            lift(here)
            shutil.rmtree(here.services.artifacts.folder)  # a later run has files of its own
        await synced(here)
        found = await explained(here, name)
    assert (found.verdict, found.is_good) == (GOOD, True)


@pytest.mark.parametrize(
    ("scenario", "wrong", "cause", "right"),
    [
        ("upper-case", {"match_case": "exact"}, "case_differs", {"match_case": "exact_then_unique"}),
        ("", {"database_map": {"shop": "elsewhere"}}, "database_not_ingested", {"database_map": {}}),
    ],
)
async def test_option_that_the_cause_names_finds_the_table(
    scenario: str, wrong: Mapping[str, object], cause: str, right: Mapping[str, object]
) -> None:
    async with world(scenario) as here:
        with_options(here, wrong)
        found = await explained(here, "stg_orders")
        assert found.unmatched is not None
        assert found.unmatched.cause == cause
        assert not found.is_good
        with_options(here, right)
        await synced(here)
        found = await explained(here, "stg_orders")
    assert (found.verdict, found.is_good) == (GOOD, True)


class TableInCollate:
    """A table of the sandbox that can be dropped and ingested again, under another name too."""

    def __init__(self, collate: CollateClient, table: dict[str, Any]) -> None:
        self._collate = collate
        self._table = table

    @classmethod
    async def of(cls, here: World, fqn: str) -> "TableInCollate":
        collate = await here.connections.collate()
        answer = await collate.call("GET", f"/tables/name/{fqn}", doing="show the table")
        return cls(collate, json.loads(answer.content))

    async def drop(self, name: str = "") -> None:
        fqn = f"{self._table['databaseSchema']['fullyQualifiedName']}.{name or self._table['name']}"
        params = {"hardDelete": "true", "recursive": "true"}
        await self._collate.call("DELETE", f"/tables/name/{fqn}", doing="drop the table", params=params)

    async def ingest(self, name: str = "") -> None:
        body = {
            "name": name or self._table["name"],
            "databaseSchema": self._table["databaseSchema"]["fullyQualifiedName"],
            "columns": [
                {"name": column["name"], "dataType": column["dataType"]} for column in self._table["columns"]
            ],
        }
        await self._collate.call("PUT", "/tables", doing="ingest the table", body=body)


@pytest.mark.parametrize(
    ("name", "others", "cause", "words"),
    [
        ("raw.country_codes", (), "table_not_ingested", "table not ingested"),
        ("staging.stg_orders", ("stg_orderz",), "name_differs", "name differs"),
        (
            "staging.stg_orders",
            ("STG_ORDERS", "Stg_Orders"),
            "ambiguous",
            "several tables differ in case only",
        ),
    ],
)
async def test_table_that_is_missing_is_named_until_it_is_there(
    name: str, others: tuple[str, ...], cause: str, words: str
) -> None:
    async with world() as here:
        table = await TableInCollate.of(here, f"shop_warehouse.shop.{name}")
        await table.drop()
        for other in others:
            await table.ingest(other)
        found = await explained(here, name)
        assert found.unmatched is not None
        assert found.unmatched.cause == cause
        assert words in found.verdict
        assert found.unmatched.fix
        for other in others:
            await table.drop(other)
        await table.ingest()
        await synced(here)
        found = await explained(here, name)
    assert (found.verdict, found.is_good) == (GOOD, True)


def with_options(here: World, values: Mapping[str, object]) -> None:
    options = here.profile.options.model_copy(update=dict(values))
    here.profile = here.profile.model_copy(update={"options": options})


async def test_overwriting_ends_each_conflict_of_an_edited_text() -> None:
    async with world("edited") as here:
        await synced(here)
        project = await here.context().project()
        edited = {}
        for name in project.nodes:
            found = await explained(here, name)
            if any(fact.option == "--overwrite" for fact in found.facts):
                assert "is not shown because ana edited it in Collate" in found.verdict
                edited[name] = found
        assert edited
        await synced(here, Scope(overwrite=True))
        for name in edited:
            found = await explained(here, name)
            assert not [fact for fact in found.facts if fact.option == "--overwrite"], found.verdict
            assert "is not shown because" not in found.verdict


async def test_each_scenario_of_a_table_is_tried_here() -> None:
    """What the troubleshooting table of the guide and the causes of missing tables have as scenarios."""
    here = {case.scenario for case in UNREADABLE}
    rows = {one.name for one in SCENARIOS.values() if one.guide_row}
    tokens = {"expired-token", "wrong-account", "only-failed"}
    assert rows <= here | tokens | {"missing-catalog", "wrong-service", "stale"}
    for scenario in tokens:
        async with world(scenario) as there:
            with pytest.raises(ActionableError) as caught:
                await explained(there, "stg_orders")
            assert caught.value.causes
            lift(there)
            await synced(there)
            assert (await explained(there, "stg_orders")).is_good
