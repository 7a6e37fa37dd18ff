"""The plan's part on tags: dbt's own, those of OpenMetadata that meta names, glossary terms, tiers. No IO."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbtcollate_tui.artifacts.project import Column
from dbtcollate_tui.collate.fqn import join_fqn
from dbtcollate_tui.collate.models import TagLabel
from dbtcollate_tui.plan.model import Conflict, NewClassification, NewTag, TagsChange
from dbtcollate_tui.plan.rules.findings import Claimed, Findings
from dbtcollate_tui.plan.server_state import ServerState
from dbtcollate_tui.settings.model import SyncOptions

TIER = "Tier."
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
    """Add the tags that the table and its columns lack; gives the labels of dbt's that they will have."""
    wanted: dict[str, str] = {}
    for node in claimed.nodes:
        tier = [node.tier] if node.tier else []
        wanted |= _wanted(
            node.tags, [*node.meta_tags, *tier], node.glossary, claimed.ref.short, state, options, findings
        )
    table_labels = _tag_change(claimed, "", claimed.table.tags, wanted, options, findings)
    server = {name: column for _, name, column in claimed.table.walk_columns()}
    column_labels: dict[str, tuple[TagLabel, ...]] = {}
    for column, name in columns:
        asked = _wanted(
            column.tags,
            column.meta_tags,
            column.glossary,
            f"{claimed.ref.short}.{name}",
            state,
            options,
            findings,
        )
        labels = _tag_change(claimed, name, server[name].tags, asked, options, findings)
        if labels:
            column_labels[name] = labels
    return Labels(table_labels, column_labels)


def _wanted(
    tags: Sequence[str],
    fqns: Sequence[str],
    terms: Sequence[str],
    where: str,
    state: ServerState,
    options: SyncOptions,
    findings: Findings,
) -> dict[str, str]:
    """Tag FQN -> source of the label; tags of dbt's own are made where they are not there."""
    wanted: dict[str, str] = {}
    for tag in tags:
        if not tag.strip():
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
    for fqn in fqns:
        if fqn in state.tags or fqn in findings.new_tags:
            wanted[fqn] = "Classification"
        else:
            findings.unknown_tags.setdefault(fqn, set()).add(where)
    for fqn in terms:
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
    options: SyncOptions,
    findings: Findings,
) -> tuple[TagLabel, ...]:
    """Add the change for one table or column; gives the labels of dbt's that it will have."""
    if not wanted:
        return ()
    known = [label.tagFQN for label in there]
    allowed = dict(wanted)
    replaced: tuple[str, ...] = ()
    tier = next((fqn for fqn in wanted if fqn.startswith(TIER)), None)
    other = next((fqn for fqn in known if fqn.startswith(TIER) and fqn != tier), None)
    if tier is not None and other is not None:
        if other in {label.tagFQN for label in claimed.last_sent.tags}:
            replaced = (other,)
        else:
            allowed = {fqn: source for fqn, source in wanted.items() if fqn != tier}
            reason = "a table has one tier, and the one in Collate did not come from dbt"
            findings.kept.append(Conflict("tags", claimed.ref.fqn, claimed.ref.short, other, tier, reason))
    added = tuple(fqn for fqn in allowed if fqn not in known)
    if added:
        findings.changes.append(
            TagsChange(
                unique_id=claimed.first.unique_id,
                table=claimed.ref,
                column=column,
                before=tuple(known),
                added=added,
                replaced=replaced,
                glossary=frozenset(fqn for fqn in added if allowed[fqn] == "Glossary"),
                requires=tuple(findings.new_tags[fqn].key for fqn in added if fqn in findings.new_tags),
            )
        )
    else:
        findings.same("tags")
    return tuple(tag_label(fqn, source) for fqn, source in allowed.items())


def tag_label(fqn: str, source: str) -> TagLabel:
    """The label that a dbt tag becomes: set by a program, and sure."""
    return TagLabel(tagFQN=fqn, source=source, labelType=AUTOMATED, state="Confirmed")
