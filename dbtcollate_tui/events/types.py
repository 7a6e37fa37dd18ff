"""What an engine reports while it works: frozen values, numbered, with UTC time, free of secrets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, cast

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts, Outcome, Verification
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.redact import redact

if TYPE_CHECKING:
    from dbtcollate_tui.plan.model import Change, Group, Plan
    from dbtcollate_tui.plan.pipeline import PipelinePlan

SCHEMA_VERSION = 1

EngineName = Literal["direct", "collate"]
Phase = Literal["run", "artifacts", "tables", "plan", "write", "verification"]
PHASES: tuple[Phase, ...] = ("run", "artifacts", "tables", "plan", "write", "verification")
Level = Literal["debug", "info", "warn", "error"]

_NOT_STAMPED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of every event: ``seq`` counts up from 1 in a run, ``at`` is UTC."""

    kind: ClassVar[str] = "event"

    seq: int = 0
    at: datetime = _NOT_STAMPED

    def as_dict(self) -> dict[str, object]:
        """The event as JSON values: one line of ``--json``."""
        values: dict[str, object] = {
            "schema": SCHEMA_VERSION,
            "event": self.kind,
            "seq": self.seq,
            "at": self.at.isoformat().replace("+00:00", "Z"),
        }
        for item in fields(self):
            if item.name not in ("seq", "at"):
                values[item.name] = _json(getattr(self, item.name))
        return values


def _json(value: object) -> object:
    as_dict = getattr(value, "as_dict", None)
    if callable(as_dict):
        return cast("object", as_dict())
    if isinstance(value, ExitCode):
        return int(value)
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """An engine begins."""

    kind: ClassVar[str] = "run_started"

    engine: EngineName
    profile: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted(Event):
    """A phase begins; ``text`` says what it does."""

    kind: ClassVar[str] = "phase_started"

    phase: Phase
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFinished(Event):
    """A phase is over; ``text`` says what it gave."""

    kind: ClassVar[str] = "phase_finished"

    phase: Phase
    text: str
    level: Literal["ok", "warn", "failed"] = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """How far a phase is: ``done`` of ``total`` (``None``: not known) in ``unit``.

    ``rate`` is units a second of late, ``seconds_left`` what is left at that rate; ``None`` until known.
    ``text_has_count`` says that ``text`` already says how far it is, in a unit of its own.
    """

    kind: ClassVar[str] = "progress"

    phase: Phase
    done: int
    total: int | None
    unit: str
    text: str = ""
    text_has_count: bool = False
    rate: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(Event):
    """A line worth reading: ``source`` is ``sync``, ``dbt Cloud``, ``Collate`` or a worker's name."""

    kind: ClassVar[str] = "log"

    source: str
    level: Level
    text: str

    def __post_init__(self) -> None:
        """Take secrets out of the text."""
        object.__setattr__(self, "text", redact(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReady(Event):
    """The whole plan, before anything of it is written; emitted once in a run."""

    kind: ClassVar[str] = "plan"

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinePlanReady(Event):
    """What deploying the pipeline would change; nothing is written yet."""

    kind: ClassVar[str] = "pipeline_plan"

    plan: PipelinePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied(Event):
    """A change is written; ``lacks`` names the parts of it that are not, such as tags that were refused."""

    kind: ClassVar[str] = "applied"

    change: Change
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """A change could not be written, or (``change`` is ``None``) the run could not go on.

    ``repeats`` counts how often this cause was met before in this run. ``unsure`` says that the change was
    sent and no usable answer came: the server may have it or not. ``retracts`` says that it was reported as
    `Applied` before: the server accepted it, and the verification did not find it.
    """

    kind: ClassVar[str] = "failed"

    error: ActionableError
    change: Change | None = None
    repeats: int = 0
    unsure: bool = False
    retracts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Event):
    """A change was not tried, and why."""

    kind: ClassVar[str] = "skipped"

    change: Change
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(Event):
    """A request is sent again after ``wait_seconds``; ``attempt`` is the one that comes."""

    kind: ClassVar[str] = "retrying"

    what: str
    attempt: int
    wait_seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """Nothing was heard for ``seconds``; ``what`` is being waited for."""

    kind: ClassVar[str] = "waiting"

    what: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """The person's cancel took effect; what was written stays."""

    kind: ClassVar[str] = "cancelled"

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The last event of every run; ``not_kept`` says why the history has no whole record of it."""

    kind: ClassVar[str] = "run_finished"

    outcome: Outcome
    counts: Counts
    exit_code: ExitCode
    text: str
    verification: Verification | None = None
    seconds: float = 0.0
    not_kept: str = ""


SyncEvent = (
    RunStarted
    | PhaseStarted
    | PhaseFinished
    | Progress
    | LogLine
    | PlanReady
    | PipelinePlanReady
    | Applied
    | Failed
    | Skipped
    | Retrying
    | Waiting
    | Cancelled
    | RunFinished
)

_E = TypeVar("_E", bound=Event)


class Sequencer:
    """Numbers the events of one run and gives them their time."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def stamp(self, event: _E) -> _E:
        """The event with the next number and the time of now."""
        return replace(event, seq=next(self._numbers), at=datetime.now(UTC))


def counts_by_group(counts: Mapping[Group, int]) -> str:
    """``descriptions 12, owners 3`` from counts by group; ``nothing`` where all are zero."""
    from dbtcollate_tui.plan.model import GROUPS

    parts = [f"{name} {counts[name]}" for name in GROUPS if counts.get(name)]
    return ", ".join(parts) or "nothing"
