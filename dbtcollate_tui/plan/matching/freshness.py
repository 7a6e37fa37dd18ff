"""Source freshness as tests of the source's table, named as the reference ingestion names them. No IO.

The reference makes them out of ``sources.json`` too, but never fetches that file from dbt Cloud. So the
verification
of a direct sync looks for them, and that of a run inside Collate only for those that are there already.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from dbtcollate_tui.artifacts.project import DbtTest, FreshnessResult, Project, TestResult, TestStatus
from dbtcollate_tui.wording import span

_STATUSES: dict[str, TestStatus] = {
    "pass": "pass",
    "warn": "warn",
    "error": "fail",
    "runtime error": "warn",
}
"""Freshness -> test: OpenMetadata then holds Success, Aborted, Failed and, as for a warning, Aborted."""
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def freshness_tests(project: Project) -> Iterator[DbtTest]:
    """One test for each source whose freshness the run looked at: ``<source>_freshness`` on its table."""
    for unique_id in project.freshness:
        node = project.nodes.get(unique_id)
        if node is not None:
            name = f"{node.name}_freshness"
            yield DbtTest(
                unique_id=f"{unique_id}_freshness",
                name=name,
                kind="freshness",
                test_name=name,
                attached_node=unique_id,
                depends_on=(unique_id,),
                package_name=node.package_name,
            )


def freshness_of(project: Project, test: DbtTest) -> FreshnessResult | None:
    """What ``sources.json`` says for a freshness test; ``None`` for every other test."""
    return project.freshness.get(test.attached_node or "") if test.kind == "freshness" else None


def result_of(project: Project, test: DbtTest) -> TestResult | None:
    """A test's result, of ``run_results.json`` or of ``sources.json``."""
    found = freshness_of(project, test)
    if found is None:
        return project.results.get(test.unique_id)
    return TestResult(test.unique_id, _STATUSES[found.status], None, found.message, found.completed_at_ms)


def freshness_limits(found: FreshnessResult) -> tuple[tuple[str, str], ...]:
    """The limits as parameters of the case, as far as there are any: ``("warn_after", "12 hour")``."""
    limits = (("error_after", found.error_after_seconds), ("warn_after", found.warn_after_seconds))
    return tuple((name, _limit(seconds)) for name, seconds in limits if seconds is not None)


def freshness_text(found: FreshnessResult) -> str:
    """The result in words: how old the latest row was against the limits; empty for a fresh source."""
    if found.status == "pass":
        return ""
    if found.status == "runtime error":
        return f"dbt could not check the freshness: {' '.join((found.message or 'no reason given').split())}"
    parts = [f"dbt's freshness check {'warned' if found.status == 'warn' else 'failed'}"]
    if found.age_seconds is not None:
        loaded = ""
        if found.max_loaded_at_ms is not None:
            loaded = f", of {datetime.fromtimestamp(found.max_loaded_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        parts.append(f"the latest row was {span(found.age_seconds)} old{loaded}")
    parts.extend(f"{name.replace('_', ' ')} {limit}" for name, limit in reversed(freshness_limits(found)))
    return "; ".join(parts)


def _limit(seconds: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"
