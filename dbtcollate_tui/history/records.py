"""What every sync, deploy and verification leaves in the state folder for 90 days, and how it is read.

One record is up to three files of its own, so that several processes never write the same one:
``<id>.json`` (the record), ``<id>.plan.json`` (the plan) and ``<id>.log.ndjson`` (what happened).

    for record in list_records(state, "shop", limit=20):     # latest first, no server is asked
        print(record.at, record.action, record.outcome, record.counts)
        plan = load_plan(state, record)                       # None where there was none
        log = load_log(state, record)
"""

import contextlib
import functools
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.settings.state import StateStore

KEPT_DAYS = 90
PLANS_AND_LOGS_BYTES = 250_000_000
"""Plans and logs of one profile take at most so much; beyond it the oldest go, their records stay."""
ID_END = 4
ALIVE_SECONDS = 60.0
"""A sync that runs writes at least so often; a record that says it runs and does not, was interrupted."""

RecordAction = Literal["sync", "deploy", "verify", "troubleshoot"]
RecordOutcome = Literal["ok", "warn", "partial", "failed", "cancelled", "running", "interrupted"]
EntryLevel = Literal["debug", "info", "ok", "warn", "error"]

_RECORD, _PLAN, _LOG = ".json", ".plan.json", ".log.ndjson"
_APPLIED = re.compile(rb'"event": ?"applied"')
_ID = re.compile(r"(\d{8}T\d{9})-(sync|deploy|verify|troubleshoot)-[0-9a-f]{6}")
_STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that failed: ``key`` is the change's or the check's id, ``title`` and ``causes`` say why.

    ``table`` is the FQN of the change's table.

    ``kind`` is the change's kind, ``check`` of a verification or a session, ``run`` where the whole could not
    go on. ``unsure`` says that the server may have the change all the same: no usable answer came.
    """

    key: str
    kind: str
    label: str
    title: str
    causes: tuple[str, ...] = ()
    unsure: bool = False
    table: str = ""


@dataclass(frozen=True, slots=True)
class VerificationLine:
    """One row of what was read back, or of a check: its state in the words of the one or the other."""

    id: str
    title: str
    state: str
    summary: str


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """One sync, deploy, verification or walk for a symptom as it is remembered.

    ``profile`` is the name that the profile has now, whatever it was called then.
    ``at`` is when it began, ISO 8601 in UTC; ``run_finished_at`` the end of dbt's run. ``engine`` is empty
    for a verification and a session, ``server`` is Collate's address, ``service`` the database service.
    ``coverage`` has, by fact, how many dbt declared of the whole project and how many of these Collate held
    when it ended; empty where a part was synced.
    ``planned_by_kind`` and ``written_by_kind`` count changes by `Change.kind`, ``checks`` the rows of a
    verification or a session by state; ``partly`` counts those written that lack a part, ``unsure`` those
    sent without a usable answer. ``failures`` are at most a hundred of ``failed``. ``outcome`` is
    ``running`` while it runs and ``interrupted`` where the process ended before it did; ``written`` is then
    what the log says, which is a second behind at most.
    """

    id: str
    profile: str
    action: RecordAction
    at: str
    outcome: RecordOutcome
    seconds: float = 0.0
    engine: Literal["direct", "collate", ""] = ""
    text: str = ""
    server: str = ""
    service: str = ""
    run_id: int | None = None
    run_url: str = ""
    job_name: str = ""
    run_finished_at: str = ""
    planned: int = 0
    written: int = 0
    partly: int = 0
    unsure: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    unchanged: int = 0
    matched: int = 0
    expected: int = 0
    planned_by_kind: Mapping[str, int] = field(default_factory=dict)
    written_by_kind: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    verification: tuple[VerificationLine, ...] = ()
    version: str = ""

    @property
    def percent(self) -> float | None:
        """Collate's share of all that dbt declares, when it ended; ``None`` where it was not counted."""
        dbt = sum(declared for declared, _ in self.coverage.values())
        return 100.0 * sum(held for _, held in self.coverage.values()) / dbt if dbt else None

    @property
    def counts(self) -> str:
        """What came of it in a few words: ``12 written, 1 failed``, or the rows of checks by state."""
        if self.action in ("verify", "troubleshoot"):
            return ", ".join(f"{count} {state}" for state, count in self.checks.items() if count)
        if self.outcome in ("running", "interrupted"):
            return f"{self.written} of {self.planned} written"
        parts = [("written", self.written), ("of them in part", self.partly), ("failed", self.failed)]
        parts += [("not known", self.unsure), ("skipped", self.skipped), ("not tried", self.cancelled)]
        counts = ", ".join(f"{count} {word}" for word, count in parts if count)
        return counts or ("nothing written" if self.outcome == "failed" else "nothing to write")

    def as_dict(self) -> dict[str, object]:
        """The record as JSON values."""
        found: dict[str, object] = _records().dump_python(self, mode="json")
        return found


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change as the plan had it; of a pipeline's plan, a setting (``kind`` is then ``setting``).

    ``table`` is the FQN of the table that it is about, empty where there is none.
    """

    key: str
    kind: str
    group: str
    action: str
    target: str
    label: str
    old: str
    new: str
    note: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it was shown; long texts are cut, and ``left_out`` changes did not fit."""

    summary: str
    changes: tuple[StoredChange, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: int = 0

    def as_dict(self) -> dict[str, object]:
        """The plan as JSON values."""
        found: dict[str, object] = _plans().dump_python(self, mode="json")
        return found


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of what happened: ``at`` is ISO 8601 in UTC, ``event`` the event's kind."""

    at: str
    event: str
    level: EntryLevel
    source: str
    text: str

    def as_dict(self) -> dict[str, object]:
        """The line as JSON values; ``event`` becomes ``logged_event``, as the stream has an ``event`` too."""
        return {
            "at": self.at,
            "logged_event": self.event,
            "level": self.level,
            "source": self.source,
            "text": self.text,
        }


@functools.cache
def _records() -> TypeAdapter[HistoryRecord]:
    return TypeAdapter(HistoryRecord)


@functools.cache
def _plans() -> TypeAdapter[StoredPlan]:
    return TypeAdapter(StoredPlan)


@functools.cache
def _entries() -> TypeAdapter[LogEntry]:
    return TypeAdapter(LogEntry)


def list_records(
    state: StateStore,
    profile_name: str,
    *,
    action: RecordAction | None = None,
    limit: int | None = None,
) -> tuple[HistoryRecord, ...]:
    """The profile's records, latest first. A file that cannot be read is left out. Reads the disk."""
    found: list[HistoryRecord] = []
    for path in _record_files(state, profile_name, action):
        if limit is not None and len(found) >= limit:
            break
        record = _read(path)
        if record is not None:
            found.append(record)
    return tuple(found)


def latest(state: StateStore, profile_name: str, action: RecordAction = "sync") -> HistoryRecord | None:
    """The profile's latest record of that action which is not running, or ``None``. Reads the disk."""
    for path in _record_files(state, profile_name, action):
        record = _read(path)
        if record is not None and record.outcome != "running":
            return record
    return None


def find_record(state: StateStore, profile_name: str, record_id: str) -> HistoryRecord | None:
    """The record of that id, or the only one whose id ends so (four characters at least). Reads the disk."""
    ids = [path.name.removesuffix(_RECORD) for path in _record_files(state, profile_name)]
    near = [item for item in ids if item == record_id]
    near = near or [item for item in ids if len(record_id) >= ID_END and item.endswith(record_id)]
    return _read(state.history_folder(profile_name) / f"{near[0]}{_RECORD}") if len(near) == 1 else None


def load_plan(state: StateStore, record: HistoryRecord) -> StoredPlan | None:
    """The record's plan; ``None`` where there was none or it is no longer kept. Reads the disk."""
    try:
        return _plans().validate_json(plan_path(state, record).read_bytes())
    except (OSError, ValueError):
        return None


def load_log(state: StateStore, record: HistoryRecord) -> tuple[LogEntry, ...]:
    """The record's lines, oldest first; none where they are no longer kept. Reads the disk."""
    found: list[LogEntry] = []
    try:
        with log_path(state, record).open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError, OverflowError, RecursionError):
                    entry = _entries().validate_json(line)
                    found.append(replace(entry, at=_moment(entry.at)))
    except OSError:
        return ()
    return tuple(found)


