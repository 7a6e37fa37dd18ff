"""dbt's graph as its selectors walk it, made from what a run's manifest says. No IO."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Exposure, Node, Project, Resource

_LEAF_WILDCARDS_SINCE = {(1, 11): 16, (1, 12): 6}
"""The patch releases since which a lone word with a wildcard also matches a nested node's name."""


@dataclass(frozen=True, slots=True)
class Graph:
    """What a selector is read against.

    ``tables`` holds the nodes that have a relation, with the relation's name. ``paths`` are the files and
    folders of the root project that the manifest knows. ``leaf_wildcards`` is dbt's newer rule for a lone
    word with a wildcard. ``selectors`` are the definitions of the project's ``selectors.yml``.
    """

    resources: Mapping[str, Resource] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    project_name: str = ""
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()
    leaf_wildcards: bool = True
    selectors: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Project) -> "Graph":
        """The enabled members of a project's graph, with which reads which."""
        found = dict(project.resources)
        for node in (*project.nodes.values(), *project.ephemeral.values()):
            found.setdefault(node.unique_id, _resource(node))
        for exposure in project.exposures.values():
            found.setdefault(exposure.unique_id, _exposure(exposure))
        children: dict[str, list[str]] = {}
        for resource in found.values():
            for parent in resource.depends_on:
                children.setdefault(parent, []).append(resource.unique_id)
        return cls(
            found,
            {node.unique_id: node.identifier for node in project.nodes.values()},
            project.project_name,
            {parent: tuple(names) for parent, names in children.items()},
            _paths(found.values(), project.project_name),
            _has_leaf_wildcards(project.dbt_version),
            project.selectors,
        )

    def parents_of(self, unique_id: str) -> Sequence[str]:
        """What this member reads, as far as it is enabled."""
        return [name for name in self.resources[unique_id].depends_on if name in self.resources]

    def children_of(self, unique_id: str) -> Sequence[str]:
        """What reads this member."""
        return self.children.get(unique_id, ())

    def above(self, start: Collection[str], depth: int | None = None) -> set[str]:
        """The parents, theirs, and so on, in at most ``depth`` steps."""
        return _walk(start, self.parents_of, depth)

    def below(self, start: Collection[str], depth: int | None = None) -> set[str]:
        """The children, theirs, and so on, in at most ``depth`` steps."""
        return _walk(start, self.children_of, depth)


def slashed(path: str) -> str:
    """A path as POSIX writes it."""
    return path.replace("\\", "/")


def folders_of(path: str) -> list[str]:
    """The folders above a path, nearest first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _walk(start: Collection[str], step: Callable[[str], Sequence[str]], depth: int | None) -> set[str]:
    found: set[str] = set()
    layer = set(start)
    while layer and depth != 0:
        layer = {there for here in layer for there in step(here)} - found
        found |= layer
        depth = None if depth is None else depth - 1
    return found


def _paths(resources: Collection[Resource], project_name: str) -> frozenset[str]:
    files = {
        slashed(path)
        for item in resources
        if not project_name or item.package_name == project_name
        for path in (item.path, item.patch_path)
        if path
    }
    return frozenset(files.union(*(folders_of(path) for path in files)))


def _has_leaf_wildcards(dbt_version: str) -> bool:
    """Whether that dbt lets ``stg_*`` match a nested node where another node's whole name fits too."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", dbt_version)
    if match is None:
        return True
    release = (int(match[1]), int(match[2]))
    since = _LEAF_WILDCARDS_SINCE.get(release)
    return release > max(_LEAF_WILDCARDS_SINCE) if since is None else int(match[3] or 0) >= since


def _resource(node: Node) -> Resource:
    return Resource(
        unique_id=node.unique_id,
        resource_type=node.resource_type,
        name=node.name,
        fqn=node.fqn or (node.package_name, node.name),
        package_name=node.package_name,
        path=node.original_file_path,
        tags=node.tags,
        depends_on=node.depends_on,
        config={"materialized": node.materialized} if node.materialized else {},
        version=node.fqn[-1].removeprefix("v") if node.versioned and node.fqn else None,
        source_name=node.source_name or "",
    )


def _exposure(exposure: Exposure) -> Resource:
    package = exposure.unique_id.split(".")[1] if exposure.unique_id.count(".") > 1 else ""
    return Resource(
        unique_id=exposure.unique_id,
        resource_type="exposure",
        name=exposure.name,
        fqn=(package, exposure.name),
        package_name=package,
        tags=exposure.tags,
        depends_on=exposure.depends_on,
    )
