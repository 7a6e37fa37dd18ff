"""Driving the app: the sandbox behind it, waiting for what the screen shows, what is drawn."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

import dbtcollate_tui.tui
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import SampleAnswers
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.setup.guided import GuidedSetup
from dbtcollate_tui.tui.demo_credentials import DemoOffer
from dbtcollate_tui.tui.screens.setup import SetupScreen
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane
from dbtcollate_tui.tui.theme import DARK
from dbtcollate_tui.tui.widgets.chain import ChainBar
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.secret_input import SecretInput

SERVICE = "shop_warehouse"
SMALL = (80, 24)
LARGE = (140, 40)


def offer_of(sandbox: Sandbox, address: str = "") -> DemoOffer:
    """What the demo offers; the address of the sandbox, or one of its pages."""
    answers = SampleAnswers(address or sandbox.dbt_cloud_url, sandbox.collate_url, sandbox.job_id, SERVICE)
    return DemoOffer(answers, sandbox.dbt_cloud_token, sandbox.collate_token)


class SetupApp(App[ExitCode]):
    """The app's styles and sizes around one setup screen; ``opened`` are the addresses sent to a browser."""

    CSS_PATH = Path(dbtcollate_tui.tui.__file__).parent / "styles" / "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (110, "-wide"), (160, "-widest")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.animation_level = "none"
        self.opened: list[str] = []

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        self.opened.append(url)


class Driver:
    """The app with one setup screen on it; ``saved`` is what the screen gave."""

    def __init__(self, pilot: Pilot[ExitCode], screen: SetupScreen) -> None:
        self.pilot = pilot
        self.screen = screen
        self.saved: list[Profile | None] = []

    @property
    def app(self) -> SetupApp:
        app = self.pilot.app
        assert isinstance(app, SetupApp)
        return app

    @property
    def top(self) -> Screen[object]:
        return self.app.screen

    @property
    def pane(self) -> StepPane:
        pane = self.screen.pane
        assert pane is not None
        return pane

    @property
    def step(self) -> str:
        return self.pane.step.value if self.screen.pane is not None else ""

    def state_of(self, stage: Stage) -> CheckState:
        """How the setup's chain shows the stage."""
        return self.screen.query_one(ChainBar).view.of(stage).state

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, ready: Callable[[], object], what: str) -> None:
        """Wait until it is so; the app's own events decide, no time does."""
        for _ in range(600):
            if ready():
                await self.pilot.pause()
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"never came: {what}\n{self.drawn()}")

    async def at(self, step: str) -> None:
        """Wait until the question stands and nothing is at work."""
        await self.until(lambda: self.step == step and not self.pane.busy, f"step {step}")

    async def failed(self) -> None:
        """Wait for the card."""
        await self.until(lambda: self.pane.failed and not self.pane.busy, "a card")

    async def fix(self, label: str) -> None:
        """Press the key that the card offers for a fix."""
        cards = [card for card in self.pane.query(ErrorCard) if card.has_class("-shown")]
        [key] = [key for card in cards for key, fix in card._keys.items() if label in fix.label]
        await self.press(key)

    def drawn(self) -> str:
        """The screen as text."""
        size = self.app.size
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.top._compositor.render_strips(size)
        )

    def footer(self) -> dict[str, str]:
        """The footer's keys with their labels."""
        return {key.key: key.description for key in self.top.query_one(Footer).query(FooterKey)}


@asynccontextmanager
async def driving(
    setup: GuidedSetup,
    *,
    offer: DemoOffer | None = None,
    size: tuple[int, int] = SMALL,
) -> AsyncIterator[Driver]:
    """The app, its setup screen open."""
    app = SetupApp()
    async with app.run_test(size=size) as pilot:
        screen = SetupScreen(setup, offer=offer)
        driver = Driver(pilot, screen)
        await app.push_screen(screen, driver.saved.append)
        await pilot.pause()
        yield driver


def page_of(sandbox: Sandbox) -> str:
    """The address of the production job's page."""
    return (
        f"{sandbox.dbt_cloud_url}/deploy/{sandbox.account_id}/projects/{sandbox.project_id}"
        f"/jobs/{sandbox.job_id}"
    )


async def walk_to(driver: Driver, step: str, look: Callable[[Driver], None] = lambda driver: None) -> None:
    """Answer with what the demo offers until the question stands; ``look`` sees each question."""
    await driver.at("address")
    while True:
        at = driver.step
        look(driver)
        if at == step:
            return
        if at == "project":
            await driver.press(*"shop")
        if at in ("dbt_token", "collate"):
            driver.pane.query_one(SecretInput).forget()
        await driver.press("s" if at in ("dbt_token", "collate") else "enter")
        if at == "collate":
            await driver.until(lambda: "OpenMetadata" in driver.drawn(), "Collate's facts")
            await driver.press("enter")
        await driver.until(lambda: driver.step != at and not driver.pane.busy, f"the question after {at}")  # noqa: B023


async def play(sandbox: Sandbox, scenario: str) -> None:
    """Let the sandbox go on with another scenario."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{sandbox.collate_url}/_sandbox/scenario", json={"name": scenario})
        assert answer.is_success
