"""What the demo offers in the app: the sandbox's addresses and its two tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

    from dbtcollate_tui.session.services import SampleAnswers
    from dbtcollate_tui.settings.secrets import Side


@dataclass(frozen=True, slots=True)
class DemoOffer:
    """The sample answers, and the sample tokens as secrets. They open the sandbox and nothing else."""

    answers: SampleAnswers
    dbt_cloud_token: SecretStr
    collate_token: SecretStr

    def token(self, side: Side) -> SecretStr:
        """The side's sample token."""
        return self.dbt_cloud_token if side == "dbt_cloud" else self.collate_token
