"""The operating system's keyring, called in a daemon thread: its health, its name, its limits."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.redact import redact

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend
    from pydantic import SecretStr

KeyringState = Literal[
    "ok",
    "missing",
    "unreachable",
    "disabled",
    "not_set_up",
    "forgets",
    "plain_file",
    "asks_on_terminal",
    "misconfigured",
    "locked",
    "hangs",
    "skipped",
    "too_long",
    "remains",
    "failed",
]
STATES: tuple[KeyringState, ...] = get_args(KeyringState)
ABSENT: frozenset[KeyringState] = frozenset({"missing", "unreachable", "disabled", "forgets", "plain_file"})
"""States in which the keyring holds nothing that this program could read or remove."""

USER = "token"
PROBE = "dbtcollate/probe"
BUS = "DBUS_SESSION_BUS_ADDRESS"
WINDOWS_LIMIT = 1280
"""Characters that Windows Credential Manager takes: 2,560 bytes of UTF-16."""

_T = TypeVar("_T")

_HUMAN = {
    "keyring.backends.macOS": "macOS Keychain",
    "keyring.backends.Windows": "Windows Credential Manager",
    "keyring.backends.kwallet": "KDE Wallet",
    "keyring_pass": "pass",
    "keyrings.cryptfile": "encrypted file (keyrings.cryptfile)",
    "keyrings.alt.file": "file (keyrings.alt)",
}
_ON_THE_BUS = ("keyring.backends.SecretService.", "keyring.backends.libsecret.", "keyring.backends.kwallet.")
_NOT_SET_UP = ("Failed to create the collection",)
"""What keyring's Secret Service backend says where there is no default collection (its source, 25.7)."""


@dataclass(frozen=True, slots=True)
class KeyringHealth:
    """Whether the keyring keeps a secret, under its human name, and why not."""

    state: KeyringState
    backend: str = ""
    detail: str = ""

    @property
    def usable(self) -> bool:
        """Whether a secret written there is read back by the next run."""
        return self.state == "ok"

    @property
    def absent(self) -> bool:
        """Whether there is no keyring that could hold a token of this program."""
        return self.state in ABSENT

    def as_sentence(self) -> str:
        """For the token screen: where the token will be kept, or why the keyring cannot keep it."""
        name = self.backend or "the keyring"
        subject = name[0].upper() + name[1:]
        return {
            "ok": f"Will be stored in: {name}.",
            "missing": "This machine has no keyring.",
            "unreachable": f"The keyring cannot be reached: {self.detail}.",
            "disabled": f"The keyring is turned off by {self.detail}.",
            "not_set_up": "No keyring has been set up yet, or its dialog was closed.",
            "forgets": f"{subject} accepts a secret but does not store it.",
            "plain_file": f"{subject} would keep the token unencrypted, so it is not used.",
            "asks_on_terminal": f"{subject} asks for its password on the terminal, so it is not used.",
            "misconfigured": f"The keyring is misconfigured: {self.detail}.",
            "locked": f"{subject} is locked.",
            "hangs": f"{subject} did not answer within {self.detail}.",
            "skipped": f"{subject} has not answered yet.",
            "too_long": f"{subject} {self.detail}.",
            "remains": f"{subject} still holds the token after its deletion: {self.detail}.",
            "failed": f"{subject} failed: {self.detail}.",
        }[self.state]

    def fix(self) -> str:
        """What makes the keyring usable, in words; empty where it is usable."""
        return {
            "ok": "",
            "missing": "Install one (on Linux gnome-keyring with a session bus), or go on without",
            "unreachable": f"Start dbtcollate in a desktop session, or set {BUS} to that session's bus",
            "disabled": "Remove that setting to use the system's keyring, or go on without",
            "not_set_up": "Create a default keyring in the desktop's password program, or go on without",
            "forgets": "Choose another backend in PYTHON_KEYRING_BACKEND or keyringrc.cfg, or go on without",
            "plain_file": "Install a keyring of the system, or go on without",
            "asks_on_terminal": "Choose another backend in PYTHON_KEYRING_BACKEND, or go on without",
            "misconfigured": "Correct or unset PYTHON_KEYRING_BACKEND, or the file keyringrc.cfg",
            "locked": "Unlock the keyring, then try again",
            "hangs": "Unlock the keyring (a dialog may be open on another screen), then try again",
            "skipped": "Answer the keyring's dialog, then try again",
            "too_long": "Use a shorter token, or go on without the keyring",
            "remains": "Delete it in the keyring's own program",
            "failed": "See the log, or go on without the keyring",
        }[self.state]


