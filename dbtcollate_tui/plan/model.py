"""The plan of a sync: its changes, what stays and why, and what the verification is read against."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbtcollate_tui import wording
from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.plan.changes.base import GROUPS as GROUPS
from dbtcollate_tui.plan.changes.base import Action as Action
from dbtcollate_tui.plan.changes.base import Change as Change
from dbtcollate_tui.plan.changes.base import Group as Group
from dbtcollate_tui.plan.changes.base import TableChange as TableChange
from dbtcollate_tui.plan.changes.contracts import ContractChange as ContractChange
from dbtcollate_tui.plan.changes.contracts import ContractResultChange as ContractResultChange
from dbtcollate_tui.plan.changes.edges import ExposureChange as ExposureChange
from dbtcollate_tui.plan.changes.edges import LineageChange as LineageChange
from dbtcollate_tui.plan.changes.edges import RemoveEdge as RemoveEdge
from dbtcollate_tui.plan.changes.metrics import MetricChange as MetricChange
from dbtcollate_tui.plan.changes.metrics import MetricEdgeChange as MetricEdgeChange
from dbtcollate_tui.plan.changes.metrics import MetricField as MetricField
from dbtcollate_tui.plan.changes.metrics import RemoveMetric as RemoveMetric
from dbtcollate_tui.plan.changes.quality import NewTestDefinition as NewTestDefinition
from dbtcollate_tui.plan.changes.quality import NewTestSuite as NewTestSuite
from dbtcollate_tui.plan.changes.quality import RemoveTestCase as RemoveTestCase
from dbtcollate_tui.plan.changes.quality import ResultStatus as ResultStatus
from dbtcollate_tui.plan.changes.quality import TestCaseChange as TestCaseChange
from dbtcollate_tui.plan.changes.quality import TestResultChange as TestResultChange
from dbtcollate_tui.plan.changes.tables import CustomPropertyChange as CustomPropertyChange
from dbtcollate_tui.plan.changes.tables import DataModelChange as DataModelChange
from dbtcollate_tui.plan.changes.tables import DataProductsChange as DataProductsChange
from dbtcollate_tui.plan.changes.tables import DescriptionChange as DescriptionChange
from dbtcollate_tui.plan.changes.tables import DomainChange as DomainChange
from dbtcollate_tui.plan.changes.tables import KeysChange as KeysChange
from dbtcollate_tui.plan.changes.tables import NewClassification as NewClassification
from dbtcollate_tui.plan.changes.tables import NewTag as NewTag
from dbtcollate_tui.plan.changes.tables import OwnerRef as OwnerRef
from dbtcollate_tui.plan.changes.tables import OwnersChange as OwnersChange
from dbtcollate_tui.plan.changes.tables import RemoveDescription as RemoveDescription
from dbtcollate_tui.plan.changes.tables import RemoveOwners as RemoveOwners
from dbtcollate_tui.plan.changes.tables import RemoveTags as RemoveTags
from dbtcollate_tui.plan.changes.tables import StatusChange as StatusChange
from dbtcollate_tui.plan.changes.tables import TagsChange as TagsChange
from dbtcollate_tui.plan.matching.matches import AssetRef, MatchReport, TableRef

if TYPE_CHECKING:
    from dbtcollate_tui.plan.explanation.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something of the server that differs from dbt and stays, with the reason.

    ``by`` changed the table last, where it was edited in Collate; ``change`` would write dbt's value over it
    where that is wanted (`Plan.take_in`), and is ``None`` where a sync never does. ``part`` is which of
    several values of the group it is, such as the type of a key.
    """

    group: Group
    target: str
    label: str
    server: str
    dbt: str
    reason: str
    by: str = ""
    change: Change | None = None
    part: str = ""

    @property
    def words(self) -> str:
        """The reason and what comes of it, for a list that holds other things too."""
        return f"{self.reason}, kept"

    @property
    def is_removal(self) -> bool:
        """Whether it is what dbt no longer has, which a sync may take away."""
        return self.change is not None and self.change.action == "remove"

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
class NotWritten:
    """One kind of thing that dbt declares and a sync does not write: how many, and why in a sentence."""

    kind: str
    count: int
    sentence: str

    def as_dict(self) -> dict[str, object]:
        """The values for ``--json``."""
        return {"kind": self.kind, "count": self.count, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The dbt Cloud run that a plan comes from."""

    id: int
    url: str = ""
    job_name: str = ""
    outcome: str = ""
    status_message: str = ""
    """dbt Cloud's own reason where the run did not succeed."""
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
    """What the server should hold after the sync; what the verification is read against.

    ``descriptions``: (table FQN, column or "") -> text. ``edges``: upstream table, downstream table or asset.
    ``results`` by test case FQN. ``missing_…`` are those that cannot arrive, with the reason;
    ``not_run`` names the tests without a result in this run, ``failed`` the data and unit tests that failed
    in it, and ``unit_tests`` says in words what became of the unit tests. ``metrics`` are names,
    ``metric_edges`` the FQNs of what a metric reads and of the metric.
    """

    tables: tuple[TableRef, ...] = ()
    descriptions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    edges: tuple[tuple[TableRef, TableRef | AssetRef], ...] = ()
    missing_edges: tuple[str, ...] = ()
    results: Mapping[str, ExpectedResult] = field(default_factory=dict)
    missing_results: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unit_tests: str = ""
    metrics: tuple[str, ...] = ()
    metric_edges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a sync would write, what it would leave, and why.

    ``unchanged`` counts what is equal already, by group; ``tables`` are the tables as they were read, by FQN,
    which guard the writes. ``project_name`` is dbt's; ``coverage`` counts what Collate held before the sync,
    where that was asked for. ``removable`` is what dbt no
    longer has and a sync from here wrote: it is kept unless `take_in` takes it into the changes.
    ``not_written`` is what the manifest declares and no change carries; ``notes`` hold its sentences.
    """

    changes: tuple[Change, ...]
    match: MatchReport
    unchanged: Mapping[Group, int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    unmapped_owners: tuple[UnmappedOwner, ...] = ()
    notes: tuple[str, ...] = ()
    not_written: tuple[NotWritten, ...] = ()
    run: RunFacts | None = None
    expected: Expected = field(default_factory=Expected)
    tables: Mapping[str, Table] = field(default_factory=dict, repr=False, compare=False)
    project_name: str = field(default="", repr=False, compare=False)
    coverage: "Coverage | None" = field(default=None, repr=False, compare=False)

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

    @property
    def removable(self) -> tuple[Change, ...]:
        """The changes of what is kept that would remove what dbt no longer has."""
        changes = (item.change for item in self.conflicts if item.change is not None)
        return tuple(change for change in changes if change.action == "remove")

    def take_in(self, keys: Collection[str]) -> "Plan":
        """The plan with these conflicts decided for dbt, and these removals made, by their changes' keys."""
        taken = [
            item.change for item in self.conflicts if item.change is not None and item.change.key in keys
        ]
        if not taken:
            return self
        texts = {(c.table.fqn, c.column): c.after for c in taken if isinstance(c, DescriptionChange)}
        return replace(
            self,
            changes=tuple(sorted((*self.changes, *taken), key=lambda change: GROUPS.index(change.group))),
            conflicts=tuple(
                item for item in self.conflicts if item.change is None or item.change.key not in keys
            ),
            expected=replace(self.expected, descriptions={**self.expected.descriptions, **texts}),
        )

    @property
    def tables_as_they_are(self) -> int:
        """How many matched tables no change touches."""
        touched = {change.table.fqn for change in self.changes if isinstance(change, TableChange)}
        touched |= {c.downstream.fqn for c in self.changes if isinstance(c, LineageChange)}
        return len({ref.fqn for ref in self.match.matched.values()} - touched)

    def summary(self) -> str:
        """``37 changes, 393 tables unchanged``."""
        count = len(self.changes)
        changes = "no change" if not count else f"{wording.count(count, 'change')}"
        return f"{changes}, {self.tables_as_they_are} tables unchanged"

    def as_dict(self) -> dict[str, object]:
        """The whole plan as JSON values."""
        return {
            "changes": [change.as_dict() for change in self.changes],
            "counts": dict(self.counts),
            "unchanged": dict(self.unchanged),
            "conflicts": [item.as_dict() for item in self.conflicts if not item.is_removal],
            "removable": [change.as_dict() for change in self.removable],
            "matched": len(self.match.matched),
            "unmatched": [item.as_dict() for item in self.match.unmatched],
            "unmapped_owners": [item.as_dict() for item in self.unmapped_owners],
            "notes": list(self.notes),
            "not_written": [item.as_dict() for item in self.not_written],
            "run_id": self.run.id if self.run is not None else None,
        }


def without(expected: Expected, changes: Iterable[Change]) -> Expected:
    """What is expected where these changes were left out by the person."""
    left_out = list(changes)
    texts = {(c.table.fqn, c.column) for c in left_out if isinstance(c, DescriptionChange)}
    edges = {(c.upstream.id, c.downstream.id) for c in left_out if isinstance(c, LineageChange)}
    edges |= {(c.upstream.id, c.asset.id) for c in left_out if isinstance(c, ExposureChange)}
    results = {c.fqn for c in left_out if isinstance(c, TestResultChange | TestCaseChange)}
    metrics = {c.name for c in left_out if isinstance(c, MetricChange) and not c.id}
    metric_edges = {(c.upstream.fqn, c.metric.fqn) for c in left_out if isinstance(c, MetricEdgeChange)}
    return replace(
        expected,
        metrics=tuple(name for name in expected.metrics if name not in metrics),
        metric_edges=tuple(pair for pair in expected.metric_edges if pair not in metric_edges),
        descriptions={key: text for key, text in expected.descriptions.items() if key not in texts},
        edges=tuple(pair for pair in expected.edges if (pair[0].id, pair[1].id) not in edges),
        results={fqn: item for fqn, item in expected.results.items() if fqn not in results},
    )
