"""What the panes of one setup share."""

from dataclasses import dataclass, field

from dbtcollate_tui.plan.matching.services import ServiceScore
from dbtcollate_tui.settings.secrets import KeyringHealth, Side, ways_of_keeping
from dbtcollate_tui.setup.checking import SetupChecks
from dbtcollate_tui.setup.dbt_cloud_steps import RunPreview
from dbtcollate_tui.setup.guided import GuidedSetup, Where
from dbtcollate_tui.tui.demo_credentials import DemoOffer


@dataclass(slots=True)
class SetupContext:
    """The setup itself, the demo's offer, the keyring's health, what the answers led to and its checks.

    ``where`` is where the person wants the tokens kept; ``None`` takes the first way that works.
    """

    setup: GuidedSetup
    offer: DemoOffer | None = None
    health: KeyringHealth | None = None
    where: Where | None = None
    preview: RunPreview | None = None
    score: ServiceScore | None = None
    resumed: bool = False
    checks: SetupChecks = field(init=False)

    def __post_init__(self) -> None:
        self.checks = SetupChecks(self.setup)

    @property
    def keeping(self) -> Where:
        """Where the tokens will be kept."""
        usable = self.health is not None and self.health.usable
        if self.where is None:
            return "keyring" if usable else "session"
        return self.where if usable else "session"

    def keeping_words(self, side: Side) -> str:
        """One sentence on where the token will be kept, and why not in the keyring."""
        if self.health is None:
            return "Asking the keyring for a saved token; its dialog may be open."
        if self.keeping == "keyring":
            return self.health.as_sentence()
        session = next(way for way in ways_of_keeping(self.health, side) if way.where == "session")
        if self.health.usable:
            return f"{session.label}. {session.detail}"
        return f"{self.health.as_sentence()} {session.label}: {session.detail[0].lower()}{session.detail[1:]}"
