"""The plan's changes: each a frozen value that names its target, what stands there and what will."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from dbtcollate_tui.collate.fqn import split_fqn
from dbtcollate_tui.collate.models import ColumnLineage, EntityReference, LineageEdge, Table
from dbtcollate_tui.sync.matches import AssetRef, MatchReport, TableRef
from dbtcollate_tui.sync.selectors import Graph

Group = Literal[
    "descriptions", "owners", "tags", "properties", "data model", "lineage", "tests", "test results"
]
GROUPS: tuple[Group, ...] = (
    "descriptions",
    "owners",
    "tags",
    "properties",
    "data model",
    "lineage",
    "tests",
    "test results",
)

Action = Literal["add", "replace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``key`` is stable between two plans of the same run, and what a selection names.

    ``requires`` are keys of changes that must be written first; where one of them is left out or fails, this
    one is skipped.
    """

    kind: ClassVar[str] = "change"
    group: ClassVar[Group] = "descriptions"

    unique_id: str = ""
    requires: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The change's stable name: kind and target."""
        return f"{self.kind}:{self.target}"

    @property
    def target(self) -> str:
        """What is changed, as an FQN, or ``FQN -> FQN`` for an edge."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """The target for a list: schema, table and column."""
        return self.target

    @property
    def old(self) -> str:
        """What stands there now as text; empty where there is nothing."""
        return ""

    @property
    def new(self) -> str:
        """What will stand there, as text."""
        raise NotImplementedError

    @property
    def action(self) -> Action:
        """Whether something is added or something that stands there is replaced."""
        return "replace" if self.old else "add"

    @property
    def note(self) -> str:
        """A word on the old value, such as who wrote it; empty where there is none."""
        return ""

    @property
    def table_fqn(self) -> str:
        """The FQN of the table that it is about, of an edge the downstream one; empty where there is none."""
        return ""

    def as_dict(self) -> dict[str, object]:
        """The change as JSON values, for ``--json`` and exports."""
        return {
            "key": self.key,
            "kind": self.kind,
            "group": self.group,
            "action": self.action,
            "target": self.target,
            "label": self.label,
            "table": self.table_fqn,
            "unique_id": self.unique_id,
            "old": self.old,
            "new": self.new,
            "note": self.note,
            "requires": list(self.requires),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClassification(Change):
    """A classification that the server does not have."""

    kind: ClassVar[str] = "classification"
    group: ClassVar[Group] = "tags"

    name: str
    description: str

    @property
    def target(self) -> str:
        """The classification's name."""
        return self.name

    @property
    def new(self) -> str:
        """Its description."""
        return self.description


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTag(Change):
    """A tag that its classification does not have."""

    kind: ClassVar[str] = "tag"
    group: ClassVar[Group] = "tags"

    classification: str
    name: str
    fqn: str
    description: str

    @property
    def target(self) -> str:
        """The tag's FQN."""
        return self.fqn

    @property
    def new(self) -> str:
        """Its description."""
        return self.description


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange(Change):
    """A change of a table or of one of its columns; ``column`` is the server's name, or empty."""

    table: TableRef
    column: str = ""

    @property
    def target(self) -> str:
        """The table's FQN, with the column where there is one."""
        return f"{self.table.fqn}.{self.column}" if self.column else self.table.fqn

    @property
    def label(self) -> str:
        """``schema.table`` or ``schema.table.column``."""
        return f"{self.table.short}.{self.column}" if self.column else self.table.short

    @property
    def table_fqn(self) -> str:
        """The table's FQN."""
        return self.table.fqn


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionChange(TableChange):
    """A table's or a column's description."""

    kind: ClassVar[str] = "description"
    group: ClassVar[Group] = "descriptions"

    before: str
    after: str
    changed_by: str = ""

    @property
    def old(self) -> str:
        """The text that stands there."""
        return self.before

    @property
    def new(self) -> str:
        """dbt's text."""
        return self.after

    @property
    def note(self) -> str:
        """Who changed the table last, where a text is replaced."""
        return f"table last changed by {self.changed_by}" if self.before and self.changed_by else ""


