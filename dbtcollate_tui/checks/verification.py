"""The verification rows of Collate's guide: what Collate holds, compared with the run's artifacts."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.pipeline import ended
from dbtcollate_tui.dbt_cloud.schedules import propose_schedule
from dbtcollate_tui.events.outcome import VerificationGap, VerificationId, VerificationRow
from dbtcollate_tui.fixes import Fix, ProfileField, RerunCheck, SetField, SyncNow
from dbtcollate_tui.wording import ago, count

SYNC = SyncNow("Sync now")
EXCEPTIONS_SHOWN = 500
NEVER_SYNCED = ("No sync has run from here, and no pipeline has run in Collate.",)
STATES = {
    "ok": CheckState.PASS,
    "warn": CheckState.WARN,
    "failed": CheckState.FAIL,
    "skipped": CheckState.SKIPPED,
}
REQUESTS: dict[VerificationId, str] = {
    "descriptions": "/tables",
    "lineage": "/lineage/table/",
    "tests": "/testCases",
}
"""The requests that a row rests on. A dashboard's lineage is another one than a table's."""
NOT_ASKED = {
    "lineage": (ProfileField.INCLUDE_LINEAGE, "Lineage is switched off in the options"),
    "descriptions": (ProfileField.UPDATE_DESCRIPTIONS, ""),
    "tests": (ProfileField.INCLUDE_TESTS, "Tests are switched off in the options"),
}


async def _last_arrival(context: CheckContext) -> tuple[datetime | None, str]:
    """When metadata last came, by a sync from here or by the pipeline, and in words."""
    found: list[tuple[datetime, str]] = []
    summary = context.last_sync()
    if summary is not None and summary.outcome in ("ok", "partial"):
        found.append(
            (
                datetime.fromisoformat(summary.at),
                f"sync from here: {summary.written} written, {summary.failed} failed",
            )
        )
    if (await context.pipeline_service()).available:
        pipeline = await context.pipeline()
        run = pipeline.pipelineStatuses if pipeline is not None else None
        if run is not None and run.pipelineState in ("success", "partialSuccess"):
            moment = ended(run)
            if moment is not None:
                found.append((moment, f"pipeline in Collate: {run.pipelineState}"))
    return max(found, default=(None, ""), key=lambda item: item[0] or datetime.min)


async def _scheduling(context: CheckContext) -> tuple[Fix, ...]:
    """The sync now, and its schedule inside Collate where none is set and something there can run it."""
    if context.profile.pipeline.schedule is not None or not (await context.pipeline_service()).available:
        return (SYNC,)
    proposal = propose_schedule(await context.job())
    schedule = SetField(f"Let Collate run it {proposal.words}", ProfileField.SCHEDULE, proposal.cron)
    return (SYNC, schedule)


async def ingestion(context: CheckContext) -> Finding:
    """The guide's second row: an ingestion has completed, and after the run that it should bring."""
    moment, words = await _last_arrival(context)
    if moment is None:
        return Finding(
            CheckState.WARN,
            "Nothing has been synced yet",
            caption="not yet",
            causes=NEVER_SYNCED,
            evidence=(f"runs of a pipeline in {context.profile.collate.service}: none",),
            fixes=await _scheduling(context),
        )
    when = ago(moment, context.now)
    run = (await context.choice()).run
    if run.finished_at is not None and run.finished_at > moment:
        return Finding(
            CheckState.WARN,
            f"The last ingestion was {when}, before run #{run.id} ended",
            caption=f"{moment.astimezone():%H:%M}",
            causes=("The next scheduled ingestion brings that run.", "Or none is scheduled."),
            evidence=(words,),
            fixes=await _scheduling(context),
        )
    return Finding(CheckState.PASS, f"{when}; {words}", caption=when, evidence=(words,))


def _reader(row_id: VerificationId) -> Callable[[CheckContext], Awaitable[Finding]]:
    async def look(context: CheckContext) -> Finding:
        option, off = NOT_ASKED[row_id]
        if off and not getattr(context.profile.options, option.value.removeprefix("options.")):
            on = SetField(f"Switch {row_id} on", option, "true")
            return Finding(CheckState.SKIPPED, off, fixes=(on,))
        row = (await context.verification()).row(row_id)
        if row is None:
            return Finding(CheckState.SKIPPED, "Not read")
        return await _finding(context, row)

    return look


