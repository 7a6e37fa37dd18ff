"""Screens that are compared with their files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from syrupy.assertion import SnapshotAssertion

from dbtcollate_tui.sandbox.server import Sandbox
from dbtcollate_tui.session.services import Services
from tests.snapshots.drawing import ScreenFiles, picture
from tests.support.world import profile_for
from tests.tui.whole import Whole, keep, whole


class Album:
    """Takes pictures on the way and compares them at its end, so that one change shows in all it touches."""

    def __init__(self, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
        self._size = f"{size[0]}x{size[1]}"
        self._snapshot = snapshot.use_extension(ScreenFiles)
        self._taken: dict[str, str] = {}

    async def take(self, app: Whole, name: str) -> None:
        """Keep the screen as it stands."""
        self._taken[f"{name}-{self._size}"] = await picture(app)

    def compare(self) -> None:
        """Every picture with its file."""
        differing = [name for name, taken in self._taken.items() if taken != self._snapshot(name=name)]
        for name in differing:
            assert self._taken[name] == self._snapshot(name=name)


@asynccontextmanager
async def at_home(size: tuple[int, int], scenario: str = "") -> AsyncIterator[tuple[Whole, Sandbox]]:
    """The app at home with a profile, every check looked at."""
    services = Services()
    async with Sandbox(scenario) as sandbox:
        await keep(services, sandbox, profile_for(sandbox))
        async with whole(services, profile="shop", size=size) as app:
            await app.checked()
            yield app, sandbox
