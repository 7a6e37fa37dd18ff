"""Key to answer while storms pass over the app: ``python -m tests.bench.storms [STORM…]``.

A thread presses a key fifty times a second, whether or not the last one was answered; the answer is the
repaint after its action. The sandbox is a process of its own. Prints milliseconds: median, 95th of a hundred,
longest; then the same in time that this process computed meanwhile, which other work on the machine does not
lengthen.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import keyring
from pydantic import SecretStr
from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.pilot import Pilot

import dbtcollate_tui.tui
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.events.outcome import Counts
from dbtcollate_tui.events.types import (
    LogLine,
    PlanReady,
    RunFinished,
    RunStarted,
    Sequencer,
    SyncEvent,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.gc_tuning import not_looked_at, seldom_collected
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.model import DescriptionChange, Plan
from dbtcollate_tui.session.services import SampleAnswers, Services
from dbtcollate_tui.settings.model import CollateSettings, DbtCloudSettings, Profile
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.demo_credentials import DemoOffer
from dbtcollate_tui.tui.screens.plan import PlanScreen
from dbtcollate_tui.tui.screens.sync import SyncScreen
from tests.support.memory_keyring import MemoryKeyring

Times = list[tuple[float, float]]
EVERY_SECONDS = 0.02
EVENTS = 20_000
PASTED = "https://ab123.eu1.dbt.com/" + "x" * 1_000_000
SERVER = """
import asyncio, json, sys
from dataclasses import replace
from dbtcollate_tui.sandbox.scenarios import SCENARIOS
from dbtcollate_tui.sandbox.server import Sandbox

async def main():
    delay = float(sys.argv[1])
    scenario = replace(SCENARIOS["healthy"], dbt_delay=delay, collate_delay=delay)
    async with Sandbox(scenario, scale=sys.argv[2] == "scale") as sandbox:
        print(json.dumps({
            "dbt": sandbox.dbt_cloud_url, "collate": sandbox.collate_url, "account": sandbox.account_id,
            "project": sandbox.project_id, "job": sandbox.job_id,
            "tokens": [sandbox.dbt_cloud_token.get_secret_value(), sandbox.collate_token.get_secret_value()],
        }), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class ProbedApp(DbtCollateApp):
    """Answers a key of its own after the repaint that follows it."""

    CSS_PATH = str(Path(dbtcollate_tui.tui.__file__).parent / "styles" / "app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f12", "answer", priority=True, show=False)]

    def __init__(
        self, services: Services, offer: DemoOffer | None = None, profile: str | None = None
    ) -> None:
        super().__init__(services, offer=offer, profile=profile, animation=False)
        self.sent: deque[tuple[float, float]] = deque()
        self.took: Times = []

    def action_answer(self) -> None:
        self.screen.call_after_refresh(self._answered, self.sent.popleft())

    def _answered(self, sent: tuple[float, float]) -> None:
        self.took.append((time.perf_counter() - sent[0], time.process_time() - sent[1]))