async def _finding(context: CheckContext, row: VerificationRow) -> Finding:
    state = STATES[row.state]
    collate = await context.collate()
    evidence = context.seen(collate.transport.host, REQUESTS[row.id])
    exceptions = tuple(_line(item) for item in row.exceptions[:EXCEPTIONS_SHOWN])
    if state in (CheckState.PASS, CheckState.SKIPPED):
        return Finding(state, row.summary, evidence=evidence, exceptions=exceptions)
    moment, words = await _last_arrival(context)
    if moment is None and not row.found:
        return Finding(
            CheckState.WARN,
            f"{row.summary}: nothing has been synced yet",
            causes=NEVER_SYNCED,
            evidence=evidence,
            fixes=(SYNC,),
            exceptions=exceptions,
        )
    run = (await context.choice()).run
    report = await context.report()
    missing = len(report.missing)
    nodes = {ref.fqn: one for one, ref in report.matched.items()}
    tables = tuple(dict.fromkeys(nodes[gap.table] for gap in row.exceptions if gap.table in nodes))
    causes: list[str] = []
    fixes: list[Fix] = []
    if missing and row.id in ("lineage", "tests"):
        causes.append(
            f"{count(missing, 'node')} of dbt's {'has' if missing == 1 else 'have'} no table in Collate."
        )
        fixes.append(RerunCheck("See which tables are missing, and why", CheckId.TABLES_MATCHED))
    if state is CheckState.FAIL:
        fixes.insert(0, SYNC)
        if moment is None:
            causes.append("No sync from here is recorded; another tool wrote the current values.")
        elif run.finished_at is not None and run.finished_at > moment:
            causes.insert(
                0, f"The last ingestion ({ago(moment, context.now)}) was before run #{run.id} ended."
            )
        else:
            causes.append("It was changed in Collate since, or the last ingestion was incomplete.")
    return Finding(
        state,
        row.summary,
        causes=tuple(causes),
        evidence=(*evidence, words) if words else evidence,
        fixes=tuple(fixes),
        exceptions=exceptions,
        tables=tables,
    )


def _line(item: VerificationGap) -> str:
    found = item.found.splitlines()[0][:80] if item.found else "nothing"
    wanted = item.expected.splitlines()[0][:80] if item.expected else "a value"
    return f"{item.target}: expected {wanted}, found {found}"


CHECKS = (
    ChainCheck(
        CheckId.VERIFICATION_INGESTION,
        "Ingestion completed",
        Stage.VERIFICATION,
        ingestion,
        requires=(
            CheckId.COLLATE_SERVICE,
            CheckId.RUN_EXISTS,
        ),
        guide_ref="Verification: Ingestion completed",
        symptom=SymptomId.STALE,
    ),
    ChainCheck(
        CheckId.VERIFICATION_LINEAGE,
        "Lineage appears",
        Stage.VERIFICATION,
        _reader("lineage"),
        requires=(CheckId.TABLES_MATCHED,),
        guide_ref="Verification: Lineage appears",
        symptom=SymptomId.NO_LINEAGE,
    ),
    ChainCheck(
        CheckId.VERIFICATION_DESCRIPTIONS,
        "Descriptions synced",
        Stage.VERIFICATION,
        _reader("descriptions"),
        requires=(CheckId.TABLES_MATCHED,),
        guide_ref="Verification: Descriptions synced",
        symptom=SymptomId.NO_DESCRIPTIONS,
    ),
    ChainCheck(
        CheckId.VERIFICATION_TESTS,
        "Test results visible",
        Stage.VERIFICATION,
        _reader("tests"),
        requires=(CheckId.TABLES_MATCHED,),
        guide_ref="Verification: Test results visible",
        symptom=SymptomId.NO_TESTS,
    ),
)
"""The checks of the stage "verification"; the guide's first row is ``run.exists``."""
