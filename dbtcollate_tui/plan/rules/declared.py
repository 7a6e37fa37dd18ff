"""What the manifest declares and a sync does not write: a counted line for each kind, with its reason."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.collate.models import CustomProperty
from dbtcollate_tui.plan.model import NotWritten
from dbtcollate_tui.plan.rules.keys import TYPES
from dbtcollate_tui.plan.rules.model_facts import DEFAULT_ACCESS, Purpose, property_of

_NO_PLACE = "OpenMetadata has no place for"
_NO_GROUP = "Collate has no custom property of tables dbt_group, and owners of groups are off (group_owners)"


def not_written(
    project: Project,
    only: Collection[str] | None,
    *,
    metrics: str = "",
    keys: Collection[str] = (),
    properties: Mapping[str, CustomProperty] | None = None,
    contracts: Collection[str] = (),
    why_no_contracts: str = "",
    group_owners: bool = False,
) -> tuple[NotWritten, ...]:
    """The kinds that were not written.

    ``metrics`` is why the metrics were not, empty where they were; ``keys`` are those left out, with the
    reason of each. ``properties`` are the custom properties of tables; ``group_owners``: the owners of groups
    were written. ``contracts`` are the unique ids of the models whose contracts were.
    """
    nodes = [
        node
        for node in project.nodes.values()
        if (only is None or node.unique_id in only) and not node.is_pointer
    ]
    known = properties or {}
    lacking = [node.name for node in nodes if node.has_contract and node.unique_id not in contracts]
    found = [
        *_of_nodes(nodes, known),
        *_line("contracts", "enforced contract", lacking, why_no_contracts),
        *_keys(keys),
        *_unit_tests(project, only),
    ]
    if only is None:
        found += _of_project(project, metrics)
        if not group_owners and property_of("group", known) is None:
            groups = [item.name for item in project.groups.values()]
            found += _line("groups", "group", groups, _NO_GROUP)
    return tuple(sorted(found, key=lambda item: item.kind))


def unit_test_counts(project: Project, only: Collection[str] | None = None) -> Counter[str]:
    """How many unit tests there are, by what became of them: passed, failed, skipped, not run."""
    counts: Counter[str] = Counter()
    for test in project.tests.values():
        if test.kind == "unit" and (only is None or test.attached_node in only):
            result = project.results.get(test.unique_id)
            status = result.status if result is not None else ""
            counts[_OUTCOMES.get(status, "not run")] += 1
    return counts


_OUTCOMES = {"pass": "passed", "fail": "failed", "error": "failed", "warn": "failed", "skipped": "skipped"}


def unit_test_words(project: Project, only: Collection[str] | None = None) -> str:
    """``2 unit tests: 1 failed, 1 skipped``; empty where there are none."""
    counts = unit_test_counts(project, only)
    listed = [f"{counts[word]} {word}" for word in ("failed", "passed", "skipped", "not run") if counts[word]]
    return f"{wording.count(counts.total(), 'unit test')}: {', '.join(listed)}" if counts else ""


def failed_tests(project: Project, only: Collection[str] | None = None) -> tuple[str, ...]:
    """The names of the data and unit tests that failed in this run, or ended with an error."""
    return tuple(
        test.name
        for test in project.tests.values()
        if (only is None or test.attached_node in only)
        and (result := project.results.get(test.unique_id)) is not None
        and result.status in ("fail", "error")
    )


def _unit_tests(project: Project, only: Collection[str] | None) -> Iterator[NotWritten]:
    total = unit_test_counts(project, only).total()
    if total:
        reason = f"{_NO_PLACE} {'it' if total == 1 else 'them'}"
        yield NotWritten("unit_tests", total, f"{unit_test_words(project, only)}; {reason}.")


def _keys(lost: Collection[str]) -> Iterator[NotWritten]:
    if lost:
        words = f"{wording.count(len(lost), 'key')} not written ({wording.some(lost)})."
        yield NotWritten("keys", len(lost), words)


def _of_nodes(nodes: Collection[Node], known: Mapping[str, CustomProperty]) -> Iterator[NotWritten]:
    types = Counter(item.type for node in nodes for item in node.constraints)
    others = Counter({kind: count for kind, count in types.items() if kind not in TYPES})
    versions = [f"{node.name} v{node.version}" for node in nodes if node.version]
    yield from _line(
        "constraints",
        "other constraint",
        _by_kind(others),
        "the database connector writes those that the warehouse has",
        total=others.total(),
    )
    deprecated = [_deprecation(node) for node in nodes if node.deprecation_date]
    levels = [f"{node.name} is {node.access}" for node in nodes if node.access not in DEFAULT_ACCESS]
    if property_of("version", known) is None:
        reason = _no_property("version")
        yield from _line("versions", "version of a model", versions, reason, many="versions of models")
    if property_of("deprecation_date", known) is None:
        reason = _no_property("deprecation_date")
        yield from _line("deprecations", "deprecation date", deprecated, reason)
    if property_of("access", known) is None:
        yield from _line("access", "access level", levels, _no_property("access"))


def _of_project(project: Project, metrics: str) -> Iterator[NotWritten]:
    names: dict[str, list[str]] = {}
    for resource in project.resources.values():
        names.setdefault(resource.resource_type, []).append(resource.name)
    if metrics:
        yield from _line("metrics", "metric", [item.name for item in project.metrics.values()], metrics)
    yield from _line(
        "semantic_models",
        "semantic model",
        [item.name for item in project.semantic_models.values()],
        "" if metrics else "their dimensions and measures are part of the metrics",
    )
    yield from _line("saved_queries", "saved query", names.get("saved_query", ()), many="saved queries")
    yield from _line("functions", "function", names.get("function", ()), "a sync writes no stored procedures")


def _no_property(purpose: Purpose) -> str:
    return f"Collate has no custom property of tables dbt_{purpose}, and a sync creates none"


def _by_kind(types: Counter[str]) -> list[str]:
    return [f"{types[kind]} {kind.replace('_', ' ')}" for kind in sorted(types)]


def _deprecation(node: Node) -> str:
    """A model's deprecation date, with the version that follows it."""
    name = f"{node.name} v{node.version}" if node.version else node.name
    follows = node.latest_version not in ("", node.version)
    return f"{name} on {node.deprecation_date[:10]}" + (
        f", successor v{node.latest_version}" if follows else ""
    )


def _line(
    kind: str, one: str, listed: Collection[str], reason: str = "", *, many: str = "", total: int = 0
) -> Iterator[NotWritten]:
    """One line, or none where there is nothing; without a reason OpenMetadata has no place for it."""
    number = total or len(listed)
    if number:
        why = reason or f"{_NO_PLACE} {'it' if number == 1 else 'them'}"
        words = wording.count(number, one, many)
        yield NotWritten(kind, number, f"{words} not written ({wording.some(listed)}): {why}.")
