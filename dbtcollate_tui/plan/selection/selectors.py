"""dbt's node selection syntax, on what a run's manifest says. No IO.

As dbt-core's selector reads it: ``a b`` is a union, ``a,b`` an intersection; ``+a``, ``a+``, ``2+a``,
``a+1`` and ``@a`` walk the graph; a word without a method is a path where it has a slash, a file where it
ends as one, else a name. Beyond dbt, a word may be a unique id, a relation's name, or ``source.table`` of a
source, and a path may have backslashes.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dbtcollate_tui.artifacts.project import Resource
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, Argument
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.plan.selection.graph import Graph, slashed
from dbtcollate_tui.plan.selection.methods import NAMES, NEEDS, RESOURCE_TYPES, ValueRefusedError, find

_CRITERION = re.compile(
    r"(?P<at>@)?(?:(?P<above>\d*)\+)?(?:(?P<method>[\w.]+):)?(?P<value>.*?)(?:\+(?P<below>\d*))?"
)
_FILES = (".sql", ".py", ".csv")
_MOST_DEFINITIONS = 100
"""Definitions of ``selectors.yml`` that name each other; dbt writes them out, so that none is deep."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: a method's value, and which way to walk the graph from what it names."""

    text: str
    method: str
    value: str
    at: bool = False
    above: int | None = 0
    below: int | None = 0
    has_method: bool = False


def select_nodes(
    graph: Graph, select: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str] | None:
    """The unique ids of the tables' nodes that are selected and not excluded; ``None`` for no selector.

    Each argument is a selector, several are a union. Raises `UsageError` for one that cannot be read or that
    matches nothing, with the nearest names, and where nothing is left that has a table.
    """
    chosen, left_out = _words(select), _words(exclude)
    if not chosen and not left_out:
        return None
    found: set[str] = set().union(*(_intersection(graph, word) for word in chosen))
    if not chosen:
        found = set(graph.resources)
    found -= set().union(*(_intersection(graph, word) for word in left_out))
    tables = frozenset(found.intersection(graph.tables))
    if tables:
        return tables
    said = " ".join(chosen) or "everything"
    without = f" without {' '.join(left_out)}" if left_out else ""
    kinds = sorted({graph.resources[name].resource_type.replace("_", " ") for name in found})
    raise UsageError(
        f"Nothing with a table is left of {said}{without}",
        causes=[f"It selects only: {', '.join(kinds)}." if kinds else "All of it is excluded."],
        fixes=[Advice("Exclude less, or select more, such as with a + before or after a name.")],
    )


def _words(selectors: Iterable[str]) -> list[str]:
    return [word for selector in selectors for word in selector.split()]


def _intersection(graph: Graph, word: str) -> set[str]:
    parts = word.split(",")
    if not all(parts):
        raise UsageError(
            f"The selector {word!r} has an empty part",
            causes=["A comma joins two selectors that both must match; a space joins two of which one must."],
            fixes=[Advice("Remove the comma, or write the missing selector.")],
        )
    sets = [_evaluate(graph, _parse(part)) for part in parts]
    found = set.intersection(*sets)
    if not found:
        raise UsageError(
            f"Nothing is in all of {', '.join(parts)}",
            causes=[f"{part} selects {len(each)}." for part, each in zip(parts, sets, strict=True)],
            fixes=[Advice("Join them with a space for what is in any of them.")],
        )
    return found


def _parse(text: str) -> Criterion:
    match = _CRITERION.fullmatch(text)
    if match is None or not match["value"]:
        raise UsageError(
            f"The selector {text!r} names nothing",
            fixes=[Advice("Such as: dim_customers, tag:nightly, models/staging, +fct_orders+1.")],
        )
    if match["at"] and match["below"] is not None:
        raise UsageError(
            f"The selector {text!r} has both @ and a + at its end",
            causes=["@ takes the children, and all their parents, already."],
            fixes=[Advice("Remove one of the two.")],
        )
    value = match["value"]
    return Criterion(
        text,
        match["method"] or _method_of(value),
        value,
        at=bool(match["at"]),
        above=_depth(match["above"]),
        below=_depth(match["below"]),
        has_method=match["method"] is not None,
    )


