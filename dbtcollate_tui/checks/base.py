"""What a check is and what it says."""

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from dbtcollate_tui.check_ids import CheckId
from dbtcollate_tui.checks.chain import CheckState, Stage
from dbtcollate_tui.errors import ActionableError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Fix, fix_as_dict

ContextT = TypeVar("ContextT", contravariant=True)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One row of the checklist: state, one-line summary, what it means, evidence, causes and fixes.

    ``caption`` is the few words below the stage ("412 of 430"). ``blocked_by`` is the id of
    the failed check that a skipped one could not get past.
    """

    check_id: CheckId
    title: str
    stage: Stage
    state: CheckState
    summary: str = ""
    detail: str = ""
    caption: str = ""
    evidence: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    exceptions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    """Unique ids of the nodes whose tables the row is about, to explain them."""
    seconds: float = 0.0
    blocked_by: CheckId | None = None
    blocks: bool = True
    """Whether a failure keeps the checks that require this one from running."""
    exit_code: ExitCode = ExitCode.FAILED
    """What a command ends with where this row failed."""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON values, for ``verify --json``."""
        return {
            "id": self.check_id,
            "title": self.title,
            "stage": self.stage.value,
            "state": self.state.value,
            "summary": self.summary,
            "detail": self.detail,
            "evidence": list(self.evidence),
            "causes": list(self.causes),
            "fixes": [fix_as_dict(fix) for fix in self.fixes],
            "exceptions": list(self.exceptions),
            "blocked_by": self.blocked_by or "",
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; the runner adds the check's id, title, stage and the seconds it took."""

    state: CheckState
    summary: str
    detail: str = ""
    caption: str = ""
    evidence: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = field(default=())
    exceptions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    blocks: bool = True
    exit_code: ExitCode = ExitCode.FAILED


class Check(Protocol[ContextT]):
    """One check; ``requires`` names the checks that must not have failed before it runs."""

    @property
    def id(self) -> CheckId:
        """Stable id such as ``dbt.token``."""

    @property
    def title(self) -> str:
        """The row's title."""

    @property
    def stage(self) -> Stage:
        """The stage of the chain that it belongs to."""

    @property
    def requires(self) -> tuple[CheckId, ...]:
        """Ids of checks whose failure makes this one skipped."""

    @property
    def guide_ref(self) -> str:
        """The line of Collate's guide that it checks."""

    async def run(self, context: ContextT) -> Finding:
        """Look, and say what was found; an `ActionableError` counts as failed with its card."""


def finding_of_error(error: ActionableError) -> Finding:
    """An error's card as a failed finding."""
    return Finding(
        CheckState.FAIL,
        error.title,
        causes=error.causes,
        fixes=error.fixes,
        evidence=error.evidence,
        exit_code=error.exit_code,
    )


def worst(results: list[CheckResult]) -> CheckState:
    """The state of a group: its worst check's, ``waiting`` for an empty one."""
    if not results:
        return CheckState.WAITING
    return max((result.state for result in results), key=lambda state: state.severity)
