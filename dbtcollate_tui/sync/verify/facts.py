"""The verification after a sync: what dbt says, read back from Collate, as the guide's verification rows."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dbtcollate_tui import wording
from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.links import asset_page, service_ingestion_page, service_page, table_page
from dbtcollate_tui.collate.models import Metric, Table, TestCase, TestCaseResult
from dbtcollate_tui.concurrency import bounded, together
from dbtcollate_tui.events.outcome import Verification, VerificationGap, VerificationRow, VerificationState
from dbtcollate_tui.plan.matching.matches import AssetRef, TableRef
from dbtcollate_tui.plan.model import (
    Change,
    DescriptionChange,
    Expected,
    ExpectedResult,
    ExposureChange,
    LineageChange,
    MetricChange,
    MetricEdgeChange,
    Plan,
    RemoveEdge,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.plan.server_state import case_key
from dbtcollate_tui.settings.model import CollateSettings
from dbtcollate_tui.sync.reading.assets import read_asset_edges
from dbtcollate_tui.sync.reading.edges import READERS, read_edges
from dbtcollate_tui.sync.reading.test_cases import Unread, each_case, table_of_link

SINGLE_TABLES = 10
"""Up to this many tables are read one by one, more by listing their databases."""

ANSWERED_EMPTY = (LineageChange, ExposureChange, RemoveEdge, MetricEdgeChange, TestResultChange)
"""Changes that servers accept by an answer without content: only reading shows that they are there."""

OnProgress = Callable[[int, int, str], object]
"""Gets how much is read back, of how much, and words on what still is: tables, edges and results together."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the server was seen to hold of what is expected.

    ``descriptions`` by (table FQN, column); ``edges`` by the ids of their ends; ``results``: latest result by
    (entity link, case name).
    """

    descriptions: Mapping[tuple[str, str], str]
    edges: frozenset[tuple[str, str]]
    results: Mapping[tuple[str, str], TestCaseResult | ExpectedResult | None]
    unchecked: frozenset[str] = frozenset()
    """FQNs of test cases whose latest result the server cannot read."""
    undeleted: frozenset[tuple[str, str]] = frozenset()
    """Edges that were to be removed and are there, by the ids of their ends."""
    metrics: frozenset[str] = frozenset()
    metric_edges: frozenset[tuple[str, str]] = frozenset()
    """FQNs of the metrics, and of what they read with the metric's."""


async def read_back(
    collate: CollateClient,
    plan: Plan,
    expected: Expected,
    written: Collection[Change],
    on_progress: OnProgress | None = None,
    *,
    texts_known: bool = False,
) -> Held:
    """Read what was written; what the plan found equal was read for the plan and is not read again.

    ``texts_known``: no description is read, since the plan was just made and nothing was written.
    """
    progress: dict[str, tuple[int, int]] = {}

    def tell(done: int, total: int, text: str) -> None:
        progress[text] = (done, total)
        if on_progress is not None:
            open_parts = [part for part, (so_far, of) in progress.items() if so_far < of]
            on_progress(
                sum(so_far for so_far, _ in progress.values()),
                sum(of for _, of in progress.values()),
                ", ".join(open_parts or progress),
            )

    async def texts_now() -> dict[tuple[str, str], str]:
        return {} if texts_known else await _descriptions(collate, plan, expected, tell)

    async with together() as group:
        reading_texts = group.create_task(texts_now())
        reading_edges = group.create_task(_edges(collate, plan, expected, written, tell))
        reading_metrics = group.create_task(_metrics(collate, plan, expected, written))
        reading_results = group.create_task(_results(collate, plan, expected, written, tell))
        reading_removed = group.create_task(_undeleted(collate, written))
    texts = reading_texts.result()
    pending = {(c.table.fqn, c.column) for c in plan.changes if isinstance(c, DescriptionChange)}
    for key, text in expected.descriptions.items():
        if key not in pending:
            texts.setdefault(key, text)
    results, unchecked = reading_results.result()
    metrics, metric_edges = reading_metrics.result()
    return Held(
        texts,
        reading_edges.result(),
        results,
        unchecked,
        undeleted=reading_removed.result(),
        metrics=metrics,
        metric_edges=metric_edges,
    )


def held_already(expected: Expected) -> Held:
    """All of it: what a plan without a change just found on the server."""
    return Held(
        expected.descriptions,
        frozenset((above.id, below.id) for above, below in expected.edges),
        {case_key(item.link, item.name): item for item in expected.results.values()},
        metrics=frozenset(expected.metrics),
        metric_edges=frozenset(expected.metric_edges),
    )


