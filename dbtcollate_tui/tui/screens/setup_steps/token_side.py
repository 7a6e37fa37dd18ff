"""What both token questions share: the field, its shape, where it is kept, the page that makes one."""

from typing import ClassVar

from pydantic import SecretStr
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, Static

from dbtcollate_tui.dbt_cloud.tokens import TokenShape
from dbtcollate_tui.pasted import clean_secret
from dbtcollate_tui.settings.secrets import ENV, FoundSecret, Origin, Side
from dbtcollate_tui.setup.help_links import TokenHelp
from dbtcollate_tui.tui.copying import copy_text
from dbtcollate_tui.tui.links import linked
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane, Work
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.token_storage import KeepingScreen
from dbtcollate_tui.tui.widgets.secret_input import SecretInput

EMPTY_KEYS = ("k", "o", "y", "s", "i", "g", "question_mark")
"""Keys while the field is empty: no token, and nothing that one is pasted with, begins with them."""

SHOWN_BY_TERMINALS = "xfce4-terminal and urxvt show a token pasted with its line break."


class TokenPane(StepPane):
    """The token half of a pane. The environment's token is offered with its origin, and may be ignored."""

    side: ClassVar[Side]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sample", "Sample token"),
        Binding("i", "ignore", "Ignore variable"),
        Binding("k", "keeping", "Keep"),
        Binding("ctrl+k", "keeping", "Keep", priority=True, show=False),
        Binding("o", "open", "Open page"),
        Binding("ctrl+o", "open", "Open page"),
        Binding("y", "copy", "Copy", show=False),
        Binding("ctrl+y", "copy", "Copy", show=False),
        Binding("g", "guide", show=False),
    ]
    DEFAULT_CSS = """
    TokenPane #shape, TokenPane #kept, TokenPane #found { height: auto; padding: 0 1; }
    TokenPane #shape.-look { color: $warning; }
    TokenPane #found { display: none; }
    TokenPane #found.-shown { display: block; }
    TokenPane #kept, TokenPane #need { color: $text-muted; }
    TokenPane #need { height: auto; margin: 1 0 0 0; }
    TokenPane.-failed #need, TokenPane.-failed #kept { display: none; }
    """

    class KeyringNeeded(Message):
        """A token may be kept from here on: ask the keyring whether it keeps one."""

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        self.found: FoundSecret | None = None
        self._tried = ""

    @property
    def field(self) -> SecretInput:
        """The token's field."""
        return self.query_one(SecretInput)

    def shape(self, secret: SecretStr) -> TokenShape:
        """What the token's shape shows."""
        raise NotImplementedError

    def token_help(self) -> TokenHelp:
        """Where such a token is made."""
        raise NotImplementedError

    async def enter(self) -> None:
        """Look for a token that is there already, and say where this one will be kept."""
        self.found = await self.setup.answers.found_token(self.side)
        self.say_found()
        self.say_kept()
        self.say_need()
        self.say_shape()
        self._need_keyring()
        await super().enter()

    def _need_keyring(self) -> None:
        """Ask once; not where the environment's token will be taken, which is kept nowhere."""
        from_environment = self.found is not None and self.found.origin == "environment"
        if self.context.health is None and (not from_environment or self.field.value):
            self.post_message(self.KeyringNeeded())

    def say_found(self) -> None:
        """Say that a token was found, and where."""
        words = ""
        if self.setup.answers.has_token(self.side):
            words = "The previous token was accepted. Enter continues with it; pasting replaces it."
        elif self.found is not None:
            shape = self.shape(self.found.secret)
            kind = f"{shape.label}, {shape.length} characters"
            if self.found.origin == "environment":
                words = (
                    f"{ENV[self.side]} is set: {kind}. Enter tries it. It comes before any saved token.\n"
                    "i  ignore it in this session"
                )
            else:
                words = f"A token is saved for this profile ({self.found.origin}): {kind}. Enter tries it."
        line = self.query_one("#found", Static)
        line.update(words)
        line.set_class(bool(words), "-shown")

    def say_kept(self) -> None:
        """Say where the token will be kept."""
        words = self.context.keeping_words(self.side)
        self.query_one("#kept", Static).update(f"{words}   {self._key('k')}  other ways of keeping it")

    def _key(self, letter: str) -> str:
        """The key as it works now: the letter alone while the field is empty."""
        return f"ctrl+{letter}" if self.field.value else letter

    def say_need(self) -> None:
        """Say where a token is made."""
        guidance = self.token_help()
        lines: list[str | Text] = [guidance.path]
        if guidance.permission:
            lines.append(f"Permission: {guidance.permission}")
        if guidance.url:
            keys = "" if self.field.value else "   o  open   y  copy"
            lines.append(linked(guidance.url).append(keys))
        if self.differences():
            lines.append(f"{self._key('g')}  where Collate's guide is out of date")
        if not self.field.value and not self.app.is_web:
            lines.append(SHOWN_BY_TERMINALS)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for number, line in enumerate(lines):
            table.add_row("" if number else "Need one?", line if isinstance(line, Text) else Text(line))
        self.query_one("#need", Static).update(table)

    def say_shape(self) -> None:
        """Say what the entered token looks like, and what was removed from it."""
        field = self.field
        line = self.query_one("#shape", Static)
        line.remove_class("-look")
        if not field.value:
            line.update("")
            return
        shape = self.shape(field.secret)
        words = f"{shape.label}, {shape.length} characters."
        if field.removed:
            words += f"  Removed: {', '.join(field.removed)}."
        if shape.warning:
            words += f"\n! {shape.warning}"
            line.add_class("-look")
        line.update(words)

    def begin(self, work: Work, waiting: str = "") -> None:
        """Do this with what the field holds; more of it ends the work, see `_typed`."""
        self._tried = self.field.value
        super().begin(work, waiting)

    @on(Input.Changed, "SecretInput")
    def _typed(self) -> None:
        if self.busy and self.field.value not in ("", self._tried):
            # A terminal that types what is pasted, on a slow connection: the rest comes after the first line.
            self.leave()
            self.notify("The token in the field has changed. Enter tries it.", timeout=6)
        if self.field.value:
            self.clear_error()
            self._need_keyring()
        self.say_shape()
        self.say_kept()
        self.say_need()
        self.post_message(self.Changed())

    @on(SecretInput.Cleaned)
    def _pasted(self, event: SecretInput.Cleaned) -> None:
        event.stop()
        self.say_shape()

    def needs_token(self) -> bool:
        """Say that the field is empty, where no token is there at all; the help on getting one stays."""
        if self.field.value or self.found is not None or self.setup.answers.has_token(self.side):
            return False
        line = self.query_one("#shape", Static)
        line.update("! The field is empty: paste the token first.")
        line.add_class("-look")
        self.field.focus()
        return True

    def chosen_token(self) -> tuple[SecretStr, Origin]:
        """What was entered, else what was found; an entered one sets the variable aside."""
        if self.field.value or self.found is None:
            if self.found is not None and self.found.origin == "environment":
                self.setup.answers.services.secrets.ignore_environment(self.side)
            return self.field.secret, "session"
        return self.found.secret, self.found.origin

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that work now are shown."""
        if action == "sample":
            return self.context.offer is not None and not self.busy and not self.field.value
        if action == "ignore":
            found = self.found is not None and self.found.origin == "environment"
            return found and not self.setup.answers.has_token(self.side) and not self.field.value
        if action == "keeping":
            return self.context.health is not None
        if action in ("open", "copy"):
            return bool(self.token_help().url) and not self.failed
        return super().check_action(action, parameters)

    def action_sample(self) -> None:
        """Fill in the demo's token and try it."""
        if self.context.offer is not None:
            self.field.put(clean_secret(self.context.offer.token(self.side).get_secret_value()))
            self.action_go_on()

    def action_ignore(self) -> None:
        """Pass the environment variable over in this session."""
        self.setup.answers.services.secrets.ignore_environment(self.side)
        self.found = None
        self.say_found()
        self._need_keyring()
        self.refresh_bindings()

    def action_open(self) -> None:
        """Open the page where such a token is made."""
        self.app.open_url(self.token_help().url)

    def action_copy(self) -> None:
        """Copy that page's address."""
        copy_text(self, self.token_help().url, "the page's address")

    def action_keeping(self) -> None:
        """Choose where the tokens are kept."""
        health = self.context.health
        if health is None:
            return

        def chosen(way: str | None) -> None:
            if way in ("keyring", "session"):
                self.context.where = "keyring" if way == "keyring" else "session"
            elif way == "environment":
                self.notify(f"Set {ENV[self.side]}, then start dbtcollate again.", timeout=8)
            elif way == "again":
                self.context.health = None
                self._ask_keyring()
            self.say_kept()
            self.focus_field()

        self.app.push_screen(KeepingScreen(health, self.side, self.context.keeping), chosen)

    @work(group="keyring", exclusive=True)
    async def _ask_keyring(self) -> None:
        self.context.health = await self.setup.answers.services.secrets.probe(again=True, quiet=True)
        if self.context.health.usable and not self.setup.answers.has_token(self.side):
            self.found = await self.setup.answers.found_token(self.side)
            self.say_found()
        self.say_kept()
        self.refresh_bindings()
