"""What every command and screen is given: the stores and the log of requests, built once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.settings.store import ProfileStore

if TYPE_CHECKING:
    from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
    from dbtcollate_tui.settings.secrets import SecretStore
    from dbtcollate_tui.transport.request_log import RequestLog


class Services:
    """The stores of one process. Nothing here touches the disk or the keyring before it is used.

    What only talking to a server needs is imported when it is asked for: the first screen does not.
    """

    def __init__(
        self,
        profiles: ProfileStore | None = None,
        state: StateStore | None = None,
        *,
        uses_keyring: bool = True,
    ) -> None:
        self._uses_keyring = uses_keyring
        self.profiles = profiles if profiles is not None else ProfileStore()
        self.state = state if state is not None else StateStore()

    @cached_property
    def secrets(self) -> SecretStore:
        """The tokens: of the environment, the session and, but for the demo, the keyring."""
        from dbtcollate_tui.settings.secrets import SecretStore

        return SecretStore(uses_keyring=self._uses_keyring)

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """The artifacts of runs, on disk."""
        from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore

        return ArtifactStore()

    @cached_property
    def request_log(self) -> RequestLog:
        """What was asked of the servers in the last minutes."""
        from dbtcollate_tui.transport.request_log import RequestLog

        return RequestLog()


class SampleAnswers(NamedTuple):
    """What the demo offers: the sandbox's addresses, and which of its choices make the main job.

    The sample tokens are handed over apart, as secrets.
    """

    dbt_cloud_address: str
    collate_address: str
    job_id: int
    service: str
    profile_name: str = "demo"
    scenario: str = ""
    """What the sandbox breaks, as one sentence; empty where it breaks nothing."""
