"""Several jobs of one project: which other job's run has what the chosen run lacks.

Only runs of the same project, environment and branch complete each other; runs of pull requests never do.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from dbtcollate_tui.dbt_cloud.client import PAGE, DbtCloudClient
from dbtcollate_tui.dbt_cloud.models import SUCCESS, Job, Run
from dbtcollate_tui.dbt_cloud.run_notes import Note, NoteKind, is_ci_run

Part = Literal["catalog.json", "test results", "source freshness"]
JOBS_AT_MOST = 10
RUNS_READ = 20


@dataclass(frozen=True, slots=True)
class JobOffer:
    """Another job's latest successful run and what of the missing it has."""

    job: Job
    run: Run
    parts: tuple[Part, ...]


def completes(run: Run, other: Run) -> bool:
    """Whether ``other`` describes the same tables: project, environment and branch, and no pull request."""
    trigger = other.trigger
    return (
        other.is_success
        and other.project_id == run.project_id
        and other.environment_id == run.environment_id
        and other.git_branch == run.git_branch
        and not is_ci_run(other)
        and not (trigger is not None and (trigger.schema_override or trigger.target_name_override))
    )


def parts_of(job: Job, run: Run) -> tuple[Part, ...]:
    """What a run of a job has beside its manifest, by its commands."""
    parts: list[Part] = []
    if job.makes_docs or run.has_docs_generated:
        parts.append("catalog.json")
    if job.runs_tests:
        parts.append("test results")
    if job.makes_freshness or run.has_sources_generated:
        parts.append("source freshness")
    return tuple(parts)


async def offers(
    client: DbtCloudClient, account_id: int, run: Run, missing: Collection[Part]
) -> tuple[JobOffer, ...]:
    """The other jobs whose latest successful run has some of ``missing``, latest first; one request."""
    found = await client.runs(
        account_id,
        project_id=run.project_id,
        status_in=(SUCCESS,),
        order_by="-finished_at",
        limit=PAGE,
    )
    by_job: dict[int, JobOffer] = {}
    for other in found:
        if other.job is None or other.job_id in (*by_job, run.job_id) or not completes(run, other):
            continue
        parts = tuple(part for part in parts_of(other.job, other) if part in missing)
        if parts:
            by_job[other.job_id] = JobOffer(other.job, other, parts)
    return tuple(by_job.values())


async def companions(
    client: DbtCloudClient, account_id: int, run: Run, job_ids: Sequence[int]
) -> tuple[tuple[Run, ...], list[Note]]:
    """The latest run of each further job that completes ``run``, with its steps; notes on those without."""
    wanted = [job_id for job_id in dict.fromkeys(job_ids) if job_id != run.job_id][:JOBS_AT_MOST]

    async def latest(job_id: int) -> Run | None:
        listed = await client.runs(
            account_id, job_id=job_id, status_in=(SUCCESS,), order_by="-finished_at", limit=RUNS_READ
        )
        found = next((other for other in listed if completes(run, other)), None)
        return None if found is None else await client.run(account_id, found.id)

    runs = await asyncio.gather(*(latest(job_id) for job_id in wanted))
    notes = [
        Note(
            NoteKind.OTHER_JOB,
            "warn",
            f"Job {job_id} has no successful run of the same environment and branch: nothing of it is read.",
        )
        for job_id, found in zip(wanted, runs, strict=True)
        if found is None
    ]
    return tuple(found for found in runs if found is not None), notes
