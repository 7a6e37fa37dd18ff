"""Checks of the run's artifacts: manifest, catalog, test results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.checks.check import ChainCheck
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.checks.dbt_cloud import job_settings
from dbtcollate_tui.dbt_cloud.artifact_files import ArtifactFile
from dbtcollate_tui.dbt_cloud.other_jobs import Part
from dbtcollate_tui.dbt_cloud.run_notes import NoteKind
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import Advice, Fix, GoToStep, OpenUrl, ProfileField, RunJob, SetField, Step
from dbtcollate_tui.wording import ago, count, some

if TYPE_CHECKING:
    from dbtcollate_tui.artifacts.project import Project

OFFERED_AT_MOST = 2


def _file(file: ArtifactFile) -> str:
    step = f"step {file.step} ({file.command})" if file.step is not None else "the last step"
    if file.run_id is not None:
        step += f" of run {file.run_id}"
    return f"{file.name} of {step}, {file.size / 1e6:.1f} MB{', from the cache' if file.from_cache else ''}"


async def manifest(context: CheckContext) -> Finding:
    """Whether manifest.json is there and can be read."""
    fetched = await context.fetched()
    project = await context.project()
    summary = (
        f"dbt {project.dbt_version or 'of an unknown version'}, {count(len(project.nodes), 'node')}, "
        f"{count(len(project.tests), 'test')}"
    )
    refused = await _refused_by_ingestion(context, project)
    causes = (*project.notes, *refused, *await _written_wrongly(context, project))
    return Finding(
        CheckState.WARN if causes else CheckState.PASS,
        summary,
        detail=" ".join(causes),
        caption=f"{count(len(fetched.files), 'file')}",
        causes=causes,
        fixes=(Advice("Use the direct sync until Collate has a newer ingestion."),) if refused else (),
        evidence=(
            _file(fetched.manifest),
            f"manifest v{project.schema_version}, adapter {project.adapter_type}",
        ),
    )


async def _refused_by_ingestion(context: CheckContext, project: Project) -> tuple[str, ...]:
    """Why Collate's own ingestion of the server's release cannot read the manifest at all."""
    names = project.inline_conversions()
    if not names:
        return ()
    try:
        collate = await context.collate()
    except ActionableError:
        return ()
    if not collate.dialect.refuses_inline_conversions:
        return ()
    listed = f"{count(len(names), 'conversion metric')} without measures ({some(names)})"
    return (f"Collate's own ingestion {collate.dialect.text} refuses a manifest with {listed}.",)


async def _written_wrongly(context: CheckContext, project: Project) -> tuple[str, ...]:
    """What a run of the profile's pipeline in Collate will write otherwise than dbt says it."""
    keys = [node.name for node in project.nodes.values() if node.key_parents]
    if not (keys or project.metrics):
        return ()
    try:
        pipeline, dialect = await context.pipeline(), (await context.collate()).dialect
    except ActionableError:
        return ()
    if pipeline is None or pipeline.config is None:
        return ()
    found = []
    if keys:
        found.append(
            f"Collate's own ingestion draws edges for the foreign keys of {count(len(keys), 'model')} "
            f"({some(keys)}), which read nothing of the tables that the keys refer to."
        )
    metrics = list(project.metrics.values())
    asked = pipeline.config.includeMetrics or context.profile.pipeline.include_metrics
    if not (metrics and asked and dialect.has_semantic_metrics):
        return tuple(found)
    simple = sorted(metric.name for metric in metrics if metric.aggregation is not None)
    if simple:
        found.append(
            f"Collate's own ingestion writes {count(len(simple), 'metric')} ({some(simple)}) without the "
            "aggregation in the expression, and may give each the measures of all."
        )
    tagged = sorted(metric.name for metric in metrics if metric.tags)
    if tagged:
        found.append(
            f"Collate's own ingestion may leave out the tags of {count(len(tagged), 'metric')} "
            f"({some(tagged)}): it does not read those under config."
        )
    return tuple(found)


async def other_jobs(context: CheckContext, part: Part) -> tuple[Fix, ...]:
    """Other jobs of the same environment to read for a part that the run lacks, by name and age."""
    held = context.profile.dbt_cloud.jobs
    return tuple(
        SetField(
            f"Also read job {offer.job.name}: its run {offer.run.id} has {part}, "
            f"{ago(offer.run.finished_at, context.now)}",
            ProfileField.JOBS,
            ",".join(str(job_id) for job_id in (*held, offer.job.id)),
        )
        for offer in (await context.offers(part))[:OFFERED_AT_MOST]
    )


