"""The keys that work now, at the bottom of a screen, drawn again only where they changed."""

from collections.abc import Iterable

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

Shown = tuple[tuple[str, str, str, bool], ...]
LAST = "help"
"""The action whose key stays where there is no room for all: it leads to the others."""
PADDING = 3
"""Cells around a key and its description."""


class KeyFooter(Footer):
    """Textual's footer without the palette's key, and with as many whole keys as fit the width.

    Textual's own makes all its keys again each time that anything asks for the bindings to be looked at, one
    time after the other, and nothing is painted meanwhile: while checks run that is hundreds of times.
    """

    DEFAULT_CSS = "KeyFooter { scrollbar-size: 0 0; overflow: hidden hidden; }"

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._due = False
        self._shown: Shown | None = None

    def compose(self) -> ComposeResult:
        """The keys that fit, the first ones first; the key of the help is never left out."""
        if not self._bindings_ready:
            return
        for _, binding, enabled, tooltip in self._fitting():
            yield FooterKey(
                binding.key,
                self.app.get_key_display(binding),
                binding.description,
                binding.action,
                disabled=not enabled,
                tooltip=tooltip,
            ).data_bind(compact=Footer.compact)

    def _fitting(self) -> list[ActiveBinding]:
        keys: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show:
                keys.setdefault(active.binding.action, active)
        helps = [active for active in keys.values() if active.binding.action.endswith(LAST)]
        room = (self.size.width or self.app.size.width) - sum(map(self._width, helps))
        fitting = []
        for active in keys.values():
            if active not in helps:
                room -= self._width(active)
                if room < 0:
                    break
                fitting.append(active)
        return [*fitting, *helps]

    def _width(self, active: ActiveBinding) -> int:
        binding = active.binding
        return cell_len(self.app.get_key_display(binding)) + cell_len(binding.description) + PADDING

    def on_resize(self) -> None:
        """Draw the keys again where another number of them fits."""
        self.bindings_changed(self.screen)

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
            shown = _shown(self._fitting())
        except NoMatches:
            return
        if shown != self._shown:
            self._shown = shown
            await self.recompose()


def _shown(bindings: Iterable[ActiveBinding]) -> Shown:
    return tuple(
        (binding.key, binding.description, binding.action, enabled) for _, binding, enabled, _ in bindings
    )