def not_held(written: Collection[Change], expected: Expected, held: Held) -> list[Change]:
    """The changes of `ANSWERED_EMPTY` that the server does not hold."""

    def lacks(change: Change) -> bool:
        match change:
            case LineageChange():
                return (change.upstream.id, change.downstream.id) not in held.edges
            case ExposureChange():
                return (change.upstream.id, change.asset.id) not in held.edges
            case RemoveEdge():
                return (change.upstream.id, change.downstream.id) in held.undeleted
            case MetricEdgeChange():
                return (change.upstream.fqn, change.metric.fqn) not in held.metric_edges
            case TestResultChange():
                item = expected.results.get(change.fqn)
                if item is None or change.fqn in held.unchecked:
                    return False
                result = held.results.get(case_key(item.link, item.name))
                return result is None or result.timestamp < item.timestamp
            case _:
                return False

    return [change for change in written if lacks(change)]


async def _descriptions(
    collate: CollateClient, plan: Plan, expected: Expected, tell: OnProgress
) -> dict[tuple[str, str], str]:
    """The texts that were to be written, as they are now; those that could not be written, too."""
    refs = {
        c.table.fqn: c.table
        for c in plan.changes
        if isinstance(c, DescriptionChange) and (c.table.fqn, c.column) in expected.descriptions
    }
    asked: dict[str, list[str]] = {}
    for change in plan.changes:
        if isinstance(change, DescriptionChange):
            asked.setdefault(change.table.fqn, []).append(change.column)
    found: dict[tuple[str, str], str] = {}
    done = 0

    def take(table: Table) -> None:
        nonlocal done
        done += 1
        tell(done, len(refs), "descriptions")
        columns = {name: column.description for _, name, column in table.walk_columns()}
        fqn = table.fullyQualifiedName
        for column in asked.get(fqn, ()):
            found[fqn, column] = columns.get(column, "") if column else table.description

    if len(refs) <= SINGLE_TABLES:

        async def one(fqn: str) -> None:
            table = await collate.table(fqn, ("columns",))
            if table is not None:
                take(table)

        await bounded(refs, one, at_once=READERS)
        return found
    databases = sorted({join_fqn(ref.service, ref.database) for ref in refs.values()})
    for database in databases:
        async for table in collate.tables(database, ("columns",)):
            if table.fullyQualifiedName in refs:
                take(table)
    return found


async def _edges(
    collate: CollateClient, plan: Plan, expected: Expected, written: Collection[Change], tell: OnProgress
) -> frozenset[tuple[str, str]]:
    changed = {c.downstream.id: c.downstream for c in written if isinstance(c, LineageChange)}
    absent = {
        (c.upstream.id, c.downstream.id)
        for c in plan.changes
        if isinstance(c, LineageChange) and c.existing is None
    } | {(c.upstream.id, c.asset.id) for c in plan.changes if isinstance(c, ExposureChange)}
    pairs = [(c.upstream, c.downstream) for c in written if isinstance(c, LineageChange)]
    pairs += [(above, changed[below.id]) for above, below in expected.edges if below.id in changed]
    seen = await read_edges(
        collate,
        pairs,
        sure=changed,
        on_done=lambda done, total: tell(done, total, "lineage"),
    )
    drawn = await read_asset_edges(collate, [c.asset for c in written if isinstance(c, ExposureChange)])
    known = {
        (above.id, below.id)
        for above, below in expected.edges
        if below.id not in changed and (above.id, below.id) not in absent
    }
    return frozenset(seen.keys() | known | drawn)


async def _undeleted(collate: CollateClient, written: Collection[Change]) -> frozenset[tuple[str, str]]:
    removed = [change for change in written if isinstance(change, RemoveEdge)]

    async def read(change: RemoveEdge) -> tuple[str, str] | None:
        edge = await collate.edge(change.upstream.id, change.downstream.id)
        is_there = edge is not None and edge.source == change.edge.source
        return (change.upstream.id, change.downstream.id) if is_there else None

    return frozenset(pair for pair in await bounded(removed, read, at_once=READERS) if pair is not None)


