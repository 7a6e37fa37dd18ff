"""A masked field for tokens: whole pastes, nothing to the clipboard, what was removed in words."""

from typing import Any

from pydantic import SecretStr
from textual.message import Message

from dbtcollate_tui.pasted import PastedSecret, clean_secret
from dbtcollate_tui.redact import redact
from dbtcollate_tui.tui.widgets.fields import LONGEST, LineInput


class SecretInput(LineInput):
    """A field that masks, joins pasted lines, strips what was not meant, and never copies.

    Textual's own paste keeps the first line alone, and its copy and cut would put the clear token on the
    clipboard; both are replaced here. ``secret`` is the cleaned value, ``removed`` what was taken off it.
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
        self._pasted = ""

    @property
    def secret(self) -> SecretStr:
        """The cleaned secret; empty where nothing was entered."""
        return clean_secret(self.value).secret

    @property
    def removed(self) -> tuple[str, ...]:
        """What was taken off the paste, or would be taken off what was typed."""
        return self._removed if self.value == self._pasted else clean_secret(self.value).removed

    def take_paste(self, text: str) -> None:
        """Take a whole paste in place of the former value."""
        self.put(clean_secret(text[:LONGEST]))

    def put(self, pasted: PastedSecret) -> None:
        """Fill the field with a secret; an empty one changes nothing."""
        redact.learn(pasted.secret)
        if pasted.length:
            self._pasted = pasted.secret.get_secret_value()
            self._removed = pasted.removed
            self.value = self._pasted
            self.cursor_position = len(self.value)
        self.post_message(self.Cleaned(self, pasted))

    def action_copy(self) -> None:
        """Refuse: a masked secret is not copied."""
        self.notify("A masked token is not copied.", timeout=3)

    def action_cut(self) -> None:
        """Clear the selection without copying it."""
        self.delete_selection()

    def forget(self) -> None:
        """Empty the field."""
        self.value = self._pasted = ""
        self._removed = ()
