"""The app, typed, for screens that ask it to do something."""

from typing import TYPE_CHECKING, cast

from textual.dom import DOMNode

if TYPE_CHECKING:
    from dbtcollate_tui.tui.app import DbtCollateApp


def app_of(node: DOMNode) -> "DbtCollateApp":
    """The app that the node belongs to."""
    return cast("DbtCollateApp", node.app)
