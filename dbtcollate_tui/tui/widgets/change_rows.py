"""A plan as an outline: by kind or by table, filtered and folded; knows no widget."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from dbtcollate_tui.plan.matching.matches import Unmatched
from dbtcollate_tui.plan.model import GROUPS, Change, Conflict, LineageChange, Plan, RemoveEdge, TableChange

Entry = Change | Conflict | Unmatched | str
Arrangement = Literal["kind", "table"]
OPEN_AT_MOST = 12
"""A branch of this many leaves is open without a key."""
FILTERED_OPEN_AT_MOST = 2_000
"""Where no more than these fit the filter, every branch is open without a key."""
SEARCHED_AT_MOST = 2_000
"""This many characters of each value are searched by the filter."""
NO_TABLE, NO_OWNER, NOTES = "no table in Collate", "owners not found", "notes"


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One entry: ``section`` is its kind, ``table`` its ``schema.table`` (may be empty), ``label`` its name.

    ``key`` is the change's; empty for what is not written. ``conflict`` is the key of the change that would
    write dbt's value over one that was edited in Collate, or that does so now.
    """

    entry: Entry
    section: str
    table: str
    label: str
    key: str = ""
    conflict: str = ""
    words: list[str] = field(default_factory=list)

    @property
    def named_table(self) -> str:
        """The table that it is about, by its FQN, its name or the node's unique id; empty for none."""
        match self.entry:
            case Change():
                return self.entry.table_fqn or self.table
            case Conflict() if self.entry.change is not None:
                return self.entry.change.table_fqn or self.table
            case Unmatched():
                return self.entry.unique_id
            case _:
                return self.table

    @property
    def search(self) -> str:
        """What the filter looks at, in lower case; made when it is first looked at."""
        if not self.words:
            self.words.append("\n".join([self.section, self.label, *_texts(self.entry)]).lower())
        return self.words[0]


@dataclass(frozen=True, eq=False)
class BranchRow:
    """The head of some leaves; ``name`` separates it from the others when it is folded."""

    name: str
    title: str
    depth: int
    leaves: tuple[Leaf, ...]
    is_open: bool

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the changes below it."""
        return keys_of(self.leaves)

    @cached_property
    def others(self) -> Counter[bool]:
        """How many below it are no changes: ``True`` conflicts that are kept, ``False`` what is only said."""
        return Counter(isinstance(leaf.entry, Conflict) for leaf in self.leaves if not leaf.key)

    @cached_property
    def conflicts(self) -> frozenset[str]:
        """The keys of the conflicts below it, decided for dbt or not."""
        return frozenset(leaf.conflict for leaf in self.leaves if leaf.conflict)


@dataclass(frozen=True, slots=True, eq=False)
class LeafRow:
    """One entry as a row; ``label`` is shortened by what the heads above it say."""

    leaf: Leaf
    depth: int
    label: str

    @property
    def keys(self) -> frozenset[str]:
        """The change's key."""
        return frozenset({self.leaf.key}) if self.leaf.key else frozenset()

    @property
    def conflicts(self) -> frozenset[str]:
        """The conflict's key."""
        return frozenset({self.leaf.conflict}) if self.leaf.conflict else frozenset()


OutlineRow = BranchRow | LeafRow


def keys_of(leaves: Iterable[Leaf]) -> frozenset[str]:
    """The keys of those that are changes."""
    return frozenset(leaf.key for leaf in leaves if leaf.key)


