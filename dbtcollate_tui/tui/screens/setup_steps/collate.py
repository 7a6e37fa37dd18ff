"""Collate's address and token on one screen, and what the server says of both."""

from collections.abc import Iterable
from typing import ClassVar

from pydantic import SecretStr
from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.collate.addresses import read_collate_address
from dbtcollate_tui.collate.tokens import read_jwt
from dbtcollate_tui.dbt_cloud.tokens import SHORTEST_TOKEN, TokenShape, token_shape
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import ProfileField, Step
from dbtcollate_tui.setup.collate_steps import CollateFacts
from dbtcollate_tui.setup.help_links import TokenHelp, collate_token_help
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.token_side import EMPTY_KEYS, TokenPane
from dbtcollate_tui.tui.widgets.fields import LineInput
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from dbtcollate_tui.tui.widgets.status_lines import StatusLine


def fact_lines(facts: CollateFacts) -> list[StatusLine]:
    """What the server says of itself and of the token, one line each."""
    states = [CheckState.PASS] * len(facts.sentences)
    if facts.read_only or facts.capabilities.missing:
        states[1] = CheckState.WARN
    if not facts.pipeline_service.available:
        states[2] = CheckState.SKIPPED
    if facts.warning:
        states[-1] = CheckState.WARN
    return [StatusLine(state, (text,)) for state, text in zip(states, facts.sentences, strict=True)]


def collate_shape(secret: SecretStr) -> TokenShape:
    """What a Collate token's shape shows: a JWT, whose it is, until when."""
    dbt = token_shape(secret)
    facts = read_jwt(secret)
    if not facts.is_jwt:
        if dbt.kind in ("personal", "service"):
            return TokenShape(dbt.kind, dbt.label, dbt.length, "This is a token of dbt Cloud's kind.")
        short = f"It has {dbt.length} characters only. " if dbt.length < SHORTEST_TOKEN else ""
        return TokenShape("unknown", "unknown kind", dbt.length, f"{short}A Collate token begins with eyJ.")
    kind = "bot token" if facts.is_bot else "personal token"
    label = f"{kind} (JWT) of {facts.name}" if facts.name else f"{kind} (JWT)"
    return TokenShape("collate_jwt", label, dbt.length, "It has expired." if facts.expired else None)


class CollatePane(TokenPane):
    """Enter in the address goes to the token, enter in the token tries both, and once more goes on."""

    step = Step.COLLATE
    side = "collate"
    question = "Collate's URL and its bot's token"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Go on", priority=True),
        Binding("down,up", "other_field", "Other field", show=False),
    ]
    DEFAULT_CSS = """
    CollatePane.-accepted #need, CollatePane.-accepted #found { display: none; }
    """

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        sample = context.offer.answers.collate_address if context.offer is not None else ""
        self._initial = self.setup.draft.collate_address or sample
        self._facts: CollateFacts | None = None

    def fields(self) -> Iterable[Widget]:
        """Address, token, what is known of it."""
        yield LineInput(self._initial, placeholder="https://…  any page of Collate", id="address")
        yield SecretInput("paste the token", empty_keys=EMPTY_KEYS, id="token")
        yield Static(id="shape", markup=False)
        yield Static(id="found", markup=False)
        yield Static(id="kept", markup=False)
        yield Static(id="need", markup=False)

    @property
    def address_field(self) -> LineInput:
        """The address."""
        return self.query_one("#address", LineInput)

    def first_field(self) -> Widget | None:
        """The address until there is one, then the token."""
        return self.field if self.address_field.value else self.address_field

    def typing_field(self) -> LineInput | None:
        """The token."""
        return self.field

    def shape(self, secret: SecretStr) -> TokenShape:
        """Collate's kinds."""
        return collate_shape(secret)

    def token_help(self) -> TokenHelp:
        """Collate's page of the bot."""
        try:
            base_url = read_collate_address(
                self.address_field.value, allow_http=self.setup.draft.collate_allow_http
            )
        except ActionableError:
            base_url = ""
        return collate_token_help(base_url)

    async def enter(self) -> None:
        """Show what was accepted before."""
        await super().enter()
        if self.setup.answers.has_token("collate") and self.setup.collate.facts is not None:
            self._accept(self.setup.collate.facts)

    @on(Input.Changed, "#address")
    def _address_changed(self) -> None:
        draft = self.setup.draft
        if draft.collate_allow_http and self.address_field.value.strip() != draft.collate_address:
            self.setup.collate.allow_http(False)
        self._forget_facts()
        self.clear_error()
        self.say_need()

    @on(Input.Changed, "#token")
    def _token_changed(self) -> None:
        if self.field.value:
            self._forget_facts()

    def _forget_facts(self) -> None:
        if self._facts is not None and not self.busy:
            self._facts = None
            self.field.placeholder = "paste the token"
            self.status.clear()
            self.remove_class("-accepted")
            self.say_found()
            self.post_message(self.Changed())

    def _accept(self, facts: CollateFacts) -> None:
        self._facts = facts
        self.field.placeholder = "token accepted, enter goes on"
        self.status.show(fact_lines(facts))
        self.add_class("-accepted")

    def keep(self) -> None:
        """The address, where none was accepted yet."""
        if not self.setup.draft.collate_base_url:
            self.setup.collate.note_address(self.address_field.value)

    def action_other_field(self) -> None:
        """From the address to the token or back."""
        (self.field if self.address_field.has_focus else self.address_field).focus()

    def action_go_on(self) -> None:
        """The next field, the trial, or the next question."""
        if self._facts is not None:
            self.begin(self.go_on)
        elif self.address_field.has_focus and self.address_field.value and not self._has_token:
            self.field.focus()
        elif not self.needs_token():
            self.begin(self._try, "Asking Collate")

    @property
    def _has_token(self) -> bool:
        return bool(self.field.value) or self.found is not None

    async def _try(self) -> None:
        secret, origin = self.chosen_token()
        facts = await self.setup.collate.connect(self.address_field.value, secret, origin=origin)
        self.field.forget()
        self._accept(facts)
        self.say_kept()

    def set_field(self, field: ProfileField, value: str) -> bool:
        """Take the consent to plain http, then try again."""
        if field is not ProfileField.ALLOW_HTTP:
            return super().set_field(field, value)
        self.setup.collate.note_address(self.address_field.value)
        self.setup.collate.allow_http(value == "true")
        self.action_again()
        return True

    def action_sample(self) -> None:
        """The sandbox's address too."""
        if self.context.offer is not None:
            self.address_field.value = self.context.offer.answers.collate_address
        super().action_sample()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Once both are accepted, going on comes first."""
        if action == "sample" and self._facts is not None:
            return False
        return super().check_action(action, parameters)
