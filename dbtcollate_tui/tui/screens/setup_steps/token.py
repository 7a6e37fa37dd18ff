"""The dbt Cloud token: tried at every region at once, each one's answer as it comes."""

import time
from collections.abc import Iterable
from typing import ClassVar

from pydantic import SecretStr
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.dbt_cloud.discovery import HostAnswer
from dbtcollate_tui.dbt_cloud.tokens import TokenShape, token_shape
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.setup.draft import ORDER
from dbtcollate_tui.setup.help_links import DBT_TOKEN_DIFFERENCES, GuideDifference, TokenHelp, dbt_token_help
from dbtcollate_tui.tui.screens.setup_steps.token_side import EMPTY_KEYS, TokenPane
from dbtcollate_tui.tui.widgets.secret_input import SecretInput
from dbtcollate_tui.tui.widgets.status_lines import StatusLine
from dbtcollate_tui.wording import span

HOST_STATES = {
    "asking": CheckState.RUNNING,
    "ok": CheckState.PASS,
    "refused": CheckState.FAIL,
    "unreachable": CheckState.FAIL,
    "other": CheckState.WARN,
}


def host_line(answer: HostAnswer, began: float) -> StatusLine:
    """Region, host, answer and its seconds."""
    state = HOST_STATES[answer.state]
    if state is CheckState.RUNNING:
        return StatusLine(state, (answer.region, answer.host, "asking"), began)
    return StatusLine(state, (answer.region, answer.host, answer.words, span(answer.seconds)))


class DbtTokenPane(TokenPane):
    """Accepted, the token leads on automatically: the chain's first stage says what it opened."""

    step = Step.DBT_TOKEN
    side = "dbt_cloud"
    question = "dbt Cloud token"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "go_on", "Try it", priority=True)]

    def fields(self) -> Iterable[Widget]:
        """The field, its shape, where it is kept, where one is made."""
        yield SecretInput("paste the token", empty_keys=EMPTY_KEYS, id="token")
        yield Static(id="shape", markup=False)
        yield Static(id="found", markup=False)
        yield Static(id="kept", markup=False)
        yield Static(id="need", markup=False)

    def first_field(self) -> Widget | None:
        """The token."""
        return self.field

    def shape(self, secret: SecretStr) -> TokenShape:
        """dbt Cloud's kinds."""
        return token_shape(secret)

    def token_help(self) -> TokenHelp:
        """dbt Cloud's page of tokens."""
        address = self.setup.answers.address
        base_url = self.setup.draft.dbt_base_url
        if not base_url and address is not None and address.base_url is not None:
            base_url = address.base_url
        return dbt_token_help(base_url)

    def differences(self) -> tuple[GuideDifference, ...]:
        """On tokens."""
        return DBT_TOKEN_DIFFERENCES

    def action_go_on(self) -> None:
        """Try the token; one that was accepted before needs no second trial."""
        if self.needs_token():
            return
        if self.setup.answers.has_token(self.side) and not self.field.value:
            self.begin(self._follow, "Reading projects")
        else:
            self.begin(self._try)

    async def _try(self) -> None:
        secret, origin = self.chosen_token()
        answers: dict[str, HostAnswer] = {}
        began = time.monotonic()
        async for answer in self.setup.dbt_cloud.try_token(secret, origin=origin):
            answers[answer.base_url] = answer
            self.status.show([host_line(item, began) for item in answers.values()])
        self.field.forget()
        await self._follow()

    async def _follow(self) -> None:
        following = await self.setup.advance()
        if self.context.resumed:
            self.context.resumed = False
            first = self.setup.first_open()
            if ORDER.index(first) > ORDER.index(following):
                self.setup.go_to(first)
        self.status.clear()
        self.post_message(self.Answered())
