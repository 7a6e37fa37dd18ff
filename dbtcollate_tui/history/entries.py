"""What of an event and of a plan a record keeps, and the text of it in the record's files. No IO."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from msgspec import json

from dbtcollate_tui.events import types as events
from dbtcollate_tui.events.types import SyncEvent
from dbtcollate_tui.history.records import EntryLevel, LogEntry, StoredChange, StoredPlan
from dbtcollate_tui.plan.model import Change
from dbtcollate_tui.plan.pipeline import PipelinePlan
from dbtcollate_tui.printable import json_safe
from dbtcollate_tui.redact import redact

TEXT_AT_MOST = 2_000
"""Characters of an old or a new value that a stored plan keeps."""

PIECE = 200
"""Changes of a plan that become text together."""

_ENCODER = json.Encoder()
_LEVELS: dict[str, EntryLevel] = {"ok": "ok", "warn": "warn", "failed": "error"}


def entry_of(event: SyncEvent) -> LogEntry | None:
    """The event as a line; ``None`` for what only a screen needs."""

    def line(text: str, level: EntryLevel = "info", source: str = "sync") -> LogEntry:
        return LogEntry(event.at.isoformat(timespec="milliseconds"), event.kind, level, source, text)

    match event:
        case events.Applied():
            lacks = f", without {', '.join(event.lacks)}" if event.lacks else ""
            return line(f"{_words(event.change)}{lacks}", "warn" if lacks else "ok", "write")
        case events.Progress() | events.Waiting():
            return None
        case events.RunStarted():
            return line(event.title)
        case events.PhaseStarted():
            return line(event.text, source=event.phase)
        case events.PhaseFinished():
            return line(event.text, _LEVELS[event.level], event.phase)
        case events.LogLine():
            return line(event.text, event.level, event.source)
        case events.PlanReady() | events.PipelinePlanReady():
            return line(event.plan.summary(), source="plan")
        case events.Skipped():
            return line(f"{_words(event.change)}: {event.reason}", "warn", "write")
        case events.Failed():
            what = f"{_words(event.change)}: " if event.change is not None else ""
            known = "not known whether it is written: " if event.unsure else ""
            return line(f"{what}{known}{event.error.title}", "error", "write")
        case events.Retrying():
            text = f"{event.what}: {event.reason}; attempt {event.attempt} in {event.wait_seconds:.1f} s"
            return line(text, "warn")
        case events.Cancelled():
            return line(event.text, "warn")
        case events.RunFinished():
            level: EntryLevel = "ok" if event.outcome == "ok" else "warn"
            return line(event.text, "error" if event.outcome == "failed" else level)
    return None


def _words(change: Change) -> str:
    return f"{change.kind.replace('_', ' ')} {change.label}"


def stored_change(change: Change) -> StoredChange:
    """A change as a record keeps it."""
    return StoredChange(
        key=change.key,
        kind=change.kind,
        group=change.group,
        action=change.action,
        target=change.target,
        label=change.label,
        old=_cut(change.old),
        new=_cut(change.new),
        note=change.note,
        table=change.table_fqn,
    )


def stored_settings(plan: PipelinePlan) -> list[StoredChange]:
    """A pipeline's settings as a record keeps them."""
    return [
        StoredChange(
            key=f"setting:{change.field}",
            kind="setting",
            group="pipeline",
            action="replace" if change.old else "add",
            target=plan.name,
            label=change.field,
            old=_cut(change.old),
            new=_cut(change.new),
        )
        for change in plan.changes
    ]


def log_text(entries: Sequence[LogEntry]) -> str:
    """Lines of a log as its file holds them: secrets removed, nothing for a terminal to obey."""
    safe = (replace(entry, text=redact(entry.text)) for entry in entries)
    return json_safe(_ENCODER.encode_lines(safe).decode())


def plan_text(changes: Iterable[StoredChange], head: StoredPlan, most: int) -> Iterator[str]:
    """A plan's file in pieces: secrets removed, nothing for a terminal to obey.

    It holds the changes that come first, as many as ``most`` characters take; ``head.left_out`` is the number
    of all of them.
    """
    size = kept = 0
    rest = iter(changes)
    yield '{"changes":['
    while size <= most and (some := list(islice(rest, PIECE))):
        lines: list[str] = []
        for change in some:
            text = _ENCODER.encode(change).decode()
            size += len(text)
            if size > most:
                break
            lines.append(text)
        if lines:
            yield ",\n" if kept else "\n"
            yield json_safe(redact(",\n".join(lines)))
        kept += len(lines)
    tail = {"summary": head.summary, "notes": head.notes, "left_out": head.left_out - kept}
    yield f"\n],{json_safe(redact(_ENCODER.encode(tail).decode())).removeprefix('{')}\n"


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_AT_MOST else f"{text[: TEXT_AT_MOST - 1]}…"
