"""Project and server state -> the plan: every difference as a typed change, and nothing else. No IO."""

from collections.abc import Collection, Iterator

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.project import Project
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.plan.matching.matches import MatchReport
from dbtcollate_tui.plan.matching.placing import claims
from dbtcollate_tui.plan.model import (
    GROUPS,
    Expected,
    NewClassification,
    Plan,
    RunFacts,
    UnmappedOwner,
)
from dbtcollate_tui.plan.rules.contracts import ContractFacts, plan_contract
from dbtcollate_tui.plan.rules.declared import failed_tests, not_written, unit_test_words
from dbtcollate_tui.plan.rules.exposures import plan_exposures
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.rules.keys import KeyFacts, plan_keys
from dbtcollate_tui.plan.rules.metrics import MetricFacts, plan_metrics
from dbtcollate_tui.plan.rules.model_facts import plan_status
from dbtcollate_tui.plan.rules.notes import left_out
from dbtcollate_tui.plan.rules.ownership import Role, claim_of, packages_of
from dbtcollate_tui.plan.rules.quality import QualityFacts, plan_lineage, plan_tests
from dbtcollate_tui.plan.rules.tables import plan_table
from dbtcollate_tui.plan.rules.tags import CLASSIFICATION_TEXT
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

_KIND_ORDER = (
    "classification",
    "tag",
    "description",
    "owners",
    "tags",
    "domain",
    "data_products",
    "custom_property",
    "status",
    "keys",
    "contract",
    "contract_result",
    "data_model",
    "lineage",
    "exposure",
    "metric",
    "metric_edge",
    "test_definition",
    "test_suite",
    "test_case",
    "test_result",
)


def build_plan(
    project: Project,
    state: ServerState,
    report: MatchReport,
    options: SyncOptions,
    dialect: Dialect,
    *,
    only: Collection[str] | None = None,
    run: RunFacts | None = None,
) -> Plan:
    """What a sync would write. ``only`` are unique ids of nodes; ``None`` means all.

    Rules: a text of dbt's fills an empty one; with ``update_descriptions`` it replaces another, except on a
    source where Collate's text is not the one that dbt sent before. An empty text erases nothing. Owners are
    replaced as a whole, on sources only filled. Tags are added, none is removed but a tier that dbt had set.
    What the server holds as it would be sent is not sent: a second plan is empty.
    """
    planning = Planning(project, state, report, options, dialect, only=only, run=run)
    planning.add_lineage(report, state)
    return planning.plan()