async def _metrics(
    collate: CollateClient, plan: Plan, expected: Expected, written: Collection[Change]
) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The metrics and their edges; what the plan found equal is known, the rest is read in pages."""
    planned = {c.name for c in plan.changes if isinstance(c, MetricChange) and not c.id}
    pending = {(c.upstream.fqn, c.metric.fqn) for c in plan.changes if isinstance(c, MetricEdgeChange)}
    names = set(expected.metrics) - planned
    edges = set(expected.metric_edges) - pending
    drawn = [c for c in written if isinstance(c, MetricEdgeChange)]
    if not drawn and not any(isinstance(c, MetricChange) for c in written):
        return frozenset(names), frozenset(edges)
    there = {metric.fullyQualifiedName or metric.name: metric for metric in await collate.metrics()}
    names |= {metric.name for metric in there.values()}
    pairs: dict[tuple[str, str], tuple[str, str]] = {}
    ends: list[tuple[TableRef | AssetRef, TableRef | AssetRef]] = []
    for change in drawn:
        above, below = (_with_id(end, there) for end in (change.upstream, change.metric))
        pairs[above.id, below.id] = (above.fqn, below.fqn)
        ends.append((above, below))
    seen = await read_edges(collate, ends, sure={below.id for _, below in ends})
    edges |= {fqns for pair, fqns in pairs.items() if pair in seen}
    return frozenset(names), frozenset(edges)


def _with_id(end: TableRef | AssetRef, metrics: Mapping[str, Metric]) -> TableRef | AssetRef:
    """An edge's end; a metric that was made meanwhile with the id that the server gave it."""
    known = metrics.get(end.fqn)
    if end.id or known is None or not isinstance(end, AssetRef):
        return end
    return replace(end, id=known.id)


async def _results(
    collate: CollateClient, plan: Plan, expected: Expected, written: Collection[Change], tell: OnProgress
) -> tuple[dict[tuple[str, str], TestCaseResult | ExpectedResult | None], frozenset[str]]:
    tested = {c.table.fqn for c in written if isinstance(c, TestCaseChange | TestResultChange)}
    pending = {c.fqn for c in plan.changes if isinstance(c, TestResultChange)}
    found: dict[tuple[str, str], TestCaseResult | ExpectedResult | None] = {
        case_key(item.link, item.name): item for fqn, item in expected.results.items() if fqn not in pending
    }

    def take(case: TestCase) -> None:
        found[case_key(case.entityLink, case.name)] = case.testCaseResult

    unread = Unread()
    keys = {case_key(item.link, item.name) for item in expected.results.values()}
    asked = {key for key in keys if table_of_link(key[0]) in tested}

    def progress(done: int, total: int) -> None:
        tell(done, total, "test results")

    await each_case(collate, tested, take, progress, unread, asked)
    return found, frozenset(unread.cases)


def prove(
    plan: Plan,
    expected: Expected,
    held: Held,
    settings: CollateSettings,
    *,
    written: int,
    failed: int,
) -> Verification:
    """The guide's five rows from what was read back; ``settings`` give the links their address."""
    base_url, service = settings.base_url, settings.service
    return Verification(
        rows=(
            _run_row(plan),
            _ingestion_row(written, failed, base_url, service),
            _lineage_row(expected, held, base_url),
            _descriptions_row(expected, held, base_url),
            *_metric_rows(expected, held, base_url),
            _tests_row(expected, held, base_url),
        ),
        tables_url=service_page(base_url, service),
        failed_tests=expected.failed,
    )


def _run_row(plan: Plan) -> VerificationRow:
    title = "dbt Cloud run exists"
    run = plan.run
    if run is None:
        return VerificationRow("run", title, "skipped", "no run is known")
    state: VerificationState = "ok" if run.outcome == "success" else "warn"
    words = f"{run.outcome}: {run.status_message}" if run.status_message else run.outcome
    return VerificationRow("run", title, state, f"run #{run.id} {words}", url=run.url)


def _ingestion_row(written: int, failed: int, base_url: str, service: str) -> VerificationRow:
    state: VerificationState = "failed" if failed else "ok"
    summary = f"{written} written, {failed} failed"
    return VerificationRow(
        "ingestion", "Ingestion completed", state, summary, url=service_ingestion_page(base_url, service)
    )


def _state(expected: int, found: int, unreachable: int) -> VerificationState:
    if expected == 0 and unreachable == 0:
        return "skipped"
    if found < expected:
        return "failed"
    return "warn" if unreachable else "ok"


