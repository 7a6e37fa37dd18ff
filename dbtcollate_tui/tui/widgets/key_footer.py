"""The keys that work now, at the bottom of a screen, drawn anew only where they changed."""

from collections.abc import Iterable

from textual.binding import ActiveBinding
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Footer

Shown = tuple[tuple[str, str, str, bool], ...]


class KeyFooter(Footer):
    """Textual's footer without the palette's key.

    Textual's own makes all its keys anew each time that anything asks for the bindings to be looked at, one
    time after the other, and nothing is painted meanwhile: while checks run that is hundreds of times.
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._due = False
        self._shown: Shown | None = None

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Look at the keys once, however often they are said to have changed until then."""
        self._bindings_ready = True
        if self._due or not screen.app.app_focus or not self.is_attached or screen is not self.screen:
            return
        self._due = True
        self.call_after_refresh(self._renew)

    async def _renew(self) -> None:
        """Draw the keys where they changed; not on a screen that is being taken down and lost its parts."""
        self._due = False
        if not self.is_attached:
            return
        try:
            shown = _shown(self.screen.active_bindings.values())
        except NoMatches:
            return
        if shown != self._shown:
            self._shown = shown
            await self.recompose()


def _shown(bindings: Iterable[ActiveBinding]) -> Shown:
    return tuple(
        (binding.key, binding.description, binding.action, enabled)
        for _, binding, enabled, _ in bindings
        if binding.show
    )