class KeyringFailure(Exception):
    """The keyring did not do what it was asked; ``health`` says why."""

    def __init__(self, health: KeyringHealth) -> None:
        super().__init__(health.as_sentence())
        self.health = health


def in_daemon_thread(work: Callable[[], _T]) -> Future[_T]:
    """Start the work at once; neither a caller that stops waiting nor the program's exit waits for it."""
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    return future


class SystemKeyring:
    """Blocking calls to the keyring, for ``in_daemon_thread`` only; each raises ``KeyringFailure``.

    A backend that may ask on the terminal runs in a child process without one, unless ``here`` is set.
    """

    def __init__(self, *, here: bool = False) -> None:
        self.backend = ""
        """The human name, known as soon as the backend is."""
        self._here = here

    def probe(self) -> KeyringHealth:
        """Write, read back and delete an item of no meaning, under a name of its own."""
        from pydantic import SecretStr

        item = f"{PROBE}/{secrets.token_hex(6)}"
        try:
            self.write(item, SecretStr(secrets.token_hex(8)))
            self.delete(item)
        except KeyringFailure as failure:
            return failure.health
        return KeyringHealth("ok", self.backend)

    def read(self, service: str) -> SecretStr | None:
        """The item's secret, ``None`` where there is no such item."""
        from pydantic import SecretStr

        backend = self._open()
        held: str | None
        if self._is_apart(backend):
            held = self._ask_child("read", service)
        else:
            held = self._call(backend, lambda: backend.get_password(service, USER))
        return SecretStr(held) if held else None

    def refusal(self, secret: SecretStr) -> KeyringHealth | None:
        """Why this keyring cannot keep the secret, known without writing it; ``None`` where it may."""
        return self._refusal(self._open(), secret)

    def write(self, service: str, secret: SecretStr) -> None:
        """Store the secret and read it back; a keyring that forgets or keeps plain files is a failure."""
        backend = self._open()
        refusal = self._refusal(backend, secret)
        if refusal is not None:
            raise _failure(refusal)
        if self._is_apart(backend):
            self._ask_child("write", service, secret.get_secret_value())
            return
        self._call(backend, lambda: backend.set_password(service, USER, secret.get_secret_value()))
        if self.read(service) != secret:
            raise _failure(KeyringHealth("forgets", self.backend))

    def delete(self, service: str) -> None:
        """Remove the item from every backend of a chain; one that is not there is no failure.

        Deleted means that a later read does not find it: backends report a refused deletion, a cancelled
        dialog and a missing item by one and the same error.
        """
        from keyring.errors import PasswordDeleteError

        backend = self._open()
        if self._is_apart(backend):
            self._ask_child("delete", service)
            return
        reasons: list[str] = []

        def remove(part: KeyringBackend) -> None:
            try:
                part.delete_password(service, USER)
            except PasswordDeleteError as error:
                reasons.append(_described(error))

        first: KeyringFailure | None = None
        for part in _parts(backend):
            try:
                self._call(part, lambda part=part: remove(part))  # type: ignore[misc]
            except KeyringFailure as failure:
                first = first or failure
        if first is not None:
            raise first
        if self.read(service) is not None:
            raise _failure(KeyringHealth("remains", self.backend, "; ".join(reasons) or "no error"))

    def _refusal(self, backend: KeyringBackend, secret: SecretStr) -> KeyringHealth | None:
        identity = _identity(_parts(backend)[0]) if _parts(backend) else ""
        if identity.startswith("keyring.backends.null."):
            return KeyringHealth("forgets", self.backend)
        if identity.startswith("keyrings.alt.") and "Plaintext" in identity:
            return KeyringHealth("plain_file", self.backend)
        length = len(secret.get_secret_value().encode("utf-16-le")) // 2
        if identity.startswith("keyring.backends.Windows.") and length > WINDOWS_LIMIT:
            detail = f"takes {WINDOWS_LIMIT:,} characters and this token has {length:,}"
            return KeyringHealth("too_long", self.backend, detail)
        return None

    def _open(self) -> KeyringBackend:
        from dbtcollate_tui.settings import keyring_choice

        try:
            backend = keyring_choice.current_backend()
        except Exception as error:  # noqa: BLE001 - a wrong PYTHON_KEYRING_BACKEND raises whatever its import does
            raise _failure(KeyringHealth("misconfigured", "", _described(error))) from None
        if not _parts(backend) or _identity(backend).startswith("keyring.backends.fail."):
            raise _failure(_without_keyring())
        self.backend = human_name(backend)
        return backend

    def _is_apart(self, backend: KeyringBackend) -> bool:
        """Whether it may ask on the terminal: every backend that keyring itself does not ship."""
        if self._here or all(_identity(part).startswith("keyring.backends.") for part in _parts(backend)):
            return False
        from dbtcollate_tui.settings import keyring_choice

        return keyring_choice.is_chosen_again(backend)

    def _ask_child(self, verb: str, service: str, value: str = "") -> str:
        from dbtcollate_tui.settings.keyring_process import ask

        answer, first, detail = ask(verb, service, value)
        if answer == "ok":
            return first
        state: KeyringState = next((state for state in STATES if state == answer), "failed")
        raise _failure(KeyringHealth(state, first, detail))

    def _call(self, backend: KeyringBackend, work: Callable[[], _T]) -> _T:
        from keyring.errors import InitError, KeyringLocked, NoKeyringError

        try:
            return work()
        except NoKeyringError:
            health = _without_keyring()
        except KeyringLocked:
            health = KeyringHealth("locked", self.backend)
        except EOFError:
            health = KeyringHealth("asks_on_terminal", self.backend)
        except InitError as error:
            known = str(error).startswith(_NOT_SET_UP)
            health = KeyringHealth(
                "not_set_up" if known else "failed", self.backend, "" if known else _described(error)
            )
        except Exception as error:  # noqa: BLE001 - backends raise D-Bus, Win32 and Keychain errors of their own
            health = KeyringHealth("failed", self.backend, _described(error))
            if isinstance(error, OSError) and _identity(backend).startswith(_ON_THE_BUS):
                health = _without_keyring(KeyringHealth("failed", self.backend, _described(error)))
        raise _failure(health)


