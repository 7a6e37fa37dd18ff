"""From the welcome to the verification, in the whole app, on the sandbox."""

from pathlib import Path

import httpx
import pytest

from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.widgets.chain import ChainBar
from tests.support.world import SERVICE, profile_for
from tests.tui.driving import LARGE, SMALL, offer_of, page_of
from tests.tui.plans import screen_of
from tests.tui.whole import keep, play, whole


def table(sandbox: Sandbox, fqn: str, fields: str) -> dict[str, object]:
    answer = httpx.get(
        f"{sandbox.collate_url}/api/v1/tables/name/{fqn}",
        params={"fields": fields},
        headers={"Authorization": f"Bearer {sandbox.collate_token.get_secret_value()}"},
    )
    answer.raise_for_status()
    body: dict[str, object] = answer.json()
    return body


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_sample_data_to_a_finished_sync_by_keyboard(size: tuple[int, int]) -> None:
    services = Services()
    async with (
        Sandbox() as sandbox,
        whole(services, offer=offer_of(sandbox, page_of(sandbox)), size=size) as app,
    ):
        assert app.name == "WelcomeScreen"
        await app.shows("l", "Try it")
        await app.press("l")
        await app.on("ChecklistScreen")
        await app.checked()
        assert services.profiles.names() == ("demo",)
        assert f"{len(ALL_CHECKS)} of {len(ALL_CHECKS)} done" in app.drawn()
        await app.press("s")
        await app.planned()
        chain = app.top.query_one(ChainBar).view
        assert chain.of(Stage.TABLES).state is CheckState.WARN
        assert chain.of(Stage.PIPELINE).state is CheckState.PASS
        assert chain.of(Stage.VERIFICATION).state is CheckState.WAITING
        count = app.changes
        await app.shows("w", f"Write {count} changes")
        await app.press("w")
        await app.synced()
        drawn = app.drawn()
        assert f"{count} of {count} changes written" in drawn
        assert "descriptions equal" in drawn
        assert "Unchanged, and why" in drawn
        await app.press("enter")
        await app.on("ChecklistScreen")
        await app.press("escape")
        await app.on("HomeScreen")
        await app.checked()
        assert "In Collate now" in app.drawn()
        written = table(sandbox, f"{SERVICE}.shop.marts.fct_orders", "owners,tags")
        assert written["description"]
        assert written["tags"]


async def test_a_second_plan_has_nothing_to_write() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            await app.press("s")
            await app.planned()
            await app.press("w")
            await app.synced()
            await app.press("enter")
            await app.on("HomeScreen")
            await app.checked()
            await app.press("s")
            await app.planned()
            assert "no change" in app.drawn()
            assert "w" not in app.footer()
            await app.press("w")
            assert app.name == "PlanScreen"


async def test_what_is_left_out_of_the_plan_is_not_written() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            await app.press("s")
            await app.planned()
            await app.press("space")
            count = app.changes
            descriptions = screen_of(app).changes.current
            assert descriptions is not None
            await app.shows("w", f"Write {count - len(descriptions.keys)} changes")
            await app.press("space")
            await app.shows("w", f"Write {count} changes")
            await app.press("slash", *"fct_orders", "enter", "down", "down", "space")
            await app.shows("w", f"Write {count - 1} changes")
            assert "– the table itself" in app.drawn()
            await app.press("w")
            await app.synced()
            assert f"{count - 1} of {count - 1} changes written" in app.drawn()
            assert not table(sandbox, f"{SERVICE}.shop.marts.fct_orders", "").get("description")


async def test_a_plan_that_cannot_be_made_is_a_card_with_a_retry() -> None:
    services = Services()
    async with Sandbox("no-runs") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.checked()
            await app.press("s")
            await app.on("PlanScreen")
            await app.until(lambda: "The plan could not be made" in app.drawn(), "the card")
            assert "No successful run" in app.drawn()
            await play(sandbox, "healthy")
            await app.press("r")
            await app.planned()
            assert f"{app.changes} changes" in app.drawn()


async def test_the_plan_is_exported_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("s")
            await app.planned()
            await app.press("x")
            await app.until(lambda: list(Path.cwd().glob("plan-run-*.json")), "the file")
            text = next(Path.cwd().glob("plan-run-*.json")).read_text(encoding="utf-8")
            assert '"changes"' in text
            assert sandbox.collate_token.get_secret_value() not in text


async def test_a_token_that_may_not_write_ends_with_what_failed_its_cause_and_its_fix() -> None:
    services = Services()
    async with Sandbox("collate-read-only") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=LARGE) as app:
            await app.checked()
            await app.press("s")
            await app.planned()
            count = app.changes
            await app.press("w")
            await app.synced()
            drawn = app.drawn()
            assert f"Failed  0 of {count} changes written" in drawn
            assert "Not written" in drawn
            assert "may not" in drawn
            assert "cause" in drawn
            assert "fix" in drawn
            await app.press("escape")
            await app.on("HomeScreen")
            await app.until(lambda: "one failed" in app.drawn(), "the failed sync on home")


async def test_edit_in_collate_is_beside_its_replacement() -> None:
    services = Services()
    async with Sandbox("edited") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=LARGE) as app:
            await app.checked()
            await app.press("s")
            await app.planned()
            await app.press("slash", *"board", "enter", "down")
            await app.until(lambda: "! marts.fct_orders" in app.drawn(), "the conflict")
            drawn = app.drawn()
            assert "in Collate" in drawn
            assert "edited in Collate by ana, kept" in drawn
            assert "Orders as the board sees them. " in drawn
            assert "One row per order" in drawn


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "140x40"])
async def test_another_run_can_be_taken_once(size: tuple[int, int]) -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=size) as app:
            await app.press("s")
            await app.planned()
            taken = app.drawn().split("run #")[1].split()[0]
            assert "a takes another" in app.drawn()
            assert app.drawn().splitlines()[-1].rstrip().endswith("Help"), app.drawn()
            await app.press("a")
            await app.on("RunsScreen")
            await app.until(lambda: f"#{taken} is the latest successful run" in app.drawn(), "the runs")
            marked = next(line for line in app.drawn().splitlines() if "by the rule" in line)
            assert taken in marked
            await app.press("down")
            await app.until(lambda: "It failed" in app.drawn(), "what is to be known about it")
            await app.shows("enter", "Take it")
            other = next(line for line in app.drawn().splitlines() if "Collate's own ingestion" in line)
            number = other.split("#")[1].split()[0]
            await app.press("enter")
            await app.until(lambda: f"Plan for run #{number}" in app.drawn(), "the other run's plan")
            await app.press("a")
            await app.on("RunsScreen")
            await app.press("escape")
            await app.on("PlanScreen")
            assert f"Plan for run #{number}" in app.drawn()


async def test_runs_that_cannot_be_read_are_a_card() -> None:
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop") as app:
            await app.press("s")
            await app.planned()
            await play(sandbox, "no-runs")
            await app.press("a")
            await app.on("RunsScreen")
            await app.until(lambda: "No successful run" in app.drawn(), "the card")
            await play(sandbox, "healthy")
            await app.press("r")
            await app.until(lambda: "by the rule" in app.drawn(), "the runs")
