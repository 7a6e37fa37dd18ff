"""What a token may do, by OpenMetadata's own ``permissions`` call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_GOOD = frozenset({"allow", "conditionalAllow"})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``True`` may, ``False`` may not, ``None`` the server does not say; ``missing`` names operations."""

    can_read_tables: bool | None = None
    can_write_tables: bool | None = None
    can_write_lineage: bool | None = None
    can_write_tags: bool | None = None
    can_write_tests: bool | None = None
    can_manage_pipelines: bool | None = None
    can_trigger_pipelines: bool | None = None
    can_report_runs: bool | None = None
    missing: tuple[str, ...] = ()

    @property
    def read_only(self) -> bool | None:
        """Whether nothing at all may be written; ``None`` where the server does not say."""
        writers = (
            self.can_write_tables,
            self.can_write_lineage,
            self.can_write_tags,
            self.can_write_tests,
            self.can_manage_pipelines,
        )
        if any(writers):
            return False
        return None if None in writers else True


def read_capabilities(body: Any) -> Capabilities:
    """Capabilities out of the answer of ``GET permissions``: resources, each with its operations."""
    granted: dict[str, set[str]] = {}
    items = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(items, list):
        return Capabilities()
    for item in items:
        if not isinstance(item, Mapping):
            continue
        names = granted.setdefault(str(item.get("resource", "")).lower(), set())
        for permission in item.get("permissions") or ():
            if isinstance(permission, Mapping) and permission.get("access") in _GOOD:
                names.add(str(permission.get("operation")))
    missing: list[str] = []

    def may(resource: str, *needed: str | tuple[str, ...], shortcut: str = "EditAll") -> bool | None:
        have = granted.get(resource.lower())
        if have is None:
            return None
        if "All" in have:
            return True
        good = True
        for need in needed:
            choices = (need,) if isinstance(need, str) else need
            if shortcut and shortcut in have and not choices[0].startswith("Create"):
                continue
            if not have.intersection(choices):
                missing.append(f"{choices[0]} on {resource}")
                good = False
        return good

    lineage = may("lineage", "EditLineage")
    if lineage is None:
        lineage = may("table", "EditLineage")
    tags = [may("tag", "Create"), may("classification", "Create")]
    tests = [may("testCase", "Create", ("EditTests", "EditAll"))]
    return Capabilities(
        can_read_tables=may("table", ("ViewAll", "ViewBasic"), shortcut=""),
        can_write_tables=may("table", "EditDescription", "EditTags", ("EditOwners", "EditOwner")),
        can_write_lineage=lineage,
        can_write_tags=_all(tags),
        can_write_tests=_all(tests),
        can_manage_pipelines=may("ingestionPipeline", "Create", "EditAll"),
        can_trigger_pipelines=may("ingestionPipeline", "Trigger", "Deploy"),
        can_report_runs=may("ingestionPipeline", "EditIngestionPipelineStatus"),
        missing=tuple(dict.fromkeys(missing)),
    )


def _all(values: list[bool | None]) -> bool | None:
    if False in values:
        return False
    return None if None in values else True
