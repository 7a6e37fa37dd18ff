"""dbt's side warm, Collate's side cool, nothing else coloured but states."""

from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.color import Color, Gradient
from textual.dom import DOMNode
from textual.theme import Theme

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.tui.glyphs import STATE_COLOURS

DBT_ORANGE = "#FF694A"
COLLATE_VIOLET = "#8B6BFF"

CHAIN_GRADIENT = Gradient.from_colors(
    Color.parse(DBT_ORANGE), Color.parse("#C76BA8"), Color.parse(COLLATE_VIOLET)
)
"""From dbt's orange to Collate's violet: the chain and every progress bar."""
GRADIENT_256 = ("#FF8700", "#D78787", "#AF87AF", "#AF87FF", "#8787FF")
GRADIENT_256_LIGHT = ("#D75F00", "#AF5F5F", "#875F87", "#875FAF", "#5F5FD7")
GRADIENT_16 = ("#F03CE6", "#5555FF")
GRADIENT_16_LIGHT = ("#AA00AA", "#0000AA")

DARK = Theme(
    name="dbtcollate-dark",
    primary=COLLATE_VIOLET,
    secondary=DBT_ORANGE,
    accent="#8FB8FF",
    success="#5FBF87",
    warning="#E3B341",
    error="#F0616D",
    foreground="#DADDE5",
    background="#14151C",
    surface="#1A1C25",
    panel="#242733",
    dark=True,
    variables={
        "border": "#4A4F63",
        "border-blurred": "#333848",
        "footer-key-foreground": DBT_ORANGE,
        "footer-background": "#1A1C25",
        "input-selection-background": "#8B6BFF 35%",
    },
)
LIGHT = Theme(
    name="dbtcollate-light",
    primary="#5A37D6",
    secondary="#D4472A",
    accent="#2F5FB3",
    success="#1F7A47",
    warning="#8A6100",
    error="#B3262F",
    foreground="#23252E",
    background="#F7F7FA",
    surface="#EFEFF4",
    panel="#E2E3EB",
    dark=False,
    variables={
        "border": "#9A9DAE",
        "border-blurred": "#C3C5D1",
        "footer-key-foreground": "#D4472A",
        "footer-background": "#EFEFF4",
    },
)

# The palettes of 256 and of 16 colours. Left to rich, the nearest colours of the themes above coincide:
# dbt's orange and the errors are one red, and with 16 colours success, accent and muted text are one grey.
DARK_256 = Theme(
    name=DARK.name,
    primary=GRADIENT_256[-1],
    secondary=GRADIENT_256[0],
    accent="#87D7FF",
    success="#5FD787",
    warning="#FFD75F",
    error="#FF5F5F",
    foreground="#DADADA",
    background="#121212",
    surface="#1C1C1C",
    panel="#303030",
    dark=True,
    variables={
        "border": "#626262",
        "border-blurred": "#444444",
        "footer-key-foreground": GRADIENT_256[0],
        "footer-background": "#1C1C1C",
        "input-selection-background": "#5F5FAF",
    },
)
LIGHT_256 = Theme(
    name=LIGHT.name,
    primary=GRADIENT_256_LIGHT[-1],
    secondary=GRADIENT_256_LIGHT[0],
    accent="#005FAF",
    success="#008700",
    warning="#875F00",
    error="#D70000",
    foreground="#262626",
    background="#FFFFFF",
    surface="#EEEEEE",
    panel="#DADADA",
    dark=False,
    variables={
        "border": "#8A8A8A",
        "border-blurred": "#BCBCBC",
        "footer-key-foreground": GRADIENT_256_LIGHT[0],
        "footer-background": "#EEEEEE",
        "input-selection-background": "#AFAFFF",
    },
)
DARK_16 = Theme(
    name=DARK.name,
    primary=GRADIENT_16[-1],
    secondary=GRADIENT_16[0],
    accent="#55FFFF",
    success="#55FF55",
    warning="#FFFF55",
    error="#FF5555",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    variables={
        "border": "#AAAAAA",
        "border-blurred": "#555555",
        "footer-key-foreground": GRADIENT_16[0],
        "footer-background": "#000000",
        "text": "#FFFFFF",
        "text-muted": "#AAAAAA",
        "text-disabled": "#555555",
    },
)
LIGHT_16 = Theme(
    name=LIGHT.name,
    primary=GRADIENT_16_LIGHT[-1],
    secondary=GRADIENT_16_LIGHT[0],
    accent="#00AAAA",
    success="#00AA00",
    warning="#AA5500",
    error="#AA0000",
    foreground="#000000",
    background="#FFFFFF",
    surface="#FFFFFF",
    panel="#FFFFFF",
    dark=False,
    variables={
        "border": "#555555",
        "border-blurred": "#AAAAAA",
        "footer-key-foreground": GRADIENT_16_LIGHT[0],
        "footer-background": "#FFFFFF",
        "text": "#000000",
        "text-muted": "#555555",
        "text-disabled": "#AAAAAA",
    },
)


def themes_for(colours: str | None) -> tuple[Theme, Theme]:
    """The dark and the light theme for a terminal of so many colours, as rich names them."""
    match colours:
        case "256":
            return DARK_256, LIGHT_256
        case "standard" | "windows":
            return DARK_16, LIGHT_16
        case _:
            return DARK, LIGHT


def gradient_of(app: App[Any], at: float) -> str:
    """The colour of the chain at this share of its way: 0 is dbt's, 1 is Collate's."""
    is_dark = app.current_theme.dark
    steps: tuple[str, ...]
    match app.console.color_system:
        case "256":
            steps = GRADIENT_256 if is_dark else GRADIENT_256_LIGHT
        case "standard" | "windows":
            steps = GRADIENT_16 if is_dark else GRADIENT_16_LIGHT
        case _:
            return CHAIN_GRADIENT.get_color(at).hex
    return steps[max(0, min(int(at * len(steps)), len(steps) - 1))]


def on_theme_change(node: DOMNode, draw: Callable[[], object]) -> None:
    """Have ``draw`` called after each change of theme, as long as the mounted node lives."""
    node.app.theme_changed_signal.subscribe(node, lambda _: draw())


def colour_of(app: App[Any], variable: str, otherwise: str = "dim") -> str:
    """The theme's colour as rich has it, or ``otherwise`` where the theme leaves it to the terminal."""
    value = app.theme_variables.get(variable.removeprefix("$"), "")
    return value if value.startswith("#") else otherwise


def state_colour(app: App[Any], state: CheckState, otherwise: str = "dim") -> str:
    """The colour of a check's state, as `colour_of` gives it."""
    return colour_of(app, STATE_COLOURS[state], otherwise)
