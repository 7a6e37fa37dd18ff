"""Makes the pictures in ``screenshots/`` from the running app on the sandbox.

``python -m tests.screenshots.take_screenshots [FOLDER] [NAME…]``. Ports and the begin of the clock are fixed:
a picture changes where the app does; only durations differ. Stops where one would show a token.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import keyring
import time_machine
from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, Region
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.sync.direct import run_direct
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.tui.screens.fixing import NewToken
from dbtcollate_tui.tui.screens.setup import SetupScreen
from dbtcollate_tui.tui.screens.troubleshoot import TroubleshootScreen
from dbtcollate_tui.tui.theme import DARK, LIGHT
from dbtcollate_tui.tui.widgets.chain import ChainBar
from tests.snapshots.frozen import NOW
from tests.support.memory_keyring import MemoryKeyring
from tests.support.world import profile_for
from tests.tui.driving import offer_of, page_of
from tests.tui.told import Told, begun
from tests.tui.whole import Whole, keep, play, whole

SIZE = (100, 30)
SMALL = (80, 24)
PORTS = (18580, 18585)
SYNCS = 14


class Pictures:
    """Writes the pictures that are wanted; ``secrets`` must be on none of them."""

    def __init__(self, folder: Path, wanted: frozenset[str], secrets: list[SecretStr]) -> None:
        self._folder = folder
        self._wanted = wanted
        self._secrets = secrets

    async def take(self, app: Whole, name: str) -> None:
        """Write the screen as it stands, dark and light."""
        if self._wanted and name not in self._wanted:
            return
        for theme, ending in ((LIGHT, "-light"), (DARK, "")):
            app.app.theme = theme.name
            await app.pilot.pause()
            picture = app.app.export_screenshot(title="dbtcollate")
            if any(secret.get_secret_value() in picture for secret in self._secrets):
                raise SystemExit(f"{name} would show a token")
            (self._folder / f"{name}{ending}.svg").write_text(picture + "\n", encoding="utf-8")
        print(name)


@asynccontextmanager
async def place(scenario: str = "") -> AsyncIterator[tuple[Sandbox, Services]]:
    """A fresh sandbox on the fixed ports, and folders of its own."""
    with tempfile.TemporaryDirectory(prefix="dbtcollate-pictures-") as folder:
        for kind in ("CONFIG", "STATE", "CACHE", "LOG"):
            os.environ[f"DBTCOLLATE_{kind}_DIR"] = kind.lower()
        os.chdir(folder)
        keyring.set_keyring(MemoryKeyring())
        async with Sandbox(scenario, dbt_cloud_port=PORTS[0], collate_port=PORTS[1]) as sandbox:
            yield sandbox, Services()


def pane_stands(app: Whole, step: str) -> Callable[[], bool]:
    """Whether the setup's question stands and nothing is at work."""

    def ready() -> bool:
        screen = app.app.screen
        pane = screen.pane if isinstance(screen, SetupScreen) else None
        if pane is None or pane.step.value != step or pane.busy:
            return False
        return not pane.context.checks.due()

    return ready


async def welcome_and_setup(pictures: Callable[[Sandbox], Pictures]) -> None:
    """The welcome, the job picker, the review, from a job's page to the checklist."""
    async with place() as (sandbox, services):
        shots = pictures(sandbox)
        address = page_of(sandbox).rpartition("/jobs/")[0]
        async with whole(services, offer=offer_of(sandbox, address), size=SIZE) as app:
            await shots.take(app, "welcome")
            await app.press("s")
            await app.until(pane_stands(app, "address"), "the address")
            await shots.take(app, "address")
            await app.press("enter")
            await app.until(pane_stands(app, "dbt_token"), "the token")
            await app.press("s")
            await app.until(pane_stands(app, "job"), "the jobs")
            await app.until(lambda: "latest successful run" in app.drawn(), "the run's preview")
            await shots.take(app, "job")
            await app.press("enter")
            await app.until(pane_stands(app, "collate"), "Collate")
            await app.press("s")
            await app.until(lambda: "OpenMetadata" in app.drawn(), "Collate's facts")
            await shots.take(app, "collate")
            await app.press("enter")
            await app.until(pane_stands(app, "service"), "the services")
            await shots.take(app, "service")
            app.top.query_one(ChainBar).focus()
            await app.pilot.pause()
            await app.press("enter")
            await app.on("StageChecks")
            await shots.take(app, "stage-checks")
            await app.press("escape")
            await app.on("SetupScreen")
            await app.press("tab", "enter")
            await app.until(pane_stands(app, "options"), "the options")
            await shots.take(app, "options")
            await app.press("enter")
            await app.until(pane_stands(app, "review"), "the review")
            await shots.take(app, "review")


async def token(pictures: Callable[[Sandbox], Pictures]) -> None:
    """A token that no shared host knows: each region's answer, and the card."""
    async with place("expired-token") as (sandbox, services):
        shots = pictures(sandbox)
        regions = [Region(region.name, sandbox.dbt_cloud_url) for region in SHARED_REGIONS]
        async with whole(services, offer=offer_of(sandbox), size=SIZE) as app:
            setup = GuidedSetup(services, regions=regions)
            app.app.push_screen(SetupScreen(setup))
            await app.until(pane_stands(app, "address"), "the address")
            await app.press("enter")
            await app.until(pane_stands(app, "dbt_token"), "the token")
            await app.paste(sandbox.dbt_cloud_token.get_secret_value())
            await app.press("enter")
            await app.until(lambda: "accepts this token" in app.drawn(), "the card")
            await shots.take(app, "token")