def record_path(state: StateStore, record: HistoryRecord) -> Path:
    """The record's own file."""
    return state.history_folder(record.profile) / f"{record.id}{_RECORD}"


def plan_path(state: StateStore, record: HistoryRecord) -> Path:
    """The file of the record's plan."""
    return state.history_folder(record.profile) / f"{record.id}{_PLAN}"


def log_path(state: StateStore, record: HistoryRecord) -> Path:
    """The file of what happened, one JSON object a line."""
    return state.history_folder(record.profile) / f"{record.id}{_LOG}"


def new_id(action: RecordAction, at: datetime) -> str:
    """An id that sorts by time and that no other process takes."""
    return f"{at.astimezone(UTC).strftime(_STAMP)[:-3]}-{action}-{secrets.token_hex(3)}"


def prune(state: StateStore, profile_name: str, now: datetime | None = None) -> None:
    """Remove what is older than 90 days, then the oldest plans and logs above the bound on their size.

    Another process may prune at the same time. What cannot be removed stays.
    """
    folder = state.history_folder(profile_name)
    oldest = ((now or datetime.now(UTC)) - timedelta(days=KEPT_DAYS)).strftime(_STAMP)[:-3]
    sizes: list[tuple[str, int, Path]] = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            name = _ID.match(path.name)
            if name is None:
                continue
            if name[1] < oldest:
                _remove(path)
            elif path.name.endswith((_PLAN, _LOG)):
                with contextlib.suppress(OSError):
                    sizes.append((name[1], path.stat().st_size, path))
    room = PLANS_AND_LOGS_BYTES
    for _, size, path in sorted(sizes, reverse=True):
        room -= size
        if room < 0:
            _remove(path)


