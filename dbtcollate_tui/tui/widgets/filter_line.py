"""The filter of a `RowList`: one line below it, in sight while it is used."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

from dbtcollate_tui.tui.widgets.row_list import RowList


class FilterLine(Input):
    """Up, down and paging go to the list while one types; enter goes to the list, `close` empties it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "list('move', 1)", show=False),
        Binding("up", "list('move', -1)", show=False),
        Binding("pagedown", "list('page', 1)", show=False),
        Binding("pageup", "list('page', -1)", show=False),
        Binding("enter", "to_list", "To the list"),
    ]
    DEFAULT_CSS = """
    FilterLine { display: none; }
    FilterLine.-shown { display: block; }
    """

    def __init__(self, placeholder: str, of: str, *, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True)
        self._of = of

    @property
    def words(self) -> str:
        """What is filtered by; empty where nothing is."""
        return self.value.strip()

    @property
    def is_shown(self) -> bool:
        """Whether it is in sight."""
        return self.has_class("-shown")

    def open(self) -> None:
        """Show it and type into it. The focus moves at once, so that keys sent together arrive in order."""
        self.add_class("-shown")
        self.screen.set_focus(self)

    def close(self) -> None:
        """Filter no more; the focus goes to the list."""
        self.remove_class("-shown")
        self.value = ""
        self._list.focus()

    @property
    def _list(self) -> RowList[object]:
        return self.screen.query_one(self._of, RowList)

    def action_list(self, how: str, by: int) -> None:
        """Move the list's cursor."""
        getattr(self._list, f"action_{how}")(by)

    def action_to_list(self) -> None:
        """Keep the filter and go to the list; without one the filter goes away."""
        if self.words:
            self._list.focus()
        else:
            self.close()
