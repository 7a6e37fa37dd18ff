"""What both engines do before they can say anything: choose the run, download its artifacts."""

from datetime import UTC, datetime

from dbtcollate_tui import wording
from dbtcollate_tui.dbt_cloud.artifact_store import ArtifactProgress, FetchedArtifacts
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.events.stream import EventEmitter
from dbtcollate_tui.events.types import LogLine, PhaseFinished, PhaseStarted
from dbtcollate_tui.plan.model import RunFacts
from dbtcollate_tui.session.runs import run_of_profile
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.sync.engine import Engine


async def choose(emitter: EventEmitter, engine: Engine, run_id: int | None) -> RunChoice:
    """The phase "run": the run that the profile's rule takes, or the named one; its notes become events."""
    emitter(PhaseStarted(phase="run", text="choosing the run"))
    choice = await run_of_profile(engine.dbt_cloud, engine.profile.dbt_cloud, run_id)
    for note in choice.notes:
        emitter(LogLine(source="dbt Cloud", level="warn" if note.level == "warn" else "info", text=note.text))
    others = choice.other_runs(datetime.now(UTC))
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        said = f"other finished runs: {', '.join(others[:3])}{more}; --run takes one"
        emitter(LogLine(source="dbt Cloud", level="info", text=said))
    text = f"#{choice.run.id} {choice.run.outcome_words}, {choice.reason}"
    emitter(PhaseFinished(phase="run", text=text, level="ok" if choice.run.is_success else "warn"))
    return choice


async def fetch_artifacts(emitter: EventEmitter, engine: Engine, choice: RunChoice) -> FetchedArtifacts:
    """The phase "artifacts" begun: the run's artifacts, downloaded where they are not cached."""
    emitter(PhaseStarted(phase="artifacts", text=f"downloading artifacts of run #{choice.run.id}"))
    bytes_of: dict[tuple[str, int | None], tuple[int, int | None]] = {}

    def downloaded(progress: ArtifactProgress) -> None:
        if progress.state == "missing":
            bytes_of.pop((progress.name, progress.step), None)
            return
        bytes_of[progress.name, progress.step] = (progress.done, progress.total)
        totals = [total for _, total in bytes_of.values()]
        known = [total for total in totals if total is not None]
        total = sum(known) if len(known) == len(totals) else None
        name = progress.name if progress.step is None else f"{progress.name} of step {progress.step}"
        emitter.progress("artifacts", sum(done for done, _ in bytes_of.values()), total, "bytes", name)

    account_id = engine.profile.dbt_cloud.account_id
    fetched = await engine.store.fetch(engine.dbt_cloud, account_id, choice, downloaded)
    for note in fetched.notes:
        emitter(LogLine(source="dbt Cloud", level="warn" if note.level == "warn" else "info", text=note.text))
    return fetched


def artifacts_read(fetched: FetchedArtifacts, *, has_catalog: bool) -> PhaseFinished:
    """The end of the phase "artifacts"."""
    text = f"{wording.count(len(fetched.files), 'file')}, {fetched.size / 1e6:.1f} MB"
    if not has_catalog:
        text += ", no catalog.json"
    return PhaseFinished(phase="artifacts", text=text, level="ok" if has_catalog else "warn")


def run_facts(choice: RunChoice, dbt_cloud: DbtCloudClient, profile: Profile) -> RunFacts:
    """What a plan says of the run that it comes from."""
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
        status_message=run.reason_words,
        finished_at=run.finished_at.isoformat() if run.finished_at is not None else "",
        reason=choice.reason,
        notes=tuple(note.text for note in choice.notes),
    )
