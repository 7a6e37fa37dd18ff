"""Telling a followed dbt Cloud run to a terminal or a script."""

import asyncio
from contextlib import aclosing

from dbtcollate_tui.dbt_cloud.client import DbtCloudClient
from dbtcollate_tui.dbt_cloud.job_run import JobRunOptions, JobRunUpdate, follow, prepare_job_run
from dbtcollate_tui.dbt_cloud.models import Run, RunStep
from dbtcollate_tui.errors import UnreachableError
from dbtcollate_tui.fixes import Advice
from dbtcollate_tui.headless.common import Renderer
from dbtcollate_tui.render.ndjson import NdjsonRenderer
from dbtcollate_tui.settings.model import Profile
from dbtcollate_tui.wording import span


async def wait_for_run(
    out: Renderer, profile: Profile, client: DbtCloudClient, *, limit_seconds: float | None = None
) -> None:
    """Follow the run of the profile's job that is queued or in progress, where there is one."""
    side = profile.dbt_cloud
    if side.job_id is None:
        return
    plan = await prepare_job_run(client, side.account_id, side.job_id, JobRunOptions())
    if plan.in_progress is not None:
        out.say(plan.title)
        await follow_to_end(out, client, plan.in_progress, limit_seconds=limit_seconds)


async def follow_to_end(
    out: Renderer,
    client: DbtCloudClient,
    run: Run,
    *,
    cancel_on_interrupt: bool = False,
    limit_seconds: float | None = None,
) -> Run:
    """Tell a run's queue position, steps and log lines until it has ended; gives the run as it ended."""
    report = _Report(out)
    update: JobRunUpdate | None = None
    try:
        async with (
            asyncio.timeout(limit_seconds),
            aclosing(follow(client, run.account_id, run.id)) as updates,
        ):
            async for update in updates:
                report.take(update)
    except TimeoutError:
        raise UnreachableError(
            f"Run {run.id} did not finish within {span(limit_seconds or 0)}",
            causes=["It takes longer than usual, or it waits in the queue. It continues in dbt Cloud."],
            fixes=[Advice("Follow it in dbt Cloud, or allow more time: --timeout MINUTES.")],
        ) from None
    except asyncio.CancelledError:
        if cancel_on_interrupt:
            await asyncio.shield(client.cancel_run(run.account_id, run.id))
            out.say(f"Run {run.id} was cancelled in dbt Cloud.")
        else:
            out.say(f"Run {run.id} goes on in dbt Cloud: {run.href}")
        raise
    ended = update.run if update is not None else run
    out.facts("job_run", run_facts(ended))
    return ended


class _Report:
    """Prints what changed between two readings of a run."""

    def __init__(self, out: Renderer) -> None:
        self._out = out
        self._ahead: int | None = None
        self._begun: set[int] = set()
        self._done: set[int] = set()

    def take(self, update: JobRunUpdate) -> None:
        """Tell what is new."""
        if update.ahead is not None and update.ahead != self._ahead:
            self._out.facts("job_run_queued", {"runs_ahead": update.ahead})
        self._ahead = update.ahead
        for step in sorted(update.run.run_steps, key=lambda step: step.index):
            if step.started_at is not None and step.index not in self._begun:
                self._begun.add(step.index)
                self._out.say(f"step {step.index} of {len(update.run.run_steps)}: {step.name}")
            for index, line in update.lines:
                if index == step.index:
                    self._line(index, line)
            if step.finished_at is not None and step.index not in self._done:
                self._done.add(step.index)
                self._out.facts("job_run_step", _step_facts(step))

    def _line(self, index: int, line: str) -> None:
        if isinstance(self._out, NdjsonRenderer):
            self._out.facts("job_run_log", {"step": index, "line": line})
        else:
            self._out.say(f"  {index} | {line}")


def run_facts(run: Run) -> dict[str, object]:
    """The run's id, state and page, with dbt Cloud's own reason and its duration where there are any."""
    facts: dict[str, object] = {"run_id": run.id, "status": run.outcome, "url": run.href}
    if run.status_message:
        facts["reason"] = run.status_message
    if run.seconds is not None:
        facts["duration"] = span(run.seconds)
    return facts


def _step_facts(step: RunStep) -> dict[str, object]:
    seconds = None
    if step.started_at is not None and step.finished_at is not None:
        seconds = (step.finished_at - step.started_at).total_seconds()
    return {
        "step": step.index,
        "command": step.command or step.name,
        "status": step.status_humanized.lower(),
        "duration": "" if seconds is None else span(seconds),
    }
