"""One check of the chain, with every fact about it in one place."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.base import Finding
from dbtcollate_tui.checks.chain import Stage
from dbtcollate_tui.checks.context import CheckContext
from dbtcollate_tui.fixes import Step


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """A `Check` whose work is one function; see `Check` for the first fields.

    ``step`` is the setup's question whose answer makes the check possible, ``symptom`` what a person mostly
    sees when it does not pass, ``affected_by`` the part of the profile whose change concerns it first.
    """

    id: CheckId
    title: str
    stage: Stage
    find: Callable[[CheckContext], Awaitable[Finding]]
    requires: tuple[CheckId, ...] = ()
    guide_ref: str = ""
    step: Step | None = None
    symptom: SymptomId | None = None
    affected_by: tuple[str, ...] = ()

    async def run(self, context: CheckContext) -> Finding:
        """Examine the stage and report what was found."""
        return await self.find(context)
