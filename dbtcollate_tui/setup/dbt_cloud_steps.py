"""The guided setup's dbt Cloud steps: address, token, account, project, job and the run they lead to."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import get_args

from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.addresses import DbtCloudAddress, read_address
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.discovery import FindOwn, HostAnswer, find_accounts, no_host_knows
from dbtcollate_tui.dbt_cloud.models import DbtProject, Environment, Job
from dbtcollate_tui.dbt_cloud.other_jobs import JobOffer, Part, offers, parts_of
from dbtcollate_tui.dbt_cloud.pages import IP_RESTRICTIONS_PLACE, PERSONAL_TOKENS_PLACE, account_settings
from dbtcollate_tui.dbt_cloud.regions import SHARED_DEPRECATED, SHARED_REGIONS, Region, own_address
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice, RunRule, choose_run
from dbtcollate_tui.dbt_cloud.schedules import ScheduleProposal, propose_schedule
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import ActionableError, AuthError, UsageError
from dbtcollate_tui.fixes import EnterToken, GoToStep, OpenUrl, Step
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.secrets import Origin
from dbtcollate_tui.setup.answers import SetupAnswers
from dbtcollate_tui.setup.job_runs import JobRunner
from dbtcollate_tui.setup.known_hosts import known_hosts
from dbtcollate_tui.setup.rows import (
    AccountRow,
    JobList,
    ProjectList,
    account_rows,
    job_rows,
    sorted_projects,
)
from dbtcollate_tui.transport.pacing import Retrying

FindKnown = Callable[[Services], Sequence[Region]]
"""The own hosts of accounts that this machine names already."""
RUNS_FOR_PACE = 20
LIST_AGAIN_SECONDS = 0.5
JOBS_KEPT_SECONDS = 300.0
"""A whole list of jobs is read again after so long: 5,000 jobs are 50 requests of the 100 a minute."""


@dataclass(frozen=True, slots=True)
class RunPreview:
    """The run that a choice leads to, with its last step's files, or the card of why there is none."""

    choice: RunChoice | None
    artifacts: tuple[str, ...] = ()
    error: ActionableError | None = None


