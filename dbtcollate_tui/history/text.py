"""A record of the history as text to read or to send, and whole as JSON values."""

from collections.abc import Sequence
from datetime import datetime

from dbtcollate_tui.history.records import HistoryRecord, LogEntry, StoredPlan

WHAT = {"deploy": "deploy in Collate", "verify": "verification", "troubleshoot": "troubleshooting"}


def what_words(record: HistoryRecord) -> str:
    """What was done, and by which engine: "sync from here", "sync in Collate", "verification"."""
    if record.action != "sync":
        return WHAT[record.action]
    return "sync in Collate" if record.engine == "collate" else "sync from here"


def record_text(record: HistoryRecord, plan: StoredPlan | None, log: Sequence[LogEntry]) -> str:
    """The record with its failures, what was read back, its plan and its log, times in the local zone."""
    began = datetime.fromisoformat(record.at).astimezone()
    lines = [
        f"{what_words(record)} of {record.profile}, {began:%Y-%m-%d %H:%M:%S %Z}",
        f"  outcome    {record.outcome}, took {record.seconds:.1f} s: {record.counts}",
        f"  collate    {record.server}, service {record.service}",
    ]
    if record.run_id is not None:
        lines.append(f"  run        #{record.run_id} {record.job_name} {record.run_url}".rstrip())
    if record.text:
        lines.append(f"  said       {record.text}")
    for failure in record.failures:
        lines.append(f"  FAILED     {failure.label}: {failure.title}")
        lines.extend(f"             {cause}" for cause in failure.causes)
    if record.failed > len(record.failures):
        lines.append(f"             and {record.failed - len(record.failures)} more; the log has them")
    lines.extend(f"  {row.state:9}  {row.title}: {row.summary}" for row in record.verification)
    if plan is not None:
        lines.append(f"Plan: {plan.summary}")
        for change in plan.changes:
            lines.append(f"  {change.action:8} {change.kind.replace('_', ' ')} {change.label}")
            lines.extend(f"           - {line}" for line in change.old.splitlines())
            lines.extend(f"           + {line}" for line in change.new.splitlines())
        if plan.left_out:
            lines.append(f"  and {plan.left_out} more that were not kept")
    if log:
        lines.append("Log:")
        for entry in log:
            at = datetime.fromisoformat(entry.at).astimezone()
            lines.append(f"  {at:%H:%M:%S}  {entry.level:5}  {entry.source:9}  {entry.text}")
    return "\n".join(lines) + "\n"
