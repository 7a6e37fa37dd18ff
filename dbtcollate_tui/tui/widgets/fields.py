"""Text fields: pasted lines joined, and letters that are keys as long as the field is empty."""

from collections.abc import Iterable
from typing import Any

from textual import events
from textual.widgets import Input

from dbtcollate_tui.wording import PASTE_WORDS

LONGEST = 16_384
"""Characters of a paste that are taken: no address and no token is longer, and a file by mistake is."""
PASTE_WORDS_OF_TERMINAL = "Paste with the terminal's own key, often Ctrl+Shift+V."
EDITING_KEYS = frozenset({"backspace", "delete", "left", "right", "home", "end"})


class LineInput(Input):
    """An `Input` for one line. A paste keeps all its lines, joined; Textual's own keeps the first alone.

    ``empty_keys`` are keys that go to the bindings as long as nothing is entered: letters that what belongs
    into the field cannot begin with.
    """

    def __init__(self, value: str = "", *, empty_keys: Iterable[str] = (), **arguments: Any) -> None:
        super().__init__(value, **arguments)
        self._empty_keys = frozenset(empty_keys)

    def on_mount(self) -> None:
        """The cursor blinks only where motion is wanted."""
        self.set_reactive(LineInput.cursor_blink, self.app.animation_level != "none")

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key is typing: every printable one, but for the keys of an empty field."""
        if not self.value and key in self._empty_keys:
            return False
        return super().check_consume_key(key, character)

    def _is_binding(self, event: events.Key) -> bool:
        return not self.value and event.key in self._empty_keys

    async def _on_key(self, event: events.Key) -> None:
        if self._is_binding(event):
            event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.take_paste(event.text)

    def take_paste(self, text: str) -> None:
        """Insert pasted text at the cursor, without line breaks and outer spaces."""
        line = "".join(text[:LONGEST].split("\n")).replace("\r", "").strip()
        if line:
            self.replace(line, *self.selection)

    def action_paste(self) -> None:
        """Paste from the app's own clipboard; where it is empty, say how the terminal pastes."""
        if self.app.clipboard:
            self.take_paste(self.app.clipboard)
        else:
            self.notify(PASTE_WORDS if self.app.is_web else PASTE_WORDS_OF_TERMINAL, timeout=6)

    def take_key(self, event: events.Key) -> None:
        """Type a key that was pressed elsewhere into this field, and focus it."""
        self.focus()
        if event.is_printable and event.character is not None:
            self.insert_text_at_cursor(event.character)
        elif event.key == "backspace":
            self.action_delete_left()
