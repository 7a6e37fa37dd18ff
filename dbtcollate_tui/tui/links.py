"""Addresses as links (OSC 8), where the terminal has them; elsewhere they are text as before."""

from rich.style import Style
from rich.text import Text

from dbtcollate_tui.transport.addresses import is_web_page


def linked(address: str, style: str = "") -> Text:
    """The address on as many lines as it needs, each a link to the whole of it."""
    text = Text(address, style, overflow="fold")
    if is_web_page(address):
        text.stylize(Style(link=address))
    return text
