"""The guided setup's Collate steps: address and token, the database service."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.checks.services import iter_scores
from dbtcollate_tui.collate.addresses import read_collate_address
from dbtcollate_tui.collate.capabilities import Capabilities
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.models import ServiceStatus
from dbtcollate_tui.collate.pipelines import IngestionPipelines
from dbtcollate_tui.collate.tokens import read_jwt
from dbtcollate_tui.dbt_cloud.tokens import token_shape
from dbtcollate_tui.errors import ActionableError, AuthError, UsageError
from dbtcollate_tui.fixes import EnterToken, GoToStep, OpenUrl, Retry, Step
from dbtcollate_tui.plan.matching.services import ServiceScore, Target
from dbtcollate_tui.settings.secrets import Origin
from dbtcollate_tui.setup.answers import SetupAnswers
from dbtcollate_tui.setup.dbt_cloud_steps import DbtCloudSteps
from dbtcollate_tui.sync.decoding import read_project


@dataclass(frozen=True, slots=True)
class CollateFacts:
    """What the server and the token say of themselves.

    ``read_only`` is ``None`` where the server does not say; ``missing`` names operations that the token may
    not do; ``expires_at`` is ``None`` for a token that does not end.
    """

    base_url: str
    version: str
    user: str
    is_bot: bool
    capabilities: Capabilities
    pipeline_service: ServiceStatus
    expires_at: datetime | None = None
    warning: str = ""

    @property
    def read_only(self) -> bool | None:
        """Whether the token may write nothing at all."""
        return self.capabilities.read_only

    @property
    def sentences(self) -> tuple[str, ...]:
        """The facts in words, one a line."""
        who = f"{self.user} (bot)" if self.is_bot else self.user
        end = f"valid until {self.expires_at:%Y-%m-%d}" if self.expires_at is not None else "does not expire"
        may = "reads and writes"
        if self.read_only:
            may = "may read only: everything works but writing"
        elif self.capabilities.missing:
            may = f"may not: {', '.join(self.capabilities.missing[:4])}"
        runs = (
            "a pipeline service is there: syncs can run in Collate, on schedule"
            if self.pipeline_service.available
            else f"no pipeline service ({self.pipeline_service.reason or 'it does not answer'}): "
            "syncs run from here"
        )
        lines = [f"OpenMetadata {self.version}", f"token of {who}, {end}, {may}", runs]
        return tuple([*lines, self.warning] if self.warning else lines)


@dataclass(frozen=True, slots=True)
class ServiceList:
    """The services, best first; ``basis`` says what they were judged by, ``complete`` that it is the last."""

    scores: tuple[ServiceScore, ...]
    basis: str
    complete: bool

    @property
    def proposed(self) -> ServiceScore | None:
        """The service to propose, where one fits."""
        return self.scores[0] if self.scores and self.scores[0].fits else None


class CollateSteps:
    """The Collate half of the setup; ranks services with what the dbt Cloud half chose."""

    def __init__(self, answers: SetupAnswers, dbt_cloud: DbtCloudSteps) -> None:
        self.answers = answers
        self._dbt_cloud = dbt_cloud
        self.facts: CollateFacts | None = None
        self._client: CollateClient | None = None
        self._project: tuple[int, Project] | None = None

    @property
    def client(self) -> CollateClient:
        """The connected client; raises `UsageError` before a token was accepted."""
        if self._client is None:
            raise UsageError(
                "No Collate token was accepted yet",
                fixes=[GoToStep("Enter Collate's address and token", Step.COLLATE)],
            )
        return self._client

    async def connect(self, address: str, secret: SecretStr, *, origin: Origin = "session") -> CollateFacts:
        """Connect to the address (any page of Collate) with the token, and tell what both may do.

        Raises `UsageError` for an unusable address, `AuthError` or `UnreachableError` otherwise; address and
        token that were accepted before then stay.
        """
        base_url = read_collate_address(address, allow_http=self.answers.draft.collate_allow_http)
        token = self.answers.cleaned("collate", secret)
        if token_shape(token).kind in ("personal", "service"):
            raise AuthError(
                "This is a token of dbt Cloud's kind",
                causes=["A Collate token is a JWT and begins with eyJ. It was not sent to Collate."],
                fixes=[EnterToken("Enter a Collate token", "collate")],
            )
        client = CollateClient(
            base_url,
            token,
            request_log=self.answers.services.request_log,
            allow_http=self.answers.draft.collate_allow_http,
        )
        try:
            dialect = await client.connect()
            user = await client.logged_in_user()
            capabilities = await client.capabilities()
            status = await IngestionPipelines(client).service_status()
        except BaseException:
            await client.aclose()
            raise
        await self.aclose()
        self._client = client
        self.answers.secrets["collate"], self.answers.origins["collate"] = token, origin
        facts = read_jwt(token)
        self.facts = CollateFacts(
            base_url,
            dialect.text,
            user.displayName or user.name,
            user.isBot or bool(facts.is_bot),
            capabilities,
            status,
            facts.expires_at,
            dialect.warning or "",
        )
        if base_url != self.answers.draft.collate_base_url:
            self.answers.take(Step.COLLATE, collate_base_url=base_url)
        self.answers.update(collate_address=address.strip())
        return self.facts

    def allow_http(self, allowed: bool = True) -> None:
        """Record the consent to plain http to Collate; it ends with another address."""
        self.answers.update(collate_allow_http=allowed)

    def note_address(self, address: str) -> None:
        """Keep an address that was entered and not tried yet, so that it is there the next time."""
        self.answers.update(collate_address=address.strip())

    async def iter_services(self) -> AsyncGenerator[ServiceList]:
        """The database services, best first: by type at once, then by their tables as these are read.

        They are compared with the chosen run's manifest, else with the connection that dbt Cloud names.
        """
        services = await self.client.database_services()
        if not services:
            raise ActionableError(
                "Collate has no database service",
                causes=["The warehouse was never ingested into this server."],
                evidence=["GET /api/v1/services/databaseServices → 200, 0 services"],
                fixes=[
                    OpenUrl(
                        "Settings → Services → Databases → Add New Service, then run its metadata ingestion",
                        f"{self.answers.draft.collate_base_url}/settings/services/databases",
                    ),
                    Retry("Check again"),
                ],
            )
        project, basis = await self._wanted()
        scores: tuple[ServiceScore, ...] = ()
        ranked = iter_scores(self.client, services, project, self.answers.draft.options, self.answers.notes)
        async with aclosing(ranked) as rounds:
            async for scores in rounds:
                yield ServiceList(scores, basis, False)
        yield ServiceList(scores, basis, True)

    async def rank_services(self) -> ServiceList:
        """The last of `iter_services`: the services judged by all that could be read."""
        last = ServiceList((), "", True)
        async for listed in self.iter_services():
            last = listed
        return last

    def choose_service(self, fqn: str) -> None:
        """Take a database service by its FQN."""
        self.answers.take(Step.SERVICE, service=fqn)

    async def _wanted(self) -> tuple[Project | Target, str]:
        try:
            preview = await self._dbt_cloud.run_preview()
            if preview.choice is None:
                return await self._connection_target("no run yet")
            run_id = preview.choice.run.id
            if self._project is None or self._project[0] != run_id:
                fetched = await self.answers.services.artifacts.fetch(
                    self._dbt_cloud.client, self._dbt_cloud.account_id(), preview.choice
                )
                self._project = run_id, await read_project(fetched)
            return self._project[1], f"compared with the {len(self._project[1].nodes)} nodes of run {run_id}"
        except ActionableError as error:
            return await self._connection_target(error.title)

    async def _connection_target(self, why: str) -> tuple[Target, str]:
        """The warehouse that dbt Cloud's connection names: its adapter and database."""
        try:
            account_id = self._dbt_cloud.account_id()
            project = await self._dbt_cloud.project()
            if project is None or project.connection_id is None:
                return Target(), f"not compared with dbt's tables ({why})"
            connection = await self._dbt_cloud.client.connection(account_id, project.connection_id)
        except ActionableError:
            return Target(), f"not compared with dbt's tables ({why})"
        keys = ("database", "catalog", "dbname", "project_id", "gcp_project_id")
        database = next((str(connection.config[key]) for key in keys if connection.config.get(key)), "")
        target = Target(connection.adapter, (database,) if database else ())
        return target, f"compared with the connection {connection.name} ({why})"

    async def aclose(self) -> None:
        """Close the client; the answers stay."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()
