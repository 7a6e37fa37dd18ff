"""How a sync ended: counts by group, and the verification read back from the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dbtcollate_tui.plan.model import Group

Outcome = Literal["ok", "partial", "failed", "cancelled"]
VerificationState = Literal["ok", "warn", "failed", "skipped"]
VerificationId = Literal["run", "ingestion", "lineage", "descriptions", "metrics", "tests"]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many changes were planned, written, failed and skipped, and how much was equal already.

    ``written_by_group`` says where, ``partly`` how many of those written lack a part, such as a tag that was
    refused. ``cancelled`` counts those that a cancel left unwritten, ``unsure`` those that were sent without
    a usable answer: they may be written or not.
    """

    planned: int = 0
    written: int = 0
    partly: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    unsure: int = 0
    unchanged: int = 0
    written_by_group: Mapping[Group, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "planned": self.planned,
            "written": self.written,
            "partly": self.partly,
            "failed": self.failed,
            "skipped": self.skipped,
            "cancelled": self.cancelled,
            "unsure": self.unsure,
            "unchanged": self.unchanged,
            "written_by_group": dict(self.written_by_group),
        }


@dataclass(frozen=True, slots=True)
class VerificationGap:
    """One thing that the server does not hold as it should; ``table`` is the FQN of its table."""

    target: str
    expected: str
    found: str
    url: str = ""
    table: str = ""

    def as_dict(self) -> dict[str, str]:
        """The values for ``--json``."""
        return {"target": self.target, "expected": self.expected, "found": self.found, "url": self.url}


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """One row of the guide's verification checklist, read back: counts with their whole, and what is amiss.

    ``newest`` is the latest test result's time in ms since 1970, for the row "tests" alone.
    """

    id: VerificationId
    title: str
    state: VerificationState
    summary: str
    expected: int | None = None
    found: int | None = None
    exceptions: tuple[VerificationGap, ...] = ()
    newest: int | None = None
    url: str = ""

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "id": self.id,
            "title": self.title,
            "state": self.state,
            "summary": self.summary,
            "expected": self.expected,
            "found": self.found,
            "exceptions": [item.as_dict() for item in self.exceptions],
            "newest": self.newest,
            "url": self.url,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """The guide's verification rows after a sync; ``tables_url`` opens the service in Collate.

    ``failed_tests`` are the data and unit tests that failed in the dbt run: Collate shows them rightly, so no
    row fails for them.
    """

    rows: tuple[VerificationRow, ...]
    tables_url: str = ""
    failed_tests: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no row failed."""
        return all(row.state != "failed" for row in self.rows)

    def row(self, row_id: VerificationId) -> VerificationRow | None:
        """The row of that id, if it was read."""
        return next((row for row in self.rows if row.id == row_id), None)

    def summary(self) -> str:
        """One line: what was read back and how much of it is equal."""
        return ". ".join(row.summary for row in self.rows if row.expected is not None)

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "ok": self.ok,
            "rows": [row.as_dict() for row in self.rows],
            "url": self.tables_url,
            "failed_tests": list(self.failed_tests),
        }
