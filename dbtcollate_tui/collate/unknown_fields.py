"""What a server refuses as unknown: left out, sent again, remembered for this server, reported once.

The dialect knows every published release (see `Dialect`). This is for what no table can know: builds
between releases, and servers with changes of their own.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

UnknownKind = Literal["field", "value", "requested"]

MOST_DROPS = 8
"""How many unknown things one request may lose before its refusal counts."""

_FIELD = re.compile(r'Unrecognized field "([^"]+)"')
_VALUES = (
    re.compile(
        r"Cannot construct instance of `[^`]{0,500}`, problem: (.{0,2000}?)(?=\n| at \[Source| \(through|$)"
    ),
    re.compile(r'from String "([^"]*)": not one of the values accepted for Enum'),
)
_REQUESTED = re.compile(r"Invalid field name ([\w.]+)")
_CHAIN = re.compile(r"through reference chain: ([^)]*)\)")
_KEY = re.compile(r'\["([^"]+)"\]')
_TEXTS = frozenset(
    {
        "description",
        "displayName",
        "label",
        "sql",
        "rawSql",
        "sqlQuery",
        "metricExpression",
        "result",
        "value",
    }
)
_API_WORDS = (
    "tables dataModel lineage dataQuality testCases testDefinitions testSuites executable basic "
    "createMany testCaseResults testCaseResult services databaseServices pipelineServices "
    "ingestionPipelines pipelineStatus progress logs close classifications tags glossaries glossaryTerms "
    "domains metrics dataContracts results users teams automations workflows name databases "
    "databaseSchemas metadata types search query bulk columns pipelines dashboards"
)
_WORDS = frozenset(_API_WORDS.split())


@dataclass(frozen=True, slots=True)
class Unknown:
    """One thing that a server's answer calls unknown; ``keys`` lead to it, as far as the answer says."""

    kind: UnknownKind
    name: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """What is left out of a kind of request to this server; ``call`` is method and path without names."""

    call: str
    unknown: Unknown

    @property
    def field(self) -> str:
        """The field with the keys that lead to it."""
        return ".".join((*self.unknown.keys[:-1], self.unknown.name)) or self.unknown.name

    @property
    def holds_text(self) -> bool:
        """Whether a text of dbt's is lost with it."""
        return self.unknown.kind == "field" and self.unknown.name in _TEXTS

    def sentence(self, version: str) -> str:
        """For a person: what this server does not know, and what that means."""
        what = {"field": "the field", "value": "the value", "requested": "the field"}[self.unknown.kind]
        lost = " A text from dbt is not written there." if self.holds_text else ""
        return f"OpenMetadata {version} does not know {what} {self.field} ({self.call}): left out.{lost}"


def unknown_in(message: str) -> Unknown | None:
    """What a 400 refuses as unknown; ``None`` where it means something else."""
    found = _REQUESTED.search(message)
    if found is not None:
        return Unknown("requested", found.group(1).rstrip("."))
    chain = _CHAIN.search(message)
    keys = tuple(_KEY.findall(chain.group(1))) if chain is not None else ()
    found = _FIELD.search(message)
    if found is not None:
        name = found.group(1)
        return Unknown("field", name, keys if keys and keys[-1] == name else (name,))
    for pattern in _VALUES:
        found = pattern.search(message)
        if found is not None:
            return Unknown("value", found.group(1).strip(), keys)
    return None


def call_of(method: str, path: str) -> str:
    """Method and path without the names and ids in it: ``PUT tables/dataModel``."""
    return f"{method} {'/'.join(part for part in path.split('?')[0].split('/') if part in _WORDS)}"