def _depth(text: str | None) -> int | None:
    """How many steps: none without a ``+``, any number (``None``) for a ``+`` alone."""
    return 0 if text is None else int(text) if text else None


def _method_of(value: str) -> str:
    if "/" in value or "\\" in value:
        return "path"
    return "file" if value.lower().endswith(_FILES) else "fqn"


def _evaluate(graph: Graph, criterion: Criterion, *, lenient: bool = False) -> set[str]:
    """What a criterion selects; one that matches nothing is an error unless ``lenient``."""
    found = _search(graph, criterion)
    if not found and not lenient:
        raise _nothing(graph, criterion)
    result = set(found)
    if criterion.at:
        result |= graph.below(found)
        result |= graph.above(result)
    return result | graph.above(found, criterion.above) | graph.below(found, criterion.below)


def _search(graph: Graph, criterion: Criterion) -> set[str]:
    method, value = criterion.method, criterion.value
    if method == "selector":
        return _by_definition(graph, value)
    try:
        found = find(graph, method, value)
    except ValueRefusedError as error:
        raise UsageError(
            f"The selector {criterion.text!r} cannot be read",
            causes=[f"dbt refuses the value {value} of {method}:."],
            fixes=[Advice(f"With {method}:, {error}.")],
        ) from None
    if found is None:
        need = NEEDS.get(method.partition(".")[0])
        raise UsageError(
            f"The selector method {method}: cannot be used here" if need else f"dbt has no method {method}:",
            causes=[f"It needs {need}; a sync has the artifacts of one run."] if need else [],
            fixes=[Advice(f"Use one of {', '.join(f'{name}:' for name in NAMES)}.")],
        )
    if not found and method == "fqn" and not criterion.has_method:
        return {item.unique_id for item in graph.resources.values() if _is_named(graph, item, value)}
    return found


def _is_named(graph: Graph, item: Resource, value: str) -> bool:
    """Beyond dbt's rule: a unique id, a relation's name, a source's table; of each, with wildcards."""
    names = [item.unique_id, graph.tables.get(item.unique_id, "")]
    if item.resource_type != "test":
        names += [item.name, f"{item.source_name}.{item.name}"]
    return value in names or any(fnmatchcase(name, value) for name in names)


def _by_definition(graph: Graph, value: str) -> set[str]:
    """What the definitions of ``selectors.yml`` of that name select, as dbt reads them."""
    named = [name for name in sorted(graph.selectors) if fnmatchcase(name, value)]
    if not named:
        near = nearest(value, graph.selectors)
        raise UsageError(
            f"The project's selectors.yml has no selector {value}",
            causes=[] if graph.selectors else ["The run's manifest has no selector at all."],
            fixes=[Argument(f"Use selector:{name}", "select", f"selector:{name}") for name in near]
            or [Advice("Name one of selectors.yml, or write the selection itself.")],
        )
    found: set[str] = set()
    for name in named:
        definition = graph.selectors[name]
        if isinstance(definition, Mapping) and "definition" in definition:
            definition = definition["definition"]
        found |= _defined(graph, name, definition, _MOST_DEFINITIONS)
    return found


def _defined(graph: Graph, name: str, definition: object, left: int) -> set[str]:
    if left == 0:
        raise _unreadable(name, "its definitions are nested too deep")
    if isinstance(definition, str):
        return _evaluate(graph, _parse(definition), lenient=True)
    if not isinstance(definition, Mapping):
        raise _unreadable(name, "a definition is neither text nor a mapping")
    for kind in ("union", "intersection"):
        if kind in definition:
            return _combined(graph, name, kind, definition[kind], left)
    criterion = _from_mapping(name, definition)
    if criterion.method == "selector" and (inner := graph.selectors.get(criterion.value)) is not None:
        body = inner.get("definition", inner) if isinstance(inner, Mapping) else inner
        found = _defined(graph, name, body, left - 1)
    else:
        found = _evaluate(graph, criterion, lenient=True)
    for excluded in _items(name, definition.get("exclude", [])):
        found = found - _defined(graph, name, excluded, left - 1)
    return found


