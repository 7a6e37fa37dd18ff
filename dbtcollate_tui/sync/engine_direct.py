"""The direct sync: a run's artifacts, a plan against what Collate holds, only the differences written."""

import asyncio
import contextlib
import mmap
from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from dbtcollate_tui.artifacts.load import StepResults, load_project
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactProgress, ArtifactStore, FetchedArtifacts
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice, choose_run
from dbtcollate_tui.errors import RETRY, ActionableError, Cure, UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.state import StateStore
from dbtcollate_tui.sync.apply import Tally, Writer
from dbtcollate_tui.sync.changes import Change, Plan, RunFacts
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
from dbtcollate_tui.sync.journal import keep_summary
from dbtcollate_tui.sync.matches import CauseGroup, MatchReport
from dbtcollate_tui.sync.matching import match
from dbtcollate_tui.sync.outcome import Counts, Outcome, Proof
from dbtcollate_tui.sync.placing import nearest_names, resolve_only
from dbtcollate_tui.sync.plan import build_plan
from dbtcollate_tui.sync.proof import prove, read_back, without
from dbtcollate_tui.sync.server_state import read_details, read_tables
from dbtcollate_tui.sync.stream import Teller, retries_told, stream

Level = Literal["ok", "warn", "failed"]


def prepare_direct(
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    *,
    run_id: int | None = None,
    only: Collection[str] = (),
    artifacts: ArtifactStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncGenerator[SyncEvent, None]:
    """Everything up to the plan, writing nothing: ends with `PlanReady`, then `RunFinished`.

    ``only`` names models, as unique ids or names; ``run_id`` takes that run in place of the profile's rule.
    Setting ``cancel`` ends it with `Cancelled`, then `RunFinished`. No error is raised: one that ends the run
    is a `Failed` event with ``change=None``, before `RunFinished`.
    """
    stop = cancel if cancel is not None else asyncio.Event()

    async def work(teller: Teller) -> RunFinished:
        with retries_told(teller, dbt_cloud.transport, collate.transport):
            teller(RunStarted(engine="direct", profile=profile.name, title=f"Plan for {profile.name}"))
            plan = await _prepare(teller, profile, dbt_cloud, collate, run_id, only, artifacts)
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
    only: Collection[str] = (),
    artifacts: ArtifactStore | None = None,
    state: StateStore | None = None,
    cancel: asyncio.Event | None = None,
) -> AsyncGenerator[SyncEvent, None]:
    """The whole sync: the plan (unless one is given), the writes, the proof; ends with `RunFinished`.

    ``selection`` are the keys of the changes to write (``None``: all). ``state`` keeps the summary of the run
    for the home screen. Setting ``cancel`` stops between two writes; what was written stays.
    """
    stop = cancel if cancel is not None else asyncio.Event()

    async def work(teller: Teller) -> RunFinished:
        with retries_told(teller, dbt_cloud.transport, collate.transport):
            teller(RunStarted(engine="direct", profile=profile.name, title=f"Sync of {profile.name}"))
            chosen = plan
            if chosen is None:
                chosen = await _prepare(teller, profile, dbt_cloud, collate, run_id, only, artifacts)
            return await _carry_out(teller, profile, collate, chosen, selection, stop)

    return _remembered(stream(work, stop, "The sync"), profile, plan, state)


async def _remembered(
    events: AsyncGenerator[SyncEvent, None], profile: Profile, plan: Plan | None, state: StateStore | None
) -> AsyncGenerator[SyncEvent, None]:
    started = datetime.now(UTC)
    async with contextlib.aclosing(events):
        async for event in events:
            if isinstance(event, PlanReady):
                plan = event.plan
            elif isinstance(event, RunFinished) and state is not None:
                await asyncio.to_thread(keep_summary, state, profile, plan, event, started)
            yield event