def _lineage_row(expected: Expected, held: Held, base_url: str) -> VerificationRow:
    lost = [
        VerificationGap(
            f"{above.fqn} -> {below.fqn}",
            "an edge",
            "no edge",
            asset_page(
                base_url, below.type if isinstance(below, AssetRef) else "table", below.fqn, "lineage"
            ),
            above.fqn if isinstance(below, AssetRef) else below.fqn,
        )
        for above, below in expected.edges
        if (above.id, below.id) not in held.edges
    ]
    unreachable = [
        VerificationGap(line.partition(": ")[0], "an edge", line.partition(": ")[2])
        for line in expected.missing_edges
    ]
    found = len(expected.edges) - len(lost)
    total = len(expected.edges) + len(unreachable)
    summary = f"{found} of {total} edges" if total else "no edges expected"
    state = _state(len(expected.edges), found, len(unreachable))
    return VerificationRow("lineage", "Lineage appears", state, summary, total, found, (*lost, *unreachable))


def _metric_rows(expected: Expected, held: Held, base_url: str) -> list[VerificationRow]:
    """The row of metrics, where dbt has any."""
    total = len(expected.metrics) + len(expected.metric_edges)
    if not total:
        return []
    lost = [
        VerificationGap(name, "a metric", "no metric", asset_page(base_url, "metric", name))
        for name in expected.metrics
        if name not in held.metrics
    ]
    edges = [
        VerificationGap(
            f"{above} -> {below}", "an edge", "no edge", asset_page(base_url, "metric", below, "lineage")
        )
        for above, below in expected.metric_edges
        if (above, below) not in held.metric_edges
    ]
    metrics, drawn = len(expected.metrics) - len(lost), len(expected.metric_edges) - len(edges)
    summary = (
        f"{metrics} of {wording.count(len(expected.metrics), 'metric')},"
        f" {drawn} of {wording.count(len(expected.metric_edges), 'edge')} of metrics"
    )
    state = _state(total, metrics + drawn, 0)
    found = (*lost, *edges)
    return [VerificationRow("metrics", "Metrics synced", state, summary, total, metrics + drawn, found)]


def _descriptions_row(expected: Expected, held: Held, base_url: str) -> VerificationRow:
    differing = []
    for (fqn, column), text in expected.descriptions.items():
        found = held.descriptions.get((fqn, column), "")
        if found is not text and found.strip() != text.strip():
            target = f"{fqn}.{column}" if column else fqn
            differing.append(VerificationGap(target, text, found, table_page(base_url, fqn), fqn))
    total = len(expected.descriptions)
    equal = total - len(differing)
    summary = f"{equal} of {total} descriptions equal" if total else "no descriptions expected"
    return VerificationRow(
        "descriptions",
        "Descriptions synced",
        _state(total, equal, 0),
        summary,
        total,
        equal,
        tuple(differing),
    )


def _tests_row(expected: Expected, held: Held, base_url: str) -> VerificationRow:
    lost = []
    unchecked = []
    newest: int | None = None
    for fqn, item in expected.results.items():
        if fqn in held.unchecked:
            unchecked.append(
                VerificationGap(fqn, _words(item), "Collate cannot read it, so it is not checked")
            )
            continue
        result = held.results.get(case_key(item.link, item.name))
        if result is None or result.timestamp < item.timestamp:
            found = "no result" if result is None else f"latest is of {_moment(result.timestamp)}"
            url = table_page(base_url, item.table.fqn, "profiler")
            lost.append(VerificationGap(fqn, _words(item), found, url, item.table.fqn))
        else:
            newest = max(newest or 0, result.timestamp)
    unreachable = [
        VerificationGap(line.partition(": ")[0], "a result", line.partition(": ")[2])
        for line in expected.missing_results
    ]
    unreachable += unchecked
    total = len(expected.results) + len(unreachable) - len(unchecked)
    found_count = len(expected.results) - len(lost) - len(unchecked)
    summary = f"{found_count} of {total} test results" if total else "no test results expected"
    if newest is not None:
        summary += f", newest {_moment(newest)}"
    if expected.not_run:
        count = len(expected.not_run)
        summary += f"; {wording.count(count, 'test')} did not run"
    if expected.unit_tests:
        summary += f"; {expected.unit_tests}"
    state = _state(len(expected.results) - len(unchecked), found_count, len(unreachable))
    return VerificationRow(
        "tests", "Test results visible", state, summary, total, found_count, (*lost, *unreachable), newest
    )


def _words(item: ExpectedResult) -> str:
    return f"{item.status} of {_moment(item.timestamp)}"


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
