"""What a sync leaves for the home screen and for ``status``: the last one's proof, fifty in short."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue, TypeAdapter

from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.changes import Plan, RunFacts
from dbtcollate_tui.sync.events import Engine, RunFinished

LAST = "last_sync"
HISTORY = "syncs"
KEPT = 50

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """One sync as it is remembered; ``at`` is ISO 8601 in UTC, ``run_finished_at`` dbt's run's end."""

    at: str
    outcome: str
    seconds: float
    run_id: int | None = None
    job_name: str = ""
    run_finished_at: str = ""
    text: str = ""
    planned: int = 0
    written: int = 0
    failed: int = 0
    skipped: int = 0
    unchanged: int = 0
    matched: int = 0
    expected: int = 0
    engine: str = "direct"


def keep_summary(
    state: StateStore,
    profile: Profile,
    plan: Plan | None,
    finished: RunFinished,
    started: datetime,
    *,
    engine: Engine = "direct",
    run: RunFacts | None = None,
) -> None:
    """Remember this sync under the profile's name: as the last one, with its proof, and in the history.

    ``plan`` is ``None`` where the sync failed before there was one; ``run`` is then the run, if known.
    """
    counts = finished.counts
    run = plan.run if plan is not None and plan.run is not None else run
    short: dict[str, JsonValue] = {
        "at": started.isoformat(timespec="seconds"),
        "outcome": finished.outcome,
        "seconds": round(finished.seconds, 1),
        "run_id": run.id if run is not None else None,
        "job_name": run.job_name if run is not None else "",
        "run_finished_at": run.finished_at if run is not None else "",
        "text": finished.text,
        "planned": counts.planned,
        "written": counts.written,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "unchanged": counts.unchanged,
        "matched": len(plan.match.matched) if plan is not None else 0,
        "expected": plan.match.expected if plan is not None else 0,
        "engine": engine,
    }
    proof = _JSON.validate_python(finished.proof.as_dict()) if finished.proof is not None else None
    state.save(profile.name, LAST, {**short, "proof": proof})
    history = state.load(profile.name, HISTORY)
    kept = history if isinstance(history, list) else []
    state.save(profile.name, HISTORY, [*kept, dict(short)][-KEPT:])


def last_summary(state: StateStore, profile_name: str) -> SyncSummary | None:
    """The profile's last sync from here, or ``None``."""
    return _read(state.load(profile_name, LAST))


def summaries(state: StateStore, profile_name: str) -> tuple[SyncSummary, ...]:
    """The profile's last syncs from here, oldest first, at most fifty."""
    held = state.load(profile_name, HISTORY)
    if not isinstance(held, list):
        return ()
    return tuple(item for value in held if (item := _read(value)) is not None)


def _read(value: JsonValue) -> SyncSummary | None:
    if not isinstance(value, dict):
        return None
    known = {name: value[name] for name in SyncSummary.__dataclass_fields__ if name in value}
    try:
        return TypeAdapter(SyncSummary).validate_python(known)
    except ValueError:
        return None
