"""dbt's node selection syntax, on what a run's manifest says. No IO.

As dbt's documentation and dbt-core's selector give it: ``a b`` is a union, ``a,b`` an intersection; ``+a``,
``a+``, ``2+a``, ``a+1`` and ``@a`` walk the graph; a word without a method is a path where it has a slash, a
file where it ends as one, else a name. Of dbt's methods those are known that need nothing but the manifest
of the run. Beyond dbt, a word may be a unique id, a relation's name, or ``source.table`` of a source.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from dbtcollate_tui.artifacts.project import Exposure, Node, Project
from dbtcollate_tui.errors import Fix, UsageError

_CRITERION = re.compile(
    r"(?P<at>@)?(?:(?P<above>\d*)\+)?(?:(?P<method>[\w.]+):)?(?P<value>.*?)(?:\+(?P<below>\d*))?"
)
_WILD = re.compile(r"[*?\[\]]")
_FILES = (".sql", ".py", ".csv")
_UNKNOWN_NEED = {
    "state": "another run's manifest",
    "result": "another run's results",
    "source_status": "another run's freshness",
    "selector": "the project's selectors.yml",
}
NEAREST_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Resource:
    """One node or exposure of the graph; ``is_table`` where it has a relation and so may have a table."""

    unique_id: str
    resource_type: str
    name: str
    fqn: tuple[str, ...]
    package: str
    path: str
    tags: tuple[str, ...]
    parents: tuple[str, ...]
    identifier: str = ""
    source_name: str = ""
    materialized: str = ""
    versioned: bool = False
    is_table: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """What a selector is read against; far smaller than the project it is made of."""

    resources: Mapping[str, Resource] = field(default_factory=dict)
    project_name: str = ""
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project) -> "Graph":
        """The enabled nodes and the exposures of a project, with who reads whom."""
        found = [_resource(node, is_table=True) for node in project.nodes.values()]
        found += [_resource(node, is_table=False) for node in project.ephemeral.values()]
        found += [_exposure(exposure) for exposure in project.exposures.values()]
        children: dict[str, list[str]] = {}
        for resource in found:
            for parent in resource.parents:
                children.setdefault(parent, []).append(resource.unique_id)
        return cls(
            {resource.unique_id: resource for resource in found},
            project.project_name,
            {parent: tuple(names) for parent, names in children.items()},
        )


def select_nodes(
    graph: Graph, select: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str] | None:
    """The unique ids of the tables' nodes that are selected and not excluded; ``None`` where nothing is said.

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
    tables = frozenset(unique_id for unique_id in found if graph.resources[unique_id].is_table)
    if tables:
        return tables
    said = " ".join(chosen) or "everything"
    without = f" without {' '.join(left_out)}" if left_out else ""
    raise UsageError(
        f"Nothing with a table is left of {said}{without}",
        causes=["It holds ephemeral models or exposures only." if found else "All of it is excluded."],
        fixes=[Fix("advice", "Exclude less, or select more, such as with a + before or after a name.")],
    )


def _words(selectors: Iterable[str]) -> list[str]:
    return [word for selector in selectors for word in selector.split()]


def _intersection(graph: Graph, word: str) -> set[str]:
    parts = word.split(",")
    if not all(parts):
        raise UsageError(
            f"The selector {word!r} has an empty part",
            causes=["A comma joins two selectors that both must match; a space joins two of which one must."],
            fixes=[Fix("advice", "Take the comma away, or write the selector that is missing.")],
        )
    sets = [_criterion(graph, part) for part in parts]
    found = set.intersection(*sets)
    if not found:
        raise UsageError(
            f"Nothing is in all of {', '.join(parts)}",
            causes=[f"{part} selects {len(each)}." for part, each in zip(parts, sets, strict=True)],
            fixes=[Fix("advice", "Join them with a space for what is in any of them.")],
        )
    return found


