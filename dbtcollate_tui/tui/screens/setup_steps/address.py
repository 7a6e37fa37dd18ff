"""The first question: any dbt Cloud page's address, or nothing."""

import contextlib
from collections.abc import Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from dbtcollate_tui.dbt_cloud.addresses import read_address
from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import ProfileField, Step
from dbtcollate_tui.setup.help_links import ADDRESS_DIFFERENCES, GuideDifference
from dbtcollate_tui.tui.screens.setup_steps.base import StepPane
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.widgets.fields import LineInput


def address_words(text: str) -> str:
    """What an address says, in words; empty where it says nothing yet."""
    if not text.strip():
        return ""
    try:
        address = read_address(text)
    except ActionableError:
        return ""
    if address.base_url is None:
        return "dbt's shared login page: every shared region will be tried."
    parts = [f"{address.host}{f' ({address.region})' if address.region else ''}"]
    for name, value in (
        ("account", address.account_id),
        ("project", address.project_id),
        ("job", address.job_id),
        ("run", address.run_id),
    ):
        if value is not None:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


class AddressPane(StepPane):
    """An empty answer is fine: the shared regions are asked then."""

    step = Step.ADDRESS
    question = "The URL of any dbt Cloud page"

    def __init__(self, context: SetupContext) -> None:
        super().__init__(context)
        offer = context.offer
        sample = offer.answers.dbt_cloud_address if offer is not None else ""
        self._initial = self.setup.draft.address_text or sample

    def fields(self) -> Iterable[Widget]:
        """The address, what it says, why it helps."""
        yield LineInput(self._initial, placeholder="https://…", id="address")
        yield Static(id="says", markup=False)
        hint = (
            "Copied from the browser, it answers more questions: a job's page says region, account, project "
            "and job. Left empty, the shared hosts are tried for the token: "
            f"{', '.join(region.host for region in SHARED_REGIONS)}."
        )
        if self.context.offer is not None:
            hint = "The sandbox on this machine. No other host is asked as long as its address is here."
        yield Static(hint, classes="hint", markup=False)
        yield Static("ctrl+g  where Collate's guide is out of date", classes="hint", markup=False)

    def differences(self) -> tuple[GuideDifference, ...]:
        """On hosts."""
        return ADDRESS_DIFFERENCES

    def first_field(self) -> Widget | None:
        """The address."""
        return self.query_one("#address", LineInput)

    def on_mount(self) -> None:
        """Say at once what the address says."""
        self._say(self._initial)

    @on(Input.Changed, "#address")
    def _changed(self, event: Input.Changed) -> None:
        self.clear_error()
        self._say(event.value)

    def _say(self, text: str) -> None:
        self.query_one("#says", Static).update(address_words(text))

    def action_go_on(self) -> None:
        """Take the address."""
        self.begin(self._take)

    async def _take(self) -> None:
        self.setup.dbt_cloud.set_address(self.query_one("#address", LineInput).value)
        await self.go_on()

    def keep(self) -> None:
        """The address, as long as no answer depends on another one."""
        if self.setup.draft.reached is Step.ADDRESS:
            with contextlib.suppress(ActionableError):
                self.setup.dbt_cloud.set_address(self.query_one("#address", LineInput).value)

    def set_field(self, field: ProfileField, value: str) -> bool:
        """An address that a fix proposes."""
        if field is not ProfileField.BASE_URL:
            return False
        self.query_one("#address", LineInput).value = value
        self.action_go_on()
        return True
