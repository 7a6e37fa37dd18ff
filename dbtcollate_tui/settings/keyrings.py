"""The operating system's keyring, spoken to in a daemon thread: its health, its name, its limits."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from dbtcollate_tui.redact import redact

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend
    from pydantic import SecretStr

KeyringState = Literal[
    "ok", "missing", "forgets", "plain_file", "misconfigured", "locked", "hangs", "too_long", "failed"
]

USER = "token"
PROBE = "dbtcollate/probe"
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
_GNOME = ("gnome", "unity", "cinnamon", "mate", "budgie", "xfce", "pantheon")


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

    def as_sentence(self) -> str:
        """For the token screen: where the token will be kept, or why the keyring cannot keep it."""
        name = self.backend or "the keyring"
        subject = name[0].upper() + name[1:]
        return {
            "ok": f"Will be kept in: {name}.",
            "missing": "This machine has no keyring.",
            "forgets": f"{subject} accepts a secret and forgets it.",
            "plain_file": f"{subject} would keep the token unencrypted, so it is not used.",
            "misconfigured": f"The keyring is misconfigured: {self.detail}.",
            "locked": f"{subject} is locked.",
            "hangs": f"{subject} did not answer within {self.detail}.",
            "too_long": f"{subject} {self.detail}.",
            "failed": f"{subject} failed: {self.detail}.",
        }[self.state]

    def fix(self) -> str:
        """What makes the keyring usable, in words; empty where it is usable."""
        return {
            "ok": "",
            "missing": "Install one (on Linux gnome-keyring with a session bus), or go on without",
            "forgets": "Choose another backend in PYTHON_KEYRING_BACKEND or keyringrc.cfg, or go on without",
            "plain_file": "Install a keyring of the system, or go on without",
            "misconfigured": "Correct or unset PYTHON_KEYRING_BACKEND, or the file keyringrc.cfg",
            "locked": "Unlock the keyring, then try again",
            "hangs": "Unlock the keyring (a dialog may wait on another screen), then try again",
            "too_long": "Use a shorter token, or go on without the keyring",
            "failed": "Look at the log, or go on without the keyring",
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
    """Blocking calls to the keyring, for ``in_daemon_thread`` only; each raises ``KeyringFailure``."""

    def __init__(self) -> None:
        self.backend = ""
        """The human name, known as soon as the backend is."""

    def probe(self) -> KeyringHealth:
        """Write, read back and delete an item of no meaning."""
        from pydantic import SecretStr

        try:
            self.write(PROBE, SecretStr(secrets.token_hex(8)))
            self.delete(PROBE)
        except KeyringFailure as failure:
            return failure.health
        return KeyringHealth("ok", self.backend)

    def read(self, service: str) -> SecretStr | None:
        """The item's secret, ``None`` where there is no such item."""
        from pydantic import SecretStr

        held = self._call(lambda backend: backend.get_password(service, USER))
        return SecretStr(held) if held else None

    def write(self, service: str, secret: SecretStr) -> None:
        """Store the secret and read it back; a keyring that forgets or keeps plain files is a failure."""
        backend = self._open()
        identity = _identity(backend)
        if identity.startswith("keyring.backends.null."):
            raise KeyringFailure(KeyringHealth("forgets", self.backend))
        if identity.startswith("keyrings.alt.") and "Plaintext" in identity:
            raise KeyringFailure(KeyringHealth("plain_file", self.backend))
        length = len(secret.get_secret_value().encode("utf-16-le")) // 2
        if identity.startswith("keyring.backends.Windows.") and length > WINDOWS_LIMIT:
            detail = f"takes {WINDOWS_LIMIT:,} characters and this token has {length:,}"
            raise KeyringFailure(KeyringHealth("too_long", self.backend, detail))
        self._call(lambda backend: backend.set_password(service, USER, secret.get_secret_value()))
        if self.read(service) != secret:
            raise KeyringFailure(KeyringHealth("forgets", self.backend))

    def delete(self, service: str) -> None:
        """Remove the item; one that is not there is no failure."""
        from keyring.errors import PasswordDeleteError

        def remove(backend: KeyringBackend) -> None:
            with contextlib.suppress(PasswordDeleteError):
                backend.delete_password(service, USER)

        self._call(remove)

    def _open(self) -> KeyringBackend:
        try:
            import keyring

            backend = keyring.get_keyring()
        except Exception as error:  # noqa: BLE001 - a wrong PYTHON_KEYRING_BACKEND raises whatever its import does
            raise KeyringFailure(KeyringHealth("misconfigured", "", _said(error))) from None
        self.backend = human_name(backend)
        return backend

    def _call(self, work: Callable[[KeyringBackend], _T]) -> _T:
        backend = self._open()
        from keyring.errors import KeyringLocked, NoKeyringError

        try:
            return work(backend)
        except NoKeyringError:
            health = KeyringHealth("missing")
        except KeyringLocked:
            health = KeyringHealth("locked", self.backend)
        except Exception as error:  # noqa: BLE001 - backends raise D-Bus, Win32 and Keychain errors of their own
            health = KeyringHealth("failed", self.backend, _said(error))
        raise KeyringFailure(health)


def human_name(backend: KeyringBackend) -> str:
    """The name a person knows the keyring by, "GNOME Keyring" for instance."""
    identity = _identity(backend)
    for prefix, name in _HUMAN.items():
        if identity.startswith(f"{prefix}."):
            return name
    if identity.startswith(("keyring.backends.SecretService.", "keyring.backends.libsecret.")):
        desktop = os.environ.get("XDG_CURRENT_DESKTOP", "").lower()
        if "kde" in desktop:
            return "KDE Wallet"
        return "GNOME Keyring" if any(word in desktop for word in _GNOME) else "the desktop's Secret Service"
    return str(backend.name)


def _identity(backend: KeyringBackend) -> str:
    """Module and class of the backend that will be written to: the first one of a chain."""
    chained = getattr(backend, "backends", None)
    kind = type(chained[0] if isinstance(chained, list) and chained else backend)
    return f"{kind.__module__}.{kind.__qualname__}"


def _said(error: BaseException) -> str:
    text = " ".join(redact(str(error)).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