class Planning:
    """A plan in the making: everything but lineage first, so that it is planned while SQL is parsed."""

    def __init__(
        self,
        project: Project,
        state: ServerState,
        report: MatchReport,
        options: SyncOptions,
        dialect: Dialect,
        *,
        only: Collection[str] | None = None,
        run: RunFacts | None = None,
    ) -> None:
        self._project = project
        self._state = state
        self._report = report
        self._options = options
        self._dialect = dialect
        self._only = only
        self._run = run
        self._facts = QualityFacts()
        self._findings = findings = Findings()
        self._keys = KeyFacts()
        self._contracts = ContractFacts()
        packages = packages_of(project)
        for fqn, nodes in claims(project, report, only).items():
            ref = report.matched[nodes[0].unique_id]
            upstream = dict.fromkeys(
                report.matched[parent].fqn
                for node in nodes
                for parent in project.upstreams(node.unique_id)
                if parent in report.matched and report.matched[parent].fqn != fqn
            )
            claim = claim_of(project.project_name, packages, nodes, state.tables[fqn].dataModel)
            if claim is None:
                findings.stubs.add(ref.short)
                continue
            plan_table(
                ref,
                state.tables[fqn],
                claim,
                project.project_name,
                list(upstream),
                state,
                options,
                dialect,
                findings,
            )
            claimed = Claimed(ref, state.tables[fqn], claim.nodes, claim.role is not Role.OWNER)
            plan_keys(claimed, project, report, state, dialect, findings, self._keys)
            if options.include_contracts and dialect.has_contracts:
                plan_contract(claimed, project, state, options, dialect, findings, self._contracts)
            if options.deprecated_status:
                plan_status(claimed, project, dialect, findings)
        self._metrics = MetricFacts()
        if options.include_metrics and dialect.has_metrics:
            self._metrics = plan_metrics(project, report, state, options, dialect, only, findings)
        if findings.new_tags:
            if not state.has_classification:
                findings.changes.append(
                    NewClassification(name=options.classification, description=CLASSIFICATION_TEXT)
                )
            findings.changes.extend(findings.new_tags.values())
        if options.include_tests:
            plan_tests(project, report, state, options, dialect, only, findings, self._facts)

    @property
    def unclear_texts(self) -> frozenset[tuple[str, str]]:
        """Descriptions, by table FQN and column, that may be a person's or the connector's."""
        return frozenset(self._findings.unclear_texts)

    def add_lineage(self, report: MatchReport, state: ServerState) -> None:
        """Add the edges, where the options want them, by what the report and the state now know of them."""
        self._report, self._state = report, state
        if self._options.include_lineage:
            plan_lineage(self._project, report, state, self._only, self._findings, self._facts)
            plan_exposures(self._project, report, state, self._only, self._findings, self._facts)

    def _why_no_metrics(self) -> str:
        if not self._options.include_metrics:
            return "metrics are switched off in the options"
        return "" if self._dialect.has_metrics else "this server has no metrics (OpenMetadata has since 1.6)"

    def _why_no_contracts(self) -> str:
        if not self._options.include_contracts:
            return "contracts are switched off in the options (include_contracts)"
        if not self._dialect.has_contracts:
            return "this server has no data contracts (OpenMetadata has since 1.8)"
        return "the table has a contract already, or is not in Collate"

    def plan(self) -> Plan:
        """The plan as far as it is made."""
        findings, facts, report = self._findings, self._facts, self._report
        order = {kind: place for place, kind in enumerate(_KIND_ORDER)}
        changes = {(order[change.kind], change.key): change for change in findings.changes}
        declared = not_written(
            self._project,
            self._only,
            metrics=self._why_no_metrics(),
            keys=[item.words for item in self._keys.lost],
            properties=self._state.meta.properties,
            contracts=self._contracts.held,
            why_no_contracts=self._why_no_contracts(),
            group_owners=self._options.group_owners and self._options.update_owners,
        )
        return Plan(
            changes=tuple(changes[key] for key in sorted(changes)),
            match=report,
            unchanged={group: findings.unchanged[group] for group in GROUPS if group in findings.unchanged},
            conflicts=tuple(findings.kept),
            unmapped_owners=tuple(
                UnmappedOwner(owner, tuple(unique_ids), self._state.suggestions.get(owner, ()))
                for owner, unique_ids in sorted(findings.unknown_owners.items())
            ),
            notes=(
                *self._project.notes,
                *_notes(findings, facts, report),
                *left_out(self._project, findings, facts, self._only),
                *_metric_notes(self._metrics),
                *(item.sentence for item in declared),
            ),
            not_written=declared,
            run=self._run,
            expected=Expected(
                tables=tuple({ref.fqn: ref for ref in report.matched.values()}.values()),
                descriptions=findings.descriptions,
                edges=tuple(facts.edges),
                missing_edges=tuple(facts.missing_edges),
                results=facts.results,
                missing_results=tuple(facts.missing_results),
                not_run=tuple(facts.not_run),
                metrics=tuple(self._metrics.names),
                metric_edges=tuple(self._metrics.edges),
                failed=failed_tests(self._project, self._only),
                unit_tests=unit_test_words(self._project, self._only),
            ),
            tables=self._state.tables,
            project_name=self._project.project_name,
        )


