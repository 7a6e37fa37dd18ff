"""The guided setup without a screen: for the Textual app, ``dbtcollate demo --headless`` and ``setup``."""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.discovery import FindOwn
from dbtcollate_tui.dbt_cloud.regions import SHARED_REGIONS, Region, own_address
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import SetField, Step
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import PipelineSettings, Profile, SyncOptions
from dbtcollate_tui.settings.names import check_name, suggest_name
from dbtcollate_tui.settings.secrets import ENV, KeyringHealth, Side
from dbtcollate_tui.setup.answers import STATE_KEY, STATE_NAME, Answered, SetupAnswers
from dbtcollate_tui.setup.collate_steps import CollateSteps
from dbtcollate_tui.setup.dbt_cloud_steps import DbtCloudSteps, FindKnown
from dbtcollate_tui.setup.draft import ORDER, SetupDraft, draft_of
from dbtcollate_tui.setup.flow import next_step, previous_step

Where = Literal["keyring", "session"]


class GuidedSetup:
    """One setup: ``step`` is the current question, ``answers`` what was answered.

    The screen (or script) asks the question of ``step``, gives the answer to ``dbt_cloud``, ``collate`` or
    this object (`set_options`, `set_pipeline`, `set_name`), then calls `advance`. Answers are saved after
    each; tokens stay in memory until `save`. Open it with ``async with``.
    """

    def __init__(
        self,
        services: Services,
        draft: SetupDraft | None = None,
        *,
        editing: str = "",
        regions: Sequence[Region] = SHARED_REGIONS,
        find_own: FindOwn = own_address,
        known: FindKnown | None = None,
    ) -> None:
        self.answers = SetupAnswers(services, draft, keeps_draft=not editing)
        self.dbt_cloud = DbtCloudSteps(self.answers, regions=regions, find_own=find_own, known=known)
        self.collate = CollateSteps(self.answers, self.dbt_cloud)
        self.editing = editing
        self.not_kept: KeyringHealth | None = None
        """Why the tokens of the saved profile are not in the keyring, where they should be."""
        self.step = Step.ADDRESS
        self._revising = False

    @classmethod
    def edit(cls, services: Services, name: str, *, regions: Sequence[Region] = SHARED_REGIONS) -> Self:
        """A saved profile's answers, to change them; raises `UsageError` where there is no such profile."""
        setup = cls(services, draft_of(services.profiles.load(name)), editing=name, regions=regions)
        setup.step = Step.REVIEW
        return setup

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the clients; the draft stays."""
        await self.dbt_cloud.aclose()
        await self.collate.aclose()

    @property
    def draft(self) -> SetupDraft:
        """The answers so far."""
        return self.answers.draft

    async def use_kept_tokens(self) -> frozenset[Side]:
        """Take the tokens that environment, session or keyring hold for this draft, without a question.

        Gives the sides that are now connected. Raises what the server says of a kept token.
        """
        if self.draft.dbt_base_url and not self.answers.has_token("dbt_cloud"):
            found = await self.answers.found_token("dbt_cloud")
            if found is not None:
                async for _ in self.dbt_cloud.try_token(found.secret, origin=found.origin):
                    pass
        if self.draft.collate_base_url and not self.answers.has_token("collate"):
            found = await self.answers.found_token("collate")
            if found is not None:
                await self.collate.connect(self.draft.collate_base_url, found.secret, origin=found.origin)
        return frozenset(self.answers.secrets)

    def first_open(self) -> Step:
        """The first question without an answer; a token that is not in memory is one."""
        draft = self.draft
        if not draft.address_text and draft.reached is Step.ADDRESS:
            return Step.ADDRESS
        if not draft.dbt_base_url or not self.answers.has_token("dbt_cloud"):
            return Step.DBT_TOKEN
        if draft.account_id is None:
            return Step.ACCOUNT
        if draft.project_id is None and not draft.any_project and self.answers.facts.projects > 1:
            return Step.PROJECT
        if draft.job_id is None and not draft.any_job:
            return Step.JOB
        if not draft.collate_base_url or not self.answers.has_token("collate"):
            return Step.COLLATE
        if not draft.service:
            return Step.SERVICE
        return draft.reached if ORDER.index(draft.reached) > ORDER.index(Step.SERVICE) else Step.OPTIONS

    async def advance(self) -> Step:
        """Go on from ``step``: the next question that is one. Asks dbt Cloud whether projects are."""
        if self.step in (Step.DBT_TOKEN, Step.ACCOUNT) and self.draft.account_id is not None:
            await self.dbt_cloud.settle_project()
        following = next_step(self.step, self.draft, self.answers.facts)
        if self._revising and self._is_complete():
            following = Step.REVIEW
        if following is Step.REVIEW and not self.draft.profile_name:
            self.set_name(self.propose_name())
        if following is Step.REVIEW:
            self._revising = False
        self.step = following
        self.answers.reach(following)
        return following

    def _is_complete(self) -> bool:
        """Whether every question has its answer, so that a changed one leads back to the review."""
        return (
            self.answers.has_token("dbt_cloud")
            and self.answers.has_token("collate")
            and not self.draft.missing()
        )

    def back(self) -> Step:
        """Go back one question; the answers stay. The first question stays itself."""
        self.step = previous_step(self.step, self.draft, self.answers.facts) or self.step
        return self.step

    def go_to(self, step: Step) -> Step:
        """Go to a question that was reached before; another one leads to the first open one."""
        self._revising = self.step is Step.REVIEW and step is not Step.REVIEW
        reached = ORDER.index(step) <= ORDER.index(self.draft.reached)
        self.step = step if reached else self.first_open()
        return self.step

    def answered(self) -> tuple[Answered, ...]:
        """What the address, a token or the environment answered, so that it is shown and not asked."""
        draft, found = self.draft, list[Answered]()
        address = self.answers.address
        if address is not None and address.base_url is not None:
            region = f" ({address.region})" if address.region else ""
            host = draft.dbt_base_url.split("://", 1)[-1] or address.host
            found.append(Answered(Step.ADDRESS, "dbt Cloud", f"{host}{region}", "address"))
        if self.answers.origins.get("dbt_cloud") == "environment":
            found.append(Answered(Step.DBT_TOKEN, "Token", ENV["dbt_cloud"], "environment"))
        elif self.answers.origins.get("dbt_cloud") == "keyring":
            found.append(Answered(Step.DBT_TOKEN, "Token", "in the keyring", "kept"))
        if draft.account_id is not None:
            value = f"{draft.account_name} (account {draft.account_id})"
            if draft.address_account_id == draft.account_id:
                found.append(Answered(Step.ACCOUNT, "Account", value, "address"))
            elif self.answers.facts.accounts == 1:
                found.append(Answered(Step.ACCOUNT, "Account", value, "token"))
        if draft.project_id is not None:
            value = f"{draft.project_name} (project {draft.project_id})"
            if draft.address_project_id == draft.project_id:
                found.append(Answered(Step.PROJECT, "Project", value, "address"))
            elif self.answers.facts.projects == 1:
                found.append(Answered(Step.PROJECT, "Project", value, "only one"))
        if self.answers.origins.get("collate") == "environment":
            found.append(Answered(Step.COLLATE, "Collate token", ENV["collate"], "environment"))
        return tuple(found)

    def set_options(self, options: SyncOptions) -> None:
        """Take what a sync may change."""
        self.answers.take(Step.OPTIONS, options=options)

    def set_pipeline(self, pipeline: PipelineSettings) -> None:
        """Take the name and the schedule of the pipeline inside Collate."""
        self.answers.take(Step.OPTIONS, pipeline=pipeline)

    def propose_name(self) -> str:
        """A free profile name out of the project (or account) and the job."""
        draft = self.draft
        parts = [draft.project_name or draft.account_name, draft.job_name]
        base = suggest_name("-".join(part for part in parts if part) or "default")[:56].rstrip("-_.")
        taken = set(self.answers.services.profiles.names())
        if self.editing:
            return self.editing
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        return name

    def twin_of_draft(self) -> str | None:
        """The profile that joins the same job to the same service already; ``None`` where there is none."""
        draft = self.draft
        wanted = (
            draft.dbt_base_url,
            draft.account_id,
            draft.project_id,
            draft.job_id,
            draft.collate_base_url,
            draft.service,
        )
        for name in self.answers.services.profiles.names():
            try:
                held = self.answers.services.profiles.load(name)
            except UsageError:
                continue
            source, target = held.dbt_cloud, held.collate
            ends = (source.base_url, source.account_id, source.project_id, source.job_id)
            if (*ends, target.base_url, target.service) == wanted:
                return name
        return None

    def set_name(self, name: str) -> None:
        """Take the profile's name; raises `UsageError` with the nearest good one."""
        self.answers.update(profile_name=check_name(name))

    def apply(self, fix: SetField) -> Step:
        """Set the field in the draft, and go to the step that it concerns."""
        value = fix.to
        match tuple(fix.field.value.split(".")):
            case ("dbt_cloud", "base_url"):
                self.dbt_cloud.set_address(value)
                self.step = Step.DBT_TOKEN
            case ("dbt_cloud", "run_rule") if value in ("newest_successful", "newest_completed"):
                self.dbt_cloud.set_run_rule(
                    "newest_completed" if value == "newest_completed" else "newest_successful"
                )
                self.step = Step.JOB
            case ("collate", "allow_http"):
                self.collate.allow_http(value == "true")
                self.step = Step.COLLATE
            case ("collate", "service"):
                self.collate.choose_service(value)
                self.step = Step.SERVICE
            case ("options", name) if name in SyncOptions.model_fields:
                self.set_options(SyncOptions.model_validate({**self.draft.options.model_dump(), name: value}))
                self.step = Step.OPTIONS
            case ("pipeline", name) if name in PipelineSettings.model_fields:
                held = self.draft.pipeline.model_dump()
                self.set_pipeline(PipelineSettings.model_validate({**held, name: value}))
                self.step = Step.OPTIONS
            case ("name",):
                self.set_name(value)
                self.step = Step.REVIEW
            case _:
                raise UsageError(f"The setup has no field {fix.field}")
        return self.step

    def profile(self) -> Profile:
        """The profile that the answers make; raises `UsageError` naming the first missing answer."""
        return self.draft.profile()

    def connections(self) -> Connections:
        """Both clients for the answers so far, with the accepted tokens: for the checks of these answers."""
        return Connections(self.draft.provisional(), self.answers.services, given=self.answers.secrets)

    async def save(self, where: Where) -> Profile:
        """Write the profile, keep the accepted tokens ``where`` it says, and drop the draft.

        A token of an environment variable is kept nowhere. Raises `UsageError` where an answer is missing or
        the keyring does not take a token; none is then kept, and the draft stays.
        """
        profile = self.profile()
        await self.answers.services.secrets.keep_all(profile.name, self.tokens_to_keep, where)
        self.answers.services.profiles.save(profile)
        self.answers.services.profiles.mark_used(profile.name)
        self.answers.services.state.delete(STATE_NAME, STATE_KEY)
        return profile

    @property
    def tokens_to_keep(self) -> Mapping[Side, SecretStr]:
        """The accepted tokens that no environment variable holds."""
        return {
            side: one
            for side, one in self.answers.secrets.items()
            if self.answers.origins[side] != "environment"
        }

    def discard(self) -> None:
        """Forget the draft."""
        self.answers.services.state.delete(STATE_NAME, STATE_KEY)
