"""Both clients for a profile, opened when they are first needed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from pydantic import SecretStr

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.errors import AuthError
from dbtcollate_tui.fixes import Advice, EnterToken, Fix
from dbtcollate_tui.pasted import clean_secret
from dbtcollate_tui.redact import redact
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.settings.secrets import ENV, LABELS, Origin, Side
from dbtcollate_tui.transport.pacing import Retrying

Ask = Callable[[Side], Awaitable[SecretStr | None]]
ENTRY: Mapping[Side, str] = {"dbt_cloud": "dbt_token", "collate": "collate"}
"""The setup's step at which each token is entered."""


class Connections:
    """dbt Cloud and Collate for one profile. Open it with ``async with``; the clients open on first use.

    A token comes from ``given``, else from environment, session or keyring, else from ``ask`` (it is then
    used for as long as this lasts, and kept nowhere). Without any, `AuthError` says where to give it.
    """

    def __init__(
        self,
        profile: Profile,
        services: Services,
        *,
        given: Mapping[Side, SecretStr] | None = None,
        ask: Ask | None = None,
        on_retry: Callable[[Retrying], None] | None = None,
    ) -> None:
        self.profile = profile
        self._services = services
        self._secrets: dict[Side, SecretStr] = dict(given or {})
        self._origins: dict[Side, Origin] = dict.fromkeys(self._secrets, "session")
        self._ask = ask
        self._on_retry = on_retry
        self._dbt_cloud: DbtCloudClient | None = None
        self._collate: CollateClient | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the clients that were opened."""
        for client in (self._dbt_cloud, self._collate):
            if client is not None:
                await client.aclose()
        self._dbt_cloud = self._collate = None

    @property
    def origins(self) -> Mapping[Side, Origin]:
        """Where each token that was needed so far came from."""
        return dict(self._origins)

    async def dbt_cloud(self) -> DbtCloudClient:
        """The client of the profile's dbt Cloud; makes no request on its own."""
        async with self._opening:
            if self._dbt_cloud is None:
                self._dbt_cloud = DbtCloudClient(
                    self.profile.dbt_cloud.base_url,
                    await self._secret("dbt_cloud"),
                    request_log=self._services.request_log,
                    on_retry=self._on_retry,
                )
            return self._dbt_cloud

    async def collate(self) -> CollateClient:
        """The connected client of the profile's Collate; a connection that failed is tried again."""
        async with self._opening:
            if self._collate is None:
                client = CollateClient(
                    self.profile.collate.base_url,
                    await self._secret("collate"),
                    allow_http=self.profile.collate.allow_http,
                    request_log=self._services.request_log,
                    on_retry=self._on_retry,
                )
                try:
                    await client.connect()
                except BaseException:
                    await client.aclose()
                    raise
                self._collate = client
            return self._collate

    async def secret(self, side: Side) -> SecretStr:
        """The token itself, for writing it into a pipeline; raises `AuthError` as the clients do."""
        async with self._opening:
            return await self._secret(side)

    async def _secret(self, side: Side) -> SecretStr:
        if side in self._secrets:
            return self._secrets[side]
        found = await self._services.secrets.get(self.profile.name, side)
        if found is not None:
            self._secrets[side], self._origins[side] = found.secret, found.origin
            return found.secret
        answer = await self._ask(side) if self._ask is not None else None
        cleaned = clean_secret(answer.get_secret_value()) if answer is not None else None
        if cleaned is None or not cleaned.length:
            raise self._none(side)
        redact.learn(cleaned.secret)
        self._secrets[side], self._origins[side] = cleaned.secret, "session"
        return cleaned.secret

    def _none(self, side: Side) -> AuthError:
        trouble = self._services.secrets.trouble(self.profile.name, side)
        causes = [f"{ENV[side]} is not set, and nothing is kept for the profile {self.profile.name!r}."]
        fixes: list[Fix] = [
            EnterToken(f"Enter it in the setup, step {ENTRY[side].replace('_', ' ')}", side),
            Advice(f"Or set {ENV[side]} before dbtcollate starts"),
        ]
        if trouble is not None:
            causes = [f"{ENV[side]} is not set, and the keyring cannot be read. {trouble.as_sentence()}"]
            fixes.append(Advice(trouble.fix()))
        return AuthError(f"No {LABELS[side]} for the profile {self.profile.name}", causes=causes, fixes=fixes)