class UnknownFields:
    """What one server is known not to know. ``on_dropped`` hears of each thing once."""

    def __init__(self, known: Iterable[Dropped] = ()) -> None:
        self._known: dict[str, list[Dropped]] = {}
        self.on_dropped: Callable[[Dropped], None] | None = None
        self.remember(known)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Everything that is left out, in the order in which the server refused it."""
        return tuple(item for items in self._known.values() for item in items)

    def add(self, item: Dropped) -> None:
        """Remember one more, and report it where it is new."""
        items = self._known.setdefault(item.call, [])
        if item not in items:
            items.append(item)
            if self.on_dropped is not None:
                self.on_dropped(item)

    def remember(self, items: Iterable[Dropped]) -> None:
        """Take over what an earlier connection to this server found out; nothing is reported."""
        for item in items:
            known = self._known.setdefault(item.call, [])
            if item not in known:
                known.append(item)

    @property
    def model_fields(self) -> frozenset[str]:
        """The fields of a dbt data model that the server does not know."""
        return frozenset(
            item.unknown.name
            for item in self.dropped
            if item.unknown.kind == "field"
            and (item.call == "PUT tables/dataModel" or "dataModel" in item.unknown.keys[:-1])
        )

    def without(
        self, call: str, body: object | None, params: Mapping[str, Any] | None
    ) -> tuple[object | None, Mapping[str, Any] | None]:
        """A request's body and parameters without what this server is known not to know."""
        for item in self._known.get(call, ()):
            body, params = leave_out(item.unknown, body, params)
        return body, params


def leave_out(
    unknown: Unknown, body: object | None, params: Mapping[str, Any] | None
) -> tuple[object | None, Mapping[str, Any] | None]:
    """Body and parameters without one thing; the very same objects where it is not in them."""
    if unknown.kind == "requested":
        names = str((params or {}).get("fields", "")).split(",")
        if params is None or unknown.name not in names:
            return body, params
        return body, {**params, "fields": ",".join(name for name in names if name != unknown.name)}
    if _is_patch(body):
        return _patch_without(unknown, body), params
    found, changed = _without(body, unknown, unknown.keys)
    if not changed:
        found, changed = _anywhere(body, unknown)
    return (found if changed else body), params


def _is_patch(body: object | None) -> bool:
    return (
        isinstance(body, Sequence)
        and not isinstance(body, str)
        and bool(body)
        and all(isinstance(op, Mapping) and "op" in op and "path" in op for op in body)
    )


def _patch_without(unknown: Unknown, body: Any) -> object:
    """The operations without those at an unknown field, and with their values freed of it."""
    kept = []
    for op in body:
        if unknown.kind == "field" and unknown.name in str(op["path"]).split("/"):
            continue
        value, changed = (op.get("value"), False) if op["op"] == "test" else _in_value(op, unknown)
        kept.append({**op, "value": value} if changed else op)
    return kept if kept != list(body) else body


def _in_value(op: Mapping[str, Any], unknown: Unknown) -> tuple[Any, bool]:
    """An operation's value freed of the unknown thing; its path may hold the first of the keys."""
    for start in range(max(1, len(unknown.keys))):
        found, changed = _anywhere(op.get("value"), replace(unknown, keys=unknown.keys[start:]))
        if changed:
            return found, True
    return op.get("value"), False


def _without(value: Any, unknown: Unknown, keys: tuple[str, ...]) -> tuple[Any, bool]:
    """``value`` without what ``keys`` lead to; lists on the way are passed through item by item."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if not keys and unknown.kind == "value":
            kept = [item for item in value if item != unknown.name]
            return kept, len(kept) != len(value)
        items = [_without(item, unknown, keys) for item in value]
        return [item for item, _ in items], any(changed for _, changed in items)
    if not isinstance(value, Mapping) or not keys or keys[0] not in value:
        return value, False
    inner = value[keys[0]]
    last = len(keys) == 1
    if last and (unknown.kind == "field" or inner == unknown.name):
        return {key: item for key, item in value.items() if key != keys[0]}, True
    found, changed = _without(inner, unknown, keys[1:])
    return ({**value, keys[0]: found} if changed else value), changed


def _anywhere(value: Any, unknown: Unknown) -> tuple[Any, bool]:
    """``value`` without the unknown thing wherever its keys lead to it from some object inside."""
    if isinstance(value, Mapping):
        keys = unknown.keys or ((unknown.name,) if unknown.kind == "field" else ())
        found, changed = _without(value, unknown, keys)
        items: dict[Any, Any] = {}
        for key, item in found.items():
            items[key], inside = _anywhere(item, unknown)
            changed = changed or inside
        return (items if changed else value), changed
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        parts = [_anywhere(item, unknown) for item in value]
        return [item for item, _ in parts], any(changed for _, changed in parts)
    return value, False