class DbtCloudSteps:
    """The dbt Cloud half of the setup."""

    def __init__(
        self,
        answers: SetupAnswers,
        *,
        regions: Sequence[Region] = SHARED_REGIONS,
        find_own: FindOwn = own_address,
        known: FindKnown | None = None,
    ) -> None:
        self.answers = answers
        self._known = known if known is not None or regions is not SHARED_REGIONS else known_hosts
        self._find_own = find_own
        self.accounts: tuple[AccountRow, ...] = ()
        self._regions = regions
        self._dbt: DbtCloudClient | None = None
        self._projects: dict[int, DbtProject] = {}
        self._jobs: dict[int, Job] = {}
        self._previews: dict[tuple[int | None, int | None, RunRule], RunPreview] = {}
        self._jobs_read: dict[int | None, tuple[float, dict[int, Job], dict[int, Environment]]] = {}
        self.on_retry: Callable[[Retrying], None] | None = None

    @property
    def client(self) -> DbtCloudClient:
        """The client of the chosen account's host; raises `UsageError` before a token was accepted."""
        if self._dbt is None:
            raise UsageError(
                "No dbt Cloud token was accepted yet",
                fixes=[EnterToken("Enter the dbt Cloud token", "dbt_cloud")],
            )
        return self._dbt

    def set_address(self, text: str) -> DbtCloudAddress | None:
        """Take the address of any dbt Cloud page; an empty text is fine and gives ``None``.

        Raises `UsageError` where it is no address. What it says of account, project and job is used later.
        """
        address = read_address(text) if text.strip() else None
        before = self.answers.address
        same_place = (
            before is not None
            and address is not None
            and (before.base_url, before.account_id) == (address.base_url, address.account_id)
        )
        values: dict[str, object] = {
            "address_account_id": address.account_id if address else None,
            "address_project_id": address.project_id if address else None,
            "address_job_id": address.job_id if address else None,
        }
        same_ids = all(getattr(self.answers.draft, name) == value for name, value in values.items())
        values["address_text"] = text.strip() if address else ""
        if same_place and same_ids:
            self.answers.cleared = ""
            self.answers.update(**values)
        else:
            same_project = self.answers.draft.address_project_id == values["address_project_id"]
            changed = Step.PROJECT if same_project else Step.ACCOUNT
            self.answers.take(changed if same_place else Step.ADDRESS, **values)
            if not same_place:
                self.answers.secrets.pop("dbt_cloud", None)
                self.answers.origins.pop("dbt_cloud", None)
                self.accounts = ()
                self.answers.facts = replace(self.answers.facts, accounts=0)
                self._forget_account()
        return address

    async def _rounds(self) -> tuple[Sequence[Region], ...]:
        """The hosts to ask in turn: own hosts that this machine names, then the shared ones."""
        address = self.answers.address
        if self._known is None or (address is not None and address.base_url is not None):
            return (self._regions,)
        known = await asyncio.to_thread(self._known, self.answers.services)
        return (known, self._regions) if known else (self._regions,)

    async def try_token(self, secret: SecretStr, *, origin: Origin = "session") -> AsyncGenerator[HostAnswer]:
        """Try a token: each host's answer as it comes; afterwards ``accounts`` are those it sees.

        The token stays in memory once a host accepted it. A single account, or the one that the address
        names, is taken automatically. Raises `AuthError` or `UnreachableError` where no host accepts it.
        """
        token = self.answers.cleaned("dbt_cloud", secret)
        shape = token_shape(token)
        if shape.kind == "collate_jwt":
            raise AuthError(
                "This is a token of Collate's kind",
                causes=[shape.warning or "", "It was not sent to dbt Cloud."],
                fixes=[EnterToken("Enter a dbt Cloud token", "dbt_cloud")],
            )
        answers: list[HostAnswer] = []
        accepted: list[HostAnswer] = []
        for hosts in await self._rounds():
            found = find_accounts(
                token,
                self.answers.address,
                regions=hosts,
                request_log=self.answers.services.request_log,
                find_own=self._find_own,
            )
            async for answer in found:
                if answer.state != "asking":
                    answers.append(answer)
                yield answer
            accepted = [answer for answer in answers if answer.state == "ok"]
            if accepted:
                break
        if not accepted:
            raise no_host_knows(answers, token)
        rows = account_rows(accepted)
        if not rows:
            host = accepted[0]
            raise AuthError(
                f"{host.host} accepts the token, but shows it no account",
                causes=[
                    "It has no permission on any account: Account Viewer is the least that is needed.",
                    "Every account of the token lets certain IP addresses in only, and this machine's is not "
                    f"among them: {IP_RESTRICTIONS_PLACE}.",
                ],
                evidence=[f"GET {host.host}/api/v3/accounts/ → 200, 0 accounts"],
                fixes=[
                    OpenUrl("Open the list of tokens", account_settings(host.base_url, None)),
                    EnterToken("Enter another token", "dbt_cloud"),
                ],
            )
        await self._accept(token, origin, rows)

    async def _accept(self, token: SecretStr, origin: Origin, rows: tuple[AccountRow, ...]) -> None:
        self.answers.secrets["dbt_cloud"], self.answers.origins["dbt_cloud"] = token, origin
        self.accounts = rows
        self.answers.facts = replace(self.answers.facts, accounts=len(rows))
        self.answers.notes = []
        await self.aclose()
        asked = self.answers.draft.address_account_id
        kept = self.answers.draft.account_id
        ids = {row.account.id for row in rows}
        if asked is not None and asked not in ids:
            seen = ", ".join(f"{row.account.name} ({row.account.id})" for row in rows[:3])
            self.answers.notes.append(
                f"The address names account {asked}, which this token does not see. It sees: {seen}."
            )
            self.answers.update(address_account_id=None, address_project_id=None, address_job_id=None)
            asked = None
        if asked is not None:
            await self.choose_account(asked)
        elif len(rows) == 1:
            await self.choose_account(rows[0].account.id)
        elif kept in ids:
            await self.choose_account(kept)
        else:
            self.answers.take(Step.ACCOUNT, account_id=None, account_name="", dbt_base_url="")

    async def choose_account(self, account_id: int) -> AccountRow:
        """Take one of ``accounts``; raises `UsageError` for another."""
        row = next((row for row in self.accounts if row.account.id == account_id), None)
        if row is None:
            raise UsageError(
                f"The token does not see account {account_id}",
                causes=[f"It sees: {', '.join(str(item.account.id) for item in self.accounts) or 'none'}."],
                fixes=[GoToStep("Choose among the accounts that the token sees", Step.ACCOUNT)],
            )
        if (self.answers.draft.account_id, self.answers.draft.dbt_base_url) != (account_id, row.base_url):
            self._forget_account()
            self.answers.take(Step.ACCOUNT, account_id=account_id, dbt_base_url=row.base_url)
        self.answers.update(account_name=row.account.name)
        token = self.answers.secrets["dbt_cloud"]
        if token_shape(token).kind == "service" and not row.account.has_service_tokens:
            self.answers.notes.append(
                f"The {row.account.plan} plan of {row.account.name} has no service tokens for this API: "
                f"where something cannot be read, use a personal token ({PERSONAL_TOKENS_PLACE})."
            )
        own = self._find_own(row.base_url, row.account.own_host)
        if own:
            self.answers.notes.append(
                f"{SHARED_DEPRECATED}. {row.account.name}'s own host, {own}, did not accept the token: "
                f"{row.base_url} is used."
            )
        elif row.instead_of:
            self.answers.notes.append(
                f"{SHARED_DEPRECATED}: {row.account.name} is read from its own host, {row.base_url}, "
                f"not from {row.instead_of}."
            )
        if row.account.locked:
            self.answers.notes.append(
                f"The account {row.account.name} is locked: {row.account.lock_reason or 'no reason'}."
            )
        await self._open()
        return row

    def _forget_account(self) -> None:
        self._projects, self._jobs = {}, {}
        self._previews, self._jobs_read = {}, {}
        self.answers.facts = replace(self.answers.facts, projects=0)

    async def iter_projects(self) -> AsyncGenerator[ProjectList]:
        """The account's projects as their pages come; the last list is complete."""
        account_id = self.account_id()
        seen: dict[int, DbtProject] = {}
        async for page in self.client.iter_projects(account_id):
            seen.update({project.id: project for project in page})
            self._projects.update(seen)
            yield ProjectList(
                sorted_projects(list(seen.values()), self.answers.draft.address_project_id), False
            )
        self._projects = seen
        self.answers.facts = replace(self.answers.facts, projects=len(seen))
        yield ProjectList(sorted_projects(list(seen.values()), self.answers.draft.address_project_id), True)

    async def settle_project(self) -> None:
        """Find out whether there is a project to choose: the only one, or the URL's, is taken."""
        named = self.answers.draft.address_project_id
        if not self.answers.facts.projects or (named is not None and named not in self._projects):
            async with aclosing(self.iter_projects()) as pages:
                async for listed in pages:
                    if not listed.complete and len(self._projects) > 1 and named is None:
                        self.answers.facts = replace(self.answers.facts, projects=len(self._projects))
                        break
        if named is not None and named not in self._projects:
            self.answers.notes.append(f"The address names project {named}, which the account does not show.")
            self.answers.update(address_project_id=None, address_job_id=None)
            named = None
        if named is not None:
            self.choose_project(named)
        elif self.answers.facts.projects == 1:
            self.choose_project(next(iter(self._projects)))

    async def project(self) -> DbtProject | None:
        """The chosen project, asked for where it was not listed yet; ``None`` for any."""
        project_id = self.answers.draft.project_id
        if project_id is None:
            return None
        if project_id not in self._projects:
            async for _ in self.iter_projects():
                pass
        return self._projects.get(project_id)

    def choose_project(self, project_id: int | None) -> None:
        """Take a project, or any (``None``)."""
        project = self._projects.get(project_id) if project_id is not None else None
        name = project.name if project is not None else ""
        if project_id is not None and project is None and project_id == self.answers.draft.project_id:
            name = self.answers.draft.project_name
        self.answers.take(
            Step.PROJECT, project_id=project_id, project_name=name, any_project=project_id is None
        )

    async def iter_jobs(self, *, again: bool = False) -> AsyncGenerator[JobList]:
        """The jobs of the chosen project (or account) as their pages come, best first.

        A list after the first comes no more often than every half second: each is ranked again. A list that
        was read whole in the last five minutes is given as it was, unless ``again``.
        """
        account_id, project_id = self.account_id(), self.answers.draft.project_id
        read_at, seen, environments = self._jobs_read.get(project_id, (0.0, {}, {}))
        kept = bool(seen) and not again and time.monotonic() - read_at < JOBS_KEPT_SECONDS
        if not kept:
            self._previews = {}
            seen, environments = {}, await self._environments(account_id, project_id)
        given = -LIST_AGAIN_SECONDS

        def listed(complete: bool) -> JobList:
            rows = job_rows(seen.values(), environments, self.answers.draft.address_job_id, datetime.now(UTC))
            return JobList(rows, complete)

        if not kept:
            async for page in self.client.iter_jobs(account_id, project_id):
                seen.update({job.id: job for job in page})
                self._jobs.update(seen)
                if time.monotonic() - given >= LIST_AGAIN_SECONDS:
                    yield await asyncio.to_thread(listed, False)
                    given = time.monotonic()
            self._jobs_read[project_id] = (time.monotonic(), seen, environments)
        yield await asyncio.to_thread(listed, True)

    async def _environments(self, account_id: int, project_id: int | None) -> dict[int, Environment]:
        if project_id is None:
            return {}
        try:
            found = await self.client.environments(account_id, project_id)
        except AuthError as error:
            self.answers.notes.append(f"Which environment is production is not known: {error.title}.")
            return {}
        return {environment.id: environment for environment in found}

    async def choose_job(self, job_id: int | None) -> Job | None:
        """Take a job, or any (``None``); a job that was not listed is asked for first."""
        if job_id is None:
            self.answers.take(Step.JOB, job_id=None, job_name="", jobs=(), any_job=True)
            return None
        job = self._jobs.get(job_id)
        if job is None:
            job = self._jobs[job_id] = await self.client.job(self.account_id(), job_id)
        jobs = self.answers.draft.jobs if job_id == self.answers.draft.job_id else ()
        self.answers.take(Step.JOB, job_id=job_id, job_name=job.name, jobs=jobs, any_job=False)
        return job

    async def other_jobs(self) -> tuple[JobOffer, ...]:
        """The jobs of the same environment whose latest runs have what the chosen job's run lacks."""
        if self.answers.draft.job_id is None:
            return ()
        choice = (await self.run_preview()).choice
        if choice is None or choice.run.job is None:
            return ()
        lacking = set(get_args(Part)) - set(parts_of(choice.run.job, choice.run))
        if not lacking:
            return ()
        return await offers(self.client, self.account_id(), choice.run, lacking)

    def set_jobs(self, job_ids: Sequence[int]) -> None:
        """Which further jobs' latest runs add what the chosen job's run lacks."""
        self.answers.update(jobs=tuple(dict.fromkeys(job_ids)))

    def set_run_rule(self, rule: RunRule) -> None:
        """Which run is used: the latest successful one (the guide's rule), or the latest completed one."""
        self.answers.update(run_rule=rule)

    async def run_preview(self, job_id: int | None = None) -> RunPreview:
        """The run for the chosen filters, or for another job while choosing; asked once where there is one.

        A missing run is the preview's ``error``; what the network or a permission causes is raised.
        """
        wanted = job_id if job_id is not None else self.answers.draft.job_id
        key = (self.answers.draft.project_id, wanted, self.answers.draft.run_rule)
        preview = self._previews.get(key)
        if preview is None:
            preview = await self._preview(*key)
            if preview.error is None:
                self._previews[key] = preview
        return preview

    async def _preview(self, project_id: int | None, job_id: int | None, rule: RunRule) -> RunPreview:
        account_id = self.account_id()
        try:
            choice = await choose_run(self.client, account_id, project_id, job_id, rule)
        except AuthError:
            raise
        except ActionableError as error:
            if error.exit_code is not ActionableError.exit_code:
                raise
            return RunPreview(None, error=error)
        try:
            names = await self.client.artifact_names(account_id, choice.run.id)
        except ActionableError as error:
            return RunPreview(choice, error=error)
        return RunPreview(choice, names)

    def job_runner(self) -> JobRunner:
        """Runs the chosen job with the token that was accepted."""

        async def client() -> DbtCloudClient:
            return self.client

        async def token() -> SecretStr:
            return self.answers.secrets["dbt_cloud"]

        account_id = self.account_id()
        name = self.answers.draft.account_name or f"account {account_id}"
        return JobRunner(account_id, name, self.answers.draft.job_id, client, token)

    async def schedule_proposal(self) -> ScheduleProposal:
        """Collate's schedule for the chosen job, as the guide's table has it, with the reason in words."""
        job_id = self.answers.draft.job_id
        if job_id is None:
            return propose_schedule(None)
        job = self._jobs.get(job_id) or await self.client.job(self.account_id(), job_id)
        runs = await self.client.runs(self.account_id(), job_id=job_id, limit=RUNS_FOR_PACE)
        return propose_schedule(job, runs)

    def account_id(self) -> int:
        """The chosen account; raises `UsageError` where none was."""
        if self.answers.draft.account_id is None:
            raise UsageError(
                "No account was chosen yet", fixes=[GoToStep("Choose the account", Step.ACCOUNT)]
            )
        return self.answers.draft.account_id

    async def _open(self) -> None:
        if self._dbt is not None and self._dbt.base_url == self.answers.draft.dbt_base_url:
            return
        await self.aclose()
        self._dbt = DbtCloudClient(
            self.answers.draft.dbt_base_url,
            self.answers.secrets["dbt_cloud"],
            guessed=self.answers.address is None,
            request_log=self.answers.services.request_log,
            on_retry=self._tell_retry,
        )

    def _tell_retry(self, event: Retrying) -> None:
        if self.on_retry is not None:
            self.on_retry(event)

    async def aclose(self) -> None:
        """Close the client; the answers stay."""
        if self._dbt is not None:
            client, self._dbt = self._dbt, None
            await client.aclose()
