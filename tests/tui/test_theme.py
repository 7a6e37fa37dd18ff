"""What few colours make of the themes: brand, states and text are told apart in every palette."""

import pytest
from rich.color import Color, ColorSystem
from textual.theme import Theme

from dbtcollate_tui.session.services import Services
from dbtcollate_tui.tui.app import DbtCollateApp
from dbtcollate_tui.tui.glyphs import STATE_COLOURS
from dbtcollate_tui.tui.theme import gradient_of, themes_for
from tests.tui.whole import whole

SYSTEMS = {
    "windows": ColorSystem.WINDOWS,
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
}
STATES = sorted({name.removeprefix("$") for name in STATE_COLOURS.values()} - {"text-muted"})


def number(colour: str, system: ColorSystem) -> object:
    """The colour as a terminal of this palette is sent it."""
    shown = Color.parse(colour).downgrade(system)
    return shown.triplet if system is ColorSystem.TRUECOLOR else shown.number


def muted(theme: Theme) -> str:
    """The theme's muted text on its background: named, or blended as Textual does."""
    variables = {**theme.to_color_system().generate(), **theme.variables}
    named = variables["text-muted"]
    if named.startswith("#"):
        return named
    share = float(named.removeprefix("auto ").removesuffix("%")) / 100
    fore, back = (Color.parse(variables[name]).get_truecolor() for name in ("foreground", "background"))
    return Color.from_rgb(*(b + (f - b) * share for f, b in zip(fore, back, strict=True))).get_truecolor().hex


@pytest.mark.parametrize("colours", SYSTEMS)
@pytest.mark.parametrize("dark", [True, False])
async def test_brand_states_and_text_differ(
    colours: str, dark: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", colours)
    system = SYSTEMS[colours]
    async with whole() as app:
        theme = next(one for one in themes_for(colours) if one.dark is dark)
        app.app.theme = theme.name
        await app.pilot.pause()
        variables = app.app.theme_variables
        assert variables["error"] == theme.to_color_system().generate()["error"]
        brand = {number(gradient_of(app.app, step / 40), system) for step in range(41)}
        states = [number(variables[name], system) for name in STATES]
        texts = [number(variables["foreground"], system), number(muted(theme), system)]
        grounds = {number(variables[name], system) for name in ("background", "surface", "panel")}
    assert len(brand) > 1
    assert len({*states, *texts}) == len(states) + len(texts)
    assert not brand & {*states, *texts}
    assert not grounds & {*brand, *states, *texts}


async def test_keys_of_the_footer_are_in_no_states_colour() -> None:
    for colours, system in SYSTEMS.items():
        for theme in themes_for(colours):
            states = {number(getattr(theme, name), system) for name in STATES}
            assert number(theme.variables["footer-key-foreground"], system) not in states


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({"TERM": "xterm"}, "standard"),
        ({"TERM": "xterm-16color"}, "standard"),
        ({"TERM": "screen"}, "standard"),
        ({"TERM": "foot"}, "standard"),
        ({"TERM": ""}, "standard"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "rxvt-unicode-256color", "COLORTERM": "rxvt-xpm"}, "256"),
        ({"TERM": "xterm-kitty"}, "256"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "screen-256color", "COLORTERM": "24bit"}, "truecolor"),
    ],
)
def test_the_terminal_chooses_the_theme(
    environment: dict[str, str], colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLORTERM")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = DbtCollateApp(Services(), animation=False)
    dark, light = themes_for(colours)
    assert app.current_theme is dark
    assert app.available_themes[light.name] is light
