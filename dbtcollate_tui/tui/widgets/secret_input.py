"""A masked field for tokens: whole pastes, nothing to the clipboard, what was removed in words."""

from typing import Any

from pydantic import SecretStr
from textual import events
from textual.message import Message
from textual.widgets import Input

from dbtcollate_tui.pasted import PastedSecret, clean_secret
from dbtcollate_tui.redact import redact


class SecretInput(Input):
    """An `Input` that masks, joins pasted lines, strips what was not meant, and never copies.

    Textual's own paste keeps the first line alone, and its copy and cut would put the clear token on the
    clipboard; both are replaced here. ``secret`` is the cleaned value.
    """

    class Cleaned(Message):
        """The field's secret changed; ``pasted`` has it and what was taken off."""

        def __init__(self, field: "SecretInput", pasted: PastedSecret) -> None:
            super().__init__()
            self.field = field
            self.pasted = pasted

        @property
        def control(self) -> "SecretInput":
            """The field, for ``@on`` selectors."""
            return self.field

    def __init__(self, placeholder: str = "", **arguments: Any) -> None:
        super().__init__(placeholder=placeholder, password=True, **arguments)
        self._removed: tuple[str, ...] = ()

    @property
    def secret(self) -> SecretStr:
        """The cleaned secret; empty where nothing was entered."""
        return clean_secret(self.value).secret

    def _on_paste(self, event: events.Paste) -> None:
        pasted = clean_secret(event.text)
        redact.learn(pasted.secret)
        self._removed = pasted.removed
        if pasted.length:
            self.value = pasted.secret.get_secret_value()
            self.cursor_position = len(self.value)
        event.stop()
        event.prevent_default()
        self.post_message(self.Cleaned(self, pasted))

    def action_copy(self) -> None:
        """Refuse: a masked secret is not copied."""
        self.notify("A masked token is not copied.", timeout=3)

    def action_cut(self) -> None:
        """Clear the selection without copying it."""
        self.delete_selection()

    def action_paste(self) -> None:
        """Paste from the app's own clipboard through the same cleaning."""
        self._on_paste(events.Paste(self.app.clipboard))

    def forget(self) -> None:
        """Empty the field."""
        self.value = ""
        self._removed = ()
