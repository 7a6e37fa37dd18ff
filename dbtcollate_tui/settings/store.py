"""Profiles on disk: one TOML file each, comments kept, private, and never with a secret in it."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, Fix, UseProfile
from dbtcollate_tui.folders import folder
from dbtcollate_tui.log import LOGGER
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.nesting import is_deep
from dbtcollate_tui.redact import redact
from dbtcollate_tui.settings.files import private_folder, write_private
from dbtcollate_tui.settings.names import check_name
from dbtcollate_tui.settings.state import StateStore

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from dbtcollate_tui.settings.model import Profile

__all__ = ["ProfileStore", "StateStore"]

_SUFFIX = ".toml"
MOST_BYTES = 1_000_000
"""Of a profile's file."""
_SECRET_KEY = re.compile(r"(?i)(^|_|-)(token|jwt|password|secret|api_?key|auth)s?($|_|-)|token$")
_LEGACY_KEY = re.compile(r"[0-9a-f]{40}")
_LONG_OPAQUE = re.compile(r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_\-+/=.]{80,}")
_FREE_KEYS = ("options.database_map.", "options.owner_map.")


class ProfileStore:
    """The profiles of this user, by name.

    Every error is a ``UsageError`` naming the file and the key. ``state`` remembers the last used profile.
    """

    def __init__(self, folder: Path | None = None, state: StateStore | None = None) -> None:
        self._folder = folder
        self._state = state if state is not None else StateStore()

    @property
    def folder(self) -> Path:
        """``profiles`` below the argument, ``DBTCOLLATE_CONFIG_DIR`` or the user's config folder."""
        if self._folder is not None:
            return self._folder / "profiles"
        return folder("config") / "profiles"

    def path(self, name: str) -> Path:
        """The profile's file, whether or not it exists."""
        return self.folder / f"{check_name(name)}{_SUFFIX}"

    def names(self) -> tuple[str, ...]:
        """Every profile's name, in alphabetical order; files with other names are passed over."""
        try:
            stems = [p.name.removesuffix(_SUFFIX) for p in self.folder.iterdir() if p.name.endswith(_SUFFIX)]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise _file_error(self.folder, "cannot be listed", error) from error
        return tuple(sorted(stem for stem in stems if _is_name(stem)))

    def default_name(self) -> str | None:
        """The pinned profile, else the one last opened in the app, else the only one, else ``None``."""
        names = self.names()
        if (pinned := self.pinned_name()) in names:
            return pinned
        last = self._state.load("profiles", "last-used")
        if isinstance(last, str) and last in names:
            return last
        return names[0] if len(names) == 1 else None

    def pinned_name(self) -> str | None:
        """The profile that was made the default one, also where its file is gone; ``None`` without one."""
        pinned = self._state.load("profiles", "pinned")
        return pinned if isinstance(pinned, str) and pinned else None

    def pin(self, name: str | None) -> None:
        """Make a profile the default one, whichever is used; ``None`` goes back to the one last opened.

        Raises ``UsageError`` where there is no such profile.
        """
        if name is not None:
            self._read(name)
        self._state.save("profiles", "pinned", name or "")

    def mark_used(self, name: str) -> None:
        """Make it the one that ``default_name`` answers."""
        self._state.save("profiles", "last-used", check_name(name))

    def load(self, name: str) -> Profile:
        """The profile, checked.

        Raises ``UsageError``: no such profile, not TOML, an unknown key, a wrong value, a secret in the file.
        """
        from pydantic import ValidationError

        from dbtcollate_tui.settings.model import SCHEMA_VERSION, Profile

        path = self.path(name)
        values = _toml(path, self._read(name))
        _refuse_secrets(path, values)
        version = values.get("schema_version", SCHEMA_VERSION)
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UsageError(
                f"{path} was written by a newer dbtcollate",
                causes=(f"Its schema_version is {version}; this version reads {SCHEMA_VERSION}.",),
                fixes=(Advice("Upgrade dbtcollate-tui, or use another profile"),),
            )
        if values.setdefault("name", name) != name:
            raise UsageError(
                f"{path}: name differs from the file's name",
                causes=("A profile has the name of its file; the key name is not needed.",),
                fixes=(Advice("Remove the key name, or rename the file"),),
            )
        try:
            return Profile.model_validate(values)
        except ValidationError as error:
            raise _key_error(path, error) from None

    def save(self, profile: Profile) -> None:
        """Write the profile and mark it used; comments, order and layout of an existing file stay.

        Raises ``UsageError`` where it cannot be written or a value looks like a secret.
        """
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        path = self.path(profile.name)
        values = profile.model_dump(exclude={"name"}, exclude_none=True)
        _refuse_secrets(path, values)
        try:
            document = tomlkit.parse(_text_of(path))
            fresh = False
        except (FileNotFoundError, TOMLKitError, ValueError, RecursionError):
            _set_aside(path)
            document = tomlkit.document()
            document.add(
                tomlkit.comment("A profile of dbtcollate. It contains no token; tokens are in the keyring.")
            )
            fresh = True
        except OSError as error:
            raise _file_error(path, "cannot be read", error) from error
        _merge(document, values, {} if fresh else _defaults())
        try:
            private_folder(self.folder)
            write_private(path, tomlkit.dumps(document))
        except OSError as error:
            raise _file_error(path, "cannot be written", error) from error
        self.mark_used(profile.name)

    def delete(self, name: str) -> None:
        """Remove the profile's file and what is remembered of it; ``SecretStore.forget`` removes secrets."""
        path = self.path(name)
        self._read(name)
        try:
            path.unlink()
        except OSError as error:
            raise _file_error(path, "cannot be removed", error) from error
        self._state.delete(name)

    def _read(self, name: str) -> str:
        path = self.path(name)
        try:
            return _text_of(path)
        except FileNotFoundError:
            raise self._no_profile(name) from None
        except UnicodeDecodeError:
            raise UsageError(f"{path} is not UTF-8 text") from None
        except OSError as error:
            raise _file_error(path, "cannot be read", error) from error

    def _no_profile(self, name: str) -> UsageError:
        names = self.names()
        fixes: list[Fix] = [Advice("Create a profile: dbtcollate setup")]
        for near in nearest(name, names, most=1):
            fixes.insert(0, UseProfile(f"Use {near!r}", near))
        return UsageError(
            f"No profile is called {name!r}",
            causes=(f"Profiles here: {', '.join(names)}." if names else "There is no profile yet.",),
            fixes=tuple(fixes),
            evidence=(f"Looked in {self.folder}",),
        )


