"""Custom properties of dbt's ``meta`` as values that OpenMetadata's property types take. No IO."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from dbtcollate_tui.artifacts.project import Column, Metric, Node
from dbtcollate_tui.collate.models import CustomProperty, EntityReference

NamedEntity = tuple[str, str]
"""Entity type and FQN, as dbt's ``meta`` names an entity: ``{"type": "user", "fqn": "ana"}``."""

References = Mapping[NamedEntity, EntityReference | None]
"""The entities that were looked up, ``None`` where the server has none."""


class UnfitError(ValueError):
    """The value does not fit the property; the text says why."""


def entities_named(
    node: Node | Metric | Column, properties: Mapping[str, CustomProperty]
) -> Iterator[NamedEntity]:
    """The entities that the node's values refer to, where the property is a reference."""
    for name, value in node.custom_properties.items():
        known = properties.get(name)
        if known is None or known.type_name not in ("entityReference", "entityReferenceList"):
            continue
        for item in value if isinstance(value, list) else [value]:
            named = _named(item)
            if named is not None:
                yield named


def fit(known: CustomProperty, value: object, references: References) -> object:
    """The value as the server stores it; raises `UnfitError` where the property's type refuses it.

    The rules are those of the reference ingestion: of a list of choices the unknown ones are left out.
    """
    check = _CHECKS.get(known.type_name)
    if check is None:
        raise UnfitError(f"the property type {known.type_name} is not known here")
    if value is None:
        raise UnfitError("it has no value")
    return check(value, known.config, references)


def _text(value: object, _: object, __: References) -> str:
    if not isinstance(value, str):
        raise UnfitError(f"a text is wanted, not {_type(value)}")
    return value


def _integer(value: object, _: object, __: References) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnfitError(f"a whole number is wanted, not {_type(value)}")
    return value


def _number(value: object, _: object, __: References) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise UnfitError(f"a number is wanted, not {_type(value)}")
    return value


def _timestamp(value: object, config: object, references: References) -> int:
    number = _integer(value, config, references)
    if number < 0:
        raise UnfitError("a time in milliseconds since 1970 is wanted")
    return number


def _email(value: object, config: object, references: References) -> str:
    text = _text(value, config, references)
    if not re.match(r"[^\s@]{1,320}@[^\s@.]+(?:\.[^\s@.]+)+$", text):
        raise UnfitError("an e-mail address is wanted")
    return text


def _duration(value: object, config: object, references: References) -> str:
    text = _text(value, config, references)
    if not text.startswith("P"):
        raise UnfitError("an ISO 8601 duration such as P1DT12H is wanted")
    return text


_JAVA_DATES = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSSSSS": "%f"}


def _moment(value: object, config: object, references: References) -> str:
    """A date or time in the property's format; a format with other letters is left to the server."""
    text = _text(value, config, references)
    if isinstance(config, str):
        parts = re.findall(r"'[^']*'|[A-Za-z]+|[^A-Za-z']+", config)
        known = [_JAVA_DATES.get(part, None if part.isalpha() else part.strip("'")) for part in parts]
        pattern = "".join(part for part in known if part is not None)
        if None not in known:
            try:
                datetime.strptime(text, pattern)
            except ValueError:
                raise UnfitError(f"the form {config} is wanted") from None
    return text


def _interval(value: object, _: object, __: References) -> object:
    if not isinstance(value, dict) or not {"start", "end"} <= value.keys():
        raise UnfitError("start and end are wanted, in milliseconds since 1970")
    try:
        start, end = int(value["start"]), int(value["end"])
    except (TypeError, ValueError):
        raise UnfitError("start and end are wanted, in milliseconds since 1970") from None
    if start > end:
        raise UnfitError("it ends before it starts")
    return value


def _choice(value: object, config: object, _: References) -> list[object]:
    wanted = value if isinstance(value, list) else [value]
    if not isinstance(config, Mapping):
        return wanted
    allowed = list(config.get("values") or ())
    if isinstance(value, list) and not config.get("multiSelect"):
        raise UnfitError(f"one of {', '.join(map(str, allowed))} is wanted, not a list")
    kept = [item for item in wanted if item in allowed]
    if not kept:
        raise UnfitError(f"one of {', '.join(map(str, allowed))} is wanted")
    return kept


def _table(value: object, config: object, _: References) -> object:
    if not isinstance(value, dict) or not isinstance(value.get("columns"), list):
        raise UnfitError("a mapping with columns and rows is wanted")
    columns = set(value["columns"])
    if isinstance(config, Mapping) and columns != set(config.get("columns") or ()):
        raise UnfitError(f"the columns {', '.join(map(str, config.get('columns') or ()))} are wanted")
    rows = value.get("rows") or []
    if any(not isinstance(row, dict) or not row.keys() <= columns for row in rows):
        raise UnfitError("a row has other columns")
    return value


def _reference(value: object, config: object, references: References) -> dict[str, str]:
    named = _named(value)
    if named is None:
        raise UnfitError("type and fqn of an entity are wanted")
    if isinstance(config, list) and named[0] not in config:
        raise UnfitError(f"an entity of type {', '.join(map(str, config))} is wanted")
    found = references.get(named)
    if found is None:
        raise UnfitError(f"the server has no {named[0]} {named[1]}")
    kept = {"id": found.id, "type": named[0], "name": found.name}
    return kept | {"fullyQualifiedName": found.fullyQualifiedName or named[1]}


def _references(value: object, config: object, references: References) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise UnfitError("a list of entities is wanted")
    return [_reference(item, config, references) for item in value]


def _named(value: object) -> NamedEntity | None:
    if not isinstance(value, Mapping):
        return None
    kind, fqn = value.get("type"), value.get("fqn")
    return (kind, fqn) if isinstance(kind, str) and isinstance(fqn, str) else None


def _type(value: object) -> str:
    return {bool: "a truth value", int: "a number", float: "a number", str: "a text"}.get(
        type(value), "a list" if isinstance(value, list) else "a mapping"
    )


_CHECKS: Mapping[str, Callable[[object, object, References], object]] = {
    "string": _text,
    "markdown": _text,
    "sqlQuery": _text,
    "integer": _integer,
    "number": _number,
    "timestamp": _timestamp,
    "email": _email,
    "duration": _duration,
    "date-cp": _moment,
    "dateTime-cp": _moment,
    "time-cp": _moment,
    "timeInterval": _interval,
    "enum": _choice,
    "table-cp": _table,
    "entityReference": _reference,
    "entityReferenceList": _references,
}


def same(held: object, wanted: object) -> bool:
    """Whether the server holds the value; of a reference only type and id count, of numbers the value."""
    if isinstance(held, Mapping) and isinstance(wanted, Mapping):
        keys = ("type", "id") if "id" in wanted else {*held, *wanted}
        return all(same(held.get(key), wanted.get(key)) for key in keys)
    if isinstance(held, list) and isinstance(wanted, list):
        return len(held) == len(wanted) and all(map(same, held, wanted))
    return held == wanted
