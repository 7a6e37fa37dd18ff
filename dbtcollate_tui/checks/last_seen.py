"""What the last visit to a profile knew: its rows, the state of the chain, and when they were checked."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue, TypeAdapter, ValidationError

from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import Stage, StageState
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.checks.runner import stage_states
from dbtcollate_tui.checks.summary import Summary
from dbtcollate_tui.settings.state import StateStore

KEY = "last_seen"
_IDS = {check.id for check in ALL_CHECKS}

_ROWS: TypeAdapter[list[CheckResult]] = TypeAdapter(list[CheckResult])
_STANDING: TypeAdapter[Summary] = TypeAdapter(Summary)


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The rows of the checks that still exist, and the standing, as they were at ``at`` (UTC)."""

    at: datetime
    rows: dict[str, CheckResult] = field(default_factory=dict)
    standing: Summary = field(default_factory=Summary)

    @property
    def stages(self) -> dict[Stage, StageState]:
        """Each stage's state as it was."""
        return stage_states(self.rows.values())


def load_last_seen(state: StateStore, profile_name: str) -> LastSeen | None:
    """What the last visit knew; ``None`` for a profile that was not checked yet. Reads the disk."""
    held = state.load(profile_name, KEY)
    if not isinstance(held, dict) or not isinstance(held.get("at"), str):
        return None
    held_rows = held.get("rows")
    known = [
        row
        for row in (held_rows if isinstance(held_rows, list) else ())
        if isinstance(row, dict) and row.get("check_id") in _IDS
    ]
    try:
        at = datetime.fromisoformat(str(held["at"]))
        rows = _ROWS.validate_python(known)
        standing = _STANDING.validate_python(held.get("standing") or {})
    except (ValidationError, ValueError):
        return None
    return LastSeen(at, {row.check_id: row for row in rows}, standing)


def save_last_seen(state: StateStore, profile_name: str, seen: LastSeen) -> None:
    """Remember it for the next visit. Writes to the disk."""
    rows: JsonValue = _ROWS.dump_python(list(seen.rows.values()), mode="json")
    standing: JsonValue = _STANDING.dump_python(seen.standing, mode="json")
    state.save(profile_name, KEY, {"at": seen.at.isoformat(), "rows": rows, "standing": standing})
