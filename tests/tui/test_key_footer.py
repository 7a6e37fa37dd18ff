"""The keys at the bottom: drawn anew once, however often they are said to have changed."""

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets._footer import FooterKey

from dbtcollate_tui.tui.widgets.key_footer import KeyFooter


class Counting(KeyFooter):
    """Counts how often it is made anew."""

    made = 0

    async def recompose(self) -> None:
        self.made += 1
        await super().recompose()


class Keys(App[None]):
    BINDINGS = [Binding("a", "one", "One"), Binding("b", "two", "Two")]  # noqa: RUF012
    second = False

    def compose(self) -> ComposeResult:
        yield Counting()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.second if action == "two" else True


def labels(app: Keys) -> list[str]:
    return [key.description for key in app.query(FooterKey)]


async def test_unchanged_keys_are_not_made_again() -> None:
    app = Keys()
    async with app.run_test() as pilot:
        await pilot.pause()
        footer = app.query_one(Counting)
        assert labels(app) == ["One"]
        made = footer.made
        for _ in range(50):
            app.screen.refresh_bindings()
            await pilot.pause()
        assert footer.made == made
        app.second = True
        for _ in range(50):
            app.screen.refresh_bindings()
        await pilot.pause()
        assert labels(app) == ["One", "Two"]
        assert footer.made <= made + 2


class Many(App[None]):
    BINDINGS = [  # noqa: RUF012
        *(Binding(letter, f"do('{letter}')", f"Description {letter}") for letter in "abcdefghij"),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def compose(self) -> ComposeResult:
        yield KeyFooter()


def last_line(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips(app.size)
    return "".join(part.text for part in strips[-1])


async def test_a_narrow_footer_shows_whole_keys_and_the_help() -> None:
    app = Many()
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        assert last_line(app).rstrip() == " a Description a  b Description b  c Description c  ? Help"
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        await pilot.pause()
        assert last_line(app).rstrip() == " a Description a  ? Help"
