"""What the checks of one run share: the profile, the clients, and answers that are read once.

What only a few checks need is imported by the read that needs it: ``status`` decodes no artifacts, and makes
no plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.dbt_cloud_service import Connector, connector_of
from dbtcollate_tui.collate.errors import ServerFailedError
from dbtcollate_tui.collate.models import DatabaseService, IngestionPipeline, ServiceStatus
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.dbt_cloud.artifact_store import FetchedArtifacts
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.models import Account, Job
from dbtcollate_tui.dbt_cloud.other_jobs import JobOffer, Part, offers
from dbtcollate_tui.dbt_cloud.permissions import read_account
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.errors import ActionableError, UnreachableError
from dbtcollate_tui.history.records import HistoryRecord, list_records
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.session.runs import run_of_profile
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile

if TYPE_CHECKING:
    from dbtcollate_tui.artifacts.project import Project
    from dbtcollate_tui.events.outcome import Verification
    from dbtcollate_tui.plan.matching.matches import MatchReport
    from dbtcollate_tui.plan.model import Plan
    from dbtcollate_tui.plan.server_state import Tables

T = TypeVar("T")
SYNCS_LOOKED_AT = 50
"""This many of the latest syncs are looked at for one that wrote something."""


class CheckContext:
    """One run of the checklist. What two checks need is read once, and kept until `refresh`."""

    def __init__(
        self,
        profile: Profile,
        clients: Connections,
        stores: Services,
        *,
        run_id: int | None = None,
    ) -> None:
        self.profile = profile
        self.clients = clients
        self.request_log = stores.request_log
        self._artifacts = stores.artifacts
        self._state = stores.state
        self._run_id = run_id
        self._reads: dict[str, asyncio.Task[Any]] = {}

    @property
    def now(self) -> datetime:
        """This moment in UTC."""
        return datetime.now(UTC)

    async def refresh(self) -> None:
        """Forget what was read, so that the next checks look again."""
        await self.settle()
        self._reads.clear()

    async def settle(self) -> None:
        """Cancel what is still being read; nothing else waits for it."""
        unfinished = [task for task in self._reads.values() if not task.done()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        self._reads = {name: task for name, task in self._reads.items() if not task.cancelled()}

    async def _once(self, name: str, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task: asyncio.Task[T] | None = self._reads.get(name)
        if task is None:
            task = self._reads[name] = asyncio.create_task(read())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    def seen(self, host: str, *parts: str) -> tuple[str, ...]:
        """The latest request to the host for each part of a path, as evidence."""
        lines: list[str] = []
        records = self.request_log.newest(500)
        for part in parts:
            for record in records:
                if record.host == host and part in record.path:
                    path = record.path.partition("?")[0]
                    status = record.failure or record.status
                    lines.append(f"{record.method} {record.host}{path} → {status}, {record.seconds:.1f} s")
                    break
        return tuple(lines)

    async def dbt_cloud(self) -> DbtCloudClient:
        """dbt Cloud's client."""
        return await self.clients.dbt_cloud()

    async def collate(self) -> CollateClient:
        """Collate's client; connects once, and a failure is remembered."""

        async def connect() -> CollateClient:
            return await self.clients.collate()

        return await self._once("collate", connect)

    async def accounts(self) -> list[Account]:
        """The accounts that the token sees."""

        async def read() -> list[Account]:
            return await (await self.dbt_cloud()).accounts()

        return await self._once("accounts", read)

    async def account(self) -> Account:
        """The profile's account."""

        async def read() -> Account:
            return await read_account(await self.dbt_cloud(), self.profile.dbt_cloud.account_id)

        return await self._once("account", read)

    async def job(self) -> Job | None:
        """The profile's job; ``None`` where any will do."""
        side = self.profile.dbt_cloud
        if side.job_id is None:
            return None
        job_id = side.job_id

        async def read() -> Job:
            return await (await self.dbt_cloud()).job(side.account_id, job_id)

        return await self._once("job", read)

    async def choice(self) -> RunChoice:
        """The run that a sync would take."""

        async def read() -> RunChoice:
            return await run_of_profile(await self.dbt_cloud(), self.profile.dbt_cloud, self._run_id)

        return await self._once("choice", read)

    async def offers(self, part: Part) -> tuple[JobOffer, ...]:
        """Other jobs of the same environment whose latest run has what the chosen run lacks."""
        side = self.profile.dbt_cloud

        async def read() -> tuple[JobOffer, ...]:
            run = (await self.choice()).run
            return await offers(await self.dbt_cloud(), side.account_id, run, get_args(Part))

        found = await self._once("offers", read)
        return tuple(offer for offer in found if part in offer.parts and offer.job.id not in side.jobs)

    async def fetched(self) -> FetchedArtifacts:
        """The run's artifacts on disk."""

        async def read() -> FetchedArtifacts:
            choice = await self.choice()
            return await self._artifacts.fetch(
                await self.dbt_cloud(), self.profile.dbt_cloud.account_id, choice
            )

        return await self._once("fetched", read)

    async def project(self) -> Project:
        """The artifacts, decoded."""

        async def read() -> Project:
            from dbtcollate_tui.sync.decoding import read_project

            return await read_project(await self.fetched())

        return await self._once("project", read)

    async def service(self) -> DatabaseService | None:
        """The profile's database service; ``None`` where Collate has none of that name."""

        async def read() -> DatabaseService | None:
            return await (await self.collate()).database_service(self.profile.collate.service)

        return await self._once("service", read)

    async def connector(self) -> Connector | None:
        """OpenMetadata's own dbt Cloud connector of the account; ``None`` where there is none to be seen."""

        async def read() -> Connector | None:
            return await connector_of(await self.collate(), self.profile.dbt_cloud.account_id)

        return await self._once("connector", read)

    async def tables(self) -> Tables:
        """The tables of the service that dbt's nodes may mean."""

        async def read() -> Tables:
            from dbtcollate_tui.sync.reading.server import read_tables

            return await read_tables(
                await self.collate(), self.profile.collate.service, await self.project(), self.profile.options
            )

        return await self._once("tables", read)

    async def report(self) -> MatchReport:
        """dbt's nodes with their tables, or with the reasons for having none."""

        async def read() -> MatchReport:
            from dbtcollate_tui.plan.matching.nodes import match

            project, tables = await self.project(), await self.tables()
            return await asyncio.to_thread(match, project, tables.inventories, self.profile.options)

        return await self._once("report", read)

    async def plan(self) -> Plan:
        """What a sync would write now: its `Expected` is what the verification is read against."""

        async def read() -> Plan:
            from dbtcollate_tui.plan.build import build_plan
            from dbtcollate_tui.plan.model import RunFacts
            from dbtcollate_tui.sync.reading.server import Part, read_details

            project, report, tables = await self.project(), await self.report(), await self.tables()
            collate, options = await self.collate(), self.profile.options
            state = await read_details(collate, Part(project, report, options), tables.tables)
            choice = await self.choice()
            facts = RunFacts(
                choice.run.id,
                choice.run.href,
                outcome=choice.run.outcome,
                status_message=choice.run.reason_words,
                reason=choice.reason,
            )
            return await asyncio.to_thread(
                lambda: build_plan(project, state, report, options, collate.dialect, run=facts)
            )

        return await self._once("plan", read)

    async def verification(self) -> Verification:
        """The verification against what Collate holds now; what the plan would change counts as not there."""

        async def read() -> Verification:
            from dbtcollate_tui.sync.verify.now import prove_now

            return await prove_now(await self.collate(), await self.plan(), self.profile.collate)

        return await self._once("verification", read)

    async def pipeline_service(self) -> ServiceStatus:
        """Whether something runs ingestion pipelines on the server."""

        async def read() -> ServiceStatus:
            return await IngestionPipelines(await self.collate()).service_status()

        return await self._once("pipeline_service", read)

    async def pipelines(self) -> Sequence[IngestionPipeline]:
        """All pipelines of the profile's database service."""

        async def read() -> Sequence[IngestionPipeline]:
            return await IngestionPipelines(await self.collate()).of_service(self.profile.collate.service)

        return await self._once("pipelines", read)

    async def pipeline(self) -> IngestionPipeline | None:
        """The dbt pipeline of this profile: of the same account and job, else of the profile's name."""
        from dbtcollate_tui.plan.pipeline import own_pipeline

        return own_pipeline(await self.pipelines(), self.profile)

    def last_sync(self) -> HistoryRecord | None:
        """The last sync from here that wrote something, all of it or a part, where one is remembered."""
        found = list_records(self._state, self.profile.name, action="sync", limit=SYNCS_LOOKED_AT)
        return next((record for record in found if record.outcome in ("ok", "partial")), None)


async def answers_at_all(read: Callable[[], Awaitable[object]]) -> ActionableError | None:
    """Whether a server answered: ``None`` for a good answer, the refusal for another.

    Silence, and a server that fails, are raised.
    """
    try:
        await read()
    except (UnreachableError, ServerFailedError):
        raise
    except ActionableError as error:
        return error
    return None