def _record_files(state: StateStore, profile_name: str, action: RecordAction | None = None) -> Iterator[Path]:
    """The records' own files, latest first."""
    try:
        paths = sorted(state.history_folder(profile_name).iterdir(), reverse=True)
    except OSError:
        return
    for path in paths:
        name = _ID.fullmatch(path.name.removesuffix(_RECORD))
        if name is not None and (action is None or name[2] == action):
            yield path


def _read(path: Path) -> HistoryRecord | None:
    try:
        record = _records().validate_python(json.loads(path.read_bytes()), strict=False)
        record = replace(record, profile=path.parent.parent.name, at=_moment(record.at))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        LOGGER.warning("%s cannot be read and was left out: %s", path, type(error).__name__)
        return None
    if record.outcome != "running":
        return record
    log = path.with_name(path.name.removesuffix(_RECORD) + _LOG)
    try:
        last = (log if log.exists() else path).stat().st_mtime
        written = len(_APPLIED.findall(log.read_bytes())) if log.exists() else 0
    except OSError:
        return record
    record = replace(record, written=written)
    if time.time() - last < ALIVE_SECONDS:
        return record
    took = max(0.0, last - datetime.fromisoformat(record.at).timestamp())
    text = "The program ended before the sync did; the next sync writes the rest."
    return replace(record, outcome="interrupted", seconds=round(took, 1), text=text)


def _moment(text: str) -> str:
    """The time in ISO 8601; raises ``ValueError`` or ``OverflowError`` where no clock can show it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
        text = moment.isoformat()
    moment.astimezone()
    return text


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
