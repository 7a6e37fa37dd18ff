"""``sources.json``: how fresh the sources were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dbtcollate_tui.artifacts.lenient import EntryReader, read_metadata
from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.project import FreshnessResult, FreshnessStatus
from dbtcollate_tui.artifacts.reading import decode_file
from dbtcollate_tui.artifacts.run_results import message_of
from dbtcollate_tui.artifacts.shapes import SourceResult, Sources, Threshold
from dbtcollate_tui.artifacts.times import to_ms
from dbtcollate_tui.artifacts.versions import check_version

if TYPE_CHECKING:
    from typing_extensions import Buffer

FILE = "sources.json"
_DECODER = msgspec.json.Decoder(Sources)
_STATUSES: dict[str, FreshnessStatus] = {
    "pass": "pass",
    "success": "pass",
    "warn": "warn",
    "error": "error",
    "fail": "error",
    "runtime error": "runtime error",
}
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


def read_sources(data: Buffer, notes: Notes) -> dict[str, FreshnessResult]:
    """Each source's freshness by unique_id; v1 to v3 of the schema."""
    artifact = decode_file(_DECODER, data, FILE)
    metadata = read_metadata(artifact.metadata, FILE, notes)
    check_version(FILE, "sources", metadata, notes)
    generated_ms = to_ms(metadata.generated_at)
    reader = EntryReader(SourceResult, FILE, notes)
    found = {}
    for number, raw in enumerate(artifact.results):
        entry, _ = reader.read(raw, f"$.results[{number}]")
        if entry is None:
            continue
        status = _STATUSES.get(entry.status.lower())
        if status is None:
            notes.count(
                f"Freshness status '{entry.status}' is not known and counts as an error", entry.unique_id
            )
            status = "runtime error"
        ended = next(
            (to_ms(t.completed_at) for t in reversed(entry.timing or ()) if t.name == "execute"), None
        )
        snapshotted_ms = to_ms(entry.snapshotted_at)
        completed_ms = next((ms for ms in (ended, snapshotted_ms, generated_ms) if ms is not None), None)
        if completed_ms is None:
            notes.count("Freshness results without a readable time are left out", entry.unique_id)
            continue
        found[entry.unique_id] = FreshnessResult(
            unique_id=entry.unique_id,
            status=status,
            message=message_of(entry.error, entry.status),
            max_loaded_at_ms=to_ms(entry.max_loaded_at),
            snapshotted_at_ms=snapshotted_ms,
            age_seconds=entry.max_loaded_at_time_ago_in_s,
            warn_after_seconds=_seconds(entry.criteria.warn_after if entry.criteria else None),
            error_after_seconds=_seconds(entry.criteria.error_after if entry.criteria else None),
            completed_at_ms=completed_ms,
        )
    return found


def _seconds(limit: Threshold | None) -> int | None:
    if limit is None or limit.count is None or limit.period not in _SECONDS:
        return None
    return limit.count * _SECONDS[limit.period]
