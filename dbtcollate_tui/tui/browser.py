"""Opening a web page where there is a browser; elsewhere its address is shown."""

import os
import webbrowser
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from dbtcollate_tui.platforms import has_desktop
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.links import linked
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER")
NO_BROWSER = "No browser can be opened from here. The URL of the page:"
OTHER_SERVER = "This page is on neither of the profile's servers, so it is not opened. Its URL:"


def has_browser() -> bool:
    """Whether a browser with a window of its own can open: not over SSH, and not without a display."""
    if os.environ.get("BROWSER"):
        return True
    if os.environ.get("SSH_CONNECTION") and not os.environ.get("DISPLAY"):
        return False
    if has_desktop():
        return True
    return any(os.environ.get(name) for name in DISPLAYS)


def open_page(address: str, *, new_tab: bool) -> bool:
    """Open the page; false where no browser took it. Blocking: call it in a thread."""
    try:
        return webbrowser.open(address, new=2 if new_tab else 0)
    except webbrowser.Error:
        return False


class AddressScreen(LeavableModal[None]):
    """The address of a page that is not opened from here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy"),
        Binding("escape,enter", "dismiss", "Back", key_display="esc"),
    ]
    DEFAULT_CSS = """
    AddressScreen { align: center middle; }
    AddressScreen > Vertical {
        width: auto; min-width: 60; max-width: 96%; height: auto; padding: 1 2; background: $panel;
        border: round $border;
    }
    AddressScreen Static { width: auto; max-width: 100%; height: auto; margin: 0 0 1 0; }
    AddressScreen Footer { background: $panel; }
    """

    def __init__(self, address: str, why: str = NO_BROWSER) -> None:
        super().__init__()
        self.address = address
        self._why = why

    def compose(self) -> ComposeResult:
        """Why, and the address whole."""
        with Vertical():
            yield Static(self._why, markup=False)
            address = linked(self.address) if self._why == NO_BROWSER else self.address
            yield Static(address, markup=False)
            yield KeyFooter()

    def action_copy(self) -> None:
        """Copy the address."""
        copy_text(self, self.address, "the address")
