"""How the answers so far light the chain."""

from datetime import UTC, datetime

from dbtcollate_tui.checks.chain import CheckState, Link, LinkState
from dbtcollate_tui.dbt_cloud.regions import region_of
from dbtcollate_tui.fixes import Step
from dbtcollate_tui.setup.draft import ORDER
from dbtcollate_tui.tui.screens.setup_steps.context import SetupContext
from dbtcollate_tui.tui.screens.setup_steps.service import tables_state
from dbtcollate_tui.tui.widgets.chain import ChainView
from dbtcollate_tui.wording import ago

LINK_OF = {
    Step.DBT_TOKEN: Link.DBT_CLOUD,
    Step.ACCOUNT: Link.DBT_CLOUD,
    Step.PROJECT: Link.DBT_CLOUD,
    Step.JOB: Link.RUN,
    Step.COLLATE: Link.TABLES,
    Step.SERVICE: Link.TABLES,
    Step.OPTIONS: Link.PIPELINE,
}
STEP_OF = {
    Link.DBT_CLOUD: Step.DBT_TOKEN,
    Link.RUN: Step.JOB,
    Link.ARTIFACTS: Step.JOB,
    Link.TABLES: Step.SERVICE,
    Link.PIPELINE: Step.OPTIONS,
    Link.VERIFICATION: Step.REVIEW,
}
"""The question whose answer a link shows."""
FILES = ("manifest.json", "catalog.json", "run_results.json")


def lights(context: SetupContext, step: Step, *, busy: bool, failed: bool) -> ChainView:
    """The chain as the answers make it and their checks find it; the step's own link is at work or broken."""
    links: dict[Link, LinkState] = {}
    setup, draft = context.setup, context.setup.draft
    if draft.account_id is not None and draft.dbt_base_url:
        state = CheckState.PASS if setup.has_token("dbt_cloud") else CheckState.WAITING
        region = region_of(draft.dbt_base_url.split("://", 1)[-1])
        links[Link.DBT_CLOUD] = LinkState(state, (draft.account_name, region))
    if draft.job_id is not None or draft.any_job:
        links |= _run(context)
    if draft.service and context.score is not None:
        tables, words = tables_state(context.score)
        links[Link.TABLES] = LinkState(tables, (words,))
    elif draft.service:
        links[Link.TABLES] = LinkState(CheckState.WAITING, (draft.service,))
    elif setup.collate_facts is not None:
        links[Link.TABLES] = LinkState(CheckState.WAITING, (setup.collate_facts.version,))
    if setup.collate_facts is not None and not setup.collate_facts.pipeline_service.available:
        links[Link.PIPELINE] = LinkState(CheckState.SKIPPED, ("from here",))
    elif ORDER.index(draft.reached) > ORDER.index(Step.OPTIONS):
        links[Link.PIPELINE] = LinkState(
            CheckState.WAITING, (draft.pipeline.schedule or "by hand", "planned")
        )
    for link, found in context.checks.states().items():
        captions = links[link].captions if link in links else ()
        told = found.state in (CheckState.WARN, CheckState.FAIL)
        links[link] = found if told or not captions else LinkState(found.state, captions)
    own = LINK_OF.get(step)
    if own is not None and (busy or failed):
        state = CheckState.RUNNING if busy else CheckState.FAIL
        links[own] = LinkState(state, () if busy or own not in links else links[own].captions)
    return ChainView(links)


def _run(context: SetupContext) -> dict[Link, LinkState]:
    draft, preview = context.setup.draft, context.preview
    if preview is None:
        return {Link.RUN: LinkState(CheckState.WAITING, (draft.job_name or "any job",))}
    choice = preview.choice
    if choice is None:
        return {Link.RUN: LinkState(CheckState.FAIL, ("no run",))}
    warns = any(note.level == "warn" for note in choice.notes)
    ended = choice.run.finished_at or choice.run.created_at
    when = ago(ended, datetime.now(UTC)).removesuffix(" ago")
    links = {Link.RUN: LinkState(CheckState.WARN if warns else CheckState.PASS, (when, f"#{choice.run.id}"))}
    if preview.error is not None:
        links[Link.ARTIFACTS] = LinkState(CheckState.FAIL, ("not listed",))
        return links
    names = {name.rsplit("/", 1)[-1] for name in preview.artifacts}
    held = sum(name in names for name in FILES)
    state = CheckState.PASS if held == len(FILES) else CheckState.WARN
    if "manifest.json" not in names:
        state = CheckState.FAIL
    links[Link.ARTIFACTS] = LinkState(
        state,
        (
            f"{held} of {len(FILES)}",
            "files",
        ),
    )
    return links
