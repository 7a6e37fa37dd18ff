"""Changes of tables and their columns, and of the tags that they need."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from dbtcollate_tui.collate.fqn import plain_name, split_fqn
from dbtcollate_tui.collate.models import EntityReference, TableConstraint
from dbtcollate_tui.plan.changes.base import Action, Change, Group, Removal, TableChange


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
class DescriptionChange(TableChange):
    """A table's or a column's description."""

    kind: ClassVar[str] = "description"
    group: ClassVar[Group] = "descriptions"

    before: str
    after: str
    changed_by: str = ""

    @property
    def old(self) -> str:
        """The old text."""
        return self.before

    @property
    def new(self) -> str:
        """dbt's text."""
        return self.after

    @property
    def note(self) -> str:
        """Who changed the table last, where a text is replaced."""
        return f"table last changed by {self.changed_by}" if self.before and self.changed_by else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDescription(Removal, TableChange):
    """A description that a sync from here wrote and dbt no longer has."""

    kind: ClassVar[str] = "remove_description"
    group: ClassVar[Group] = "descriptions"

    before: str

    @property
    def old(self) -> str:
        """The text that is taken away."""
        return self.before


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
    """Tags added to a table or a column; existing tags stay."""

    kind: ClassVar[str] = "tags"
    group: ClassVar[Group] = "tags"

    before: tuple[str, ...]
    added: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    glossary: frozenset[str] = frozenset()

    @property
    def old(self) -> str:
        """The existing tags, joined by commas."""
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
class RemoveTags(Removal, TableChange):
    """Tags of a table or a column that a sync from here set and dbt no longer names."""

    kind: ClassVar[str] = "remove_tags"
    group: ClassVar[Group] = "tags"
    done: ClassVar[str] = "set"

    before: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def old(self) -> str:
        """The tags that are taken away, joined by commas."""
        return ", ".join(self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOwners(Removal, TableChange):
    """Owners of a table that a sync from here set, where dbt names none any more."""

    kind: ClassVar[str] = "remove_owners"
    group: ClassVar[Group] = "owners"

    before: tuple[str, ...]
    removed: frozenset[str]
    names: tuple[str, ...]

    @property
    def old(self) -> str:
        """The owners that are taken away, joined by commas."""
        return ", ".join(self.names)

    @property
    def note(self) -> str:
        """How it is known that they are ours."""
        return "set by a sync from here, dbt names no owner any more"


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
class DataProductsChange(TableChange):
    """Data products that a table becomes part of; those that it has stay."""

    kind: ClassVar[str] = "data_products"
    group: ClassVar[Group] = "properties"

    before: tuple[str, ...]
    added: tuple[EntityReference, ...]

    @property
    def old(self) -> str:
        """The FQNs of the data products that it has, joined by commas."""
        return ", ".join(self.before)

    @property
    def new(self) -> str:
        """The FQNs of all data products afterwards, joined by commas."""
        return ", ".join([*self.before, *(item.fullyQualifiedName or item.name for item in self.added)])

    @property
    def action(self) -> Action:
        """Always ``add``: none gives way."""
        return "add"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomPropertyChange(TableChange):
    """One custom property of a table or a column; the others stay."""

    kind: ClassVar[str] = "custom_property"
    group: ClassVar[Group] = "properties"

    name: str
    before: object
    after: object

    @property
    def key(self) -> str:
        """The table or column, and the property."""
        return f"{self.kind}:{self.target}:{self.name}"

    @property
    def label(self) -> str:
        """``schema.table: property``, with the column where it is a column's."""
        place = f"{self.table.short}.{plain_name(self.column)}" if self.column else self.table.short
        return f"{place}: {self.name}"

    @property
    def old(self) -> str:
        """The old value."""
        return "" if self.before is None else _value_words(self.before)

    @property
    def new(self) -> str:
        """dbt's value."""
        return _value_words(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange(TableChange):
    """A table's status, such as ``Deprecated``."""

    kind: ClassVar[str] = "status"
    group: ClassVar[Group] = "properties"

    before: str
    after: str

    @property
    def label(self) -> str:
        """``schema.table: status``."""
        return f"{self.table.short}: status"

    @property
    def old(self) -> str:
        """The status that the table has."""
        return self.before

    @property
    def new(self) -> str:
        """The new status."""
        return self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysChange(TableChange):
    """A table's keys of one type (``PRIMARY_KEY``, ``UNIQUE``, ``FOREIGN_KEY``); all others stay."""

    kind: ClassVar[str] = "keys"
    group: ClassVar[Group] = "keys"

    type: str
    after: tuple[TableConstraint, ...]
    before: tuple[TableConstraint, ...] = ()

    @property
    def key(self) -> str:
        """The table and the type of key."""
        return f"{self.kind}:{self.table.fqn}:{self.type}"

    @property
    def label(self) -> str:
        """``schema.table: primary key``."""
        return f"{self.table.short}: {self.type.lower().replace('_', ' ')}"

    @property
    def old(self) -> str:
        """The keys of that type that the table has, one a line."""
        return key_words(self.before)

    @property
    def new(self) -> str:
        """dbt's keys of that type, one a line."""
        return key_words(self.after)


def key_words(keys: Iterable[TableConstraint]) -> str:
    """The columns of each key and what they refer to, one key a line: ``cid -> main.customers.cid``."""
    return "\n".join(
        f"{', '.join(item.columns)} -> {', '.join(map(_short_column, item.referredColumns))}"
        if item.referredColumns
        else ", ".join(item.columns)
        for item in keys
    )


def _short_column(fqn: str) -> str:
    try:
        return ".".join(map(plain_name, split_fqn(fqn)[2:]))
    except ValueError:
        return fqn


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