def _criterion(graph: Graph, text: str) -> set[str]:
    match = _CRITERION.fullmatch(text)
    if match is None or not match["value"]:
        raise UsageError(
            f"The selector {text!r} names nothing",
            fixes=[Fix("advice", "Such as: dim_customers, tag:nightly, models/staging, +fct_orders+1.")],
        )
    if match["at"] and match["below"] is not None:
        raise UsageError(
            f"The selector {text!r} has both @ and a + at its end",
            causes=["@ takes the children, and all their parents, already."],
            fixes=[Fix("advice", "Take one of the two away.")],
        )
    method, value = match["method"] or _method_of(match["value"]), match["value"]
    found = _search(graph, method, value)
    if not found:
        raise _nothing(graph, text, method, value)
    result = set(found)
    if match["at"]:
        result |= _walk(found, graph.children.get)
        result |= _walk(result, _parents_in(graph))
    if match["above"] is not None:
        result |= _walk(found, _parents_in(graph), int(match["above"] or -1))
    if match["below"] is not None:
        result |= _walk(found, graph.children.get, int(match["below"] or -1))
    return result


def _method_of(value: str) -> str:
    if "/" in value or "\\" in value:
        return "path"
    return "file" if value.lower().endswith(_FILES) else "fqn"


def _parents_in(graph: Graph) -> Callable[[str], Sequence[str]]:
    def parents(unique_id: str) -> Sequence[str]:
        return [parent for parent in graph.resources[unique_id].parents if parent in graph.resources]

    return parents


def _walk(start: Collection[str], step: Callable[[str], Sequence[str] | None], depth: int = -1) -> set[str]:
    """What is reached from ``start`` in at most ``depth`` steps (below zero: in any number)."""
    found: set[str] = set()
    layer = set(start)
    while layer and depth != 0:
        layer = {there for here in layer for there in step(here) or ()} - found
        found |= layer
        depth -= 1
    return found


def _search(graph: Graph, method: str, value: str) -> set[str]:
    fits = _METHODS.get(method)
    if fits is None:
        need = _UNKNOWN_NEED.get(method.partition(".")[0])
        raise UsageError(
            f"The method {method}: of a selector is not known here",
            causes=[f"It needs {need}." if need else "It is none of dbt's, or not about tables."],
            fixes=[Fix("advice", f"Known are {', '.join(f'{name}:' for name in _METHODS)}.")],
        )
    found = {item.unique_id for item in graph.resources.values() if fits(graph, item, value)}
    if not found and method == "fqn":
        return {item.unique_id for item in graph.resources.values() if _is_named(item, value)}
    return found


def _fqn(graph: Graph, item: Resource, value: str) -> bool:
    del graph
    if item.resource_type == "source":
        return False
    return any(_fqn_fits(fqn, value, item.versioned) for fqn in (item.fqn, item.fqn[1:]) if fqn)


def _fqn_fits(fqn: Sequence[str], value: str, versioned: bool) -> bool:
    """dbt-core's rule for names: the last part alone, or parts from the first on, the rest with wildcards."""
    parts = value.split(".")
    if versioned and len(fqn) > 1:
        if fqn[-2] == value or "_".join(fqn[-2:]) == "_".join(parts[-2:]):
            return True
    elif fqn[-1] == value:
        return True
    flat = [piece for part in fqn for piece in part.split(".")]
    if len(flat) < len(parts):
        return False
    for number, part in enumerate(parts):
        if _WILD.search(part):
            return fnmatchcase(".".join(flat[number:]), ".".join(parts[number:]))
        if flat[number] != part:
            return False
    return True


def _is_named(item: Resource, value: str) -> bool:
    """Beyond dbt's rule: a unique id, a relation's name, a source's table; of each, with wildcards."""
    names = (item.unique_id, item.name, item.identifier, f"{item.source_name}.{item.name}")
    return value in names or any(fnmatchcase(name, value) for name in names)


def _path(graph: Graph, item: Resource, value: str) -> bool:
    del graph
    wanted = value.replace("\\", "/").removeprefix("./").rstrip("/").split("/")
    parts = item.path.replace("\\", "/").split("/")
    return any(_path_fits(parts[:count], wanted) for count in range(1, len(parts) + 1))


def _path_fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_path_fits(parts[count:], wanted[1:]) for count in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _path_fits(parts[1:], wanted[1:])


