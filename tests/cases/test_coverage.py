"""Coverage is what a second, independent count of the artifacts and of Collate's answers gives."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dbtcollate_tui.plan.explanation.coverage import Coverage
from dbtcollate_tui.sync.coverage import read_coverage
from dbtcollate_tui.sync.direct import run_direct
from tests.cases.runner import Cases, Place, cases, load_case
from tests.support.recount import recount
from tests.support.world import World, engine_of, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Cases]:
    async with cases() as found:
        yield found


def numbers(coverage: Coverage) -> dict[str, tuple[int, int | None]]:
    """Both numbers of every fact."""
    return {fact: (cell.dbt, cell.collate) for fact, cell in coverage.whole.cells.items()}


@pytest.mark.parametrize(
    "name",
    [
        "atlas-fusion",
        "freshness-ok",
        "versions",
        "descriptions",
        "ephemeral-tests",
        "retry",
        "declared-metrics-inline",
        "owners",
    ],
)
async def test_coverage_of_a_folder_equals_a_recount(sandbox: Cases, tmp_path: Path, name: str) -> None:
    place, case = sandbox.place(tmp_path), load_case(name)
    await place.prepare(case)
    before = await recounted(place, case)
    first = await place.sync(case)
    assert first.plan.coverage is not None
    assert numbers(first.plan.coverage) == before
    second = await place.sync(case)
    assert second.plan.coverage is not None
    assert numbers(second.plan.coverage) == await recounted(place, case)
    assert numbers(second.plan.coverage) != before


async def recounted(place: Place, case: dict[str, Any]) -> dict[str, tuple[int, int]]:
    files = [(name, case["contents"][key]) for step in case["steps"] for name, key in step["files"].items()]
    results = [item for name, file in files if name == "run_results.json" for item in file["results"]]
    return recount(
        next(file for name, file in reversed(files) if name == "manifest.json"),
        {"results": results},
        await place.tables(),
        await place.results(),
        await place.edges(),
        next((file for name, file in reversed(files) if name == "catalog.json"), {}),
        await place.metrics(),
    )


async def test_coverage_of_the_shop_equals_a_recount() -> None:
    async with world() as here:
        engine = await engine_of(here)
        before = await read_coverage(engine)
        assert numbers(before) == await shop_recounted(here)
        async for _ in run_direct(engine):
            pass
        after = await read_coverage(engine)
        assert numbers(after) == await shop_recounted(here)
        assert numbers(after) != numbers(before)


async def shop_recounted(here: World) -> dict[str, tuple[int, int]]:
    """The newest successful run's files over dbt Cloud's API, and all of Collate's tables over its own."""
    box, service = here.sandbox, here.profile.collate.service
    prefix = f"{service}."
    async with (
        httpx.AsyncClient(
            base_url=box.dbt_cloud_url,
            headers={"Authorization": f"Bearer {box.dbt_cloud_token.get_secret_value()}"},
        ) as dbt,
        httpx.AsyncClient(
            base_url=f"{box.collate_url}/api/v1",
            headers={"Authorization": f"Bearer {box.collate_token.get_secret_value()}"},
        ) as collate,
    ):
        account = f"/api/v2/accounts/{box.account_id}/runs/"
        wanted: dict[str, str | int] = {"job_definition_id": box.job_id, "order_by": "-finished_at"}
        wanted["status"] = 10
        run = (await dbt.get(account, params=wanted)).json()["data"][0]["id"]
        steps = (await dbt.get(f"{account}{run}/", params={"include_related": '["run_steps"]'})).json()
        place = f"{account}{run}/artifacts/"
        manifest = (await dbt.get(f"{place}manifest.json")).json()
        catalog = (await dbt.get(f"{place}catalog.json")).json()
        results: dict[str, Any] = {"results": []}
        for step in steps["data"]["run_steps"]:
            ran = await dbt.get(f"{place}run_results.json", params={"step": step["index"]})
            if ran.is_success and ran.json()["args"]["which"] in ("build", "test"):
                results = ran.json()
        every: dict[str, str | int] = {"service": service, "limit": 1000, "fields": "columns,owners,tags"}
        listed = (await collate.get("/tables", params=every)).json()["data"]
        tables = {table["fullyQualifiedName"].removeprefix(prefix): table for table in listed}
        held = await collate.get("/dataQuality/testCases", params={"limit": 1000, "fields": "testCaseResult"})
        statuses = {
            case["fullyQualifiedName"].removeprefix(prefix): (case.get("testCaseResult") or {}).get(
                "testCaseStatus"
            )
            for case in held.json()["data"]
        }
        names = {table["id"]: name for name, table in tables.items()}
        edges = {}
        for identifier, name in names.items():
            around = await collate.get(f"/lineage/table/{identifier}", params={"upstreamDepth": 1})
            for edge in around.json().get("upstreamEdges", []):
                if edge["toEntity"] == identifier and edge["fromEntity"] in names:
                    edges[names[edge["fromEntity"]], name] = edge.get("lineageDetails") or {}
        found = await collate.get("/metrics", params={"limit": 1000})
        metrics = {metric["name"] for metric in found.json()["data"]}
    return recount(manifest, results, tables, statuses, edges, catalog, metrics)
