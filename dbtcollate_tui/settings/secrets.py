"""The two tokens: from the environment, this session's memory or the keyring, and from nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, Fix
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.keyrings import KeyringFailure, KeyringHealth, SystemKeyring, in_daemon_thread
from dbtcollate_tui.settings.names import check_name

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["ENV", "FoundSecret", "KeyringHealth", "SecretStore", "Side", "Way", "ways_of_keeping"]

T = TypeVar("T")
Side = Literal["dbt_cloud", "collate"]
Origin = Literal["environment", "session", "keyring"]
Key = tuple[str, Side]

ENV: Mapping[Side, str] = {"dbt_cloud": "DBT_CLOUD_TOKEN", "collate": "COLLATE_TOKEN"}
LABELS: Mapping[Side, str] = {"dbt_cloud": "dbt Cloud token", "collate": "Collate token"}


def token_variable(path: str) -> str:
    """The variable of the token that a request's path takes: OpenMetadata's begin with ``/api/v1``."""
    return ENV["collate" if "/api/v1/" in path else "dbt_cloud"]


KEYRING_TIMEOUT = 10.0
"""Seconds before a call to the keyring is given up where nobody can answer a dialog."""
PERSON_TIMEOUT = 60.0
"""The same for a command in a terminal, where a person may be typing the keyring's password."""
SAID_AFTER = 1.0
"""Seconds after which the person is shown that the keyring is being waited for."""
WAITING = "Waiting for the keyring: a dialog may be open."


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A token, where it came from, and what was cleaned off it in words."""

    secret: SecretStr
    origin: Origin
    removed: tuple[str, ...] = ()

    @property
    def kept_in(self) -> Literal["keyring", "session"]:
        """Where a token that is kept at all is kept."""
        return "keyring" if self.origin == "keyring" else "session"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of keeping a token; the first available one is the proposal."""

    where: Origin
    label: str
    detail: str
    available: bool


def kept_words(where: Origin, backend: str, trouble: KeyringHealth | None = None) -> str:
    """Where the tokens of a saved profile are, for the end of the setup."""
    if where == "environment":
        return "in the environment, not saved else"
    if where == "keyring":
        return f"kept in {backend or 'the keyring'}"
    why = f" {trouble.as_sentence()}" if trouble is not None else ""
    return f"not kept.{why} Set {ENV['dbt_cloud']} and {ENV['collate']} for later commands"


