"""The keys of an error card's fixes, for a screen that has a card."""

from textual import events
from textual.screen import Screen
from textual.widgets import Input


class CardKeys:
    """Mixed into a screen: a key that nothing else takes chooses the card's fix of that key."""

    def on_key(self, event: events.Key) -> None:
        """Choose a fix by its key."""
        if not isinstance(self, Screen) or isinstance(self.focused, Input):
            return
        if event.key in self.active_bindings:
            return
        from dbtcollate_tui.tui.widgets.error_card import ErrorCard

        for card in self.query(ErrorCard):
            if card.error is not None and card.press(event.key):
                event.stop()
