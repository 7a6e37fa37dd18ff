"""``dbtcollate run-job``: run a dbt Cloud job, follow it, and go on to the sync."""

import asyncio

from dbtcollate_tui.command_options import Common
from dbtcollate_tui.dbt_cloud.job_run import (
    JobRunOptions,
    JobRunPlan,
)
from dbtcollate_tui.errors import UsageError
from dbtcollate_tui.exit_codes import ExitCode
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import Renderer, connect, load_profile, renderer
from dbtcollate_tui.headless.job_follow import follow_to_end, run_facts
from dbtcollate_tui.headless.sync import sync_with
from dbtcollate_tui.plan.selection.scope import WHOLE
from dbtcollate_tui.session.services import Services
from dbtcollate_tui.setup.job_runs import JobRunner


async def run_job(
    common: Common,
    options: JobRunOptions,
    *,
    yes: bool,
    job_id: int | None = None,
    wait: bool = False,
    then_sync: bool = False,
    cancel_on_interrupt: bool = False,
) -> ExitCode:
    """Show what will run, ask unless ``yes``, start it; ``then_sync`` waits for its end and syncs.

    A run that failed or was cancelled ends with `ExitCode.JOB_FAILED`. An interrupt stops the following;
    with ``cancel_on_interrupt`` the run in dbt Cloud too.
    """
    if not yes and not common.may_ask:
        raise UsageError(
            "No job is run without a yes",
            causes=["Nobody can be asked here: there is no terminal, or asking is turned off."],
            fixes=[Advice("Add --yes to run it.")],
        )
    services = Services()
    profile = await load_profile(services, common.profile)
    out = renderer(common.json, verbose=not yes, profile=common.profile)
    async with connect(common, services, profile) as connections:
        runner = JobRunner.of_profile(profile, connections, job_id)
        plan = await runner.prepare(options)
        _show(out, plan, await runner.caller())
        if not yes and plan.in_progress is None and not await _says_yes(plan):
            out.say("No job was run.")
            return ExitCode.OK
        run = await runner.start(plan)
        out.facts("job_run", run_facts(run))
        if not wait and not then_sync:
            return ExitCode.OK
        client = await connections.dbt_cloud()
        ended = await follow_to_end(
            out,
            client,
            run,
            cancel_on_interrupt=cancel_on_interrupt,
            limit_seconds=common.follow_seconds,
        )
        if not ended.is_success:
            return ExitCode.JOB_FAILED
        if not then_sync:
            return ExitCode.OK
        return await sync_with(
            out,
            services,
            profile,
            connections,
            yes=yes,
            run_id=None,
            scope=WHOLE,
            engine="auto",
            limit_seconds=common.follow_seconds,
        )


def _show(out: Renderer, plan: JobRunPlan, caller: str) -> None:
    out.say(plan.title)
    out.facts("job_run_plan", dict(plan.facts(caller)))


async def _says_yes(plan: JobRunPlan) -> bool:
    verb = "Retry" if plan.retried is not None else "Run"
    answer = await asyncio.to_thread(input, f"{verb} {plan.job.name}? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}