class PlanOutline:
    """The rows of a plan. A branch stays as it was folded; else it is open where it is small or filtered."""

    def __init__(self, plan: Plan, overwritten: Collection[str] = ()) -> None:
        self.arrangement: Arrangement = "kind"
        self.leaves = _leaves(plan, overwritten)
        self._folds: dict[str, bool] = {}
        self._query = ""
        self._shown = self.leaves
        self._shown_keys: frozenset[str] | None = None

    @property
    def shown(self) -> Sequence[Leaf]:
        """The leaves that fit the filter."""
        return self._shown

    @property
    def shown_keys(self) -> frozenset[str]:
        """The keys of the changes that fit the filter."""
        if self._shown_keys is None:
            self._shown_keys = keys_of(self._shown)
        return self._shown_keys

    def read_texts(self) -> None:
        """Make what the filter looks at, so that its first letter need not; for a thread of its own."""
        for leaf in self.leaves:
            _ = leaf.search

    def filter(self, query: str) -> None:
        """Keep what holds every word; a longer query looks through what fitted the shorter one alone."""
        query = query.lower().strip()
        if query == self._query:
            return
        narrower = bool(self._query) and query.startswith(self._query)
        among = self._shown if narrower else self.leaves
        wanted = query.split()
        self._shown = [leaf for leaf in among if all(word in leaf.search for word in wanted)]
        self._query = query
        self._shown_keys = None

    def fold(self, row: BranchRow, is_open: bool) -> None:
        """Open or close a branch."""
        self._folds[row.name] = is_open

    def take_over(self, before: "PlanOutline") -> None:
        """Arrange, fold and filter as another outline of the same plan."""
        self.arrangement = before.arrangement
        self._folds = before._folds
        self.filter(before._query)

    def rows(self) -> list[OutlineRow]:
        """The rows in sight."""
        rows: list[OutlineRow] = []
        first = True
        for title, leaves in self._sections():
            is_open = self._is_open(title, leaves, first and self.arrangement == "kind")
            first = False
            rows.append(BranchRow(title, title, 0, tuple(leaves), is_open))
            if is_open:
                if self.arrangement == "kind":
                    self._by_table(rows, title, leaves)
                else:
                    rows.extend(LeafRow(leaf, 1, f"{leaf.section:13} {_below(leaf)}") for leaf in leaves)
        return rows

    def _is_open(self, name: str, leaves: Sequence[Leaf], first: bool = False) -> bool:
        filtered = bool(self._query) and len(self._shown) <= FILTERED_OPEN_AT_MOST
        by_itself = first or len(leaves) <= OPEN_AT_MOST or filtered
        return self._folds.get(name, by_itself)

    def _sections(self) -> Iterable[tuple[str, list[Leaf]]]:
        found: dict[str, list[Leaf]] = {}
        by_table = self.arrangement == "table"
        for leaf in self._shown:
            found.setdefault((leaf.table or leaf.section) if by_table else leaf.section, []).append(leaf)
        return found.items()

    def _by_table(self, rows: list[OutlineRow], section: str, leaves: Sequence[Leaf]) -> None:
        tables: dict[str, list[Leaf]] = {}
        for number, leaf in enumerate(leaves):
            tables.setdefault(leaf.table or f"\0{number}", []).append(leaf)
        for table, below in tables.items():
            if len(below) == 1:
                rows.append(LeafRow(below[0], 1, below[0].label))
                continue
            name = f"{section}\0{table}"
            is_open = self._is_open(name, below)
            rows.append(BranchRow(name, table, 1, tuple(below), is_open))
            if is_open:
                rows.extend(LeafRow(leaf, 2, _below(leaf)) for leaf in below)


def _below(leaf: Leaf) -> str:
    """The label without the table above it."""
    if not leaf.table or not leaf.label.startswith(leaf.table):
        return leaf.label
    return leaf.label.removeprefix(leaf.table).lstrip(".: ") or "the table itself"


def _leaves(plan: Plan, overwritten: Collection[str]) -> list[Leaf]:
    short_of = {ref.fqn: ref.short for ref in plan.match.matched.values()}
    by_section: dict[str, list[Leaf]] = {group: [] for group in GROUPS}
    for kept in plan.conflicts:
        table = short_of.get(kept.target) or (
            kept.label.partition(": ")[0] if kept.label.startswith(tuple(short_of.values())) else ""
        )
        conflict = kept.change.key if kept.change is not None else ""
        if kept.change is not None:
            table = _table(kept.change)
        by_section[kept.group].append(Leaf(kept, kept.group, table, kept.label, conflict=conflict))
    for change in plan.changes:
        conflict = change.key if change.key in overwritten else ""
        by_section[change.group].append(
            Leaf(change, change.group, _table(change), change.label, change.key, conflict)
        )
    leaves = [
        leaf
        for group in GROUPS
        for leaf in sorted(by_section[group], key=lambda leaf: (leaf.table.lower(), leaf.label.lower()))
    ]
    leaves += [Leaf(item, NO_TABLE, "", item.unique_id) for item in plan.match.missing]
    for owner in plan.unmapped_owners:
        text = f"{owner.owner}: no such user or team in Collate; owner of {', '.join(owner.unique_ids)}"
        leaves.append(Leaf(text, NO_OWNER, "", text))
    return [*leaves, *(Leaf(note, NOTES, "", note) for note in plan.notes)]


def _table(change: Change) -> str:
    if isinstance(change, TableChange):
        return change.table.short
    return change.downstream.short if isinstance(change, LineageChange | RemoveEdge) else ""


def _texts(entry: Entry) -> tuple[str, ...]:
    match entry:
        case Change():
            return (
                entry.target,
                entry.unique_id,
                entry.note,
                entry.old[:SEARCHED_AT_MOST],
                entry.new[:SEARCHED_AT_MOST],
            )
        case Conflict():
            return (
                entry.target,
                entry.reason,
                entry.server[:SEARCHED_AT_MOST],
                entry.dbt[:SEARCHED_AT_MOST],
            )
        case Unmatched():
            return (entry.fqn, entry.detail)
        case _:
            return ()
