"""Copying to the clipboard, with the secrets removed and a word on what was copied."""

from textual.dom import DOMNode

from dbtcollate_tui.redact import redact


def copy_text(node: DOMNode, text: str, what: str) -> None:
    """Put the redacted text on the clipboard through the terminal (OSC 52) and say so."""
    node.app.copy_to_clipboard(redact(text))
    lines = text.count("\n") + 1
    node.app.notify(f"Copied {what}, {lines} line{'' if lines == 1 else 's'}.", timeout=3)