async def catalog(context: CheckContext) -> Finding:
    """Whether the run has a catalog.json, and what is lost without."""
    fetched = await context.fetched()
    if fetched.catalog is not None:
        project = await context.project()
        columns = sum(len(node.columns) for node in project.nodes.values() if node.in_catalog)
        return Finding(
            CheckState.PASS,
            f"catalog.json with {count(columns, 'column')}",
            evidence=(_file(fetched.catalog),),
        )
    choice = await context.choice()
    client = await context.dbt_cloud()
    if choice.run.is_fusion:
        advice = "Run the job again: dbt 2 writes catalog.json in every run that builds or compiles models"
    else:
        advice = "Add dbt docs generate to the job, or turn on “Generate docs on run”; then run it"
    fixes: list[Fix] = [*await other_jobs(context, "catalog.json")]
    if context.profile.dbt_cloud.job_id is not None:
        once = RunJob("Run the job now, with docs generated this time", with_docs=True)
        fixes.append(RunJob("Run the job now") if choice.run.is_fusion else once)
    fixes.append(Advice(advice))
    if choice.run.job is not None:
        url = job_settings(client.base_url, choice.run.job, context)
        fixes.append(OpenUrl("Open the job's settings", url))
    fixes.append(GoToStep("Choose another job", Step.JOB))
    return Finding(
        CheckState.WARN,
        "This run has no catalog.json",
        detail="Column types, their order and warehouse comments remain unchanged in Collate. Descriptions "
        "come from the manifest, although Collate's guide says otherwise.",
        caption="no catalog",
        causes=(
            "No step that writes it has finished."
            if choice.run.is_fusion
            else "The job did not run dbt docs generate.",
            "That step failed, or was skipped after a failure.",
        ),
        evidence=tuple(f"step {step.index}: {step.command or step.name}" for step in choice.steps),
        fixes=tuple(fixes),
    )


async def results(context: CheckContext) -> Finding:
    """Whether the run holds the results of its tests."""
    fetched, project = await context.fetched(), await context.project()
    warned = tuple(
        note.text for note in fetched.notes if note.kind in (NoteKind.NO_RESULTS, NoteKind.STEP_IGNORED)
    )
    detail = " ".join(note.text for note in fetched.notes if note.level == "info")
    if project.freshness:
        by_freshness = Counter(found.status for found in project.freshness.values())
        fresh = ", ".join(f"{number} {status}" for status, number in by_freshness.most_common())
        detail += (
            f" Freshness of {count(len(project.freshness), 'source')}: {fresh}. A direct sync sends it; "
            "Collate's own ingestion never fetches sources.json from dbt Cloud."
        )
    fresh_jobs: tuple[Fix, ...] = ()
    if fetched.sources is None and any(node.checks_freshness for node in project.nodes.values()):
        fresh_jobs = await other_jobs(context, "source freshness")
        detail += " This run has no source freshness; another job has it." if fresh_jobs else ""
    evidence = tuple(_file(file) for file in fetched.run_results)
    total, found = len(project.tests), len(project.results)
    if not total:
        return Finding(
            CheckState.SKIPPED,
            "The project has no tests",
            detail=detail.strip(),
            evidence=evidence,
            fixes=fresh_jobs,
        )
    by_status = Counter(result.status for result in project.results.values())
    words = ", ".join(f"{number} {status}" for status, number in by_status.most_common())
    summary = f"{found} of {total} tests have a result" + (f": {words}" if words else "")
    idle = tuple(test.name for test in project.tests_without_result())
    if found and not warned:
        return Finding(
            CheckState.PASS,
            summary,
            detail=detail.strip(),
            evidence=evidence,
            fixes=fresh_jobs,
            exceptions=idle,
        )
    return Finding(
        CheckState.WARN,
        summary if found else "This run has no test results",
        detail=detail,
        caption="" if found else "no tests run",
        causes=warned or ("The job runs no tests, or only a selection without them.",),
        evidence=evidence or ("no step wrote run_results.json",),
        fixes=(
            *dict.fromkeys((*await other_jobs(context, "test results"), *fresh_jobs)),
            Advice("Add dbt test after dbt run, or use dbt build"),
            GoToStep("Choose another job", Step.JOB),
        ),
        exceptions=idle,
    )


CHECKS = (
    ChainCheck(
        CheckId.ARTIFACTS_MANIFEST,
        "manifest.json",
        Stage.ARTIFACTS,
        manifest,
        requires=(
            CheckId.RUN_EXISTS,
            CheckId.DBT_PERMISSIONS,
        ),
        guide_ref="Best Practices: dbt run generates manifest.json",
        step=Step.JOB,
    ),
    ChainCheck(
        CheckId.ARTIFACTS_CATALOG,
        "catalog.json",
        Stage.ARTIFACTS,
        catalog,
        requires=(CheckId.ARTIFACTS_MANIFEST,),
        guide_ref="Troubleshooting: Missing catalog.json",
        step=Step.JOB,
        symptom=SymptomId.MISSING_CATALOG,
    ),
    ChainCheck(
        CheckId.ARTIFACTS_RESULTS,
        "Test results of the run",
        Stage.ARTIFACTS,
        results,
        requires=(CheckId.ARTIFACTS_MANIFEST,),
        guide_ref="Best Practices: dbt test generates run_results.json with test results",
        step=Step.JOB,
        symptom=SymptomId.NO_TESTS,
    ),
)
"""The checks of the stage "artifacts"."""
