"""The answers of a guided setup: the draft, what is known of its steps, the tokens in memory."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr, ValidationError

from dbtcollate_tui.dbt_cloud.addresses import DbtCloudAddress, read_address
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, Step
from dbtcollate_tui.pasted import clean_secret
from dbtcollate_tui.redact import redact
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.secrets import LABELS, FoundSecret, Origin, Side
from dbtcollate_tui.setup.draft import ORDER, SetupDraft
from dbtcollate_tui.setup.flow import FlowFacts, invalidate

STATE_NAME, STATE_KEY = "setup", "draft"
Source = Literal["address", "token", "only one", "environment", "kept"]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was not asked for, and what gave it."""

    step: Step
    label: str
    value: str
    source: Source


class SetupAnswers:
    """Draft, facts and tokens, which the steps of both systems read and change.

    ``cleared`` says what the last answer made void; ``notes`` what to know. With ``keeps_draft`` the draft is
    saved after each answer.
    """

    def __init__(
        self, services: Services, draft: SetupDraft | None = None, *, keeps_draft: bool = True
    ) -> None:
        self.services = services
        self._keeps_draft = keeps_draft
        self.draft = draft if draft is not None else SetupDraft()
        self.facts = FlowFacts()
        self.cleared = ""
        self.notes: list[str] = []
        self.secrets: dict[Side, SecretStr] = {}
        self.origins: dict[Side, Origin] = {}

    @property
    def address(self) -> DbtCloudAddress | None:
        """The pasted dbt Cloud address, read; ``None`` where none was given."""
        return read_address(self.draft.address_text) if self.draft.address_text else None

    def has_token(self, side: Side) -> bool:
        """Whether a token of that side was accepted in this session."""
        return side in self.secrets

    async def found_token(self, side: Side) -> FoundSecret | None:
        """A token of the environment, or one kept for this profile: offered, so that none need be pasted."""
        name = self.draft.profile_name
        if name:
            return await self.services.secrets.get(name, side)
        return self.services.secrets.from_environment(side)

    def save_draft(self) -> None:
        """Save the answers for the next time; no token is among them."""
        if self._keeps_draft:
            self.services.state.save(STATE_NAME, STATE_KEY, self.draft.model_dump(mode="json"))

    def reach(self, step: Step) -> None:
        """Note that a question was reached."""
        if ORDER.index(step) > ORDER.index(self.draft.reached):
            self.draft = self.draft.model_copy(update={"reached": step})
        self.save_draft()

    def update(self, **values: Any) -> None:
        """Change the draft where no later answer depends on the change, and save it."""
        self.draft = self.draft.model_copy(update=values)
        self.save_draft()

    def take(self, step: Step, **values: Any) -> bool:
        """Take an answer; where it differs from the former one, what depends on it is emptied."""
        self.cleared = ""
        if all(getattr(self.draft, name) == value for name, value in values.items()):
            return False
        emptied, self.cleared = invalidate(self.draft, step)
        self.draft = emptied
        self.update(**values)
        return True

    def cleaned(self, side: Side, secret: SecretStr) -> SecretStr:
        """The pasted token without what came with it; raises `UsageError` where nothing is left."""
        cleaned = clean_secret(secret.get_secret_value())
        if not cleaned.length:
            raise UsageError(f"No {LABELS[side]} was entered", fixes=[Advice("Paste it into the field.")])
        redact.learn(cleaned.secret)
        return cleaned.secret


def load_draft(services: Services) -> SetupDraft | None:
    """The draft of a setup that was left half-way; ``None`` where there is none that can be read."""
    held = services.state.load(STATE_NAME, STATE_KEY)
    if held is None:
        return None
    try:
        return SetupDraft.model_validate(held)
    except ValidationError:
        return None
