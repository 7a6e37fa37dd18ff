"""dbt's selector methods: which members of the graph each one names. No IO.

The rules are those of dbt-core 1.12 (``dbt/graph/selector_methods.py``), method by method.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from dbtcollate_tui.artifacts.project import Resource
from dbtcollate_tui.plan.selection.graph import Graph, folders_of, slashed

_WILD = re.compile(r"[*?\[\]]")
_NODES = frozenset({"model", "seed", "snapshot", "test", "analysis", "operation", "sql operation", "rpc"})
"""What dbt keeps in the manifest's ``nodes``."""
_TEST_TYPES: Mapping[str, frozenset[str]] = {
    "generic": frozenset({"generic"}),
    "schema": frozenset({"generic"}),
    "singular": frozenset({"singular"}),
    "data": frozenset({"generic", "singular"}),
    "unit": frozenset({"unit"}),
}
RESOURCE_TYPES = frozenset(
    {
        *_NODES,
        "exposure",
        "function",
        "metric",
        "saved_query",
        "semantic_model",
        "source",
        "unit_test",
    }
)
NEEDS: Mapping[str, str] = {
    "state": "another run's manifest",
    "result": "another run's results",
    "source_status": "another run's freshness",
}
"""dbt's methods that nothing in one run's artifacts can answer, with what they need."""


class ValueRefusedError(ValueError):
    """The method does not take this value; the text says which it takes."""


Fits = Callable[[Resource], bool]


def find(graph: Graph, method: str, value: str) -> set[str] | None:
    """The unique ids that a method names; ``None`` where there is no such method.

    Raises `ValueRefusedError` where dbt refuses the value.
    """
    name, _, argument = method.partition(".")
    if name == "config":
        fits = _config(argument.split("."), value) if argument else None
    else:
        made = _METHODS.get(name)
        fits = made(graph, value) if made is not None and not argument else None
    if fits is None:
        return None
    return {item.unique_id for item in graph.resources.values() if fits(item)}


def _fqn(graph: Graph, value: str) -> Fits:
    def fits(item: Resource) -> bool:
        if item.resource_type == "source" or not item.fqn:
            return False
        versioned = item.version is not None and item.resource_type == "model"
        names = (item.fqn, item.fqn[1:])
        return any(_fqn_fits(name, value, versioned, graph.leaf_wildcards) for name in names if name)

    return fits


def _fqn_fits(fqn: Sequence[str], value: str, versioned: bool, leaf_wildcards: bool) -> bool:
    parts = value.split(".")
    versioned = versioned and len(fqn) > 1
    leaf = fqn[-2] if versioned else fqn[-1]
    if leaf == value or (versioned and "_".join(fqn[-2:]) == "_".join(parts[-2:])):
        return True
    flat = [piece for part in fqn for piece in part.split(".")]
    if len(flat) < len(parts):
        return False
    for number, part in enumerate(parts):
        if _WILD.search(part):
            if fnmatchcase(".".join(flat[number:]), ".".join(parts[number:])):
                return True
            return leaf_wildcards and len(parts) == 1 and fnmatchcase(leaf, value)
        if flat[number] != part:
            return False
    return True


def _tag(graph: Graph, value: str) -> Fits:
    del graph
    return lambda item: any(fnmatchcase(tag, value) for tag in item.tags)


def _group(graph: Graph, value: str) -> Fits:
    del graph

    def fits(item: Resource) -> bool:
        group = item.config.get("group")
        can_have_one = item.resource_type in _NODES or item.resource_type == "metric"
        return can_have_one and isinstance(group, str) and fnmatchcase(group, value)

    return fits


def _access(graph: Graph, value: str) -> Fits:
    del graph
    return lambda item: item.resource_type == "model" and item.access == value


def _source(graph: Graph, value: str) -> Fits:
    del graph
    parts = value.split(".")
    if len(parts) > 3:
        raise ValueRefusedError("a source is source, source.table or package.source.table")
    if len(parts) < 3:
        parts = ["*", *parts, *["*"] * (2 - len(parts))]

    def fits(item: Resource) -> bool:
        there = (item.package_name, item.source_name, item.name)
        fitting = (fnmatchcase(*pair) for pair in zip(there, parts, strict=True))
        return item.resource_type == "source" and all(fitting)

    return fits


