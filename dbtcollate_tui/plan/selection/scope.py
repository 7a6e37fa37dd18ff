"""What a sync is asked for: dbt's selectors, schemas, tables, kinds of changes. No IO."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.fixes import Advice, Argument
from dbtcollate_tui.nearest import nearest
from dbtcollate_tui.plan.matching.matches import MatchReport, TableRef
from dbtcollate_tui.plan.model import GROUPS, Change, DataModelChange, DescriptionChange, Group, Plan, without
from dbtcollate_tui.plan.selection.graph import Graph
from dbtcollate_tui.plan.selection.selectors import select_nodes
from dbtcollate_tui.settings.model import SyncOptions


@dataclass(frozen=True, slots=True)
class Scope:
    """What to plan and sync; an empty field means all, several fields must all fit.

    ``select`` and ``exclude`` are dbt's selectors; ``schemas`` are ``schema`` or ``database.schema``,
    ``tables`` are FQNs, ``database.schema.table``, ``schema.table`` or ``table``, both in any case and with
    wildcards; ``kinds`` are groups of changes. ``overwrite``: descriptions that a person wrote give way;
    ``remove``: what dbt no longer has is removed where a sync from here wrote it. ``full``: everything is
    read and compared, whatever an earlier sync has seen; it chooses no part.
    """

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    kinds: tuple[Group, ...] = ()
    overwrite: bool = False
    remove: bool = False
    full: bool = field(default=False, compare=False)

    def __bool__(self) -> bool:
        """Whether anything is chosen at all."""
        return self != WHOLE

    def nodes(self, graph: Graph) -> frozenset[str] | None:
        """The unique ids that dbt's selectors leave, ``None`` for all; raises as `select_nodes`."""
        return select_nodes(graph, self.select, self.exclude)

    def among(self, report: MatchReport, nodes: frozenset[str] | None) -> frozenset[str] | None:
        """Of these nodes, those whose table fits, with the other nodes of the same tables.

        Raises `UsageError` where a pattern fits none.
        """
        chosen = self._fitting(report, nodes)
        if chosen is None:
            return None
        shared = (set(ids) for ids in report.shared.values() if not chosen.isdisjoint(ids))
        return chosen.union(*shared)

    def _fitting(self, report: MatchReport, nodes: frozenset[str] | None) -> frozenset[str] | None:
        if not self.schemas and not self.tables:
            return nodes
        found = {
            unique_id: ref for unique_id, ref in report.matched.items() if nodes is None or unique_id in nodes
        }
        for what, patterns, names in (
            ("schema", self.schemas, _schema_names),
            ("table", self.tables, _table_names),
        ):
            if patterns:
                fitting: set[str] = set()
                for pattern in patterns:
                    fitting |= _fitting(what, pattern, found, names)
                found = {unique_id: found[unique_id] for unique_id in found if unique_id in fitting}
        if found:
            return frozenset(found)
        raise UsageError(
            "No table fits the schemas and the tables that were named",
            fixes=[Advice("Name either, or a table of one of the schemas.")],
        )

    def options(self, options: SyncOptions) -> SyncOptions:
        """The profile's options for this sync: what is not asked for is not read either."""
        update: dict[str, object] = {}
        if self.kinds:
            update["update_owners"] = options.update_owners and "owners" in self.kinds
            update["include_tags"] = options.include_tags and "tags" in self.kinds
            update["include_lineage"] = options.include_lineage and "lineage" in self.kinds
            update["include_metrics"] = options.include_metrics and "metrics" in self.kinds
            update["include_contracts"] = options.include_contracts and "contracts" in self.kinds
            tests = "tests" in self.kinds or "test results" in self.kinds
            update["include_tests"] = options.include_tests and tests
        return options.model_copy(update=update) if update else options

    def of_plan(self, plan: Plan) -> Plan:
        """The plan with the chosen kinds alone; what needs a change that is left out is left out too.

        With ``overwrite`` conflicts on descriptions and data models are decided for dbt, with ``remove``
        removals are made.
        """
        if self.overwrite:
            decided = DescriptionChange | DataModelChange
            conflicts = [item.change for item in plan.conflicts if isinstance(item.change, decided)]
            plan = plan.take_in({change.key for change in conflicts})
        if self.remove:
            plan = plan.take_in({change.key for change in plan.removable})
        if not self.kinds:
            return plan
        changes = [change for change in plan.changes if change.group in self.kinds]
        there = {change.key for change in changes}
        gone = {change.key for change in plan.changes} - there
        lacking = [change for change in changes if gone.intersection(change.requires)]
        notes = list(plan.notes)
        if lacking:
            count = len(lacking)
            notes.append(f"{count} {lacking[0].group} left out: they need {_needed(lacking, plan)} as well.")
        left = {change.key for change in lacking}
        kept = tuple(change for change in changes if change.key not in left)
        there = {change.key for change in kept}
        return replace(
            plan,
            changes=kept,
            expected=without(plan.expected, [change for change in plan.changes if change.key not in there]),
            unchanged={group: count for group, count in plan.unchanged.items() if group in self.kinds},
            conflicts=tuple(item for item in plan.conflicts if item.group in self.kinds),
            notes=tuple(notes),
        )


WHOLE = Scope()


def parse_kind(text: str) -> Group:
    """A group of changes by its name, with ``-`` or ``_`` for a space; raises `UsageError`."""
    wanted = text.strip().lower().replace("_", " ").replace("-", " ")
    for group in GROUPS:
        if group == wanted:
            return group
    near = nearest(wanted, GROUPS)
    raise UsageError(
        f"There is no kind of change named {text}",
        fixes=[Advice(f"The kinds are {', '.join(group.replace(' ', '-') for group in GROUPS)}.")],
        causes=[f"Nearest is {near[0]}."] if near else [],
    )


def _schema_names(ref: TableRef) -> tuple[str, ...]:
    return ref.schema, f"{ref.database}.{ref.schema}"


def _table_names(ref: TableRef) -> tuple[str, ...]:
    return ref.fqn, f"{ref.database}.{ref.short}", ref.short, ref.name


def _fitting(
    what: str,
    pattern: str,
    refs: Mapping[str, TableRef],
    names: Callable[[TableRef], tuple[str, ...]],
) -> set[str]:
    wanted = pattern.casefold()
    found = {
        unique_id
        for unique_id, ref in refs.items()
        if any(name.casefold() == wanted or fnmatchcase(name.casefold(), wanted) for name in names(ref))
    }
    if found:
        return found
    near = nearest(pattern, {name for ref in refs.values() for name in names(ref)})
    raise UsageError(
        f"No selected dbt node has a table in {what} {pattern}"
        if what == "schema"
        else f"No selected dbt node has the table {pattern}",
        causes=["It is misspelled, or dbt does not build it, or it is not ingested."],
        fixes=[Argument(f"Use {name}", what, name) for name in near]
        or [Advice("dbtcollate verify --check tables.matched lists what has no table.")],
    )


def _needed(changes: Iterable[Change], plan: Plan) -> str:
    by_key = {change.key: change for change in plan.changes}
    return " and ".join(
        sorted({by_key[key].group for change in changes for key in change.requires if key in by_key})
    )
