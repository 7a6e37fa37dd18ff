"""Driving the whole app: the sandbox behind it, a profile in it or none, waiting for what is shown."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.plan.model import Plan
from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import Side
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.demo_credentials import DemoOffer
from tests.tui.driving import LARGE, SMALL

SIZES = (SMALL, LARGE)
SIDES: tuple[Side, ...] = ("dbt_cloud", "collate")


class Whole:
    """The running app."""

    def __init__(self, app: DbtCollateApp, pilot: Pilot[ExitCode]) -> None:
        self.app = app
        self.pilot = pilot
        self.pressed = 0

    @property
    def top(self) -> Screen[object]:
        return self.app.screen

    @property
    def name(self) -> str:
        """The class of the screen on top."""
        return type(self.top).__name__

    async def press(self, *keys: str) -> None:
        self.pressed += len(keys)
        await self.pilot.press(*keys)

    async def paste(self, text: str) -> None:
        """Paste into the field that has the focus."""
        focused = self.app.focused
        assert focused is not None
        focused.post_message(Paste(text))
        await self.pilot.pause()

    async def until(self, ready: Callable[[], object], what: str) -> None:
        """Wait until it is so; the app's own events decide, no time does."""
        for _ in range(1500):
            if ready():
                await self.pilot.pause()
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"never came: {what}\n{self.drawn()}")

    async def on(self, name: str) -> None:
        """Wait until a screen of that class is on top."""
        await self.until(lambda: self.app.screen_stack and self.name == name, name)

    def is_checked(self) -> bool:
        """Whether every check was looked at in this session, and no look is under way or about to begin."""
        session = self.app.session
        looking = any(worker.group == "checks" and not worker.is_finished for worker in self.app.workers)
        return session is not None and not looking and len(session.looked) == len(ALL_CHECKS)

    async def checked(self) -> None:
        """Wait until every check was looked at in this session."""
        await self.until(self.is_checked, "the checks' end")

    async def planned(self) -> None:
        """Wait for the plan."""
        await self.on("PlanScreen")
        await self.until(lambda: self.top.has_class("-planned"), "the plan")

    @property
    def changes(self) -> int:
        """How many changes the plan on the screen has."""
        plan = getattr(self.top, "plan", None)
        assert isinstance(plan, Plan)
        return len(plan.changes)

    async def synced(self) -> None:
        """Wait for the end of the sync, on its screen."""
        await self.on("SyncScreen")
        await self.until(lambda: self.top.has_class("-ended"), "the sync's end")

    def drawn(self) -> str:
        """The screen as text."""
        strips = self.top._compositor.render_strips(self.app.size)
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def footer(self) -> dict[str, str]:
        """The footer's keys with their labels."""
        return {key.key: key.description for key in self.footer_keys()}

    async def shows(self, key: str, words: str) -> None:
        """Wait until the footer has the key under these words."""
        await self.until(lambda: self.footer().get(key) == words, f"{key} {words}")

    def footer_keys(self) -> Iterator[FooterKey]:
        yield from self.top.query_one(Footer).query(FooterKey)


@asynccontextmanager
async def whole(
    services: Services | None = None,
    *,
    offer: DemoOffer | None = None,
    profile: str | None = None,
    size: tuple[int, int] = SMALL,
) -> AsyncIterator[Whole]:
    """The app, its first screen standing."""
    app = DbtCollateApp(services or Services(), offer=offer, profile=profile, animation=False)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Whole(app, pilot)


async def keep(services: Services, sandbox: Sandbox, profile: Profile) -> None:
    """Save the profile as the setup leaves it, and its tokens in the keyring."""
    side_of_dbt = profile.dbt_cloud.model_copy(update={"account_name": "Shop"})
    services.profiles.save(profile.model_copy(update={"dbt_cloud": side_of_dbt}))
    tokens = {"dbt_cloud": sandbox.dbt_cloud_token, "collate": sandbox.collate_token}
    for side in SIDES:
        await services.secrets.keep(profile.name, side, tokens[side], "keyring")


async def play(sandbox: Sandbox, scenario: str, **fields: float) -> None:
    """Let the running sandbox play another scenario."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{sandbox.collate_url}/_sandbox/scenario", json={"name": scenario, **fields}
        )
        answer.raise_for_status()