async def checklist_and_sync(
    pictures: Callable[[Sandbox], Pictures], size: tuple[int, int], ending: str
) -> None:
    """The checklist, the plan, the runs to take another from, the sync's end, its record."""
    async with place() as (sandbox, services):
        shots = pictures(sandbox)
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=size) as app:
            await app.checked()
            await app.press("v")
            await app.on("ChecklistScreen")
            await app.checked()
            await shots.take(app, f"checklist{ending}")
            await app.press("s")
            await app.planned()
            await app.press("down", "down")
            await shots.take(app, f"plan{ending}")
            await app.press("a")
            await app.on("RunsScreen")
            await app.until(lambda: "latest successful run" in app.drawn(), "the runs")
            await shots.take(app, f"runs{ending}")
            await app.press("escape", "w")
            await app.synced()
            await shots.take(app, f"sync{ending}")
            await app.press("escape", "escape", "h")
            await app.on("HistoryScreen")
            await app.until(lambda: "written" in app.drawn(), "the record")
            await app.press("enter")
            await app.on("RecordScreen")
            await app.until(lambda: "descriptions" in app.drawn(), "its plan")
            await shots.take(app, f"record{ending}")


async def syncing(pictures: Callable[[Sandbox], Pictures], size: tuple[int, int], ending: str) -> None:
    """A sync half-way, its server slow and one change refused."""
    async with place() as (sandbox, services):
        shots = pictures(sandbox)
        async with whole(services, size=size) as app:
            await begun(app, Told())
            await shots.take(app, f"sync-running{ending}")


async def home(pictures: Callable[[Sandbox], Pictures], size: tuple[int, int], ending: str) -> None:
    """Home after many syncs, one of which met a Collate that was down."""
    async with place() as (sandbox, services):
        shots = pictures(sandbox)
        profile = profile_for(sandbox)
        await keep(services, sandbox, profile)
        async with Connections(profile, services) as connections:
            dbt_cloud, collate = await connections.dbt_cloud(), await connections.collate()
            for number in range(SYNCS):
                await play(sandbox, "collate-down" if number == SYNCS // 2 else "healthy")
                async for _ in run_direct(
                    Engine(profile, dbt_cloud, collate, artifacts=services.artifacts, state=services.state)
                ):
                    pass
        async with whole(services, profile="shop", size=size) as app:
            await app.checked()
            await shots.take(app, f"home{ending}")
            await app.press("question_mark")
            await app.on("HelpScreen")
            await shots.take(app, f"help{ending}")
            await app.press("escape", "h")
            await app.on("HistoryScreen")
            await app.until(lambda: "failed" in app.drawn(), "the history")
            await shots.take(app, f"history{ending}")
            await app.press("escape", "p")
            await app.on("ProfilesScreen")
            await app.until(lambda: "shop_warehouse" in app.drawn(), "the profiles")
            await shots.take(app, f"profiles{ending}")
            app.app.action_requests()
            await app.on("RequestsScreen")
            await shots.take(app, f"requests{ending}")
            await app.press("escape")
            app.app.action_pipeline()
            await app.on("PipelineScreen")
            await app.until(lambda: app.top.has_class("-planned"), "the pipeline")
            await shots.take(app, f"pipeline{ending}")
            await app.press("d")
            await app.synced()
            await shots.take(app, f"pipeline-run{ending}")


def walked(app: Whole) -> bool:
    """Whether the walk along the chain has ended."""
    screen = app.app.screen
    return (
        isinstance(screen, TroubleshootScreen) and screen.walk is not None and screen.walk.ended is not None
    )


async def troubleshooting(
    pictures: Callable[[Sandbox], Pictures], size: tuple[int, int], ending: str
) -> None:
    """The symptoms, a walk that stops at the broken stage, what mending asks for, and the text to send."""
    async with place("missing-catalog") as (sandbox, services):
        shots = pictures(sandbox)
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=size) as app:
            await app.checked()
            await app.press("t")
            await app.on("TroubleshootScreen")
            await app.pilot.pause()
            await shots.take(app, f"symptoms{ending}")
            await app.press("down", "down", "down", "enter")
            await app.until(lambda: walked(app), "the walk's end")
            await shots.take(app, f"troubleshoot{ending}")
            await app.press("m")
            await app.on("SupportMessageScreen")
            await shots.take(app, f"letter{ending}")
            await app.press("escape")
            app.app.push_screen(NewToken(services, profile_for(sandbox), "dbt_cloud"))
            await app.on("NewToken")
            await shots.take(app, f"new-token{ending}")


async def main(folder: Path, wanted: frozenset[str]) -> None:
    """Take all pictures."""

    def pictures(sandbox: Sandbox) -> Pictures:
        return Pictures(folder, wanted, [sandbox.dbt_cloud_token, sandbox.collate_token])

    await welcome_and_setup(pictures)
    await token(pictures)
    for size, ending in ((SIZE, ""), (SMALL, "-80x24")):
        await checklist_and_sync(pictures, size, ending)
        await home(pictures, size, ending)
        await troubleshooting(pictures, size, ending)
        await syncing(pictures, size, ending)


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else Path(__file__).parents[2] / "screenshots"
    target.mkdir(exist_ok=True)
    os.environ.update(TZ="UTC", TERM="xterm-256color", COLORTERM="truecolor")
    time.tzset()
    with time_machine.travel(NOW, tick=True):
        asyncio.run(main(target, frozenset(sys.argv[2:])))
