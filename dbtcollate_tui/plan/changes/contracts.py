"""Changes of data contracts, and of what the last build says of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from dbtcollate_tui.plan.changes.base import Action, Group, TableChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractChange(TableChange):
    """A data contract that is new, with ``body``, or whose ``fields`` differ (``id`` is then the server's).

    The values are those of a request, in the latest server's names.
    """

    kind: ClassVar[str] = "contract"
    group: ClassVar[Group] = "contracts"

    fqn: str
    body: Mapping[str, object]
    fields: tuple[tuple[str, object, object], ...] = ()
    id: str = ""

    @property
    def target(self) -> str:
        """The contract's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: contract``."""
        return f"{self.table.short}: contract"

    @property
    def action(self) -> Action:
        """``replace`` where the contract is there."""
        return "replace" if self.id else "add"

    @property
    def old(self) -> str:
        """The fields that differ, as the server has them."""
        return "\n".join(_words(name, before) for name, before, _ in self.fields if before)

    @property
    def new(self) -> str:
        """The fields as they will be; of a new contract its text and its columns."""
        shown = [(name, after) for name, _, after in self.fields]
        if not self.id:
            shown = [(name, self.body[name]) for name in ("description", "schema") if name in self.body]
        return "\n".join(_words(name, value) for name, value in shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractResultChange(TableChange):
    """Whether the contract held in the last build; ``timestamp`` in milliseconds since 1970."""

    kind: ClassVar[str] = "contract_result"
    group: ClassVar[Group] = "contracts"

    fqn: str
    status: Literal["Success", "Failed"]
    timestamp: int
    text: str = ""
    before: str = ""

    @property
    def key(self) -> str:
        """The contract and the moment."""
        return f"{self.kind}:{self.fqn}@{self.timestamp}"

    @property
    def target(self) -> str:
        """The contract's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: contract result``."""
        return f"{self.table.short}: contract result"

    @property
    def old(self) -> str:
        """The latest result on the server."""
        return self.before

    @property
    def new(self) -> str:
        """The status, with dbt's message where the build failed."""
        return f"{self.status}: {self.text}" if self.text else self.status


def _words(name: str, value: object) -> str:
    if name == "schema" and isinstance(value, list | tuple):
        listed = [
            " ".join(str(item[part]) for part in ("name", "dataType", "constraint") if item.get(part))
            for item in value
        ]
        return f"columns: {', '.join(listed)}"
    if isinstance(value, list | tuple):
        return f"{name}: {', '.join(str(item.get('name') or item.get('id')) for item in value)}"
    return f"{name}: {value}"
