"""What is sent to Collate for a change. No IO."""

from collections.abc import Sequence
from dataclasses import replace

from dbtcollate_tui.collate.models import EntityReference, LineageEdge, TableConstraint, TagLabel
from dbtcollate_tui.collate.quality import case_body
from dbtcollate_tui.plan.model import (
    ExposureChange,
    KeysChange,
    LineageChange,
    RemoveTags,
    TagsChange,
    TestCaseChange,
    TestResultChange,
)
from dbtcollate_tui.plan.rules.tags import AUTOMATED, tag_label


def new_case(change: TestCaseChange) -> dict[str, object]:
    """The body of a new test case."""
    return case_body(
        change.name,
        definition=change.definition,
        table_fqn=change.table.fqn,
        column=change.column or None,
        description=change.description,
        parameters=dict(change.parameters),
    )


def edge_of(change: LineageChange) -> LineageEdge:
    """The edge as it will be, with what is there and dbt does not say."""
    if change.existing is not None:
        return replace(change.existing, sqlQuery=change.sql, columnsLineage=change.columns)
    return LineageEdge(
        fromEntity=EntityReference(id=change.upstream.id, type="table"),
        toEntity=EntityReference(id=change.downstream.id, type="table"),
        source="DbtLineage",
        sqlQuery=change.sql,
        columnsLineage=change.columns,
    )


def exposure_edge(change: ExposureChange) -> LineageEdge:
    """The edge from a table to an exposure's asset."""
    return LineageEdge(
        fromEntity=EntityReference(id=change.upstream.id, type="table"),
        toEntity=EntityReference(id=change.asset.id, type=change.asset.type),
        source="DbtLineage",
    )


def result_body(change: TestResultChange) -> dict[str, object]:
    """The body of a test result."""
    body: dict[str, object] = {
        "timestamp": change.timestamp,
        "testCaseStatus": change.status,
        "testResultValue": [{"name": name, "value": value} for name, value in change.values],
    }
    if change.text:
        body["result"] = change.text
    return body


def is_ours(label: TagLabel, change: RemoveTags) -> bool:
    """Whether the label is one that the change takes away: a person's of the same name is not."""
    return label.tagFQN in change.removed and label.labelType == AUTOMATED


def with_keys(there: Sequence[TableConstraint], change: KeysChange) -> list[TableConstraint]:
    """A table's keys after the change: those of its type are replaced, all others stay."""
    return [*(item for item in there if item.constraintType != change.type), *change.after]


def with_tags(there: Sequence[TagLabel], change: TagsChange | RemoveTags) -> list[TagLabel]:
    """The labels of a table or column after the change; what a person or another program set stays."""
    if isinstance(change, RemoveTags):
        return [label for label in there if not is_ours(label, change)]
    known = {label.tagFQN for label in there}
    labels = [label for label in there if label.tagFQN not in change.replaced]
    return labels + [
        tag_label(fqn, "Glossary" if fqn in change.glossary else "Classification")
        for fqn in change.added
        if fqn not in known
    ]
