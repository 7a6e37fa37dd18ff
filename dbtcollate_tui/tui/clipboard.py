"""The clipboard of this machine, beside the terminal's own; never waited for."""

import threading


def put(text: str) -> None:
    """Put the text on the machine's clipboard where it has one (pyperclip), in a thread of its own.

    The terminal's escape sequence (OSC 52) does not reach the clipboard in every terminal; a clipboard
    program may hang. So both are tried, and neither is waited for.
    """
    threading.Thread(target=_put, args=(text,), name="clipboard", daemon=True).start()


def _put(text: str) -> None:
    import pyperclip

    try:
        pyperclip.copy(text)
    except (pyperclip.PyperclipException, OSError):
        return
