"""What is laid out when a screen changes its size."""

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from dbtcollate_tui.tui.screens.resizing import FittedScreen
from dbtcollate_tui.tui.terminal import TerminalApp


class Told(Static):
    """Notes its width and the screen's classes of width each time it gets a size."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, set[str]]] = []

    def on_resize(self, event: events.Resize) -> None:
        known = {name for _, name in TerminalApp.HORIZONTAL_BREAKPOINTS}
        self.sizes.append((event.size.width, known & self.screen.classes))


class Fitted(FittedScreen[None]):
    DEFAULT_CSS = "Fitted Told { width: 1fr; } Fitted.-narrow Told { width: 30; }"

    def __init__(self) -> None:
        super().__init__()
        self.widths: list[int] = []

    def compose(self) -> ComposeResult:
        yield Told()

    def on_resize(self, event: events.Resize) -> None:
        self.widths.append(event.size.width)


class Fitting(App[None]):
    HORIZONTAL_BREAKPOINTS = TerminalApp.HORIZONTAL_BREAKPOINTS

    def on_mount(self) -> None:
        self.push_screen(Fitted())


async def test_a_new_size_is_laid_out_once_and_for_its_own_width() -> None:
    app = Fitting()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        told = app.screen.query_one(Told)
        told.sizes.clear()
        for width, laid_out in ((120, 120), (170, 170), (90, 30)):
            await pilot.resize_terminal(width, 30)
            for _ in range(500):
                if told.sizes and told.sizes[-1][0] == laid_out:
                    break
                await pilot.pause(0.01)
        await pilot.pause()
        assert told.sizes == [(120, {"-wide"}), (170, {"-widest"}), (30, {"-narrow"})]


async def test_size_that_changed_below_another_screen_is_laid_out() -> None:
    app = Fitting()
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        below = app.screen
        assert isinstance(below, Fitted)
        app.push_screen(Fitted())
        await pilot.pause()
        await pilot.resize_terminal(90, 30)
        await pilot.pause()
        app.pop_screen()
        for _ in range(500):
            if below.widths[-1] == 90:
                break
            await pilot.pause(0.01)
        await pilot.pause()
        assert below.widths[-1] == 90
        assert below.query_one(Told).sizes[-1] == (30, {"-narrow"})