@dataclass(frozen=True, slots=True)
class OwnerRef:
    """A user or team of the server."""

    id: str
    type: Literal["user", "team"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersChange(TableChange):
    """A table's owners, replaced as a whole.

    ``left_out`` are owners of dbt's that OpenMetadata does not take beside the others: it has several users,
    or one team.
    """

    kind: ClassVar[str] = "owners"
    group: ClassVar[Group] = "owners"

    before: tuple[str, ...]
    after: tuple[OwnerRef, ...]
    left_out: tuple[str, ...] = ()

    @property
    def old(self) -> str:
        """The owners' names, joined by commas."""
        return ", ".join(self.before)

    @property
    def new(self) -> str:
        """The new owners' names, joined by commas."""
        return ", ".join(owner.name for owner in self.after)

    @property
    def note(self) -> str:
        """The owners that are left out, where there are any."""
        return f"left out: {', '.join(self.left_out)} (several users or one team)" if self.left_out else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsChange(TableChange):
    """Tags added to a table or a column; those that stand there stay."""

    kind: ClassVar[str] = "tags"
    group: ClassVar[Group] = "tags"

    before: tuple[str, ...]
    added: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    glossary: frozenset[str] = frozenset()

    @property
    def old(self) -> str:
        """The tags that stand there, joined by commas."""
        return ", ".join(self.before)

    @property
    def new(self) -> str:
        """All tags afterwards, joined by commas."""
        return ", ".join([*(tag for tag in self.before if tag not in self.replaced), *self.added])

    @property
    def action(self) -> Action:
        """``replace`` only where a tag gives way, as one tier does to another."""
        return "replace" if self.replaced else "add"

    @property
    def note(self) -> str:
        """The tags that give way, where there are any."""
        return f"in place of {', '.join(self.replaced)}" if self.replaced else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainChange(TableChange):
    """A table's domain, in place of any other."""

    kind: ClassVar[str] = "domain"
    group: ClassVar[Group] = "properties"

    before: tuple[str, ...]
    after: EntityReference

    @property
    def old(self) -> str:
        """The domains' FQNs, joined by commas."""
        return ", ".join(self.before)

    @property
    def new(self) -> str:
        """The new domain's FQN."""
        return self.after.fullyQualifiedName or self.after.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomPropertyChange(TableChange):
    """One custom property of a table; the others stay."""

    kind: ClassVar[str] = "custom_property"
    group: ClassVar[Group] = "properties"

    name: str
    before: object
    after: object

    @property
    def key(self) -> str:
        """The table and the property."""
        return f"{self.kind}:{self.table.fqn}:{self.name}"

    @property
    def label(self) -> str:
        """``schema.table: property``."""
        return f"{self.table.short}: {self.name}"

    @property
    def old(self) -> str:
        """The value that stands there."""
        return "" if self.before is None else _value_words(self.before)

    @property
    def new(self) -> str:
        """dbt's value."""
        return _value_words(self.after)


def _value_words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_value_words, value))
    if isinstance(value, Mapping) and "fullyQualifiedName" in value:
        return str(value["fullyQualifiedName"])
    return json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataModelChange(TableChange):
    """The table's dbt data model; ``differs`` names its fields that are not equal on the server."""

    kind: ClassVar[str] = "data_model"
    group: ClassVar[Group] = "data model"

    body: Mapping[str, object]
    differs: tuple[str, ...]
    exists: bool

    @property
    def old(self) -> str:
        """``dbt model`` where the server has one."""
        return "dbt model" if self.exists else ""

    @property
    def new(self) -> str:
        """The fields that will be written differently."""
        return ", ".join(self.differs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageChange(Change):
    """One edge between two tables, with the compiled SQL and what each column is made of."""

    kind: ClassVar[str] = "lineage"
    group: ClassVar[Group] = "lineage"

    upstream: TableRef
    downstream: TableRef
    sql: str
    columns: tuple[ColumnLineage, ...] = ()
    existing: LineageEdge | None = None

    @property
    def target(self) -> str:
        """``upstream FQN -> downstream FQN``."""
        return f"{self.upstream.fqn} -> {self.downstream.fqn}"

    @property
    def label(self) -> str:
        """``downstream from upstream``, both as ``schema.table``."""
        return f"{self.downstream.short} from {self.upstream.short}"

    @property
    def table_fqn(self) -> str:
        """The downstream table's FQN."""
        return self.downstream.fqn

    @property
    def old(self) -> str:
        """The edge that stands there: its columns, then its SQL or ``edge without SQL``."""
        there = self.existing
        return _edge_words(there.sqlQuery, there.columnsLineage) if there is not None else ""

    @property
    def new(self) -> str:
        """The edge as it will be: its columns, then the compiled SQL or ``edge without SQL``."""
        return _edge_words(self.sql, self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureChange(Change):
    """The edge from a table to the dashboard, ML model or API endpoint that an exposure stands for."""

    kind: ClassVar[str] = "exposure"
    group: ClassVar[Group] = "lineage"

    upstream: TableRef
    asset: AssetRef

    @property
    def target(self) -> str:
        """``upstream FQN -> asset FQN``."""
        return f"{self.upstream.fqn} -> {self.asset.fqn}"

    @property
    def label(self) -> str:
        """``asset from upstream``."""
        return f"{self.asset.fqn} from {self.upstream.short}"

    @property
    def new(self) -> str:
        """What is made."""
        return f"edge to the {self.asset.type}"

    @property
    def table_fqn(self) -> str:
        """The upstream table's FQN."""
        return self.upstream.fqn


def _edge_words(sql: str, columns: Iterable[ColumnLineage]) -> str:
    lines = [
        f"{_column_name(item.toColumn)} from {', '.join(map(_column_name, item.fromColumns))}"
        for item in columns
    ]
    return "\n".join([*lines, sql or "edge without SQL"])


def _column_name(fqn: str) -> str:
    try:
        return split_fqn(fqn)[-1]
    except ValueError:
        return fqn


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTestDefinition(Change):
    """A test definition that the server does not have, named after the dbt test."""

    kind: ClassVar[str] = "test_definition"
    group: ClassVar[Group] = "tests"

    name: str
    entity_type: Literal["TABLE", "COLUMN"]
    description: str
    parameters: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The definition's name."""
        return self.name

    @property
    def new(self) -> str:
        """Its description."""
        return self.description


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTestSuite(TableChange):
    """A table's test suite, for servers that do not make it themselves."""

    kind: ClassVar[str] = "test_suite"
    group: ClassVar[Group] = "tests"

    @property
    def new(self) -> str:
        """What is made."""
        return "test suite"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCaseChange(TableChange):
    """A test case that is new, or whose description differs (``id`` is then the case's)."""

    __test__ = False
    kind: ClassVar[str] = "test_case"
    group: ClassVar[Group] = "tests"

    name: str
    fqn: str
    definition: str
    entity_link: str
    description: str
    parameters: tuple[tuple[str, str], ...] = ()
    id: str = ""
    before: str = ""

    @property
    def target(self) -> str:
        """The case's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: case``."""
        return f"{self.table.short}: {self.name}"

    @property
    def old(self) -> str:
        """The description that stands there, where the case exists."""
        return (self.before or "no description") if self.id else ""

    @property
    def new(self) -> str:
        """The case's definition, and its description where there is one."""
        return self.description if self.id else f"{self.definition} {self.description}".strip()


ResultStatus = Literal["Success", "Failed", "Aborted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResultChange(TableChange):
    """One result of a test case; ``timestamp`` in milliseconds since 1970, from the artifact."""

    __test__ = False
    kind: ClassVar[str] = "test_result"
    group: ClassVar[Group] = "test results"

    name: str
    fqn: str
    status: ResultStatus
    timestamp: int
    text: str
    values: tuple[tuple[str, str], ...]
    before: str = ""

    @property
    def key(self) -> str:
        """The case and the moment."""
        return f"{self.kind}:{self.fqn}@{self.timestamp}"

    @property
    def target(self) -> str:
        """The case's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: case``."""
        return f"{self.table.short}: {self.name}"

    @property
    def old(self) -> str:
        """The newest result on the server, with its time."""
        return self.before

    @property
    def new(self) -> str:
        """The status, with dbt's text where there is one."""
        return f"{self.status}: {self.text}" if self.text else self.status


@dataclass(frozen=True, slots=True)
class Kept:
    """Something of the server that differs from dbt and stays, with the reason.

    ``by`` changed the table last, where it was edited in Collate; ``change`` would write dbt's value over it
    where that is wanted (`Plan.take_in`), and is ``None`` where a sync never does.
    """

    group: Group
    target: str
    label: str
    server: str
    dbt: str
    reason: str
    by: str = ""
    change: Change | None = None

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "group": self.group,
            "target": self.target,
            "label": self.label,
            "server": self.server,
            "dbt": self.dbt,
            "reason": self.reason,
            "by": self.by,
            "key": self.change.key if self.change is not None else None,
        }


@dataclass(frozen=True, slots=True)
class UnmappedOwner:
    """An owner of dbt's that the server has neither as user nor as team, and who says so."""

    owner: str
    unique_ids: tuple[str, ...]
    suggestions: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {
            "owner": self.owner,
            "unique_ids": list(self.unique_ids),
            "suggestions": list(self.suggestions),
        }


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The dbt Cloud run that a plan comes from."""

    id: int
    url: str = ""
    job_name: str = ""
    outcome: str = ""
    finished_at: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedResult:
    """A result that the server should hold; ``link`` and ``name`` are its case's, ``timestamp`` is ms.

    ``of_freshness``: it comes from ``sources.json``, which Collate's own workers do not fetch.
    """

    table: TableRef
    link: str
    name: str
    status: ResultStatus
    timestamp: int
    of_freshness: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What the server should hold after the sync; what the proof is read against.

    ``descriptions``: (table FQN, column or "") -> text. ``edges``: upstream table, downstream table or asset.
    ``results`` by test case FQN. ``missing_…`` are those that cannot arrive, with the reason;
    ``not_run`` names the tests without a result in this run.
    """

    tables: tuple[TableRef, ...] = ()
    descriptions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    edges: tuple[tuple[TableRef, TableRef | AssetRef], ...] = ()
    missing_edges: tuple[str, ...] = ()
    results: Mapping[str, ExpectedResult] = field(default_factory=dict)
    missing_results: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a sync would write, what it would leave, and why.

    ``unchanged`` counts what is equal already, by group; ``tables`` are the tables as they were read, by FQN,
    which guard the writes. ``graph`` is what dbt's selectors are read against.
    """

    changes: tuple[Change, ...]
    match: MatchReport
    unchanged: Mapping[Group, int] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    unmapped_owners: tuple[UnmappedOwner, ...] = ()
    notes: tuple[str, ...] = ()
    run: RunFacts | None = None
    expected: Expected = field(default_factory=Expected)
    tables: Mapping[str, Table] = field(default_factory=dict, repr=False, compare=False)
    graph: Graph = field(default_factory=Graph, repr=False, compare=False)

    @property
    def counts(self) -> dict[Group, int]:
        """How many changes each group has, in the order of `GROUPS`; empty groups are left out."""
        found = {group: sum(change.group == group for change in self.changes) for group in GROUPS}
        return {group: count for group, count in found.items() if count}

    def of(self, group: Group) -> tuple[Change, ...]:
        """The changes of one group."""
        return tuple(change for change in self.changes if change.group == group)

    def select(self, keys: Collection[str]) -> tuple[Change, ...]:
        """The changes with these keys."""
        return tuple(change for change in self.changes if change.key in keys)

    def take_in(self, keys: Collection[str]) -> "Plan":
        """The plan with these conflicts decided for dbt: each `Kept.change` of those keys is written too."""
        taken = [item.change for item in self.kept if item.change is not None and item.change.key in keys]
        if not taken:
            return self
        texts = {(c.table.fqn, c.column): c.after for c in taken if isinstance(c, DescriptionChange)}
        return replace(
            self,
            changes=tuple(sorted((*self.changes, *taken), key=lambda change: GROUPS.index(change.group))),
            kept=tuple(item for item in self.kept if item.change is None or item.change.key not in keys),
            expected=replace(self.expected, descriptions={**self.expected.descriptions, **texts}),
        )

    @property
    def tables_as_they_are(self) -> int:
        """How many matched tables no change touches."""
        touched = {change.table.fqn for change in self.changes if isinstance(change, TableChange)}
        touched |= {c.downstream.fqn for c in self.changes if isinstance(c, LineageChange)}
        return len({ref.fqn for ref in self.match.matched.values()} - touched)

    def summary(self) -> str:
        """``37 changes, 393 tables as they are``."""
        count = len(self.changes)
        changes = "no change" if not count else f"{count} change{'' if count == 1 else 's'}"
        return f"{changes}, {self.tables_as_they_are} tables as they are"

    def as_dict(self) -> dict[str, object]:
        """The whole plan as JSON values."""
        return {
            "changes": [change.as_dict() for change in self.changes],
            "counts": dict(self.counts),
            "unchanged": dict(self.unchanged),
            "kept": [item.as_dict() for item in self.kept],
            "matched": len(self.match.matched),
            "unmatched": [item.as_dict() for item in self.match.unmatched],
            "unmapped_owners": [item.as_dict() for item in self.unmapped_owners],
            "notes": list(self.notes),
            "run_id": self.run.id if self.run is not None else None,
        }
