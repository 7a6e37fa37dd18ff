"""What every command and screen is given: the stores and the log of requests, built once."""

from dataclasses import dataclass, field

from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.settings.secrets import SecretStore
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.settings.store import ProfileStore
from dbtcollate_tui.transport import RequestLog


@dataclass(frozen=True, slots=True)
class Services:
    """The stores of one process. Nothing here touches the disk or the keyring before it is used."""

    profiles: ProfileStore = field(default_factory=ProfileStore)
    secrets: SecretStore = field(default_factory=SecretStore)
    state: StateStore = field(default_factory=StateStore)
    artifacts: ArtifactStore = field(default_factory=ArtifactStore)
    request_log: RequestLog = field(default_factory=RequestLog)


@dataclass(frozen=True, slots=True)
class SampleAnswers:
    """What the demo offers: the sandbox's addresses, and which of its choices make the main job.

    The sample tokens are handed over apart, as secrets.
    """

    dbt_cloud_address: str
    collate_address: str
    job_id: int
    service: str
    profile_name: str = "demo"
