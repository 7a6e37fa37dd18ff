"""Keyrings for tests: one that works, and the ways in which real ones do not."""

import threading
from collections import Counter

from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps items in memory and counts the calls for each."""

    priority = -1

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}
        self.reads: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return "Memory Keyring"

    def get_password(self, service: str, username: str) -> str | None:
        self.reads[service] += 1
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.writes[service] += 1
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.items.pop((service, username), None) is None:
            raise PasswordDeleteError(service)


class ForgetfulKeyring(MemoryKeyring):
    """Accepts every item and keeps none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self.writes[service] += 1


class LockedKeyring(MemoryKeyring):
    """Refuses until ``locked`` is false, as a Secret Service whose dialog was dismissed."""

    locked = True

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        super().set_password(service, username, password)

    def _check(self) -> None:
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")


class HangingKeyring(MemoryKeyring):
    """Answers nothing before ``release`` is set, as a half-present Secret Service."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.release.wait()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.release.wait()
        super().set_password(service, username, password)


class BrokenKeyring(MemoryKeyring):
    """Raises what is no keyring error, with the secret in its text."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(f"org.freedesktop.DBus.Error.NoReply for {password}")


class LateKeyring(HangingKeyring):
    """Reads at once; a write waits for ``release``, as for a dialog."""

    def get_password(self, service: str, username: str) -> str | None:
        return MemoryKeyring.get_password(self, service, username)


class UndeletableKeyring(MemoryKeyring):
    """Refuses deletions as KWallet and macOS do: by the error for an item that is not there."""

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError("Cancelled by user")


class ShortKeyring(MemoryKeyring):
    """Refuses more than 512 characters, without an error of keyring's own."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > 512:
            raise OSError(1783, "The stub received bad data")
        super().set_password(service, username, password)


class UncreatedKeyring(MemoryKeyring):
    """A Secret Service without a default collection, whose dialog was dismissed."""

    def get_password(self, service: str, username: str) -> str | None:
        raise InitError("Failed to create the collection: Prompt dismissed..")

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)


class ChainKeyring(KeyringBackend):
    """Backends joined as keyring's own chain: all are read, the first is written and deleted from."""

    priority = -1

    def __init__(self, *backends: MemoryKeyring) -> None:
        self.backends = list(backends)

    def get_password(self, service: str, username: str) -> str | None:
        found = (one.get_password(service, username) for one in self.backends)
        return next((password for password in found if password is not None), None)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.backends[0].set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self.backends[0].delete_password(service, username)
