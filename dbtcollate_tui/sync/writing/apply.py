"""Writes a plan's changes to Collate: in an order that holds, few at once, each guarded by what was read."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import (
    ConflictError,
    ExclusiveTagsError,
    ForbiddenError,
    GuardFailedError,
    InvalidRequestError,
    NotFoundError,
    NotSpokenError,
    ServerFailedError,
)
from dbtcollate_tui.collate.models import EntityReference, Table, TableConstraint, TagLabel, TestCase
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.concurrency import bounded
from dbtcollate_tui.errors import ActionableError, UnreachableError
from dbtcollate_tui.events.types import LogLine
from dbtcollate_tui.plan.model import (
    Change,
    ContractChange,
    ContractResultChange,
    CustomPropertyChange,
    DataModelChange,
    DataProductsChange,
    DescriptionChange,
    DomainChange,
    ExposureChange,
    KeysChange,
    LineageChange,
    MetricChange,
    MetricEdgeChange,
    NewClassification,
    NewTag,
    NewTestDefinition,
    NewTestSuite,
    OwnersChange,
    Plan,
    RemoveDescription,
    RemoveEdge,
    RemoveMetric,
    RemoveOwners,
    RemoveTags,
    RemoveTestCase,
    StatusChange,
    TableChange,
    TagsChange,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.plan.server_state import case_key
from dbtcollate_tui.sync.reading.server import TABLE_FIELDS
from dbtcollate_tui.sync.writing.bodies import (
    edge_of,
    exposure_edge,
    new_case,
    result_body,
    with_keys,
    with_tags,
)
from dbtcollate_tui.sync.writing.case_batches import Batch, halves, in_batches
from dbtcollate_tui.sync.writing.concurrency import Pace
from dbtcollate_tui.sync.writing.contracts import ContractWriter
from dbtcollate_tui.sync.writing.drift import holds_model, model_moved, moved, standing
from dbtcollate_tui.sync.writing.metrics import MetricWriter
from dbtcollate_tui.sync.writing.tally import Account, Tally, Tell, is_silence, is_unknown
from dbtcollate_tui.transport.pacing import Retrying

OF_LINEAGE = (LineageChange, ExposureChange, RemoveEdge)
STAGES: tuple[tuple[str, tuple[type[Change], ...]], ...] = (
    ("classification", (NewClassification,)),
    ("tags", (NewTag,)),
    (
        "tables",
        (
            DescriptionChange,
            RemoveDescription,
            OwnersChange,
            RemoveOwners,
            TagsChange,
            RemoveTags,
            DomainChange,
            DataProductsChange,
            CustomPropertyChange,
            KeysChange,
            StatusChange,
            DataModelChange,
        ),
    ),
    ("contracts", (ContractChange,)),
    ("contract results", (ContractResultChange,)),
    ("test definitions", (NewTestDefinition,)),
    ("test suites", (NewTestSuite,)),
    ("test cases", (TestCaseChange,)),
    ("test results", (TestResultChange,)),
    ("tests that are gone", (RemoveTestCase,)),
    ("lineage", OF_LINEAGE),
    ("metrics", (MetricChange,)),
    ("lineage of metrics", (MetricEdgeChange,)),
    ("metrics that are gone", (RemoveMetric,)),
)
"""What is written after what; within a stage the order is free."""


def _is_model(change: Change) -> bool:
    return isinstance(change, DataModelChange)


REFUSED = (ForbiddenError, InvalidRequestError, NotFoundError, ServerFailedError)
WORKERS = 16
"""Changes taken in hand at once; the pace lets fewer of them write."""
LAST_WRITES_SECONDS = 0.5
"""How long a cancel waits for the answers of writes that are under way."""


class Writer:
    """Writes the chosen changes of one plan; every outcome is reported as an event.

    ``present`` are the keys of changes of this plan that are written already, so that others may need them.
    """

    def __init__(
        self,
        collate: CollateClient,
        plan: Plan,
        changes: Sequence[Change],
        tell: Tell,
        cancel: asyncio.Event,
        present: Collection[str] = (),
    ) -> None:
        self._account = Account(plan, changes, tell, cancel, present)
        self.tally = self._account.tally
        self._collate = collate
        self._plan = plan
        self._tables: Mapping[str, Table] = {}
        self._changes = changes
        self._tell = tell
        self._cancel = cancel
        self._pace = Pace(
            lambda text: tell(LogLine(source="Collate", level="warn", text=text)),
            collate.dialect.writes_at_once,
        )
        self._many_cases = collate.dialect.creates_many_cases
        self._undelivered: dict[str, list[tuple[TagsChange | OwnersChange, ActionableError]]] = {}
        self._metrics = MetricWriter(collate)
        self._contracts = ContractWriter(collate)
        self._suites: dict[str, str] = {}
        self._case_fqns: dict[str, str] = {}

    async def run(self, tables: Mapping[str, Table] | None = None) -> Tally:
        """Write them all; ends early where the token is refused, nothing answers, or on cancel.

        A cancel waits half a second for the writes under way; those still without an answer are ``unsure``.
        ``tables`` are tables as they are now, by FQN, where the plan was made a while ago.
        """
        self._tables = tables or {}
        transport = self._collate.transport
        former = transport.on_retry

        def hear(retrying: Retrying) -> None:
            self._pace.refused(retrying.reason)
            if former is not None:
                former(retrying)

        transport.on_retry = hear
        work = asyncio.create_task(self._run())
        stopper = asyncio.create_task(self._stop_on_cancel(work))
        try:
            await asyncio.wait([work])
            if not work.cancelled():
                work.result()
        finally:
            transport.on_retry = former
            stopper.cancel()
            work.cancel()
            await asyncio.gather(work, stopper, return_exceptions=True)
            self.tally.cancelled = self.tally.planned - self.tally.settled
        if self.tally.unsure:
            count = len(self.tally.unsure)
            text = f"{count} sent without a usable answer, they may be written: {self.tally.unsure[0].label}"
            self._tell(LogLine(source="sync", level="warn", text=text + (" and others" if count > 1 else "")))
        return self.tally

    def not_verified(self, changes: Iterable[Change], *, was_read: bool) -> None:
        """Take back what was accepted and is not known to be there: it counts as not known."""
        for change in changes:
            self._account.not_verified(change, was_read=was_read)

    async def _stop_on_cancel(self, work: "asyncio.Task[None]") -> None:
        await self._cancel.wait()
        await asyncio.sleep(LAST_WRITES_SECONDS)
        work.cancel()

    async def _run(self) -> None:
        for name, kinds in STAGES:
            todo = [change for change in self._changes if isinstance(change, kinds)]
            if not todo:
                continue
            if name not in ("classification", "tags", "tables", "data models"):
                self._settle_rest()
            self._account.begin(name, len(todo))
            self._pace.begin(name)
            if name == "tables":
                await self._tables_stage(todo)
            elif name == "metrics":
                await self._metrics_stage([change for change in todo if isinstance(change, MetricChange)])
            elif name == "test cases" and self._many_cases:
                cases = [change for change in todo if isinstance(change, TestCaseChange)]
                new = in_batches(change for change in cases if not change.id)
                await bounded(new, self._batches_turn, at_once=WORKERS)
                await bounded([change for change in cases if change.id], self._turn, at_once=WORKERS)
            else:
                await bounded(todo, self._turn, at_once=WORKERS)
        self._settle_rest()

    def _settle_rest(self) -> None:
        """What no data model came to deliver has failed."""
        for fqn in list(self._undelivered):
            self._settle(fqn, None)

    async def _tables_stage(self, changes: Sequence[Change]) -> None:
        """One patch a table; the first that takes a data model along alone, since it shows what is kept."""
        by_table: dict[str, list[Change]] = {}
        for change in changes:
            if isinstance(change, TableChange):
                by_table.setdefault(change.table.fqn, []).append(change)
        items = list(by_table.items())
        if self._collate.keeps_patched_models is None:
            first = next((item for item in items if any(map(_is_model, item[1])) and len(item[1]) > 1), None)
            if first is not None:
                items.remove(first)
                await self._table_turn(first)
        await bounded(items, self._table_turn, at_once=WORKERS)

    async def _metrics_stage(self, changes: Sequence[MetricChange]) -> None:
        """What a metric is made of before it."""
        for level in sorted({change.level for change in changes}):
            await bounded([c for c in changes if c.level == level], self._turn, at_once=WORKERS)

    async def _table_turn(self, item: tuple[str, list[Change]]) -> None:
        fqn, changes = item
        async with self._pace.turn():
            ready = [kept for change in changes if (kept := self._account.ready(change)) is not None]
            if fqn in self._tables:
                ready = self._still_standing(self._tables[fqn], ready)
            models = [change for change in ready if isinstance(change, DataModelChange)]
            others = [change for change in ready if not isinstance(change, DataModelChange)]
            along = bool(models and others) and self._collate.keeps_patched_models is not False
            if along:
                with self._account.in_hand(ready):
                    models = await self._patch_with_model(fqn, others, models)
            elif others:
                with self._account.in_hand(others):
                    await self._patch_table(fqn, others)
            for model in models:
                await self._one(model)

    async def _turn(self, change: Change) -> None:
        async with self._pace.turn():
            ready = self._account.ready(change)
            if ready is not None:
                await self._one(ready)

    async def _one(self, ready: Change) -> None:
        with self._account.in_hand([ready]):
            try:
                await self._write(ready)
            except NotFoundError as error:
                await self._write_again(ready, error)
            except ActionableError as error:
                self._account.failed(ready, error)
            else:
                self._account.applied(ready)

    async def _write_again(self, ready: Change, error: ActionableError) -> None:
        """A second try of a test case: the server may not find the suite that it has just made."""
        if isinstance(ready, TestCaseChange):
            try:
                await self._write(ready)
            except ActionableError as again:
                error = again
            else:
                self._account.applied(ready)
                return
        self._account.failed(ready, error)

    async def _batches_turn(self, batches: tuple[Batch, ...]) -> None:
        for batch in batches:
            async with self._pace.turn(len(batch)):
                await self._make_cases(batch)

    async def _make_cases(self, batch: Batch) -> None:
        """The batch by one request; where it is refused, its halves, so that one case fails alone.

        Where it may be that some are there already, each on its own: making one again changes nothing. So too
        where the token may not make many; a policy on the tables may still let it make one.
        """
        ready = self._ready_cases(batch)
        if len(ready) > 1 and self._many_cases:
            try:
                with self._account.in_hand(ready):
                    made = await self._collate.create_test_cases([new_case(case) for case in ready])
                    ready = self._made(ready, made)
            except (NotSpokenError, ForbiddenError):
                self._many_cases = False
            except (InvalidRequestError, NotFoundError):
                for half in halves(ready):
                    await self._make_cases(half)
                return
            except (ConflictError, GuardFailedError, ServerFailedError, UnreachableError):
                ready = self._ready_cases(ready)
            except ActionableError as error:
                for case in ready:
                    self._account.failed(case, error)
                return
        for case in ready:
            if self._account.ready(case) is not None:
                await self._one(case)

    def _ready_cases(self, batch: Batch) -> Batch:
        found = (self._account.ready(case) for case in batch)
        return tuple(case for case in found if isinstance(case, TestCaseChange))

    def _made(self, batch: Batch, made: Iterable[TestCase]) -> Batch:
        """Take down the cases that the server says it made; gives those that it does not speak of."""
        by_key = {case_key(item.entityLink, item.name): item for item in made}
        left = []
        for case in batch:
            there = by_key.get(case_key(case.entity_link, case.name))
            if there is None:
                left.append(case)
            else:
                self._case_fqns[case.fqn] = there.fullyQualifiedName
                self._account.applied(case)
        return tuple(left)

    async def _patch_with_model(
        self, fqn: str, others: list[Change], models: list[DataModelChange]
    ) -> list[DataModelChange]:
        """One patch for a table's changes and its data model; gives the model where it is still to be put.

        Whether a server keeps a data model that comes in a patch is read back once, at its first table. A
        patch that is refused is sent without the model, which then goes out by a request of its own.
        """
        table = self._tables.get(fqn) or self._plan.tables[fqn]
        (model,) = models
        body = self._account.model_body(model)
        if table.dataModel is not None and not table.dataModel.sql:
            await self._patch_table(fqn, others)
            return models
        patch = self._patch(table, others).set_data_model(body)
        try:
            await self._collate.patch_table(table.id, patch.ops())
        except (
            ForbiddenError,
            GuardFailedError,
            InvalidRequestError,
            NotFoundError,
            ServerFailedError,
        ) as error:
            if is_silence(error) or is_unknown(error):
                await self._not_known(fqn, [*others, *models], error)
                return []
            if self._collate.keeps_patched_models is None and not isinstance(error, GuardFailedError):
                self._collate.keeps_patched_models = False
            await self._patch_table(fqn, others)
            return models
        except ActionableError as error:
            for change in (*others, *models):
                self._account.failed(change, error)
            return []
        for change in others:
            self._account.applied(change)
        if self._collate.keeps_patched_models is None:
            try:
                now = await self._collate.table(fqn, ("dataModel",))
            except ActionableError:
                return models
            self._collate.keeps_patched_models = now is not None and holds_model(now, body)
            if not self._collate.keeps_patched_models:
                return models
        self._account.applied(model)
        return []

    async def _patch_table(self, fqn: str, changes: Sequence[Change]) -> None:
        """One patch for all changes of a table; where it is refused, each on its own."""
        table = self._tables.get(fqn) or self._plan.tables[fqn]
        try:
            await self._collate.patch_table(table.id, self._ops(table, changes))
        except GuardFailedError as error:
            await self._patch_again(fqn, changes, error)
        except REFUSED as error:
            if is_unknown(error):
                await self._not_known(fqn, changes, error)
                return
            if len(changes) == 1 or is_silence(error):
                for change in changes:
                    self._refused(change, error)
                return
            for change in changes:
                if self._account.ready(change) is None:
                    continue
                try:
                    await self._collate.patch_table(table.id, self._ops(table, [change]))
                except ActionableError as alone:
                    self._refused(change, alone)
                else:
                    self._account.applied(change)
        except ActionableError as error:
            for change in changes:
                self._account.failed(change, error)
        else:
            for change in changes:
                self._account.applied(change)

    async def _not_known(self, fqn: str, changes: Sequence[Change], error: ActionableError) -> None:
        """Changes whose answer was not the table: written where the table, read again, has them."""
        table = None
        if isinstance(error, ServerFailedError) and error.status < 300:
            with contextlib.suppress(ActionableError):
                table = await self._collate.table(fqn, TABLE_FIELDS)
        for change in changes:
            if table is not None and self._holds(table, change):
                self._account.applied(change)
            else:
                self._account.failed(change, error)

    def _holds(self, table: Table, change: Change) -> bool:
        if isinstance(change, DataModelChange):
            return holds_model(table, self._account.model_body(change))
        return standing(table, change) == "new"

    def _refused(self, change: Change, error: ActionableError) -> None:
        """A change that the server refused: failed, unless the table's data model may still deliver it."""
        delivered_later = (
            isinstance(change, TagsChange | OwnersChange)
            and isinstance(error, InvalidRequestError)
            and not isinstance(error, ExclusiveTagsError)
            and any(
                isinstance(other, DataModelChange) and other.table.fqn == change.table.fqn
                for other in self._changes
            )
        )
        if isinstance(change, TagsChange | OwnersChange) and delivered_later:
            self._undelivered.setdefault(change.table.fqn, []).append((change, error))
        else:
            self._account.failed(change, error)

    def _settle(self, fqn: str, table: Table | None) -> None:
        """Say of what was refused before whether the data model delivered it, by the table as it is now."""
        for change, error in self._undelivered.pop(fqn, []):
            if table is not None and standing(table, change) == "new":
                self._account.applied(change)
            else:
                self._account.failed(change, error)

    async def _keep_certification(self, change: DataModelChange) -> None:
        """Set a certification again that writing the data model took away, as servers since 1.13 did."""
        planned = self._plan.tables[change.table.fqn].certification
        if not planned:
            return
        now = await self._collate.table(change.table.fqn, ("certification",))
        if now is not None and not now.certification:
            op = {"op": "add", "path": "/certification", "value": dict(planned)}
            await self._collate.patch_table(change.table.id, [op])

    async def _patch_again(self, fqn: str, changes: Sequence[Change], error: GuardFailedError) -> None:
        """The table has changed since: what still fits the plan is written, the rest has failed."""
        left = list(changes)
        try:
            table = await self._collate.table(fqn, TABLE_FIELDS)
            if table is None:
                raise error
            left = self._still_standing(table, changes, tuple(error.evidence))
            if left:
                await self._collate.patch_table(table.id, self._ops(table, left))
        except ActionableError as again:
            for change in left:
                self._account.failed(change, again)
        else:
            for change in left:
                self._account.applied(change)

    def _still_standing(
        self, table: Table, changes: Sequence[Change], evidence: tuple[str, ...] = ()
    ) -> list[Change]:
        """The changes whose target is as planned; those written already and those overtaken are settled."""
        left = []
        for change in changes:
            held = standing(table, change)
            if held == "new":
                self._account.applied(change)
            elif held == "old" or isinstance(change, DataModelChange):
                left.append(change)
            else:
                self._account.failed(change, moved(change, evidence))
        return left

    def _ops(self, table: Table, changes: Sequence[Change]) -> list[dict[str, object]]:
        return self._patch(table, changes).ops()

    def _patch(self, table: Table, changes: Sequence[Change]) -> TablePatch:
        patch = TablePatch(table, self._collate.dialect)
        columns = {name: column for _, name, column in table.walk_columns()}
        tags: dict[str, list[TagLabel]] = {}
        keys: list[TableConstraint] | None = None
        for change in changes:
            match change:
                case DescriptionChange(column=""):
                    patch.set_description(change.after)
                case DescriptionChange():
                    patch.set_column_description(change.column, change.after)
                case RemoveDescription():
                    patch.remove_description(change.column)
                case OwnersChange():
                    patch.set_owners([EntityReference(id=o.id, type=o.type) for o in change.after])
                case RemoveOwners():
                    patch.set_owners([owner for owner in table.owners if owner.id not in change.removed])
                case TagsChange() | RemoveTags():
                    there = columns[change.column].tags if change.column else table.tags
                    tags[change.column] = with_tags(tags.get(change.column, there), change)
                case DomainChange():
                    patch.set_domain(change.after)
                case DataProductsChange():
                    held = {product.id for product in table.dataProducts}
                    added = [product for product in change.added if product.id not in held]
                    patch.set_data_products([*table.dataProducts, *added])
                case CustomPropertyChange(column=""):
                    patch.set_property(change.name, change.after)
                case CustomPropertyChange():
                    patch.set_column_property(change.column, change.name, change.after)
                case StatusChange():
                    patch.set_status(change.after)
                case KeysChange():
                    keys = with_keys(table.tableConstraints if keys is None else keys, change)
                case _:
                    raise TypeError(f"{change.kind} is no change of a table's own fields")
        if keys is not None:
            patch.set_constraints(keys)
        for column, labels in tags.items():
            if column:
                patch.set_column_tags(column, labels)
            else:
                patch.set_tags(labels)
        return patch

    async def _write(self, change: Change) -> None:
        collate = self._collate
        match change:
            case RemoveEdge():
                edge = await collate.edge(change.upstream.id, change.downstream.id)
                if edge is not None and edge.source == change.edge.source:
                    await collate.delete_lineage(edge)
            case RemoveMetric():
                await collate.delete_metric(change.id)
            case RemoveTestCase():
                case = await collate.test_case(change.fqn, ())
                if case is not None and case.id == change.id:
                    await collate.delete_test_case(case.id)
            case NewClassification():
                await collate.put_classification(change.name, change.description)
            case NewTag():
                await collate.put_tag(change.classification, change.name, change.description)
            case DataModelChange():
                await self._write_model(change)
            case LineageChange():
                if change.existing is not None:
                    there = await collate.edge(change.upstream.id, change.downstream.id)
                    change = replace(change, existing=there)
                await collate.put_lineage(edge_of(change))
            case ContractChange():
                await self._contracts.write(change)
            case ContractResultChange():
                await self._contracts.add_result(change)
            case MetricChange():
                await self._metrics.write(change)
            case MetricEdgeChange():
                await self._metrics.draw(change)
            case ExposureChange():
                await collate.put_lineage(exposure_edge(change))
            case NewTestDefinition():
                await collate.put_test_definition(
                    change.name,
                    entity_type=change.entity_type,
                    description=change.description,
                    parameters=change.parameters,
                )
            case NewTestSuite():
                suite = await collate.put_test_suite(change.table.fqn)
                self._suites[change.table.fqn] = suite.fullyQualifiedName
            case TestCaseChange():
                await self._write_case(change)
            case TestResultChange():
                await collate.add_test_case_result(
                    self._case_fqns.get(change.fqn, change.fqn), result_body(change)
                )
            case _:
                raise TypeError(f"no way to write {change.kind}")

    async def _write_case(self, change: TestCaseChange) -> None:
        collate = self._collate
        if change.id:
            op = {"op": "add", "path": "/description", "value": change.description}
            await collate.patch_test_case(change.id, [op])
            return
        suite = None
        if collate.dialect.needs_test_suite:
            held = self._plan.tables[change.table.fqn].testSuite
            suite = self._suites.get(change.table.fqn) or (held.fullyQualifiedName if held else "")
            if not suite:
                suite = (await collate.put_test_suite(change.table.fqn)).fullyQualifiedName
        case = await collate.put_test_case(
            change.name,
            definition=change.definition,
            table_fqn=change.table.fqn,
            column=change.column or None,
            description=change.description,
            parameters=dict(change.parameters),
            suite_fqn=suite,
        )
        self._case_fqns[change.fqn] = case.fullyQualifiedName

    async def _write_model(self, change: DataModelChange) -> None:
        """Write a data model; one that is there is read again first: another sync may have written it."""
        fqn = change.table.fqn
        try:
            await self._put_model(change)
        except ActionableError:
            self._settle(fqn, None)
            raise
        table = None
        if fqn in self._undelivered:
            table = await self._collate.table(fqn, TABLE_FIELDS)
        self._settle(fqn, table)
        await self._keep_certification(change)

    async def _put_model(self, change: DataModelChange) -> None:
        planned = self._plan.tables[change.table.fqn]
        if planned.dataModel is not None:
            now = await self._collate.table(change.table.fqn, ("dataModel",))
            if now is not None and model_moved(planned, now, change):
                raise moved(change)
        body = self._account.model_body(change)
        try:
            await self._collate.put_data_model(change.table.id, body)
        except ServerFailedError as error:
            if error.status >= 300:
                raise
            now = await self._collate.table(change.table.fqn, ("dataModel",))
            if now is None or not holds_model(now, body):
                raise
