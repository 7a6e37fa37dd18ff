"""Changes of test definitions, suites, cases and results."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from dbtcollate_tui.plan.changes.base import Change, Group, Removal, TableChange


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTestDefinition(Change):
    """A test definition that the server does not have, named after the dbt test."""

    kind: ClassVar[str] = "test_definition"
    group: ClassVar[Group] = "tests"

    name: str
    entity_type: Literal["TABLE", "COLUMN"]

    description: str
    parameters: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The definition's name."""
        return self.name

    @property
    def new(self) -> str:
        """Its description."""
        return self.description


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTestSuite(TableChange):
    """A table's test suite, for servers that do not make it themselves."""

    kind: ClassVar[str] = "test_suite"
    group: ClassVar[Group] = "tests"

    @property
    def new(self) -> str:
        """What is made."""
        return "test suite"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCaseChange(TableChange):
    """A test case that is new, or whose description differs (``id`` is then the case's)."""

    __test__ = False
    kind: ClassVar[str] = "test_case"
    group: ClassVar[Group] = "tests"

    name: str
    fqn: str
    definition: str
    entity_link: str
    description: str
    parameters: tuple[tuple[str, str], ...] = ()
    id: str = ""
    before: str = ""

    @property
    def target(self) -> str:
        """The case's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: case``."""
        return f"{self.table.short}: {self.name}"

    @property
    def old(self) -> str:
        """The old description, where the case exists."""
        return (self.before or "no description") if self.id else ""

    @property
    def new(self) -> str:
        """The case's definition, and its description where there is one."""
        return self.description if self.id else f"{self.definition} {self.description}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveTestCase(Removal, TableChange):
    """A test case that a sync from here created and dbt no longer has; its results go with it."""

    kind: ClassVar[str] = "remove_test_case"
    group: ClassVar[Group] = "tests"
    done: ClassVar[str] = "created"

    name: str
    fqn: str
    id: str

    @property
    def target(self) -> str:
        """The case's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: case``."""
        return f"{self.table.short}: {self.name}"

    @property
    def old(self) -> str:
        """What is taken away."""
        return "test case with its results"


ResultStatus = Literal["Success", "Failed", "Aborted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResultChange(TableChange):
    """One result of a test case; ``timestamp`` in milliseconds since 1970, from the artifact."""

    __test__ = False
    kind: ClassVar[str] = "test_result"
    group: ClassVar[Group] = "test results"

    name: str
    fqn: str
    status: ResultStatus
    timestamp: int
    text: str
    values: tuple[tuple[str, str], ...]
    before: str = ""

    @property
    def key(self) -> str:
        """The case and the moment."""
        return f"{self.kind}:{self.fqn}@{self.timestamp}"

    @property
    def target(self) -> str:
        """The case's FQN."""
        return self.fqn

    @property
    def label(self) -> str:
        """``schema.table: case``."""
        return f"{self.table.short}: {self.name}"

    @property
    def old(self) -> str:
        """The latest result on the server, with its time."""
        return self.before

    @property
    def new(self) -> str:
        """The status, with dbt's text where there is one."""
        return f"{self.status}: {self.text}" if self.text else self.status