async def _prepare(
    teller: Teller,
    profile: Profile,
    dbt_cloud: DbtCloudClient,
    collate: CollateClient,
    run_id: int | None,
    only: Collection[str],
    artifacts: ArtifactStore | None,
) -> Plan:
    choice = await _choose(teller, profile, dbt_cloud, run_id)
    project = await _artifacts(teller, profile, dbt_cloud, choice, artifacts or ArtifactStore())
    wanted = _only(project, only)
    options = profile.options
    teller(PhaseStarted(phase="tables", text="reading Collate's tables"))
    found = await read_tables(
        collate,
        profile.collate.service,
        project,
        options,
        lambda done, total, unit, text: teller.progress("tables", done, total, unit, text),
    )
    report = await asyncio.to_thread(match, project, found.inventories, options)
    _check_match(profile, report)
    teller(PhaseFinished(phase="tables", text=report.summary(), level="warn" if report.missing else "ok"))
    teller(PhaseStarted(phase="plan", text="comparing with what Collate holds"))
    state = await read_details(
        collate,
        project,
        report,
        found.tables,
        options,
        wanted,
        lambda done, total, unit, text: teller.progress("plan", done, total, unit, text),
    )
    plan = await asyncio.to_thread(
        lambda: build_plan(
            project,
            state,
            report,
            options,
            collate.dialect,
            only=wanted,
            run=_facts(choice, dbt_cloud, profile),
        )
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


async def _choose(
    teller: Teller, profile: Profile, dbt_cloud: DbtCloudClient, run_id: int | None
) -> RunChoice:
    teller(PhaseStarted(phase="run", text="choosing the run"))
    side = profile.dbt_cloud
    choice = await choose_run(dbt_cloud, side.account_id, side.project_id, side.job_id, side.run_rule, run_id)
    for note in choice.notes:
        teller(LogLine(source="dbt Cloud", level="warn" if note.level == "warn" else "info", text=note.text))
    text = f"#{choice.run.id} {choice.run.outcome}, {choice.reason}"
    teller(PhaseFinished(phase="run", text=text, level="ok" if choice.run.is_success else "warn"))
    return choice


async def _artifacts(
    teller: Teller, profile: Profile, dbt_cloud: DbtCloudClient, choice: RunChoice, store: ArtifactStore
) -> Project:
    teller(PhaseStarted(phase="artifacts", text=f"downloading artifacts of run #{choice.run.id}"))
    bytes_of: dict[tuple[str, int | None], tuple[int, int | None]] = {}

    def told(progress: ArtifactProgress) -> None:
        if progress.state == "missing":
            bytes_of.pop((progress.name, progress.step), None)
            return
        bytes_of[progress.name, progress.step] = (progress.done, progress.total)
        totals = [total for _, total in bytes_of.values()]
        known = [total for total in totals if total is not None]
        total = sum(known) if len(known) == len(totals) else None
        name = progress.name if progress.step is None else f"{progress.name} of step {progress.step}"
        teller.progress("artifacts", sum(done for done, _ in bytes_of.values()), total, "bytes", name)

    fetched = await store.fetch(dbt_cloud, profile.dbt_cloud.account_id, choice, told)
    for note in fetched.notes:
        teller(LogLine(source="dbt Cloud", level="warn" if note.level == "warn" else "info", text=note.text))
    teller.doing = "reading the artifacts"
    project = await asyncio.to_thread(_load, fetched)
    count = len(fetched.files)
    text = f"{count} file{'' if count == 1 else 's'}, {fetched.size / 1e6:.1f} MB"
    if not project.has_catalog:
        text += ", no catalog.json"
    teller(PhaseFinished(phase="artifacts", text=text, level="ok" if project.has_catalog else "warn"))
    return project


def _load(fetched: FetchedArtifacts) -> Project:
    with contextlib.ExitStack() as stack:

        def mapped(path: Path) -> mmap.mmap:
            file = stack.enter_context(path.open("rb"))
            return stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

        return load_project(
            mapped(fetched.manifest.path),
            mapped(fetched.catalog.path) if fetched.catalog is not None else None,
            [StepResults(file.step, mapped(file.path)) for file in fetched.run_results],
            mapped(fetched.sources.path) if fetched.sources is not None else None,
        )


def _only(project: Project, names: Collection[str]) -> frozenset[str] | None:
    if not names:
        return None
    found, unknown = resolve_only(project, names)
    if unknown:
        near = nearest_names(project, unknown[0])
        cures = [Cure("set_field", f"Use {name}", f"only={name}") for name in near]
        raise UsageError(
            f"dbt has no model, seed, snapshot or source named {', '.join(unknown)}",
            causes=["It is misspelt, ephemeral or disabled, or newer than the run."],
            cures=cures or [Cure("advice", "Name it as dbt does, or by its unique id.")],
        )
    return found


def _check_match(profile: Profile, report: MatchReport) -> None:
    """Raise where no node has a table: the service is the wrong one, or nothing is ingested."""
    if report.matched or not report.expected:
        return
    groups = [group for group in report.groups() if not group.harmless]
    firsts = [group.nodes[0] for group in groups]
    raise ActionableError(
        f"None of dbt's {report.expected} nodes has a table in {profile.collate.service}",
        causes=[f"{len(group.nodes)} nodes: {group.words}. {_details(group)}." for group in groups],
        evidence=[f"looked for {first.fqn}" for first in firsts[:3]],
        cures=[
            Cure("go_to_step", "Choose another database service", "service"),
            *(Cure("advice", first.cure) for first in firsts[:3] if first.cure),
            RETRY,
        ],
    )


def _details(group: CauseGroup) -> str:
    details = list(dict.fromkeys(node.detail for node in group.nodes))
    more = f"; and {len(details) - 3} more" if len(details) > 3 else ""
    return "; ".join(details[:3]) + more


def _facts(choice: RunChoice, dbt_cloud: DbtCloudClient, profile: Profile) -> RunFacts:
    run = choice.run
    job = run.job
    side = profile.dbt_cloud
    project_id = run.project_id or side.project_id
    url = run.href or f"{dbt_cloud.base_url}/deploy/{side.account_id}/projects/{project_id}/runs/{run.id}"
    return RunFacts(
        id=run.id,
        url=url,
        job_name=job.name if job is not None else side.job_name,
        outcome=run.outcome,
        finished_at=run.finished_at.isoformat() if run.finished_at is not None else "",
        reason=choice.reason,
        notes=tuple(note.text for note in choice.notes),
    )


async def _carry_out(
    teller: Teller,
    profile: Profile,
    collate: CollateClient,
    plan: Plan,
    selection: Collection[str] | None,
    cancel: asyncio.Event,
) -> RunFinished:
    changes = plan.changes if selection is None else plan.select(frozenset(selection))
    unchanged = sum(plan.unchanged.values())
    tally = Tally()
    if changes:
        teller(PhaseStarted(phase="write", text=f"writing {len(changes)} changes"))
        writer = Writer(collate, plan, changes, teller, cancel)
        tally = writer.tally
        teller.counts = lambda: _counts(tally, unchanged)
        await writer.run()
        teller(PhaseFinished(phase="write", text=_words(tally), level=_level(tally)))
    counts = _counts(tally, unchanged)
    if cancel.is_set() and tally.cancelled:
        text = f"{tally.written.total()} of {tally.planned} written, {tally.cancelled} not tried"
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
        proof = await _prove(teller, profile, collate, plan, changes, tally)
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


async def _prove(
    teller: Teller,
    profile: Profile,
    collate: CollateClient,
    plan: Plan,
    changes: Sequence[Change],
    tally: Tally,
) -> Proof:
    teller(PhaseStarted(phase="proof", text="reading back what was written"))
    chosen = {change.key for change in changes}
    expected = without(plan.expected, [change for change in plan.changes if change.key not in chosen])
    held = await read_back(
        collate,
        plan,
        expected,
        tally.done,
        lambda done, total, text: teller.progress("proof", done, total, "tables", text),
    )
    proof = prove(
        plan,
        expected,
        held,
        base_url=collate.base_url,
        service=profile.collate.service,
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
        cancelled=tally.cancelled or max(0, tally.planned - tally.settled),
        unchanged=unchanged,
        written_by_group=dict(tally.written),
    )


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
