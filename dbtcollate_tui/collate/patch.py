"""RFC 6902 patches of a table, each change guarded by a ``test`` of what was read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dbtcollate_tui.collate.dialect import Dialect
from dbtcollate_tui.collate.models import Column, EntityReference, Table, TableConstraint, TagLabel

Op = dict[str, Any]


def is_repeatable(ops: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a second application changes nothing or fails its guard, so that it may be sent again."""
    listed = list(ops)
    if listed and listed[0].get("op") == "test":
        return True
    for op in listed:
        last = str(op.get("path", "")).rsplit("/", 1)[-1]
        if op.get("op") not in ("add", "replace", "test") or (
            op.get("op") == "add" and (last == "-" or last.isdigit())
        ):
            return False
    return True


class TablePatch:
    """Collects changes of one table as it was read; `ops` gives the patch.

    A column is guarded by its name at its place, so a column list that moved meanwhile fails the patch
    instead of receiving another column's text; a text that was there is guarded by its old value.
    """

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self._table = table
        self._dialect = dialect
        self._guards: dict[str, Op] = {}
        self._ops: list[Op] = []
        self._extended: set[str] = set()
        self._pointers: dict[str, tuple[str, Column]] = {
            name: (pointer, column) for pointer, name, column in table.walk_columns()
        }

    def set_description(self, text: str) -> "TablePatch":
        """Set the table's description."""
        self._set_text("/description", self._table.description, text)
        return self

    def remove_description(self, column: str = "") -> "TablePatch":
        """Take the table's or a column's description away; ``KeyError`` for an unknown column."""
        pointer, text = "", self._table.description
        if column:
            pointer, found = self._column(column)
            text = found.description
        self._guard(f"{pointer}/description", text)
        self._ops.append({"op": "remove", "path": f"{pointer}/description"})
        return self

    def set_column_description(self, column: str, text: str) -> "TablePatch":
        """Set a column's description (nested ones by dotted name); ``KeyError`` for an unknown column."""
        pointer, found = self._column(column)
        self._set_text(f"{pointer}/description", found.description, text)
        return self

    def set_owners(self, owners: Sequence[EntityReference]) -> "TablePatch":
        """Set the owners; old servers take the first only."""
        name, value = self._dialect.owners_value(owner.as_request() for owner in owners)
        there = self._table.owners
        if there:
            place = "/owners/0/id" if name == "owners" else "/owner/id"
            self._guard(place, there[0].id)
        if value is None:
            if there:
                self._ops.append({"op": "remove", "path": f"/{name}"})
        else:
            self._ops.append({"op": "add", "path": f"/{name}", "value": value})
        return self

    def set_tags(self, tags: Sequence[TagLabel]) -> "TablePatch":
        """Set all tags of the table."""
        self._set_tags("", self._table.tags, tags)
        return self

    def set_column_tags(self, column: str, tags: Sequence[TagLabel]) -> "TablePatch":
        """Set all tags of a column. Raises ``KeyError`` for an unknown column."""
        pointer, found = self._column(column)
        self._set_tags(pointer, found.tags, tags)
        return self

    def set_domain(self, domain: EntityReference) -> "TablePatch":
        """Set the table's only domain, in place of any other."""
        name = "domains" if self._dialect.many_domains else "domain"
        there = self._table.domains
        if there:
            self._guard("/domains/0/id" if name == "domains" else "/domain/id", there[0].id)
        value = domain.as_request()
        self._ops.append({"op": "add", "path": f"/{name}", "value": [value] if name == "domains" else value})
        return self

    def set_data_products(self, products: Sequence[EntityReference]) -> "TablePatch":
        """Set the table's data products, in place of those that it has."""
        for number, product in enumerate(self._table.dataProducts):
            self._guard(f"/dataProducts/{number}/id", product.id)
        value = [product.as_request() for product in products]
        self._ops.append({"op": "add", "path": "/dataProducts", "value": value})
        return self

    def set_data_model(self, body: Mapping[str, Any]) -> "TablePatch":
        """Set the dbt data model, ``body`` in its latest form; a compiled SQL that is there guards it.

        Unlike ``PUT …/dataModel`` the server does not put the model's tags on the table.
        """
        there = self._table.dataModel
        if there is not None and there.sql:
            self._guard("/dataModel/sql", there.sql)
        self._ops.append({"op": "add", "path": "/dataModel", "value": self._dialect.data_model(body)})
        return self

    def set_status(self, status: str) -> "TablePatch":
        """Set the table's status."""
        if self._table.entityStatus:
            self._guard("/entityStatus", self._table.entityStatus)
        self._ops.append({"op": "add", "path": "/entityStatus", "value": status})
        return self

    def set_constraints(self, constraints: Sequence[TableConstraint]) -> "TablePatch":
        """Set all keys of the table; those that are there guard it."""
        for number, there in enumerate(self._table.tableConstraints):
            self._guard(f"/tableConstraints/{number}/columns", list(there.columns))
        value = [item.as_request() for item in constraints]
        self._ops.append({"op": "add", "path": "/tableConstraints", "value": value})
        return self

    def set_property(self, name: str, value: object) -> "TablePatch":
        """Set one custom property; the others stay."""
        self._set_property("", self._table.extension, name, value)
        return self

    def set_column_property(self, column: str, name: str, value: object) -> "TablePatch":
        """Set one custom property of a column. Raises ``KeyError`` for an unknown column."""
        pointer, found = self._column(column)
        self._set_property(pointer, found.extension or {}, name, value)
        return self

    def ops(self) -> list[Op]:
        """The patch: every guard first, then the changes; empty where nothing was set."""
        return [*self._guards.values(), *self._ops] if self._ops else []

    def _column(self, name: str) -> tuple[str, Column]:
        pointer, column = self._pointers[name]
        self._guard(f"{pointer}/name", column.name)
        return pointer, column

    def _guard(self, pointer: str, value: object) -> None:
        self._guards[pointer] = {"op": "test", "path": pointer, "value": value}

    def _set_text(self, pointer: str, old: str, new: str) -> None:
        if old:
            self._guard(pointer, old)
            self._ops.append({"op": "replace", "path": pointer, "value": new})
        else:
            self._ops.append({"op": "add", "path": pointer, "value": new})

    def _set_property(self, place: str, there: Mapping[str, Any], name: str, value: object) -> None:
        pointer = f"{place}/extension/{name.replace('~', '~0').replace('/', '~1')}"
        if name in there:
            self._guard(pointer, there[name])
        if not there and place not in self._extended:
            self._extended.add(place)
            self._ops.append({"op": "add", "path": f"{place}/extension", "value": {}})
        self._ops.append({"op": "add", "path": pointer, "value": value})

    def _set_tags(self, pointer: str, old: Sequence[TagLabel], new: Sequence[TagLabel]) -> None:
        for number, tag in enumerate(old):
            self._guard(f"{pointer}/tags/{number}/tagFQN", tag.tagFQN)
        self._ops.append({"op": "add", "path": f"{pointer}/tags", "value": [tag.as_request() for tag in new]})