def _combined(graph: Graph, name: str, kind: str, parts: object, left: int) -> set[str]:
    found: list[set[str]] = []
    excluded: set[str] = set()
    for part in _items(name, parts):
        if isinstance(part, Mapping) and "exclude" in part and "method" not in part:
            for item in _items(name, part["exclude"]):
                excluded |= _defined(graph, name, item, left - 1)
        else:
            found.append(_defined(graph, name, part, left - 1))
    if not found:
        return set()
    joined = set.union(*found) if kind == "union" else set.intersection(*found)
    return joined - excluded


def _from_mapping(name: str, definition: Mapping[object, object]) -> Criterion:
    given = {key: value for key, value in definition.items() if key != "exclude"}
    if len(given) == 1:
        ((method, value),) = given.items()
        return Criterion(name, str(method), str(value), has_method=True)
    if "method" not in given or "value" not in given:
        raise _unreadable(name, "a definition lacks its method or its value")

    def depth(key: str) -> int | None:
        if given.get(key) is not True:
            return 0
        steps = given.get(f"{key}_depth")
        return int(steps) if isinstance(steps, int | str) and str(steps).isdigit() else None

    return Criterion(
        name,
        str(given["method"]),
        str(given["value"]),
        at=given.get("childrens_parents") is True,
        above=depth("parents"),
        below=depth("children"),
        has_method=True,
    )


def _items(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise _unreadable(name, "a list is expected")
    return value


def _unreadable(name: str, reason: str) -> UsageError:
    return UsageError(
        f"The selector {name} of the project's selectors.yml cannot be read",
        causes=[f"In it, {reason}."],
        fixes=[Advice("Write the selection itself: --select takes all of dbt's methods.")],
    )


def _nothing(graph: Graph, criterion: Criterion) -> UsageError:
    method, value, text = criterion.method, criterion.value, criterion.text
    near = nearest(value, _values(graph, method))
    start, _, end = text.partition(value)
    what = f"with {method} {value}" if criterion.has_method or method != "fqn" else f"named {value}"
    return UsageError(
        f"dbt's run has nothing {what}",
        causes=["It is misspelled, disabled, or newer than the run."],
        fixes=[Argument(f"Use {start}{name}{end}", "select", f"{start}{name}{end}") for name in near]
        or [Advice(_hint(graph, method))],
        evidence=[f"selector {text}"],
    )


def _hint(graph: Graph, method: str) -> str:
    values = sorted(_values(graph, method))
    if not values:
        return f"This run has no {method} at all."
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return f"There are {', '.join(values[:5])}{more}."


def _values(graph: Graph, method: str) -> set[str]:
    """What a method's value could have been."""
    items = graph.resources.values()
    match method.partition("."):
        case ("tag", _, _):
            return {tag for item in items for tag in item.tags}
        case ("path", _, _):
            folders = {slashed(item.path).rpartition("/")[0] for item in items}
            return {folder for folder in folders if folder}
        case ("file", _, _):
            return {slashed(item.path).rpartition("/")[2] for item in items if item.path}
        case ("package", _, _):
            return {item.package_name for item in items}
        case ("resource_type", _, _):
            return {item.resource_type for item in items} & RESOURCE_TYPES
        case ("access", _, _):
            return {item.access for item in items if item.access}
        case ("test_name", _, _):
            return {item.test_name for item in items if item.test_name}
        case ("config" | "group", _, key):
            found = (item.config.get(key or "group") for item in items)
            return {str(value) for value in found if isinstance(value, str | bool | int)}
        case ("source", _, _):
            sources = [item for item in items if item.resource_type == "source"]
            return {item.source_name for item in sources} | {f"{s.source_name}.{s.name}" for s in sources}
        case ("fqn", _, _):
            return {item.name for item in items if item.resource_type not in ("test", "unit_test")}
        case (name, _, _):
            return {item.name for item in items if item.resource_type == name}
