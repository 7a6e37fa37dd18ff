"""A screen that is left while its workers still get answers."""

import asyncio
import importlib
import pkgutil

from textual.app import App, ComposeResult
from textual.screen import ModalScreen, Screen
from textual.widgets import Label

import dbtcollate_tui.tui
from dbtcollate_tui.tui.leaving import LeavableModal, LeavableScreen


class SlowLabel(Label):
    """A widget whose removal takes some turns of the loop."""

    async def on_unmount(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class Asking:
    """Asks for a widget whenever it resumes, as a check that answers does."""

    def compose(self) -> ComposeResult:
        yield SlowLabel("one", id="one")
        yield SlowLabel("two", id="two")

    def on_mount(self: "Screen[None]") -> None:  # type: ignore[misc]
        async def ask() -> None:
            while True:
                await asyncio.sleep(0)
                self.query_one("#one")
                self.query_one("#two")

        self.run_worker(ask(), group="checks")


class AskingScreen(Asking, LeavableScreen[None]):
    """A whole screen."""


class AskingModal(Asking, LeavableModal[None]):
    """A dialog."""


async def test_leaving_cancels_the_workers_first() -> None:
    for screen in (AskingScreen(), AskingModal()):
        app: App[None] = App()
        async with app.run_test() as pilot:
            await app.push_screen(screen)
            await pilot.pause()
            await app.pop_screen()
            await pilot.pause()
            assert not list(app.workers)


async def test_worker_that_leaves_its_own_screen_goes_on() -> None:
    done: list[str] = []

    class Leaving(LeavableScreen[None]):
        def on_mount(self) -> None:
            async def leave() -> None:
                await self.app.pop_screen()
                done.append("left")

            self.app.run_worker(leave())

    app: App[None] = App()
    async with app.run_test() as pilot:
        await app.push_screen(Leaving())
        await pilot.pause()
        await app.workers.wait_for_complete()
    assert done == ["left"]


def test_every_screen_can_be_left() -> None:
    package = dbtcollate_tui.tui
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    found = {
        item
        for item in _subclasses(Screen)
        if item.__module__.startswith("dbtcollate_tui.") and item not in (LeavableScreen, LeavableModal)
    }
    assert len(found) > 20
    assert [item for item in found if not issubclass(item, LeavableScreen | LeavableModal)] == []
    assert all(issubclass(item, LeavableModal) for item in found if issubclass(item, ModalScreen))


def _subclasses(of: type[object]) -> set[type[object]]:
    found: set[type[object]] = set()
    for item in of.__subclasses__():
        found |= {item, *_subclasses(item)}
    return found
