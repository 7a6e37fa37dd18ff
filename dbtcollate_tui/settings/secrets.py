"""The two tokens: from the environment, this session's memory or the keyring, and from nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.keyrings import KeyringFailure, KeyringHealth, SystemKeyring, in_daemon_thread
from dbtcollate_tui.settings.names import check_name

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["ENV", "FoundSecret", "KeyringHealth", "SecretStore", "Side", "Way", "ways_of_keeping"]

T = TypeVar("T")
Side = Literal["dbt_cloud", "collate"]
Origin = Literal["environment", "session", "keyring"]

ENV: Mapping[Side, str] = {"dbt_cloud": "DBT_CLOUD_TOKEN", "collate": "COLLATE_TOKEN"}
LABELS: Mapping[Side, str] = {"dbt_cloud": "dbt Cloud token", "collate": "Collate token"}


def token_variable(path: str) -> str:
    """The variable of the token that a request's path takes: OpenMetadata's begin with ``/api/v1``."""
    return ENV["collate" if "/api/v1/" in path else "dbt_cloud"]


KEYRING_TIMEOUT = 10.0
"""Seconds before a keyring that does not answer is left alone."""


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A token, where it came from, and what was cleaned off it in words."""

    secret: SecretStr
    origin: Origin
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """One way of keeping a token; the first available one is the proposal."""

    where: Origin
    label: str
    detail: str
    available: bool


def ways_of_keeping(health: KeyringHealth, side: Side) -> tuple[Way, ...]:
    """The keyring, this session's memory and the environment, in the order they are proposed."""
    return (
        Way(
            "keyring",
            health.backend or "Keyring",
            "Conflict until it is removed; later runs do not ask." if health.usable else health.as_sentence(),
            health.usable,
        ),
        Way("session", "This session only", "Kept in memory; asked again by the next run.", True),
        Way("environment", f"Environment variable {ENV[side]}", "Set before dbtcollate starts.", True),
    )


_taken: dict[str, str] = {}
"""Tokens that were taken out of the environment."""


@contextlib.contextmanager
def tokens_kept_from_children() -> Iterator[None]:
    """While it lasts the tokens are not in the environment: a browser or a clipboard program inherits it."""
    found = {name: os.environ.pop(name) for name in ENV.values() if name in os.environ}
    _taken.update(found)
    try:
        yield
    finally:
        for name, value in found.items():
            _taken.pop(name, None)
            os.environ.setdefault(name, value)


