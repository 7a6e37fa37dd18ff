"""Keyrings that a package of their own would bring, named by PYTHON_KEYRING_BACKEND; items are in a file."""

import getpass
import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Items in the JSON file FILE_KEYRING."""

    priority = -1

    def _items(self) -> dict[str, str]:
        path = Path(os.environ["FILE_KEYRING"])
        items: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return items

    def _save(self, items: dict[str, str]) -> None:
        Path(os.environ["FILE_KEYRING"]).write_text(json.dumps(items), encoding="utf-8")

    def get_password(self, service: str, username: str) -> str | None:
        return self._items().get(service)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._save({**self._items(), service: password})

    def delete_password(self, service: str, username: str) -> None:
        items = self._items()
        if items.pop(service, None) is None:
            raise PasswordDeleteError(service)
        self._save(items)


class AskingKeyring(FileKeyring):
    """Asks for its own password on the terminal; what it got goes to the file ASKING_KEYRING_ANSWERS."""

    def _items(self) -> dict[str, str]:
        answer = getpass.getpass("Please set a password for your new keyring: ")
        Path(os.environ["ASKING_KEYRING_ANSWERS"]).write_text(answer, encoding="utf-8")
        return super()._items()
