"""Running a dbt Cloud job: what every place that offers it shares, without a screen."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import SecretStr

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.job_run import (
    JobRunOptions,
    JobRunPlan,
    JobRunUpdate,
    follow,
    prepare_job_run,
    start,
)
from dbtcollate_tui.dbt_cloud.models import Run
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import GoToStep, Step
from dbtcollate_tui.session.connections import Connections
from dbtcollate_tui.settings.model import Profile


@dataclass(frozen=True, slots=True)
class JobRunAnswer:
    """The run that was started or followed, as last seen, and whether the sync is next."""

    run: Run
    sync: bool


@dataclass(frozen=True, slots=True)
class JobRunner:
    """Runs one job; nothing is started before `start`.

    ``job_id`` is ``None`` where any job will do: then nothing can be run.
    """

    account_id: int
    account: str
    job_id: int | None
    client: Callable[[], Awaitable[DbtCloudClient]]
    token: Callable[[], Awaitable[SecretStr]]

    @classmethod
    def of_profile(cls, profile: Profile, connections: Connections, job_id: int | None = None) -> "JobRunner":
        """The runner of a profile's job, or of the job that was named."""
        side = profile.dbt_cloud
        return cls(
            side.account_id,
            side.account_name or f"account {side.account_id}",
            job_id or side.job_id,
            connections.dbt_cloud,
            lambda: connections.secret("dbt_cloud"),
        )

    async def prepare(self, options: JobRunOptions) -> JobRunPlan:
        """Read what would run. Raises `UsageError` where no single job is followed."""
        if self.job_id is None:
            raise UsageError(
                "No single job is followed, so there is none to run",
                fixes=[GoToStep("Choose one job; on the command line, use --job", Step.JOB)],
            )
        return await prepare_job_run(await self.client(), self.account_id, self.job_id, options)

    async def caller(self) -> str:
        """Whose token starts the run, as dbt Cloud will show it."""
        shape = token_shape(await self.token())
        if shape.kind == "personal":
            return f"your own user in {self.account}, by a personal token"
        return f"a {shape.label} of {self.account}"

    async def start(self, plan: JobRunPlan) -> Run:
        """Start the run, or give the one in progress."""
        return await start(await self.client(), plan)

    async def follow(self, run: Run) -> AsyncGenerator[JobRunUpdate, None]:
        """The run's updates until it has ended."""
        updates = follow(await self.client(), self.account_id, run.id)
        async with aclosing(updates):
            async for update in updates:
                yield update

    async def cancel(self, run: Run) -> None:
        """Stop the run in dbt Cloud."""
        await (await self.client()).cancel_run(self.account_id, run.id)
