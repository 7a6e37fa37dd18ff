"""Missing tables by keys only: the agent is shown, runs after a yes, and the sync follows."""

from textual.widgets import OptionList

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.screens.table_ingestion import TableIngestionScreen
from tests.support.world import profile_for
from tests.tui.driving import LARGE, SMALL
from tests.tui.whole import Whole, keep, whole


def screen_of(app: Whole) -> TableIngestionScreen:
    screen = app.top
    assert isinstance(screen, TableIngestionScreen)
    return screen


def writes(sandbox: Sandbox) -> list[str]:
    return [seen.path for seen in sandbox.requests if seen.side == "collate" and seen.method != "GET"]


async def test_missing_tables_are_ingested_then_synced() -> None:
    services = Services()
    async with Sandbox("not-ingested", run_seconds=0.3) as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=SMALL) as app:
            await app.until(lambda: app.app.session, "the session")
            await app.press("i")
            screen = screen_of(app)
            await app.until(lambda: screen.plan is not None, "what would run")
            assert "Nothing is written yet" in app.drawn()
            assert "schedule: 0 3 * * 0" in app.drawn()
            assert "will be added to the schemas that it takes: ^raw$" in app.drawn()
            assert writes(sandbox) == []
            await app.press("enter")
            await app.until(lambda: screen.arrived is not None, "the run's end")
            assert "8 of 9 missing tables are in Collate now" in app.drawn()
            await app.press("enter")
            await app.planned()
            await app.press("w")
            await app.synced()


async def test_the_checklist_shows_the_agent_and_offers_its_run() -> None:
    services = Services()
    async with Sandbox("not-ingested") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=LARGE) as app:
            await app.until(lambda: app.app.session, "the session")
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            session = app.app.session
            assert session is not None
            row = session.rows["tables.matched"]
            assert row.fixes[0].label == "Run the metadata agent shop_warehouse_metadata for them"
            agent = [
                line for line in row.evidence if line.startswith("metadata agent shop_warehouse_metadata, ")
            ]
            words = " ".join(agent)
            assert "last run: success" in words
            assert "schedule: 0 3 * * 0" in words
            assert "schemas taken: ^staging$, ^marts$, ^snapshots$" in words
            rows = app.top.query_one("#rows", OptionList)
            rows.highlighted = rows.get_option_index("tables.matched")
            app.app.carry_out(row.fixes[0])
            await app.until(lambda: isinstance(app.top, TableIngestionScreen), "the agent")


async def test_a_service_without_an_agent_says_whom_to_ask() -> None:
    services = Services()
    async with Sandbox("wrong-service") as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=LARGE) as app:
            await app.until(lambda: app.app.session, "the session")
            await app.press("i")
            await app.until(lambda: "has no metadata agent" in app.drawn(), "the error")
            assert "Ask a Collate admin to add a metadata agent that takes schema" in app.drawn()
            assert writes(sandbox) == []
