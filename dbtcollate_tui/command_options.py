"""The options that every command has."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from dbtcollate_tui.standard_streams import is_terminal
from dbtcollate_tui.transport.bounds import FOLLOWED_MINUTES_IN_CI

if TYPE_CHECKING:
    from dbtcollate_tui.plan.selection.scope import Scope


@dataclass(frozen=True, slots=True)
class Common:
    """The profile's name, how to speak, and whether a person may be asked."""

    profile: str | None = None
    json: bool = False
    no_input: bool = False
    animation: bool = True
    timeout_minutes: float | None = None

    @property
    def may_ask(self) -> bool:
        """Whether a person is there to answer: a terminal, outside CI, and not forbidden."""
        return not (self.no_input or self.json or os.environ.get("CI")) and is_terminal()

    @property
    def follow_seconds(self) -> float | None:
        """How long a run is followed: the given minutes, a bound where nobody watches, else no limit."""
        if self.timeout_minutes is not None:
            return self.timeout_minutes * 60
        return None if self.may_ask else FOLLOWED_MINUTES_IN_CI * 60


def scope_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of ``plan`` and ``sync`` that choose a part, and what to do about conflicts."""
    for decorator in (
        click.option(
            "--full",
            is_flag=True,
            help="Read and compare everything, also what has not changed since an earlier sync.",
        ),
        click.option(
            "--overwrite", is_flag=True, help="Also replace descriptions that were edited in Collate."
        ),
        click.option(
            "--remove",
            is_flag=True,
            help="Remove texts, tags, owners, tests and edges that a sync wrote and dbt no longer has.",
        ),
        click.option(
            "--kind",
            "kinds",
            multiple=True,
            help="Only this kind of change (descriptions, owners, tags, lineage, ...). Repeatable.",
        ),
        click.option(
            "--table", "tables", multiple=True, help="Only this table, by FQN, schema.table or pattern."
        ),
        click.option(
            "--schema", "schemas", multiple=True, help="Only this schema, or database.schema, or pattern."
        ),
        click.option("--exclude", multiple=True, help="Without these nodes, by dbt's selectors."),
        click.option(
            "--select",
            "-s",
            multiple=True,
            help="Only these nodes, by dbt's selectors: name, +name+1, @name, tag:, path:, source:, group:, "
            "config.materialized:, selector: and all of dbt's methods but state:, result: and "
            "source_status:; a space is or, a comma is and. Unlike dbt, it also takes a unique id, a table's "
            "name, source.table and backslashes, and ends with exit code 2 where a selector matches nothing.",
        ),
    ):
        function = decorator(function)
    return function


def scope_of(values: Mapping[str, Any]) -> "Scope":
    """What the options of `scope_options` chose; raises `UsageError` for an unknown kind."""
    from dbtcollate_tui.plan.selection.scope import Scope, parse_kind

    return Scope(**{**values, "kinds": tuple(parse_kind(kind) for kind in values["kinds"])})
