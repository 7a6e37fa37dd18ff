"""Sentences on what a plan leaves out although dbt has it. No IO."""

from collections.abc import Collection, Iterator

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.plan.rules.findings import Findings
from dbtcollate_tui.plan.rules.quality import QualityFacts


def left_out(
    project: Project, findings: Findings, facts: QualityFacts, only: Collection[str] | None
) -> Iterator[str]:
    """One counted sentence for each kind of thing that has no place in Collate, or that another owns."""
    for other, tables in sorted(findings.guests.items()):
        builder = f"The dbt project {other} builds" if other else "Another dbt project builds"
        yield (
            f"{builder} {wording.count(len(tables), 'table')} that this project reads:"
            f" its texts and data models stay ({wording.some(sorted(tables))})."
        )
    if findings.stubs:
        yield (
            f"{wording.count(len(findings.stubs), 'model')} of other dbt projects, referred to here,"
            f" give edges only: {wording.some(sorted(findings.stubs))}."
        )
    for (tag, problem), places in sorted(findings.refused_tags.items()):
        yield (
            f"The dbt tag {_short(tag)} is left out on {len(places)} (first: {min(places)}): Collate refuses"
            f" a tag with {problem}. Rename it in dbt."
        )
    if facts.without_sql:
        count = wording.count(len(facts.without_sql), "model or snapshot", "models and snapshots")
        verb = "has" if len(facts.without_sql) == 1 else "have"
        yield (
            f"{count} {verb} no compiled SQL in this run, so no SQL and no column lineage"
            f" (first: {facts.without_sql[0]})."
        )
    yield from _tests(facts)
    sources = [name for name in project.unchecked_sources if only is None or name in only]
    if sources:
        yield (
            f"{wording.count(len(sources), 'source')} with freshness limits, but no freshness in this run:"
            f" dbt could not check them, or was not asked to. Collate keeps the earlier result"
            f" (first: {sources[0]})."
        )


def _tests(facts: QualityFacts) -> Iterator[str]:
    if facts.of_ephemeral:
        yield (
            f"{wording.count(len(facts.of_ephemeral), 'test')} of ephemeral models left out, since these have"
            f" no table (first: {facts.of_ephemeral[0]})."
        )
    if facts.unlinkable:
        yield f"{wording.count(len(facts.unlinkable), 'test')} left out (first: {facts.unlinkable[0]})."
    if facts.shared_cases:
        yield (
            f"{wording.count(len(facts.shared_cases), 'test')} left out, since another test has the same"
            f" name, table and column; the worse result counts (first: {facts.shared_cases[0]}). Name it."
        )


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"
