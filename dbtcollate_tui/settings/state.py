"""What the program remembers between runs and may forget: drafts, last-seen facts, the last profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dbtcollate_tui.folders import folder
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.printable import safe
from dbtcollate_tui.settings.files import private_folder, write_private
from dbtcollate_tui.settings.names import check_name

if TYPE_CHECKING:
    from pydantic import JsonValue

STATE_VERSION = 1


class StateStore:
    """JSON values by name (a profile's, or ``setup``) and key, one file each, secrets removed on saving.

    State is a convenience: what cannot be read or written is stated in ``notes`` and the log, never raised.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._notes: list[str] = []

    @property
    def folder(self) -> Path:
        """Where the files are: the argument, else ``DBTCOLLATE_STATE_DIR``, else the user's state folder."""
        if self._folder is not None:
            return self._folder
        return folder("state")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was ignored or not written and why, one sentence each."""
        return tuple(self._notes)

    def folder_of(self, name: str) -> Path:
        """The folder of everything that is kept under a name, whether or not it exists."""
        return self.folder / check_name(name)

    def history_folder(self, name: str) -> Path:
        """The folder of a profile's records of syncs, whether or not it exists."""
        return self.folder_of(name) / "history"

    def load(self, name: str, key: str) -> JsonValue:
        """The value last saved, ``None`` where there is none that this version can read."""
        path = self._path(name, key)
        try:
            text = path.read_text(encoding="utf-8")
            import json

            held = json.loads(text)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError):
            self._say(f"{path} cannot be read and was ignored.")
            return None
        if not isinstance(held, dict) or "value" not in held:
            self._say(f"{path} does not hold what this program writes and was ignored.")
            return None
        if held.get("version") != STATE_VERSION:
            self._say(f"{path} was written by another version and was ignored.")
            return None
        value: JsonValue = held["value"]
        return value

    def save(self, name: str, key: str, value: JsonValue) -> None:
        """Replace the value, in one step."""
        import json

        path = self._path(name, key)
        held = {"version": STATE_VERSION, "value": _redacted(value)}
        try:
            private_folder(self.folder)
            private_folder(path.parent)
            write_private(path, json.dumps(held, ensure_ascii=False, indent=1) + "\n")
        except OSError as error:
            self._say(f"{path} could not be written ({error.strerror or type(error).__name__}).")

    def delete(self, name: str, key: str | None = None) -> None:
        """Forget one value, or with no key everything under the name."""
        folder = self.folder_of(name)
        try:
            if key is not None:
                self._path(name, key).unlink(missing_ok=True)
                return
            for place in (self.history_folder(name), folder):
                for path in sorted((*place.glob("*.json"), *place.glob("*.ndjson"))):
                    path.unlink(missing_ok=True)
                if place.is_dir() and not any(place.iterdir()):
                    place.rmdir()
        except OSError as error:
            self._say(f"{folder} could not be cleared ({error.strerror or type(error).__name__}).")

    def rename(self, old: str, new: str) -> None:
        """Keep everything that is kept under a name under another one, in place of what was there."""
        source, target = self.folder_of(old), self.folder_of(new)
        try:
            if source.is_dir():
                self.delete(new)
                source.rename(target)
        except OSError as error:
            self._say(f"{source} could not be renamed ({error.strerror or type(error).__name__}).")

    def _path(self, name: str, key: str) -> Path:
        return self.folder_of(name) / f"{check_name(key)}.json"

    def _say(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)
            LOGGER.warning(sentence)


def _redacted(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    if isinstance(value, dict):
        return {safe(key): _redacted(item) for key, item in value.items()}
    return value