def _is_name(stem: str) -> bool:
    try:
        check_name(stem)
    except UsageError:
        return False
    return True


def _text_of(path: Path) -> str:
    """The file's text; raises ``OSError`` also for what is no file, which would be read without end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "It is not a file", str(path))
    if path.stat().st_size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"It has more than {MOST_BYTES} bytes", str(path))
    return path.read_text(encoding="utf-8")


def _set_aside(path: Path) -> None:
    """Keep a damaged profile beside the new one, under a name that says so."""
    with contextlib.suppress(OSError):
        if path.is_file():
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            LOGGER.warning("%s could not be read; it is kept as %s", path, aside)


def _toml(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        found = tomllib.loads(text)
        if is_deep(found):
            raise ValueError("Its keys are nested too deep.")
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not TOML",
            causes=(redact(str(error)),),
            fixes=(Advice("Correct that line, or set the profile up again under another name"),),
        ) from None
    return found


def _file_error(path: Path, what: str, error: OSError) -> UsageError:
    return UsageError(f"{path} {what}", causes=(error.strerror or type(error).__name__,))


def _leaves(place: str, key: str, value: object) -> Iterator[tuple[str, str, str]]:
    """Dotted place, key and text of every value, a table being its key with an empty text."""
    if isinstance(value, Mapping):
        yield place, key, ""
        for inner, item in value.items():
            yield from _leaves(f"{place}.{inner}".lstrip("."), str(inner), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(f"{place}[{number}]", key, item)
    else:
        yield place, key, value if isinstance(value, str) else ""


def _looks_secret(text: str) -> bool:
    return redact(text) != text or any(p.fullmatch(text) for p in (_LEGACY_KEY, _LONG_OPAQUE))


def _refuse_secrets(path: Path, values: Mapping[str, Any]) -> None:
    """Raise where a key or a value looks like a token, without repeating the value."""
    for place, key, text in _leaves("", "", values):
        named_so = bool(text) and not place.startswith(_FREE_KEYS) and _SECRET_KEY.search(key)
        if _looks_secret(key):
            place = "a key"
        elif not named_so and not _looks_secret(text):
            continue
        collate = re.search(r"(?i)collate|jwt", place) or text.startswith("eyJ")
        from dbtcollate_tui.settings.secrets import ENV

        variable = ENV["collate" if collate else "dbt_cloud"]
        raise UsageError(
            f"{path}: {place} looks like a token",
            causes=(
                "A profile's file must not contain a secret: it may be copied, committed and backed up.",
            ),
            fixes=(
                Advice(
                    "Delete it here and start dbtcollate: it asks for the token and keeps it in the keyring"
                ),
                Advice(f"Or give it in the environment variable {variable}"),
                Advice("If others can read the file, revoke the token and make a new one"),
            ),
        )


def _sections() -> dict[str, type[BaseModel]]:
    from pydantic import BaseModel

    from dbtcollate_tui.settings.model import Profile

    return {
        name: field.annotation
        for name, field in Profile.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _key_error(path: Path, error: ValidationError) -> UsageError:
    """The first fault as the card's title, the others as its evidence."""
    items = error.errors(include_url=False, include_input=False)
    said = [_fault(item) for item in sorted(items, key=lambda item: item["type"] != "extra_forbidden")]
    (title, cause, fixes), others = said[0], said[1:]
    return UsageError(
        f"{path}: {title}",
        causes=(cause,),
        fixes=fixes or (Advice("Correct it in the file, or run the setup again"),),
        evidence=tuple(f"Also: {title}: {cause}" for title, cause, _ in others),
    )


