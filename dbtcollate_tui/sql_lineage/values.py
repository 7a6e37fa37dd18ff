"""Relations and values put together: set operations, stars, types. Pure functions over parsed SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from sqlglot import exp

from dbtcollate_tui.sql_lineage.relations import UNKNOWN_RELATION, Relation, Sources, SqlColumn, Value


def cte_named(ctes: Mapping[str, Relation], name: str) -> Relation | None:
    """The common table expression of this name, by case only where one is meant."""
    if name in ctes:
        return ctes[name]
    found = [relation for key, relation in ctes.items() if key.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else None


def paired_by_position(left: Relation, right: Relation) -> Relation:
    """What UNION gives: the left names, each made of the columns at its place on both sides.

    Where the places are not certain, the right side adds to a column only what is at the same place under
    the same name.
    """
    places = left.ordered and right.ordered and len(left.columns) == len(right.columns)
    columns = []
    for at, (name, value) in enumerate(left.columns):
        other: Value | None = None
        if at < len(right.columns):
            there, found = right.columns[at]
            same = there.casefold() == name.casefold() and left.ordered and right.ordered
            other = found if places or same else None
        columns.append((name, either_value(value, other) if other is not None else value))
    coverage = max(left.coverage, right.coverage if not places else left.coverage)
    return Relation(columns, coverage, left.ordered, first_wins=left.first_wins)


def either_value(left: Value, right: Value) -> Value:
    """A value that is either of two."""
    fields = left.fields
    if fields is not None and right.fields is not None and list(fields) == list(right.fields):
        fields = {name: either_value(value, right.fields[name]) for name, value in fields.items()}
    elif right.sources or right.fields is not None:
        fields = None
    return Value(left.sources | right.sources, fields)


def typed_value(sources: Sources, fields: Iterable[SqlColumn]) -> Value:
    """A struct's value with its fields, all made of the same sources."""
    return Value(
        sources,
        {item.name: typed_value(sources, item.fields) if item.fields else Value(sources) for item in fields},
    )


def fields_of_data_type(kind: exp.DataType, sources: Sources) -> Mapping[str, Value] | None:
    """The fields of a struct or of an array's elements."""
    if kind.is_type(exp.DataType.Type.ARRAY, exp.DataType.Type.LIST):
        inner = next((item for item in kind.expressions if isinstance(item, exp.DataType)), None)
        return fields_of_data_type(inner, sources) if inner is not None else None
    if not kind.is_type(*exp.DataType.STRUCT_TYPES):
        return None
    found = {}
    for item in kind.expressions:
        if not isinstance(item, exp.ColumnDef) or not isinstance(item.args.get("kind"), exp.DataType):
            return None
        found[item.name] = Value(sources, fields_of_data_type(item.args["kind"], sources))
    return found or None


def fields_of(value: Value) -> Relation:
    """The fields of a struct as columns."""
    if value.fields is None:
        return UNKNOWN_RELATION
    return Relation(list(value.fields.items()))


def listed_expressions(found: object) -> list[exp.Expr]:
    """The expressions of an argument that may be one, several or none."""
    if isinstance(found, exp.Expr):
        return found.expressions if isinstance(found, exp.Tuple) else [found]
    return list(found) if isinstance(found, list) else []


def unaliased(item: exp.Expr) -> exp.Expr:
    """The expression without its alias."""
    return item.this if isinstance(item, exp.Alias) else item


def only_named(relation: Relation, wanted: Callable[[str], bool]) -> Relation:
    """The columns whose names are wanted."""
    kept = [item for item in relation.columns if wanted(item[0])]
    return Relation(kept, relation.coverage, relation.ordered)


def like_pattern(pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression that matches the whole text."""
    marks = {"%": ".*", "_": "."}
    return re.compile("".join(marks.get(sign) or re.escape(sign) for sign in pattern), flags | re.DOTALL)