def _file(graph: Graph, item: Resource, value: str) -> bool:
    del graph
    name = item.path.replace("\\", "/").rpartition("/")[2]
    return fnmatchcase(name, value) or fnmatchcase(name.rpartition(".")[0], value)


def _source(graph: Graph, item: Resource, value: str) -> bool:
    del graph
    if item.resource_type != "source":
        return False
    parts = value.split(".")
    if len(parts) < 3:
        parts = ["*", *parts, *["*"] * (2 - len(parts))]
    there = (item.package, item.source_name, item.name)
    return len(parts) == 3 and all(fnmatchcase(*pair) for pair in zip(there, parts, strict=True))


def _exposure_named(graph: Graph, item: Resource, value: str) -> bool:
    del graph
    package, _, name = value.rpartition(".")
    fits = fnmatchcase(item.name, name) and fnmatchcase(item.package, package or "*")
    return item.resource_type == "exposure" and fits


def _package(graph: Graph, item: Resource, value: str) -> bool:
    return fnmatchcase(item.package, graph.project_name if value == "this" else value)


_METHODS: Mapping[str, Callable[[Graph, Resource, str], bool]] = {
    "fqn": _fqn,
    "tag": lambda graph, item, value: any(fnmatchcase(tag, value) for tag in item.tags),
    "path": _path,
    "file": _file,
    "source": _source,
    "package": _package,
    "resource_type": lambda graph, item, value: item.resource_type == value,
    "exposure": _exposure_named,
    "config.materialized": lambda graph, item, value: item.materialized == value,
}


def _nothing(graph: Graph, text: str, method: str, value: str) -> UsageError:
    near = nearest(value, _values(graph, method))
    start, _, end = text.partition(value)
    method_named = f"{method}:" in text
    what = f"with {method} {value}" if method_named or method != "fqn" else f"named {value}"
    return UsageError(
        f"dbt's run has nothing {what}",
        causes=["It is misspelt, disabled, or newer than the run."],
        fixes=[Fix("set_field", f"Use {start}{name}{end}", f"select={start}{name}{end}") for name in near]
        or [Fix("advice", _hint(graph, method))],
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
    match method:
        case "tag":
            return {tag for item in items for tag in item.tags}
        case "path":
            folders = {item.path.replace("\\", "/").rpartition("/")[0] for item in items}
            return {folder for folder in folders if folder}
        case "file":
            return {item.path.replace("\\", "/").rpartition("/")[2] for item in items}
        case "package":
            return {item.package for item in items}
        case "resource_type":
            return {item.resource_type for item in items}
        case "config.materialized":
            return {item.materialized for item in items if item.materialized}
        case "source":
            sources = [item for item in items if item.resource_type == "source"]
            return {item.source_name for item in sources} | {f"{s.source_name}.{s.name}" for s in sources}
        case _:
            return {item.name for item in items if method == "fqn" or item.resource_type == method}


def nearest(text: str, names: Collection[str]) -> list[str]:
    """At most three of the names that are like the text, nearest first."""
    from rapidfuzz import fuzz, process

    found = process.extract(
        text, sorted(names), scorer=fuzz.ratio, processor=str.casefold, limit=NEAREST_AT_MOST, score_cutoff=60
    )
    return [name for name, _, _ in found]


def _resource(node: Node, *, is_table: bool) -> Resource:
    return Resource(
        unique_id=node.unique_id,
        resource_type=node.resource_type,
        name=node.name,
        fqn=node.fqn or (node.package_name, node.name),
        package=node.package_name,
        path=node.original_file_path,
        tags=node.tags,
        parents=node.depends_on,
        identifier=node.identifier,
        source_name=node.source_name or "",
        materialized=node.materialized or "",
        versioned=node.versioned,
        is_table=is_table,
    )


def _exposure(exposure: Exposure) -> Resource:
    package = exposure.unique_id.split(".")[1] if exposure.unique_id.count(".") > 1 else ""
    return Resource(
        unique_id=exposure.unique_id,
        resource_type="exposure",
        name=exposure.name,
        fqn=(package, exposure.name),
        package=package,
        path="",
        tags=exposure.tags,
        parents=exposure.depends_on,
    )