def _fault(item: ErrorDetails) -> tuple[str, str, tuple[Fix, ...]]:
    place = ".".join(str(part) for part in item["loc"])
    table, key = ".".join(str(part) for part in item["loc"][:-1]), str(item["loc"][-1])
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(place, table, key)
    if kind == "missing":
        where = f"the table [{table}]" if table else "the file"
        return f"{place} is missing", f"{where.capitalize()} needs the key {key}.", ()
    if kind == "literal_error":
        return f"{place} has a value that is not known", f"It must be {context['expected']}.", ()
    message = str(context["error"]) if kind == "value_error" else item["msg"]
    return f"{place} is not valid", f"It {message}." if kind == "value_error" else f"{message}.", ()


def _unknown_key(place: str, table: str, key: str) -> tuple[str, str, tuple[Fix, ...]]:
    from dbtcollate_tui.settings.model import Profile

    sections = _sections()
    own = sections[table].model_fields if table in sections else Profile.model_fields
    title = f"{place} is not a known key"
    near = next(iter(nearest(key, own, most=1)), "")
    if near:
        return title, f"The nearest key is {near}.", (Advice(f"Write {near} in place of {key}"),)
    for name, model in sections.items():
        near = next(iter(nearest(key, model.model_fields, most=1)), "") if name != table else ""
        if near:
            return (
                title,
                f"The table [{name}] has {near}.",
                (Advice(f"Move it to [{name}] as {near}"),),
            )
    return title, f"Keys here: {', '.join(n for n in own if n != 'name')}.", (Advice("Remove it"),)


def _defaults() -> dict[str, Any]:
    """Every default of a profile, in its file's shape."""
    from dbtcollate_tui.settings.model import SCHEMA_VERSION

    found = {
        name: {key: field.get_default(call_default_factory=True) for key, field in model.model_fields.items()}
        for name, model in _sections().items()
    }
    return {"schema_version": SCHEMA_VERSION, **found}


def _merge(table: Any, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Make the TOML table say ``values``: what is equal is not touched, what is gone is removed.

    A key that the table does not have is added unless it has its default.
    """
    for key in [key for key in table if key not in values]:
        del table[key]
    for key, value in values.items():
        held, default = table.get(key), defaults.get(key, {})
        if isinstance(value, Mapping) and isinstance(held, Mapping):
            _merge(held, value, default)
        elif key in table:
            if held != value:
                table[key] = value
        elif key not in defaults:
            table[key] = value
        elif isinstance(value, Mapping):
            if added := {k: v for k, v in value.items() if k not in default or v != default[k]}:
                table[key] = added
        elif value != default:
            table[key] = value
