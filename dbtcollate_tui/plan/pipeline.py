"""The plan of a sync inside Collate: the ingestion pipeline as it should be, against the one there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from dbtcollate_tui import wording
from dbtcollate_tui.collate.models import (
    DatabaseService,
    EntityReference,
    IngestionPipeline,
    PipelineStatus,
    ServiceStatus,
)
from dbtcollate_tui.collate.pipeline_spec import DbtPipelineSpec, FieldChange, PipelineDiff
from dbtcollate_tui.settings.model import Profile

if TYPE_CHECKING:
    from dbtcollate_tui.plan.model import RunFacts

PipelineAction = Literal["create", "update", "redeploy", "keep"]
ACTIVE_MS = 3_600_000
"""A run that began longer ago and has no end is taken for one that died."""


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """What deploying would change. Holds the dbt Cloud token as a `SecretStr`; `as_dict` leaves it out.

    ``run`` is the dbt Cloud run that Collate's workers would read, ``page`` the pipeline's page in Collate.
    """

    spec: DbtPipelineSpec
    diff: PipelineDiff
    service_status: ServiceStatus
    run: RunFacts | None = None
    notes: tuple[str, ...] = ()
    page: str = ""
    further: tuple[PipelinePlan, ...] = ()

    @property
    def parts(self) -> tuple[PipelinePlan, ...]:
        """This pipeline and the further ones, in the order in which they run."""
        return (self, *self.further)

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The changed settings of all pipelines; those of a further one begin with its name."""
        named = (
            FieldChange(f"{part.name}: {change.field}", change.old, change.new)
            for part in self.further
            for change in part.diff.changes
        )
        return (*self.diff.changes, *named)

    @property
    def has_work(self) -> bool:
        """Whether any pipeline has to be written or deployed."""
        return any(part.action != "keep" for part in self.parts)

    @property
    def name(self) -> str:
        """The name of the pipeline that is written: an existing one keeps its own."""
        return self.diff.existing.name if self.diff.existing is not None else self.spec.name

    @property
    def action(self) -> PipelineAction:
        """What has to be done before a run.

        A pipeline without visible differences is kept if its stored token is the same, or is hidden and its
        last run succeeded with it.
        """
        existing = self.diff.existing
        if existing is None:
            return "create"
        if self.diff.visible_changes:
            return "update"
        last = existing.pipelineStatuses
        proven = self.diff.credential == "same" or (last is not None and last.pipelineState == "success")
        return "keep" if existing.deployed and existing.enabled and proven else "redeploy"

    @property
    def takes_pause_off(self) -> bool:
        """Whether deploying also ends a pause."""
        return self.diff.existing is not None and not self.diff.existing.enabled

    @property
    def active_run(self) -> PipelineStatus | None:
        """The run of the existing pipeline that is under way now, if one is."""
        last = self.diff.existing.pipelineStatuses if self.diff.existing is not None else None
        if last is None or last.is_final:
            return None
        began = last.startDate or last.timestamp or 0
        return last if time.time() * 1000 - began < ACTIVE_MS else None

    def summary(self) -> str:
        """One line: what would be done with which pipelines."""
        return "; ".join(part._own_summary() for part in self.parts)

    def _own_summary(self) -> str:
        where = f"{self.name} in {self.spec.service.name}"
        count = len(self.diff.changes)
        settings = f"{wording.count(count, 'setting')}"
        match self.action:
            case "create":
                return f"{where} will be created: {settings}"
            case "update":
                token = " and the token" if self.diff.credential == "differs" else ""
                return f"{where} will be changed: {settings}{token}"
            case "redeploy":
                return f"{where} is configured correctly and will be redeployed: {self._why_redeployed()}"
            case "keep":
                return f"{where} remains unchanged"

    def _why_redeployed(self) -> str:
        existing = self.diff.existing
        if existing is not None and not existing.deployed:
            return "it is not deployed"
        if self.takes_pause_off:
            return "it is paused"
        return "whether its stored token works is not known"

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``, without the token."""
        return {
            "action": self.action,
            "pipeline": self.name,
            "service": self.spec.service.fullyQualifiedName or self.spec.service.name,
            "changes": [
                {"field": change.field, "old": change.old, "new": change.new} for change in self.diff.changes
            ],
            "credential": self.diff.credential,
            "others": [other.name for other in self.diff.others],
            "run_id": self.run.id if self.run is not None else None,
            "notes": list(self.notes),
            "page": self.page,
            "further": [part.as_dict() for part in self.further],
        }


def pipeline_spec(profile: Profile, service: DatabaseService, token: SecretStr) -> DbtPipelineSpec:
    """The pipeline that a profile asks for, in its database service."""
    side, options, pipeline = profile.dbt_cloud, profile.options, profile.pipeline
    return DbtPipelineSpec(
        name=pipeline.name,
        service=EntityReference(
            id=service.id,
            type="databaseService",
            name=service.name,
            fullyQualifiedName=service.fullyQualifiedName,
        ),
        account_id=side.account_id,
        base_url=side.base_url,
        token=token,
        project_id=side.project_id,
        job_id=side.job_id,
        update_descriptions=options.update_descriptions,
        update_owners=options.update_owners,
        include_tags=options.include_tags,
        classification=options.classification,
        search_across_databases=options.search_across_services,
        catalog_mapping=options.database_map,
        include_metrics=pipeline.include_metrics,
        schedule=pipeline.schedule,
        timezone=pipeline.timezone,
    )


def pipeline_specs(profile: Profile, service: DatabaseService, token: SecretStr) -> list[DbtPipelineSpec]:
    """The pipelines that a profile asks for: of its job or project, then of each further job."""
    first = pipeline_spec(as_pipeline_reads(profile), service, token)
    if profile.pipeline.reads != "each_job":
        return [first]
    further = [
        replace(first, name=f"{first.name}_job_{job_id}", job_id=job_id) for job_id in profile.dbt_cloud.jobs
    ]
    return [first, *further]


def as_pipeline_reads(profile: Profile) -> Profile:
    """The profile with the jobs that its pipelines read: none where one reads the whole project."""
    side, reads = profile.dbt_cloud, profile.pipeline.reads
    if reads == "each_job":
        return profile
    values: dict[str, object] = {"jobs": ()}
    if reads == "project":
        values |= {"job_id": None, "job_name": ""}
    return profile.model_copy(update={"dbt_cloud": side.model_copy(update=values)})


def reads_as_asked(pipeline: IngestionPipeline, profile: Profile) -> bool:
    """Whether a pipeline reads the account and the job, or the project, that the profile asks for."""
    return _is_of(pipeline, profile)


def jobs_without_pipeline(pipelines: Sequence[IngestionPipeline], profile: Profile) -> tuple[int, ...]:
    """The further jobs of which no deployed pipeline is there, though each shall have one."""
    if profile.pipeline.reads != "each_job":
        return ()
    side = profile.dbt_cloud
    return tuple(
        job_id
        for job_id in side.jobs
        if not any(
            pipeline.deployed
            and _is_of(
                pipeline, profile.model_copy(update={"dbt_cloud": side.model_copy(update={"job_id": job_id})})
            )
            for pipeline in pipelines
        )
    )


def pipeline_notes(profile: Profile, diff: PipelineDiff) -> tuple[str, ...]:
    """What a pipeline cannot do that the profile asks for, and what else exists beside it."""
    notes = []
    options = profile.options
    if options.owner_map:
        notes.append("The map of owners is for the direct sync alone: Collate looks up dbt's own names.")
    if not options.include_tests or not options.include_lineage:
        notes.append("Leaving out tests or lineage is for the direct sync alone: a pipeline sends both.")
    if options.update_descriptions:
        notes.append(
            "Collate's own ingestion replaces descriptions that a person wrote; the direct sync keeps them."
        )
    if profile.dbt_cloud.run_rule == "newest_successful":
        notes.append("Collate's own ingestion uses the latest completed run, whether it succeeded or failed.")
    for other in diff.others:
        notes.append(f"{other.name} in the same service also reads this job.")
    return tuple(notes)


def own_pipeline(pipelines: Sequence[IngestionPipeline], profile: Profile) -> IngestionPipeline | None:
    """A profile's dbt pipeline: of the same account and job (without a job: project), else of its name."""
    dbt = [pipeline for pipeline in pipelines if pipeline.config is not None]
    same = [pipeline for pipeline in dbt if _is_of(pipeline, profile)]
    named = [pipeline for pipeline in dbt if pipeline.name == profile.pipeline.name]
    return next(iter([*(p for p in same if p in named), *same, *named]), None)


def _is_of(pipeline: IngestionPipeline, profile: Profile) -> bool:
    side = as_pipeline_reads(profile).dbt_cloud
    if pipeline.config is None:
        return False
    source = pipeline.config.dbtConfigSource
    return (
        source.dbtCloudAccountId == str(side.account_id)
        and source.dbtCloudJobId == str(side.job_id or "")
        and (side.job_id is not None or source.dbtCloudProjectId == str(side.project_id or ""))
    )
