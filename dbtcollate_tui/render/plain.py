"""Plain lines for a terminal without the app, a log, a screen reader: no colour, no cursor movement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TextIO

from dbtcollate_tui import wording
from dbtcollate_tui.checks.base import CheckResult
from dbtcollate_tui.checks.chain import CheckState
from dbtcollate_tui.collate.fqn import split_fqn
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events import types as events
from dbtcollate_tui.events.outcome import Verification
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fix_commands import in_words
from dbtcollate_tui.printable import one_line, safe

if TYPE_CHECKING:
    from dbtcollate_tui.plan.model import Change, Group, Plan
    from dbtcollate_tui.plan.pipeline import PipelinePlan

WORDS = {
    CheckState.PASS: "ok",
    CheckState.WARN: "WARN",
    CheckState.FAIL: "FAIL",
    CheckState.SKIPPED: "skip",
}
VERIFICATION_WORDS = {"ok": "ok", "warn": "WARN", "failed": "FAIL", "skipped": "skip"}
TEXT_AT_MOST = 90
LISTED_AT_MOST = 5
"""Exceptions of one row; `--json` has all of them."""
PROGRESS_STEPS = 10
TABLES_OPEN = 32
"""This many tables' changes are gathered at a time; the server is written to by fewer at once."""


class PlainRenderer:
    """Writes what happens as lines; ``verbose`` adds each change of a plan with its old and new value.

    ``profile`` is the profile that the command named; commands that are proposed as fixes name it too.

    Results go to ``stream``, progress and errors to ``progress`` (the same stream where it is left out).
    Written changes are listed by table and kind, with ``verbose`` one by one.
    """

    def __init__(
        self, stream: TextIO, *, progress: TextIO | None = None, verbose: bool = False, profile: str = ""
    ) -> None:
        self._stream = stream
        self._side = progress if progress is not None else stream
        self._verbose = verbose
        self._profile = profile
        self._tenth: dict[str, int] = {}
        self._written: defaultdict[str, Counter[Group]] = defaultdict(Counter)

    def say(self, text: str) -> None:
        """Write one line of a result at once."""
        self._stream.write(safe(one_line(text)) + "\n")
        self._stream.flush()

    def lines(self, text: str) -> None:
        """Write a text of several lines."""
        for line in text.splitlines():
            self.say(line)

    def note(self, text: str) -> None:
        """Write one line of progress at once."""
        self._write(one_line(text))
        self._side.flush()

    def notes(self, text: str) -> None:
        """Write a text of several lines about an error."""
        for line in text.splitlines():
            self.note(line)

    def _write(self, text: str) -> None:
        """Write one line of progress that may wait for the next one: there are many of them a second."""
        self._side.write(safe(text) + "\n")

    def facts(self, kind: str, values: Mapping[str, object]) -> None:
        """A named object as aligned lines."""
        for name, value in values.items():
            self.say(f"  {name.replace('_', ' '):22} {value}")

    def error(self, error: ActionableError) -> None:
        """The card of the error that ended the command."""
        self.notes(error.as_text(self._profile))

    def check(self, result: CheckResult) -> None:
        """One row of the checklist, with its card where it did not pass."""
        if result.state in (CheckState.WAITING, CheckState.RUNNING):
            return
        self.say(f"  {WORDS[result.state]:4}  {result.title:28} {result.summary}".rstrip())
        if result.state in (CheckState.PASS, CheckState.SKIPPED):
            return
        if result.detail:
            self.say(f"        {'Means':9} {result.detail}")
        for cause in result.causes:
            self.say(f"        {'Cause':9} {cause}")
        for item in result.evidence:
            self.say(f"        {'Evidence':9} {item}")
        self._list(result.exceptions)
        for fix in result.fixes:
            self.say(f"        {'Fix':9} {in_words(fix, self._profile)}")

    def failed_tests(self, names: Sequence[str]) -> None:
        """The tests that failed in the dbt run."""
        self.say(f"  {wording.count(len(names), 'test')} failed in the dbt run: {wording.some(names)}")

    def checks_done(self, counts: Mapping[str, int], exit_code: ExitCode) -> None:
        """The checklist's last line."""
        self.say("  " + ", ".join(f"{count} {state}" for state, count in counts.items() if count))

    def event(self, event: events.SyncEvent) -> None:
        """One sync event."""
        if self._written and not isinstance(event, events.Applied | events.Progress | events.Waiting):
            self._tell_written(event)
        match event:
            case events.RunStarted():
                self.note(event.title)
            case events.PhaseStarted():
                self.note(f"{_clock(event)}  {event.phase:9}  {event.text}")
            case events.PhaseFinished():
                mark = {"ok": "ok", "warn": "WARN", "failed": "FAIL"}[event.level]
                self.note(f"{_clock(event)}  {event.phase:9}  {mark}: {event.text}")
            case events.Progress():
                self._progress(event)
            case events.LogLine():
                if event.level != "debug":
                    self.note(f"{_clock(event)}  {event.source:9}  {event.text}")
            case events.PlanReady():
                self.plan(event.plan)
            case events.PipelinePlanReady():
                self.pipeline(event.plan)
            case events.Applied():
                self._applied(event)
            case events.Skipped():
                self.note(f"{_clock(event)}  skipped    {_line(event.change)}: {event.reason}")
            case events.Failed():
                self._failed(event)
            case events.Retrying():
                self.note(
                    f"{_clock(event)}  again      {event.what}: {event.reason}; "
                    f"attempt {event.attempt} in {event.wait_seconds:.1f} s"
                )
            case events.Waiting():
                self.note(f"{_clock(event)}  waiting    {event.what}, {event.seconds:.0f} s")
            case events.Cancelled():
                self.note(f"{_clock(event)}  cancelled  {event.text}")
            case events.RunFinished():
                if event.verification is not None:
                    self.verification(event.verification)
                self.say(f"{event.outcome}: {event.text}")

    def _applied(self, event: events.Applied) -> None:
        change = event.change
        if event.lacks:
            self.note(f"{_clock(event)}  in part    {_line(change)}: without {', '.join(event.lacks)}")
            return
        if self._verbose or not change.table_fqn:
            self._write(f"{_clock(event)}  written    {_line(change)}")
            return
        self._written[change.table_fqn][change.group] += 1
        if len(self._written) > TABLES_OPEN:
            self._tell_written(event, keep=TABLES_OPEN)

    def _tell_written(self, event: events.Event, keep: int = 0) -> None:
        """A line for each table whose changes were gathered, but the latest ``keep``."""
        while len(self._written) > keep:
            fqn = next(iter(self._written))
            counts = self._written.pop(fqn)
            table = ".".join(split_fqn(fqn)[-2:])
            self._write(f"{_clock(event)}  written    {table}: {events.counts_by_group(counts)}")

    def _failed(self, event: events.Failed) -> None:
        if event.change is None:
            self.notes(event.error.as_text(self._profile))
            return
        word = "NOT KNOWN" if event.unsure else "FAILED"
        self.note(f"{_clock(event)}  {word:9}  {_line(event.change)}: {event.error.title}")
        if event.repeats == 0:
            for cause in event.error.causes:
                self.note(f"                     {cause}")

    def plan(self, plan: Plan) -> None:
        """The plan: counts by group, what is kept, what has no table; each change with ``verbose``."""
        from dbtcollate_tui.plan.model import GROUPS

        title = f" for run #{plan.run.id}" if plan.run is not None else ""
        self.say(f"Plan{title}: {plan.summary()}")
        for group in GROUPS:
            changes = plan.of(group)
            if not changes:
                continue
            self.say(f"  {group:14} {len(changes)}")
            if self._verbose:
                for change in changes:
                    self._change(change)
        for kept in plan.conflicts:
            if not kept.is_removal:
                self.say(f"  kept           {kept.label}: {kept.reason}")
        for change in plan.removable:
            self.say(f"  removable      {change.label}: {change.old}, {change.note}")
        if plan.removable:
            self.say("                 --remove removes them")
        for unmatched in plan.match.missing:
            self.say(f"  no table       {unmatched.unique_id}: {unmatched.detail}")
            if unmatched.fix:
                self.say(f"                 {unmatched.fix}")
        for owner in plan.unmapped_owners:
            near = f"; near: {', '.join(owner.suggestions)}" if owner.suggestions else ""
            self.say(f"  no such owner  {owner.owner}, of {len(owner.unique_ids)} nodes{near}")
        for note in plan.notes:
            self.say(f"  note           {note}")

    def pipeline(self, plan: PipelinePlan) -> None:
        """What deploying would change: every setting of the pipeline that differs."""
        self.say(f"Pipeline: {plan.summary()}")
        for change in plan.changes:
            was = f"{change.old} → " if change.old else ""
            self.say(f"  {change.field:24} {was}{change.new}")
        if plan.takes_pause_off:
            self.say(f"  {'paused':24} yes → no")
        token = {
            "new": "is written",
            "same": "the stored one is the same",
            "differs": "another one is stored",
            "hidden": "stored, not shown by the server",
        }[plan.diff.credential]
        self.say(f"  {'dbtCloudAuthToken':24} {token}")

    def _change(self, change: Change) -> None:
        sign = {"add": "+", "replace": "~", "remove": "-"}[change.action]
        note = f"  ({change.note})" if change.note else ""
        self.say(f"    {sign} {change.label}{note}")
        if change.old:
            self.say(f"        - {_short(change.old)}")
        if change.new:
            self.say(f"        + {_short(change.new)}")

    def verification(self, verification: Verification) -> None:
        """What was read back, row by row, with what is amiss."""
        self.say("Verified in Collate:")
        for row in verification.rows:
            self.say(f"  {VERIFICATION_WORDS[row.state]:4}  {row.title:28} {row.summary}".rstrip())
            self._list(
                [f"{item.target}: expected {item.expected}, found {item.found}" for item in row.exceptions]
            )

    def _list(self, lines: Sequence[str]) -> None:
        for line in lines[:LISTED_AT_MOST]:
            self.say(f"        - {line}")
        if len(lines) > LISTED_AT_MOST:
            self.say(f"        - and {len(lines) - LISTED_AT_MOST} more")

    def _progress(self, event: events.Progress) -> None:
        self._side.flush()
        if not event.total:
            return
        tenth = event.done * PROGRESS_STEPS // event.total
        if self._tenth.get(event.phase) != tenth:
            self._tenth[event.phase] = tenth
            what = f"  {event.text}" if event.text else ""
            self.note(f"{_clock(event)}  {event.phase:9}  {event.done} of {event.total} {event.unit}{what}")


def _clock(event: events.Event) -> str:
    return _time_of_day(int(event.at.timestamp()))


@lru_cache(maxsize=4)
def _time_of_day(second: int) -> str:
    return f"{datetime.fromtimestamp(second):%H:%M:%S}"


def _line(change: Change) -> str:
    return f"{change.group}  {change.label}"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= TEXT_AT_MOST else flat[: TEXT_AT_MOST - 1] + "…"
