"""Walking the chain for a symptom: stage by stage, stopping at the first broken one, and on after its fix."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from dbtcollate_tui import wording
from dbtcollate_tui.checks.base import Check, CheckResult
from dbtcollate_tui.checks.chain import CheckState, Stage, StageState
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.registry import ALL_CHECKS
from dbtcollate_tui.checks.runner import run_checks, stage_states
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import has_key
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.troubleshooting.symptoms import Symptom

EntryKind = Literal["walked", "found", "did", "failed"]
_FIRST = frozenset({"dbt.account", "collate.token", "verification.ingestion"})
"""Warnings without which no sync works or shows: they come before all others."""
ENDED = frozenset({CheckState.PASS, CheckState.WARN, CheckState.FAIL, CheckState.SKIPPED})


class Outcome(StrEnum):
    """The state of a session: ``walking``, or how it ended."""

    WALKING = "walking"
    BROKEN = "broken"
    EXPLAINED = "explained"
    WARNED = "warned"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a walk's record: a stage that was walked, what was found there, what was done about it."""

    at: datetime
    kind: EntryKind
    text: str
    state: CheckState | None = None


class TroubleshootingSession:
    """One walk for one symptom. ``rows`` is the latest row of each concerned check, in chain order.

    `go` walks; ``stopped`` is the failed row it stopped at. After a fix, `did` notes it and `go` is called
    again with the check to go on from. Rows of stages before that stay, with their warnings.
    """

    def __init__(self, symptom: Symptom, checks: Sequence[Check[CheckContext]] = ALL_CHECKS) -> None:
        self.symptom = symptom
        self.began = datetime.now(UTC)
        self.ended: datetime | None = None
        self.checks = tuple(check for check in checks if check.id in symptom.checks)
        self.rows: dict[str, CheckResult] = {}
        self.record: list[Entry] = []
        self.record_id = ""
        """The id of its record in the history, once it has one."""
        self.walking = False
        self._order: dict[str, int] = {check.id: number for number, check in enumerate(self.checks)}

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that the symptom concerns, in chain order."""
        return tuple(dict.fromkeys(check.stage for check in self.checks))

    @property
    def stopped(self) -> CheckResult | None:
        """The first failed row, in chain order."""
        return next((row for row in self.rows.values() if row.state is CheckState.FAIL), None)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """The rows to look at, in chain order."""
        return tuple(row for row in self.rows.values() if row.state is CheckState.WARN)

    @property
    def finding(self) -> CheckResult | None:
        """The row to show: where it stopped, else what explains the symptom, else the first to look at."""
        if self.stopped is not None or self.walking:
            return self.stopped
        warned = sorted(self.warnings, key=lambda row: row.check_id not in _FIRST)
        return self.symptom.explanation(self.rows.values()) or next(iter(warned), None)

    @property
    def outcome(self) -> Outcome:
        """Its state."""
        if self.walking or self.ended is None:
            return Outcome.WALKING
        if self.stopped is not None:
            return Outcome.BROKEN
        if self.symptom.explanation(self.rows.values()) is not None:
            return Outcome.EXPLAINED
        return Outcome.WARNED if self.warnings else Outcome.GOOD

    @property
    def done(self) -> tuple[str, ...]:
        """What was done, in its order."""
        return tuple(entry.text for entry in self.record if entry.kind == "did")

    @property
    def story(self) -> tuple[Entry, ...]:
        """What was found and then fixed, or tried to be, in order; without the current finding."""
        entries = [entry for entry in self.record if entry.kind != "walked"]
        last = len(entries) - 1
        return tuple(
            entry
            for at, entry in enumerate(entries)
            if entry.kind != "found" or (at < last and entries[at + 1].kind != "found")
        )

    def states(self) -> dict[Stage, StageState]:
        """Every stage's state; one the symptom does not concern is skipped if passed, else waits."""
        found = stage_states(self.rows.values())
        reached = [stage for stage in self.stages if self.of(stage)]
        last = list(Stage).index(reached[-1]) if reached else -1
        for number, stage in enumerate(Stage):
            if not self.of(stage):
                passed = stage not in self.stages and number < last
                found[stage] = StageState(CheckState.SKIPPED if passed else CheckState.WAITING)
        return found

    def of(self, stage: Stage) -> tuple[CheckResult, ...]:
        """The stage's rows so far, the one that needs a person most first."""
        rows = [row for row in self.rows.values() if row.stage is stage]
        return tuple(sorted(rows, key=lambda row: -row.state.severity))

    def summary(self) -> str:
        """One line: how it ended, and after how much was done."""
        count = len(self.done)
        after = f", after {wording.count(count, 'fix', 'fixes')}" if count else ""
        row = self.finding
        match self.outcome:
            case Outcome.WALKING:
                return "Checking the chain"
            case Outcome.BROKEN if row is not None:
                return f"Broken at {row.stage.value}: {row.summary}"
            case Outcome.EXPLAINED if row is not None:
                return f"Nothing is broken{after}. Likely the reason, at {row.stage.value}: {row.summary}"
            case Outcome.WARNED:
                many = len(self.warnings)
                things = "1 thing" if many == 1 else f"{many} things"
                return f"Nothing is broken{after}; {things} to look at"
            case _:
                return f"Every stage concerned is ok{after}"

    async def go(self, context: CheckContext, origin: str = "") -> AsyncGenerator[CheckResult]:
        """Walk from the stage of the check ``origin`` (empty: from the first), reading everything again.

        Gives each row as it changes. Ends at the first stage with a failed row, or behind the last one.
        """
        start = self._link_of(origin)
        ahead = self.stages[self.stages.index(start) :] if start is not None else self.stages
        self.rows = {name: row for name, row in self.rows.items() if row.stage not in ahead}
        self.walking = True
        try:
            await context.refresh()
            for stage in ahead:
                ids = [check.id for check in self.checks if check.stage is stage]
                async with aclosing(run_checks(context, ids)) as rows:
                    async for row in rows:
                        self._take(row)
                        yield row
                self._note_stage(stage)
                if self.stopped is not None:
                    break
        finally:
            self.walking = False
            unfinished = [row.check_id for row in self.rows.values() if row.state not in ENDED]
            for check_id in unfinished:
                del self.rows[check_id]
        self.ended = datetime.now(UTC)
        finding = self.finding
        if finding is not None:
            self._note("found", f"{finding.title}: {finding.summary}", finding.state)

    def did(self, words: str) -> None:
        """Note what was done, by the program or by a person."""
        self._note("did", words)

    def failed(self, words: str, row: CheckResult, error: ActionableError) -> None:
        """A fix of the row did not work: note it, and show why in place of what was found."""
        self._note("failed", f"{words}: {error.title}", CheckState.FAIL)
        others = [fix for fix in row.fixes if fix not in error.fixes and has_key(fix)]
        self.rows[row.check_id] = replace(
            row,
            state=CheckState.FAIL,
            summary=error.title,
            detail=f"Before: {row.summary}",
            causes=error.causes or row.causes,
            evidence=(*error.evidence, *row.evidence),
            fixes=(*error.fixes, *others),
        )

    def _link_of(self, check_id: str) -> Stage | None:
        """The stage of the check, or of the first concerned one behind it; ``None`` for no check."""
        ids: list[str] = [check.id for check in ALL_CHECKS]
        behind = ids[ids.index(check_id) :] if check_id in ids else []
        return next((check.stage for check in self.checks if check.id in behind), None)

    def _take(self, row: CheckResult) -> None:
        rows = {**self.rows, row.check_id: row}
        self.rows = {name: rows[name] for name in sorted(rows, key=lambda name: self._order[name])}

    def _note_stage(self, stage: Stage) -> None:
        rows = self.of(stage)
        failed = [row.title for row in rows if row.state is CheckState.FAIL]
        warned = [row.title for row in rows if row.state is CheckState.WARN]
        parts = [f"failed: {', '.join(failed)}"] if failed else []
        if warned:
            parts.append(f"to look at: {', '.join(warned)}")
        checks = f"{wording.count(len(rows), 'check')}"
        self._note("walked", f"{stage.value}: {'; '.join(parts) or 'good'} ({checks})", rows[0].state)

    def _note(self, kind: EntryKind, text: str, state: CheckState | None = None) -> None:
        self.record.append(Entry(datetime.now(UTC), kind, text, state))


def first_affected(before: Profile, after: Profile) -> str:
    """The first check that a change of the profile concerns; empty where nothing changed."""
    old, new = before.model_dump(), after.model_dump()

    def at(values: dict[str, object], place: tuple[str, ...]) -> object:
        found: object = values
        for name in place:
            found = found[name] if isinstance(found, dict) else None
        return found

    return next(
        (
            check.id
            for check in ALL_CHECKS
            if check.affected_by and at(old, check.affected_by) != at(new, check.affected_by)
        ),
        "",
    )


def earlier(*check_ids: str) -> str:
    """Of some checks the one that comes first in the chain; empty ones do not count."""
    return next((check.id for check in ALL_CHECKS if check.id in check_ids), "")
