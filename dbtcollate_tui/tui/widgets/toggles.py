"""Switches and choices whose state is a character, not a colour alone."""

from textual.content import Content
from textual.widgets import Checkbox, RadioButton

from dbtcollate_tui.tui.glyphs import ASCII, GLYPHS

PLAIN = GLYPHS is ASCII


class Switch(Checkbox):
    """On or off: a mark or a space."""

    BUTTON_LEFT = "[" if PLAIN else "▐"
    BUTTON_RIGHT = "]" if PLAIN else "▌"
    BUTTON_INNER = " "

    def render(self) -> Content:
        """The mark follows the value."""
        self.BUTTON_INNER = "x" if self.value else " "
        return super().render()


class Choice(RadioButton):
    """One of several: a dot or a space."""

    BUTTON_LEFT = "(" if PLAIN else "▐"
    BUTTON_RIGHT = ")" if PLAIN else "▌"
    BUTTON_INNER = " "

    def render(self) -> Content:
        """The dot follows the value."""
        self.BUTTON_INNER = GLYPHS.dot if self.value else " "
        return super().render()
