"""The direct sync: a run's artifacts, a plan against what Collate holds, only the differences written."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactStore
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.changes import Change, Plan
from dbtcollate_tui.sync.collecting import not_looked_at
from dbtcollate_tui.sync.events import (
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
from dbtcollate_tui.sync.history.recording import Recorder, recorded
from dbtcollate_tui.sync.outcome import Counts, Outcome, Proof
from dbtcollate_tui.sync.preparing import choose, compare, read_artifacts
from dbtcollate_tui.sync.proof.reading import prove, read_back, without
from dbtcollate_tui.sync.selection.scope import WHOLE, Scope
from dbtcollate_tui.sync.self_report import self_reported
from dbtcollate_tui.sync.server_state.reread import reread_tables
from dbtcollate_tui.sync.stream import Teller, retries_told, stream
from dbtcollate_tui.sync.writing.account import Tally
from dbtcollate_tui.sync.writing.apply import Writer

Level = Literal["ok", "warn", "failed"]


def prepare_direct(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    *,
    run_id: int | None = None,
    scope: Scope = WHOLE,
    artifacts: ArtifactStore | None = None,
    state: StateStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncGenerator[SyncEvent, None]:
    """Everything up to the plan, writing nothing: ends with `PlanReady`, then `RunFinished`.

    ``scope`` is what is asked for, without it all; ``run_id`` takes that run in place of the profile's rule.
    ``state`` tells what earlier syncs wrote and so may remove. Setting ``cancel`` ends it with `Cancelled`,
    then `RunFinished`. No error is raised: one that ends the run is a `Failed` event with ``change=None``,
    before `RunFinished`.
    """
    stop = cancel if cancel is not None else asyncio.Event()

    async def work(teller: Teller) -> RunFinished:
        with retries_told(teller, dbt_cloud.transport, collate.transport):
            teller(RunStarted(engine="direct", profile=profile.name, title=f"Plan for {profile.name}"))
            plan = await _prepare(teller, profile, dbt_cloud, collate, run_id, scope, artifacts, state)
        return RunFinished(
            outcome="ok",
            counts=Counts(planned=len(plan.changes), unchanged=sum(plan.unchanged.values())),
            exit_code=ExitCode.OK,
            text=plan.summary(),
            seconds=teller.seconds,
        )

    return stream(work, stop, "The plan")


def run_direct(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    *,
    plan: Plan | None = None,
    selection: Collection[str] | None = None,
    run_id: int | None = None,
    scope: Scope = WHOLE,
    artifacts: ArtifactStore | None = None,
    state: StateStore | None = None,
    cancel: asyncio.Event | None = None,
    report_runs: bool = True,
    present: Collection[str] = (),
) -> AsyncGenerator[SyncEvent, None]:
    """The whole sync: the plan (unless one is given), the writes, the proof; ends with `RunFinished`.

    ``selection`` are the keys of the changes to write (``None``: all), conflicts and removals among them.
    ``state`` keeps the record for the history. Setting ``cancel`` stops within a second; what was written
    stays. ``present`` are the keys of changes of the given plan that an earlier run wrote, so that others may
    need them. With
    ``report_runs`` a sync that has something to write tells the server of itself as a run of the profile's
    pipeline, where there is one; a sync that has nothing to write sends nothing at all.
    """
    stop = cancel if cancel is not None else asyncio.Event()

    async def work(teller: Teller) -> RunFinished:
        with retries_told(teller, dbt_cloud.transport, collate.transport):
            teller(RunStarted(engine="direct", profile=profile.name, title=f"Sync of {profile.name}"))
            chosen = plan
            if chosen is None:
                chosen = await _prepare(teller, profile, dbt_cloud, collate, run_id, scope, artifacts, state)
            if selection is not None:
                chosen = chosen.take_in(frozenset(selection))
            changes = chosen.changes if selection is None else chosen.select(frozenset(selection))
            job = _Work(profile, collate, chosen, changes, stop, present, made_before=plan is not None)
            if not (changes and report_runs):
                return await _carry_out(teller, job)
            async with self_reported(teller, collate, profile) as report:
                finished = await _carry_out(teller, job)
                report.ended(finished)
                return finished

    events = stream(work, stop, "The sync")
    return recorded(events, Recorder(state, profile, "direct"), plan) if state is not None else events


async def _prepare(
    teller: Teller,
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    run_id: int | None,
    scope: Scope,
    artifacts: ArtifactStore | None,
    state: StateStore | None,
) -> Plan:
    choice = await choose(teller, profile, dbt_cloud, run_id)
    store = artifacts or ArtifactStore()
    project = await read_artifacts(teller, profile, dbt_cloud, choice, store)
    plan = await compare(
        teller,
        "plan",
        profile,
        dbt_cloud,
        collate,
        choice,
        project,
        scope,
        artifacts=store,
        records=state,
    )
    for note in plan.notes:
        teller(LogLine(source="sync", level="info", text=note))
    for owner in plan.unmapped_owners:
        near = f", nearest: {', '.join(owner.suggestions)}" if owner.suggestions else ""
        text = f"owner {owner.owner} of {len(owner.unique_ids)} nodes is neither user nor team{near}"
        teller(LogLine(source="sync", level="warn", text=text))
    teller(PlanReady(plan=plan))
    teller(PhaseFinished(phase="plan", text=plan.summary()))
    return plan


@dataclass(frozen=True, slots=True)
class _Work:
    """What a sync carries out; ``made_before``: the plan is not of this run, and may be old."""

    profile: Profile
    collate: CollateClient
    plan: Plan
    changes: Sequence[Change]
    cancel: asyncio.Event
    present: Collection[str]
    made_before: bool


async def _carry_out(teller: Teller, work: _Work) -> RunFinished:
    plan, changes, cancel = work.plan, work.changes, work.cancel
    unchanged = sum(plan.unchanged.values())
    tally = Tally()
    if changes:
        teller(PhaseStarted(phase="write", text=f"writing {len(changes)} changes"))
        now = await reread_tables(work.collate, plan, changes) if work.made_before else None
        writer = Writer(work.collate, plan, changes, teller, cancel, work.present, now)
        tally = writer.tally
        teller.counts = lambda: _counts(tally, unchanged)
        teller.account = lambda: _cancelled_words(tally)
        with not_looked_at():
            await writer.run()
        teller(PhaseFinished(phase="write", text=_words(tally), level=_level(tally)))
    counts = _counts(tally, unchanged)
    if cancel.is_set() and (tally.cancelled or tally.unsure):
        text = _cancelled_words(tally)
        teller(Cancelled(text=f"cancelled: {text}"))
        return RunFinished(
            outcome="cancelled",
            counts=counts,
            exit_code=ExitCode.INTERRUPTED,
            text=text,
            seconds=teller.seconds,
        )
    lead = f"{_words(tally)}." if changes else "Nothing to write."
    try:
        proof = await _prove(teller, work, tally)
    except ActionableError as error:
        teller(PhaseFinished(phase="proof", text=error.title, level="failed"))
        teller(Failed(error=error))
        return RunFinished(
            outcome="partial" if tally.written else "failed",
            counts=counts,
            exit_code=ExitCode.PARTIAL if tally.written else error.exit_code,
            text=f"{lead} Not read back: {error.title}.",
            seconds=teller.seconds,
        )
    outcome, exit_code = _outcome(tally, proof)
    return RunFinished(
        outcome=outcome,
        counts=counts,
        exit_code=exit_code,
        text=f"{lead} Read back: {proof.summary()}.",
        proof=proof,
        seconds=teller.seconds,
    )


async def _prove(teller: Teller, work: _Work, tally: Tally) -> Proof:
    plan, collate = work.plan, work.collate
    teller(PhaseStarted(phase="proof", text="reading back what was written"))
    chosen = {change.key for change in work.changes}.union(work.present)
    expected = without(plan.expected, [change for change in plan.changes if change.key not in chosen])
    held = await read_back(
        collate,
        plan,
        expected,
        [*tally.done, *plan.select(work.present)],
        lambda done, total, text: teller.progress("proof", done, total, "read back", text),
    )
    proof = prove(
        plan,
        expected,
        held,
        base_url=collate.base_url,
        service=work.profile.collate.service,
        written=tally.written.total(),
        failed=tally.failed,
    )
    bad = any(row.state == "failed" for row in proof.rows)
    warned = any(row.state == "warn" for row in proof.rows)
    level: Level = "failed" if bad else "warn" if warned else "ok"
    teller(PhaseFinished(phase="proof", text=proof.summary(), level=level))
    return proof


def _counts(tally: Tally, unchanged: int) -> Counts:
    return Counts(
        planned=tally.planned,
        written=tally.written.total(),
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
    text = f"{tally.written.total()} written ({counts_by_group(tally.written)}), {tally.failed} failed"
    if tally.skipped:
        text += f", {tally.skipped} skipped"
    return text


def _level(tally: Tally) -> Level:
    if tally.failed and not tally.written:
        return "failed"
    return "warn" if tally.failed or tally.skipped else "ok"


def _outcome(tally: Tally, proof: Proof) -> tuple[Outcome, ExitCode]:
    if tally.failed and not tally.written:
        code = tally.worst.exit_code if tally.worst is not None else ExitCode.FAILED
        return "failed", code
    if tally.failed or tally.skipped or not proof.ok:
        return "partial", ExitCode.PARTIAL
    return "ok", ExitCode.OK
