"""Copying to the clipboard, with the secrets removed and a word on what was copied."""

from textual.dom import DOMNode

from dbtcollate_tui import wording
from dbtcollate_tui.printable import safe
from dbtcollate_tui.tui import clipboard


def copy_text(node: DOMNode, text: str, what: str) -> None:
    """Send the text to the terminal's clipboard (OSC 52) and to the machine's.

    Neither reports whether it took the text. Secrets and terminal control are taken out first.
    """
    clean = safe(text)
    node.app.copy_to_clipboard(clean)
    clipboard.put(clean)
    lines = text.count("\n") + 1
    node.app.notify(f"Sent {what} to the clipboard, {wording.count(lines, 'line')}.", timeout=3)
