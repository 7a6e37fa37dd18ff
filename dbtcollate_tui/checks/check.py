"""A check made of a function that looks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import Link
from dbtcollate_tui.checks.context import CheckContext


@dataclass(frozen=True, slots=True)
class Look:
    """A `Check` whose work is one function; see `Check` for the fields."""

    id: str
    title: str
    link: Link
    look: Callable[[CheckContext], Awaitable[Finding]]
    requires: tuple[str, ...] = ()
    guide_ref: str = ""

    async def run(self, context: CheckContext) -> Finding:
        """Look, and say what was found."""
        return await self.look(context)
