"""Decoding with errors that name the file and the place, whatever the bytes are."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY, Fix

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

MAX_DEPTH = 64
"""How deep a value that is kept unchanged (a test's arguments, a custom property) may be nested."""

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?(?:NaN|Infinity)', re.DOTALL)
_HAS_NOT_FINITE = re.compile(rb"[:,\[]\s*-?(?:NaN|Infinity)\s*[,\]}]")
_HALF_CHARACTER = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.",
    re.DOTALL,
)
_HAS_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_REPLACEMENT = rb"\ufffd"
_MANY_LEVELS = 500
_OTHER_COMMAND = "The run was made by a dbt whose format of this file is not known here"
_DAMAGED = "The file was damaged on its way, or something rewrote it"


class ArtifactError(ActionableError):
    """An artifact cannot be read; ``file`` names it (``manifest.json``), ``place`` says where in it."""

    def __init__(
        self,
        file: str,
        problem: str,
        *,
        place: str = "",
        causes: tuple[str, ...] = (),
        fixes: tuple[Fix, ...] = (RETRY,),
        evidence: tuple[str, ...] = (),
    ) -> None:
        where = (f"{file}, {place}",) if place else (file,)
        super().__init__(f"{file} {problem}", causes=causes, fixes=fixes, evidence=(*where, *evidence))
        self.file = file
        self.place = place


def decode_file(decoder: msgspec.json.Decoder[T], data: Buffer, file: str) -> T:
    """Decode a whole artifact; raises ``ArtifactError``.

    What Python's JSON writer makes and JSON does not allow is read as far as it can be: ``NaN`` and
    ``Infinity`` as null, half a surrogate pair as the replacement character.
    """
    view = memoryview(data).cast("B")
    size = f"{view.nbytes:,} bytes"
    if bytes(view[:3]) == BOM_UTF8:
        view = view[3:]
    head = bytes(view[:256]).lstrip()
    if not head:
        raise ArtifactError(
            file, "is empty", causes=("The download ended before its first byte",), evidence=(size,)
        )
    if head[:1] == b"<":
        raise ArtifactError(
            file,
            "is a web page, not JSON",
            causes=(
                "A proxy or a sign-in page answered in place of dbt Cloud",
                "The address is not the API's",
            ),
            evidence=(size,),
        )
    if head[:2] == b"\x1f\x8b":
        raise ArtifactError(
            file,
            "is compressed (gzip), not JSON",
            causes=("It was stored without being unpacked",),
            evidence=(size,),
        )
    try:
        return decode_part(decoder, view, file, "$")
    except ArtifactError as error:
        if not isinstance(error.__cause__, msgspec.DecodeError):
            raise
        repaired = _repaired(view)
        if repaired is None:
            raise
    return decode_part(decoder, repaired, file, "$")


def _repaired(data: memoryview) -> bytes | None:
    """The JSON without values that Python alone writes, or ``None`` where it has none."""
    not_finite, half = _HAS_NOT_FINITE.search(data), _HAS_HALF_CHARACTER.search(data)
    if not (not_finite or half):
        return None
    text = bytes(data)
    if not_finite:
        text = _NOT_FINITE.sub(lambda hit: hit[0] if hit[0][:1] == b'"' else b"null", text)
    if half:
        text = _HALF_CHARACTER.sub(_whole_character, text)
    return text


def _whole_character(hit: re.Match[bytes]) -> bytes:
    is_half = len(hit[0]) == len(_REPLACEMENT)
    return _REPLACEMENT if is_half else hit[0]


def decode_part(decoder: msgspec.json.Decoder[T], data: Buffer | msgspec.Raw, file: str, place: str) -> T:
    """Decode the part of an artifact at ``place``; raises ``ArtifactError``."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        problem, _, inner = str(error).partition(" - at `")
        raise ArtifactError(
            file,
            f"has an unexpected value: {problem[:1].lower()}{problem[1:]}",
            place=place + inner.rstrip("`").removeprefix("$"),
            causes=(_OTHER_COMMAND, _DAMAGED),
        ) from error
    except RecursionError as error:
        raise ArtifactError(
            file,
            "is nested too deep to be a dbt artifact",
            place=_deepest(data) if place == "$" else place,
            causes=(_DAMAGED,),
        ) from error
    except ValueError as error:
        if "truncated" in str(error):
            raise ArtifactError(
                file,
                "is cut off",
                place=f"byte {memoryview(data).nbytes:,}" if place == "$" else place,
                causes=("The download ended early",),
            ) from error
        raise ArtifactError(
            file, f"is not valid JSON: {error}", place=place, causes=("The download was damaged", _DAMAGED)
        ) from error


def is_deeper_than(levels: int, value: object) -> bool:
    """Whether lists and mappings are nested deeper than this."""
    level = [value]
    for _ in range(levels):
        inner: list[object] = []
        for outer in level:
            items = outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
            inner.extend(item for item in items if isinstance(item, dict | list))
        if not inner:
            return False
        level = inner
    return True


def _deepest(data: Buffer | msgspec.Raw) -> str:
    depth = 0
    for hit in _STRUCTURE.finditer(memoryview(data)):
        if hit[0] in (b"[", b"{"):
            depth += 1
            if depth == _MANY_LEVELS:
                return f"byte {hit.start():,}"
        elif hit[0] in (b"]", b"}"):
            depth -= 1
    return "$"
