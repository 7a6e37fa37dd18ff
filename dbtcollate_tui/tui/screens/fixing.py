"""The questions of troubleshooting: a new token, one out of a list, a text to send. Each over the walk."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import LABELS, Side
from dbtcollate_tui.setup.fixes import keep_token, try_token
from dbtcollate_tui.setup.help_links import TokenHelp, collate_token_help, dbt_token_help
from dbtcollate_tui.troubleshooting.report import SupportMessage
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.leaving import LeavableModal
from dbtcollate_tui.tui.links import linked
from dbtcollate_tui.tui.widgets.error_card import ErrorCard
from dbtcollate_tui.tui.widgets.key_footer import KeyFooter
from dbtcollate_tui.tui.widgets.picker import Picker, PickerRow
from dbtcollate_tui.tui.widgets.secret_input import SecretInput

BOX = """
    width: 76; max-width: 96%; height: auto; max-height: 96%; padding: 1 2; background: $panel;
    border: round $border;
"""
Rows = AsyncGenerator[tuple[Sequence[PickerRow], str]]
"""Rows as they come, and what is still being read ("" at the end)."""


class NewToken(LeavableModal[str | None]):
    """Asks for a token, tries it, keeps it; gives in words what the server said and where it is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Test and save it", priority=True),
        Binding("ctrl+o", "open", "Open its page"),
        Binding("escape", "dismiss(None)", "Back"),
    ]
    DEFAULT_CSS = f"""
    NewToken {{ align: center middle; }}
    NewToken > Vertical {{ {BOX} }}
    NewToken Static {{ height: auto; }}
    NewToken #state {{ color: $text-muted; }}
    """

    def __init__(self, services: Services, profile: Profile, side: Side) -> None:
        super().__init__()
        self._services = services
        self._profile = profile
        self._side: Side = side

    @property
    def _help(self) -> TokenHelp:
        if self._side == "collate":
            return collate_token_help(self._profile.collate.base_url)
        side = self._profile.dbt_cloud
        found = dbt_token_help(side.base_url)
        page = f"{side.base_url}/settings/accounts/{side.account_id}"
        return TokenHelp(found.path, found.permission, page, found.reason)

    def compose(self) -> ComposeResult:
        """What is asked for, where it is made, the masked field, what the server says."""
        place = self._help
        with Vertical():
            yield Static(
                f"Another {LABELS[self._side]} for {self._profile.name}", classes="title", markup=False
            )
            yield Static(f"{place.path}\nPermission: {place.permission}", classes="muted", markup=False)
            yield Static(linked(place.url, "dim"))
            yield SecretInput()
            yield Static("It is tested before it replaces the current one.", id="state", markup=False)
            yield ErrorCard()
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin to type at once."""
        self.query_one(SecretInput).focus()

    def action_open(self) -> None:
        """Open the page on which such a token is made."""
        self.app.open_url(self._help.url)

    def action_go_on(self) -> None:
        """Try the token."""
        self.run_worker(self._try(), group="try", exclusive=True)

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one(ErrorCard).clear()

    async def _try(self) -> None:
        field, state = self.query_one(SecretInput), self.query_one("#state", Static)
        card = self.query_one(ErrorCard)
        card.clear()
        state.update("Asking the server")
        try:
            words = await try_token(self._services, self._profile, self._side, field.secret)
            kept = await keep_token(self._services, self._profile, self._side, field.secret)
        except ActionableError as error:
            state.update("Nothing was saved.")
            shown = ActionableError(error.title, causes=error.causes, evidence=error.evidence)
            await card.show(shown)
            field.focus()
            return
        self.dismiss(f"Another {LABELS[self._side]}: {words}; {kept}")


class ChooseOne(LeavableModal[str | None]):
    """Gives the id of the row that was taken, or ``None``. ``read`` gives the rows as they come."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take it", priority=True),
        Binding("escape", "dismiss(None)", "Back"),
    ]
    DEFAULT_CSS = f"""
    ChooseOne {{ align: center middle; }}
    ChooseOne > Vertical {{ {BOX} width: 100; height: 90%; }}
    ChooseOne .title {{ height: auto; }}
    """

    def __init__(self, question: str, noun: str, read: Callable[[], Rows], current: str = "") -> None:
        super().__init__()
        self._question = question
        self._noun = noun
        self._read = read
        self._current = current

    def compose(self) -> ComposeResult:
        """The question and the list."""
        with Vertical():
            yield Static(self._question, classes="title", markup=False)
            yield ErrorCard()
            yield Picker(noun=self._noun)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the rows."""
        self.query_one(Picker).focus_search()
        self.run_worker(self._fill(), group="read", exclusive=True)

    async def _fill(self) -> None:
        picker = self.query_one(Picker)
        picker.set_rows([], loading="reading")
        try:
            async with aclosing(self._read()) as lists:
                async for rows, loading in lists:
                    picker.set_rows(rows, chosen=self._current or None, loading=loading)
        except ActionableError as error:
            picker.set_rows([])
            await self.query_one(ErrorCard).show(ActionableError(error.title, causes=error.causes))

    def action_take(self) -> None:
        """Take the row under the cursor."""
        self.query_one(Picker).choose_current()

    @on(Picker.Chosen)
    def _chosen(self, event: Picker.Chosen) -> None:
        event.stop()
        self.dismiss(event.row.id)


class SupportMessageScreen(LeavableModal[None]):
    """A support message for the person who can fix it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy it"),
        Binding("escape,m", "dismiss(None)", "Back"),
    ]
    DEFAULT_CSS = f"""
    SupportMessageScreen {{ align: center middle; }}
    SupportMessageScreen > VerticalScroll {{ {BOX} width: 96; scrollbar-size-vertical: 1; }}
    SupportMessageScreen Static {{ height: auto; }}
    """

    def __init__(self, letter: SupportMessage) -> None:
        super().__init__()
        self._letter = letter

    def compose(self) -> ComposeResult:
        """To whom, what about, the text."""
        with VerticalScroll():
            yield Static(f"To send to {self._letter.to}", classes="title", markup=False)
            yield Static(self._letter.subject + "\n", classes="muted", markup=False)
            yield Static(_laid_out(self._letter.text))
        yield KeyFooter()

    def on_mount(self) -> None:
        """Let the arrows scroll it."""
        self.query_one(VerticalScroll).focus()

    def action_copy(self) -> None:
        """Copy it with its head."""
        copy_text(self, self._letter.as_text(), "the text")


_LABEL = re.compile(r"(?:- |\S+ {2,})(?=\S)")


def _laid_out(text: str) -> Table:
    """The text's lines; text behind a label or a dash is indented below itself where it is too long."""
    laid = Table.grid(expand=True)
    for line in text.split("\n"):
        label = _LABEL.match(line)
        if label is None:
            laid.add_row(Text(line))
            continue
        pair = Table.grid(expand=True)
        pair.add_column(width=label.end())
        pair.add_column(ratio=1)
        pair.add_row(Text(label[0]), Text(line[label.end() :], overflow="fold"))
        laid.add_row(pair)
    return laid
