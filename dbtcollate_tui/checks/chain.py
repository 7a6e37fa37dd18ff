"""The chain from dbt Cloud to the verification: its stages, and the states of their checks."""

from enum import StrEnum
from typing import NamedTuple


class CheckState(StrEnum):
    """The state of a check; ``waiting`` and ``running`` before it has ended."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"
    RUNNING = "running"
    WAITING = "waiting"

    @property
    def severity(self) -> int:
        """Order by how much it needs a person: a group's state is its worst check's."""
        return _SEVERITY[self]


_SEVERITY = {
    CheckState.SKIPPED: 0,
    CheckState.PASS: 1,
    CheckState.WAITING: 2,
    CheckState.RUNNING: 3,
    CheckState.WARN: 4,
    CheckState.FAIL: 5,
}


class Stage(StrEnum):
    """The stages of the chain from dbt Cloud to the verification, in their order."""

    DBT_CLOUD = "dbt Cloud"
    RUN = "run"
    ARTIFACTS = "artifacts"
    TABLES = "tables"
    PIPELINE = "pipeline"
    VERIFICATION = "verified"


class StageState(NamedTuple):
    """One stage of the chain: its state and at most two short captions."""

    state: CheckState = CheckState.WAITING
    captions: tuple[str, ...] = ()