def _of_type(resource_type: str) -> Callable[[Graph, str], Fits]:
    def made(graph: Graph, value: str) -> Fits:
        del graph
        parts = value.split(".")
        if len(parts) > 2:
            raise ValueRefusedError(f"it is the {resource_type}'s name, or package.name")
        package, name = parts if len(parts) == 2 else ("*", parts[0])

        def fits(item: Resource) -> bool:
            is_named = fnmatchcase(item.name, name) and fnmatchcase(item.package_name, package)
            return item.resource_type == resource_type and is_named

        return fits

    return made


def _path(graph: Graph, value: str) -> Fits:
    """dbt finds the files and folders on the disk of the project, then the members that they hold.

    A member of a package is held by the project's folder of the same relative path, as in dbt.
    """
    wanted = [part for part in slashed(value).split("/") if part not in ("", ".")]
    found = {path for path in graph.paths if _path_fits(path.split("/"), wanted)}

    def fits(item: Resource) -> bool:
        path = slashed(item.path)
        if path in found or (item.patch_path and slashed(item.patch_path) in found):
            return True
        return any(folder in found for folder in folders_of(path))

    return fits


def _path_fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_path_fits(parts[count:], wanted[1:]) for count in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _path_fits(parts[1:], wanted[1:])


def _file(graph: Graph, value: str) -> Fits:
    del graph

    def fits(item: Resource) -> bool:
        name = slashed(item.path).rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        return bool(name) and (fnmatchcase(name, value) or fnmatchcase(stem, value))

    return fits


def _package(graph: Graph, value: str) -> Fits:
    wanted = graph.project_name if value == "this" and graph.project_name else value
    return lambda item: fnmatchcase(item.package_name, wanted)


def _config(keys: Sequence[str], value: str) -> Fits:
    """``config.a.b:value``: the value of that key, an item of a list there, or ``true`` and ``false``."""

    def fits(item: Resource) -> bool:
        if item.resource_type not in _NODES and item.resource_type != "source":
            return False
        there: object = item.config
        for key in keys:
            if not isinstance(there, Mapping) or key not in there:
                return False
            there = there[key]
        items = there if isinstance(there, list) else [there]
        if keys == ["severity"]:
            return any(isinstance(one, str) and one.upper() == value.upper() for one in items)
        truth = {"true": True, "false": False}.get(value.lower())
        return any(one == value or (truth is not None and one is truth) for one in items)

    return fits


def _test_name(graph: Graph, value: str) -> Fits:
    del graph

    def fits(item: Resource) -> bool:
        if item.resource_type == "unit_test":
            return fnmatchcase(item.name, value)
        return item.test_name is not None and fnmatchcase(item.test_name, value)

    return fits


def _test_type(graph: Graph, value: str) -> Fits:
    del graph
    wanted = _TEST_TYPES.get(value)
    if wanted is None:
        raise ValueRefusedError("a test is generic, singular, unit or data")

    def fits(item: Resource) -> bool:
        if item.resource_type == "unit_test":
            return "unit" in wanted
        kind = "singular" if item.test_name is None else "generic"
        return item.resource_type == "test" and kind in wanted

    return fits


def _resource_type(graph: Graph, value: str) -> Fits:
    del graph
    return lambda item: item.resource_type == value


def _version(graph: Graph, value: str) -> Fits:
    del graph
    if value not in ("latest", "prerelease", "old", "none"):
        raise ValueRefusedError("a version is latest, prerelease, old or none")

    def fits(item: Resource) -> bool:
        if item.resource_type != "model":
            return False
        if not item.version or not item.latest_version:
            return value == "none" and item.version is None
        if item.version == item.latest_version:
            return value == "latest"
        return value == ("old" if _is_older(item.version, item.latest_version) else "prerelease")

    return fits


def _is_older(version: str, latest: str) -> bool:
    try:
        return float(version) < float(latest)
    except ValueError:
        return version < latest


_METHODS: Mapping[str, Callable[[Graph, str], Fits]] = {
    "fqn": _fqn,
    "tag": _tag,
    "path": _path,
    "file": _file,
    "source": _source,
    "package": _package,
    "resource_type": _resource_type,
    "group": _group,
    "access": _access,
    "version": _version,
    "test_name": _test_name,
    "test_type": _test_type,
    "exposure": _of_type("exposure"),
    "metric": _of_type("metric"),
    "semantic_model": _of_type("semantic_model"),
    "saved_query": _of_type("saved_query"),
    "unit_test": _of_type("unit_test"),
}
NAMES: tuple[str, ...] = (*_METHODS, "config.*", "selector")
"""The methods that are known, for messages and help."""
