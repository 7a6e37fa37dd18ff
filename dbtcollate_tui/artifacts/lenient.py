"""Decoding one entry of an artifact so that an odd value in it costs itself alone."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from functools import cache
from typing import Generic, TypeVar

import msgspec
from msgspec import inspect

from dbtcollate_tui.artifacts.meta import Notes
from dbtcollate_tui.artifacts.reading import MAX_DEPTH, is_deeper_than
from dbtcollate_tui.artifacts.shapes import Metadata

T = TypeVar("T")
_TRUTHS = {"true": True, "false": False}


class UnfitError(ValueError):
    """A value does not have the type that its place wants."""


class EntryReader(Generic[T]):
    """Decodes entries of one shape; what does not fit is left out with a note that names file and place.

    ``vital`` are places inside an entry (``.name``, ``.config.enabled``) without which it means something
    else: an entry that is odd there is left out as a whole.
    """

    def __init__(self, shape: type[T], file: str, notes: Notes, vital: Iterable[str] = ()) -> None:
        self._decoder = msgspec.json.Decoder(shape)
        self._shape: type = shape
        self._file = file
        self._notes = notes
        self._vital = frozenset(vital)

    def read(self, raw: msgspec.Raw | bytes, place: str) -> tuple[T | None, bool]:
        """The entry at ``place``, ``None`` where it is left out, and whether all of it could be read."""
        try:
            return self._decoder.decode(raw), True
        except msgspec.ValidationError:
            pass
        except (ValueError, RecursionError):
            self.leave_out(place)
            return None, False
        odd: list[str] = []
        try:
            value = _fit(msgspec.json.decode(raw), _type_of(self._shape), "", odd.append)
        except (ValueError, RecursionError, OverflowError):
            self.leave_out(place)
            return None, False
        if not self._vital.isdisjoint(odd):
            self.leave_out(place + next(name for name in odd if name in self._vital))
            return None, False
        for inner in odd:
            self.leave_out_value(place + inner)
        return value, not odd  # type: ignore[return-value]

    def leave_out_value(self, place: str) -> None:
        """Note that the value at this place is left out."""
        self._notes.count(f"{self._file} has unexpected values, which are left out", place)

    def leave_out(self, place: str) -> None:
        """Note that the entry at this place is left out."""
        self._notes.count(f"{self._file} has entries that cannot be read and are left out", place)

    def is_too_deep(self, value: object, place: str) -> bool:
        """Whether a kept value is nested out of all reason; a note then says that its entry is left out."""
        if not is_deeper_than(MAX_DEPTH, value):
            return False
        self.leave_out(place)
        return True


@cache
def _type_of(shape: type) -> inspect.Type:
    """The shape as msgspec describes it: many times slower to make than a decoder."""
    return inspect.type_info(shape)


def _fit(value: object, info: inspect.Type, place: str, odd: Callable[[str], None]) -> object:
    """The value as far as it has the type; ``odd`` gets the places of what is left out."""
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    for kind in kinds:
        match kind:
            case inspect.AnyType() | inspect.CustomType(cls=builtins.object):
                return value
            case inspect.RawType():
                return msgspec.Raw(msgspec.json.encode(value))
            case inspect.NoneType() if value is None:
                return None
            case inspect.StrType() if isinstance(value, str):
                return value
            case inspect.BoolType() if isinstance(value, bool):
                return value
            case inspect.IntType() if _is_number(value) and value == int(value):  # type: ignore[call-overload]
                return int(value)  # type: ignore[call-overload]
            case inspect.FloatType() if _is_number(value):
                return float(value)  # type: ignore[arg-type]
            case inspect.StructType() if isinstance(value, dict):
                return _struct(value, kind, place, odd)
            case inspect.DictType() if isinstance(value, dict):
                return _mapping(value, kind, place, odd)
            case inspect.ListType() if isinstance(value, list):
                return _list(value, kind, place, odd)
    return _respelt(value, kinds)


def _struct(
    value: dict[str, object], kind: inspect.StructType, place: str, odd: Callable[[str], None]
) -> object:
    found: dict[str, object] = {}
    for field in kind.fields:
        if field.encode_name not in value:
            if field.required:
                raise UnfitError
            continue
        inner = f"{place}.{field.encode_name}"
        try:
            found[field.name] = _fit(value[field.encode_name], field.type, inner, odd)
        except UnfitError:
            if field.required:
                raise
            odd(inner)
    made: object = kind.cls(**found)
    return made


def _mapping(
    value: dict[str, object], kind: inspect.DictType, place: str, odd: Callable[[str], None]
) -> dict[str, object]:
    found = {}
    for key, item in value.items():
        inner = f'{place}["{key}"]'
        try:
            found[key] = _fit(item, kind.value_type, inner, odd)
        except UnfitError:
            odd(inner)
    return found


def _list(
    value: list[object], kind: inspect.ListType, place: str, odd: Callable[[str], None]
) -> list[object]:
    found = []
    for number, item in enumerate(value):
        inner = f"{place}[{number}]"
        try:
            found.append(_fit(item, kind.item_type, inner, odd))
        except UnfitError:
            odd(inner)
    return found


def _respelt(value: object, kinds: tuple[inspect.Type, ...]) -> object:
    """A number where a text is wanted, or the other way round, is read: its meaning is plain."""
    for kind in kinds:
        match kind:
            case inspect.StrType() if _is_number(value):
                return str(value)
            case inspect.BoolType() if isinstance(value, str) and value.lower() in _TRUTHS:
                return _TRUTHS[value.lower()]
            case inspect.IntType() | inspect.FloatType() if isinstance(value, str):
                try:
                    return float(value) if isinstance(kind, inspect.FloatType) else int(value)
                except ValueError:
                    continue
    raise UnfitError


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_metadata(raw: msgspec.Raw, file: str, notes: Notes) -> Metadata:
    """The ``metadata`` of a file, as far as it can be read."""
    if bytes(raw) in (b"", b"null"):
        return Metadata()
    found, _ = EntryReader(Metadata, file, notes).read(raw, "$.metadata")
    return found or Metadata()