class SecretStore:
    """The tokens of every profile. One read of the keyring per token and process; nothing blocks the loop.

    A keyring that failed once is not touched again until ``probe(again=True)``.
    """

    def __init__(self, *, timeout: float = KEYRING_TIMEOUT) -> None:
        self._timeout = timeout
        self._keyring = SystemKeyring()
        self._health: KeyringHealth | None = None
        self._probing: Future[KeyringHealth] | None = None
        self._reads: dict[tuple[str, Side], Future[SecretStr | None]] = {}
        self._session: dict[tuple[str, Side], SecretStr] = {}
        self._ignored: set[Side] = set()

    @property
    def health(self) -> KeyringHealth | None:
        """What is known of the keyring so far; ``None`` before the first call to it."""
        return self._health

    async def probe(self, *, again: bool = False) -> KeyringHealth:
        """Whether the keyring writes, reads back and deletes; asked once, or ``again`` after an unlock."""
        if again:
            self._health = self._probing = None
            self._reads = {key: read for key, read in self._reads.items() if read.done()}
        if self._health is not None:
            return self._health
        if self._probing is None:
            self._probing = in_daemon_thread(self._keyring.probe)
        try:
            health = await self._within(self._probing)
        except KeyringFailure as failure:
            health = failure.health
        self._health = health
        return health

    async def get(self, profile: str, side: Side) -> FoundSecret | None:
        """The token by precedence environment, session, keyring; ``None`` where none of them has one.

        A keyring that could not be read leaves its reason in ``health``.
        """
        key = (check_name(profile), side)
        found = self.from_environment(side)
        if found is None and key in self._session:
            found = FoundSecret(self._session[key], "session")
        if found is None:
            from dbtcollate_tui.pasted import clean_secret

            held = await self._read(key)
            if held is None:
                return None
            cleaned = clean_secret(held.get_secret_value())
            found = FoundSecret(cleaned.secret, "keyring", cleaned.removed)
        redact.learn(found.secret)
        return found if found.secret.get_secret_value() else None

    def from_environment(self, side: Side) -> FoundSecret | None:
        """The environment variable's token, unless the person chose to ignore it."""
        if side in self._ignored:
            return None
        from dbtcollate_tui.pasted import clean_secret

        cleaned = clean_secret(os.environ.get(ENV[side]) or _taken.get(ENV[side], ""))
        if not cleaned.length:
            return None
        redact.learn(cleaned.secret)
        return FoundSecret(cleaned.secret, "environment", cleaned.removed)

    def ignore_environment(self, side: Side, ignored: bool = True) -> None:
        """Pass the environment variable over for this session, so that a kept token is used."""
        (self._ignored.add if ignored else self._ignored.discard)(side)

    async def keep(
        self, profile: str, side: Side, secret: SecretStr, where: Literal["keyring", "session"]
    ) -> None:
        """Keep the token there; the keyring is written only if it holds another value, and is read back.

        Raises ``UsageError`` where the keyring did not take it; nothing is then kept anywhere.
        """
        key = (check_name(profile), side)
        if not secret.get_secret_value():
            raise UsageError(f"The {LABELS[side]} is empty")
        redact.learn(secret)
        if where == "session":
            self._session[key] = secret
            return
        held = await self._read(key)
        if held != secret:
            await self._change(key, "keep", lambda: self._keyring.write(_service(key), secret))
            self._reads[key] = _known(secret)
        self._session.pop(key, None)

    async def forget(self, profile: str, side: Side) -> None:
        """Remove the token from session and keyring; raises ``UsageError`` where the keyring fails."""
        key = (check_name(profile), side)
        self._session.pop(key, None)
        held = await self._read(key)
        nowhere = self._health is not None and self._health.state in ("missing", "forgets")
        if nowhere or (held is None and (self._health is None or self._health.usable)):
            return
        await self._change(key, "forget", lambda: self._keyring.delete(_service(key)))
        self._reads[key] = _known(None)

    async def _read(self, key: tuple[str, Side]) -> SecretStr | None:
        read = self._reads.get(key)
        if read is None or not read.done():
            if self._health is not None and not self._health.usable:
                return None
            if read is None:
                read = self._reads[key] = in_daemon_thread(lambda: self._keyring.read(_service(key)))
        try:
            return await self._within(read)
        except KeyringFailure as failure:
            if self._reads.get(key) is read and read.done():
                del self._reads[key]
            self._health = failure.health
            return None

    async def _change(self, key: tuple[str, Side], verb: str, work: Callable[[], None]) -> None:
        side = key[1]
        try:
            if self._health is not None and not self._health.usable:
                raise KeyringFailure(self._health)
            self._reads.pop(key, None)
            await self._within(in_daemon_thread(work))
        except KeyringFailure as failure:
            health = failure.health
        else:
            return
        raise UsageError(
            f"The keyring did not {verb} the {LABELS[side]}",
            causes=(health.as_sentence(),),
            fixes=(
                Advice(health.fix()),
                Advice(f"Or keep it for this session only, or set {ENV[side]}"),
            ),
        )

    async def _within(self, work: Future[T]) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), self._timeout)
        except TimeoutError:
            self._health = KeyringHealth("hangs", self._keyring.backend, f"{self._timeout:g} s")
            raise KeyringFailure(self._health) from None


def _service(key: tuple[str, Side]) -> str:
    """One item per profile and side; no spaces, since Windows and some backends mishandle them."""
    return f"dbtcollate/{key[0]}/{key[1]}"


def _known(secret: SecretStr | None) -> Future[SecretStr | None]:
    future: Future[SecretStr | None] = Future()
    future.set_result(secret)
    return future