def _metric_notes(facts: MetricFacts) -> Iterator[str]:
    for listed, singular, reason in (
        (facts.foreign, "metric", "Collate has one of that name that is not from this dbt project"),
        (facts.doubled, "metric", "another package of the project has one of that name"),
        (facts.without_table, "edge of a metric", "the table is not in Collate"),
        (facts.odd_units, "unit of a metric", "servers before 1.10 do not accept custom units"),
        (facts.odd_granularities, "granularity of a metric", "OpenMetadata has no such granularity"),
    ):
        if listed:
            words = wording.count(len(listed), singular, _PLURALS.get(singular, ""))
            yield f"{words} not written ({wording.some(listed)}): {reason}."


_PLURALS = {
    "edge of a metric": "edges of metrics",
    "unit of a metric": "units of metrics",
    "granularity of a metric": "granularities of metrics",
}


def _notes(findings: Findings, facts: QualityFacts, report: MatchReport) -> list[str]:
    notes = []
    if report.by_case:
        count = len(report.by_case)
        notes.append(f"{wording.count(count, 'node')} found by ignoring case.")
    for fqn, places in sorted(findings.unknown_tags.items()):
        notes.append(_absent("tag or glossary term", fqn, places))
    for name, places in sorted(findings.unknown_domains.items()):
        notes.append(_absent("domain", name, places))
    for name, places in sorted(findings.unknown_data_products.items()):
        notes.append(_absent("data product", name, places))
    for name, places in sorted(findings.foreign_data_products.items()):
        notes.append(
            f"The data product {name} is left out on {len(places)} (first: {min(places)}): it belongs to"
            " another domain than the table, which OpenMetadata does not allow."
        )
    for name, places in sorted(findings.unknown_properties.items()):
        notes.append(_absent("custom property of tables", name, places))
    for name, places in sorted(findings.unknown_column_properties.items()):
        notes.append(_absent("custom property of columns", name, places))
    if findings.unplaced_column_properties:
        count = len(findings.unplaced_column_properties)
        words = wording.count(count, "custom property of a column", "custom properties of columns")
        notes.append(
            f"{words} left out, since this server has none (OpenMetadata has since 1.12;"
            f" first: {findings.unplaced_column_properties[0]})."
        )
    for name, places in sorted(findings.unknown_metric_properties.items()):
        notes.append(_absent("custom property of metrics", name, places))
    if findings.unfit_properties:
        count = len(findings.unfit_properties)
        notes.append(
            f"{count} custom propert{'y' if count == 1 else 'ies'} left out, since the value does not fit "
            f"(first: {findings.unfit_properties[0]})."
        )
    if findings.unknown_columns:
        count = len(findings.unknown_columns)
        shown = ", ".join(findings.unknown_columns[:3])
        notes.append(f"{wording.count(count, 'column')} of dbt's that Collate does not have: {shown}")
    if report.unread:
        first, reason = next(iter(report.unread.items()))
        count = len(report.unread)
        lost = "no column lineage from it" if count == 1 else "no column lineage from them"
        notes.append(
            f"The SQL of {wording.count(count, 'node')} could not be read, so {lost} "
            f"(first: {first}: {reason})."
        )
    if report.unresolved:
        names = [f"{name} of {node}" for node, found in report.unresolved.items() for name in found]
        notes.append(
            f"{wording.count(len(names), 'name')} in compiled SQL left out of the column lineage, since no "
            f"column that Collate knows is certain to be meant: {wording.some(names)}"
        )
    if facts.missing_edges:
        count = len(facts.missing_edges)
        notes.append(f"{wording.count(count, 'edge')} left out, since one end has no table in Collate.")
    if facts.exposures:
        count = len(facts.exposures)
        notes.append(f"{wording.count(count, 'exposure')} without an edge (first: {facts.exposures[0]}).")
    if facts.not_run:
        count = len(facts.not_run)
        notes.append(f"{wording.count(count, 'test')} did not run in this run and get no result.")
    if facts.missing_results:
        count = len(facts.missing_results)
        notes.append(f"{wording.count(count, 'test result')} left out (first: {facts.missing_results[0]}).")
    return notes


def _absent(what: str, name: str, places: Collection[str]) -> str:
    return (
        f"Collate has no {what} {name}: left out on {len(places)} (first: {min(places)}). "
        "It is created in Collate, not by a sync."
    )
