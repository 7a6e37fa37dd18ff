"""The answers of a guided setup so far; saved after each step, never with a secret."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import GoToStep, Step
from dbtcollate_tui.settings.model import (
    CollateSettings,
    DbtCloudSettings,
    Ids,
    PipelineSettings,
    Profile,
    RunRule,
    SyncOptions,
)

ORDER = tuple(Step)


class SetupDraft(BaseModel):
    """The answers so far. ``any_project`` and ``any_job`` are answers too: the guide's empty filters.

    ``address_*`` is what the pasted address said, kept so that its project and job are proposed later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    profile_name: str = ""
    reached: Step = Step.ADDRESS
    address_text: str = ""
    address_account_id: int | None = None
    address_project_id: int | None = None
    address_job_id: int | None = None
    dbt_base_url: str = ""
    account_id: int | None = None
    account_name: str = ""
    project_id: int | None = None
    project_name: str = ""
    any_project: bool = False
    job_id: int | None = None
    job_name: str = ""
    jobs: Ids = ()
    any_job: bool = False
    run_rule: RunRule = "newest_successful"
    collate_address: str = ""
    collate_base_url: str = ""
    collate_allow_http: bool = False
    service: str = ""
    options: SyncOptions = SyncOptions()
    pipeline: PipelineSettings = PipelineSettings()

    def missing(self) -> list[Step]:
        """The questions without an answer, in their order."""
        return [
            step
            for step, answered in (
                (Step.DBT_TOKEN, bool(self.dbt_base_url)),
                (Step.ACCOUNT, self.account_id is not None),
                (Step.JOB, self.job_id is not None or self.any_job),
                (Step.COLLATE, bool(self.collate_base_url)),
                (Step.SERVICE, bool(self.service)),
                (Step.REVIEW, bool(self.profile_name)),
            )
            if not answered
        ]

    def profile(self) -> Profile:
        """The profile that these answers make; raises `UsageError` naming the first missing answer."""
        missing = self.missing()
        if missing or self.account_id is None:
            step = missing[0]
            raise UsageError(
                f"The setup is not complete: {step.value.replace('_', ' ')} has no answer",
                fixes=[GoToStep(f"Answer {step.value.replace('_', ' ')}", step)],
            )
        return Profile(
            name=self.profile_name,
            dbt_cloud=self._dbt_cloud(),
            collate=CollateSettings(
                base_url=self.collate_base_url, service=self.service, allow_http=self._uses_http
            ),
            options=self.options,
            pipeline=self.pipeline,
        )

    def provisional(self) -> Profile:
        """The answers so far as a profile, to ask with; what is not answered of Collate is empty in it.

        Raises pydantic's ``ValidationError`` before there is an account.
        """
        return Profile.model_construct(
            name=self.profile_name,
            dbt_cloud=self._dbt_cloud(),
            collate=CollateSettings.model_construct(
                base_url=self.collate_base_url, service=self.service, allow_http=self._uses_http
            ),
            options=self.options,
            pipeline=self.pipeline,
        )

    @property
    def _uses_http(self) -> bool:
        """The consent, where the address needs it: it is not carried over to another server."""
        return self.collate_allow_http and self.collate_base_url.startswith("http://")

    def _dbt_cloud(self) -> DbtCloudSettings:
        return DbtCloudSettings(
            base_url=self.dbt_base_url,
            account_id=self.account_id or 0,
            account_name=self.account_name,
            project_id=self.project_id,
            project_name=self.project_name,
            job_id=self.job_id,
            job_name=self.job_name,
            jobs=self.jobs,
            run_rule=self.run_rule,
        )


def draft_of(profile: Profile) -> SetupDraft:
    """A profile's answers, for editing it."""
    dbt_cloud = profile.dbt_cloud
    return SetupDraft(
        profile_name=profile.name,
        reached=Step.REVIEW,
        address_text=dbt_cloud.base_url,
        address_account_id=dbt_cloud.account_id,
        dbt_base_url=dbt_cloud.base_url,
        account_id=dbt_cloud.account_id,
        account_name=dbt_cloud.account_name,
        project_id=dbt_cloud.project_id,
        project_name=dbt_cloud.project_name,
        any_project=dbt_cloud.project_id is None,
        job_id=dbt_cloud.job_id,
        job_name=dbt_cloud.job_name,
        jobs=dbt_cloud.jobs,
        any_job=dbt_cloud.job_id is None,
        run_rule=dbt_cloud.run_rule,
        collate_address=profile.collate.base_url,
        collate_base_url=profile.collate.base_url,
        collate_allow_http=profile.collate.allow_http,
        service=profile.collate.service,
        options=profile.options,
        pipeline=profile.pipeline,
    )
