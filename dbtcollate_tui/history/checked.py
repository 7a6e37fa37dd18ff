"""The records of what only looked: a verification's rows, a session for a symptom."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from dbtcollate_tui import __version__
from dbtcollate_tui.history.entries import log_text
from dbtcollate_tui.history.recording import told_in_the_log
from dbtcollate_tui.history.records import (
    Failure,
    HistoryRecord,
    LogEntry,
    RecordAction,
    VerificationLine,
    log_path,
    new_id,
    prune,
    record_path,
)
from dbtcollate_tui.printable import json_safe
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.files import private_folder, write_private
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore


class CheckedRow(Protocol):
    """What a record keeps of a check that has ended."""

    @property
    def check_id(self) -> str:
        """The check's id."""

    @property
    def title(self) -> str:
        """The row's name."""

    @property
    def state(self) -> str:
        """``pass``, ``warn``, ``fail`` or ``skipped``."""

    @property
    def summary(self) -> str:
        """What was seen, in one line."""

    @property
    def causes(self) -> tuple[str, ...]:
        """Likely causes, where it did not pass."""


def keep_verification(
    state: StateStore, profile: Profile, rows: Sequence[CheckedRow], started: datetime, seconds: float
) -> HistoryRecord:
    """Leave the record of a verification: its rows by state, and the failed ones with their causes."""
    record = _record("verify", profile, rows, new_id("verify", started), started, seconds, "")
    _keep(state, record)
    return record


def save_session(
    state: StateStore,
    profile: Profile,
    rows: Sequence[CheckedRow],
    started: datetime,
    seconds: float,
    *,
    text: str,
    log: Sequence[LogEntry],
    record_id: str = "",
) -> HistoryRecord:
    """Leave the record of a session: its rows, how it ended, and line by line what was found and done.

    A session that goes on after a fix takes the place of its record so far, named by ``record_id``.
    """
    record = _record(
        "troubleshoot", profile, rows, record_id or new_id("troubleshoot", started), started, seconds, text
    )
    _keep(state, record, log)
    return record


def _record(
    action: RecordAction,
    profile: Profile,
    rows: Sequence[CheckedRow],
    record_id: str,
    started: datetime,
    seconds: float,
    text: str,
) -> HistoryRecord:
    counts = Counter(str(row.state) for row in rows)
    return HistoryRecord(
        id=record_id,
        profile=profile.name,
        action=action,
        at=started.astimezone(UTC).isoformat(timespec="seconds"),
        outcome="failed" if counts["fail"] else "warn" if counts["warn"] else "ok",
        seconds=round(seconds, 1),
        text=text,
        server=profile.collate.base_url,
        service=profile.collate.service,
        checks=dict(counts),
        failed=counts["fail"],
        failures=tuple(
            Failure(row.check_id, "check", row.title, row.summary, row.causes)
            for row in rows
            if row.state == "fail"
        ),
        verification=tuple(
            VerificationLine(row.check_id, row.title, str(row.state), row.summary) for row in rows
        ),
        version=__version__,
    )


def _keep(state: StateStore, record: HistoryRecord, log: Sequence[LogEntry] = ()) -> None:
    with told_in_the_log():
        private_folder(state.folder)
        private_folder(state.folder_of(record.profile))
        private_folder(state.history_folder(record.profile))
        prune(state, record.profile)
        if log:
            write_private(log_path(state, record), log_text(log))
        text = json.dumps(record.as_dict(), ensure_ascii=False, indent=1)
        write_private(record_path(state, record), json_safe(redact(text)) + "\n")