def human_name(backend: KeyringBackend) -> str:
    """The name a person knows the keyring by, "GNOME Keyring" for instance."""
    parts = _parts(backend)
    first = parts[0] if parts else backend
    identity = _identity(first)
    for prefix, name in _HUMAN.items():
        if identity.startswith(f"{prefix}."):
            return name
    if identity.startswith(("keyring.backends.SecretService.", "keyring.backends.libsecret.")):
        from dbtcollate_tui.settings.secret_service import service_name

        return service_name()
    return str(first.name)


def _without_keyring(otherwise: KeyringHealth | None = None) -> KeyringHealth:
    """Why there is no keyring: turned off, no bus, a bus that nobody serves, or none installed."""
    from dbtcollate_tui.settings import keyring_choice
    from dbtcollate_tui.settings.secret_service import bus_trouble

    turned_off = keyring_choice.turned_off_by()
    if turned_off:
        return KeyringHealth("disabled", "", turned_off)
    trouble = bus_trouble()
    if trouble:
        return KeyringHealth("unreachable", "", trouble)
    return otherwise or KeyringHealth("missing")


def _parts(backend: KeyringBackend) -> list[KeyringBackend]:
    """The backends of a chain, else the backend alone."""
    chained = getattr(backend, "backends", None)
    return list(chained) if isinstance(chained, list | tuple) else [backend]


def _identity(backend: KeyringBackend) -> str:
    kind = type(backend)
    return f"{kind.__module__}.{kind.__qualname__}"


def _failure(health: KeyringHealth) -> KeyringFailure:
    LOGGER.info("keyring: %s %s", health.state, redact(health.as_sentence()))
    return KeyringFailure(health)


def _described(error: BaseException) -> str:
    text = " ".join(redact(str(error)).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