def ways_of_keeping(health: KeyringHealth, side: Side) -> tuple[Way, ...]:
    """The keyring, this session's memory and the environment, in the order they are proposed."""
    return (
        Way(
            "keyring",
            health.backend or "Keyring",
            "Stored until you remove it; later runs do not ask." if health.usable else health.as_sentence(),
            health.usable,
        ),
        Way("session", "This session only", "In memory; the next run asks again.", True),
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


class KeyringError(UsageError):
    """The keyring did not do what a person asked for; ``health`` says why."""

    def __init__(
        self, health: KeyringHealth, title: str, *, causes: Sequence[str] = (), fixes: Sequence[Fix] = ()
    ) -> None:
        super().__init__(title, causes=causes, fixes=fixes)
        self.health = health


class SecretStore:
    """The tokens of every profile. A token that was read is remembered; nothing blocks the loop.

    A locked, slow or failed keyring is one attempt: the next call asks again. ``timeout`` is how long one
    call may take (``None``: until `go_on_without`). With ``uses_keyring=False`` tokens are kept for this
    session alone, and no keyring is ever called.

    ``on_waiting`` is called with true where a call has taken a second, since the keyring may have opened a
    dialog, and with false when the last of such calls has ended.
    """

    def __init__(self, *, timeout: float | None = KEYRING_TIMEOUT, uses_keyring: bool = True) -> None:
        self.timeout = timeout
        self.on_waiting: Callable[[bool], object] | None = None
        self._keyring = SystemKeyring()
        self._off = None if uses_keyring else KeyringHealth("disabled", "", "the demo")
        self._health: KeyringHealth | None = self._off
        self._probing: Future[KeyringHealth] | None = None
        self._reads: dict[Key, Future[SecretStr | None]] = {}
        self._writes: dict[Key, tuple[SecretStr, Future[None]]] = {}
        self._troubles: dict[Key, KeyringHealth] = {}
        self._session: dict[Key, SecretStr] = {}
        self._ignored: set[Side] = set()
        self._noticed: set[asyncio.Future[None]] = set()
        self._going_on: set[asyncio.Future[None]] = set()

    @property
    def health(self) -> KeyringHealth | None:
        """What the last call to the keyring said; ``None`` before the first."""
        return self._health

    @property
    def backend(self) -> str:
        """The keyring's name, known after the first call to it."""
        return self._keyring.backend

    def trouble(self, profile: str, side: Side) -> KeyringHealth | None:
        """Why the last read of this token got no answer; ``None`` where the keyring answered."""
        return self._troubles.get((profile, side))

    def go_on_without(self) -> None:
        """Stop waiting for every call that is under way; its answer is still used when it comes."""
        for waiter in list(self._going_on):
            if not waiter.done():
                waiter.set_result(None)

    async def probe(self, *, again: bool = False, quiet: bool = False) -> KeyringHealth:
        """Whether the keyring writes, reads back and deletes; remembered where it does, unless ``again``.

        ``quiet`` where the caller shows the wait itself.
        """
        if self._off is not None:
            return self._off
        if self._probing is not None and self._probing.done():
            known = self._probing.exception() is None and self._probing.result().usable
            if again or not known:
                self._probing = None
        if self._probing is None:
            self._probing = in_daemon_thread(self._keyring.probe)
        try:
            self._health = await self._within(self._probing, quiet=quiet)
        except KeyringFailure as failure:
            self._health = failure.health
        return self._health

    async def get(self, profile: str, side: Side) -> FoundSecret | None:
        """The token by precedence environment, session, keyring; ``None`` where none of them has one.

        A keyring that could not be read leaves its reason in `trouble` and ``health``.
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

    async def kept(self, profile: str, side: Side) -> FoundSecret | None:
        """The token that session or keyring hold, whatever the environment says.

        Raises ``UsageError`` where a keyring that may hold it did not answer.
        """
        key = (check_name(profile), side)
        if key in self._session:
            return FoundSecret(self._session[key], "session")
        held = await self._read(key)
        trouble = self._troubles.get(key)
        if trouble is not None and not trouble.absent:
            raise KeyringError(
                trouble,
                f"Could not read the {LABELS[side]} of {profile}",
                causes=(trouble.as_sentence(), "Nothing was changed."),
                fixes=(Advice(trouble.fix()),),
            )
        return FoundSecret(held, "keyring") if held is not None else None

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

        Raises ``UsageError`` where the keyring did not take it; a write that ends later is then still used.
        """
        key = (check_name(profile), side)
        if not secret.get_secret_value():
            raise UsageError(f"The {LABELS[side]} is empty")
        redact.learn(secret)
        if where == "session" or self._off is not None:
            self._session[key] = secret
            return
        await self._check_length(side, secret)
        pending = self._writes.get(key)
        if (pending is not None and pending[0] == secret) or await self._read(key) != secret:
            await self._write(key, secret)
        self._session.pop(key, None)

    async def keep_all(
        self, profile: str, tokens: Mapping[Side, SecretStr], where: Literal["keyring", "session"]
    ) -> None:
        """Keep all of the tokens or none: raises ``UsageError`` as `keep` does, with the former ones back."""
        if where == "keyring" and self._off is None:
            for side, secret in tokens.items():
                await self._check_length(side, secret)
        before: dict[Side, FoundSecret | None] = {}
        for side, secret in tokens.items():
            try:
                before[side] = await self.kept(profile, side) if where == "keyring" else None
                await self.keep(profile, side, secret, where)
            except UsageError:
                before.pop(side, None)
                await self._put_back(profile, before)
                raise

    async def _put_back(self, profile: str, before: Mapping[Side, FoundSecret | None]) -> None:
        for side, found in before.items():
            with contextlib.suppress(UsageError):
                if found is None:
                    await self.forget(profile, side)
                else:
                    await self.keep(profile, side, found.secret, found.kept_in)

    async def forget(self, profile: str, side: Side) -> None:
        """Remove the token from session and keyring; raises ``UsageError`` where the keyring fails."""
        key = (check_name(profile), side)
        if self._off is None:
            held = await self._read(key)
            trouble = self._troubles.get(key)
            if trouble is not None and not trouble.absent:
                raise _not_forgotten(key, trouble)
            if held is not None:
                self._reads.pop(key, None)
                try:
                    await self._within(in_daemon_thread(lambda: self._keyring.delete(_service(key))))
                except KeyringFailure as failure:
                    self._health = failure.health
                    raise _not_forgotten(key, failure.health) from None
                self._reads[key] = _known(None)
        self._session.pop(key, None)

    async def _check_length(self, side: Side, secret: SecretStr) -> None:
        try:
            refusal = await self._within(in_daemon_thread(lambda: self._keyring.refusal(secret)))
        except KeyringFailure:
            return  # the write that follows reports it
        if refusal is not None:
            raise _not_kept(side, refusal)

    async def _read(self, key: Key) -> SecretStr | None:
        if self._off is not None:
            return None
        written = self._writes.get(key)
        if written is not None:
            try:
                await self._within(written[1])
            except KeyringFailure as failure:
                if not written[1].done():
                    self._health = self._troubles[key] = failure.health
                    return None
        read = self._reads.get(key)
        if read is None or (read.done() and read.exception() is not None):
            read = self._reads[key] = in_daemon_thread(lambda: self._keyring.read(_service(key)))
        try:
            held = await self._within(read)
        except KeyringFailure as failure:
            if self._reads.get(key) is read and read.done():
                del self._reads[key]
            self._health = self._troubles[key] = failure.health
            return None
        if self._troubles.pop(key, None) is not None:
            self._health = KeyringHealth("ok", self._keyring.backend)
        return held

    async def _write(self, key: Key, secret: SecretStr) -> None:
        pending = self._writes.get(key)
        if pending is not None and pending[0] == secret:
            work = pending[1]
        else:
            self._reads.pop(key, None)
            work = in_daemon_thread(lambda: self._keyring.write(_service(key), secret))
            self._writes[key] = (secret, work)

            def written(done: Future[None]) -> None:
                latest = self._writes.get(key)
                if latest is not None and latest[1] is done:
                    del self._writes[key]
                    if done.exception() is None:
                        self._reads[key] = _known(secret)
                        self._troubles.pop(key, None)

            work.add_done_callback(written)
        try:
            await self._within(work)
        except KeyringFailure as failure:
            self._health = failure.health
            raise _not_kept(key[1], failure.health) from None

    async def _within(self, work: Future[T], *, quiet: bool = False) -> T:
        """Wait for the work: until it ends, the time is over, or the person goes on without."""
        loop = asyncio.get_running_loop()
        ended, without = asyncio.wrap_future(work), loop.create_future()
        noticed = None
        if not quiet:
            self._going_on.add(without)
            noticed = loop.call_later(SAID_AFTER, self._notice, without)
        try:
            await asyncio.wait({ended, without}, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return ended.result()
            health = (
                KeyringHealth("skipped", self._keyring.backend)
                if without.done()
                else KeyringHealth("hangs", self._keyring.backend, f"{self.timeout:g} s")
            )
            self._health = health
            LOGGER.info("keyring: %s %s", health.state, health.as_sentence())
            raise KeyringFailure(health)
        finally:
            if noticed is not None:
                noticed.cancel()
            ended.cancel()
            self._going_on.discard(without)
            self._unnotice(without)

    def _notice(self, waiter: asyncio.Future[None]) -> None:
        self._noticed.add(waiter)
        if len(self._noticed) == 1 and self.on_waiting is not None:
            self.on_waiting(True)

    def _unnotice(self, waiter: asyncio.Future[None]) -> None:
        if waiter in self._noticed:
            self._noticed.discard(waiter)
            if not self._noticed and self.on_waiting is not None:
                self.on_waiting(False)


def _not_kept(side: Side, health: KeyringHealth) -> KeyringError:
    return KeyringError(
        health,
        f"The keyring did not store the {LABELS[side]}",
        causes=(health.as_sentence(),),
        fixes=(
            Advice(health.fix()),
            Advice(f"Or keep it for this session only, or set {ENV[side]}"),
        ),
    )


def _not_forgotten(key: Key, health: KeyringHealth) -> KeyringError:
    return KeyringError(
        health,
        f"The keyring did not delete the {LABELS[key[1]]}",
        causes=(health.as_sentence(),),
        fixes=(
            Advice(health.fix()),
            Advice(f"Or delete the item {_service(key)} in the keyring's own program"),
        ),
    )


def _service(key: Key) -> str:
    """One item per profile and side; no spaces, since Windows and some backends mishandle them."""
    return f"dbtcollate/{key[0]}/{key[1]}"


def _known(secret: SecretStr | None) -> Future[SecretStr | None]:
    future: Future[SecretStr | None] = Future()
    future.set_result(secret)
    return future