@contextmanager
def pressing(app: ProbedApp) -> Iterator[None]:
    """The key, pressed by a thread for as long as the context lasts."""
    loop, stop = asyncio.get_running_loop(), threading.Event()

    def press() -> None:
        while not stop.wait(EVERY_SECONDS):
            app.sent.append((time.perf_counter(), time.process_time()))
            loop.call_soon_threadsafe(app.post_message, Key("f12", None))

    thread = threading.Thread(target=press, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class World:
    """What a storm is given."""

    offer: DemoOffer
    profile: Profile
    tokens: tuple[SecretStr, SecretStr]


@contextmanager
def world(delay: float = 0.0, *, scale: bool = False) -> Iterator[World]:
    """The sandbox in a process of its own."""
    command = [sys.executable, "-c", SERVER, str(delay), "scale" if scale else ""]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        dbt, collate = (SecretStr(token) for token in said["tokens"])
        answers = SampleAnswers(
            f"{said['dbt']}/deploy/{said['account']}/projects/{said['project']}",
            said["collate"],
            said["job"],
            "shop_warehouse",
        )
        profile = Profile(
            name="shop",
            dbt_cloud=DbtCloudSettings(
                base_url=said["dbt"],
                account_id=said["account"],
                project_id=said["project"],
                job_id=said["job"],
            ),
            collate=CollateSettings(base_url=said["collate"], service="shop_warehouse"),
        )
        yield World(DemoOffer(answers, dbt, collate), profile, (dbt, collate))
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def running(made: World, *, home: bool = False) -> AsyncIterator[tuple[ProbedApp, Pilot[ExitCode]]]:
    """The app at home with a profile, or at the welcome; the collector is kept off as by its own start."""
    services = Services()
    if home:
        services.profiles.save(made.profile)
        await services.secrets.keep("shop", "dbt_cloud", made.tokens[0], "keyring")
        await services.secrets.keep("shop", "collate", made.tokens[1], "keyring")
    app = ProbedApp(services, made.offer, "shop" if home else None)
    with seldom_collected(), not_looked_at():
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause()
            yield app, pilot


async def until(ready: Callable[[], object]) -> None:
    for _ in range(3_000):
        if ready():
            return
        await asyncio.sleep(0.02)
    raise SystemExit("never came")


async def resized() -> Times:
    """120 sizes in 6 s."""
    with world() as made:
        async with running(made, home=True) as (app, pilot):
            with pressing(app):
                for number in range(120):
                    await pilot.resize_terminal(80 + number % 3 * 60, 24 + number % 5 * 4)
                    await asyncio.sleep(0.05)
            return app.took


async def held() -> Times:
    """A key held down in the list of requests: thirty a second for 6 s."""
    with world() as made:
        async with running(made, home=True) as (app, pilot):
            await until(
                lambda: app.session is not None and app.session.looked and not app.session.checking_since
            )
            app.action_requests()
            await pilot.pause()
            with pressing(app):
                for number in range(180):
                    app.post_message(Key("down" if number % 60 < 30 else "up", None))
                    await asyncio.sleep(1 / 30)
            return app.took


async def pasted() -> Times:
    """1 MB pasted into the address, five times."""
    with world() as made:
        async with running(made) as (app, _):
            app.action_new_setup()
            await until(lambda: app.focused is not None and type(app.focused).__name__ == "LineInput")
            with pressing(app):
                for _ in range(5):
                    assert app.focused is not None
                    app.focused.post_message(Paste(PASTED))
                    await asyncio.sleep(1)
            return app.took


async def picked() -> Times:
    """5,000 jobs read into the picker and searched, letter by letter."""
    with world(scale=True) as made:
        async with running(made) as (app, pilot):
            app.action_new_setup()
            await until(lambda: app.focused is not None)
            await pilot.press("enter")
            await until(
                lambda: "TokenPane" in str(app.screen.tree) or "SecretInput" in type(app.focused).__name__
            )
            await pilot.press("s")
            with pressing(app):
                await until(lambda: type(app.focused).__name__ == "_SearchInput")
                for letter in "nightly orders" * 4:
                    app.post_message(Key("space" if letter == " " else letter, letter))
                    await asyncio.sleep(0.1)
            return app.took


async def lines() -> AsyncGenerator[SyncEvent, None]:
    stamp = Sequencer().stamp
    yield stamp(RunStarted(engine="direct", profile="shop", title="Sync of shop"))
    for number in range(EVENTS):
        yield stamp(LogLine(source="sync", level="info", text=f"line {number} of a long log, {'x' * 60}"))
    yield stamp(RunFinished(outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text="Nothing to write."))


async def flooded() -> Times:
    """20,000 events of a sync."""
    with world() as made:
        async with running(made) as (app, pilot):
            with pressing(app):
                run = app.running.start("shop", lambda cancel: lines())
                app.push_screen(SyncScreen(run))
                await run.ended.wait()
                await pilot.pause()
            return app.took


def large_plan() -> Plan:
    """What a first sync of 5,000 models writes: 95,000 texts."""
    tables = [TableRef(str(n), f"s.d.marts.m_{n:04}", "s", "d", "marts", f"m_{n:04}") for n in range(5_000)]
    columns = ["", *(f"column_{n:02}" for n in range(18))]
    return Plan(
        tuple(
            DescriptionChange(table=table, column=name, before="", after=f"What {name} of {table.name} says.")
            for table in tables
            for name in columns
        ),
        MatchReport({}, ()),
    )


async def walked() -> Times:
    """A plan of 95,000 changes: a key held down for 6 s, a branch left out, then letters in the filter."""
    stamp, plan = Sequencer().stamp, large_plan()

    async def prepare(cancel: asyncio.Event, run_id: int | None) -> AsyncIterator[SyncEvent]:
        yield stamp(RunStarted(engine="direct", profile="shop", title="Plan for shop"))
        yield stamp(PlanReady(plan=plan))
        yield stamp(RunFinished(outcome="ok", counts=Counts(), exit_code=ExitCode.OK, text=plan.summary()))

    async def choose() -> RunChoice:
        raise AssertionError("no run is chosen here")

    with world() as made:
        async with running(made, home=True) as (app, pilot):
            screen = PlanScreen("shop", prepare, choose)
            app.push_screen(screen)
            await until(lambda: screen.plan is not None)
            await pilot.pause()
            with pressing(app):
                for number in range(180):
                    app.post_message(Key("down" if number % 60 < 40 else "up", None))
                    await asyncio.sleep(1 / 30)
                for name in ("home", "space", "slash", *"m_04 05 column", *["backspace"] * 8):
                    key = {" ": "space", "_": "underscore"}.get(name, name)
                    app.post_message(Key(key, name if len(name) == 1 else None))
                    await asyncio.sleep(0.2)
            return app.took


async def slow() -> Times:
    """Every answer of both servers takes 2 s, while home looks at the whole chain."""
    with world(2.0) as made:
        async with running(made, home=True) as (app, _):
            with pressing(app):
                await asyncio.sleep(15)
            return app.took


STORMS: dict[str, Callable[[], Awaitable[Times]]] = {
    "resize": resized,
    "held-key": held,
    "paste": pasted,
    "picker": picked,
    "events": flooded,
    "plan": walked,
    "slow": slow,
}


async def main(names: list[str]) -> None:
    """Print each storm's line."""
    heads = f"{'median':>7} {'95th':>7} {'longest':>7}"
    print(f"{'storm':10} {'keys':>5}  {heads}   computed {heads}")
    for name in names or STORMS:
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("CONFIG", "STATE", "CACHE", "LOG"):
                os.environ[f"DBTCOLLATE_{kind}_DIR"] = f"{folder}/{kind.lower()}"
            keyring.set_keyring(MemoryKeyring())
            took = await STORMS[name]()
        passed, computed = (_three(column) for column in zip(*took, strict=True))
        print(f"{name:10} {len(took):5}  {passed}            {computed}", flush=True)


def _three(column: tuple[float, ...]) -> str:
    times = sorted(seconds * 1000 for seconds in column)
    chosen = (times[len(times) // 2], times[len(times) * 95 // 100], times[-1])
    return " ".join(f"{time:7.1f}" for time in chosen)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
