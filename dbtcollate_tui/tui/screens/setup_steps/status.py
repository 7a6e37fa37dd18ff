"""How the answers so far light the chain."""

from datetime import UTC, datetime

from dbtcollate_tui.checks.chain import CheckState, Stage, StageState
from dbtcollate_tui.dbt_cloud.regions import region_of
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.setup.draft import ORDER
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.service import tables_state
from dbtcollate_tui.tui.widgets.chain import ChainView
from dbtcollate_tui.wording import ago

LINK_OF = {
    Step.DBT_TOKEN: Stage.DBT_CLOUD,
    Step.ACCOUNT: Stage.DBT_CLOUD,
    Step.PROJECT: Stage.DBT_CLOUD,
    Step.JOB: Stage.RUN,
    Step.COLLATE: Stage.TABLES,
    Step.SERVICE: Stage.TABLES,
    Step.OPTIONS: Stage.PIPELINE,
}
STEP_OF = {
    Stage.DBT_CLOUD: Step.DBT_TOKEN,
    Stage.RUN: Step.JOB,
    Stage.ARTIFACTS: Step.JOB,
    Stage.TABLES: Step.SERVICE,
    Stage.PIPELINE: Step.OPTIONS,
    Stage.VERIFICATION: Step.REVIEW,
}
"""The question whose answer a stage shows."""
FILES = ("manifest.json", "catalog.json", "run_results.json")


def lights(context: SetupContext, step: Step, *, busy: bool, failed: bool) -> ChainView:
    """The chain as the answers and their checks make it; the own stage of the step is busy or broken."""
    stages: dict[Stage, StageState] = {}
    setup, draft = context.setup, context.setup.draft
    if draft.account_id is not None and draft.dbt_base_url:
        state = CheckState.PASS if setup.answers.has_token("dbt_cloud") else CheckState.WAITING
        region = region_of(draft.dbt_base_url.split("://", 1)[-1])
        stages[Stage.DBT_CLOUD] = StageState(state, (draft.account_name, region))
    if draft.job_id is not None or draft.any_job:
        stages |= _run(context)
    if draft.service and context.score is not None:
        tables, words = tables_state(context.score)
        stages[Stage.TABLES] = StageState(tables, (words,))
    elif draft.service:
        stages[Stage.TABLES] = StageState(CheckState.WAITING, (draft.service,))
    elif setup.collate.facts is not None:
        stages[Stage.TABLES] = StageState(CheckState.WAITING, (setup.collate.facts.version,))
    if setup.collate.facts is not None and not setup.collate.facts.pipeline_service.available:
        stages[Stage.PIPELINE] = StageState(CheckState.SKIPPED, ("from here",))
    elif ORDER.index(draft.reached) > ORDER.index(Step.OPTIONS):
        stages[Stage.PIPELINE] = StageState(
            CheckState.WAITING, (draft.pipeline.schedule or "manual", "planned")
        )
    for stage, found in context.checks.states().items():
        captions = stages[stage].captions if stage in stages else ()
        is_problem = found.state in (CheckState.WARN, CheckState.FAIL)
        stages[stage] = found if is_problem or not captions else StageState(found.state, captions)
    own = LINK_OF.get(step)
    if own is not None and (busy or failed):
        state = CheckState.RUNNING if busy else CheckState.FAIL
        stages[own] = StageState(state, () if busy or own not in stages else stages[own].captions)
    return ChainView(stages)


def _run(context: SetupContext) -> dict[Stage, StageState]:
    draft, preview = context.setup.draft, context.preview
    if preview is None:
        return {Stage.RUN: StageState(CheckState.WAITING, (draft.job_name or "any job",))}
    choice = preview.choice
    if choice is None:
        return {Stage.RUN: StageState(CheckState.FAIL, ("no run",))}
    warns = any(note.level == "warn" for note in choice.notes)
    ended = choice.run.finished_at or choice.run.created_at
    when = ago(ended, datetime.now(UTC)).removesuffix(" ago")
    stages = {
        Stage.RUN: StageState(CheckState.WARN if warns else CheckState.PASS, (when, f"#{choice.run.id}"))
    }
    if preview.error is not None:
        stages[Stage.ARTIFACTS] = StageState(CheckState.FAIL, ("not listed",))
        return stages
    names = {name.rsplit("/", 1)[-1] for name in preview.artifacts}
    held = sum(name in names for name in FILES)
    state = CheckState.PASS if held == len(FILES) else CheckState.WARN
    if "manifest.json" not in names:
        state = CheckState.FAIL
    stages[Stage.ARTIFACTS] = StageState(
        state,
        (
            f"{held} of {len(FILES)}",
            "files",
        ),
    )
    return stages
