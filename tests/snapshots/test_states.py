"""Screens that wait, lack something or ask for it: from the last visit, failing, undone, empty."""

from datetime import timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from dbtcollate_tui.checks.last_seen import KEY as SEEN
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.transport.request_log import RequestLog, RequestRecord
from dbtcollate_tui.troubleshooting.report import letter_of
from dbtcollate_tui.tui.screens.fixing import NewToken, SupportMessageScreen
from dbtcollate_tui.tui.screens.requests import RequestsScreen
from dbtcollate_tui.tui.screens.troubleshoot import TroubleshootScreen
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from tests.screenshots.take_screenshots import walked
from tests.snapshots.album import Album, at_home
from tests.snapshots.frozen import NOW
from tests.support.world import profile_for
from tests.tui.whole import keep, play, whole

ASKED = (
    ("GET", "dbt.example", "/api/v3/accounts/", 200, 1_412, None),
    (
        "GET",
        "dbt.example",
        "/api/v2/accounts/70403/runs/?order_by=-id&include_related=job",
        200,
        56_020,
        None,
    ),
    ("GET", "collate.example", "/api/v1/tables/name/" + "warehouse." * 14 + "orders", 404, 57, None),
    ("PATCH", "collate.example", "/api/v1/tables/2f1c", 200, 4_100_000, None),
    ("GET", "collate.example", "/api/v1/search/query?q=orders", None, 0, "timed out"),
)


@pytest.mark.usefixtures("still")
async def test_home_and_checklist_from_the_last_visit(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    album = Album(size, snapshot)
    services = Services()
    async with Sandbox() as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, size=size) as app:
            await app.checked()
            await app.until(lambda: services.state.load("shop", SEEN), "what was seen")
        held = services.state.load("shop", SEEN)
        assert isinstance(held, dict)
        held["at"] = (NOW - timedelta(hours=2)).isoformat()
        services.state.save("shop", SEEN, held)
        await play(sandbox, "slow", dbt_delay=60, collate_delay=60)
        async with whole(services, size=size) as app:
            await app.until(lambda: "2 h ago; checking again" in app.drawn(), "the age of what was known")
            await app.until(lambda: app.app.session and app.app.session.active, "the checks' begin")
            await album.take(app, "home-last-visit")
            app.app.show_checklist()
            await app.on("ChecklistScreen")
            await album.take(app, "checklist-looking")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_a_broken_link_on_home_and_in_the_checklist(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    album = Album(size, snapshot)
    async with at_home(size, "wrong-service") as (app, _):
        await album.take(app, "home-broken")
        await app.press("enter")
        await app.until(lambda: app.footer().get("e") == "Evidence", "the card")
        await album.take(app, "home-broken-opened")
        await app.press("escape", "escape", "v")
        await app.on("ChecklistScreen")
        await app.checked()
        await album.take(app, "checklist-broken")
        app.app.show_checklist("collate.token")
        await app.pilot.pause()
        await app.press("e")
        await app.until(lambda: "e shows it" not in app.drawn(), "the evidence")
        await album.take(app, "checklist-evidence")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_questions_and_results_of_fixes(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size, "missing-catalog") as (app, sandbox):
        profile = profile_for(sandbox)
        app.app.push_screen(NewToken(app.app.services, profile, "dbt_cloud"))
        await app.on("NewToken")
        await album.take(app, "new-token")
        await app.press("escape", "t")
        await app.on("TroubleshootScreen")
        await app.press("down", "down", "down", "enter")
        await app.until(lambda: walked(app), "the walk's end")
        screen = app.top
        assert isinstance(screen, TroubleshootScreen)
        assert screen.walk is not None
        letter = letter_of(screen.walk, profile)
        assert letter is not None
        app.app.push_screen(SupportMessageScreen(letter))
        await app.on("SupportMessageScreen")
        await album.take(app, "letter")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_a_pipeline_that_cannot_be_compared(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    async with at_home(size, "no-pipeline-service") as (app, _):
        await app.press("d")
        await app.on("PipelineScreen")
        await app.until(lambda: app.top.query_one(ErrorCard).error, "the card")
        await album.take(app, "pipeline-undone")
    album.compare()


@pytest.mark.usefixtures("still")
async def test_requests(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    album = Album(size, snapshot)
    log = RequestLog()
    async with whole(size=size) as app:
        app.app.push_screen(RequestsScreen(log))
        await app.on("RequestsScreen")
        await album.take(app, "requests-none")
        for number, (method, host, path, status, received, failure) in enumerate(ASKED):
            log.add(
                RequestRecord(
                    method,
                    f"https://{host}{path}",
                    host,
                    path,
                    NOW + timedelta(seconds=number),
                    status=status,
                    seconds=number * 1.2,
                    received=received,
                    failure=failure,
                )
            )
        await app.press("r")
        await app.until(lambda: "No answer: timed out" in app.drawn(), "why it failed")
        await album.take(app, "requests-failed")
        await app.press("down", "down")
        await app.until(lambda: "No answer" not in app.drawn(), "the whole address")
        await album.take(app, "requests")
    album.compare()
