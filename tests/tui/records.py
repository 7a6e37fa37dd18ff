"""Records of former syncs and verifications, left where the program keeps its own."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from dbtcollate_tui.history.records import (
    EntryLevel,
    Failure,
    HistoryRecord,
    LogEntry,
    RecordAction,
    RecordOutcome,
    StoredChange,
    StoredPlan,
    log_path,
    new_id,
    plan_path,
    record_path,
)
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile


def leave(
    services: Services,
    profile: Profile,
    ends: Iterable[tuple[RecordOutcome, float]],
    action: RecordAction = "sync",
) -> list[HistoryRecord]:
    """One record an hour, the newest last, with the given outcomes and seconds; each with plan and log."""
    ends = list(ends)
    records = []
    for number, (outcome, seconds) in enumerate(ends):
        at = datetime.now(UTC) - timedelta(hours=len(ends) - number)
        failed = outcome == "failed"
        record = HistoryRecord(
            id=new_id(action, at),
            profile=profile.name,
            action=action,
            at=at.isoformat(timespec="seconds"),
            outcome=outcome,
            seconds=seconds,
            engine="direct" if action == "sync" else "",
            server=profile.collate.base_url,
            service=profile.collate.service,
            run_id=98431 + number if action == "sync" else None,
            job_name="nightly" if action == "sync" else "",
            planned=12 if action == "sync" else 0,
            written=0 if failed or action != "sync" else 12,
            failed=1 if failed else 0,
            checks={} if action == "sync" else {"pass": 24, "fail" if failed else "skipped": 1},
            failures=(Failure("k", "description", "mart.orders", "Collate answers 503", ("It is down.",)),)
            if failed
            else (),
        )
        services.state.history_folder(profile.name).mkdir(parents=True, exist_ok=True)
        record_path(services.state, record).write_text(json.dumps(record.as_dict()), encoding="utf-8")
        if action == "sync":
            _leave_plan_and_log(services, record)
        records.append(record)
    return records


def _leave_plan_and_log(services: Services, record: HistoryRecord) -> None:
    change = StoredChange(
        key="k",
        kind="description",
        group="descriptions",
        action="replace",
        target="mart.orders",
        label="mart.orders",
        old="One row per order.",
        new="One row per order, net of refunds.",
    )
    plan = StoredPlan("12 changes of 40", (change,), ("Freshness is new.",), left_out=11)
    level: EntryLevel = "error" if record.outcome == "failed" else "ok"
    lines = [
        LogEntry(record.at, "phase_started", "info", "plan", "reading the run's files"),
        LogEntry(record.at, "applied", level, "write", f"description mart.orders of #{record.run_id}"),
    ]
    stored = {name: getattr(plan, name) for name in ("summary", "notes", "left_out")}
    stored["changes"] = [{name: getattr(change, name) for name in change.__slots__}]
    plan_path(services.state, record).write_text(json.dumps(stored), encoding="utf-8")
    log_path(services.state, record).write_text(
        "".join(json.dumps({name: getattr(line, name) for name in line.__slots__}) + "\n" for line in lines),
        encoding="utf-8",
    )
