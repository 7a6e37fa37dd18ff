"""Writes a plan's changes to Collate: in an order that holds, few at once, each guarded by what was read."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dbtcollate_tui.collate.client import CollateClient
from dbtcollate_tui.collate.errors import (
    ForbiddenError,
    GuardFailedError,
    InvalidRequestError,
    NotFoundError,
    NotSpokenError,
    PlanLimitError,
    ServerFailedError,
)
from dbtcollate_tui.collate.models import EntityReference, LineageEdge, Table
from dbtcollate_tui.collate.patch import TablePatch
from dbtcollate_tui.errors import RETRY, ActionableError, AuthError, Cure, UnreachableError
from dbtcollate_tui.sync.bounded import bounded
from dbtcollate_tui.sync.changes import (
    Change,
    DataModelChange,
    DescriptionChange,
    Group,
    LineageChange,
    NewClassification,
    NewTag,
    NewTestDefinition,
    NewTestSuite,
    OwnersChange,
    Plan,
    TableChange,
    TagsChange,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.sync.events import Applied, Event, Failed, LogLine, Progress, Skipped
from dbtcollate_tui.sync.pace import FAST, Pace
from dbtcollate_tui.sync.plan_tags import tag_label
from dbtcollate_tui.sync.server_state import TABLE_FIELDS

Tell = Callable[[Event], object]

STAGES: tuple[tuple[str, tuple[type[Change], ...]], ...] = (
    ("classification", (NewClassification,)),
    ("tags", (NewTag,)),
    ("tables", (DescriptionChange, OwnersChange, TagsChange)),
    ("data models", (DataModelChange,)),
    ("lineage", (LineageChange,)),
    ("test definitions", (NewTestDefinition,)),
    ("test suites", (NewTestSuite,)),
    ("test cases", (TestCaseChange,)),
    ("test results", (TestResultChange,)),
)
"""What is written after what; within a stage the order is free."""

SILENT_WRITES = 2
"""After so many writes without an answer, each already tried several times, no other is tried."""


@dataclass(slots=True)
class Tally:
    """What became of the changes."""

    planned: int = 0
    written: Counter[Group] = field(default_factory=Counter)
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    done: list[Change] = field(default_factory=list)
    worst: ActionableError | None = None

    @property
    def settled(self) -> int:
        """How many changes are written, failed or skipped."""
        return self.written.total() + self.failed + self.skipped


class Writer:
    """Writes the chosen changes of one plan; every outcome is told as an event."""

    def __init__(
        self,
        collate: CollateClient,
        plan: Plan,
        changes: Sequence[Change],
        tell: Tell,
        cancel: asyncio.Event,
    ) -> None:
        self.tally = Tally(planned=len(changes))
        self._collate = collate
        self._plan = plan
        self._changes = changes
        self._tell = tell
        self._cancel = cancel
        self._pace = Pace(lambda text: tell(LogLine(source="Collate", level="warn", text=text)))
        chosen = {change.key for change in changes}
        self._gone = {c.key: c for c in plan.changes if c.key not in chosen}
        self._absent = dict.fromkeys(self._gone, "it was left out")
        self._blocked: dict[str, str] = {}
        self._causes: Counter[str] = Counter()
        self._silent = 0
        self._stop = ""
        self._stage = ""
        self._stage_total = 0
        self._stage_done = 0
        self._suites: dict[str, str] = {}
        self._case_fqns: dict[str, str] = {}

    async def run(self) -> Tally:
        """Write them all; ends early where the token is refused, nothing answers, or on cancel."""
        for name, kinds in STAGES:
            todo = [change for change in self._changes if isinstance(change, kinds)]
            if not todo:
                continue
            self._stage, self._stage_total, self._stage_done = name, len(todo), 0
            if name == "tables":
                by_table: dict[str, list[Change]] = {}
                for change in todo:
                    if isinstance(change, TableChange):
                        by_table.setdefault(change.table.fqn, []).append(change)
                await bounded(by_table.items(), self._table_turn, at_once=FAST)
            else:
                await bounded(todo, self._turn, at_once=FAST)
        self.tally.cancelled = self.tally.planned - self.tally.settled
        return self.tally

    async def _table_turn(self, item: tuple[str, list[Change]]) -> None:
        fqn, changes = item
        ready = [kept for change in changes if (kept := self._ready(change)) is not None]
        async with self._pace.turn():
            if ready and not self._cancel.is_set():
                await self._patch_table(fqn, ready)

    async def _turn(self, change: Change) -> None:
        async with self._pace.turn():
            ready = self._ready(change)
            if ready is None or self._cancel.is_set():
                return
            try:
                await self._write(ready)
            except ActionableError as error:
                self._failed(ready, error)
            else:
                self._applied(ready)

    def _ready(self, change: Change) -> Change | None:
        """The change as it can be written now; ``None`` where it is skipped or the person cancelled."""
        if self._cancel.is_set():
            return None
        if self._stop:
            self._skipped(change, self._stop)
            return None
        blocked = self._blocked.get(change.kind)
        if blocked is not None:
            self._skipped(change, blocked)
            return None
        lost = [key for key in change.requires if key in self._absent]
        if not lost:
            return change
        if isinstance(change, TagsChange):
            gone = {key.partition(":")[2] for key in lost}
            left = tuple(fqn for fqn in change.added if fqn not in gone)
            if left:
                return replace(change, added=left)
        needed = lost[0].partition(":")[2]
        self._skipped(change, f"it needs {needed}: {self._absent[lost[0]]}")
        return None

    async def _patch_table(self, fqn: str, changes: Sequence[Change]) -> None:
        """One patch for all changes of a table; where it is refused, each by itself."""
        table = self._plan.tables[fqn]
        try:
            await self._collate.patch_table(table.id, self._ops(table, changes))
        except GuardFailedError as error:
            await self._patch_again(fqn, changes, error)
        except (ForbiddenError, InvalidRequestError, NotFoundError, ServerFailedError) as error:
            if len(changes) == 1 or _is_silence(error):
                for change in changes:
                    self._failed(change, error)
                return
            for change in changes:
                if self._ready(change) is None:
                    continue
                try:
                    await self._collate.patch_table(table.id, self._ops(table, [change]))
                except ActionableError as alone:
                    self._failed(change, alone)
                else:
                    self._applied(change)
        except ActionableError as error:
            for change in changes:
                self._failed(change, error)
        else:
            for change in changes:
                self._applied(change)

    async def _patch_again(self, fqn: str, changes: Sequence[Change], error: GuardFailedError) -> None:
        """The table is not as it was read: what still stands as planned is written, the rest has failed."""
        left = list(changes)
        try:
            table = await self._collate.table(fqn, TABLE_FIELDS)
            if table is None:
                raise error
            left = []
            for change in changes:
                standing = _standing(table, change)
                if standing == "new":
                    self._applied(change)
                elif standing == "old":
                    left.append(change)
                else:
                    self._failed(change, _moved(change, error))
            if left:
                await self._collate.patch_table(table.id, self._ops(table, left))
        except ActionableError as again:
            for change in left:
                self._failed(change, again)
        else:
            for change in left:
                self._applied(change)

    def _ops(self, table: Table, changes: Sequence[Change]) -> list[dict[str, object]]:
        patch = TablePatch(table, self._collate.dialect)
        columns = {name: column for _, name, column in table.walk_columns()}
        for change in changes:
            match change:
                case DescriptionChange(column=""):
                    patch.set_description(change.after)
                case DescriptionChange():
                    patch.set_column_description(change.column, change.after)
                case OwnersChange():
                    patch.set_owners([EntityReference(id=o.id, type=o.type) for o in change.after])
                case TagsChange():
                    there = columns[change.column].tags if change.column else table.tags
                    known = {label.tagFQN for label in there}
                    labels = [label for label in there if label.tagFQN not in change.replaced]
                    labels += [
                        tag_label(fqn, "Glossary" if fqn in change.glossary else "Classification")
                        for fqn in change.added
                        if fqn not in known
                    ]
                    if change.column:
                        patch.set_column_tags(change.column, labels)
                    else:
                        patch.set_tags(labels)
                case _:
                    raise TypeError(f"{change.kind} is no change of a table's own fields")
        return patch.ops()

    async def _write(self, change: Change) -> None:
        collate = self._collate
        match change:
            case NewClassification():
                await collate.put_classification(change.name, change.description)
            case NewTag():
                await collate.put_tag(change.classification, change.name, change.description)
            case DataModelChange():
                await collate.put_data_model(change.table.id, self._model_body(change))
            case LineageChange():
                await collate.put_lineage(_edge(change))
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
                    self._case_fqns.get(change.fqn, change.fqn), _result_body(change)
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

    def _model_body(self, change: DataModelChange) -> dict[str, object]:
        """The data model without the tags and owners that were left out or could not be made.

        The server puts a data model's tags and owners on the table by itself.
        """
        body = dict(change.body)
        fqn = change.table.fqn
        gone = {other.fqn for other in self._gone.values() if isinstance(other, NewTag)}
        by_place: dict[str, set[str]] = {}
        for other in self._gone.values():
            if isinstance(other, TagsChange) and other.table.fqn == fqn:
                by_place.setdefault(other.column, set()).update(other.added)
            if isinstance(other, OwnersChange) and other.table.fqn == fqn:
                body.pop("owners", None)
        body["tags"] = _without(body.get("tags"), gone | by_place.get("", set()))
        columns = body.get("columns")
        if isinstance(columns, list):
            body["columns"] = [
                {**column, "tags": _without(column.get("tags"), gone | by_place.get(column["name"], set()))}
                for column in columns
            ]
        return body

    def _applied(self, change: Change) -> None:
        self._silent = 0
        self.tally.written[change.group] += 1
        self.tally.done.append(change)
        self._tell(Applied(change=change))
        self._progress()

    def _skipped(self, change: Change, reason: str) -> None:
        self.tally.skipped += 1
        self._gone[change.key] = change
        self._absent[change.key] = reason
        self._tell(Skipped(change=change, reason=reason))
        self._progress()

    def _failed(self, change: Change, error: ActionableError) -> None:
        self.tally.failed += 1
        self._gone[change.key] = change
        self._absent[change.key] = error.title
        if self.tally.worst is None or isinstance(error, AuthError | UnreachableError):
            self.tally.worst = error
        repeats = self._causes[error.title]
        self._causes[error.title] += 1
        if isinstance(error, ForbiddenError | NotSpokenError | PlanLimitError):
            self._blocked[change.kind] = error.title
        elif isinstance(error, AuthError):
            self._stop = error.title
        elif _is_silence(error):
            self._silent += 1
            if self._silent >= SILENT_WRITES:
                self._stop = error.title
        self._tell(Failed(change=change, error=error, repeats=repeats))
        self._progress()

    def _progress(self) -> None:
        self._stage_done += 1
        self._tell(
            Progress(
                phase="write",
                done=self.tally.settled,
                total=self.tally.planned,
                unit="changes",
                text=f"{self._stage} {self._stage_done} of {self._stage_total}",
            )
        )


def _is_silence(error: ActionableError) -> bool:
    """Whether the server itself did not answer: no connection, or a gateway spoke in its place."""
    gateway = isinstance(error, ServerFailedError) and error.status in (502, 503, 504)
    return gateway or isinstance(error, UnreachableError)


def _without(labels: object, gone: set[str]) -> list[Mapping[str, object]]:
    if not isinstance(labels, list):
        return []
    return [label for label in labels if label["tagFQN"] not in gone]


def _standing(table: Table, change: Change) -> str:
    """Whether the table holds the change's ``old`` or already its ``new`` value, or something ``else``."""
    columns = {name: column for _, name, column in table.walk_columns()}
    if isinstance(change, TableChange) and change.column and change.column not in columns:
        return "else"
    match change:
        case DescriptionChange():
            text = columns[change.column].description if change.column else table.description
            return "new" if text == change.after else "old" if text == change.before else "else"
        case OwnersChange():
            names = tuple(owner.displayName or owner.name or owner.id for owner in table.owners)
            if {owner.id for owner in table.owners} == {owner.id for owner in change.after}:
                return "new"
            return "old" if names == change.before else "else"
        case TagsChange():
            labels = columns[change.column].tags if change.column else table.tags
            there = {label.tagFQN for label in labels}
            return "new" if there.issuperset(change.added) and not there & set(change.replaced) else "old"
        case _:
            return "else"


def _moved(change: Change, error: GuardFailedError) -> ActionableError:
    return ActionableError(
        "It was changed in Collate since the plan was made",
        causes=["A person or another sync wrote it meanwhile. It was left as it is."],
        evidence=[f"{change.label}: planned from {change.old[:80]!r}", *error.evidence],
        cures=[Cure("retry", "Plan again"), RETRY],
    )


def _edge(change: LineageChange) -> LineageEdge:
    if change.existing is not None:
        return change.existing.model_copy(update={"sqlQuery": change.sql, "columnsLineage": change.columns})
    return LineageEdge(
        fromEntity=EntityReference(id=change.upstream.id, type="table"),
        toEntity=EntityReference(id=change.downstream.id, type="table"),
        source="DbtLineage",
        sqlQuery=change.sql,
        columnsLineage=change.columns,
    )


def _result_body(change: TestResultChange) -> dict[str, object]:
    body: dict[str, object] = {
        "timestamp": change.timestamp,
        "testCaseStatus": change.status,
        "testResultValue": [{"name": name, "value": value} for name, value in change.values],
    }
    if change.text:
        body["result"] = change.text
    return body
