"""The direct sync: a run's artifacts, a plan against what Collate holds, only the differences written."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from typing import Literal

from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.collate.read_log import reads_noted
from dbtcollate_tui.collate.reader import counting_left_out
from dbtcollate_tui.dbt_cloud.artifact_store import FetchedArtifacts
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.events.outcome import Counts, Outcome, Verification
from dbtcollate_tui.events.stream import EventEmitter, retries_told, stream
from dbtcollate_tui.events.types import (
    Cancelled,
    Failed,
    LogLine,
    PhaseFinished,
    PhaseStarted,
    PlanReady,
    RunFinished,
    RunStarted,
    SyncEvent,
    counts_by_group,
)
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.gc_tuning import not_looked_at
from dbtcollate_tui.history.recording import Recorder, recorded
from dbtcollate_tui.plan.model import Change, Plan, without
from dbtcollate_tui.plan.selection.scope import WHOLE, Scope
from dbtcollate_tui.sync.engine import Engine
from dbtcollate_tui.sync.plan_memory import PlanMemory, plan_of, still_holds
from dbtcollate_tui.sync.prepare import artifacts_read, choose, fetch_artifacts, run_facts
from dbtcollate_tui.sync.reading.reread import reread_tables
from dbtcollate_tui.sync.reading.slow_pages import slow_pages_reported
from dbtcollate_tui.sync.self_report import SelfReport, self_reported
from dbtcollate_tui.sync.unknown_fields import unknown_fields_reported
from dbtcollate_tui.sync.verify.facts import ANSWERED_EMPTY, held_already, not_held, prove, read_back
from dbtcollate_tui.sync.writing.apply import Writer
from dbtcollate_tui.sync.writing.tally import Tally

Level = Literal["ok", "warn", "failed"]


def prepare_direct(
    engine: Engine, *, run_id: int | None = None, scope: Scope = WHOLE
) -> AsyncGenerator[SyncEvent, None]:
    """Everything up to the plan, writing nothing: ends with `PlanReady`, then `RunFinished`.

    ``scope`` is what is asked for, without it all; ``run_id`` takes that run in place of the profile's rule.
    Setting the engine's ``cancel`` ends it with `Cancelled`, then `RunFinished`. No error is raised: one that
    ends the run is a `Failed` event with ``change=None``, before `RunFinished`.
    """

    async def work(emitter: EventEmitter) -> RunFinished:
        name = engine.profile.name
        with _reported(engine, emitter):
            emitter(RunStarted(engine="direct", profile=name, title=f"Plan for {name}"))
            plan = await _prepare(emitter, engine, run_id, scope)
        return RunFinished(
            outcome="ok",
            counts=Counts(planned=len(plan.changes), unchanged=sum(plan.unchanged.values())),
            exit_code=ExitCode.OK,
            text=plan.summary(),
            seconds=emitter.seconds,
        )

    return stream(work, engine.cancel, "The plan")


def run_direct(
    engine: Engine,
    *,
    plan: Plan | None = None,
    selection: Collection[str] | None = None,
    run_id: int | None = None,
    scope: Scope = WHOLE,
    present: Collection[str] = (),
) -> AsyncGenerator[SyncEvent, None]:
    """The whole sync: the plan (unless one is given), the writes, the verification; ends with `RunFinished`.

    ``selection`` are the keys of the changes to write (``None``: all), conflicts and removals among them.
    ``present`` are the keys of changes of the given plan that an earlier run wrote, so that others may need
    them. Setting the engine's ``cancel`` stops within a second; what was written stays. A sync that has
    nothing to write sends nothing at all.
    """

    async def work(emitter: EventEmitter) -> RunFinished:
        name = engine.profile.name
        with _reported(engine, emitter):
            emitter(RunStarted(engine="direct", profile=name, title=f"Sync of {name}"))
            async with _Writing(emitter, engine, present) as writing:
                chosen = plan
                if chosen is None:
                    chosen = await _prepare(emitter, engine, run_id, scope)
                if selection is not None:
                    chosen = chosen.take_in(frozenset(selection))
                changes = chosen.changes if selection is None else chosen.select(frozenset(selection))
                return await writing.run(chosen, changes, made_before=plan is not None)

    events = stream(work, engine.cancel, "The sync")
    if engine.state is None:
        return events
    return recorded(events, Recorder(engine.state, engine.profile, "direct"), plan)


@contextmanager
def _reported(engine: Engine, emitter: EventEmitter) -> Iterator[None]:
    """Report repeated requests, slow pages and fields that the server does not know as events."""
    collate = engine.collate
    with (
        retries_told(emitter, engine.dbt_cloud.transport, collate.transport),
        slow_pages_reported(emitter, collate),
        unknown_fields_reported(emitter, collate, engine.state, engine.profile.name),
    ):
        yield


async def _prepare(emitter: EventEmitter, engine: Engine, run_id: int | None, scope: Scope) -> Plan:
    choice = await choose(emitter, engine, run_id)
    fetched = await fetch_artifacts(emitter, engine, choice)
    memory = None
    if engine.artifacts is not None and scope == WHOLE:
        memory = PlanMemory(engine.artifacts.folder.parent / "plans", engine, fetched, choice)
    plan = await _unchanged(emitter, engine, choice, fetched, memory, scope)
    if plan is None:
        plan = await _compared(emitter, engine, choice, fetched, memory, scope)
    for note in plan.notes:
        emitter(LogLine(source="sync", level="info", text=note))
    for owner in plan.unmapped_owners:
        near = f", nearest: {', '.join(owner.suggestions)}" if owner.suggestions else ""
        text = f"owner {owner.owner} of {len(owner.unique_ids)} nodes is neither user nor team{near}"
        emitter(LogLine(source="sync", level="warn", text=text))
    emitter(PlanReady(plan=plan))
    emitter(PhaseFinished(phase="plan", text=plan.summary()))
    return plan


async def _unchanged(
    emitter: EventEmitter,
    engine: Engine,
    choice: RunChoice,
    fetched: FetchedArtifacts,
    memory: PlanMemory | None,
    scope: Scope,
) -> Plan | None:
    """The plan that an earlier sync made of the same, where the server still answers the same."""
    remembered = await asyncio.to_thread(memory.find) if memory is not None else None
    if remembered is None or scope.full:
        return None
    emitter(artifacts_read(fetched, has_catalog=remembered.has_catalog))
    emitter(PhaseStarted(phase="tables", text="finding what has changed in Collate"))
    same = await still_holds(
        engine.collate,
        remembered,
        lambda done, total: emitter.progress("tables", done, total, "answers", "unchanged"),
    )
    plan = await asyncio.to_thread(plan_of, remembered) if same else None
    if plan is None:
        emitter(LogLine(source="sync", level="info", text="Collate has changed: everything is read again."))
        return None
    plan = replace(plan, run=run_facts(choice, engine.dbt_cloud, engine.profile))
    level: Level = "warn" if plan.match.missing else "ok"
    emitter(PhaseFinished(phase="tables", text=f"{plan.match.summary()}, unchanged", level=level))
    emitter(PhaseStarted(phase="plan", text="nothing has changed since the last plan"))
    return plan


async def _compared(
    emitter: EventEmitter,
    engine: Engine,
    choice: RunChoice,
    fetched: FetchedArtifacts,
    memory: PlanMemory | None,
    scope: Scope,
) -> Plan:
    """The plan made by reading everything, which is remembered where it found nothing to change."""
    from dbtcollate_tui.sync.compare import compare, decode_artifacts

    project = await decode_artifacts(emitter, engine, choice, fetched)
    if emitter.open_phase == "artifacts":
        emitter(artifacts_read(fetched, has_catalog=project.has_catalog))
    with counting_left_out() as counts, reads_noted() as reads:
        plan = await compare(emitter, "plan", engine, choice, project, scope)
    if counts:
        places = ", ".join(f"{count} of {path}" for path, count in sorted(counts.items()))
        note = f"Collate sent elements that cannot be read and are left out: {places}."
        return replace(plan, notes=(*plan.notes, note))
    if memory is not None and not (project.unreadable or project.catalog_is_bare):
        await asyncio.to_thread(memory.keep, plan, reads, has_catalog=project.has_catalog)
    return plan


class _Writing:
    """Write and verify; while the sync lasts, its progress is also reported to the server as a run."""

    def __init__(self, emitter: EventEmitter, engine: Engine, present: Collection[str]) -> None:
        self._emitter = emitter
        self._engine = engine
        self._collate = engine.collate
        self._present = present
        self._writer: Writer | None = None
        self._unchanged = 0
        self._stack = AsyncExitStack()
        self._report: SelfReport | None = None

    async def __aenter__(self) -> "_Writing":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def run(self, plan: Plan, changes: Sequence[Change], *, made_before: bool) -> RunFinished:
        """Write these changes and read back; ``made_before``: the plan may be old."""
        self._unchanged = sum(plan.unchanged.values())
        if changes:
            now = await reread_tables(self._collate, plan, changes) if made_before else None
            await self._write(plan, changes, now)
        if self._engine.cancel.is_set() and (self._tally.cancelled or self._tally.unsure):
            return self._cancelled()
        return self._reported(await self._read_back(plan, changes))

    def _cancelled(self) -> RunFinished:
        """The end of a sync that the person cancelled while it wrote."""
        text = _cancelled_words(self._tally)
        self._emitter(Cancelled(text=f"cancelled: {text}"))
        finished = self._finished("cancelled", ExitCode.INTERRUPTED, text)
        return self._reported(finished)

    @property
    def _tally(self) -> Tally:
        return self._writer.tally if self._writer is not None else Tally()

    async def _write(
        self, plan: Plan, changes: Sequence[Change], now: Mapping[str, Table] | None = None
    ) -> None:
        emitter = self._emitter
        if self._report is None and self._engine.report_runs:
            self._report = await self._stack.enter_async_context(
                self_reported(emitter, self._collate, self._engine.profile)
            )
        emitter(PhaseStarted(phase="write", text=f"writing {len(changes)} changes"))
        with not_looked_at():
            self._writer = Writer(self._collate, plan, changes, emitter, self._engine.cancel, self._present)
            tally = self._tally
            emitter.counts = lambda: _counts(tally, self._unchanged)
            emitter.account = lambda: _cancelled_words(tally)
            await self._writer.run(now)
        emitter(PhaseFinished(phase="write", text=_words(self._tally), level=_level(self._tally)))

    async def _read_back(self, plan: Plan, changes: Sequence[Change]) -> RunFinished:
        tally = self._tally
        try:
            verification = await self._prove(plan, changes)
        except ActionableError as error:
            if self._writer is not None:
                unread = [change for change in tally.done if isinstance(change, ANSWERED_EMPTY)]
                self._writer.not_verified(unread, was_read=False)
            lead = f"{_words(tally)}." if changes else "Nothing to write."
            self._emitter(PhaseFinished(phase="verification", text=error.title, level="failed"))
            self._emitter(Failed(error=error))
            text = f"{lead} Not verified: {error.title}."
            if tally.written or tally.unsure:
                return self._finished("partial", ExitCode.PARTIAL, text)
            return self._finished("failed", error.exit_code, text)
        lead = f"{_words(tally)}." if changes else "Nothing to write."
        outcome, exit_code = _outcome(tally, verification)
        return self._finished(outcome, exit_code, f"{lead} Verified: {verification.summary()}.", verification)

    async def _prove(self, plan: Plan, changes: Sequence[Change]) -> Verification:
        emitter, collate, tally = self._emitter, self._collate, self._tally
        emitter(PhaseStarted(phase="verification", text="verifying what was written"))
        chosen = {change.key for change in changes}.union(self._present)
        expected = without(plan.expected, [change for change in plan.changes if change.key not in chosen])
        if plan.changes or changes:
            held = await read_back(
                collate,
                plan,
                expected,
                [*tally.done, *plan.select(self._present)],
                lambda done, total, text: emitter.progress("verification", done, total, "read back", text),
            )
        else:
            held = held_already(expected)
        if self._writer is not None:
            self._writer.not_verified(not_held(tally.done, expected, held), was_read=True)
        verification = prove(
            plan,
            expected,
            held,
            self._engine.profile.collate,
            written=tally.written.total(),
            failed=tally.failed,
        )
        bad = any(row.state == "failed" for row in verification.rows)
        warned = any(row.state == "warn" for row in verification.rows)
        level: Level = "failed" if bad else "warn" if warned else "ok"
        emitter(PhaseFinished(phase="verification", text=verification.summary(), level=level))
        return verification

    def _finished(
        self, outcome: Outcome, exit_code: ExitCode, text: str, verification: Verification | None = None
    ) -> RunFinished:
        return RunFinished(
            outcome=outcome,
            counts=_counts(self._tally, self._unchanged),
            exit_code=exit_code,
            text=text,
            verification=verification,
            seconds=self._emitter.seconds,
        )

    def _reported(self, finished: RunFinished) -> RunFinished:
        if self._report is not None:
            self._report.ended(finished)
        return finished


def _counts(tally: Tally, unchanged: int) -> Counts:
    return Counts(
        planned=tally.planned,
        written=tally.written.total(),
        partly=len(tally.partly),
        failed=tally.failed,
        skipped=tally.skipped,
        cancelled=max(0, tally.planned - tally.settled),
        unsure=len(tally.unsure),
        unchanged=unchanged,
        written_by_group=dict(tally.written),
    )


def _cancelled_words(tally: Tally) -> str:
    text = f"{tally.written.total()} of {tally.planned} written"
    if tally.unsure:
        text += f", {len(tally.unsure)} sent without an answer"
    return f"{text}, {max(0, tally.planned - tally.settled)} not tried"


def _words(tally: Tally) -> str:
    text = f"{tally.written.total()} written ({counts_by_group(tally.written)})"
    if tally.partly:
        text += f", {len(tally.partly)} of them in part"
    text += f", {tally.failed} failed"
    if tally.unsure:
        text += f", {len(tally.unsure)} not known"
    if tally.skipped:
        text += f", {tally.skipped} skipped"
    return text


def _level(tally: Tally) -> Level:
    if _nothing_written(tally):
        return "failed"
    return "warn" if _unwritten(tally) else "ok"


def _nothing_written(tally: Tally) -> bool:
    return bool(tally.failed or tally.unsure) and not tally.written


def _unwritten(tally: Tally) -> bool:
    return bool(tally.failed or tally.skipped or tally.unsure or tally.partly)


def _outcome(tally: Tally, verification: Verification) -> tuple[Outcome, ExitCode]:
    if _nothing_written(tally):
        code = tally.worst.exit_code if tally.worst is not None else ExitCode.FAILED
        return "failed", code
    if _unwritten(tally) or not verification.ok:
        return "partial", ExitCode.PARTIAL
    return "ok", ExitCode.OK
