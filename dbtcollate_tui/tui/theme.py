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
