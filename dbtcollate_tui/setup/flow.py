"""The order of the setup's steps, which are asked at all, and what a change of answer invalidates."""

from dataclasses import dataclass
from typing import Any

from dbtcollate_tui.fixes import Step
from dbtcollate_tui.setup.draft import ORDER, SetupDraft

RAIL: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("dbt Cloud", (Step.ADDRESS,)),
    ("Token", (Step.DBT_TOKEN, Step.ACCOUNT)),
    ("Job", (Step.PROJECT, Step.JOB)),
    ("Collate", (Step.COLLATE,)),
    ("Service", (Step.SERVICE,)),
    ("Options", (Step.OPTIONS,)),
    ("Review", (Step.REVIEW,)),
)
"""The seven names of the rail, each with the steps behind it."""

_EMPTY: dict[Step, dict[str, Any]] = {
    Step.DBT_TOKEN: {"dbt_base_url": ""},
    Step.ACCOUNT: {"account_id": None, "account_name": ""},
    Step.PROJECT: {"project_id": None, "project_name": "", "any_project": False},
    Step.JOB: {"job_id": None, "job_name": "", "jobs": (), "any_job": False},
    Step.SERVICE: {"service": ""},
}
_HANGS_ON: dict[Step, tuple[Step, ...]] = {
    Step.ADDRESS: (Step.DBT_TOKEN, Step.ACCOUNT, Step.PROJECT, Step.JOB),
    Step.DBT_TOKEN: (Step.ACCOUNT, Step.PROJECT, Step.JOB),
    Step.ACCOUNT: (Step.PROJECT, Step.JOB),
    Step.PROJECT: (Step.JOB,),
    Step.COLLATE: (Step.SERVICE,),
}
_NAMES = {Step.ACCOUNT: "account", Step.PROJECT: "project", Step.JOB: "job", Step.SERVICE: "service"}


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """What decides whether a step is asked: how many accounts and projects there are to choose from."""

    accounts: int = 0
    projects: int = 0


def rail_number(step: Step) -> int:
    """The step's number on the rail, from 1."""
    return next(number for number, (_, steps) in enumerate(RAIL, 1) if step in steps)


def is_asked(step: Step, draft: SetupDraft, facts: FlowFacts) -> bool:
    """Whether the step has anything to ask: one account is no choice, nor is a project the address named."""
    if step is Step.ACCOUNT:
        return facts.accounts > 1 and draft.address_account_id is None
    if step is Step.PROJECT:
        return facts.projects > 1 and draft.address_project_id is None
    return True


def next_step(step: Step, draft: SetupDraft, facts: FlowFacts) -> Step:
    """The step that follows; the review follows itself."""
    for candidate in ORDER[ORDER.index(step) + 1 :]:
        if is_asked(candidate, draft, facts):
            return candidate
    return Step.REVIEW


def previous_step(step: Step, draft: SetupDraft, facts: FlowFacts) -> Step | None:
    """The step before, ``None`` at the first."""
    for candidate in reversed(ORDER[: ORDER.index(step)]):
        if is_asked(candidate, draft, facts):
            return candidate
    return None


def invalidate(draft: SetupDraft, changed: Step) -> tuple[SetupDraft, str]:
    """Empty the answers that depend on the changed one, and say so ("Cleared: project, job.").

    The words are empty where nothing was lost.
    """
    update: dict[str, Any] = {}
    lost: list[str] = []
    for step in _HANGS_ON.get(changed, ()):
        fields = _EMPTY[step]
        if any(getattr(draft, name) != empty for name, empty in fields.items()):
            update |= fields
            if step in _NAMES:
                lost.append(_NAMES[step])
    if not update:
        return draft, ""
    words = f"Cleared, because it depended on the previous answer: {', '.join(lost)}." if lost else ""
    return draft.model_copy(update=update), words
