"""The plan's part on lineage, tests and their results. No IO."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dbtcollate_tui import wording
from dbtcollate_tui.artifacts.project import DbtTest, Node, Project, TestResult, TestStatus
from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import ColumnLineage, TestCase
from dbtcollate_tui.plan.matching.freshness import freshness_limits, freshness_of, freshness_text, result_of
from dbtcollate_tui.plan.matching.matches import AssetRef, MatchReport, TableRef
from dbtcollate_tui.plan.matching.placing import PlacedTest, UnplacedCause, place_edges, place_tests
from dbtcollate_tui.plan.model import (
    Conflict,
    ExpectedResult,
    LineageChange,
    NewTestDefinition,
    NewTestSuite,
    ResultStatus,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.plan.rules.findings import Findings
from dbtcollate_tui.plan.server_state import ServerState, case_key
from dbtcollate_tui.settings.model import SyncOptions

STATUSES: Mapping[str, ResultStatus] = {
    "pass": "Success",
    "fail": "Failed",
    "error": "Failed",
    "warn": "Aborted",
}
"""dbt's result -> OpenMetadata's, as the reference ingestion maps them; OpenMetadata has no warning."""

BUILT_IN = {
    "unique": "Every value of the column is unique.",
    "not_null": "No value of the column is missing.",
    "accepted_values": "Every value of the column is one of a list.",
    "relationships": "Every value of the column exists in a column of another table.",
}


@dataclass(slots=True)
class QualityFacts:
    """What the verification will look for."""

    edges: list[tuple[TableRef, TableRef | AssetRef]] = field(default_factory=list)
    missing_edges: list[str] = field(default_factory=list)
    exposures: list[str] = field(default_factory=list)
    results: dict[str, ExpectedResult] = field(default_factory=dict)
    missing_results: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    of_ephemeral: list[str] = field(default_factory=list)
    unlinkable: list[str] = field(default_factory=list)
    shared_cases: list[str] = field(default_factory=list)
    without_sql: list[str] = field(default_factory=list)


def plan_lineage(
    project: Project,
    report: MatchReport,
    state: ServerState,
    only: Collection[str] | None,
    findings: Findings,
    facts: QualityFacts,
) -> None:
    """Add the edges that are not there, and to those that lack them dbt's SQL and column lineage.

    An edge that another lineage made keeps its SQL and its source; one without SQL gets dbt's. Columns of
    dbt's that it lacks are added beside its own. A run without compiled SQL takes none away, SQL that cannot
    be read no columns.
    """
    facts.without_sql = [
        unique_id
        for unique_id in report.matched
        if (only is None or unique_id in only) and _lacks_sql(project.nodes[unique_id])
    ]
    ends, facts.missing_edges = place_edges(project, report, only)
    for end in ends:
        facts.edges.append((end.upstream, end.downstream))
        there = state.edges.get((end.upstream.id, end.downstream.id))
        sql = (end.node.compiled_code or "").strip()
        columns = end.columns or ()
        if there is not None:
            dbts = there.source == "DbtLineage"
            if end.columns is None:
                columns = there.columnsLineage
            elif not dbts:
                columns = _beside(there.columnsLineage, end.columns)
            keeps_sql = bool(there.sqlQuery) and not dbts
            same = keeps_sql or same_sql(there.sqlQuery, sql)
            if not sql or (same and _pairs(columns) == _pairs(there.columnsLineage)):
                findings.same("lineage")
                continue
            sql = there.sqlQuery if keeps_sql else end.node.compiled_code or ""
        findings.changes.append(
            LineageChange(
                unique_id=end.node.unique_id,
                upstream=end.upstream,
                downstream=end.downstream,
                sql=sql if there is not None else end.node.compiled_code or "",
                columns=columns,
                existing=there,
            )
        )


def _lacks_sql(node: Node) -> bool:
    return (
        node.resource_type in ("model", "snapshot")
        and not node.compiled_code
        and not (node.is_stub or node.is_pointer)
    )


def _pairs(columns: Iterable[ColumnLineage]) -> set[tuple[str, str]]:
    """(from, to) of every column; the reference ingestion writes one entry for each, others one for all."""
    return {(source, item.toColumn) for item in columns for source in item.fromColumns}


def _beside(there: Iterable[ColumnLineage], new: Iterable[ColumnLineage]) -> tuple[ColumnLineage, ...]:
    kept = tuple(there)
    known = {item.toColumn for item in kept}
    return (*kept, *(item for item in new if item.toColumn not in known))


_CREATE = re.compile(r"^\s*create\s+(?:or\s+replace\s+)?(?:table|view)\s+\S+\s+as\s+", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b|\?")


def same_sql(held: str, compiled: str) -> bool:
    """Whether an edge holds this compiled SQL, unchanged or as Collate's own ingestion writes it.

    That one puts ``create table … as`` before it and question marks in the place of literals.
    """
    if held.strip() == compiled.strip():
        return True
    if not _CREATE.match(held):
        return False
    masked = [" ".join(_LITERAL.sub("?", text).split()) for text in (_CREATE.sub("", held), compiled)]
    return masked[0] == masked[1]


def plan_tests(
    project: Project,
    report: MatchReport,
    state: ServerState,
    options: SyncOptions,
    dialect: Dialect,
    only: Collection[str] | None,
    findings: Findings,
    facts: QualityFacts,
) -> None:
    """Add definitions, suites (for servers that need them), cases and results that are not there.

    Two tests that would share a test case, as those of a seed and of the source on the same table, share it:
    the worse result counts.
    """
    found, unplaced = place_tests(project, report, state.tables, only)
    placed = _one_a_case(found, project, facts)
    made: dict[str, NewTestDefinition] = {}
    suites: dict[str, NewTestSuite] = {}
    for item in placed:
        requires = []
        case = state.cases.get(case_key(item.link, item.test.name))
        if case is None and item.definition not in state.definitions:
            definition = made.setdefault(item.definition, _definition(item))
            requires.append(definition.key)
        if dialect.needs_test_suite and state.tables[item.table.fqn].testSuite is None:
            suite = suites.setdefault(item.table.fqn, NewTestSuite(table=item.table))
            requires.append(suite.key)
        fqn = case.fullyQualifiedName if case is not None else item.case_fqn
        freshness = freshness_of(project, item.test)
        limits = freshness_limits(freshness) if freshness is not None else None
        requires = _plan_case(item, case, fqn, tuple(requires), options, findings, limits)
        result = result_of(project, item.test)
        if result is None or result.status not in STATUSES:
            facts.not_run.append(item.test.name)
            continue
        if case is not None and case.fullyQualifiedName in state.unread_results:
            facts.missing_results.append(f"{item.test.name}: Collate cannot read its latest result")
            continue
        facts.results[fqn] = ExpectedResult(
            item.table,
            item.link,
            item.test.name,
            STATUSES[result.status],
            result.completed_at_ms,
            of_freshness=freshness is not None,
        )
        text = result_text(item.test, result) if freshness is None else freshness_text(freshness)
        _plan_result(item, case, fqn, result, text, tuple(requires), state, findings)
    findings.changes.extend(made.values())
    findings.changes.extend(suites.values())
    for lost in unplaced:
        if lost.cause is UnplacedCause.EPHEMERAL:
            facts.of_ephemeral.append(lost.test.name)
        elif lost.cause is UnplacedCause.NO_LINK:
            facts.unlinkable.append(f"{lost.test.name}: {lost.reason}")
        elif lost.test.unique_id in project.results:
            facts.missing_results.append(f"{lost.test.name}: {lost.reason}")
        if lost.cause is UnplacedCause.NO_COLUMN:
            findings.kept.append(
                Conflict("tests", lost.test.unique_id, lost.test.name, "", lost.test.test_name, lost.reason)
            )


_WORST_FIRST: tuple[TestStatus, ...] = ("fail", "error", "warn", "pass", "skipped")


def _one_a_case(placed: Iterable[PlacedTest], project: Project, facts: QualityFacts) -> list[PlacedTest]:
    """Of the tests that share a case, the one with the worst result."""
    cases: dict[tuple[str, str], PlacedTest] = {}
    for item in placed:
        key = case_key(item.link, item.test.name)
        other = cases.get(key)
        if other is not None:
            facts.shared_cases.append(f"{item.table.short}: {item.test.name}")
        if other is None or _badness(item, project) < _badness(other, project):
            cases[key] = item
    return list(cases.values())


def _badness(item: PlacedTest, project: Project) -> int:
    result = result_of(project, item.test)
    return len(_WORST_FIRST) if result is None else _WORST_FIRST.index(result.status)


def _definition(item: PlacedTest) -> NewTestDefinition:
    test = item.test
    short = test.test_name.rsplit(".", 1)[-1]
    if test.kind == "generic":
        text = BUILT_IN.get(short, f"The dbt test {test.test_name}.")
    elif test.kind == "freshness":
        text = "The source's latest row is no older than dbt's limits."
    else:
        text = test.description or f"The dbt test {test.name}."
    parameters: tuple[str, ...] = (short,) if test.kind == "generic" else ()
    return NewTestDefinition(
        unique_id=test.unique_id,
        name=item.definition,
        entity_type=item.entity_type,
        description=text,
        parameters=("warn_after", "error_after") if test.kind == "freshness" else parameters,
    )


def _plan_case(
    item: PlacedTest,
    case: TestCase | None,
    fqn: str,
    requires: tuple[str, ...],
    options: SyncOptions,
    findings: Findings,
    limits: tuple[tuple[str, str], ...] | None,
) -> list[str]:
    """Add the case where it is new or its text differs; gives what a result of it requires.

    ``limits`` are the parameters of a freshness test, ``None`` for any other.
    """
    test = item.test
    text = test.description.strip()
    if case is not None:
        old = case.description.strip()
        if not text or old == text:
            findings.same("tests")
            return []
        if old and not options.update_descriptions:
            reason = "another text in Collate; updating descriptions is off"
            findings.kept.append(
                Conflict("tests", fqn, f"{item.table.short}: {test.name}", old, text, reason)
            )
            return []
    change = TestCaseChange(
        unique_id=test.unique_id,
        requires=requires if case is None else (),
        table=item.table,
        column=item.column,
        name=test.name,
        fqn=fqn,
        definition=item.definition,
        entity_link=item.link,
        description=test.description,
        parameters=_parameters(item) if limits is None else limits,
        id=case.id if case is not None else "",
        before=case.description if case is not None else "",
    )
    findings.changes.append(change)
    return [change.key] if case is None else []


def _parameters(item: PlacedTest) -> tuple[tuple[str, str], ...]:
    """One parameter named after the generic test: a list's values by commas, else its arguments as text.

    A test of an expression is one of the table, and names the expression first.
    """
    test = item.test
    if test.kind != "generic":
        return ()
    short = test.test_name.rsplit(".", 1)[-1]
    values = test.kwargs.get("values")
    if isinstance(values, Sequence) and not isinstance(values, str):
        return ((short, ",".join(str(value) for value in values)),)
    arguments = dict(test.kwargs)
    if test.column_name and not item.column:
        arguments = {"column_name": test.column_name, **arguments}
    return ((short, ", ".join(f"{name}={value}" for name, value in arguments.items())),)


def _plan_result(
    item: PlacedTest,
    case: TestCase | None,
    fqn: str,
    result: TestResult,
    text: str,
    requires: tuple[str, ...],
    state: ServerState,
    findings: Findings,
) -> None:
    newest = case.testCaseResult if case is not None else None
    moment = result.completed_at_ms
    if (newest is not None and newest.timestamp == moment) or (fqn, moment) in state.older_results:
        findings.same("test results")
        return
    passed = result.status == "pass"
    named = (item.test.attached_node if item.test.kind == "freshness" else None) or item.test.unique_id
    before = ""
    if newest is not None:
        when = datetime.fromtimestamp(newest.timestamp / 1000, UTC)
        before = f"{newest.testCaseStatus} at {when:%Y-%m-%d %H:%M} UTC"
    findings.changes.append(
        TestResultChange(
            unique_id=item.test.unique_id,
            requires=requires,
            table=item.table,
            column=item.column,
            name=item.test.name,
            fqn=fqn,
            status=STATUSES[result.status],
            timestamp=moment,
            text=text,
            values=((named, "1" if passed else "0"),),
            before=before,
        )
    )


def result_text(test: DbtTest, result: TestResult) -> str:
    """dbt's message with what OpenMetadata's statuses cannot say: a warning, the severity, failing rows."""
    if result.status == "pass":
        return ""
    message = " ".join((result.message or "").split())
    if not message and result.failures:
        message = f"{wording.count(result.failures, 'failing row')}"
    lead = {
        "warn": "dbt warned, the test did not fail",
        "error": "dbt could not run the test",
        "fail": "dbt's test failed",
    }[result.status]
    return f"{lead} (severity {test.severity}){': ' if message else ''}{message}"
