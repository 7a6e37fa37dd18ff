"""The plan's part on tags: dbt's own, those of OpenMetadata that meta names, glossary terms, tiers. No IO."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Column, Metric, Node
from dbtcollate_tui.collate.fqn import join_fqn, split_fqn
from dbtcollate_tui.collate.models import TagLabel
from dbtcollate_tui.plan.model import Conflict, NewClassification, NewTag, TagsChange
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

TIER = "Tier"
"""OpenMetadata's classification of tiers, of which a table has one."""
MOST_NAME_LENGTH = 256
AUTOMATED = "Automated"
"""The label type that a sync gives its tags; a person's are ``Manual``."""
CLASSIFICATION_TEXT = "Tags of dbt models and columns, kept by the dbt sync."


@dataclass(frozen=True, slots=True)
class Labels:
    """The tags of dbt's that the data model carries: the table's, and each column's."""

    table: tuple[TagLabel, ...] = ()
    columns: Mapping[str, tuple[TagLabel, ...]] = field(default_factory=dict)


def plan_tags(
    claimed: Claimed,
    columns: Sequence[tuple[Column, str]],
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> Labels:
    """Add the tags that the table and its columns lack; gives the labels of dbt's that they will have.

    Without ``include_tags`` dbt's own tags and those of ``meta`` are left alone; tiers and glossary terms are
    no tags in that sense, for Collate's own ingestion either.
    """
    wanted: dict[str, str] = {}
    for node in claimed.nodes:
        wanted |= wanted_tags(node, claimed.ref.short, state, options, findings)
    table_labels = _tag_change(claimed, "", claimed.table.tags, wanted, state, options, findings)
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    column_labels: dict[str, tuple[TagLabel, ...]] = {}
    for column, name in columns:
        asked = wanted_tags(column, f"{claimed.ref.short}.{name}", state, options, findings)
        labels = _tag_change(claimed, name, server[name].tags, asked, state, options, findings)
        if labels:
            column_labels[name] = labels
    return Labels(table_labels, column_labels)


def wanted_tags(
    named: Node | Column | Metric, where: str, state: ServerState, options: SyncOptions, findings: Findings
) -> dict[str, str]:
    """Tag FQN -> source of the label; tags of dbt's own are made where they are not there."""
    wanted: dict[str, str] = {}
    for tag in named.tags if options.include_tags else ():
        if not tag.strip():
            continue
        problem = tag_problem(tag)
        if problem:
            findings.refused_tags.setdefault((tag, problem), set()).add(where)
            continue
        fqn = join_fqn(options.classification, tag)
        if fqn not in state.tags and fqn not in findings.new_tags:
            classification = NewClassification(name=options.classification, description=CLASSIFICATION_TEXT)
            findings.new_tags[fqn] = NewTag(
                classification=options.classification,
                name=tag,
                fqn=fqn,
                description=f"The dbt tag {tag}.",
                requires=() if state.has_classification else (classification.key,),
            )
        wanted[fqn] = "Classification"
    fqns = [*(named.meta_tags if options.include_tags else ()), *([named.tier] if named.tier else ())]
    for fqn in fqns:
        if fqn in state.tags or fqn in findings.new_tags:
            wanted[fqn] = "Classification"
        else:
            findings.unknown_tags.setdefault(fqn, set()).add(where)
    for fqn in named.glossary:
        if fqn in state.terms:
            wanted[fqn] = "Glossary"
        else:
            findings.unknown_tags.setdefault(fqn, set()).add(where)
    return wanted


def _tag_change(
    claimed: Claimed,
    column: str,
    there: Sequence[TagLabel],
    wanted: Mapping[str, str],
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> tuple[TagLabel, ...]:
    """Add the change for one table or column; gives the labels of dbt's that it will have.

    Of an exclusive classification an entity has one tag: one that dbt set before gives way in the same patch,
    one that a person set stays, and of two that dbt names the first counts.
    """
    if not wanted:
        return ()
    known = [label.tagFQN for label in there]
    allowed: dict[str, str] = {}
    replaced: list[str] = []
    taken: dict[str, str] = {}
    for fqn, source in wanted.items():
        group = exclusive_group(fqn, state.exclusive)
        if group and group in taken:
            findings.kept.append(_two_at_once(claimed, column, taken[group], fqn, group))
            continue
        others = [other for other in known if group and _excludes(other, fqn, group, state)]
        foreign = [other for other in others if not _is_dbts(claimed, column, there, other, fqn)]
        if foreign:
            findings.kept.append(_taken_by_another(claimed, column, foreign[0], fqn, group))
            continue
        if group:
            taken[group] = fqn
        allowed[fqn] = source
        replaced += [other for other in others if other not in replaced]
    added = tuple(fqn for fqn in allowed if fqn not in known)
    if added or replaced:
        findings.changes.append(
            TagsChange(
                unique_id=claimed.first.unique_id,
                table=claimed.ref,
                column=column,
                before=tuple(known),
                added=added,
                replaced=tuple(replaced),
                glossary=frozenset(fqn for fqn in added if allowed[fqn] == "Glossary"),
                requires=tuple(findings.new_tags[fqn].key for fqn in added if fqn in findings.new_tags),
            )
        )
    elif allowed:
        findings.same("tags")
    return tuple(tag_label(fqn, source) for fqn, source in allowed.items())


def exclusive_group(fqn: str, exclusive: Collection[str]) -> str:
    """The classification or tag above this tag of which an entity has one tag at most; empty for none."""
    try:
        parts = split_fqn(fqn)
    except ValueError:
        return ""
    above = (join_fqn(*parts[:count]) for count in range(len(parts) - 1, 0, -1))
    return next((name for name in above if name in exclusive), "")


def tag_problem(name: str) -> str:
    """Why OpenMetadata refuses a tag's name, by ``entityName`` of its schemas; empty where it does not."""
    if len(name) > MOST_NAME_LENGTH:
        return f"over {MOST_NAME_LENGTH} characters"
    return '"::" in it' if "::" in name else ""


def _excludes(other: str, fqn: str, group: str, state: ServerState) -> bool:
    return other != fqn and exclusive_group(other, state.exclusive) == group


def _is_dbts(claimed: Claimed, column: str, there: Sequence[TagLabel], other: str, wanted: str) -> bool:
    """Whether a sync set this tag: the data model has it, or it is there beside the one that excludes it."""
    if claimed.is_guest:
        return False
    sent = claimed.last_sent
    of_column = claimed.last_sent_column(column)
    labels = sent.tags if not column else of_column.tags if of_column is not None else ()
    if any(label.tagFQN == other for label in labels):
        return True
    both = any(label.tagFQN == wanted for label in there)
    return both and any(label.tagFQN == other and label.labelType == AUTOMATED for label in there)


def _two_at_once(claimed: Claimed, column: str, first: str, second: str, group: str) -> Conflict:
    reason = f"dbt names two tags of {group}, of which one is allowed: the first counts"
    return Conflict("tags", claimed.ref.fqn, _label(claimed, column), first, second, reason)


def _taken_by_another(claimed: Claimed, column: str, there: str, wanted: str, group: str) -> Conflict:
    what = "column" if column else "table"
    reason = f"a {what} has one tag of {group}, and the one in Collate did not come from dbt"
    return Conflict("tags", claimed.ref.fqn, _label(claimed, column), there, wanted, reason)


def _label(claimed: Claimed, column: str) -> str:
    return f"{claimed.ref.short}.{column}" if column else claimed.ref.short


def tag_label(fqn: str, source: str) -> TagLabel:
    """The label that a dbt tag becomes: set by a program, and sure."""
    return TagLabel(tagFQN=fqn, source=source, labelType=AUTOMATED, state="Confirmed")
