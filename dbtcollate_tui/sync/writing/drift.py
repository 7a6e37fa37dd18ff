"""Whether the server still holds what a change was planned from, or already what it would write. No IO."""

from collections.abc import Mapping
from typing import Literal

from dbtcollate_tui.collate.models import Table
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.fixes import RETRY, Retry
from dbtcollate_tui.plan.matching.custom_properties import same
from dbtcollate_tui.plan.model import (
    Change,
    CustomPropertyChange,
    DataModelChange,
    DataProductsChange,
    DescriptionChange,
    DomainChange,
    KeysChange,
    OwnersChange,
    RemoveDescription,
    RemoveOwners,
    RemoveTags,
    StatusChange,
    TableChange,
    TagsChange,
)
from dbtcollate_tui.sync.writing.bodies import is_ours

DriftState = Literal["old", "new", "else"]
_MODEL_TEXTS = ("resourceType", "path", "description", "rawSql", "sql")


def standing(table: Table, change: Change) -> DriftState:
    """Whether the table holds the change's ``old`` or already its ``new`` value, or something ``else``."""
    columns = {name: column for _, name, column in table.walk_columns()}
    if isinstance(change, TableChange) and change.column and change.column not in columns:
        return "else"
    match change:
        case DescriptionChange():
            text = columns[change.column].description if change.column else table.description
            return "new" if text == change.after else "old" if text == change.before else "else"
        case RemoveDescription():
            text = columns[change.column].description if change.column else table.description
            return "new" if not text else "old" if text == change.before else "else"
        case OwnersChange():
            names = tuple(owner.displayName or owner.name or owner.id for owner in table.owners)
            if {owner.id for owner in table.owners} == {owner.id for owner in change.after}:
                return "new"
            return "old" if names == change.before else "else"
        case TagsChange():
            labels = columns[change.column].tags if change.column else table.tags
            there = {label.tagFQN for label in labels}
            return "new" if there.issuperset(change.added) and not there & set(change.replaced) else "old"
        case RemoveTags():
            labels = columns[change.column].tags if change.column else table.tags
            return "old" if any(is_ours(label, change) for label in labels) else "new"
        case RemoveOwners():
            return "old" if {owner.id for owner in table.owners} & change.removed else "new"
        case DomainChange():
            domains = tuple(item.fullyQualifiedName or item.name or item.id for item in table.domains)
            if {item.id for item in table.domains} == {change.after.id}:
                return "new"
            return "old" if domains == change.before else "else"
        case DataProductsChange():
            there = {product.id for product in table.dataProducts}
            return "new" if there.issuperset(product.id for product in change.added) else "old"
        case CustomPropertyChange():
            extension = columns[change.column].extension if change.column else table.extension
            value = (extension or {}).get(change.name)
            return "new" if same(value, change.after) else "old" if value == change.before else "else"
        case StatusChange():
            status = table.entityStatus
            return "new" if status == change.after else "old" if status == change.before else "else"
        case KeysChange():
            keys = {item for item in table.tableConstraints if item.constraintType == change.type}
            return "new" if keys == set(change.after) else "old" if keys == set(change.before) else "else"
        case _:
            return "else"


def model_moved(planned: Table, now: Table, change: DataModelChange) -> bool:
    """Whether another sync wrote the table's data model since it was read, and not as this change would."""
    before, held = _texts(planned), _texts(now)
    wanted = tuple(str(change.body.get(name) or "") for name in _MODEL_TEXTS)
    return held not in (before, wanted)


def holds_model(now: Table, body: Mapping[str, object]) -> bool:
    """Whether the table has this data model: its texts, and as many columns."""
    model = now.dataModel
    if model is None:
        return False
    columns = body.get("columns")
    wanted = tuple(str(body.get(name) or "") for name in _MODEL_TEXTS if name != "resourceType")
    held = tuple(str(getattr(model, name) or "") for name in _MODEL_TEXTS if name != "resourceType")
    return held == wanted and len(model.columns) == (len(columns) if isinstance(columns, list | tuple) else 0)


def _texts(table: Table) -> tuple[str, ...]:
    values: Mapping[str, object] = table.dataModel.model_dump() if table.dataModel is not None else {}
    return tuple(str(values.get(name) or "") for name in _MODEL_TEXTS)


def moved(change: Change, evidence: tuple[str, ...] = ()) -> ActionableError:
    """The error of a change whose target is no longer as it was read."""
    return ActionableError(
        "It was changed in Collate since the plan was made",
        causes=["A person or another sync wrote it meanwhile. It remains unchanged."],
        evidence=[f"{change.label}: planned from {change.old[:80]!r}", *evidence],
        fixes=[Retry("Plan again"), RETRY],
    )
